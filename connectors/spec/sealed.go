package spec

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"heji/schema"
)

// I7: what is sealed must not come into the store that everybody's records
// share. Such a file is refused before anything else of it is read, so that the
// refusal is also all that is said about it.
const (
	sealedPlatform = "class D is for sealed platforms, which have a store of their own. Move the file into the folder of sealed platforms, see docs/sealed.md."
	sealedField    = "fields: this attribute is sealed (class D): only a sealed platform may hold it, see docs/sealed.md. Take this line out."
)

// RegisterID is the register that sealed records are put to, which the hub itself
// fills: no file may take its name.
const RegisterID = "register"

// validateSealed checks what holds for sealed platforms only.
func validateSealed(d *decoder, p *Platform) {
	if p.Class != schema.ClassD {
		d.add(p.Line("class"), "class: this folder is for sealed platforms (class: D). Move the file to the other platforms, or write class: D.")
	}
	if p.ID == RegisterID {
		d.add(p.Line("platform"), "platform: %q is the name of the register itself. Choose another one.", p.ID)
	}
	if p.Agreement.Creates {
		d.add(p.Line("agreement.creates"), "agreement.creates: a sealed platform decides alone whom it holds: nobody is created there. Take the line out.")
	}
}

// sealed finds the class of a file that is no YAML.
var sealed = regexp.MustCompile(`(?mi)^\s*["']?class["']?\s*:\s*["']?D\b`)

// sealedAt returns the line and the sentence by which a file is refused, or
// nothing. It looks at every class, so that a key given twice hides none.
func sealedAt(file *yaml.Node) (line int, text string) {
	for _, kv := range entries(file) {
		if kv.key.Value == "class" && strings.EqualFold(strings.TrimSpace(resolve(kv.value).Value), string(schema.ClassD)) {
			return kv.key.Line, sealedPlatform
		}
	}
	for _, kv := range entries(file) {
		if kv.key.Value != "fields" {
			continue
		}
		for _, field := range entries(kv.value) {
			if def, ok := schema.Lookup(schema.Attribute(field.key.Value)); ok && def.Class == schema.ClassD {
				return field.key.Line, sealedField
			}
		}
	}
	return 0, ""
}

// entries are the keys of a mapping with their values, none where n is none.
func entries(n *yaml.Node) []pair {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	var out []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, pair{n.Content[i], n.Content[i+1]})
	}
	return out
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
