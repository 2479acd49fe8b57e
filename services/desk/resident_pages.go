package desk

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/access"
	"heji/services/store"
)

// FormBody is the form, for a new resident or an edit.
type FormBody struct {
	Groups   []Group
	Problems []FieldProblem
	Warnings []Warning
	Resident string // edits
	Since    string // the entry that the form was made after
	Name     string
	Action   string
	Nothing  bool // nothing was changed
	// Elsewhere: the number is registered with another community.
	Elsewhere bool
	WhoError  string
	Alike     []Alike // who may be the same
	// Mother and MotherName: a newborn is entered from her page.
	Mother, MotherName string
	Picks              []Pick // the dwellings that a short address may mean
	Taken              bool   // what was entered for a new resident is in the boxes of one who was there
	// Of a pasted line: itself, what was understood, and what was not.
	Paste, Understood, Rest string
}

func (d *Desk) newPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "new")
	p.Title, p.Request = p.T("new.title"), mustKey()
	body := FormBody{Action: "/residents/new"}
	var typed url.Values
	if q := r.URL.Query(); strings.Count(q.Get("at"), "|") == 3 { // a door of the building chart
		list, err := d.o.Store.AtDwellings(r.Context(), []string{q.Get("at")})
		if err != nil {
			return err
		}
		known := schema.Values{schema.Residence: d.addressAt(q.Get("community"), q.Get("at"), list).Canonical()}
		if h := p.L.households(list, p.today); len(h) == 1 {
			known[schema.HouseholdNo] = h[0].Number
		}
		typed = overlay(p.L, nil, known)
	}
	if mother := r.URL.Query().Get("mother"); mother != "" {
		mum, err := d.mother(r.Context(), mother)
		if err != nil {
			return err
		}
		known := schema.Values{}
		for _, a := range []schema.Attribute{schema.Residence, schema.HukouAddress, schema.HouseholdNo, schema.Ethnicity} {
			known[a] = mum.Master[a].Value
		}
		known[schema.MotherName] = mum.Master[schema.Name].Value
		typed = overlay(p.L, nil, known)
		body.Mother, body.MotherName = mum.ID.String(), known[schema.MotherName]
	}
	draft, err := d.draftOfPage(r, uuid.Nil)
	if err != nil {
		return err
	}
	if draft != nil {
		p.Request, typed, body.Paste = draft.Get("request"), draft, draft.Get("paste")
		if len(confirmedValues(draft)) > 0 {
			typed = unpacked(p.L, draft)
		}
		if id := draft.Get("mother"); id != "" {
			mum, err := d.mother(r.Context(), id)
			if err != nil {
				return err
			}
			body.Mother, body.MotherName = id, mum.Master[schema.Name].Value
		}
	}
	body.Groups = form(p.L, nil, typed, nil)
	p.Body = body
	d.render(w, r, http.StatusOK, "form", p)
	return nil
}

func mustKey() string {
	key, _ := requestKey("") // a key of its own never fails
	return key
}

// newPost takes a new resident through the form: a pasted line is read, the
// entry checked, who will receive what is shown, and then it is saved.
func (d *Desk) newPost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	p := d.page(w, r, "new")
	p.Title, p.Request, p.Who = p.T("new.title"), r.PostForm.Get("request"), r.PostForm.Get("who")
	typed := r.PostForm
	step := typed.Get("step")
	if step != "save" {
		if err := d.keepOwn(r, uuid.Nil); err != nil {
			return err
		}
	}
	if len(confirmedValues(typed)) > 0 { // from the page that shows who will receive what
		typed = unpacked(p.L, typed)
	}
	body := FormBody{Action: "/residents/new"}
	pick := typed.Get("pick")
	if address, household, ok := strings.Cut(pick, "\n"); ok { // a dwelling, chosen without scripts
		typed.Set("residence", address)
		typed.Set("household_no", household)
		step = "back"
	}
	if step == "next" && typed.Get("paste") != "" && typed.Get("name") == "" {
		step = "read" // Enter in the box for a line
	}
	if step == "read" {
		body.read(p.L, typed, d.o.Today())
	}
	texts := filled(typed)
	var mum store.Resident
	if body.Mother = r.PostForm.Get("mother"); body.Mother != "" {
		var err error
		if mum, err = d.mother(r.Context(), body.Mother); err != nil {
			return err
		}
		body.MotherName = mum.Master[schema.Name].Value
		if word := map[string]string{"1": "之子", "2": "之女"}[texts[string(schema.Sex)]]; texts[string(schema.Name)] == "" && word != "" {
			texts[string(schema.Name)] = body.MotherName + word // as registers write who has no name yet
		}
	}
	values, problems := entered(p.L, texts, nil, d.o.Today())
	if number := mum.Master[schema.IDNumber].Value; number != "" && values[schema.MotherID] == "" {
		values[schema.MotherID] = number // the page never held it
	}
	if step == "next" {
		var err error
		if body.Picks, err = d.whichDwelling(r.Context(), p.L, values); err != nil {
			return err
		}
		if len(body.Picks) > 0 {
			problems = append(problems, fieldProblem(p.L, string(schema.Residence), problemDwelling))
		}
	}
	who, ok := named(p.Who)
	if step == "read" || step == "back" || len(problems) > 0 || !ok {
		status := http.StatusOK
		if step != "read" && step != "back" {
			status, body.Problems = http.StatusUnprocessableEntity, problems
			if !ok {
				body.WhoError = p.T("bad.who", "max", maxWho)
			}
		}
		var err error
		if body.Alike, err = d.alike(r.Context(), p.L, values, uuid.Nil); err != nil {
			return err
		}
		body.Groups = form(p.L, nil, typed, body.Problems)
		p.Body = body
		d.render(w, r, status, "form", p)
		return nil
	}
	if step != "save" {
		return d.confirmNew(w, r, p, values)
	}
	request, err := requestKey(p.Request)
	if err != nil {
		return err
	}
	s, err := d.saveNew(r.Context(), request, who, values)
	if f := (*failure)(nil); errors.As(err, &f) && f.code == "elsewhere" {
		body.Elsewhere, body.Groups = true, form(p.L, nil, typed, nil)
		p.Body = body
		d.render(w, r, f.status, "form", p)
		return nil
	}
	if err != nil {
		return err
	}
	return d.afterSaving(w, r, p.L, s.Request)
}

// mother reads whose newborn is entered, by id.
func (d *Desk) mother(ctx context.Context, id string) (store.Resident, error) {
	key, err := uuid.Parse(id)
	if err != nil {
		return store.Resident{}, store.ErrNotFound
	}
	view, err := d.livingView(ctx, key)
	return view.Resident, err
}

// confirmNew shows who will receive what of a new resident, and who may be the
// same, before anything is saved.
func (d *Desk) confirmNew(w http.ResponseWriter, r *http.Request, p page, values schema.Values) error {
	preview, err := d.foresee(r.Context(), p.L, store.View{}, values)
	if err != nil {
		return err
	}
	confirm := confirmBody(preview, values)
	confirm.Name, confirm.Action, confirm.New = values[schema.Name], "/residents/new", true
	if confirm.Mother = r.PostForm.Get("mother"); confirm.Mother != "" {
		delete(confirm.Changes, string(schema.MotherID))
		for i := range confirm.Values {
			if v := &confirm.Values[i]; v.Attribute == schema.MotherID {
				v.To = mask(v.To)
				v.ToText = v.To
			}
		}
	}
	if confirm.Alike, err = d.alike(r.Context(), p.L, values, uuid.Nil); err != nil {
		return err
	}
	p.Title, p.Body = p.T("confirm.new.title", "name", confirm.Name), confirm
	d.render(w, r, http.StatusOK, "confirm", p)
	return nil
}

func confirmBody(preview Preview, values schema.Values) ConfirmBody {
	confirm := ConfirmBody{Preview: preview, Changes: map[string]string{}}
	for a, v := range values {
		confirm.Changes[string(a)] = v
	}
	for _, v := range preview.Values {
		confirm.Disputed = confirm.Disputed || len(v.Disputes) > 0
	}
	return confirm
}

// unpacked turns what a confirmation carries (set.name) into a form as it would
// have been typed.
func unpacked(l Lang, confirmed url.Values) url.Values {
	return overlay(l, nil, confirmedValues(confirmed))
}

// confirmedValues are the values that a confirmation carries.
func confirmedValues(form url.Values) schema.Values {
	values := schema.Values{}
	for key, v := range form {
		if a, ok := strings.CutPrefix(key, "set."); ok && len(v) > 0 {
			values[schema.Attribute(a)] = v[0]
		}
	}
	return values
}

// overlay is a form that holds what is known, as it is shown, and over it what
// was entered.
func overlay(l Lang, known, over schema.Values) url.Values {
	typed := url.Values{}
	for _, d := range visible {
		v, said := over[d.Name]
		if !said {
			v = veiled(d.Name, known[d.Name])
		}
		if d.Kind == schema.KindAddress {
			v = l.Value(d.Name, v)
		}
		typed.Set(string(d.Name), v)
		if known != nil {
			typed.Set("was."+string(d.Name), veiled(d.Name, known[d.Name]))
		}
	}
	return typed
}

// read fills the boxes that are still empty from a pasted line.
func (b *FormBody) read(l Lang, typed url.Values, today time.Time) {
	b.Paste = typed.Get("paste")
	values, rest := readLine(b.Paste, today)
	b.Rest = strings.Join(rest, " ")
	for a, v := range values {
		if typedText(a, typed) != "" {
			continue
		}
		if d, _ := known(a); d.Kind == schema.KindAddress {
			v = l.Value(a, v)
		}
		typed.Set(string(a), v)
	}
	b.Understood = l.Attributes(slices.Collect(maps.Keys(values)))
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
	if reply.Resident != nil {
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
	Today  string // the last day that can be asked for
	Head   string // sex, age
	Home   string // where the page of the dwelling is
	Mother bool   // she may have a newborn
	Away   string // not simply alive and here
	Dead   bool   // moves nowhere, and has no newborn
	Groups []ValueGroup
	Entry  *EntryReply // just saved
	Poll   string
	Green  int
	All    int
	Acts   []Act // what people decided, and stands
	Past   []Act // what was undone or taken back
}

// Waits reports whether a field at a platform waits for a person.
func (b PersonBody) Waits() bool {
	return slices.ContainsFunc(b.Records, func(r Source) bool { return len(r.Held) > 0 })
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
	if person.AsOf, err = d.asOf(r, p.L, person); err != nil {
		return err
	}
	body := PersonBody{Person: person, Groups: valueGroups(p.L, person), Today: d.o.Today().Format(time.DateOnly),
		Poll: "/api/v1/residents/" + person.ID + "/targets?lang=" + string(p.L)}
	body.Head, body.Away = headline(p, person)
	body.Dead = person.Values[schema.LifeStatus].Value == "dead"
	if years, ok := schema.AgeAt(person.Values[schema.BirthDate].Value, p.today); ok {
		body.Mother = person.Values[schema.Sex].Value == "2" && years >= 14 && years <= 60
	}
	home := schema.AddressFromCanonical(person.Values[schema.Residence].Value)
	if key := home.Dwelling(); key != "" {
		body.Home = "/dwellings?" + url.Values{"at": {key}, "community": {home.Community}}.Encode()
	} else if number := person.Values[schema.HouseholdNo].Value; number != "" {
		body.Home = "/dwellings?" + url.Values{"household": {number}}.Encode()
	}
	for _, t := range person.Targets {
		if t.Tone != "off" { // a platform that is only read has nothing to turn green
			body.All++
		}
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
	actions, err := d.o.Store.ActionsOf(r.Context(), id)
	if err != nil {
		return err
	}
	acts, err := d.acts(r.Context(), p.L, actions)
	if err != nil {
		return err
	}
	if acts, err = d.veilActs(r.Context(), id, acts); err != nil {
		return err
	}
	for _, a := range acts {
		if a.Stands {
			body.Acts = append(body.Acts, a)
		} else {
			body.Past = append(body.Past, a)
		}
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
	v, err := d.veilOf(r.Context(), id)
	if err != nil {
		return err
	}
	p.Request = mustKey()
	known := v.values(view.Resident.Values())
	body := FormBody{Groups: form(p.L, known, nil, nil)}
	draft, err := d.draftOfPage(r, id)
	if err != nil {
		return err
	}
	if draft != nil { // as it was typed, after the entry that it was typed after
		p.Request, body.Since = draft.Get("request"), draft.Get("since")
		if values := confirmedValues(draft); len(values) > 0 {
			draft = overlay(p.L, known, values)
		}
		body.Groups = form(p.L, nil, draft, nil)
	}
	d.renderEdit(w, r, http.StatusOK, p, view, body)
	return nil
}

func (d *Desk) renderEdit(w http.ResponseWriter, r *http.Request, status int, p page, view store.View, body FormBody) {
	body.Resident, body.Name = view.Resident.ID.String(), view.Resident.Master[schema.Name].Value
	body.Action = "/residents/" + body.Resident + "/edit"
	if body.Since = cmp.Or(body.Since, r.PostForm.Get("since")); body.Since == "" {
		last, err := d.o.Store.LastEdit(r.Context(), view.Resident.ID)
		if err != nil {
			d.errorPage(w, r, d.failureOf(r, err))
			return
		}
		body.Since = strconv.FormatInt(last, 10)
	}
	p.Title, p.Body = p.T("edit.title", "name", body.Name), body
	d.render(w, r, status, "form", p)
}

// since is the entry that a form was made after.
func since(form url.Values) int64 {
	n, err := strconv.ParseInt(form.Get("since"), 10, 64)
	if err != nil || n < 0 {
		return -1 // a program, or a page of a version before: nobody asks
	}
	return n
}

// Clash is a value that somebody else has changed since the form was opened.
type Clash struct {
	Attribute    schema.Attribute
	Label        string
	Theirs, Mine string
}

// chosen leaves out the changes that whoever saves has given up for somebody
// else's. done is false while one is not chosen.
func chosen(form url.Values, values schema.Values) (done bool) {
	done = true
	for _, name := range form["clash"] {
		switch a := schema.Attribute(name); form.Get("clash." + name) {
		case "theirs":
			delete(values, a)
		case "mine":
		default:
			done = false
		}
	}
	return done
}

// ConfirmBody is the page between an edit and saving it: who will receive what.
type ConfirmBody struct {
	Preview
	Resident string
	Name     string
	Action   string
	New      bool
	Changes  map[string]string
	Disputed bool
	Alike    []Alike
	Since    string
	Mother   string
	// Clashes are values that Who has changed since the form was opened.
	Clashes []Clash
	Who     string
	At      time.Time
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
	if step := r.PostForm.Get("step"); step == "take" || step == "back" {
		return d.takePage(w, r, p, view)
	}
	saving := r.PostForm.Get("step") == "save"
	if !saving {
		if err := d.keepOwn(r, view.Resident.ID); err != nil {
			return err
		}
	}
	texts := changed(p.L, r.PostForm)
	if saving {
		texts = map[string]string{}
		for a, v := range confirmedValues(r.PostForm) {
			texts[string(a)] = v
		}
	}
	values, problems := entered(p.L, texts, view.Resident.Values(), d.o.Today())
	for a := range texts { // a number typed once more, because only its beginning was shown
		if name := schema.Attribute(a); !saving && numbered(name) && values[name] != "" && values[name] == view.Resident.Master[name].Value {
			delete(texts, a)
			delete(values, name)
		}
	}
	body := FormBody{Nothing: len(texts) == 0, Problems: problems}
	who, ok := named(p.Who)
	if !ok {
		body.WhoError = p.T("bad.who", "max", maxWho)
	}
	if body.Nothing || len(problems) > 0 || !ok {
		body.Groups = form(p.L, nil, r.PostForm, problems)
		if saving {
			v, err := d.veilOf(r.Context(), view.Resident.ID)
			if err != nil {
				return err
			}
			body.Groups = form(p.L, v.values(view.Resident.Values()), nil, problems)
		}
		d.renderEdit(w, r, http.StatusUnprocessableEntity, p, view, body)
		return nil
	}
	var clash *store.Overtaken
	if saving && chosen(r.PostForm, values) {
		if len(values) == 0 { // all of it was given up
			if err := d.o.Store.DropDraft(r.Context(), access.From(r.Context()).Account, p.Request); err != nil {
				return err
			}
			http.Redirect(w, r, "/residents/"+view.Resident.ID.String(), http.StatusSeeOther)
			return nil
		}
		err := d.saveConfirmed(w, r, p, who, view.Resident.ID, values)
		if !errors.As(err, &clash) {
			return err
		}
	}
	preview, err := d.foresee(r.Context(), p.L, view, values)
	if err != nil {
		return err
	}
	confirm := confirmBody(preview, values)
	confirm.Resident, confirm.Name = view.Resident.ID.String(), view.Resident.Master[schema.Name].Value
	confirm.Action, confirm.Since = "/residents/"+confirm.Resident+"/edit", r.PostForm.Get("since")
	if clash != nil {
		v, err := d.veilOf(r.Context(), view.Resident.ID)
		if err != nil {
			return err
		}
		confirm.clash(p.L, v, clash, values)
	} else if saving { // asked already, and not answered
		return fail(http.StatusUnprocessableEntity, "choose")
	}
	p.Title, p.Body = p.T("confirm.title", "name", confirm.Name), confirm
	d.render(w, r, http.StatusOK, "confirm", p)
	return nil
}

// takePage is the form of a resident who was there already (就是他), with what was
// entered for a new one in its boxes: the authorities' values stay what they are
// until somebody changes them here.
func (d *Desk) takePage(w http.ResponseWriter, r *http.Request, p page, view store.View) error {
	v, err := d.veilOf(r.Context(), view.Resident.ID)
	if err != nil {
		return err
	}
	known, values := v.values(view.Resident.Values()), confirmedValues(r.PostForm)
	if len(values) == 0 {
		values, _ = entered(p.L, filled(r.PostForm), known, d.o.Today())
	}
	if r.PostForm.Get("step") == "take" {
		if err := d.o.Store.DropDraft(r.Context(), access.From(r.Context()).Account, p.Request); err != nil {
			return err
		}
		p.Request = mustKey() // another entry than the one that was begun
	}
	over := overlay(p.L, known, values)
	body := FormBody{Groups: form(p.L, nil, over, nil), Taken: r.PostForm.Get("step") == "take"}
	d.renderEdit(w, r, http.StatusOK, p, view, body)
	return nil
}

// clash says who changed what meanwhile, and asks which value it shall be.
func (b *ConfirmBody) clash(l Lang, v veil, c *store.Overtaken, mine schema.Values) {
	b.Who, b.At, b.Since = c.Who, c.At, strconv.FormatInt(c.Entry, 10)
	for _, d := range visible {
		theirs, ok := c.Values[d.Name]
		if !ok {
			continue
		}
		if v.hides(d.Name) {
			theirs = ""
		}
		text := mine[d.Name]
		if !numbered(d.Name) {
			text = l.Value(d.Name, text)
		}
		b.Clashes = append(b.Clashes, Clash{d.Name, l.Attribute(d.Name), l.Value(d.Name, theirs), text})
	}
}

func (d *Desk) saveConfirmed(w http.ResponseWriter, r *http.Request, p page, who string, id uuid.UUID, values schema.Values) error {
	request, err := requestKey(p.Request)
	if err != nil {
		return err
	}
	s, err := d.saveEditAfter(r.Context(), request, who, id, values, since(r.PostForm))
	if err != nil {
		return err
	}
	reply, err := d.await(context.WithoutCancel(r.Context()), p.L, s.Request, mergeWait, true)
	if err != nil {
		return err
	}
	if reply.Resident == nil && reply.State != entryMerged {
		// An edit has a page already; it watches until the entry is merged.
		own := id.String()
		reply.Resident = &own
	}
	http.Redirect(w, r, entryAddress(reply), http.StatusSeeOther)
	return nil
}
