package desk

import (
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
	Outcome      string           `json:"outcome"` // write, take_back, create, propose, person, withheld, same
	Icon         string           `json:"icon"`
	Word         string           `json:"word"`
	Why          string           `json:"why,omitempty"`
	WhyText      string           `json:"why_text,omitempty"`
}

// outcomes and how they look.
const (
	outWrite    = "write"
	outTakeBack = "take_back"
	outCreate   = "create"
	outPropose  = "propose"
	outPerson   = "person"
	outWithheld = "withheld"
	outSame     = "same"
)

var outcomeIcon = map[string]string{outWrite: "→", outTakeBack: "↩", outCreate: "+", outPropose: "✎", outPerson: "!", outWithheld: "–", outSame: "="}

// outlook is one resident as it would be. What it says is a pure function of
// what the store and the registry know now: the same lineage.Make that writeback
// will ask, with the same wishes.
type outlook struct {
	lang      Lang
	platforms []store.Platform
	registry  *registry.Registry
	now       time.Time

	before, after standing
	rows          map[schema.RecordRef]lineage.Row
	targets       []store.TargetView
}

// standing is what a resident is at one time: the surviving values, and the
// living records whose evidence they may come from.
type standing struct {
	master  store.Survivors
	members map[schema.RecordRef]bool
}

func (s standing) values() schema.Values { return store.Resident{Master: s.master}.Values() }

// each visits the rows of a resident at the platforms that anybody may see, and
// the platforms without one.
func (o *outlook) each(records []store.Record, row func(store.Platform, *registry.Platform, schema.RecordRef), none func(store.Platform)) {
	for _, p := range o.platforms {
		reg, here := o.registry.Get(p.ID)
		if !open(p) || !here || reg.Map == nil {
			continue
		}
		rows := 0
		for _, r := range records {
			if r.Ref.Platform != p.ID {
				continue
			}
			rows++
			if !r.Deleted {
				row(p, reg, r.Ref)
			}
		}
		if rows == 0 {
			none(p)
		}
	}
}

func (o *outlook) platformName(id string) string { return platformName(o.lang, o.platforms, id) }

func platformName(l Lang, platforms []store.Platform, id string) string {
	for _, p := range platforms {
		if p.ID == id {
			return l.Platform(p)
		}
	}
	return id
}

// touched are the attributes that are entered, and those whose master value
// would change.
func (o *outlook) touched(entered schema.Values) []schema.Attribute {
	var out []schema.Attribute
	for _, d := range visible {
		if _, ok := entered[d.Name]; ok || o.after.master[d.Name].Value != o.before.master[d.Name].Value {
			out = append(out, d.Name)
		}
	}
	return out
}

// moved are the attributes of one row for which something else would be due than
// is due now, whether or not the master value changes: what a wrong merge wrote,
// for one, and is taken back.
func (o *outlook) moved(p store.Platform, reg *registry.Platform, ref schema.RecordRef) []schema.Attribute {
	was := lineage.Make(o.rows[ref], o.before.wishes(p, reg.Map, o.now), reg.Policy)
	will := lineage.Make(o.rows[ref], o.after.wishes(p, reg.Map, o.now), reg.Policy)
	var out []schema.Attribute
	for _, d := range visible {
		if due, ok := will.Due[d.Name]; ok && was.Due[d.Name].Raw != due.Raw {
			out = append(out, d.Name)
		} else if due, ok := will.Propose[d.Name]; ok && was.Propose[d.Name].Raw != due.Raw {
			out = append(out, d.Name)
		}
	}
	return out
}

// row says what one row of a platform would receive of the touched attributes,
// and of those that moved.
func (o *outlook) row(p store.Platform, reg *registry.Platform, ref schema.RecordRef, touched, moved []schema.Attribute) []Effect {
	row := o.rows[ref]
	plan := lineage.Make(row, o.after.wishes(p, reg.Map, o.now), reg.Policy)
	out := []Effect{}
	for _, d := range visible {
		a, moves := d.Name, slices.Contains(moved, d.Name)
		if !moves && !slices.Contains(touched, a) || !slices.Contains(reg.Map.Attributes(), a) {
			continue // not asked, or the platform has no such field
		}
		raw, shows := row.Raw[a]
		e := Effect{Platform: p.ID, PlatformName: o.lang.Platform(p), Key: ref.Key, Attribute: a, Label: o.lang.Attribute(a),
			Shown: o.shown(reg.Map, a, raw), New: o.lang.Value(a, o.after.master[a].Value), Mode: p.Agreement.Mode(a)}
		if back := plan.Due[a]; back.Retract {
			e.New = o.shown(reg.Map, a, back.Raw)
			e.Outcome, e.Why = outTakeBack, ""
			switch {
			case !p.Stage.Writes():
				e.Outcome, e.Why = outWithheld, "stage"
			case p.Paused:
				e.Why = "paused"
			}
		} else {
			e.Outcome, e.Why = o.outcome(p, reg.Map, a, raw, shows, moves, plan)
		}
		o.say(&e)
		out = append(out, e)
	}
	return out
}

func (o *outlook) say(e *Effect) {
	e.Icon, e.Word = outcomeIcon[e.Outcome], o.lang.T("outcome."+e.Outcome)
	if e.Why != "" {
		e.WhyText = o.lang.T("why." + e.Why)
	}
}

// shown is what the platform shows, read for people; its own text where that
// cannot be read.
func (o *outlook) shown(m *mapping.Map, a schema.Attribute, raw string) string {
	if v, problem := m.Value(a, raw); problem == "" || v != "" {
		return o.lang.Value(a, v)
	}
	return raw
}

// outcome finds what becomes of one field, and why where it is not written. The
// checks stand in the order in which a person would ask.
func (o *outlook) outcome(p store.Platform, m *mapping.Map, a schema.Attribute, raw string, shows, moves bool, plan lineage.Plan) (outcome, why string) {
	to, survives := o.after.master[a]
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
	case !moves && o.unchanged(a):
		return outWithheld, "unchanged"
	case !p.Agreement.InScope(o.after.values(), o.now):
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
func (o *outlook) unchanged(a schema.Attribute) bool {
	old, had := o.before.master[a]
	return had && old.Value == o.after.master[a].Value && old.Disputed == o.after.master[a].Disputed
}

// wishes are what lineage must know of a resident: what a platform's row should
// show by the agreement in force, and whose evidence is part of the resident
// (I7: only what the agreement names, and only within its scope).
func (s standing) wishes(p store.Platform, m *mapping.Map, now time.Time) lineage.Resident {
	inScope := p.Agreement.InScope(s.values(), now)
	mode := func(a schema.Attribute) schema.Mode {
		if !inScope {
			return schema.Never // I7
		}
		return p.Agreement.Mode(a)
	}
	wanted, decisions := map[schema.Attribute]lineage.Wanted{}, map[string]bool{}
	for a, v := range s.master {
		if v.Decision != 0 {
			decisions[source(v)] = true
		}
		if mode(a) == schema.Never || !slices.Contains(m.Attributes(), a) || !m.Writable(a) {
			continue
		}
		wire, err := m.Wire(a, v.Value)
		if err != nil {
			continue // outcome tells
		}
		wanted[a] = lineage.Wanted{Value: v.Value, Wire: wire, Since: v.Upto, Decision: v.Decision != 0, Source: source(v), Disputed: v.Disputed}
	}
	return lineage.Resident{Wanted: wanted, Mode: mode,
		Has: func(name string) bool {
			platform, key, _ := strings.Cut(name, "/")
			return decisions[name] || s.members[schema.RecordRef{Platform: platform, Key: key}]
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
func (o *outlook) create(p store.Platform) (Effect, bool) {
	if !p.Agreement.Creates || !p.Writable || !p.Agreement.InScope(o.after.values(), o.now) || !o.receives(p) {
		return Effect{}, false
	}
	e := Effect{Platform: p.ID, PlatformName: o.lang.Platform(p), Mode: schema.Overwrite, Outcome: outCreate,
		New: o.lang.T("preview.new_row")}
	switch {
	case slices.ContainsFunc(o.targets, func(t store.TargetView) bool { return t.Platform == p.ID }):
		e.Why = "create_waits"
	case !p.Stage.Writes():
		e.Outcome, e.Why = outWithheld, "stage"
	case p.Paused:
		e.Why = "paused"
	}
	o.say(&e)
	return e, true
}

func (o *outlook) receives(p store.Platform) bool {
	for a := range o.after.master {
		if p.Agreement.Mode(a) != schema.Never {
			return true
		}
	}
	return false
}
