package desk

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/schema/canon"
	"heji/schema/idnum"
	"heji/services/access"
	"heji/services/store"
)

// What a page does not show to whoever opens it: numbers, until somebody says
// what for; and what is sensitive, to those in whose domain it does not lie.

// numbered reports whether values of an attribute are numbers by which somebody
// can be found, or taken for somebody else. A disability card's holds the ID number.
func numbered(a schema.Attribute) bool {
	d, _ := schema.Lookup(a)
	return d.Kind == schema.KindIDNumber || d.Kind == schema.KindPhone || a == schema.DisabilityNo
}

// veiled is a canonical value as it stands in an answer: numbers by their first
// four characters.
func veiled(a schema.Attribute, value string) string {
	if numbered(a) {
		return mask(value)
	}
	return value
}

// unchangedNumber reports whether a text is a number as it was shown, sent back.
func unchangedNumber(a schema.Attribute, text, value string) bool {
	return numbered(a) && value != "" && strings.TrimSpace(text) == mask(value)
}

// domainOf says in whose domain a sensitive attribute (class C) lies. A test
// holds that each has one.
var domainOf = map[schema.Attribute]string{
	schema.DisabilityNo: "disabled", schema.Disability: "disabled",
	schema.HealthFileNo: "health", schema.BirthCertNo: "health", schema.MaternalStatus: "health", schema.ChildHealth: "health",
	schema.ChronicDisease: "health", schema.FamilyDoctor: "health",
	schema.VeteranNo: "veterans", schema.VeteranCategory: "veterans",
	schema.MaritalStatus: "civil_affairs", schema.LowIncome: "civil_affairs", schema.LowIncomeUntil: "civil_affairs", schema.ChildCategory: "civil_affairs",
	schema.Political: "party", schema.PartyMember: "party", schema.PartyBranch: "party",
	schema.Contraception: "family_planning", schema.PregnancyCheck: "family_planning", schema.FamilyReward: "family_planning",
}

// veil says which attributes of one resident are not shown. The zero veil hides
// nothing.
type veil struct {
	drawn   bool
	domains []string // in which somebody answers for the resident
}

// hides reports whether an attribute is not shown.
func (v veil) hides(a schema.Attribute) bool {
	d, ok := domainOf[a]
	return v.drawn && ok && !slices.Contains(v.domains, d)
}

// veilOf is the veil between whoever asks and a resident. A new resident,
// uuid.Nil, has nothing to hide.
func (d *Desk) veilOf(ctx context.Context, resident uuid.UUID) (veil, error) {
	if resident == uuid.Nil || !store.Limited(ctx) {
		return veil{}, nil
	}
	domains, err := d.o.Store.DomainsSeen(ctx, resident)
	return veil{drawn: true, domains: domains}, err
}

// values leaves out what is not shown.
func (v veil) values(in schema.Values) schema.Values {
	out := schema.Values{}
	for a, text := range in {
		if !v.hides(a) {
			out[a] = text
		}
	}
	return out
}

// decided leaves out decisions about what is not shown.
func (v veil) decided(list []Decided) []Decided {
	return slices.DeleteFunc(list, func(x Decided) bool { return v.hides(x.Attribute) })
}

func (v veil) person(p *Person) {
	for a := range p.Values {
		if v.hides(a) {
			delete(p.Values, a)
		}
	}
	p.Decisions = v.decided(p.Decisions)
	p.History = slices.DeleteFunc(p.History, func(x Past) bool { return v.hides(x.Attribute) })
	for i := range p.Records {
		p.Records[i].Flags = slices.DeleteFunc(p.Records[i].Flags, func(f SourceFlag) bool { return v.hides(f.Attribute) })
		p.Records[i].Held = slices.DeleteFunc(p.Records[i].Held, func(f HeldField) bool { return v.hides(f.Attribute) })
	}
}

// preview says what saving does, and not what stood there before.
func (v veil) preview(p *Preview) {
	for i := range p.Values {
		if f := &p.Values[i]; v.hides(f.Attribute) {
			f.From, f.FromText, f.Stays, f.StaysText, f.Note, f.Disputes = "", "", "", "", "", []Dispute{}
		}
	}
	for i := range p.Effects {
		if e := &p.Effects[i]; v.hides(e.Attribute) {
			e.Shown, e.New = "", ""
		}
	}
}

// Number is a number of a resident in full, with all that is said of it.
type Number struct {
	Attribute schema.Attribute `json:"attribute"`
	Label     string           `json:"label"`
	Value     string           `json:"value"`
	Others    []Claimed        `json:"others"` // values that did not survive
}

// revealFor is how long numbers stay in sight.
const revealFor = 10 * time.Minute

// viewer names the session or program that looks.
func viewer(ctx context.Context) string {
	switch a := access.From(ctx); {
	case a.Token != 0:
		return "token/" + strconv.FormatInt(a.Token, 10)
	case a.Session != "":
		return "session/" + a.Session
	}
	return "machine" // there is no account yet
}

// reveal puts the numbers of residents in sight of whoever asks, for a reason
// that is kept.
func (d *Desk) reveal(ctx context.Context, ids []uuid.UUID, why string) error {
	why = strings.TrimSpace(why)
	if n := len([]rune(why)); n < 2 || n > 500 || strings.ContainsRune(why, 0) {
		return fail(http.StatusUnprocessableEntity, "reveal_why")
	}
	for _, id := range ids {
		if err := d.o.Store.Reveal(ctx, viewer(ctx), id, why, revealFor); err != nil {
			return err
		}
	}
	return nil
}

// revealed reports whether the numbers of all of these are in sight.
func (d *Desk) revealed(ctx context.Context, ids ...uuid.UUID) (bool, error) {
	return d.o.Store.Revealed(ctx, viewer(ctx), ids)
}

// RevealBody is what POST /api/v1/residents/{id}/reveal takes.
type RevealBody struct {
	Why string `json:"why"`
	Who string `json:"who"` // while there is no account
}

// Revealed is its answer.
type Revealed struct {
	Numbers []Number `json:"numbers"`
	Minutes int      `json:"minutes"` // for so long the resident's own answer holds them too
}

func (d *Desk) postReveal(r *http.Request, l Lang) (answer, error) {
	id, err := d.living(r)
	if err != nil {
		return answer{}, err
	}
	var b RevealBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	if err := d.reveal(r.Context(), []uuid.UUID{id}, b.Why); err != nil {
		return answer{}, err
	}
	p, err := d.person(r.Context(), l, id)
	return answer{status: http.StatusOK, body: Revealed{p.Numbers, int(revealFor.Minutes())}}, err
}

// revealForm is the button on the page of a resident, and of a pair: also names
// the other one.
func (d *Desk) revealForm(r *http.Request, _ Lang) error {
	id, err := d.living(r)
	if err != nil {
		return err
	}
	ids := []uuid.UUID{id}
	if also := r.PostForm.Get("also"); also != "" {
		other, err := uuid.Parse(also)
		if err != nil {
			return store.ErrNotFound
		}
		if other, err = d.o.Store.Living(r.Context(), other); err != nil {
			return err
		}
		ids = append(ids, other)
	}
	return d.reveal(r.Context(), ids, r.PostForm.Get("why"))
}

func (d *Desk) routeVeil(mux *http.ServeMux) {
	mux.HandleFunc("POST /api/v1/residents/{id}/reveal", d.api(d.postReveal))
	mux.HandleFunc("POST /residents/{id}/reveal", d.act(d.revealForm))
}

// numbers lists the numbers in full.
func (t *teller) numbers(v veil) []Number {
	out := []Number{}
	for _, def := range visible {
		s, held := t.view.Resident.Master[def.Name]
		if !held || s.Value == "" || !numbered(def.Name) || v.hides(def.Name) {
			continue
		}
		n := Number{Attribute: def.Name, Label: t.lang.Attribute(def.Name), Value: s.Value, Others: []Claimed{}}
		for _, c := range t.claims {
			if c.Attribute == def.Name && c.Value != "" && c.Value != s.Value {
				n.Others = append(n.Others, Claimed{Value: c.Value, Text: c.Value,
					Origin: Origin{Platform: c.ref.Platform, PlatformName: t.platform(c.ref.Platform), Key: c.ref.Key}})
			}
		}
		out = append(out, n)
	}
	return out
}

// keptNumber finds the number that a decision means: a page shows its beginning,
// and names the record that says it.
func (d *Desk) keptNumber(ctx context.Context, ref schema.RecordRef, a schema.Attribute, text string) (string, error) {
	if !numbered(a) || !strings.HasSuffix(text, "*") {
		return text, nil
	}
	owners, err := d.o.Store.OwnersOf(ctx, []schema.RecordRef{ref})
	if err != nil || len(owners) != 1 {
		return text, err
	}
	view, err := d.o.Store.View(ctx, owners[0].ID)
	if err != nil {
		return text, err
	}
	for _, rec := range view.Records {
		if rec.Ref != ref {
			continue
		}
		row, err := rowOf(rec)
		if err != nil {
			return text, err
		}
		for _, c := range row.Evidence() {
			if c.Attribute == a && mask(c.Value) == text {
				return c.Value, nil
			}
		}
	}
	return text, nil
}

// veilActs leaves out decisions about what is not shown.
func (d *Desk) veilActs(ctx context.Context, resident uuid.UUID, list []Act) ([]Act, error) {
	v, err := d.veilOf(ctx, resident)
	if err != nil || !v.drawn {
		return list, err
	}
	for _, a := range list { // keys in full are for those who name records
		for _, made := range [][]Decided{a.Made, a.Revoked} {
			for i := range made {
				made[i].A.Key, made[i].B.Key = shownKey(made[i].A.Key), shownKey(made[i].B.Key)
			}
		}
	}
	return slices.DeleteFunc(list, func(a Act) bool {
		about := func(x Decided) bool { return v.hides(x.Attribute) }
		return slices.ContainsFunc(a.Made, about) || slices.ContainsFunc(a.Revoked, about)
	}), nil
}

// shownKey is a platform's key as it stands on a page: many platforms go by the
// ID number.
func shownKey(key string) string {
	if n := idnum.Parse(key); n.Valid {
		return mask(key)
	}
	if phone, problem := canon.Value(schema.Phone, key); problem == "" && len(phone) >= 11 && phone == key {
		return mask(key)
	}
	return key
}

// namesRecords reports whether whoever asks names records to the desk, and needs
// their keys as they are.
func namesRecords(ctx context.Context) bool {
	return reviews(ctx)
}

// statusKeys masks keys that are numbers.
func statusKeys(ctx context.Context, list []Status) []Status {
	if !namesRecords(ctx) {
		for i := range list {
			list[i].Key = shownKey(list[i].Key)
		}
	}
	return list
}

func (p *Person) maskKeys(ctx context.Context) {
	p.Targets = statusKeys(ctx, p.Targets)
	if namesRecords(ctx) {
		return
	}
	for a, v := range p.Values {
		v.Key = shownKey(v.Key)
		for i := range v.Losers {
			v.Losers[i].Key = shownKey(v.Losers[i].Key)
		}
		for i := range v.Agree {
			v.Agree[i].Key = shownKey(v.Agree[i].Key)
		}
		p.Values[a] = v
	}
	for i := range p.Records {
		p.Records[i].Key = shownKey(p.Records[i].Key)
	}
	for i := range p.Decisions {
		p.Decisions[i].A.Key, p.Decisions[i].B.Key = shownKey(p.Decisions[i].A.Key), shownKey(p.Decisions[i].B.Key)
	}
}
