package remote

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the schema files from the Go types")

// messages are all messages of the protocol and the types that they come from.
var messages = map[string]any{
	"hello.request": Hello{}, "hello.reply": Welcome{}, "beat": Beat{}, "cancel": Cancel{},
	"check.request": Ask{}, "check.reply": Done{}, "pull.request": PullRequest{}, "pull.reply": Page{},
	"preview.request": PreviewRequest{}, "preview.reply": Rows{}, "look.request": LookRequest{}, "look.reply": Rows{},
	"push.request": PushRequest{}, "push.reply": PushReply{},
}

func TestSchemasAgreeWithTheTypes(t *testing.T) {
	for name, of := range messages {
		r := &jsonschema.Reflector{Anonymous: true}
		require.NoError(t, r.AddGoComments("heji/connectors/remote", "."))
		r.Mapper = func(typ reflect.Type) *jsonschema.Schema {
			if typ == reflect.TypeFor[json.RawMessage]() {
				return &jsonschema.Schema{} // whatever the program likes
			}
			return nil
		}
		s := r.Reflect(of)
		s.ID = jsonschema.ID("urn:heji:remote:1:" + name)
		// An error takes the place of everything else.
		for _, d := range s.Definitions {
			if _, ok := d.Properties.Get("error"); ok && len(d.Required) > 0 {
				d.AnyOf = []*jsonschema.Schema{{Required: []string{"error"}}, {Required: d.Required}}
				d.Required = nil
			}
		}
		want, err := json.MarshalIndent(s, "", "  ")
		require.NoError(t, err)
		want = append(want, '\n')
		path := filepath.Join("schemas", name+".json")
		if *update {
			require.NoError(t, os.WriteFile(path, want, 0o644))
			continue
		}
		have, err := Schemas.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), string(have), "%s: if the change is meant, run go test ./connectors/remote -run Schemas -update", path)
	}
}

// compiled are the published schemas, ready to judge messages.
func compiled(t testing.TB) map[string]*validator.Schema {
	t.Helper()
	out := map[string]*validator.Schema{}
	for name := range messages {
		text, err := Schemas.ReadFile("schemas/" + name + ".json")
		require.NoError(t, err)
		doc, err := validator.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		c := validator.NewCompiler()
		c.AssertFormat()
		require.NoError(t, c.AddResource(name, doc))
		out[name], err = c.Compile(name)
		require.NoError(t, err)
	}
	return out
}

func valid(s *validator.Schema, message []byte) error {
	doc, err := validator.UnmarshalJSON(bytes.NewReader(message))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}
