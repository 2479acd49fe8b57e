package desk

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"heji/schema"
	"heji/services/access"
	"heji/services/lineage"
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
		t, err := template.New("layout.html").Funcs(template.FuncMap{"both": both, "keep": keepForm, "ids": decisionIDs, "revoke": revokeOf, "join": joined, "reveal": revealOf, "held": heldOf, "key": shownKey, "alike": withBody[[]Alike], "picks": withBody[[]Pick], "targets": targetsOf, "path": url.PathEscape}).
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

// withBody is a page whose body is one list alone: what a script asks for by itself.
func withBody[T any](p page, list T) page {
	p.Body = list
	return p
}

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

// revokePiece is the box by which standing decisions are taken back with a new one.
type revokePiece struct {
	Page page
	List []Decided
	Name string
}

func revokeOf(p page, list []Decided, name string) revokePiece { return revokePiece{p, list, name} }

// heldPiece is a field that waits for a person, with what can be said of it.
type heldPiece struct {
	Page     page
	Resident string
	Record   int64
	Field    HeldField
}

func heldOf(p page, resident string, record int64, f HeldField) heldPiece {
	return heldPiece{p, resident, record, f}
}

// Say is the key of the words on the button of a verdict.
func (h heldPiece) Say(v lineage.Verdict) string { return "held.say." + string(v) }

// Column says that the verdict can be said of the whole column.
func (h heldPiece) Column() bool { return slices.Contains(h.Field.Verdicts, lineage.AsRendition) }

// revealPiece is the small form that puts numbers in sight.
type revealPiece struct {
	Page     page
	ID, Also string
}

func revealOf(p page, id, also string) revealPiece { return revealPiece{p, id, also} }

func joined(p page, list []string) string { return strings.Join(list, p.T("list.separator")) }

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
	form  string // what the forms of this page carry
	actor access.Actor
	open  bool // nobody needs to log in yet
}

// T says a key of the catalogue.
func (p page) T(key string, pairs ...any) string { return p.L.T(key, pairs...) }

// When writes a time as staff read it.
func (p page) When(at any) string { return p.time(at, "2006-01-02 15:04") }

// Age is how old somebody born then is.
func (p page) Age(birth string) string {
	years, ok := schema.AgeAt(birth, p.today)
	if !ok {
		return ""
	}
	return p.T("age", "years", years)
}

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

// Known is the name of whoever has logged in; empty: nobody needs to.
func (p page) Known() string { return p.actor.Name }

// Can reports whether whoever looks may use a route: what they may not is not
// offered.
func (p page) Can(route string) bool {
	return p.open || p.actor.May(permissions[route])
}

// Open reports that there is no account yet.
func (p page) Open() bool { return p.open }

// Token is what scripts send with what they change.
func (p page) Token() string { return p.form }

const whoCookie = "who"

func (d *Desk) page(w http.ResponseWriter, r *http.Request, nav string) page {
	l := pageLang(w, r)
	q := r.URL.Query()
	q.Set("lang", string(l.Other()))
	p := page{L: l, Nav: nav, Switch: r.URL.Path + "?" + q.Encode(), Back: r.URL.Path, zone: d.o.Today().Location(), today: d.o.Today()}
	if r.Method != http.MethodGet {
		p.Switch = "/?lang=" + string(l.Other()) // what was posted is not posted again
	}
	p.Who = signer(r)
	p.actor, p.form, p.open = access.From(r.Context()), visitOf(r.Context()).form, !d.closed.Load()
	if p.actor.Known() {
		p.Who = p.actor.Name
	}
	return p
}

func (d *Desk) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	d.renderPart(w, r, status, name, "layout.html", p)
}

// renderPart writes one piece of a page, for the script that puts it in its place.
func (d *Desk) renderPart(w http.ResponseWriter, r *http.Request, status int, name, part string, p page) {
	var b bytes.Buffer
	if err := d.pages[name].ExecuteTemplate(&b, part, p); err != nil {
		d.o.Logger.Error("a page cannot be made", "route", r.Pattern, "error", err)
		http.Error(w, p.T("error.internal.title"), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", string(p.L))
	w.WriteHeader(status)
	// When this fails the connection is gone, and so is whoever asked.
	_, _ = w.Write(withToken(b.Bytes(), p.form))
}

// ErrorBody is what the error page says.
type ErrorBody struct {
	Status        int
	Title, Detail string
	Problems      []FieldProblem
	Decisions     []Decided // that stand in the way
}

func (d *Desk) errorPage(w http.ResponseWriter, r *http.Request, f *failure) {
	f.headers(w)
	p := d.page(w, r, "")
	body := ErrorBody{Status: f.status, Title: p.T("error."+f.code+".title", f.pairs...), Detail: p.T("error."+f.code+".detail", f.pairs...),
		Decisions: f.decisions}
	p.Title, p.Body = body.Title, body
	d.render(w, r, f.status, "error", p)
}

// html turns a function into a page handler with one way to fail.
func (d *Desk) html(f func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := d.trail(r)
		if err == nil {
			err = f(w, r)
		}
		if err != nil {
			d.errorPage(w, r, d.failureOf(r, err))
		}
	}
}

// posted reads a form and remembers whoever signed it.
func posted(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	if who, ok := named(r.PostForm.Get("who")); ok && !access.From(r.Context()).Known() {
		setCookie(w, whoCookie, url.QueryEscape(who))
	}
	return nil
}

// HomeBody is the start page.
type HomeBody struct {
	Query string
	Hits  *Hits
	Overview
	Start
	Recent []store.RecentEntry
	Drafts []DraftLine
	Kept   bool // a draft was kept just now
}

// found searches for what the box of the start page holds.
func (d *Desk) found(r *http.Request, l Lang, typing bool) (HomeBody, error) {
	body := HomeBody{Query: r.URL.Query().Get("q")}
	if strings.TrimSpace(body.Query) == "" {
		return body, nil
	}
	hits, err := d.search(r.Context(), l, body.Query, typing)
	body.Hits = &hits
	return body, err
}

// hitsPart answers GET /hits?q=: what the start page shows below the box, while
// somebody types.
func (d *Desk) hitsPart(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "home")
	body, err := d.found(r, p.L, true)
	if err != nil {
		return err
	}
	p.Body = body
	d.renderPart(w, r, http.StatusOK, "home", "hits", p)
	return nil
}

func (d *Desk) homePage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "home")
	body, err := d.found(r, p.L, false)
	if err != nil {
		return err
	}
	if body.Overview, err = d.overview(r.Context(), p.L); err != nil {
		return err
	}
	if body.Start, err = d.firstThings(r.Context(), p.L); err != nil {
		return err
	}
	body.ReviewsOpen = body.pairs
	if body.Recent, err = d.o.Store.RecentEntries(r.Context(), 8); err != nil {
		return err
	}
	if body.Drafts, err = d.draftLines(r.Context(), p.L); err != nil {
		return err
	}
	body.Kept = r.URL.Query().Has("kept")
	p.Title, p.Body = p.T("home.title"), body
	d.render(w, r, http.StatusOK, "home", p)
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
