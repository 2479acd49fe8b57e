package desk

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"heji/connectors/mapping"
	"heji/schema"
	"heji/services/lineage"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/survivorship"
)

// Preview is what saving an entry would do. Nothing is saved.
type Preview struct {
	Values   []Foreseen `json:"values"`
	Effects  []Effect   `json:"effects"`
	Warnings []Warning  `json:"warnings"`
}

// Moving and Still split the effects for the page: what changes, or waits for a
// person, and what stays as it is.
func (p Preview) Moving() []Effect { return p.effects(false) }
func (p Preview) Still() []Effect  { return p.effects(true) }

func (p Preview) effects(still bool) []Effect {
	return slices.DeleteFunc(slices.Clone(p.Effects), func(e Effect) bool {
		return (e.Outcome == outWithheld || e.Outcome == outSame) != still
	})
}

// Foreseen is what would become of one value that is entered.
type Foreseen struct {
	Attribute schema.Attribute `json:"attribute"`
	Label     string           `json:"label"`
	From      string           `json:"from"`
	FromText  string           `json:"from_text"`
	To        string           `json:"to"`
	ToText    string           `json:"to_text"`
	// Survives: the entered value would be the master value.
	Survives bool `json:"survives"`
	// Stays is the master value that there would be instead.
	Stays     string `json:"stays,omitempty"`
	StaysText string `json:"stays_text,omitempty"`
	// Disputes are the authorities that say otherwise. The entry is evidence; to
	// overrule them is a separate, recorded decision (keep).
	Disputes []Dispute `json:"disputes"`
	Note     string    `json:"note,omitempty"`
}

// Dispute is an authority that says otherwise.
type Dispute struct {
	Platform     string `json:"platform"`
	PlatformName string `json:"platform_name"`
	Key          string `json:"key"`
	Value        string `json:"value"`
	Text         string `json:"text"`
}

// Effect is what one platform would receive of one attribute.
type Effect struct {
	Platform     string           `json:"platform"`
	PlatformName string           `json:"platform_name"`
	Key          string           `json:"key,omitempty"` // empty: a row would be created
	Attribute    schema.Attribute `json:"attribute,omitempty"`
	Label        string           `json:"label,omitempty"`
	Shown        string           `json:"shown"`
	New          string           `json:"new"`
	Mode         schema.Mode      `json:"mode"`
	Outcome      string           `json:"outcome"` // write, create, propose, person, withheld, same
	Icon         string           `json:"icon"`
	Word         string           `json:"word"`
	Why          string           `json:"why,omitempty"`
	WhyText      string           `json:"why_text,omitempty"`
}

// outcomes and how they look.
const (
	outWrite    = "write"
	outCreate   = "create"
	outPropose  = "propose"
	outPerson   = "person"
	outWithheld = "withheld"
	outSame     = "same"
)

var outcomeIcon = map[string]string{outWrite: "→", outCreate: "+", outPropose: "✎", outPerson: "!", outWithheld: "–", outSame: "="}

// foresight computes a preview. It is a pure function of what the store and the
// registry know now: the same survivorship and the same lineage that merge and
// writeback will use.
type foresight struct {
	lang      Lang
	rules     survivorship.Rules
	platforms []store.Platform
	registry  *registry.Registry
	view      store.View // zero: a new resident
	changes   schema.Values
	now       time.Time

	rows    map[schema.RecordRef]lineage.Row
	entry   schema.RecordRef // the desk record that the entry makes or changes
	master  store.Survivors  // as it would be
	members map[schema.RecordRef]bool
}

func (f *foresight) run() (Preview, error) {
	if err := f.survive(); err != nil {
		return Preview{}, err
	}
	before := f.view.Resident.Values()
	p := Preview{Values: []Foreseen{}, Effects: []Effect{}, Warnings: oddities(f.lang, f.changes, before)}
	for _, d := range visible {
		if to, ok := f.changes[d.Name]; ok {
			p.Values = append(p.Values, f.value(d.Name, before[d.Name], to))
		}
	}
	touched := f.touched(before)
	for _, platform := range f.platforms {
		reg, here := f.registry.Get(platform.ID)
		if !open(platform) || !here || reg.Map == nil {
			continue
		}
		rows := 0
		for _, r := range f.view.Records {
			if r.Ref.Platform != platform.ID {
				continue
			}
			rows++
			if !r.Deleted {
				p.Effects = append(p.Effects, f.row(platform, reg, r.Ref, touched)...)
			}
		}
		if e, ok := f.create(platform); ok && rows == 0 {
			p.Effects = append(p.Effects, e)
		}
	}
	return p, nil
}

// survive computes the master values as they would be.
func (f *foresight) survive() error {
	f.rows, f.members = map[schema.RecordRef]lineage.Row{}, map[schema.RecordRef]bool{}
	f.entry = schema.RecordRef{Platform: deskPlatform, Key: "preview"}
	authority := map[string][]schema.Attribute{}
	for _, p := range f.platforms {
		authority[p.ID] = p.Agreement.Authority
	}
	var claims []survivorship.Claim
	for _, r := range f.view.Records {
		var row lineage.Row
		if err := json.Unmarshal(r.State, &row); err != nil {
			return fmt.Errorf("record %d: read its state: %w", r.ID, err)
		}
		f.rows[r.Ref] = row
		if r.Deleted {
			continue
		}
		f.members[r.Ref] = true
		if r.Ref == f.view.Desk {
			f.entry = r.Ref
		}
		for _, c := range row.Evidence() {
			if _, replaced := f.changes[c.Attribute]; replaced && r.Ref == f.view.Desk {
				continue
			}
			claims = append(claims, survivorship.Claim{Attribute: c.Attribute, Value: c.Value, Record: r.Ref,
				After: c.After, Upto: c.Upto, Authority: slices.Contains(authority[r.Ref.Platform], c.Attribute)})
		}
	}
	f.members[f.entry] = true
	for a, v := range f.changes {
		claims = append(claims, survivorship.Claim{Attribute: a, Value: v, Record: f.entry, After: f.now, Upto: f.now})
	}
	f.master = survivorship.Master(f.rules, claims, keeps(f.view.Decisions))
	return nil
}

func keeps(list []store.Choice) []survivorship.Keep {
	var out []survivorship.Keep
	for _, c := range list {
		if c.Kind == "keep" {
			out = append(out, survivorship.Keep{Attribute: c.Attribute, Value: c.Value, At: c.At, ID: c.ID})
		}
	}
	return out
}

func (f *foresight) value(a schema.Attribute, from, to string) Foreseen {
	s := f.master[a]
	v := Foreseen{Attribute: a, Label: f.lang.Attribute(a), From: from, FromText: f.lang.Value(a, from),
		To: to, ToText: f.lang.Value(a, to), Survives: s.Value == to, Disputes: []Dispute{}}
	for _, p := range f.platforms {
		if !open(p) || !slices.Contains(p.Agreement.Authority, a) {
			continue
		}
		for _, r := range f.view.Records {
			own := f.rows[r.Ref].Own[a]
			if r.Ref.Platform != p.ID || r.Deleted || own == "" || own == to || schema.IsUnknown(a, own) {
				continue
			}
			v.Disputes = append(v.Disputes, Dispute{Platform: p.ID, PlatformName: f.lang.Platform(p), Key: r.Ref.Key,
				Value: own, Text: f.lang.Value(a, own)})
		}
	}
	if v.Survives {
		return v
	}
	v.Stays, v.StaysText = s.Value, f.lang.Value(a, s.Value)
	switch {
	case s.Rule == survivorship.Decision:
		v.Note = f.lang.T("foreseen.decision")
	case len(v.Disputes) > 0:
		v.Note = f.lang.T("foreseen.authority", "platform", v.Disputes[0].PlatformName)
	case to == "":
		v.Note = f.lang.T("foreseen.blank", "platform", f.platformName(s.Source.Platform))
	case s.Value == "":
		v.Note = f.lang.T("foreseen.voices")
	default:
		v.Note = f.lang.T("foreseen.other", "platform", f.platformName(s.Source.Platform), "rule", f.lang.T("rule."+string(s.Rule)))
	}
	return v
}

func (f *foresight) platformName(id string) string { return platformName(f.lang, f.platforms, id) }

func platformName(l Lang, platforms []store.Platform, id string) string {
	for _, p := range platforms {
		if p.ID == id {
			return l.Platform(p)
		}
	}
	return id
}

// touched are the attributes that are entered, and those whose master value
// would change with them.
func (f *foresight) touched(before schema.Values) []schema.Attribute {
	var out []schema.Attribute
	for _, d := range visible {
		if _, entered := f.changes[d.Name]; entered || f.master[d.Name].Value != before[d.Name] {
			out = append(out, d.Name)
		}
	}
	return out
}

// row says what one row of a platform would receive.
func (f *foresight) row(p store.Platform, reg *registry.Platform, ref schema.RecordRef, touched []schema.Attribute) []Effect {
	row := f.rows[ref]
	plan := lineage.Make(row, f.resident(p, reg.Map, touched), reg.Policy)
	var out []Effect
	for _, a := range touched {
		if !slices.Contains(reg.Map.Attributes(), a) {
			continue // the platform has no such field
		}
		raw, shows := row.Raw[a]
		e := Effect{Platform: p.ID, PlatformName: f.lang.Platform(p), Key: ref.Key, Attribute: a, Label: f.lang.Attribute(a),
			Shown: f.shown(reg.Map, a, raw), New: f.lang.Value(a, f.master[a].Value), Mode: p.Agreement.Mode(a)}
		e.Outcome, e.Why = f.outcome(p, reg.Map, a, raw, shows, plan)
		f.say(&e)
		out = append(out, e)
	}
	return out
}

func (f *foresight) say(e *Effect) {
	e.Icon, e.Word = outcomeIcon[e.Outcome], f.lang.T("outcome."+e.Outcome)
	if e.Why != "" {
		e.WhyText = f.lang.T("why." + e.Why)
	}
}

// shown is what the platform shows, read for people; its own text where that
// cannot be read.
func (f *foresight) shown(m *mapping.Map, a schema.Attribute, raw string) string {
	if v, problem := m.Value(a, raw); problem == "" || v != "" {
		return f.lang.Value(a, v)
	}
	return raw
}

// outcome finds what becomes of one field, and why where it is not written. The
// checks stand in the order in which a person would ask.
func (f *foresight) outcome(p store.Platform, m *mapping.Map, a schema.Attribute, raw string, shows bool, plan lineage.Plan) (outcome, why string) {
	to, survives := f.master[a]
	switch {
	case slices.Contains(p.Agreement.Authority, a):
		return outWithheld, "authority"
	case p.Agreement.Mode(a) == schema.Never:
		return outWithheld, "never"
	case !p.Writable:
		return outWithheld, "no_way"
	case !m.Writable(a):
		return outWithheld, "read_only"
	case !survives:
		return outWithheld, "nothing"
	case f.unchanged(a):
		return outWithheld, "unchanged"
	case !p.Agreement.InScope(f.values(), f.now):
		return outWithheld, "scope"
	case shows && m.Shows(a, raw, to.Value):
		return outSame, ""
	case !p.Stage.Writes():
		return outWithheld, "stage"
	}
	if _, err := m.Wire(a, to.Value); err != nil {
		return outWithheld, "no_form"
	}
	if _, ok := plan.Propose[a]; ok {
		return outPropose, ""
	}
	if _, ok := plan.Due[a]; ok || slices.Contains(plan.Waiting, a) {
		if p.Paused {
			return outWrite, "paused"
		}
		return outWrite, ""
	}
	switch {
	case slices.Contains(plan.Disputed, a):
		return outPerson, "disputed"
	case slices.Contains(plan.Flagged, a), slices.Contains(plan.Contested, a):
		return outPerson, "contested"
	case !shows:
		return outWithheld, "not_shown"
	}
	return outWithheld, "has_own"
}

// unchanged reports whether saving leaves the master value as it is: whatever a
// platform still waits for then has another cause.
func (f *foresight) unchanged(a schema.Attribute) bool {
	old, had := f.view.Resident.Master[a]
	return had && old.Value == f.master[a].Value && old.Disputed == f.master[a].Disputed
}

func (f *foresight) values() schema.Values { return store.Resident{Master: f.master}.Values() }

// resident is what lineage must know, for the touched attributes only.
func (f *foresight) resident(p store.Platform, m *mapping.Map, touched []schema.Attribute) lineage.Resident {
	inScope := p.Agreement.InScope(f.values(), f.now)
	mode := func(a schema.Attribute) schema.Mode {
		if !inScope {
			return schema.Never // I7
		}
		return p.Agreement.Mode(a)
	}
	wanted := map[schema.Attribute]lineage.Wanted{}
	for _, a := range touched {
		s, ok := f.master[a]
		if !ok || mode(a) == schema.Never || !m.Writable(a) {
			continue
		}
		wire, err := m.Wire(a, s.Value)
		if err != nil {
			continue // outcome tells
		}
		wanted[a] = lineage.Wanted{Value: s.Value, Wire: wire, Since: s.Upto, Decision: s.Decision != 0, Source: source(s), Disputed: s.Disputed}
	}
	decisions := map[string]bool{}
	for _, s := range f.master {
		if s.Decision != 0 {
			decisions[source(s)] = true
		}
	}
	return lineage.Resident{Wanted: wanted, Mode: mode,
		Has: func(name string) bool {
			platform, key, _ := strings.Cut(name, "/")
			return decisions[name] || f.members[schema.RecordRef{Platform: platform, Key: key}]
		},
		Read: func(a schema.Attribute, raw string) (string, bool) {
			v, problem := m.Value(a, raw)
			return v, v != "" || problem == "" || problem == schema.ProblemPlaceholder
		},
	}
}

// source names whose evidence a value is, as lineage keeps it beside what we
// wrote.
func source(s survivorship.Survivor) string {
	if s.Decision != 0 {
		return "decision/" + strconv.FormatInt(s.Decision, 10)
	}
	return s.Source.Platform + "/" + s.Source.Key
}

// create says whether a platform without a row would get one.
func (f *foresight) create(p store.Platform) (Effect, bool) {
	if !p.Agreement.Creates || !p.Writable || !p.Agreement.InScope(f.values(), f.now) || !f.receives(p) {
		return Effect{}, false
	}
	e := Effect{Platform: p.ID, PlatformName: f.lang.Platform(p), Mode: schema.Overwrite, Outcome: outCreate,
		New: f.lang.T("preview.new_row")}
	switch {
	case slices.ContainsFunc(f.view.Targets, func(t store.TargetView) bool { return t.Platform == p.ID }):
		e.Why = "create_waits"
	case !p.Stage.Writes():
		e.Outcome, e.Why = outWithheld, "stage"
	case p.Paused:
		e.Why = "paused"
	}
	f.say(&e)
	return e, true
}

func (f *foresight) receives(p store.Platform) bool {
	for a := range f.master {
		if p.Agreement.Mode(a) != schema.Never {
			return true
		}
	}
	return false
}
