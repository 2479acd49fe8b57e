package kit

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"heji/connectors"
)

//go:embed skeletons/*.yaml
var skeletons embed.FS

var idForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// SchemaFile is the name under which the JSON Schema lies beside the files of
// the platforms.
const SchemaFile = "platform.schema.json"

// New is a commented file for a platform of a kind, to begin with.
func New(kind, id string) ([]byte, error) {
	if !idForm.MatchString(id) {
		return nil, fmt.Errorf("%q: the name begins with a lower case letter and holds only lower case letters, digits and _, such as pension or street_care", id)
	}
	if !slices.Contains(connectors.Kinds(), kind) {
		return nil, fmt.Errorf("kind %q is none of %s", kind, strings.Join(connectors.Kinds(), ", "))
	}
	fill := strings.NewReplacer("@ID@", id, "@KIND@", kind, "@ENV@", strings.ToUpper(id), "@SCHEMA@", SchemaFile)
	var out bytes.Buffer
	for _, part := range []string{"head", kind, "tail"} {
		source, err := fs.ReadFile(skeletons, "skeletons/"+part+".yaml")
		if err != nil {
			source = []byte(bare(kind)) // a kind without a page of its own still gets every key
		}
		out.WriteString(fill.Replace(string(source)))
	}
	return out.Bytes(), nil
}

// bare lists every key of a kind's settings, commented out.
func bare(kind string) string {
	var b strings.Builder
	b.WriteString("connect: {}   # 以下为全部设置，用到的取消注释 all settings; take the mark away from those that you need\n")
	if s, ok := connectors.SettingsOf(kind); ok {
		keys(&b, reflect.TypeOf(s), "  ")
	}
	return b.String()
}

func keys(b *strings.Builder, t reflect.Type, indent string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		name, option, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if option == "inline" {
			keys(b, t.Field(i).Type, indent)
			continue
		}
		if name == "" || name == "-" {
			continue
		}
		fmt.Fprintf(b, "#%s%s:\n", indent, name)
		keys(b, t.Field(i).Type, indent+"  ")
	}
}
