package desk_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"heji/services/desk"
)

// Every request to the API that any test of this package makes is held against
// the document: the body that was taken, and the answer, whether it succeeded or
// not. The validator is another author's.
type referee struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
	routes   *http.ServeMux
	open     map[string]bool // routes of which no answer has been seen that succeeded
}

const documentURL = "https://heji.invalid/openapi.json"

var theReferee = sync.OnceValue(func() *referee {
	raw, err := json.Marshal(desk.Document())
	if err != nil {
		panic(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		panic(err)
	}
	f := &referee{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}, routes: http.NewServeMux(), open: map[string]bool{}}
	f.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := f.compiler.AddResource(documentURL, doc); err != nil {
		panic(err)
	}
	for route := range desk.Permissions {
		if strings.Contains(route, " /api/v1/") {
			f.routes.HandleFunc(route, func(http.ResponseWriter, *http.Request) {})
			f.open[route] = true
		}
	}
	return f
})

// fits says what is wrong with a JSON text at a place of the document; "": nothing.
func (f *referee) fits(pointer, text string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.schemas[pointer]
	if !ok {
		var err error
		if s, err = f.compiler.Compile(documentURL + "#" + pointer); err != nil {
			return "the document has no schema at " + pointer + ": " + err.Error()
		}
		f.schemas[pointer] = s
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err.Error()
	}
	if err := s.Validate(value); err != nil {
		return pointer + ": " + err.Error()
	}
	return ""
}

// check holds one request and its answer against the document.
func (f *referee) check(r *http.Request, asked string, status int, kind, answered string) string {
	_, route := f.routes.Handler(r)
	if route == "" {
		return ""
	}
	method, path, _ := strings.Cut(route, " ")
	at := "/paths/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(path) + "/" + strings.ToLower(method)
	media, _, _ := strings.Cut(kind, ";")
	if status >= 400 {
		if media != "application/problem+json" {
			return fmt.Sprintf("%s answers %d with %s", route, status, kind)
		}
		return f.fits("/components/responses/Problem/content/application~1problem+json/schema", answered)
	}
	op := desk.Document()["paths"].(map[string]map[string]any)[path][strings.ToLower(method)].(map[string]any)
	responses := op["responses"].(map[string]any)
	if _, ok := responses[fmt.Sprint(status)]; !ok {
		return fmt.Sprintf("%s answers %d, of which the document says nothing", route, status)
	}
	if status >= 300 {
		return ""
	}
	f.mu.Lock()
	delete(f.open, route)
	f.mu.Unlock()
	for key := range r.URL.Query() {
		if !slices.ContainsFunc(op["parameters"].([]any), func(p any) bool { return p.(map[string]any)["name"] == key }) {
			return fmt.Sprintf("%s takes %s, of which the document says nothing", route, key)
		}
	}
	if body, ok := op["requestBody"].(map[string]any); ok && asked != "" {
		if _, ok := body["content"].(map[string]any)["application/json"]; ok {
			if wrong := f.fits(at+"/requestBody/content/application~1json/schema", asked); wrong != "" {
				return "the body that was taken: " + wrong
			}
		}
	}
	if media == "application/json" {
		return f.fits(fmt.Sprintf("%s/responses/%d/content/application~1json/schema", at, status), answered)
	}
	content := responses[fmt.Sprint(status)].(map[string]any)["content"].(map[string]any)
	if _, ok := content[media]; !ok {
		return fmt.Sprintf("%s answers with %s, of which the document says nothing", route, media)
	}
	return ""
}

// answeredElsewhere are routes of which no test of this package has seen an answer
// that succeeded: what they answer is described, and not yet held against it.
var answeredElsewhere = []string{
	"POST /api/v1/residents/{id}/unmerge", // a merge has to have happened: the tests of package hub
}

// refereed runs the tests and then asks that every route has been seen.
type refereed struct{ m interface{ Run() int } }

func (r refereed) Run() int {
	code := r.m.Run()
	if code != 0 || flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.list").Value.String() != "" {
		return code
	}
	left := []string{}
	for route := range theReferee().open {
		if !slices.Contains(answeredElsewhere, route) {
			left = append(left, route)
		}
	}
	if len(left) > 0 {
		slices.Sort(left)
		fmt.Fprintf(os.Stderr, "of these routes of the API no test has seen an answer that succeeded:\n%s\n", strings.Join(left, "\n"))
		return 1
	}
	return code
}
