package soap

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"heji/connectors/rest"
	"heji/connectors/spec"
)

// Settings is the connect section of a platform of kind soap.
type Settings struct {
	// WSDL is the address of the platform's WSDL, or the path of a file with it.
	WSDL    string `yaml:"wsdl"`
	Service string `yaml:"service"` // default: the only one, or the first with a SOAP port
	Port    string `yaml:"port"`    // default: the first with a SOAP binding
	// Endpoint instead of the one in the WSDL, which often names a machine of the
	// platform's own network.
	Endpoint string            `yaml:"endpoint"`
	Version  string            `yaml:"version"`  // "1.1" or "1.2"; default: the port's
	Encoding string            `yaml:"encoding"` // of what is sent; default utf-8
	Security Security          `yaml:"security"`
	Auth     rest.Auth         `yaml:"auth"` // in the HTTP headers
	Headers  map[string]string `yaml:"headers"`
	Values   map[string]string `yaml:"values"`
	// Inner is the path of a text in each answer that is itself an XML document.
	Inner string `yaml:"inner"`

	List      List          `yaml:"list"`
	Deletes   rest.Deletes  `yaml:"deletes"`
	Get       Call          `yaml:"get"`
	Find      Search        `yaml:"find"`
	Lookup    *Search       `yaml:"lookup"`
	Update    *Call         `yaml:"update"`
	Create    *Create       `yaml:"create"`
	Error     rest.Gateway  `yaml:"error"`
	Webhook   *rest.Webhook `yaml:"webhook"`
	NotDone   []int         `yaml:"not_done"`
	Overlap   spec.Duration `yaml:"overlap"`
	FullEvery spec.Duration `yaml:"full_every"`
	Timeout   spec.Duration `yaml:"timeout"`
	Timezone  string        `yaml:"timezone"`
}

// Security is who we are, in the envelope's header.
type Security struct {
	Username string `yaml:"username"` // WS-Security UsernameToken
	Password string `yaml:"password"`
	Digest   bool   `yaml:"digest"` // the password as a digest, with a nonce and the time
	// Header is a template of a header of the platform's own.
	Header string `yaml:"header"`
}

// Call is one operation.
type Call struct {
	Operation string `yaml:"operation"`
	Request   string `yaml:"request"` // template of what stands in the operation's element
	Item      string `yaml:"item"`    // path of the row in the answer
}

// Search is an operation that gives rows by natural key.
type Search struct {
	Operation string `yaml:"operation"`
	Request   string `yaml:"request"`
	Items     string `yaml:"items"`
	Loose     bool   `yaml:"loose"` // find only: the search gives more than was asked for
}

// Create is the operation that makes a row.
type Create struct {
	Operation string `yaml:"operation"`
	Request   string `yaml:"request"`
	Key       string `yaml:"key"` // path of the new row's key in the answer
	Item      string `yaml:"item"`
}

// List is the operation that gives all rows, or those that have changed.
type List struct {
	Operation string `yaml:"operation"`
	Request   string `yaml:"request"`
	Paging    string `yaml:"paging"` // page, time, cursor or none
	Items     string `yaml:"items"`
	Next      string `yaml:"next"`
	FirstPage *int   `yaml:"first_page"`
	Size      int    `yaml:"size"`
	Total     string `yaml:"total"`
	Updated   string `yaml:"updated"`
}

// operations are those that the file names, by what they are for.
func (s *Settings) operations() map[string]string {
	out := map[string]string{}
	add := func(op, name string) {
		if name != "" {
			out[op] = name
		}
	}
	add(rest.OpList, s.List.Operation)
	add(rest.OpGet, s.Get.Operation)
	add(rest.OpFind, s.Find.Operation)
	if s.Lookup != nil {
		add(rest.OpAsk, s.Lookup.Operation)
	}
	if s.Update != nil {
		add(rest.OpUpdate, s.Update.Operation)
	}
	if s.Create != nil {
		add(rest.OpCreate, s.Create.Operation)
	}
	return out
}

func load(p *spec.Platform) (Settings, rest.Settings, error) {
	s := Settings{Overlap: spec.Duration(5 * time.Minute), Timeout: spec.Duration(p.Life()), Timezone: "Asia/Shanghai", Encoding: "utf-8",
		Deletes: rest.Deletes{Mode: "none"}}
	if err := spec.DecodeConnect(p, &s); err != nil {
		return s, rest.Settings{}, err
	}
	if err := s.check(p); err != nil {
		return s, rest.Settings{}, err
	}
	r := s.engine()
	return s, r, r.Check(p)
}

func (s *Settings) check(p *spec.Platform) error {
	if s.WSDL == "" {
		return p.Errorf("connect.wsdl", "connect.wsdl is missing: the address of the platform's WSDL, or the path of a file with it.")
	}
	if u, err := url.Parse(s.WSDL); err != nil || strings.Contains(s.WSDL, "://") && u.Scheme != "http" && u.Scheme != "https" {
		return p.Errorf("connect.wsdl", "connect.wsdl must be an address with http or https, or the path of a file.")
	}
	if s.Endpoint != "" {
		if u, err := url.Parse(s.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return p.Errorf("connect.endpoint", "connect.endpoint must be an address, such as https://host/service.")
		}
	}
	if s.Version != "" && s.Version != "1.1" && s.Version != "1.2" {
		return p.Errorf("connect.version", `connect.version must be "1.1" or "1.2".`)
	}
	if (s.Security.Username == "") != (s.Security.Password == "") {
		return p.Errorf("connect.security", "connect.security needs username and password, or neither.")
	}
	if err := (rest.Templates{}).Add(p, opHeader, "connect.security.header", s.Security.Header); err != nil {
		return err
	}
	for _, x := range []struct {
		key, operation, request string
		given                   bool
	}{
		{"connect.list", s.List.Operation, s.List.Request, s.Lookup == nil},
		{"connect.get", s.Get.Operation, s.Get.Request, s.Get != Call{}},
		{"connect.find", s.Find.Operation, s.Find.Request, s.Find != Search{}},
		{"connect.lookup", of(s.Lookup).Operation, of(s.Lookup).Request, s.Lookup != nil},
		{"connect.update", of(s.Update).Operation, of(s.Update).Request, s.Update != nil},
		{"connect.create", of(s.Create).Operation, of(s.Create).Request, s.Create != nil},
	} {
		if x.given && x.operation == "" {
			return p.Errorf(x.key, "%s.operation is missing: the operation's name in the WSDL.", x.key)
		}
		if x.given && x.request == "" {
			return p.Errorf(x.key, "%s.request is missing: what stands inside the operation's element, such as <id>{{.Key}}</id>.", x.key)
		}
	}
	if s.Create != nil && s.Create.Key == "" {
		return p.Errorf("connect.create", "connect.create.key is missing: where the answer has the new row's key.")
	}
	if s.Update != nil && s.Get.Operation == "" {
		return p.Errorf("connect.update", "connect.get is missing: a write is conditional, and its doubt is ended, only by reading the row.")
	}
	return nil
}

func of[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

// engine makes the settings that the engine of package rest works with. A path
// is an operation's name.
func (s *Settings) engine() rest.Settings {
	l := s.List
	r := rest.Settings{
		Auth: s.Auth, Headers: s.Headers, Format: "xml", Encoding: s.Encoding, Values: s.Values,
		List: rest.List{Path: l.Operation, Method: http.MethodPost, Request: l.Request, Paging: l.Paging, Items: l.Items, Next: l.Next,
			FirstPage: l.FirstPage, Size: l.Size, Total: l.Total, Updated: l.Updated},
		Deletes: s.Deletes, Webhook: s.Webhook,
		Get:   rest.Get{Path: s.Get.Operation, Request: s.Get.Request, Item: s.Get.Item},
		Find:  rest.Find{Path: s.Find.Operation, Request: s.Find.Request, Items: s.Find.Items, Loose: s.Find.Loose},
		Error: s.Error, NotDone: s.NotDone, Overlap: s.Overlap, FullEvery: s.FullEvery, Timeout: s.Timeout, Timezone: s.Timezone,
	}
	if x := s.Lookup; x != nil {
		r.Lookup = &rest.Lookup{Path: x.Operation, Request: x.Request, Items: x.Items}
		r.List = rest.List{}
	}
	if x := s.Update; x != nil {
		r.Update = &rest.Update{Method: http.MethodPost, Path: x.Operation, Request: x.Request, Item: x.Item}
	}
	if x := s.Create; x != nil {
		r.Create = &rest.Create{Path: x.Operation, Request: x.Request, Key: x.Key, Item: x.Item}
	}
	return r
}
