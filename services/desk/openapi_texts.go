package desk

import (
	_ "embed"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// What the description of the API says about types and fields is what their
// comments say; a test writes them here (-update).
//
//go:embed text/fields.json
var fieldTextFile []byte

// fieldTexts are by type ("store.Rollback") and field; the field "" is the type.
var fieldTexts = sync.OnceValue(func() (texts map[string]map[string]string) {
	if err := json.Unmarshal(fieldTextFile, &texts); err != nil {
		panic("desk: text/fields.json: " + err.Error()) // a test reads it
	}
	return texts
})

// textOf is what is said about a field of a type; "" about the type itself.
func textOf(t reflect.Type, field string) string {
	return fieldTexts()[t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:]+"."+t.Name()][field]
}
