package desk

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/demand"
	"heji/services/lineage"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/survivorship"
)

// Forecast is what a decision would do to residents and platforms. Nothing is
// done.
type Forecast struct {
	// Before and After are the residents that would change, as they are and as
	// they would be.
	Before []Body `json:"before"`
	After  []Fate `json:"after"`
	// What the platforms would see, counted.
	Writes    int `json:"writes"`
	Creates   int `json:"creates"`
	TakeBacks int `json:"take_backs"`
	Proposals int `json:"proposals"`
	Persons   int `json:"persons"` // fields that wait for a person
	// Aliases are the different valid ID numbers that would become one
	// resident's, masked: to be confirmed with alias_ids and a reason.
	Aliases []string `json:"aliases"`
	// Decisions counts what would be stored; Held is how many groups only a
	// decision holds together. Revokes are taken back with it.
	Decisions int       `json:"decisions"`
	Held      int       `json:"held"`
	Revokes   []Decided `json:"revokes"`
	Pending   bool      `json:"pending"`  // records are being merged anyway
	Oversize  bool      `json:"oversize"` // too large to be partitioned: nothing would move
}

// Unchanged reports whether no resident would change.
func (f Forecast) Unchanged() bool { return len(f.After) == 0 }

// Sum says in one line what the platforms would see.
func (f Forecast) Sum(l Lang) string {
	var parts []string
	for _, x := range []struct {
		n   int
		key string
	}{{f.Writes, "writes"}, {f.Creates, "creates"}, {f.TakeBacks, "backs"}, {f.Proposals, "proposals"}, {f.Persons, "persons"}} {
		if x.n > 0 {
			parts = append(parts, l.T("effect."+x.key, "count", x.n))
		}
	}
	if len(parts) == 0 {
		return l.T("effect.none")
	}
	return strings.Join(parts, l.T("list.separator"))
}

// Body is a resident and the records that it consists of.
type Body struct {
	Resident string    `json:"resident,omitempty"` // empty: would be new
	Name     string    `json:"name"`
	Records  []RefName `json:"records"`
}

// RefName is a record with its platform's name.
type RefName struct {
	Platform     string `json:"platform"`
	PlatformName string `json:"platform_name"`
	Key          string `json:"key"`
}

// Fate is a resident as it would be.
type Fate struct {
	Body
	New     bool     `json:"new"`     // under an id that nobody has had
	Revived bool     `json:"revived"` // under an id that was merged away
	From    []string `json:"from"`    // residents whose records it would have
	Values  []Change `json:"values"`  // those that change
	Effects []Effect `json:"effects"`
}

// Moving and Still split the effects as a preview does.
func (f Fate) Moving() []Effect { return Preview{Effects: f.Effects}.Moving() }
func (f Fate) Still() []Effect  { return Preview{Effects: f.Effects}.Still() }

// Change is one surviving value that would be another one.
type Change struct {
	Attribute schema.Attribute `json:"attribute"`
	Label     string           `json:"label"`
	Before    []Held           `json:"before"` // of each resident that it comes from
	After     Held             `json:"after"`
}

// Held is a surviving value, and why it is the one.
type Held struct {
	Resident     string            `json:"resident,omitempty"`
	Value        string            `json:"value"`
	Text         string            `json:"text"`
	Platform     string            `json:"platform,omitempty"`
	PlatformName string            `json:"platform_name,omitempty"`
	Key          string            `json:"key,omitempty"`
	Rule         survivorship.Test `json:"rule,omitempty"`
	RuleText     string            `json:"rule_text,omitempty"`
	Disputed     bool              `json:"disputed,omitempty"`
}

// forecast rehearses a judgement and words the result.
func (d *Desk) forecast(ctx context.Context, l Lang, j store.Judgement) (Forecast, error) {
	r, err := d.o.Store.Rehearse(ctx, j)
	if err != nil {
		return Forecast{}, d.judgementFailure(ctx, l, err)
	}
	platforms, err := d.o.Store.Platforms(ctx)
	if err != nil {
		return Forecast{}, err
	}
	p := prophet{lang: l, desk: d, platforms: platforms, r: r, authority: map[string][]schema.Attribute{}}
	for _, x := range platforms {
		p.authority[x.ID] = x.Agreement.Authority
	}
	f := Forecast{Before: []Body{}, After: []Fate{}, Aliases: []string{}, Decisions: len(r.Makes), Held: len(j.Hold),
		Revokes: l.decided(platforms, d.o.Today().Location(), r.Revokes), Pending: r.Pending, Oversize: r.Oversize}
	for _, n := range r.Aliases {
		f.Aliases = append(f.Aliases, mask(n))
	}
	p.tell(&f)
	return f, d.veilForecast(ctx, j, &f)
}

// prophet words a rehearsal. Records of sealed platforms are passed over (I7).
type prophet struct {
	lang      Lang
	desk      *Desk
	platforms []store.Platform
	authority map[string][]schema.Attribute
	r         store.Rehearsed
}

func (p *prophet) tell(f *Forecast) {
	touched := map[uuid.UUID]bool{}
	for i, group := range p.r.Groups {
		id := p.r.Of[i]
		if len(p.visible(group)) == 0 {
			continue
		}
		master := p.master(group)
		from := p.from(group)
		was, known := p.r.Before[id]
		if known && was.Redirect == uuid.Nil && slices.Equal(p.visible(group), p.visible(p.r.Members[id])) && sameMaster(was.Master, master) {
			continue
		}
		fate := Fate{Body: p.body(id, master[schema.Name].Value, group), New: p.r.Fresh[id], Revived: known && was.Redirect != uuid.Nil,
			From: []string{}, Values: p.changes(from, master), Effects: []Effect{}}
		if fate.New {
			fate.Resident = ""
		}
		for _, x := range from {
			touched[x] = true
			fate.From = append(fate.From, x.String())
		}
		fate.Effects = p.effects(group, from, master)
		f.After = append(f.After, fate)
		f.count(fate.Effects)
	}
	for id := range touched {
		f.Before = append(f.Before, p.body(id, p.r.Before[id].Master[schema.Name].Value, p.r.Members[id]))
	}
	slices.SortFunc(f.Before, func(a, b Body) int { return cmp.Compare(a.Resident, b.Resident) })
}

func (f *Forecast) count(effects []Effect) {
	for _, e := range effects {
		switch e.Outcome {
		case demand.Write:
			f.Writes++
		case demand.Create:
			f.Creates++
		case demand.TakeBack:
			f.TakeBacks++
		case demand.Propose:
			f.Proposals++
		case demand.Person:
			f.Persons++
		}
	}
}

// visible are the records that anybody may see, in order (I7).
func (p *prophet) visible(ids []int64) []int64 {
	return slices.DeleteFunc(slices.Sorted(slices.Values(ids)), func(id int64) bool { return p.sealed(p.r.Records[id].Ref.Platform) })
}

// sameMaster compares what anybody may see (I7).
func sameMaster(a, b store.Survivors) bool {
	return !slices.ContainsFunc(visible, func(d schema.Definition) bool {
		x, had := a[d.Name]
		y, has := b[d.Name]
		return had != has || !x.Equal(y)
	})
}

// from are the residents that a group's records come from, the one that brings
// most first.
func (p *prophet) from(group []int64) []uuid.UUID {
	brings := map[uuid.UUID]int{}
	for _, id := range group {
		if res := p.r.Records[id].Resident; res != uuid.Nil {
			brings[res]++
		}
	}
	var out []uuid.UUID
	for id := range brings {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b uuid.UUID) int {
		return cmp.Or(brings[b]-brings[a], cmp.Compare(a.String(), b.String()))
	})
	return out
}

func (p *prophet) body(id uuid.UUID, name string, records []int64) Body {
	b := Body{Resident: id.String(), Name: name, Records: []RefName{}}
	for _, rec := range p.visible(records) {
		ref := p.r.Records[rec].Ref
		b.Records = append(b.Records, RefName{Platform: ref.Platform, PlatformName: platformName(p.lang, p.platforms, ref.Platform), Key: ref.Key})
	}
	return b
}

func (p *prophet) sealed(platform string) bool {
	return slices.ContainsFunc(p.platforms, func(x store.Platform) bool { return x.ID == platform && !open(x) && x.ID != deskPlatform })
}

// master computes what would survive, as merge does.
func (p *prophet) master(group []int64) store.Survivors {
	var claims []survivorship.Claim
	var keep []store.Choice
	for _, id := range group {
		ref := p.r.Records[id].Ref
		for _, c := range p.r.Rows[id].Evidence() {
			claims = append(claims, survivorship.Claim{Attribute: c.Attribute, Value: c.Value, Record: ref,
				After: c.After, Upto: c.Upto, Authority: slices.Contains(p.authority[ref.Platform], c.Attribute)})
		}
		for _, k := range p.r.Keeps {
			if k.A == ref {
				keep = append(keep, k)
			}
		}
	}
	return survivorship.Master(p.desk.o.Rules, claims, keeps(keep))
}

func (p *prophet) changes(from []uuid.UUID, master store.Survivors) []Change {
	out := []Change{}
	for _, def := range visible {
		after := master[def.Name]
		c := Change{Attribute: def.Name, Label: p.lang.Attribute(def.Name), Before: []Held{}, After: p.held("", def.Name, after)}
		changes := false
		for _, id := range from {
			was := p.r.Before[id].Master[def.Name]
			changes = changes || was.Value != after.Value || was.Disputed != after.Disputed
			c.Before = append(c.Before, p.held(id.String(), def.Name, was))
		}
		if changes {
			out = append(out, c)
		}
	}
	return out
}

func (p *prophet) held(resident string, a schema.Attribute, s survivorship.Survivor) Held {
	h := Held{Resident: resident, Value: veiled(a, s.Value), Text: p.lang.Value(a, s.Value), Rule: s.Rule, Disputed: s.Disputed}
	if s.Rule != "" {
		h.RuleText = p.lang.T("rule." + string(s.Rule))
	}
	if s.Source.Platform != "" && !p.sealed(s.Source.Platform) {
		h.Platform, h.PlatformName, h.Key = s.Source.Platform, platformName(p.lang, p.platforms, s.Source.Platform), s.Source.Key
	}
	return h
}

// effects says what the platforms would receive for one resident as it would be.
func (p *prophet) effects(group []int64, from []uuid.UUID, master store.Survivors) []Effect {
	out := []Effect{}
	o := outlook{lang: p.lang, platforms: p.platforms, registry: p.desk.o.Registry, now: p.desk.o.Today(),
		after: standing{master: master, members: p.refs(group)}, rows: map[schema.RecordRef]lineage.Row{}}
	byOld := map[uuid.UUID][]store.Record{}
	at := map[string]int{}
	for _, id := range group {
		rec := p.r.Records[id]
		o.rows[rec.Ref] = p.r.Rows[id]
		byOld[rec.Resident] = append(byOld[rec.Resident], rec)
		at[rec.Ref.Platform]++
	}
	for _, old := range from {
		o.before = standing{master: p.r.Before[old].Master, members: p.refs(p.r.Members[old])}
		touched := o.touched(nil)
		o.each(byOld[old], func(x store.Platform, reg *registry.Platform, ref schema.RecordRef) {
			out = append(out, o.row(x, reg, ref, touched, o.moved(x, reg, ref))...)
		}, func(store.Platform) {})
		o.targets = append(o.targets, p.r.Targets[old]...)
	}
	out = append(out, p.rows(&o, group, from, at)...)
	slices.SortStableFunc(out, func(a, b Effect) int { return cmp.Compare(a.Platform, b.Platform) })
	return out
}

// rows says which rows would be made, and which would no longer be needed or
// stand beside another one.
func (p *prophet) rows(o *outlook, group []int64, from []uuid.UUID, at map[string]int) []Effect {
	var out []Effect
	for _, x := range p.platforms {
		if _, here := p.desk.o.Registry.Get(x.ID); !open(x) || !here {
			continue
		}
		note := Effect{Platform: x.ID, PlatformName: p.lang.Platform(x), Mode: schema.Overwrite}
		waits := slices.ContainsFunc(o.targets, func(t store.TargetView) bool { return t.Platform == x.ID && t.Key == "" })
		switch {
		case at[x.ID] > 0 && waits:
			note.Outcome, note.Why = demand.Withheld, "create_not_needed"
		case at[x.ID] > 1 && len(from) > 1 && p.shadow(group, x.ID):
			note.Outcome, note.Why = demand.Person, "two_rows"
		case at[x.ID] == 0 && p.left(from, x.ID):
			if e, ok := o.create(x); ok {
				out = append(out, e)
			}
			continue
		default:
			continue
		}
		o.say(&note)
		out = append(out, note)
	}
	return out
}

// shadow reports whether we made one of the rows that a group has at a platform.
func (p *prophet) shadow(group []int64, platform string) bool {
	return slices.ContainsFunc(group, func(id int64) bool { return p.r.Records[id].Ref.Platform == platform && p.r.Records[id].Shadow })
}

// left reports whether a platform's row is one that the resident had so far.
func (p *prophet) left(from []uuid.UUID, platform string) bool {
	return slices.ContainsFunc(from, func(id uuid.UUID) bool {
		return slices.ContainsFunc(p.r.Members[id], func(rec int64) bool { return p.r.Records[rec].Ref.Platform == platform })
	})
}

func (p *prophet) refs(ids []int64) map[schema.RecordRef]bool {
	out := make(map[schema.RecordRef]bool, len(ids))
	for _, id := range ids {
		out[p.r.Records[id].Ref] = len(p.r.Records[id].Anchors) == 0
	}
	return out
}
