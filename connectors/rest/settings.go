package rest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"heji/connectors/spec"
)

// Settings is the connect section of a platform of kind rest.
type Settings struct {
	BaseURL string            `yaml:"base_url"`
	Auth    Auth              `yaml:"auth"`
	Sign    *Sign             `yaml:"sign"`
	Headers map[string]string `yaml:"headers"`
	// Format of the bodies, both ways: json (default) or xml.
	Format string `yaml:"format"`
	// Encoding of what is sent, and of answers that do not say theirs: utf-8
	// (default), gbk, gb18030.
	Encoding string `yaml:"encoding"`
	// Values are texts of the file's own that request templates can name.
	Values  map[string]string `yaml:"values"`
	List    List              `yaml:"list"`
	Deletes Deletes           `yaml:"deletes"`
	Get     Get               `yaml:"get"`
	Find    Find              `yaml:"find"`
	Lookup  *Lookup           `yaml:"lookup"`
	Webhook *Webhook          `yaml:"webhook"`
	Update  *Update           `yaml:"update"`
	Create  *Create           `yaml:"create"`
	Error   Gateway           `yaml:"error"`
	// Numbers are columns that are written as JSON numbers.
	Numbers []string `yaml:"numbers"`
	// NotDone are 5xx statuses by which the platform promises that it did not do
	// what was asked.
	NotDone   []int         `yaml:"not_done"`
	Overlap   spec.Duration `yaml:"overlap"`    // default 5m
	FullEvery spec.Duration `yaml:"full_every"` // default 24h where deletes is full
	Timeout   spec.Duration `yaml:"timeout"`    // of one request; default request_life
	Timezone  string        `yaml:"timezone"`   // of times without one; default Asia/Shanghai
}

// Auth is one way to say who we are.
type Auth struct {
	Bearer string  `yaml:"bearer"`
	Basic  *Basic  `yaml:"basic"`
	APIKey *APIKey `yaml:"api_key"`
	OAuth2 *OAuth2 `yaml:"oauth2"`
}

// Basic is a name and a password with each request.
type Basic struct {
	User     string `yaml:"user"`
	Password string `yaml:"password"`
}

// APIKey is a key in a header.
type APIKey struct {
	Header string `yaml:"header"`
	Value  string `yaml:"value"`
}

// List is how all rows are read.
type List struct {
	Path        string            `yaml:"path"`
	Method      string            `yaml:"method"`  // GET (default) or POST
	Request     string            `yaml:"request"` // template of the body, where it is XML
	Params      map[string]string `yaml:"params"`  // sent with each request
	Paging      string            `yaml:"paging"`  // cursor, page, time, or none
	Items       string            `yaml:"items"`   // path of the list in the answer; "": the answer itself
	Next        string            `yaml:"next"`    // cursor: path of the next page's token
	CursorParam string            `yaml:"cursor_param"`
	PageParam   string            `yaml:"page_param"`
	FirstPage   *int              `yaml:"first_page"` // default 1
	SizeParam   string            `yaml:"size_param"`
	Size        int               `yaml:"size"` // default 200
	SinceParam  string            `yaml:"since_param"`
	Total       string            `yaml:"total"`   // path of the number of all rows
	Updated     string            `yaml:"updated"` // column of an item's change time; default change_column
}

// Deletes is written "full", "none", or {field: …, value: …}.
type Deletes struct {
	Mode  string
	Field string
	Value string
}

// UnmarshalYAML reads both forms.
func (d *Deletes) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		if n.Value != deletesFull && n.Value != deletesNone {
			return errors.New("connect.deletes must be full, none, or {field: …, value: …}.")
		}
		d.Mode = n.Value
		return nil
	}
	d.Mode = deletesField
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch n.Content[i].Value {
		case "field":
			d.Field = n.Content[i+1].Value
		case "value":
			d.Value = n.Content[i+1].Value
		default:
			return fmt.Errorf("connect.deletes: there is no key %q. Possible here: field, value.", n.Content[i].Value)
		}
	}
	if d.Field == "" {
		return errors.New("connect.deletes.field is missing: the column that marks a deleted row.")
	}
	return nil
}

// Get is how one row is read.
type Get struct {
	Path    string            `yaml:"path"`    // with {key}, or {column} for each key column
	Method  string            `yaml:"method"`  // GET (default) or POST
	Request string            `yaml:"request"` // template of the body, where it is XML
	Params  map[string]string `yaml:"params"`  // parameter → {key} or {column}
	Item    string            `yaml:"item"`    // path of the row in the answer
}

// Find is how rows are found by natural key.
type Find struct {
	Path    string            `yaml:"path"`
	Method  string            `yaml:"method"`
	Request string            `yaml:"request"`
	Params  map[string]string `yaml:"params"` // column → query parameter
	Items   string            `yaml:"items"`
	// Loose: the search finds more than was asked for. Otherwise an answer with
	// nobody but others is wrong.
	Loose bool `yaml:"loose"`
}

// Lookup is how one person is asked about, where the platform lists nobody.
type Lookup struct {
	Path    string            `yaml:"path"`
	Method  string            `yaml:"method"`
	Request string            `yaml:"request"`
	Params  map[string]string `yaml:"params"` // column → query parameter
	Items   string            `yaml:"items"`
}

// Update is how a row is changed.
type Update struct {
	Method            string `yaml:"method"` // PUT, PATCH or POST
	Path              string `yaml:"path"`
	Request           string `yaml:"request"` // template of the body, where it is XML
	Body              string `yaml:"body"`    // partial (default), full, wrapped
	Wrap              string `yaml:"wrap"`    // path under which a wrapped body puts the row; default data
	IfMatch           bool   `yaml:"if_match"`
	IdempotencyHeader string `yaml:"idempotency_header"`
	Item              string `yaml:"item"` // path of the row in the answer, where it is shown
}

// Create is how a row is made.
type Create struct {
	Method            string `yaml:"method"` // default POST
	Path              string `yaml:"path"`
	Request           string `yaml:"request"`
	Body              string `yaml:"body"` // partial (default) or wrapped
	Wrap              string `yaml:"wrap"`
	Key               string `yaml:"key"` // path of the new row's key in the answer
	IdempotencyHeader string `yaml:"idempotency_header"`
	Item              string `yaml:"item"`
}

// Gateway reads answers that say 200 and mean an error.
type Gateway struct {
	Code      string   `yaml:"code"` // path
	OK        []string `yaml:"ok"`
	Exists    []string `yaml:"exists"`
	Gone      []string `yaml:"gone"`
	Missed    []string `yaml:"missed"`
	Throttled []string `yaml:"throttled"`
	Refused   []string `yaml:"refused"` // faults that are surely no half-done work
	Message   string   `yaml:"message"` // path
	Column    string   `yaml:"column"`  // path of the refused column
}

// fine reports whether a code means success: one that is declared, or none at
// all where only errors have one.
func (g Gateway) fine(code string) bool {
	return contains(g.OK, code) || code == "" && len(g.OK) == 0
}

const (
	formatJSON = "json"
	formatXML  = "xml"

	deletesFull  = "full"
	deletesNone  = "none"
	deletesField = "field"

	byCursor = "cursor"
	byPage   = "page"
	byTime   = "time"

	bodyPartial = "partial"
	bodyFull    = "full"
	bodyWrapped = "wrapped"
)

func load(p *spec.Platform) (Settings, error) {
	s := Settings{Deletes: Deletes{Mode: deletesNone}, Overlap: spec.Duration(5 * time.Minute), Timeout: spec.Duration(p.Life()), Timezone: "Asia/Shanghai"}
	if err := spec.DecodeConnect(p, &s); err != nil {
		return s, err
	}
	base, err := url.Parse(s.BaseURL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return s, p.Errorf("connect.base_url", "connect.base_url must be the beginning of every address, such as https://host/api.")
	}
	s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	return s, s.Check(p)
}

// Check fills in what is not given and says what is wrong. A kind that has
// settings of its own makes these of them, and checks them the same way.
func (s *Settings) Check(p *spec.Platform) error {
	def(&s.Format, formatJSON)
	def(&s.Encoding, "utf-8")
	if s.Format != formatJSON && s.Format != formatXML {
		return p.Errorf("connect.format", "connect.format must be json or xml.")
	}
	if !contains([]string{"utf-8", "gbk", "gb2312", "gb18030"}, s.Encoding) {
		return p.Errorf("connect.encoding", "connect.encoding must be utf-8, gbk, gb2312 or gb18030.")
	}
	if s.Deletes.Mode == deletesFull && s.FullEvery == 0 {
		s.FullEvery = spec.Duration(24 * time.Hour)
	}
	for _, check := range []func(*spec.Platform) error{s.checkTemplates, s.checkAuth, s.checkLookup, s.checkList, s.checkFind, s.checkWrites, s.checkRequests} {
		if err := check(p); err != nil {
			return err
		}
	}
	if len(s.Error.OK) > 0 && s.Error.Code == "" {
		return p.Errorf("connect.error", "connect.error.code is missing: where in an answer the platform's own code stands.")
	}
	return nil
}

func def(to *string, what string) {
	if *to == "" {
		*to = what
	}
}

func (s *Settings) checkAuth(p *spec.Platform) error {
	if key := s.Auth.APIKey; key != nil && (key.Header == "" || key.Value == "") {
		return p.Errorf("connect.auth.api_key", "connect.auth.api_key needs header and value.")
	}
	if b := s.Auth.Basic; b != nil && (b.User == "" || b.Password == "") {
		return p.Errorf("connect.auth.basic", "connect.auth.basic needs user and password.")
	}
	if s.Auth.OAuth2 != nil {
		if err := s.Auth.OAuth2.check(p); err != nil {
			return err
		}
	}
	if s.Sign != nil {
		if err := s.Sign.check(p); err != nil {
			return err
		}
	}
	if s.Webhook != nil {
		return s.Webhook.check(p)
	}
	return nil
}

// checkLookup: a platform is listed, or asked person by person.
func (s *Settings) checkLookup(p *spec.Platform) error {
	l := s.Lookup
	if l == nil {
		if p.Limits.QuestionsPerDay > 0 {
			return p.Errorf("limits.questions_per_day", "limits.questions_per_day is for platforms that are asked person by person: connect.lookup is not given.")
		}
		return nil
	}
	switch {
	case s.List.Path != "":
		return p.Errorf("connect.lookup", "connect.lookup and connect.list: a platform that lists its rows need not be asked person by person. Take one of them out.")
	case s.Update != nil || s.Create != nil:
		return p.Errorf("connect.lookup", "connect.lookup: what can only be asked person by person cannot be written to. Take update and create out.")
	case l.Path == "":
		return p.Errorf("connect.lookup", "connect.lookup.path is missing: where one person is asked about.")
	case len(p.Natural) == 0:
		return p.Errorf("connect.lookup", "connect.lookup needs natural: the attributes by which the platform is asked, such as natural: [name, id_number].")
	case p.Limits.QuestionsPerDay <= 0:
		return p.Errorf("limits", "limits.questions_per_day is missing: how many persons may be asked about in a day. Write for example limits: {questions_per_day: 500}.")
	}
	return s.checkNatural(p, "connect.lookup", l.Request, l.Params)
}

// checkNatural: every column of the natural key finds its way into the question.
func (s *Settings) checkNatural(p *spec.Platform, key, request string, params map[string]string) error {
	for _, a := range p.Natural {
		for _, column := range p.Fields[a].ColumnNames() {
			if request != "" && !strings.Contains(request, column) {
				return p.Errorf(key+".request", "%s.request does not use the column %s of the natural key. Write it as {{.Natural.%s}}.", key, column, column)
			}
			if request == "" && params[column] == "" {
				return p.Errorf(key+".params", "%s.params does not say which parameter takes the column %s of the natural key.", key, column)
			}
		}
	}
	return nil
}

// checkRequests: methods and bodies fit each other.
func (s *Settings) checkRequests(p *spec.Platform) error {
	reads := []struct {
		key             string
		method, request *string
	}{{"connect.list", &s.List.Method, &s.List.Request}, {"connect.get", &s.Get.Method, &s.Get.Request}, {"connect.find", &s.Find.Method, &s.Find.Request}}
	if s.Lookup != nil {
		reads = append(reads, struct {
			key             string
			method, request *string
		}{"connect.lookup", &s.Lookup.Method, &s.Lookup.Request})
	}
	for _, r := range reads {
		if *r.method == "" {
			*r.method = http.MethodGet
			if *r.request != "" {
				*r.method = http.MethodPost
			}
		}
		switch {
		case *r.method != http.MethodGet && *r.method != http.MethodPost:
			return p.Errorf(r.key+".method", "%s.method must be GET or POST.", r.key)
		case *r.request != "" && *r.method == http.MethodGet:
			return p.Errorf(r.key+".method", "%s.request: a GET has no body. Write method: POST, or use params.", r.key)
		case *r.request != "" && s.Format != formatXML:
			return p.Errorf(r.key+".request", "%s.request is for platforms that want XML: write format: xml, or use params.", r.key)
		case *r.request == "" && *r.method == http.MethodPost && s.Format == formatXML:
			return p.Errorf(r.key, "%s.request is missing: the XML that is posted, such as <query><page>{{.Page}}</page></query>.", r.key)
		}
	}
	return s.checkBodies(p)
}

func (s *Settings) checkBodies(p *spec.Platform) error {
	for _, w := range []struct {
		key, request string
		given        bool
	}{{"connect.update", s.updateRequest(), s.Update != nil}, {"connect.create", s.createRequest(), s.Create != nil}} {
		switch {
		case !w.given:
		case s.Format == formatXML && w.request == "":
			return p.Errorf(w.key, "%s.request is missing: the XML of a write, such as <person><id>{{.Key}}</id>{{elements .Set}}</person>.", w.key)
		case s.Format != formatXML && w.request != "":
			return p.Errorf(w.key+".request", "%s.request is for platforms that want XML: write format: xml, or take it out.", w.key)
		case w.request != "" && !uses(w.request, "Set") && !uses(w.request, "Row"):
			return p.Errorf(w.key+".request", "%s.request does not use what is to be written: {{elements .Set}}, {{.Set.COLUMN}} or {{.Row.COLUMN}}.", w.key)
		}
	}
	return nil
}

func (s *Settings) updateRequest() string {
	if s.Update == nil {
		return ""
	}
	return s.Update.Request
}

func (s *Settings) createRequest() string {
	if s.Create == nil {
		return ""
	}
	return s.Create.Request
}

func (s *Settings) checkTemplates(p *spec.Platform) error {
	_, err := s.Templates(p)
	return err
}

// Templates are all request templates of the file.
func (s *Settings) Templates(p *spec.Platform) (Templates, error) {
	t := Templates{}
	list := []struct{ op, text string }{{OpList, s.List.Request}, {OpGet, s.Get.Request}, {OpFind, s.Find.Request},
		{OpUpdate, s.updateRequest()}, {OpCreate, s.createRequest()}}
	if s.Lookup != nil {
		list = append(list, struct{ op, text string }{OpAsk, s.Lookup.Request})
	}
	for _, x := range list {
		key := x.op
		if x.op == OpAsk {
			key = "lookup"
		}
		if err := t.Add(p, x.op, "connect."+key+".request", x.text); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (s *Settings) checkList(p *spec.Platform) error {
	l := &s.List
	if s.Lookup != nil {
		return nil
	}
	if l.Request != "" {
		// A template names what would otherwise be parameters.
		for to, name := range map[*string]string{&l.PageParam: "Page", &l.SizeParam: "Size", &l.SinceParam: "Since", &l.CursorParam: "Cursor"} {
			if *to = ""; uses(l.Request, name) {
				*to = name
			}
		}
	}
	if l.Size == 0 {
		l.Size = 200
	}
	if l.FirstPage == nil {
		one := 1
		l.FirstPage = &one
	}
	if l.Updated == "" {
		l.Updated = p.ChangeColumn
	}
	missing := func(key, what string) error {
		for param, name := range map[string]string{"page_param": "Page", "since_param": "Since"} {
			if key == param && l.Request != "" {
				return p.Errorf("connect.list.request", "connect.list.request does not use {{.%s}}, which paging: %s goes by.", name, l.Paging)
			}
		}
		return p.Errorf("connect.list", "connect.list.%s is missing: %s.", key, what)
	}
	switch {
	case l.Path == "":
		return missing("path", "where the platform lists its rows, such as /persons")
	case l.Size < 1:
		return p.Errorf("connect.list.size", "connect.list.size must be at least 1.")
	case l.SinceParam != "" && l.Updated == "":
		return missing("updated", "the column that tells when an item changed, which since_param goes by")
	}
	switch l.Paging {
	case "", "none":
		l.Paging = ""
	case byCursor:
		if l.Request != "" && l.CursorParam == "" {
			return p.Errorf("connect.list.request", "connect.list.request does not use {{.Cursor}}, which paging: cursor goes by.")
		}
		if l.Next == "" || l.CursorParam == "" {
			return p.Errorf("connect.list", "connect.list needs next and cursor_param: where the answer has the next page's token, and the parameter that takes it.")
		}
	case byPage:
		if l.PageParam == "" {
			return missing("page_param", "the parameter that takes the number of the page")
		}
	case byTime:
		if l.SinceParam == "" {
			return missing("since_param", "the parameter that takes the time to begin with")
		}
	default:
		return p.Errorf("connect.list.paging", "connect.list.paging must be cursor, page, time or none.")
	}
	return nil
}

func (s *Settings) checkFind(p *spec.Platform) error {
	if s.Find.Path == "" {
		return nil
	}
	return s.checkNatural(p, "connect.find", s.Find.Request, s.Find.Params)
}

func (s *Settings) checkWrites(p *spec.Platform) error {
	if u := s.Update; u != nil {
		switch u.Method {
		case http.MethodPut, http.MethodPatch, http.MethodPost:
		default:
			return p.Errorf("connect.update.method", "connect.update.method must be PUT, PATCH or POST.")
		}
		if u.Body == "" {
			u.Body = bodyPartial
		}
		if u.Wrap == "" {
			u.Wrap = "data"
		}
		if u.Path == "" {
			return p.Errorf("connect.update", "connect.update.path is missing, such as /persons/{key}.")
		}
		if u.Body != bodyPartial && u.Body != bodyFull && u.Body != bodyWrapped {
			return p.Errorf("connect.update.body", "connect.update.body must be partial, full or wrapped.")
		}
		if s.Get.Path == "" {
			return p.Errorf("connect.update", "connect.get.path is missing: a write is conditional, and its doubt is ended, only by reading the row.")
		}
	}
	if c := s.Create; c != nil {
		if c.Method == "" {
			c.Method = http.MethodPost
		}
		if c.Wrap == "" {
			c.Wrap = "data"
		}
		if c.Body != "" && c.Body != bodyPartial && c.Body != bodyWrapped {
			return p.Errorf("connect.create.body", "connect.create.body must be partial or wrapped.")
		}
		if c.Path == "" || c.Key == "" {
			return p.Errorf("connect.create", "connect.create needs path and key: where a row is made, and where the answer has its key.")
		}
	}
	return nil
}
