package soap

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"heji/connectors/rest"
)

// definitions is a WSDL 1.1 document, as far as a caller must know it.
type definitions struct {
	XMLName   xml.Name    `xml:"http://schemas.xmlsoap.org/wsdl/ definitions"`
	Namespace string      `xml:"targetNamespace,attr"`
	Imports   []imported  `xml:"import"`
	Schemas   []schema    `xml:"types>schema"`
	Messages  []message   `xml:"message"`
	PortTypes []portType  `xml:"portType"`
	Bindings  []binding   `xml:"binding"`
	Services  []service   `xml:"service"`
	prefixes  prefixTable // of this document
}

type imported struct {
	Location       string `xml:"location,attr"`       // WSDL
	SchemaLocation string `xml:"schemaLocation,attr"` // XML Schema
}

type schema struct {
	Namespace string        `xml:"targetNamespace,attr"`
	Form      string        `xml:"elementFormDefault,attr"`
	Imports   []imported    `xml:"import"`
	Includes  []imported    `xml:"include"`
	Elements  []elementDef  `xml:"element"`
	Types     []complexType `xml:"complexType"`
}

type elementDef struct {
	Name string       `xml:"name,attr"`
	Ref  string       `xml:"ref,attr"`
	Type string       `xml:"type,attr"`
	Own  *complexType `xml:"complexType"`
}

type complexType struct {
	Name     string       `xml:"name,attr"`
	Sequence []elementDef `xml:"sequence>element"`
	All      []elementDef `xml:"all>element"`
	Choice   []elementDef `xml:"choice>element"`
	Any      []struct{}   `xml:"sequence>any"`
	Extends  []struct{}   `xml:"complexContent"`
}

type message struct {
	Name  string `xml:"name,attr"`
	Parts []struct {
		Name    string `xml:"name,attr"`
		Element string `xml:"element,attr"`
	} `xml:"part"`
}

type portType struct {
	Name       string `xml:"name,attr"`
	Operations []struct {
		Name  string `xml:"name,attr"`
		Input struct {
			Message string `xml:"message,attr"`
		} `xml:"input"`
	} `xml:"operation"`
}

const (
	soap11 = "http://schemas.xmlsoap.org/wsdl/soap/"
	soap12 = "http://schemas.xmlsoap.org/wsdl/soap12/"
)

type style struct {
	Style string `xml:"style,attr"`
}

type binding struct {
	Name       string `xml:"name,attr"`
	Type       string `xml:"type,attr"`
	SOAP11     *style `xml:"http://schemas.xmlsoap.org/wsdl/soap/ binding"`
	SOAP12     *style `xml:"http://schemas.xmlsoap.org/wsdl/soap12/ binding"`
	Operations []struct {
		Name   string       `xml:"name,attr"`
		SOAP11 *actionOf    `xml:"http://schemas.xmlsoap.org/wsdl/soap/ operation"`
		SOAP12 *actionOf    `xml:"http://schemas.xmlsoap.org/wsdl/soap12/ operation"`
		Input  bindingInput `xml:"input"`
	} `xml:"operation"`
}

type actionOf struct {
	Action string `xml:"soapAction,attr"`
	Style  string `xml:"style,attr"`
}

type bindingInput struct {
	Body11 *bodyOf `xml:"http://schemas.xmlsoap.org/wsdl/soap/ body"`
	Body12 *bodyOf `xml:"http://schemas.xmlsoap.org/wsdl/soap12/ body"`
}

type bodyOf struct {
	Use       string `xml:"use,attr"`
	Namespace string `xml:"namespace,attr"`
}

type service struct {
	Name  string `xml:"name,attr"`
	Ports []struct {
		Name    string   `xml:"name,attr"`
		Binding string   `xml:"binding,attr"`
		At11    *address `xml:"http://schemas.xmlsoap.org/wsdl/soap/ address"`
		At12    *address `xml:"http://schemas.xmlsoap.org/wsdl/soap12/ address"`
	} `xml:"port"`
}

type address struct {
	Location string `xml:"location,attr"`
}

// prefixTable holds what prefixes stand for, wherever they are declared.
type prefixTable map[string]string

// operation is what a caller must know of one operation.
type operation struct {
	action    string
	wrapper   xml.Name
	qualified bool // the elements inside are in the wrapper's namespace
	// parts are the names that may stand inside; nil: the WSDL does not say.
	parts []string
}

// contract is the port that we call.
type contract struct {
	endpoint   string
	version    string
	operations map[string]operation
}

// maxDocuments is how many documents a WSDL may consist of.
const maxDocuments = 30

// errNoWSDL says that a document is something else.
var errNoWSDL = errors.New("what is there is no WSDL")

// fetcher gets a document by its address.
type fetcher func(ctx context.Context, address string) ([]byte, error)

// reader collects the documents of a WSDL.
type collection struct {
	all     definitions
	fetched map[string]bool
	fetch   fetcher
}

// readWSDL reads a WSDL and what it imports from its own host.
func readWSDL(ctx context.Context, at string, fetch fetcher) (*definitions, error) {
	c := &collection{fetched: map[string]bool{}, fetch: fetch}
	c.all.prefixes = prefixTable{}
	if err := c.wsdl(ctx, at); err != nil {
		return nil, err
	}
	return &c.all, nil
}

func (c *collection) get(ctx context.Context, at string) ([]byte, error) {
	if c.fetched[at] = true; len(c.fetched) > maxDocuments {
		return nil, fmt.Errorf("%w: it imports more than %d documents", errNoWSDL, maxDocuments)
	}
	data, err := c.fetch(ctx, at)
	if err != nil {
		return nil, err
	}
	if data, err = rest.Decode("utf-8", data, ""); err != nil {
		return nil, fmt.Errorf("%w: its characters cannot be read", errNoWSDL)
	}
	if rest.WebPage(data) {
		return nil, fmt.Errorf("%w, but a web page", errNoWSDL)
	}
	return data, nil
}

func decode(data []byte, into any) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	return d.Decode(into)
}

func (c *collection) wsdl(ctx context.Context, at string) error {
	data, err := c.get(ctx, at)
	if err != nil {
		return err
	}
	var d definitions
	if err := decode(data, &d); err != nil {
		return errNoWSDL
	}
	c.note(data)
	if c.all.Namespace == "" {
		c.all.Namespace = d.Namespace
	}
	c.all.Messages = append(c.all.Messages, d.Messages...)
	c.all.PortTypes = append(c.all.PortTypes, d.PortTypes...)
	c.all.Bindings = append(c.all.Bindings, d.Bindings...)
	c.all.Services = append(c.all.Services, d.Services...)
	for _, i := range d.Imports {
		if next := c.next(at, i.Location); next != "" {
			if err := c.wsdl(ctx, next); err != nil {
				return err
			}
		}
	}
	for _, s := range d.Schemas {
		if err := c.schema(ctx, at, s); err != nil {
			return err
		}
	}
	return nil
}

func (c *collection) schema(ctx context.Context, at string, s schema) error {
	c.all.Schemas = append(c.all.Schemas, s)
	for _, i := range slices.Concat(s.Imports, s.Includes) {
		next := c.next(at, i.SchemaLocation)
		if next == "" {
			continue
		}
		data, err := c.get(ctx, next)
		if err != nil {
			return err
		}
		var inner schema
		if err := decode(data, &inner); err != nil {
			return fmt.Errorf("%w: one of the schemas that it imports cannot be read", errNoWSDL)
		}
		c.note(data)
		if err := c.schema(ctx, next, inner); err != nil {
			return err
		}
	}
	return nil
}

// next is the address of an imported document, "" where there is none to fetch:
// read already, or on another host, which must not learn our credentials.
func (c *collection) next(from, location string) string {
	if location == "" {
		return ""
	}
	base, err := url.Parse(from)
	if err != nil {
		return ""
	}
	to, err := base.Parse(location)
	if err != nil || to.Host != base.Host || to.Scheme != base.Scheme || c.fetched[to.String()] {
		return ""
	}
	return to.String()
}

// note remembers the prefixes of a document.
func (c *collection) note(data []byte) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		token, err := d.RawToken()
		if err != nil {
			return
		}
		if start, ok := token.(xml.StartElement); ok {
			for _, a := range start.Attr {
				if a.Name.Space == "xmlns" {
					c.all.prefixes[a.Name.Local] = a.Value
				}
			}
		}
	}
}

func local(qname string) string {
	_, after, found := strings.Cut(qname, ":")
	if !found {
		return qname
	}
	return after
}

// port finds the port that we call.
func (d *definitions) port(serviceName, portName, version string) (*contract, *binding, error) {
	var names []string
	for _, s := range d.Services {
		for _, p := range s.Ports {
			names = append(names, s.Name+"."+p.Name)
			b := d.binding(local(p.Binding))
			if b == nil || serviceName != "" && s.Name != serviceName || portName != "" && p.Name != portName {
				continue
			}
			switch {
			case b.SOAP11 != nil && version != "1.2" && p.At11 != nil:
				return &contract{endpoint: p.At11.Location, version: "1.1"}, b, nil
			case b.SOAP12 != nil && version != "1.1" && p.At12 != nil:
				return &contract{endpoint: p.At12.Location, version: "1.2"}, b, nil
			}
		}
	}
	return nil, nil, fmt.Errorf("the WSDL has no such SOAP port. It has %s. Correct connect.service, port or version", strings.Join(names, ", "))
}

func (d *definitions) binding(name string) *binding {
	for i := range d.Bindings {
		if d.Bindings[i].Name == name {
			return &d.Bindings[i]
		}
	}
	return nil
}

// contract resolves every operation of the port that we call.
func (d *definitions) contract(serviceName, portName, version string) (*contract, error) {
	c, b, err := d.port(serviceName, portName, version)
	if err != nil {
		return nil, err
	}
	c.operations = map[string]operation{}
	for _, o := range b.Operations {
		about, body, whole := o.SOAP11, o.Input.Body11, b.SOAP11
		if c.version == "1.2" {
			about, body, whole = o.SOAP12, o.Input.Body12, b.SOAP12
		}
		op := operation{}
		how := whole.Style
		if about != nil {
			op.action = about.Action
			if about.Style != "" {
				how = about.Style
			}
		}
		m := d.input(local(b.Type), o.Name)
		if m == nil {
			continue
		}
		if how == "rpc" {
			d.rpc(&op, o.Name, body, m)
		} else {
			d.document(&op, m)
		}
		c.operations[o.Name] = op
	}
	return c, nil
}

func (d *definitions) input(portTypeName, name string) *message {
	for _, t := range d.PortTypes {
		if t.Name != portTypeName {
			continue
		}
		for _, o := range t.Operations {
			if o.Name != name {
				continue
			}
			for i := range d.Messages {
				if d.Messages[i].Name == local(o.Input.Message) {
					return &d.Messages[i]
				}
			}
		}
	}
	return nil
}

func (d *definitions) rpc(op *operation, name string, body *bodyOf, m *message) {
	op.wrapper = xml.Name{Space: d.Namespace, Local: name}
	if body != nil && body.Namespace != "" {
		op.wrapper.Space = body.Namespace
	}
	op.parts = []string{}
	for _, p := range m.Parts {
		op.parts = append(op.parts, p.Name)
	}
}

func (d *definitions) document(op *operation, m *message) {
	for _, p := range m.Parts {
		if p.Element == "" {
			continue
		}
		prefix, name, found := strings.Cut(p.Element, ":")
		if !found {
			prefix, name = "", p.Element
		}
		op.wrapper = xml.Name{Space: d.prefixes[prefix], Local: name}
		for _, s := range d.Schemas {
			for _, e := range s.Elements {
				if e.Name == name && (s.Namespace == op.wrapper.Space || op.wrapper.Space == "") {
					op.wrapper.Space, op.qualified = s.Namespace, s.Form == "qualified"
					op.parts = d.children(e)
					return
				}
			}
		}
		return
	}
}

// children are the elements that may stand in an element; nil: unknown.
func (d *definitions) children(e elementDef) []string {
	t := e.Own
	if t == nil {
		for _, s := range d.Schemas {
			for i := range s.Types {
				if e.Type != "" && s.Types[i].Name == local(e.Type) {
					t = &s.Types[i]
				}
			}
		}
	}
	if t == nil || len(t.Any) > 0 || len(t.Extends) > 0 {
		return nil
	}
	names := []string{}
	for _, c := range slices.Concat(t.Sequence, t.All, t.Choice) {
		if c.Ref != "" {
			c.Name = local(c.Ref)
		}
		names = append(names, c.Name)
	}
	return names
}
