package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
	"heji/services/survivorship"
)

// Person is everything that the desk shows of one resident.
type Person struct {
	ID        string                     `json:"id"`
	Name      string                     `json:"name"`
	Ended     bool                       `json:"ended"` // no platform shows the resident any more
	CreatedAt time.Time                  `json:"created_at"`
	UpdatedAt time.Time                  `json:"updated_at"`
	Values    map[schema.Attribute]Value `json:"values"`
	Records   []Source                   `json:"records"`
	Targets   []Status                   `json:"targets"`
	Settled   bool                       `json:"settled"`
	Decisions []Decided                  `json:"decisions"`
	History   []Past                     `json:"history"`
	event     int64                      // the newest change of a value
	// Numbers are those of the resident in full, while they are in sight of whoever
	// asks: see Revealed.
	Numbers []Number `json:"numbers,omitempty"`
	// Responsible are the bodies that answer for the resident today.
	Responsible []Responsible `json:"responsible"`
	// AsOf is what was known on an earlier day, where one was asked for.
	AsOf *AsOf `json:"as_of,omitempty"`
}

// Value is one master value and why it is the one (I8).
type Value struct {
	Attribute schema.Attribute `json:"attribute"`
	Label     string           `json:"label"`
	Value     string           `json:"value"`
	Text      string           `json:"text"`
	Class     schema.Class     `json:"class"`
	Origin
	Rule     survivorship.Test `json:"rule"`
	RuleText string            `json:"rule_text"`
	Decision int64             `json:"decision,omitempty"`
	// Disputed: nobody knows which value is the newest. It is written nowhere.
	Disputed bool `json:"disputed"`
	// Losers are the other values that records say, and Agree those that say the
	// same.
	Losers []Claimed `json:"losers"`
	Agree  []Origin  `json:"agree"`
}

// Origin names a record and since when it says something.
type Origin struct {
	Platform     string `json:"platform,omitempty"`
	PlatformName string `json:"platform_name,omitempty"`
	Key          string `json:"key,omitempty"`
	// The value appeared after Since (absent: it was there when first seen) and
	// was seen at Observed.
	Since    *time.Time `json:"since,omitempty"`
	Observed *time.Time `json:"observed,omitempty"`
}

// Claimed is a value that did not survive.
type Claimed struct {
	Value string `json:"value"`
	Text  string `json:"text"`
	Origin
	Authority bool `json:"authority,omitempty"`
}

// Source is one record behind a resident.
type Source struct {
	Platform     string       `json:"platform"`
	PlatformName string       `json:"platform_name"`
	Department   string       `json:"department,omitempty"`
	Key          string       `json:"key"`
	FirstSeen    time.Time    `json:"first_seen"`
	Seen         *time.Time   `json:"seen,omitempty"`
	Deleted      bool         `json:"deleted,omitempty"`    // the platform no longer shows it
	Shadow       bool         `json:"shadow,omitempty"`     // Heji created this row
	Anchored     bool         `json:"anchored,omitempty"`   // it follows another record: an edit, or a shadow
	Unresolved   bool         `json:"unresolved,omitempty"` // being merged
	Notes        []string     `json:"notes"`
	Flags        []SourceFlag `json:"flags"`
	Held         []HeldField  `json:"held"` // fields that we write there and that wait for a person

	id int64
}

// ID is the record's place in the store, for the forms of its page.
func (s Source) ID() int64 { return s.id }

// SourceFlag is a value of a record that was set aside.
type SourceFlag struct {
	Attribute schema.Attribute `json:"attribute"`
	Problem   schema.Problem   `json:"problem"`
	Message   string           `json:"message"`
}

// Decided is a decision of a person.
type Decided struct {
	ID        int64            `json:"id"`
	Kind      string           `json:"kind"`
	Text      string           `json:"text"`
	Attribute schema.Attribute `json:"attribute,omitempty"`
	Value     string           `json:"value,omitempty"`
	A         schema.RecordRef `json:"a"`
	B         schema.RecordRef `json:"b,omitzero"`
	Until     *time.Time       `json:"until,omitempty"` // later
	Who       string           `json:"who"`
	Why       string           `json:"why,omitempty"`
	At        time.Time        `json:"at"`
	Action    string           `json:"action"`
	RevokedBy string           `json:"revoked_by,omitempty"` // empty: it stands
	RevokedAt *time.Time       `json:"revoked_at,omitempty"`
}

// Responsible is a body that answers for a resident in one domain, and why.
type Responsible struct {
	Domain     string         `json:"domain"`
	DomainText string         `json:"domain_text"`
	Body       string         `json:"body"`
	BodyName   string         `json:"body_name"`
	BodyKind   store.BodyKind `json:"body_kind"`
	Basis      store.Basis    `json:"basis"`
	Because    store.Scope    `json:"because"`
	Text       string         `json:"text"` // basis and scope in words
}

// Past is one line of the history, in plain words.
type Past struct {
	At        time.Time        `json:"at"`
	Kind      string           `json:"kind"`
	Text      string           `json:"text"`
	Attribute schema.Attribute `json:"attribute,omitempty"`
	Old       string           `json:"old,omitempty"`
	New       string           `json:"new,omitempty"`
	Other     string           `json:"other,omitempty"`
}

// person reads and words one resident.
func (d *Desk) person(ctx context.Context, l Lang, id uuid.UUID) (Person, error) {
	view, err := d.livingView(ctx, id)
	if err != nil {
		return Person{}, err
	}
	platforms, stopped, err := d.platforms(ctx)
	if err != nil {
		return Person{}, err
	}
	t := teller{lang: l, view: view, platforms: map[string]store.Platform{}}
	for _, p := range platforms {
		if open(p) || p.ID == deskPlatform {
			t.platforms[p.ID] = p
		}
	}
	p := Person{ID: view.Resident.ID.String(), Name: view.Resident.Master[schema.Name].Value, Ended: view.Resident.Ended,
		CreatedAt: view.CreatedAt, UpdatedAt: view.UpdatedAt, Values: map[schema.Attribute]Value{},
		Targets: l.statuses(platforms, view.Targets, view.Records, stopped)}
	p.Settled, p.event = !waiting(p.Targets), lastEvent(view)
	if p.Records, err = t.sources(); err != nil {
		return Person{}, err
	}
	for a, s := range view.Resident.Master {
		if _, ok := known(a); ok {
			p.Values[a] = t.value(a, s)
		}
	}
	p.Decisions, p.History = l.decided(platforms, d.o.Today().Location(), view.Decisions), t.history()
	v, err := d.veilOf(ctx, view.Resident.ID)
	if err != nil {
		return Person{}, err
	}
	v.person(&p)
	p.maskKeys(ctx)
	shown, err := d.revealed(ctx, view.Resident.ID)
	if err != nil {
		return Person{}, err
	}
	if shown {
		p.Numbers = t.numbers(v)
	}
	responsible, err := d.o.Store.ResponsibleFor(ctx, view.Resident.ID, d.o.Today())
	p.Responsible = l.responsible(responsible)
	return p, err
}

// teller puts a view into words. Platforms that it does not know are sealed:
// their records are passed over as if they were not there (I7).
type teller struct {
	lang      Lang
	view      store.View
	platforms map[string]store.Platform
	claims    []claimOf
}

type claimOf struct {
	lineage.Claim
	ref schema.RecordRef
}

func (t *teller) platform(id string) string {
	if p, ok := t.platforms[id]; ok {
		return t.lang.Platform(p)
	}
	return id
}

func (t *teller) sources() ([]Source, error) {
	out := []Source{}
	for _, r := range t.view.Records {
		p, ok := t.platforms[r.Ref.Platform]
		if !ok {
			continue
		}
		var row lineage.Row
		if err := json.Unmarshal(r.State, &row); err != nil {
			return nil, fmt.Errorf("record %d: read its state: %w", r.ID, err)
		}
		if !r.Deleted {
			for _, c := range row.Evidence() {
				t.claims = append(t.claims, claimOf{c, r.Ref})
			}
		}
		s := Source{Platform: p.ID, PlatformName: t.lang.Platform(p), Department: p.Department, Key: r.Ref.Key,
			FirstSeen: t.view.FirstSeen[r.ID], Seen: timeOrNil(row.Seen), Deleted: r.Deleted, Shadow: r.Shadow,
			Anchored: len(r.Anchors) > 0, Unresolved: r.Unresolved, Notes: []string{}, Flags: []SourceFlag{},
			Held: t.lang.heldFields(row), id: r.ID}
		for _, n := range []struct {
			is   bool
			note string
		}{{r.Deleted, "deleted"}, {r.Shadow, "shadow"}, {len(r.Anchors) > 0 && !r.Shadow, "edit"}, {r.Unresolved, "unresolved"}} {
			if n.is {
				s.Notes = append(s.Notes, t.lang.T("record."+n.note))
			}
		}
		var flags []schema.ValueProblem
		if r.Flags != nil {
			if err := json.Unmarshal(r.Flags, &flags); err != nil {
				return nil, fmt.Errorf("record %d: read its flags: %w", r.ID, err)
			}
		}
		for _, f := range flags {
			if _, ok := known(f.Attribute); ok {
				s.Flags = append(s.Flags, SourceFlag{Attribute: f.Attribute, Problem: f.Problem,
					Message: t.lang.T("flag."+string(f.Problem), "attribute", t.lang.Attribute(f.Attribute))})
			}
		}
		out = append(out, s)
	}
	return out, nil
}

func (t *teller) value(a schema.Attribute, s survivorship.Survivor) Value {
	d, _ := schema.Lookup(a)
	v := Value{Attribute: a, Label: t.lang.Attribute(a), Value: veiled(a, s.Value), Text: t.lang.Value(a, s.Value), Class: d.Class,
		Rule: s.Rule, RuleText: t.lang.T("rule." + string(s.Rule)), Decision: s.Decision, Disputed: s.Disputed,
		Losers: []Claimed{}, Agree: []Origin{}}
	v.Origin = Origin{Observed: timeOrNil(s.Upto)}
	if s.Source.Platform != "" {
		v.Platform, v.PlatformName, v.Key = s.Source.Platform, t.platform(s.Source.Platform), s.Source.Key
	}
	for _, c := range t.claims {
		if c.Attribute != a || c.Value == "" || schema.IsUnknown(a, c.Value) {
			continue
		}
		o := Origin{Platform: c.ref.Platform, PlatformName: t.platform(c.ref.Platform), Key: c.ref.Key,
			Since: timeOrNil(c.After), Observed: timeOrNil(c.Upto)}
		switch {
		case c.ref == s.Source:
			v.Since = o.Since
		case c.Value == s.Value:
			v.Agree = append(v.Agree, o)
		default:
			v.Losers = append(v.Losers, Claimed{Value: veiled(a, c.Value), Text: t.lang.Value(a, c.Value), Origin: o,
				Authority: slices.Contains(t.platforms[c.ref.Platform].Agreement.Authority, a)})
		}
	}
	return v
}

// history tells what happened. Lines about sealed platforms or attributes are
// left out (I7).
func (t *teller) history() []Past {
	out := []Past{}
	for _, e := range t.view.History {
		if e.Ref.Platform != "" {
			if _, ok := t.platforms[e.Ref.Platform]; !ok {
				continue
			}
		}
		p := Past{At: e.At, Kind: e.Kind, Attribute: e.Attribute}
		if e.Other != uuid.Nil {
			p.Other = e.Other.String()
		}
		if e.Attribute == "" {
			p.Text = t.lang.T("history."+e.Kind, "record", t.platform(e.Ref.Platform)+" "+shownKey(e.Ref.Key))
			out = append(out, p)
			continue
		}
		if _, ok := known(e.Attribute); !ok {
			continue
		}
		var old, fresh survivorship.Survivor
		if json.Unmarshal(e.Old, &old) != nil || e.New != nil && json.Unmarshal(e.New, &fresh) != nil {
			continue // written by a version that this one does not know
		}
		p.Old, p.New = t.lang.Value(e.Attribute, old.Value), t.lang.Value(e.Attribute, fresh.Value)
		key := "history.value"
		if fresh.Value == "" {
			key = "history.gone"
		}
		p.Text = t.lang.T(key, "attribute", t.lang.Attribute(e.Attribute), "old", p.Old, "new", p.New, "platform", t.origin(fresh))
		out = append(out, p)
	}
	return out
}

func (t *teller) origin(s survivorship.Survivor) string {
	if s.Decision != 0 {
		return t.lang.T("rule.decision")
	}
	return t.platform(s.Source.Platform)
}

func timeOrNil(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
