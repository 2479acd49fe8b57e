package desk

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var updateTexts = flag.Bool("update", false, "write text/fields.json anew")

// textsOf reads the comments of the structs of a folder that are written as JSON.
func textsOf(t *testing.T, folder string, into map[string]map[string]string) {
	files, err := filepath.Glob(folder + "/*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, d := range f.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.TYPE {
				continue
			}
			for _, s := range group.Specs {
				spec := s.(*ast.TypeSpec)
				body, ok := spec.Type.(*ast.StructType)
				if !ok {
					continue
				}
				texts, asJSON := map[string]string{}, false
				put := func(name string, docs ...*ast.CommentGroup) {
					var all []string
					for _, doc := range docs {
						if text := strings.Join(strings.Fields(doc.Text()), " "); text != "" {
							all = append(all, text)
						}
					}
					if len(all) > 0 {
						texts[name] = strings.TrimPrefix(strings.Join(all, " "), name+": ")
					}
				}
				if len(group.Specs) == 1 {
					put("", group.Doc)
				}
				put("", spec.Doc)
				for _, field := range body.Fields.List {
					asJSON = asJSON || field.Tag != nil && strings.Contains(field.Tag.Value, "json:")
					for _, n := range field.Names {
						put(n.Name, field.Doc, field.Comment)
					}
				}
				if asJSON && len(texts) > 0 {
					into[f.Name.Name+"."+spec.Name.Name] = texts
				}
			}
		}
	}
}

// The description says of fields what their comments said when it was last
// written: go test ./services/desk -run TestFieldTexts -update. What it speaks of
// is there.
func TestFieldTexts(t *testing.T) {
	texts := map[string]map[string]string{}
	for _, folder := range []string{".", "../store", "../lineage", "../survivorship", "../linkage", "../../schema"} {
		textsOf(t, folder, texts)
	}
	raw, err := json.MarshalIndent(texts, "", " ")
	require.NoError(t, err)
	if *updateTexts {
		require.NoError(t, os.WriteFile("text/fields.json", append(raw, '\n'), 0o644))
		return
	}
	for of, fields := range fieldTexts() {
		for name := range fields {
			require.NotEmpty(t, texts[of][name], "%s %s is described and says nothing any more: go test ./services/desk -run TestFieldTexts -update", of, name)
		}
	}
	doc, err := json.Marshal(document())
	require.NoError(t, err)
	require.Contains(t, string(doc), `"description":"a person may have it tried again now."`)
}
