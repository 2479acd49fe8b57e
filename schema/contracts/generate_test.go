package contracts

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"heji/schema"
)

// source is the folder of package schema.
const source = ".."

// generate makes the JSON Schema of a Go type, with the comments of the source
// as descriptions and the constants of each string type as its enum.
func generate(t *testing.T, name string, of any) []byte {
	t.Helper()
	constants := constants(t)
	attributes := &jsonschema.Schema{Type: "string", Enum: constants["Attribute"], Description: "A canonical attribute of a resident."}
	r := &jsonschema.Reflector{Anonymous: true}
	require.NoError(t, r.AddGoComments("heji/schema/contracts", source))
	r.Mapper = func(typ reflect.Type) *jsonschema.Schema {
		switch {
		case typ == reflect.TypeFor[schema.Attribute]():
			return attributes
		case typ.Kind() == reflect.Map && typ.Key() == reflect.TypeFor[schema.Attribute]():
			value := &jsonschema.Schema{Type: "string"}
			if enum := constants[typ.Elem().Name()]; enum != nil {
				value.Enum = enum
			}
			return &jsonschema.Schema{Type: "object", PropertyNames: attributes, AdditionalProperties: value}
		case typ.Kind() == reflect.String && typ.PkgPath() == "heji/schema":
			return &jsonschema.Schema{Type: "string", Enum: constants[typ.Name()]}
		}
		return nil
	}
	s := r.Reflect(of)
	s.ID = jsonschema.ID("urn:heji:" + name + ":1")
	if name == "record" {
		s.Definitions["Record"].AllOf = recordRules()
	}
	text, err := json.MarshalIndent(s, "", "  ")
	require.NoError(t, err)
	return append(text, '\n')
}

// recordRules say which parts a record of each op must have; Go's types cannot.
func recordRules() []*jsonschema.Schema {
	rule := func(ops []any, required ...string) *jsonschema.Schema {
		op := jsonschema.NewProperties()
		op.Set("op", &jsonschema.Schema{Enum: ops})
		return &jsonschema.Schema{If: &jsonschema.Schema{Properties: op}, Then: &jsonschema.Schema{Required: required}}
	}
	return []*jsonschema.Schema{
		rule([]any{schema.OpPut}, "key", "values"),
		rule([]any{schema.OpDelete}, "key"),
		rule([]any{schema.OpDead}, "problem", "place"),
	}
}

// constants returns the values of the string constants of package schema by
// their type, in the order of the source.
func constants(t *testing.T) map[string][]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	require.NoError(t, err)
	all := map[string][]any{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			typ, isNamed := spec.Type.(*ast.Ident)
			value, isLiteral := spec.Values[0].(*ast.BasicLit)
			if isNamed && isLiteral && value.Kind == token.STRING {
				text, err := strconv.Unquote(value.Value)
				require.NoError(t, err)
				all[typ.Name] = append(all[typ.Name], text)
			}
			return true
		})
	}
	require.Len(t, all["Attribute"], len(schema.Attributes()), "every attribute has a definition")
	return all
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, text, 0o644))
}
