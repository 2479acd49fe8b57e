package desk

import (
	"cmp"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"heji/services/access"
)

// operation describes one route of the API. What it asks of whoever calls it is
// in permissions, which is what is enforced; what goes in and comes out is the Go
// type that the handler reads and writes. Nothing is said twice.
type operation struct {
	does  string   // in one sentence
	query []string // of queryParameters
	takes any      // a value of the body's type; nil: no body
	// gives are values of the types that an answer may have; nil: no JSON.
	gives []any
	// status of an answer that succeeds; nil: 200.
	status []int
	// file is the media type of an answer, or of what is brought, that is no JSON.
	file string
	// etag: the answer names the state that it is of. match: it may be asked for.
	etag, match bool
}

// brought is a file as the body itself.
type brought struct{ kind string }

// parameter is one that may follow the question mark, or a header.
type parameter struct {
	kind string // of JSON Schema
	says string
	many bool
}

var pathName = regexp.MustCompile(`\{([a-z]+)\}`)

// document is the description of the whole API, made once.
var document = sync.OnceValue(func() object {
	given, asked := schemas{defs: map[string]any{}}, schemas{defs: map[string]any{}, asked: true}
	problem := given.of(reflect.TypeFor[Problem]())
	paths := map[string]object{}
	for route, op := range operations {
		method, path, _ := strings.Cut(route, " ")
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path][strings.ToLower(method)] = op.describe(method, path, given, asked)
	}
	for name, s := range asked.defs {
		given.defs[name] = s
	}
	scopes := make([]string, len(access.Grantable))
	for i, p := range access.Grantable {
		scopes[i] = string(p)
	}
	return object{
		"openapi": "3.1.0",
		"info": object{"title": "Heji 合籍", "version": "1",
			"description": "Everything that the pages do. Pages and API are the same functions, with the same checks, the same audit trail and the same limits of sight. " +
				"Texts are Chinese unless Accept-Language or ?lang=en asks for English. A misspelt key of a body is refused."},
		"servers": []any{object{"url": "/"}},
		"paths":   paths,
		"components": object{
			"schemas": given.defs,
			"responses": object{"Problem": object{"description": "What is wrong and what to do (RFC 9457). The code at the end of type does not change with the language.",
				"content": object{"application/problem+json": object{"schema": problem}}}},
			"securitySchemes": object{
				"token": object{"type": "http", "scheme": "bearer",
					"description": "A program's token (heji user token). Its scopes are " + strings.Join(scopes, ", ") + "; what a route needs is listed with the route."},
				"session": object{"type": "apiKey", "in": "cookie", "name": sessionCookie,
					"description": "A person's session, with the token of the form in " + formHeader + " for everything that changes something. Behind TLS the cookie is __Host-" + sessionCookie + "."},
			},
		},
	}
})

// describe writes one operation.
func (op operation) describe(method, path string, given, asked schemas) object {
	need := permissions[method+" "+path]
	out := object{"summary": op.does, "operationId": operationID(method, path), "tags": []any{tagOf(path)},
		"security": []any{object{"token": []any{string(need)}}, object{"session": []any{string(need)}}}}
	if need == access.Open {
		out["security"] = []any{}
	}
	parameters := []any{}
	for _, m := range pathName.FindAllStringSubmatch(path, -1) {
		parameters = append(parameters, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, name := range append(op.query, "lang") {
		p := queryParameters[name]
		schema := object{"type": p.kind}
		if p.many {
			schema = object{"type": "array", "items": schema}
		}
		parameters = append(parameters, object{"name": name, "in": "query", "description": p.says, "schema": schema})
	}
	if op.once() {
		parameters = append(parameters, object{"name": "Idempotency-Key", "in": "header", "schema": object{"type": "string", "maxLength": maxKey},
			"description": "Printable ASCII of your own. Sent twice it is one entry, and the answer says what became of it; with another body it is refused."})
	}
	if op.match {
		parameters = append(parameters, object{"name": "If-Match", "in": "header", "schema": object{"type": "string"},
			"description": "The ETag under which the caller saw it. Where a value has changed since, nothing is saved: 412, and changed says what."})
	}
	out["parameters"] = parameters
	switch b := op.takes.(type) {
	case nil:
	case brought:
		out["requestBody"] = object{"required": true, "content": object{b.kind: object{}}}
	default:
		out["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": asked.of(reflect.TypeOf(b))}}}
	}
	content := object{}
	var either []any
	for _, g := range op.gives {
		either = append(either, given.of(reflect.TypeOf(g)))
	}
	switch len(either) {
	case 0:
	case 1:
		content["application/json"] = object{"schema": either[0]}
	default:
		content["application/json"] = object{"schema": object{"anyOf": either}}
	}
	if op.file != "" {
		content[op.file] = object{}
	}
	responses := object{"default": object{"$ref": "#/components/responses/Problem"}}
	if op.match {
		responses["412"] = object{"$ref": "#/components/responses/Problem"}
	}
	for _, status := range orOK(op.status) {
		answer := object{"description": http.StatusText(status)}
		if status < 300 {
			answer["content"] = content
			if op.etag {
				answer["headers"] = object{"ETag": object{"description": "The state of the values, for If-Match.", "schema": object{"type": "string"}}}
			}
		}
		responses[strconv.Itoa(status)] = answer
	}
	out["responses"] = responses
	return out
}

// once reports whether an operation may be sent twice under one key.
func (op operation) once() bool {
	return slices.ContainsFunc(op.gives, func(g any) bool { _, entry := g.(EntryReply); return entry }) && op.takes != nil
}

func orOK(list []int) []int {
	if len(list) == 0 {
		return []int{http.StatusOK}
	}
	return list
}

// operationID names an operation for programs that are generated from this.
func operationID(method, path string) string {
	id := strings.ToLower(method)
	for part := range strings.FieldsFuncSeq(strings.TrimPrefix(path, "/api/v1/"), func(r rune) bool { return strings.ContainsRune("/{}-.", r) }) {
		id += strings.ToUpper(part[:1]) + part[1:]
	}
	return id
}

func tagOf(path string) string {
	tag, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/"), "/")
	return cmp.Or(tag, path)
}

// getOpenAPI answers GET /api/v1/openapi.json. It holds nothing of anybody.
func (d *Desk) getOpenAPI(_ *http.Request, _ Lang) (answer, error) {
	return answer{status: http.StatusOK, body: document()}, nil
}

func (d *Desk) routeOpenAPI(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/openapi.json", d.api(d.getOpenAPI))
}
