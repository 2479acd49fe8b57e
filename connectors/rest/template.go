package rest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"heji/connectors/spec"
)

// Text is a value in a request template. Printing it escapes it for XML, so that
// no value can end its element, whoever wrote the template.
type Text string

// String returns the text escaped for XML.
func (t Text) String() string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(strings.ToValidUTF8(string(t), "\uFFFD"))); err != nil {
		panic("rest: writing to memory cannot fail: " + err.Error())
	}
	return b.String()
}

// Values is what a request template can name.
type Values struct {
	Since, Page, Size, Cursor Text // list
	Key                       Text // get, update: the row's key as one text
	Keys                      map[string]Text
	Natural                   map[string]Text // find, create, ask
	Set                       map[string]Text // update, create: what is written
	Row                       map[string]Text // update: the row as it is, with Set in it
	Intent, Token             Text            // update, create
	Time, Day                 Text            // now, as yyyyMMddHHmmss and yyyyMMdd
	Values                    map[string]Text // connect.values
}

func texts(m map[string]string) map[string]Text {
	out := make(map[string]Text, len(m))
	for k, v := range m {
		out[k] = Text(v)
	}
	return out
}

// functions of request templates.
var functions = template.FuncMap{
	"has": func(m map[string]Text, name string) bool { _, ok := m[name]; return ok },
	// elements writes columns as elements, nested by their dotted paths and in
	// the order of their names.
	"elements": func(m map[string]Text) string {
		tree := map[string]any{}
		for name, v := range m {
			put(tree, name, v)
		}
		var b strings.Builder
		writeElements(&b, tree)
		return b.String()
	},
}

func writeElements(b *strings.Builder, tree map[string]any) {
	names := make([]string, 0, len(tree))
	for name := range tree {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.HasPrefix(name, "@") || name == textName {
			continue // attributes need a template of their own
		}
		fmt.Fprintf(b, "<%s>", name)
		switch x := tree[name].(type) {
		case map[string]any:
			writeElements(b, x)
		case Text:
			b.WriteString(x.String())
		}
		fmt.Fprintf(b, "</%s>", name)
	}
}

// Templates are the request templates of one platform, by operation.
type Templates map[string]*template.Template

// Add reads a template and tries it out, so that a mistake is found when the
// file is read. key is its place in the file.
func (t Templates) Add(p *spec.Platform, operation, key, text string) error {
	if text == "" {
		return nil
	}
	parsed, err := template.New(operation).Option("missingkey=zero").Funcs(functions).Parse(text)
	if err != nil {
		return p.Errorf(key, "%s is no template: %s. Values are written as {{.Page}} or {{.Set.xm}}.", key, p.Redact(templateMistake(err)))
	}
	out, err := render(parsed, Values{})
	if err != nil {
		return p.Errorf(key, "%s: %s. Possible are Since, Page, Size, Cursor, Key, Keys, Natural, Set, Row, Intent, Token, Time, Day, Values.", key, p.Redact(templateMistake(err)))
	}
	if err := wellFormed(out); err != nil {
		return p.Errorf(key, "%s gives no well-formed XML: %s.", key, p.Redact(err.Error()))
	}
	t[operation] = parsed
	return nil
}

var templatePlace = regexp.MustCompile(`^template: [^:]*:(\d+)(?::\d+)?: (?:executing "[^"]*" at )?`)

// templateMistake is the library's error without its own words for the place.
func templateMistake(err error) string {
	return templatePlace.ReplaceAllString(err.Error(), "line $1: ")
}

func render(t *template.Template, v Values) ([]byte, error) {
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Render fills in the template of an operation; false where it has none.
func (t Templates) Render(operation string, v Values) ([]byte, bool, error) {
	parsed, ok := t[operation]
	if !ok {
		return nil, false, nil
	}
	out, err := render(parsed, v)
	return out, true, err
}

// Names are the outermost elements that the template of an operation writes.
func (t Templates) Names(operation string, v Values) []string {
	out, ok, err := t.Render(operation, v)
	if !ok || err != nil {
		return nil
	}
	var names []string
	d := xml.NewDecoder(bytes.NewReader(out))
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return names
		}
		switch x := token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				names = append(names, x.Name.Local)
			}
		case xml.EndElement:
			depth--
		}
	}
}

// wellFormed checks a fragment: some elements beside each other.
func wellFormed(fragment []byte) error {
	d := xml.NewDecoder(bytes.NewReader(fragment))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	depth := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			if depth > 0 {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
}

// uses reports whether a template names a value.
func uses(text, name string) bool {
	return regexp.MustCompile(`\.` + name + `\b`).MatchString(text)
}
