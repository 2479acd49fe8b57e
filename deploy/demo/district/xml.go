package district

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// element is any XML element that a platform receives.
type element struct {
	XMLName  xml.Name
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

// child returns the first child of a name, the zero element where there is none.
func (e element) child(path ...string) element {
	for _, name := range path {
		next := element{}
		for _, c := range e.Children {
			if c.XMLName.Local == name {
				next = c
				break
			}
		}
		e = next
	}
	return e
}

// text is the text of a child.
func (e element) text(path ...string) string { return strings.TrimSpace(e.child(path...).Text) }

// row reads the children as columns.
func (e element) row() Row {
	row := Row{}
	for _, c := range e.Children {
		row[c.XMLName.Local] = c.Text
	}
	return row
}

// readXML reads a whole document in UTF-8 or, where the platform is of that age,
// in GBK. The declaration must name the platform's encoding.
func readXML(body io.Reader, gbk bool) (element, error) {
	var e element
	raw, err := io.ReadAll(body)
	if err != nil {
		return e, errors.New("请求无法读取")
	}
	if head := strings.ToLower(string(raw[:min(len(raw), 60)])); gbk && !strings.Contains(head, `encoding="gb`) {
		return e, errors.New("编码声明应为 GBK")
	}
	if gbk {
		if raw, err = simplifiedchinese.GBK.NewDecoder().Bytes(raw); err != nil {
			return e, errors.New("请求应为 GBK 编码")
		}
	}
	d := xml.NewDecoder(bytes.NewReader(raw))
	d.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		if gbk != strings.HasPrefix(strings.ToLower(label), "gb") {
			return nil, errors.New("编码声明不符")
		}
		return in, nil
	}
	if err := d.Decode(&e); err != nil {
		return e, errors.New("请求不是 XML 文档")
	}
	return e, nil
}

// xmlText escapes a text.
func xmlText(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic("district: writing to memory: " + err.Error())
	}
	return b.String()
}

// tag writes an element with text in it.
func tag(name, text string) string { return "<" + name + ">" + xmlText(text) + "</" + name + ">" }

// xmlRow writes a row's columns as elements, in the platform's order.
func xmlRow(row Row, columns []string) string {
	var b strings.Builder
	for _, c := range columns {
		b.WriteString(tag(c, row[c]))
	}
	return b.String()
}

// xmlDocument is a document with its declaration, in the platform's encoding.
func xmlDocument(content string, gbk bool) []byte {
	if gbk {
		return toGBK("<?xml version=\"1.0\" encoding=\"GBK\"?>\n" + content)
	}
	return []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + content)
}
