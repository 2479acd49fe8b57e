package desk

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/demand"
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
	// Risks are the changes that wait before they leave: for a second person, or
	// until RisksWait minutes have passed.
	Risks     []RiskAhead `json:"risks"`
	RisksWait int         `json:"risks_wait_minutes"`
}

// RiskAhead is a change that would wait, and what it may stop.
type RiskAhead struct {
	Attribute schema.Attribute `json:"attribute"`
	Label     string           `json:"label"`
	Stops     []string         `json:"stops"` // benefits that the resident holds
}

// Moving and Still split the effects for the page: what changes, or waits for a
// person, and what stays as it is.
func (p Preview) Moving() []Effect { return p.effects(false) }
func (p Preview) Still() []Effect  { return p.effects(true) }

func (p Preview) effects(still bool) []Effect {
	return slices.DeleteFunc(slices.Clone(p.Effects), func(e Effect) bool {
		return (e.Outcome == demand.Withheld || e.Outcome == demand.Same) != still
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

// foresight computes what an entry would do: the outlook of the resident with
// the entered values beside the others.
type foresight struct {
	outlook
	rules   survivorship.Rules
	view    store.View // zero: a new resident
	changes schema.Values
	entry   schema.RecordRef // the desk record that the entry makes or changes
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
	p.Risks = f.risky()
	touched := f.touched(f.changes)
	f.each(f.view.Records, func(platform store.Platform, reg *registry.Platform, ref schema.RecordRef) {
		p.Effects = append(p.Effects, f.row(platform, reg, ref, touched, nil)...)
	}, func(platform store.Platform) {
		if e, ok := f.create(platform); ok {
			p.Effects = append(p.Effects, e)
		}
	})
	return p, nil
}

// risky lists the changes of master values that merge will let wait.
func (f *foresight) risky() []RiskAhead {
	out := []RiskAhead{}
	for _, d := range visible {
		old, fresh := f.before.master[d.Name].Value, f.after.master[d.Name].Value
		if !d.Risky || f.view.Resident.ID == uuid.Nil || old == fresh || old == "" && (d.Name == schema.IDNumber || fresh == schema.Alive) {
			continue
		}
		out = append(out, RiskAhead{Attribute: d.Name, Label: f.lang.Attribute(d.Name)})
	}
	return out
}

// survive computes the master values as they would be.
func (f *foresight) survive() error {
	f.rows, f.targets = map[schema.RecordRef]lineage.Row{}, f.view.Targets
	f.before.master, f.after.members = f.view.Resident.Master, map[schema.RecordRef]bool{}
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
		f.after.members[r.Ref] = len(r.Anchors) == 0
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
	f.after.members[f.entry] = true
	for a, v := range f.changes {
		claims = append(claims, survivorship.Claim{Attribute: a, Value: v, Record: f.entry, After: f.now, Upto: f.now})
	}
	f.after.master = survivorship.Master(f.rules, claims, keeps(f.view.Decisions))
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

// typedValue is what somebody has just typed: a number is shown as it is, to be
// looked at once more.
func typedValue(l Lang, a schema.Attribute, value string) string {
	if numbered(a) {
		return value
	}
	return l.Value(a, value)
}

func (f *foresight) value(a schema.Attribute, from, to string) Foreseen {
	s := f.after.master[a]
	v := Foreseen{Attribute: a, Label: f.lang.Attribute(a), From: veiled(a, from), FromText: f.lang.Value(a, from),
		To: to, ToText: typedValue(f.lang, a, to), Survives: s.Value == to, Disputes: []Dispute{}}
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
				Value: veiled(a, own), Text: f.lang.Value(a, own)})
		}
	}
	if v.Survives {
		return v
	}
	v.Stays, v.StaysText = veiled(a, s.Value), f.lang.Value(a, s.Value)
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
