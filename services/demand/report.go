package demand

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/registry"
	"heji/services/store"
)

// Report says what write-back to one platform would do now, by attribute and
// outcome: what is decided for every row by the code that writes, over one
// snapshot of the store. Nothing becomes due because of it.
type Report struct {
	Platform  string    `json:"platform"`
	Agreement int       `json:"agreement"`           // its version
	Community string    `json:"community,omitempty"` // only of its residents: a canary
	At        time.Time `json:"at"`
	Rows      int64     `json:"rows"`    // of the platform, that belong to a resident
	Changed   int64     `json:"changed"` // of them: would be written
	Creates   int64     `json:"creates"` // rows that would be made
	Held      int64     `json:"held"`    // that would be made, but something is missing or a person must say first
	// Braked: that is more than the outgoing brake lets through by itself, Limit rows
	// within Hours. Whoever approves it lets it through as a whole.
	Braked  bool     `json:"over_brake"`
	Limit   int64    `json:"brake_limit"`
	Hours   float64  `json:"brake_hours"`
	Lines   []Line   `json:"lines"`
	Samples []Sample `json:"samples"`
	// Digest names these figures: a step carries the one that its approver saw.
	Digest string `json:"digest"`
}

// Line counts the fields of one attribute that have one outcome.
type Line struct {
	Attribute schema.Attribute `json:"attribute"`
	Outcome   string           `json:"outcome"`
	Why       string           `json:"why,omitempty"`
	Count     int64            `json:"count"`
}

// Sample is one field, masked.
type Sample struct {
	Attribute schema.Attribute `json:"attribute"`
	Outcome   string           `json:"outcome"`
	Shown     string           `json:"shown"`
	New       string           `json:"new"`
}

// samples is how many fields are shown of each attribute and outcome.
const samples = 3

// Effect computes the report of a platform under one version of its agreement;
// 0 is the one in force. It reads every row of the platform once.
// community limits it to a canary; "" is everybody.
func Effect(ctx context.Context, st *store.Store, reg *registry.Platform, version int, community string, now time.Time) (Report, error) {
	t := tally{reg: reg, now: now, lines: map[Line]int64{}}
	err := st.Suppose(ctx, reg.Spec.ID, version, func(p store.Platform, list []store.Target) error {
		t.report.Platform, t.report.Agreement = p.ID, p.Version
		t.report.Community = community
		p.Stage, p.Paused, p.Quarantined, p.Braked = schema.Live, false, false, nil
		if community != "" {
			p.Stage, p.Canary = schema.Canary, store.Canary{Community: community}
		}
		for _, x := range list {
			if x.Key == "" {
				t.create(p, x)
			} else if err := t.row(p, x); err != nil {
				return fmt.Errorf("record %d: %w", x.Record.ID, err)
			}
		}
		return nil
	})
	if err != nil {
		return Report{}, fmt.Errorf("what would be written to %s: %w", reg.Spec.ID, err)
	}
	return t.done(), nil
}

type tally struct {
	reg    *registry.Platform
	now    time.Time
	report Report
	lines  map[Line]int64
}

// row counts the fields of a row that is there.
func (t *tally) row(p store.Platform, x store.Target) error {
	row, err := lineage.Decode(x.Record.State)
	if err != nil {
		return err
	}
	t.report.Rows++
	m := t.reg.Map
	who, _ := Of(p, m, x.Resident.Master, x.Members, t.now)
	row, _ = Unflag(row, who, x.Refused)
	plan := lineage.Make(row, who, t.reg.Policy)
	waits := Hold(x.Waits, &plan)
	q := Question{Platform: p, Map: m, Master: x.Resident.Master, InScope: InScope(p, x.Resident.Master, t.now), Plan: plan, Waits: waits}
	writes := false
	for _, a := range m.Attributes() {
		raw, shows := row.Raw[a]
		outcome, why := q.Outcome(a, raw, shows, false)
		if outcome == Withheld && why == "nothing" {
			continue // nothing is known: it says nothing about the platform
		}
		fresh := q.Master[a].Value
		if outcome == TakeBack {
			fresh, _ = m.Value(a, plan.Due[a].Raw)
		}
		writes = writes || outcome == Write || outcome == TakeBack
		t.count(a, outcome, why, t.read(a, raw), fresh)
	}
	if writes {
		t.report.Changed++
	}
	return nil
}

// create counts a row that would be made.
func (t *tally) create(p store.Platform, x store.Target) {
	if x.Has || !InScope(p, x.Resident.Master, t.now) || p.Stage == schema.Canary && !p.Canary.Holds(x.Resident.Master) {
		return
	}
	due, _ := Created(p, t.reg.Map, x.Resident.Master)
	missing := slices.ContainsFunc(t.reg.Required(), func(a schema.Attribute) bool { _, ok := due[a]; return !ok })
	if x.Blocked || missing || len(x.Waits) > 0 || !Natural(t.reg.Map, due) {
		t.report.Held++
		return
	}
	t.report.Creates++
	for a, d := range due {
		t.count(a, Create, "", "", *d.Value)
	}
}

func (t *tally) read(a schema.Attribute, raw string) string {
	v, _ := t.reg.Map.Value(a, raw)
	if v == "" {
		return raw
	}
	return v
}

func (t *tally) count(a schema.Attribute, outcome, why, shown, fresh string) {
	line := Line{Attribute: a, Outcome: outcome, Why: why}
	t.lines[line]++
	if t.lines[line] <= samples && outcome != Same && outcome != Withheld {
		t.report.Samples = append(t.report.Samples, Sample{Attribute: a, Outcome: outcome, Shown: masked(a, shown), New: masked(a, fresh)})
	}
}

// masked hides most of a value: enough is left to see what kind of change it is.
// A code says what, not who.
func masked(a schema.Attribute, value string) string {
	keep := 1
	switch d, _ := schema.Lookup(a); d.Kind {
	case schema.KindCode:
		return value
	case schema.KindIDNumber, schema.KindPhone, schema.KindDate:
		keep = 4
	}
	n := utf8.RuneCountInString(value)
	if n <= keep {
		return strings.Repeat("*", n)
	}
	return string([]rune(value)[:keep]) + strings.Repeat("*", min(n-keep, 6))
}

func (t *tally) done() Report {
	r := t.report
	r.At, r.Lines = t.now, []Line{}
	brake := t.reg.Spec.Braking()
	r.Limit, r.Hours = brake.Most(r.Rows), brake.Window.D().Hours()
	r.Braked = r.Changed+r.Creates > r.Limit
	for line, n := range t.lines {
		line.Count = n
		r.Lines = append(r.Lines, line)
	}
	slices.SortFunc(r.Lines, func(x, y Line) int {
		return cmp.Or(cmp.Compare(x.Attribute, y.Attribute), cmp.Compare(x.Outcome, y.Outcome), cmp.Compare(x.Why, y.Why))
	})
	slices.SortStableFunc(r.Samples, func(x, y Sample) int {
		return cmp.Or(cmp.Compare(x.Attribute, y.Attribute), cmp.Compare(x.Outcome, y.Outcome))
	})
	if r.Samples == nil {
		r.Samples = []Sample{}
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s %d %q\n", r.Platform, r.Agreement, r.Community)
	fmt.Fprintln(h, r.Rows, r.Changed, r.Creates, r.Held)
	for _, l := range r.Lines {
		fmt.Fprintln(h, l.Attribute, l.Outcome, l.Why, l.Count)
	}
	r.Digest = hex.EncodeToString(h.Sum(nil)[:12])
	return r
}

// MovedShare is by how much a figure may differ from the one that was approved:
// a twentieth, or a handful of rows.
const (
	MovedShare = 0.05
	movedRows  = 5
)

// Moved reports whether the figures of a report differ from another one's so far
// that whoever approved that one has not approved this.
func (r Report) Moved(seen Report) bool {
	if r.Agreement != seen.Agreement || r.Community != seen.Community {
		return true
	}
	now, then := r.figures(), seen.figures()
	for k := range then {
		now[k] += 0
	}
	for k, n := range now {
		most := max(n, then[k])
		if diff := max(n-then[k], then[k]-n); diff > movedRows && float64(diff) > MovedShare*float64(most) {
			return true
		}
	}
	return false
}

// figures are what an approval is about: what leaves, and what people are asked.
func (r Report) figures() map[string]int64 {
	out := map[string]int64{"": r.Changed, Create: r.Creates}
	for _, l := range r.Lines {
		if l.Outcome != Same && l.Outcome != Withheld {
			out[string(l.Attribute)+" "+l.Outcome] += l.Count
		}
	}
	return out
}
