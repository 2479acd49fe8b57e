package kit_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"heji/connectors"
	"heji/connectors/kit"
	"heji/connectors/platforms"
	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/codes"
)

var update = flag.Bool("update", false, "write the schema file from the Go types")

type object = map[string]any

// generator makes JSON Schema of Go types by their yaml tags.
type generator struct {
	t        *testing.T
	comments map[string]map[string]string // package path → "Type.Field" → its comment
	defs     object
}

func (g *generator) comment(typ reflect.Type, field string) string {
	path := typ.PkgPath()
	if g.comments[path] == nil {
		g.comments[path] = map[string]string{}
		files, err := filepath.Glob(filepath.Join("..", "..", strings.TrimPrefix(path, "heji/"), "*.go"))
		require.NoError(g.t, err)
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			require.NoError(g.t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				ts, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				st, ok := ts.Type.(*ast.StructType)
				if !ok {
					return true
				}
				for _, f := range st.Fields.List {
					text := strings.TrimSpace(f.Doc.Text() + " " + f.Comment.Text())
					for _, id := range f.Names {
						g.comments[path][ts.Name.Name+"."+id.Name] = strings.Join(strings.Fields(text), " ")
					}
				}
				return true
			})
		}
	}
	return g.comments[path][typ.Name()+"."+field]
}

var (
	unmarshaler = reflect.TypeFor[yaml.Unmarshaler]()
	scalar      = []any{"string", "number", "boolean"}
)

// of is the schema of a type. Every string may be written as a number or a
// boolean, as the decoder takes it, and one text stands for a list of one.
func (g *generator) of(typ reflect.Type) object {
	switch typ {
	case reflect.TypeFor[spec.Duration]():
		return object{"type": "string", "pattern": `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`}
	case reflect.TypeFor[schema.Attribute]():
		return object{"$ref": "#/$defs/attribute"}
	case reflect.TypeFor[schema.Mode]():
		return object{"enum": []any{schema.FillEmpty, schema.Overwrite, schema.Propose, schema.Never}}
	case reflect.TypeFor[schema.Class]():
		return object{"enum": []any{schema.ClassA, schema.ClassB, schema.ClassC}}
	case reflect.TypeFor[yaml.Node]():
		return object{"type": "object"}
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return g.of(typ.Elem())
	case reflect.Bool:
		return object{"enum": []any{true, false, "yes", "no"}}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"$ref": "#/$defs/text"}
	case reflect.Slice:
		item := g.of(typ.Elem())
		list := object{"type": "array", "items": item}
		if typ.Elem().Kind() == reflect.String {
			return object{"anyOf": []any{list, item}}
		}
		return list
	case reflect.Map:
		out := object{"type": "object", "additionalProperties": g.of(typ.Elem())}
		if typ.Key() == reflect.TypeFor[schema.Attribute]() {
			out["propertyNames"] = object{"$ref": "#/$defs/attribute"}
		}
		return out
	case reflect.Interface:
		return object{}
	case reflect.Struct:
		properties := object{}
		g.properties(typ, properties)
		out := object{"type": "object", "properties": properties, "additionalProperties": false}
		if reflect.PointerTo(typ).Implements(unmarshaler) {
			return object{"anyOf": []any{object{"$ref": "#/$defs/text"}, object{"type": "object"}}} // it reads itself
		}
		return out
	}
	g.t.Fatalf("no schema for %s", typ)
	return nil
}

func (g *generator) properties(typ reflect.Type, into object) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case option == "inline":
			g.properties(f.Type, into)
		case name != "":
			s := g.of(f.Type)
			if text := g.comment(typ, f.Name); text != "" {
				s["description"] = text
			}
			into[name] = s
		}
	}
}

func generate(t *testing.T) []byte {
	t.Helper()
	g := &generator{t: t, comments: map[string]map[string]string{}, defs: object{}}
	var attributes []any
	for _, d := range schema.Attributes() {
		if d.Class != schema.ClassD { // I7: no file may name it
			attributes = append(attributes, d.Name)
		}
	}
	g.defs["attribute"] = object{"enum": attributes, "description": "A canonical attribute of a resident."}
	root := g.of(reflect.TypeFor[spec.Platform]())
	properties := root["properties"].(object)
	var kinds, rules []any
	for _, kind := range connectors.Kinds() {
		if kind == "liar" {
			continue
		}
		kinds = append(kinds, kind)
		s, ok := connectors.SettingsOf(kind)
		require.True(t, ok, "the kind %s does not say what its settings are: call connectors.RegisterSettings beside connectors.Register", kind)
		g.defs["connect_"+kind] = g.of(reflect.TypeOf(s))
		rules = append(rules, object{"if": object{"properties": object{"kind": object{"const": kind}}, "required": []any{"kind"}},
			"then": object{"properties": object{"connect": object{"$ref": "#/$defs/connect_" + kind}}}})
	}
	properties["kind"] = object{"enum": kinds, "description": g.comment(reflect.TypeFor[spec.Platform](), "Kind")}
	properties["connect"] = object{"type": "object", "description": properties["connect"].(object)["description"]}
	var tables []any
	for _, name := range append(codes.Tables(), codes.Crosswalks()...) {
		if _, ok := codes.LookupCrosswalk(name); ok && !contains(tables, name) {
			tables = append(tables, name)
		}
	}
	field := properties["fields"].(object)["additionalProperties"].(object)
	field["properties"].(object)["codes"].(object)["enum"] = tables
	delete(field["properties"].(object)["codes"].(object), "$ref")
	field["properties"].(object)["map"].(object)["additionalProperties"] = object{"$ref": "#/$defs/text"}
	g.defs["text"] = object{"type": scalar, "description": "A text; a number or a yes may be written without quotation marks."}
	root["$schema"], root["$id"], root["title"] = "https://json-schema.org/draft/2020-12/schema", "urn:heji:platform:1", "A department platform of Heji"
	root["required"], root["allOf"], root["$defs"] = []any{"platform", "name", "kind", "cadence"}, rules, g.defs
	// A platform that is told numbers has no rows.
	root["if"], root["else"] = object{"required": []any{"counts"}}, object{"required": []any{"connect", "key", "fields"}}
	text, err := json.MarshalIndent(root, "", "  ")
	require.NoError(t, err)
	return append(text, '\n')
}

func contains(list []any, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func TestSchemaAgreesWithTheTypes(t *testing.T) {
	want := generate(t)
	if *update {
		require.NoError(t, os.WriteFile("platform.schema.json", want, 0o644))
		return
	}
	have, err := kit.Schema()
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, have), "platform.schema.json and the types differ: if the change is meant, run go test ./connectors/kit -update")
}

func compiled(t *testing.T) *validator.Schema {
	t.Helper()
	text, err := kit.Schema()
	require.NoError(t, err)
	doc, err := validator.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := validator.NewCompiler()
	require.NoError(t, c.AddResource("platform.json", doc))
	s, err := c.Compile("platform.json")
	require.NoError(t, err)
	return s
}

func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal(text, &v))
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	doc, err := validator.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	return doc
}

// The schema takes every file that the program takes, and finds what it refuses.
func TestSchemaTakesWhatTheProgramTakes(t *testing.T) {
	s := compiled(t)
	files, err := platforms.FS.ReadDir(".")
	require.NoError(t, err)
	for _, f := range files {
		text, err := platforms.FS.ReadFile(f.Name())
		require.NoError(t, err)
		require.NoError(t, s.Validate(asJSON(t, text)), f.Name())
	}
	good := asJSON(t, []byte(file)).(map[string]any)
	require.NoError(t, s.Validate(good))
	for what, spoil := range map[string]func(map[string]any){
		"misspelt key":       func(m map[string]any) { m["keys"] = m["key"]; delete(m, "key") },
		"misspelt setting":   func(m map[string]any) { m["connect"].(map[string]any)["patern"] = "x" },
		"another kind's":     func(m map[string]any) { m["kind"] = "table" },
		"unknown attribute":  func(m map[string]any) { m["fields"].(map[string]any)["fone"] = map[string]any{"column": "x"} },
		"sealed attribute":   func(m map[string]any) { m["fields"].(map[string]any)["corrections"] = map[string]any{"column": "x"} },
		"unknown code table": func(m map[string]any) { m["fields"].(map[string]any)["sex"].(map[string]any)["codes"] = "sexes" },
		"sealed class":       func(m map[string]any) { m["class"] = "D" },
		"no duration":        func(m map[string]any) { m["cadence"] = "often" },
		"unknown mode": func(m map[string]any) {
			m["agreement"].(map[string]any)["receives"].(map[string]any)["phone"] = "overwrte"
		},
		"key of the agreement": func(m map[string]any) { m["agreement"].(map[string]any)["recieves"] = map[string]any{} },
	} {
		bad := asJSON(t, []byte(file)).(map[string]any)
		spoil(bad)
		require.Error(t, s.Validate(bad), what)
	}
}
