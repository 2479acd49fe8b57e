package kit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"heji/schema"
	"heji/schema/codes"
)

// Write puts proposals into a platform's file: key, change_column and fields
// that it does not have yet, each with its reason beside it. What the file says
// already stays as it is, its comments included.
func Write(file []byte, proposals []Proposal) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(file, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("the file is empty: make one with heji platform new")
	}
	root := doc.Content[0]
	fields := child(root, "fields")
	if fields == nil || fields.Kind != yaml.MappingNode {
		fields = &yaml.Node{Kind: yaml.MappingNode}
		setChild(root, "fields", fields)
	}
	fields.Style = 0 // one line for each field, with room for a comment
	for _, p := range proposals {
		switch p.Role {
		case RoleKey:
			if k := child(root, "key"); k == nil || empty(k) {
				list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{text(p.Column.Name)}}
				list.LineComment = comment(p)
				setChild(root, "key", list)
			}
		case RoleChange:
			if k := child(root, "change_column"); k == nil || empty(k) {
				v := text(p.Column.Name)
				v.LineComment = comment(p)
				setChild(root, "change_column", v)
				if p.Format != "" && child(root, "change_format") == nil && changeFormat(p.Format) != "" {
					setChild(root, "change_format", text(changeFormat(p.Format)))
				}
			}
		}
		if p.Attribute == "" || child(fields, string(p.Attribute)) != nil {
			continue
		}
		key := text(string(p.Attribute))
		fields.Content = append(fields.Content, key, fieldNode(p))
	}
	var unknown []string
	for _, p := range proposals {
		if p.Attribute == "" && p.Role == "" {
			unknown = append(unknown, p.Column.Name)
		}
	}
	if len(unknown) > 0 && len(fields.Content) > 0 {
		fields.Content[len(fields.Content)-2].FootComment = "未采用的列 columns that are left out: " + strings.Join(unknown, ", ")
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		return nil, err
	}
	return out.Bytes(), e.Close()
}

// changeFormat is what change_format takes; "" where it recognises it by itself.
func changeFormat(format string) string {
	switch format {
	case "rfc3339", "unix", "unix_ms":
		return format
	}
	return ""
}

func fieldNode(p Proposal) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	add := func(key, value string) { n.Content = append(n.Content, text(key), text(value)) }
	add("column", p.Column.Name)
	if p.Codes != "" {
		add("codes", p.Codes)
	}
	if p.Format != "" {
		add("format", p.Format)
	}
	if p.Role == RoleKey {
		n.Content = append(n.Content, text("read_only"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
	}
	n.LineComment = comment(p)
	return n
}

// comment is what a person should know about a proposal.
func comment(p Proposal) string {
	parts := []string{}
	if def, ok := schema.Lookup(p.Attribute); ok && p.Role != RoleChange {
		parts = append(parts, def.Zh)
	}
	if p.Why != "" {
		parts = append(parts, p.Why)
	}
	if s := Samples(p, 2); s != "" {
		parts = append(parts, "如 e.g. "+s)
	}
	if len(p.Left) > 0 {
		parts = append(parts, "读不懂 not understood: "+strings.Join(shown(p, p.Left, 5), " ")+"，用 map 补充 add them with map")
	}
	if len(p.Also) > 0 {
		parts = append(parts, "也可能是 or "+strings.Join(p.Also, ", "))
	}
	if p.Warning != "" {
		parts = append(parts, "注意 mind: "+p.Warning)
	}
	return strings.Join(parts, "；")
}

// Samples are a column's first samples, masked.
func Samples(p Proposal, n int) string {
	c := contentOf(p.Column)
	return strings.Join(shown(p, c.distinct, n), " ")
}

// shown masks texts as what the column probably holds. Few short texts that come
// again and again are codes, which name nobody.
func shown(p Proposal, texts []string, n int) []string {
	var out []string
	c := contentOf(p.Column)
	few := p.Attribute == "" && len(c.distinct) <= 12 && len(c.filled) >= 3*len(c.distinct) && c.name < 0.3
	for _, s := range texts[:min(n, len(texts))] {
		if few && len([]rune(s)) <= 6 {
			out = append(out, s)
			continue
		}
		a := p.Attribute
		if p.Role == RoleChange {
			out = append(out, show(s, 10))
			continue
		}
		out = append(out, Mask(a, s))
	}
	return slices.Compact(out)
}

func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func empty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && (n.Value == "" || n.Tag == "!!null") || n.Kind == yaml.SequenceNode && len(n.Content) == 0
}

func setChild(n *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content[i+1] = value
			return
		}
	}
	n.Content = append(n.Content, text(key), value)
}

// text is a scalar that stays a text: "01" must not become a number.
func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	if yamlPlain(s) {
		n.Style = 0
	} else {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func yamlPlain(s string) bool {
	var back any
	if yaml.Unmarshal([]byte(s), &back) != nil {
		return false
	}
	same, ok := back.(string)
	return ok && same == s && !strings.ContainsAny(s, ",{}[]#:")
}

// TableName is what a code table is called in the file, the canonical one by
// its own name.
func TableName(p Proposal) string {
	def, ok := schema.Lookup(p.Attribute)
	if !ok || def.Kind != schema.KindCode {
		return ""
	}
	if p.Codes != "" {
		return p.Codes
	}
	if _, ok := codes.LookupTable(def.Codes); ok {
		return def.Codes
	}
	return ""
}
