package rest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// maxDepth is how deep an XML answer may be nested.
const maxDepth = 200

// textName holds an element's own text where it has attributes too.
const textName = "#text"

// element is an open element while a document is read.
type element struct {
	name     string
	children map[string]any
	text     strings.Builder
	null     bool
}

// ParseXML reads an XML document, which must be UTF-8 by now, into the same tree
// that JSON becomes: an element with elements in it is an object by their local
// names, an element that is repeated is a list, an element of text is a string;
// attributes are named "@name"; what is xsi:nil is null. The root element is
// left out, and returned beside. Namespaces are for the writer: a reader that
// insists on prefixes breaks with each new version of the platform. Entities are
// not resolved and nothing outside the document is ever fetched.
func ParseXML(data []byte) (tree any, root string, err error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // decoded already
	var open []*element
	for {
		token, err := d.Token()
		if err == io.EOF {
			if root == "" || len(open) > 0 {
				return nil, "", io.ErrUnexpectedEOF
			}
			return tree, root, nil
		}
		if err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF") {
				return nil, "", io.ErrUnexpectedEOF
			}
			return nil, "", err
		}
		switch x := token.(type) {
		case xml.StartElement:
			if len(open) == 0 && root != "" {
				return nil, "", errors.New("more than one root element")
			}
			if len(open) == maxDepth {
				return nil, "", errors.New("nested too deep")
			}
			e := begin(x)
			if len(open) == 0 {
				root = e.name
			}
			open = append(open, e)
		case xml.EndElement:
			e := open[len(open)-1]
			open = open[:len(open)-1]
			if len(open) == 0 {
				tree = e.value()
				continue
			}
			open[len(open)-1].add(e.name, e.value())
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text.Write(x)
			}
		}
	}
}

func begin(x xml.StartElement) *element {
	e := &element{name: x.Name.Local}
	for _, a := range x.Attr {
		switch {
		case a.Name.Space == "xmlns" || a.Name.Local == "xmlns":
		case a.Name.Local == "nil" && strings.Contains(a.Name.Space, "XMLSchema-instance"):
			e.null = a.Value == "true" || a.Value == "1"
		case a.Name.Local == "type" && strings.Contains(a.Name.Space, "XMLSchema-instance"), strings.Contains(a.Name.Space, "soap"):
		default:
			e.add("@"+a.Name.Local, a.Value)
		}
	}
	return e
}

func (e *element) add(name string, v any) {
	if e.children == nil {
		e.children = map[string]any{}
	}
	have, again := e.children[name]
	if !again {
		e.children[name] = v
		return
	}
	if list, ok := have.([]any); ok {
		e.children[name] = append(list, v)
		return
	}
	e.children[name] = []any{have, v}
}

func (e *element) value() any {
	if e.null {
		return nil
	}
	if e.children == nil {
		return e.text.String()
	}
	if text := e.text.String(); strings.TrimSpace(text) != "" {
		e.children[textName] = text
	}
	return e.children
}
