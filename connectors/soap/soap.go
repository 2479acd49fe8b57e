package soap

import (
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the digest that WS-Security 1.0 prescribes
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"heji/connectors"
	"heji/connectors/rest"
	"heji/connectors/spec"
	"heji/schema/clock"
)

// Kind is the name under which the kind is registered.
const Kind = "soap"

func init() {
	connectors.Register(Kind, Open)
	connectors.RegisterSettings(Kind, Settings{})
}

// opHeader is the template of the envelope's header.
const opHeader = "header"

// Open prepares the connector. What it can do depends on the file, as of kind
// rest. The WSDL is read before the first request.
func Open(_ context.Context, p *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
	s, engine, err := load(p)
	if err != nil {
		return nil, err
	}
	t, err := engine.Templates(p)
	if err != nil {
		return nil, err
	}
	if err := t.Add(p, opHeader, "connect.security.header", s.Security.Header); err != nil {
		return nil, err
	}
	d := &dialect{platform: p, settings: s, templates: t, turn: make(chan struct{}, 1), now: clock.Now}
	d.turn <- struct{}{}
	return rest.OpenDialect(p, engine, d)
}

// dialect is SOAP.
type dialect struct {
	platform  *spec.Platform
	settings  Settings
	templates rest.Templates
	now       func() time.Time
	turn      chan struct{} // holds one: whoever may read the WSDL
	contract  *contract     // nil: not read yet. Written once, under turn.
}

func (d *dialect) Format() string        { return "SOAP" }
func (d *dialect) Address(string) string { return "" }

// Prepare reads the WSDL, once, and holds what the file names against it.
func (d *dialect) Prepare(ctx context.Context, fetch func(context.Context, string) ([]byte, error)) error {
	select {
	case <-d.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { d.turn <- struct{}{} }()
	if d.contract != nil {
		return nil
	}
	where := d.where()
	if !strings.Contains(d.settings.WSDL, "://") {
		fetch = func(_ context.Context, name string) ([]byte, error) { return d.file(name) }
	}
	def, err := readWSDL(ctx, d.settings.WSDL, fetch)
	if errors.Is(err, errNoWSDL) {
		return connectors.NewTrouble("wsdl_gone", "where", where, "words", err.Error())
	}
	if err != nil {
		return err
	}
	c, err := def.contract(d.settings.Service, d.settings.Port, d.settings.Version)
	if err != nil {
		return connectors.NewTrouble("wsdl_gone", "where", where, "words", err.Error())
	}
	if d.settings.Endpoint != "" {
		c.endpoint = d.settings.Endpoint
	}
	if u, err := url.Parse(c.endpoint); err != nil || u.Host == "" {
		return connectors.NewTrouble("wsdl_gone", "where", where, "words", "it names no address of the service; give connect.endpoint")
	}
	if err := d.fits(c); err != nil {
		return err
	}
	d.contract = c
	return nil
}

func (d *dialect) where() string {
	at := d.settings.WSDL
	if u, err := url.Parse(at); err == nil {
		at = u.Path
	}
	return d.platform.ID + ": " + d.platform.Redact(at)
}

func (d *dialect) file(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, connectors.NewTrouble("wsdl_gone", "where", d.where(), "words", "the file cannot be read")
	}
	return data, nil
}

// fits checks that every operation that the file names is there, and takes what
// its request writes.
func (d *dialect) fits(c *contract) error {
	sample := rest.Values{Set: map[string]rest.Text{}, Row: map[string]rest.Text{}, Natural: map[string]rest.Text{}, Keys: map[string]rest.Text{}}
	for a := range d.platform.Agreement.Receives {
		for _, column := range d.platform.Fields[a].ColumnNames() {
			sample.Set[column], sample.Row[column] = "", ""
		}
	}
	ops := d.settings.operations()
	for _, op := range slices.Sorted(maps.Keys(ops)) {
		name := ops[op]
		known, ok := c.operations[name]
		if !ok {
			return connectors.NewTrouble("wsdl_operation", "where", d.where(), "operation", name,
				"operations", strings.Join(slices.Sorted(maps.Keys(c.operations)), ", "))
		}
		if known.wrapper.Local == "" {
			return connectors.NewTrouble("wsdl_part", "where", d.where(), "operation", name, "part", "element", "parts", "types, which no caller can write")
		}
		if known.parts == nil {
			continue
		}
		for _, part := range d.templates.Names(op, sample) {
			if !slices.Contains(known.parts, part) {
				return connectors.NewTrouble("wsdl_part", "where", d.where(), "operation", name, "part", part, "parts", strings.Join(known.parts, ", "))
			}
		}
	}
	return nil
}

// Namespaces of envelopes, and media types.
const (
	envelope11 = "http://schemas.xmlsoap.org/soap/envelope/"
	envelope12 = "http://www.w3.org/2003/05/soap-envelope"
)

// Write puts a request into its envelope.
func (d *dialect) Write(m rest.Message) (rest.Wire, error) {
	op, ok := d.contract.operations[m.Path]
	if !ok {
		return rest.Wire{}, fmt.Errorf("the WSDL has no operation %s", m.Path)
	}
	inside, _, err := d.templates.Render(m.Operation, m.Values)
	if err != nil {
		return rest.Wire{}, err
	}
	header, err := d.header(m.Values)
	if err != nil {
		return rest.Wire{}, err
	}
	space, prefix := envelope11, "op:"
	if d.contract.version == "1.2" {
		space = envelope12
	}
	declare := "xmlns:op"
	if op.qualified {
		prefix, declare = "", "xmlns" // what stands inside is in the same namespace
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="%s"?><soap:Envelope xmlns:soap="%s">`, strings.ToUpper(d.settings.Encoding), space)
	if header != "" {
		fmt.Fprintf(&b, `<soap:Header>%s</soap:Header>`, header)
	}
	fmt.Fprintf(&b, `<soap:Body><%s%s %s="%s">%s</%s%s></soap:Body></soap:Envelope>`,
		prefix, op.wrapper.Local, declare, rest.Text(op.wrapper.Space), inside, prefix, op.wrapper.Local)
	body, err := rest.Encode(d.settings.Encoding, []byte(b.String()))
	if err != nil {
		return rest.Wire{}, err
	}
	w := rest.Wire{Method: http.MethodPost, URL: d.contract.endpoint, Body: body, Header: map[string]string{}}
	if d.contract.version == "1.2" {
		w.Header["Content-Type"] = fmt.Sprintf("application/soap+xml; charset=%s; action=%q", d.settings.Encoding, op.action)
		w.Header["Accept"] = "application/soap+xml"
		return w, nil
	}
	w.Header["Content-Type"] = "text/xml; charset=" + d.settings.Encoding
	w.Header["Accept"] = "text/xml"
	w.Header["SOAPAction"] = `"` + op.action + `"`
	return w, nil
}

const (
	wsse         = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	wsu          = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	tokenProfile = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#"
	messageSec   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#"
)

// header writes who we are.
func (d *dialect) header(v rest.Values) (string, error) {
	own, _, err := d.templates.Render(opHeader, v)
	if err != nil {
		return "", err
	}
	s := d.settings.Security
	if s.Username == "" {
		return string(own), nil
	}
	password := fmt.Sprintf(`<wsse:Password Type="%sPasswordText">%s</wsse:Password>`, tokenProfile, rest.Text(s.Password))
	if s.Digest {
		nonce := make([]byte, 16)
		if _, err := rand.Read(nonce); err != nil {
			return "", err
		}
		created := d.now().UTC().Format("2006-01-02T15:04:05Z")
		password = fmt.Sprintf(`<wsse:Password Type="%sPasswordDigest">%s</wsse:Password><wsse:Nonce EncodingType="%sBase64Binary">%s</wsse:Nonce><wsu:Created>%s</wsu:Created>`,
			tokenProfile, digest(nonce, created, s.Password), messageSec, base64.StdEncoding.EncodeToString(nonce), created)
	}
	return fmt.Sprintf(`<wsse:Security xmlns:wsse="%s" xmlns:wsu="%s" soap:mustUnderstand="1"><wsse:UsernameToken><wsse:Username>%s</wsse:Username>%s</wsse:UsernameToken></wsse:Security>%s`,
		wsse, wsu, rest.Text(s.Username), password, own), nil
}

// digest is Base64(SHA-1(nonce + created + password)), UsernameToken Profile 1.0.
func digest(nonce []byte, created, password string) string {
	h := sha1.New() //nolint:gosec // prescribed
	h.Write(nonce)
	h.Write([]byte(created))
	h.Write([]byte(password))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Read takes an answer out of its envelope.
func (d *dialect) Read(_ rest.Message, data []byte, contentType string) (any, *rest.Fault, error) {
	data, err := rest.Decode(d.settings.Encoding, data, contentType)
	if err != nil {
		return nil, nil, err
	}
	if rest.WebPage(data) {
		return nil, nil, rest.ErrWebPage
	}
	tree, root, err := rest.ParseXML(data)
	if err != nil {
		return nil, nil, err
	}
	body, ok := rest.At(tree, "Body")
	if root != "Envelope" || !ok {
		return nil, nil, errors.New("no envelope")
	}
	held, _ := body.(map[string]any)
	if f, ok := held["Fault"].(map[string]any); ok {
		return nil, d.fault(f), nil
	}
	var answer any = map[string]any{}
	for name, v := range held {
		if !strings.HasPrefix(name, "@") && name != "#text" {
			answer = v
		}
	}
	if d.settings.Inner != "" {
		text := strings.TrimSpace(rest.TextAt(answer, d.settings.Inner))
		if text == "" {
			return map[string]any{}, nil, nil
		}
		answer, _, err = rest.ParseXML([]byte(text))
	}
	return answer, nil, err
}

// fault reads a fault of either version. What the platform says in its own words
// stands in the detail, often inside an element named after an exception.
func (d *dialect) fault(f map[string]any) *rest.Fault {
	out := &rest.Fault{Code: local(rest.TextAt(f, "faultcode")), Words: rest.TextAt(f, "faultstring")}
	detail := f["detail"]
	if code, ok := f["Code"]; ok {
		out.Code = local(rest.TextAt(code, "Value"))
		out.Words = rest.TextAt(f, "Reason.Text")
		if out.Words == "" {
			out.Words = rest.TextAt(f, "Reason.Text.0")
		}
		detail = f["Detail"]
		out.Sender = out.Code == "Sender"
		if sub := local(rest.TextAt(code, "Subcode.Value")); sub != "" {
			out.Code = sub
		}
	} else {
		out.Sender = out.Code == "Client" || strings.HasPrefix(out.Code, "Client.")
	}
	if out.Words = strings.TrimSpace(out.Words); out.Words == "" {
		out.Words = "no reason"
	}
	own := func(path string) string {
		if path == "" {
			return ""
		}
		if text := rest.TextAt(detail, path); text != "" {
			return text
		}
		if m, ok := detail.(map[string]any); ok {
			for _, name := range slices.Sorted(maps.Keys(m)) {
				if text := rest.TextAt(m[name], path); text != "" {
					return text
				}
			}
		}
		return ""
	}
	if code := own(d.settings.Error.Code); code != "" {
		out.Code = code
	}
	if words := own(d.settings.Error.Message); words != "" {
		out.Words = words
	}
	out.Column = own(d.settings.Error.Column)
	return out
}

var _ rest.Dialect = (*dialect)(nil)
