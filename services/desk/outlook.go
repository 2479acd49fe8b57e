package desk

import (
	"slices"
	"time"

	"heji/connectors/mapping"
	"heji/schema"
	"heji/services/demand"
	"heji/services/lineage"
	"heji/services/registry"
	"heji/services/store"
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

// outcomeIcon is how outcomes look: never by colour alone.
var outcomeIcon = map[string]string{demand.Write: "→", demand.TakeBack: "↩", demand.Create: "+", demand.Propose: "✎",
	demand.Person: "!", demand.Withheld: "–", demand.Same: "="}

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
	q := demand.Question{Platform: p, Map: reg.Map, Master: o.after.master, InScope: demand.InScope(p, o.after.master, o.now), Plan: plan}
	out := []Effect{}
	for _, d := range visible {
		a, moves := d.Name, slices.Contains(moved, d.Name)
		if !moves && !slices.Contains(touched, a) || !slices.Contains(reg.Map.Attributes(), a) {
			continue // not asked, or the platform has no such field
		}
		raw, shows := row.Raw[a]
		e := Effect{Platform: p.ID, PlatformName: o.lang.Platform(p), Key: ref.Key, Attribute: a, Label: o.lang.Attribute(a),
			Shown: o.shown(reg.Map, a, raw), New: o.lang.Value(a, o.after.master[a].Value), Mode: p.Agreement.Mode(a)}
		e.Outcome, e.Why = q.Outcome(a, raw, shows, !moves && o.unchanged(a))
		if back := plan.Due[a]; back.Retract {
			e.New = o.shown(reg.Map, a, back.Raw)
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
	return veiled(a, raw)
}

// unchanged reports whether saving leaves the master value as it is: whatever a
// platform still waits for then has another cause.
func (o *outlook) unchanged(a schema.Attribute) bool {
	old, had := o.before.master[a]
	return had && old.Value == o.after.master[a].Value && old.Disputed == o.after.master[a].Disputed
}

// wishes are what lineage must know of a resident as it is at one time.
func (s standing) wishes(p store.Platform, m *mapping.Map, now time.Time) lineage.Resident {
	who, _ := demand.Of(p, m, s.master, s.members, now) // what has no form, the outcome tells
	return who
}

// create says whether a platform without a row would get one.
func (o *outlook) create(p store.Platform) (Effect, bool) {
	if !p.Agreement.Creates && o.before.master == nil && o.receives(p) {
		// Somebody new: that a platform keeps no row of its own accord is worth a word.
		e := Effect{Platform: p.ID, PlatformName: o.lang.Platform(p), Mode: schema.Never, Outcome: demand.Withheld, Why: "no_row"}
		o.say(&e)
		return e, true
	}
	if !p.Agreement.Creates || !p.Writable || !demand.InScope(p, o.after.master, o.now) || !o.receives(p) {
		return Effect{}, false
	}
	e := Effect{Platform: p.ID, PlatformName: o.lang.Platform(p), Mode: schema.Overwrite, Outcome: demand.Create,
		New: o.lang.T("preview.new_row")}
	switch {
	case slices.ContainsFunc(o.targets, func(t store.TargetView) bool { return t.Platform == p.ID }):
		e.Why = "create_waits"
	case !p.Stage.Writes():
		e.Outcome, e.Why = demand.Withheld, "stage"
	case p.Stage == schema.Canary && !p.Canary.Holds(o.after.master):
		e.Outcome, e.Why = demand.Withheld, "canary"
	case p.Held():
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
