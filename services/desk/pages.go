package desk

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/store"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// mergeWait is how long a page waits for the merge after saving, so that staff
// most often land on the resident at once.
const mergeWait = 1500 * time.Millisecond

// parsePages reads every page with the layout and the pieces that it shares.
func parsePages() (map[string]*template.Template, error) {
	names, err := fs.Glob(templateFiles, "templates/page_*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, name := range names {
		t, err := template.New("layout.html").Funcs(template.FuncMap{"both": both, "keep": keepForm}).
			ParseFS(templateFiles, "templates/layout.html", "templates/pieces.html", name)
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
		pages[strings.TrimSuffix(strings.TrimPrefix(name, "templates/page_"), ".html")] = t
	}
	return pages, nil
}

// piece hands a shared piece its own thing and the page around it.
type piece struct {
	Page page
	It   any
}

func both(p page, it any) piece { return piece{p, it} }

// keepPiece is the small form by which a person decides that a value stays.
type keepPiece struct {
	Page      page
	Attribute schema.Attribute
	From      Origin
	Value     string
	Word      string
}

func keepForm(p page, v Value, from Origin, value, word string) keepPiece {
	return keepPiece{p, v.Attribute, from, value, word}
}

// page is what every template gets.
type page struct {
	L       Lang
	Title   string
	Nav     string // which entry of the menu this is
	Switch  string // the same page in the other language
	Back    string // where a small form returns to
	Who     string // whoever worked here last
	Request string // idempotency key of the form on this page
	Refresh int    // without scripts: ask again after so many seconds; 0: never
	Body    any

	zone  *time.Location
	today time.Time
}

// T says a key of the catalogue.
func (p page) T(key string, pairs ...any) string { return p.L.T(key, pairs...) }

// When writes a time as staff read it.
func (p page) When(at any) string { return p.time(at, "2006-01-02 15:04") }

// Day writes the day alone.
func (p page) Day(at any) string { return p.time(at, time.DateOnly) }

// ISO writes a time for programs.
func (p page) ISO(at any) string { return p.time(at, time.RFC3339) }

func (p page) time(at any, form string) string {
	switch t := at.(type) {
	case time.Time:
		if !t.IsZero() {
			return t.In(p.zone).Format(form)
		}
	case *time.Time:
		if t != nil {
			return t.In(p.zone).Format(form)
		}
	}
	return ""
}

const whoCookie = "who"

func (d *Desk) page(w http.ResponseWriter, r *http.Request, nav string) page {
	l := pageLang(w, r)
	q := r.URL.Query()
	q.Set("lang", string(l.Other()))
	p := page{L: l, Nav: nav, Switch: r.URL.Path + "?" + q.Encode(), Back: r.URL.Path, zone: d.o.Today().Location(), today: d.o.Today()}
	if r.Method != http.MethodGet {
		p.Switch = "/?lang=" + string(l.Other()) // what was posted is not posted again
	}
	if c, err := r.Cookie(whoCookie); err == nil {
		if who, err := url.QueryUnescape(c.Value); err == nil {
			p.Who, _ = named(who)
		}
	}
	return p
}

func (d *Desk) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	var b bytes.Buffer
	if err := d.pages[name].Execute(&b, p); err != nil {
		d.o.Logger.Error("a page cannot be made", "route", r.Pattern, "error", err)
		http.Error(w, p.T("error.internal.title"), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", string(p.L))
	w.WriteHeader(status)
	// When this fails the connection is gone, and so is whoever asked.
	_, _ = w.Write(b.Bytes())
}

// ErrorBody is what the error page says.
type ErrorBody struct {
	Status        int
	Title, Detail string
	Problems      []FieldProblem
}

func (d *Desk) errorPage(w http.ResponseWriter, r *http.Request, status int, code string, pairs ...any) {
	p := d.page(w, r, "")
	body := ErrorBody{Status: status, Title: p.T("error."+code+".title", pairs...), Detail: p.T("error."+code+".detail", pairs...)}
	p.Title, p.Body = body.Title, body
	d.render(w, r, status, "error", p)
}

// html turns a function into a page handler with one way to fail.
func (d *Desk) html(f func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			known := d.failureOf(r, err)
			d.errorPage(w, r, known.status, known.code, known.pairs...)
		}
	}
}

// posted reads a form and remembers whoever signed it.
func posted(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	if who, ok := named(r.PostForm.Get("who")); ok {
		setCookie(w, whoCookie, url.QueryEscape(who))
	}
	return nil
}

// HomeBody is the start page.
type HomeBody struct {
	Query string
	Hits  *Hits
	Overview
	Recent []store.RecentEntry
}

func (d *Desk) homePage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "home")
	body := HomeBody{Query: r.URL.Query().Get("q")}
	if strings.TrimSpace(body.Query) != "" {
		hits, err := d.search(r.Context(), p.L, body.Query)
		if err != nil {
			return err
		}
		body.Hits = &hits
	}
	var err error
	if body.Overview, err = d.overview(r.Context(), p.L); err != nil {
		return err
	}
	if body.Recent, err = d.o.Store.RecentEntries(r.Context(), 8); err != nil {
		return err
	}
	p.Title, p.Body = p.T("home.title"), body
	d.render(w, r, http.StatusOK, "home", p)
	return nil
}

// FormBody is the form, for a new resident or an edit.
type FormBody struct {
	Groups   []Group
	Problems []FieldProblem
	Warnings []Warning
	Resident string // edits
	Name     string
	Action   string
	Nothing  bool // nothing was changed
	WhoError string
}

func (d *Desk) newPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "new")
	p.Title, p.Request = p.T("new.title"), mustKey()
	p.Body = FormBody{Groups: form(p.L, nil, nil, nil), Action: "/residents/new"}
	d.render(w, r, http.StatusOK, "form", p)
	return nil
}

func mustKey() string {
	key, _ := requestKey("") // a key of its own never fails
	return key
}

// newPost saves a new resident from the form. Something odd is said first, and
// saved when the button is pressed again.
func (d *Desk) newPost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	p := d.page(w, r, "new")
	p.Title, p.Request, p.Who = p.T("new.title"), r.PostForm.Get("request"), r.PostForm.Get("who")
	body := FormBody{Action: "/residents/new"}
	values, problems := entered(p.L, filled(r.PostForm), nil, d.o.Today())
	who, ok := named(p.Who)
	if !ok {
		body.WhoError = p.T("bad.who", "max", maxWho)
	}
	status := http.StatusOK
	if len(problems) > 0 || !ok {
		status, body.Problems = http.StatusUnprocessableEntity, problems
	} else if r.PostForm.Get("confirm") == "" {
		preview, err := d.foresee(r.Context(), p.L, store.View{}, values)
		if err != nil {
			return err
		}
		body.Warnings = preview.Warnings
	}
	if status != http.StatusOK || len(body.Warnings) > 0 {
		body.Groups = form(p.L, nil, r.PostForm, problems)
		p.Body = body
		d.render(w, r, status, "form", p)
		return nil
	}
	request, err := requestKey(p.Request)
	if err != nil {
		return err
	}
	s, err := d.saveNew(r.Context(), request, who, values)
	if err != nil {
		return err
	}
	return d.afterSaving(w, r, p.L, s.Request)
}

// afterSaving leads to the resident, or to the entry while it is being merged.
func (d *Desk) afterSaving(w http.ResponseWriter, r *http.Request, l Lang, request string) error {
	reply, err := d.await(r.Context(), l, request, mergeWait, true)
	if err != nil {
		return err
	}
	http.Redirect(w, r, entryAddress(reply), http.StatusSeeOther)
	return nil
}

func entryAddress(e EntryReply) string {
	if e.Resident != nil {
		return "/residents/" + *e.Resident + "?entry=" + url.QueryEscape(e.Entry.Request)
	}
	return "/entries/" + url.PathEscape(e.Entry.Request)
}

// entryPage waits for the merge.
func (d *Desk) entryPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "")
	reply, err := d.entryReply(r.Context(), p.L, r.PathValue("request"))
	if err != nil {
		return err
	}
	if reply.State == entryMerged {
		http.Redirect(w, r, entryAddress(reply), http.StatusSeeOther)
		return nil
	}
	p.Title, p.Body = p.T("entry.title"), reply
	if reply.State == entryPending {
		p.Refresh = 1
	}
	d.render(w, r, http.StatusOK, "entry", p)
	return nil
}

// PersonBody is the page of one resident.
type PersonBody struct {
	Person
	Head   string // sex, age
	Away   string // not simply alive and here
	Groups []ValueGroup
	Entry  *EntryReply // just saved
	Poll   string
	Green  int
	All    int
}

// ValueGroup is a section of values.
type ValueGroup struct {
	Title   string
	Values  []Value
	Missing string // attributes that nobody knows
}

// residentID reads the id of a page's address and follows merges: done means
// that the answer is a redirect.
func (d *Desk) residentID(w http.ResponseWriter, r *http.Request, suffix string) (id uuid.UUID, done bool, err error) {
	if id, err = uuid.Parse(r.PathValue("id")); err != nil {
		return id, false, store.ErrNotFound
	}
	living, err := d.o.Store.Living(r.Context(), id)
	if err != nil || living == id {
		return living, false, err
	}
	http.Redirect(w, r, "/residents/"+living.String()+suffix, http.StatusSeeOther)
	return living, true, nil
}

func (d *Desk) residentPage(w http.ResponseWriter, r *http.Request) error {
	id, done, err := d.residentID(w, r, "")
	if err != nil || done {
		return err
	}
	p := d.page(w, r, "")
	person, err := d.person(r.Context(), p.L, id)
	if err != nil {
		return err
	}
	body := PersonBody{Person: person, Groups: valueGroups(p.L, person), All: len(person.Targets),
		Poll: "/api/v1/residents/" + person.ID + "/targets?lang=" + string(p.L)}
	body.Head, body.Away = headline(p, person)
	for _, t := range person.Targets {
		if t.Tone == "ok" {
			body.Green++
		}
	}
	if request := r.URL.Query().Get("entry"); request != "" {
		if e, err := d.entryReply(r.Context(), p.L, request); err == nil {
			body.Entry = &e
		}
	}
	if !person.Settled || body.Entry != nil && body.Entry.State == entryPending {
		p.Refresh = 2
	}
	p.Title, p.Body = person.Name, body
	d.render(w, r, http.StatusOK, "resident", p)
	return nil
}

func headline(p page, person Person) (head, away string) {
	var parts []string
	if v, ok := person.Values[schema.Sex]; ok {
		parts = append(parts, v.Text)
	}
	if v, ok := person.Values[schema.BirthDate]; ok {
		if age, ok := schema.AgeAt(v.Value, p.today); ok && person.Values[schema.LifeStatus].Value != "dead" {
			parts = append(parts, p.T("age", "years", age))
		}
		parts = append(parts, v.Text)
	}
	if v, ok := person.Values[schema.LifeStatus]; ok && v.Value != "alive" {
		away = v.Text
	}
	return strings.Join(parts, " · "), away
}

func valueGroups(l Lang, person Person) []ValueGroup {
	var out []ValueGroup
	for _, g := range formGroups {
		group := ValueGroup{Title: l.T("group." + g.key)}
		var missing []schema.Attribute
		for _, a := range g.list {
			if v, ok := person.Values[a]; ok {
				group.Values = append(group.Values, v)
			} else if g.first {
				missing = append(missing, a)
			}
		}
		group.Missing = l.Attributes(missing)
		if len(group.Values) > 0 || g.first {
			out = append(out, group)
		}
	}
	return out
}

func (d *Desk) editPage(w http.ResponseWriter, r *http.Request) error {
	id, done, err := d.residentID(w, r, "/edit")
	if err != nil || done {
		return err
	}
	p := d.page(w, r, "")
	view, err := d.livingView(r.Context(), id)
	if err != nil {
		return err
	}
	p.Request = mustKey()
	d.renderEdit(w, r, http.StatusOK, p, view, FormBody{Groups: form(p.L, view.Resident.Values(), nil, nil)})
	return nil
}

func (d *Desk) renderEdit(w http.ResponseWriter, r *http.Request, status int, p page, view store.View, body FormBody) {
	body.Resident, body.Name = view.Resident.ID.String(), view.Resident.Master[schema.Name].Value
	body.Action = "/residents/" + body.Resident + "/edit"
	p.Title, p.Body = p.T("edit.title", "name", body.Name), body
	d.render(w, r, status, "form", p)
}

// ConfirmBody is the page between an edit and saving it: who will receive what.
type ConfirmBody struct {
	Preview
	Resident string
	Name     string
	Changes  map[string]string
	Disputed bool
}

// editPost shows who will receive what, and saves when that has been seen.
func (d *Desk) editPost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return store.ErrNotFound
	}
	view, err := d.livingView(r.Context(), id)
	if err != nil {
		return err
	}
	p := d.page(w, r, "")
	p.Request, p.Who = r.PostForm.Get("request"), r.PostForm.Get("who")
	texts := changed(p.L, r.PostForm)
	saving := r.PostForm.Get("step") == "save"
	if saving {
		texts = map[string]string{}
		for key, v := range r.PostForm {
			if a, ok := strings.CutPrefix(key, "set."); ok && len(v) > 0 {
				texts[a] = v[0]
			}
		}
	}
	values, problems := entered(p.L, texts, view.Resident.Values(), d.o.Today())
	body := FormBody{Nothing: len(texts) == 0, Problems: problems}
	who, ok := named(p.Who)
	if !ok {
		body.WhoError = p.T("bad.who", "max", maxWho)
	}
	if body.Nothing || len(problems) > 0 || !ok {
		body.Groups = form(p.L, nil, r.PostForm, problems)
		if saving {
			body.Groups = form(p.L, view.Resident.Values(), nil, problems)
		}
		d.renderEdit(w, r, http.StatusUnprocessableEntity, p, view, body)
		return nil
	}
	if saving {
		return d.saveConfirmed(w, r, p, who, view.Resident.ID, values)
	}
	preview, err := d.foresee(r.Context(), p.L, view, values)
	if err != nil {
		return err
	}
	confirm := ConfirmBody{Preview: preview, Resident: view.Resident.ID.String(), Name: view.Resident.Master[schema.Name].Value,
		Changes: map[string]string{}}
	for a, v := range values {
		confirm.Changes[string(a)] = v
	}
	for _, v := range preview.Values {
		confirm.Disputed = confirm.Disputed || len(v.Disputes) > 0
	}
	p.Title, p.Body = p.T("confirm.title", "name", confirm.Name), confirm
	d.render(w, r, http.StatusOK, "confirm", p)
	return nil
}

func (d *Desk) saveConfirmed(w http.ResponseWriter, r *http.Request, p page, who string, id uuid.UUID, values schema.Values) error {
	request, err := requestKey(p.Request)
	if err != nil {
		return err
	}
	s, err := d.saveEdit(r.Context(), request, who, id, values)
	if err != nil {
		return err
	}
	reply, err := d.await(context.WithoutCancel(r.Context()), p.L, s.Request, mergeWait, true)
	if err != nil {
		return err
	}
	if reply.Resident == nil {
		// An edit has a page already; it watches until the entry is merged.
		own := id.String()
		reply.Resident = &own
	}
	http.Redirect(w, r, entryAddress(reply), http.StatusSeeOther)
	return nil
}

func (d *Desk) platformsPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "platforms")
	o, err := d.overview(r.Context(), p.L)
	if err != nil {
		return err
	}
	p.Title, p.Body = p.T("platforms.title"), o
	d.render(w, r, http.StatusOK, "platforms", p)
	return nil
}

func (d *Desk) reviewsPage(w http.ResponseWriter, r *http.Request) error {
	offset, err := offsetOf(r)
	if err != nil {
		return err
	}
	p := d.page(w, r, "reviews")
	reviews, err := d.reviews(r.Context(), p.L, offset)
	if err != nil {
		return err
	}
	p.Title, p.Body = p.T("reviews.title"), reviews
	d.render(w, r, http.StatusOK, "reviews", p)
	return nil
}

// act handles a small form: do it, and go back to where the form was.
func (d *Desk) act(do func(r *http.Request, l Lang) error) http.HandlerFunc {
	return d.html(func(w http.ResponseWriter, r *http.Request) error {
		if err := posted(w, r); err != nil {
			return err
		}
		if err := do(r, pageLang(w, r)); err != nil {
			return err
		}
		http.Redirect(w, r, backAddress(r.PostForm.Get("back")), http.StatusSeeOther)
		return nil
	})
}

// backAddress keeps a redirect within the desk.
func backAddress(back string) string {
	u, err := url.Parse(back)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(back, `\`) {
		return "/"
	}
	return u.RequestURI()
}

func decisionForm(r *http.Request) decisionBody {
	f := r.PostForm
	return decisionBody{Kind: f.Get("kind"), A: schema.RecordRef{Platform: f.Get("a.platform"), Key: f.Get("a.key")},
		B:         schema.RecordRef{Platform: f.Get("b.platform"), Key: f.Get("b.key")},
		Attribute: schema.Attribute(f.Get("attribute")), Value: f.Get("value"), Who: f.Get("who"), Why: f.Get("why")}
}
