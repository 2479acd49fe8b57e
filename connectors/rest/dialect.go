package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/connectors/internal/charset"
)

// The operations of a platform, as its file names them.
const (
	OpList   = "list"
	OpGet    = "get"
	OpFind   = "find"
	OpUpdate = "update"
	OpCreate = "create"
	OpAsk    = "ask"
)

// Message is one request before it is written.
type Message struct {
	Operation string
	Method    string
	Path      string
	Query     url.Values // of a read
	Body      any        // of a write, as a tree; nil: none
	Values    Values
}

// Wire is a request as it goes out.
type Wire struct {
	Method, URL string
	Body        []byte // nil: none
	Header      map[string]string
}

// Fault is an answer in which a platform says that it did not do what was asked.
type Fault struct {
	Code, Words, Column string
	// Sender: the platform says that the request was wrong. Otherwise something
	// went wrong in its own house, and nobody knows how far it had come.
	Sender bool
}

// Dialect is how a platform's messages look: JSON or XML as they are, or in the
// envelope of another kind.
type Dialect interface {
	// Prepare is called before each request and does what must be done once.
	Prepare(ctx context.Context, fetch func(ctx context.Context, address string) ([]byte, error)) error
	Write(m Message) (Wire, error)
	// Read makes a tree of an answer. ErrWebPage and io.ErrUnexpectedEOF say what
	// else it is.
	Read(m Message, data []byte, contentType string) (any, *Fault, error)
	// Format names what is expected, for messages.
	Format() string
	// Address is where a path is asked without asking anything; "" where Prepare
	// has reached the platform already.
	Address(path string) string
}

// ErrWebPage says that an answer is a page for people.
var ErrWebPage = errors.New("a web page")

// plain is the dialect of kind rest.
type plain struct {
	settings  *Settings
	templates Templates
}

func (*plain) Prepare(context.Context, func(context.Context, string) ([]byte, error)) error {
	return nil
}

func (d *plain) Address(path string) string { return d.settings.BaseURL + path }

func (d *plain) Format() string { return strings.ToUpper(d.settings.Format) }

func (d *plain) Write(m Message) (Wire, error) {
	w := Wire{Method: m.Method, URL: d.settings.BaseURL + m.Path, Header: map[string]string{"Accept": "application/json"}}
	xml := d.settings.Format == formatXML
	if xml {
		w.Header["Accept"] = "application/xml, text/xml"
	}
	body, templated, err := d.templates.Render(m.Operation, m.Values)
	if err != nil {
		return w, err
	}
	switch {
	case templated:
		prolog := fmt.Sprintf(`<?xml version="1.0" encoding="%s"?>`, strings.ToUpper(d.settings.Encoding))
		w.Body = append([]byte(prolog), body...)
	case m.Body != nil:
		if w.Body, err = json.Marshal(m.Body); err != nil {
			return w, err
		}
	case m.Method != http.MethodGet && len(m.Query) > 0:
		// The questions of some gateways are posted.
		tree := map[string]any{}
		for name := range m.Query {
			text := m.Query.Get(name)
			put(tree, name, value(text, nil, contains(d.settings.Numbers, name)))
		}
		if w.Body, err = json.Marshal(tree); err != nil {
			return w, err
		}
	}
	if w.Body == nil {
		w.URL = addQuery(w.URL, m.Query)
		return w, nil
	}
	if templated && m.Method == http.MethodGet {
		return w, errors.New("GET has no body")
	}
	if w.Body, err = Encode(d.settings.Encoding, w.Body); err != nil {
		return w, err
	}
	kind := "application/json"
	if templated {
		kind = "application/xml"
	}
	w.Header["Content-Type"] = kind + "; charset=" + d.settings.Encoding
	return w, nil
}

func addQuery(address string, query url.Values) string {
	if len(query) == 0 {
		return address
	}
	sep := "?"
	if strings.Contains(address, "?") {
		sep = "&"
	}
	return address + sep + query.Encode()
}

func (d *plain) Read(_ Message, data []byte, contentType string) (any, *Fault, error) {
	data, err := Decode(d.settings.Encoding, data, contentType)
	if err != nil {
		return nil, nil, err
	}
	if WebPage(data) {
		return nil, nil, ErrWebPage
	}
	if d.settings.Format == formatXML {
		tree, _, err := ParseXML(data)
		return tree, nil, err
	}
	tree, err := parse(data)
	return tree, nil, err
}

var pageStart = regexp.MustCompile(`(?i)^\s*(<!doctype html|<html|<head|<body)`)

// WebPage reports whether an answer is a page for people: well-formed XML often
// enough, and never an answer.
func WebPage(data []byte) bool {
	head := bytes.TrimPrefix(data[:min(len(data), 512)], []byte("\xef\xbb\xbf"))
	if i := bytes.Index(head, []byte("?>")); i >= 0 && bytes.HasPrefix(bytes.TrimSpace(head), []byte("<?xml")) {
		head = head[i+2:]
	}
	return pageStart.Match(head)
}

// Encode writes a text in the platform's encoding. A character that it cannot
// hold is an error: never another character in its place.
func Encode(name string, text []byte) ([]byte, error) {
	if name == "utf-8" {
		return text, nil
	}
	if !charset.Holds(name, string(text)) {
		return nil, fmt.Errorf("%s cannot hold one of its characters", strings.ToUpper(name))
	}
	if name == "gb18030" {
		return simplifiedchinese.GB18030.NewEncoder().Bytes(text)
	}
	return simplifiedchinese.GBK.NewEncoder().Bytes(text)
}

var prologEncoding = regexp.MustCompile(`^\s*<\?xml[^>]*encoding=["']([A-Za-z0-9_.-]+)["']`)

// Decode turns an answer into UTF-8. What the answer itself says counts more
// than the platform's file: error pages come from another machine.
func Decode(name string, data []byte, contentType string) ([]byte, error) {
	if _, params, err := mime.ParseMediaType(contentType); err == nil && params["charset"] != "" {
		name = params["charset"]
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if m := prologEncoding.FindSubmatch(data[:min(len(data), 200)]); m != nil {
		name = string(m[1])
	}
	switch strings.ToLower(name) {
	case "gbk", "gb2312", "gb18030", "cp936":
		// GB18030 reads what all of them write.
		out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
		if err == nil && bytes.ContainsRune(out, '\uFFFD') {
			err = io.ErrUnexpectedEOF // a character was cut in two, or it is no Chinese text at all
		}
		return out, err
	}
	return data, nil
}
