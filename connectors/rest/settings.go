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
	Headers map[string]string `yaml:"headers"`
	List    List              `yaml:"list"`
	Deletes Deletes           `yaml:"deletes"`
	Get     Get               `yaml:"get"`
	Find    Find              `yaml:"find"`
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
	APIKey *APIKey `yaml:"api_key"`
}

// APIKey is a key in a header.
type APIKey struct {
	Header string `yaml:"header"`
	Value  string `yaml:"value"`
}

// List is how all rows are read.
type List struct {
	Path        string            `yaml:"path"`
	Params      map[string]string `yaml:"params"` // sent with each request
	Paging      string            `yaml:"paging"` // cursor, page, time, or none
	Items       string            `yaml:"items"`  // path of the list in the answer; "": the answer itself
	Next        string            `yaml:"next"`   // cursor: path of the next page's token
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
	Path string `yaml:"path"` // with {key}, or {column} for each key column
	Item string `yaml:"item"` // path of the row in the answer
}

// Find is how rows are found by natural key.
type Find struct {
	Path   string            `yaml:"path"`
	Params map[string]string `yaml:"params"` // column → query parameter
	Items  string            `yaml:"items"`
}

// Update is how a row is changed.
type Update struct {
	Method            string `yaml:"method"` // PUT, PATCH or POST
	Path              string `yaml:"path"`
	Body              string `yaml:"body"` // partial (default), full, wrapped
	Wrap              string `yaml:"wrap"` // path under which a wrapped body puts the row; default data
	IfMatch           bool   `yaml:"if_match"`
	IdempotencyHeader string `yaml:"idempotency_header"`
	Item              string `yaml:"item"` // path of the row in the answer, where it is shown
}

// Create is how a row is made.
type Create struct {
	Method            string `yaml:"method"` // default POST
	Path              string `yaml:"path"`
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
	Message   string   `yaml:"message"` // path
	Column    string   `yaml:"column"`  // path of the refused column
}

const (
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
	if s.Auth.APIKey != nil && (s.Auth.APIKey.Header == "" || s.Auth.APIKey.Value == "") {
		return s, p.Errorf("connect.auth.api_key", "connect.auth.api_key needs header and value.")
	}
	if s.Deletes.Mode == deletesFull && s.FullEvery == 0 {
		s.FullEvery = spec.Duration(24 * time.Hour)
	}
	for _, check := range []func(*spec.Platform) error{s.checkList, s.checkFind, s.checkWrites} {
		if err := check(p); err != nil {
			return s, err
		}
	}
	if len(s.Error.OK) > 0 && s.Error.Code == "" {
		return s, p.Errorf("connect.error", "connect.error.code is missing: where in an answer the platform's own code stands.")
	}
	return s, nil
}

func (s *Settings) checkList(p *spec.Platform) error {
	l := &s.List
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
	for _, a := range p.Natural {
		for _, column := range p.Fields[a].ColumnNames() {
			if s.Find.Params[column] == "" {
				return p.Errorf("connect.find.params", "connect.find.params does not say which parameter takes the column %s of the natural key.", column)
			}
		}
	}
	return nil
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
