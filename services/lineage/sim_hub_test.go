package lineage

import (
	"encoding/json"
	"maps"
	"time"

	"heji/schema"
)

// brain is what is tested: the rules of this package, or the obvious version.
type brain interface {
	observe(k rowKey, r Read, p Policy) Report
	row(k rowKey) Row
	plan(k rowKey, r Resident, p Policy) Plan
	begin(k rowKey, i Intent) bool
	finish(k rowKey, o Outcome)
	create(k rowKey, i Intent)
	resolve(k rowKey, a schema.Attribute, v Verdict) (ok bool)
	backup() any
	restore(backup any, journal map[rowKey][]Written, now time.Time)
}

// ruled is the hub that keeps RULES B. Stored, it takes every row through JSON,
// as the store does.
type ruled struct {
	state  map[rowKey]Row
	stored bool
}

func newRuled(stored bool) brain { return &ruled{state: map[rowKey]Row{}, stored: stored} }

func (h *ruled) keep(k rowKey, row Row) {
	if packed := h.pack(row); packed != "" {
		again := row.clone()
		for _, a := range simFields {
			again.put(a, row.field(a))
		}
		if h.pack(again) != packed {
			panic("unpacking and packing a field changes it")
		}
		row = Row{}
		if err := json.Unmarshal([]byte(packed), &row); err != nil {
			panic(err)
		}
	}
	h.state[k] = row
}

func (h *ruled) observe(k rowKey, r Read, p Policy) Report {
	before := h.state[k]
	frozen := h.pack(before)
	next, report := Observe(before, r, p)
	if h.pack(before) != frozen {
		panic("Observe changed the row that it was given")
	}
	h.keep(k, next)
	return report
}

func (h *ruled) pack(row Row) string {
	if !h.stored {
		return ""
	}
	packed, err := json.Marshal(row)
	if err != nil {
		panic(err)
	}
	return string(packed)
}
func (h *ruled) row(k rowKey) Row { return h.state[k] }
func (h *ruled) plan(k rowKey, r Resident, p Policy) Plan {
	return Make(h.state[k], r, p)
}
func (h *ruled) begin(k rowKey, i Intent) bool {
	next, err := Begin(h.state[k], i)
	h.keep(k, next)
	return err == nil
}
func (h *ruled) finish(k rowKey, o Outcome) {
	next, _ := Finish(h.state[k], o)
	h.keep(k, next)
}
func (h *ruled) resolve(k rowKey, a schema.Attribute, v Verdict) bool {
	next, _, err := Resolve(h.state[k], a, v)
	h.keep(k, next)
	return err == nil
}
func (h *ruled) backup() any { return maps.Clone(h.state) }
func (h *ruled) restore(backup any, journal map[rowKey][]Written, now time.Time) {
	h.state = maps.Clone(backup.(map[rowKey]Row))
	for k := range h.state {
		if journal[k] == nil {
			h.state[k] = Restore(h.state[k], nil, now)
		}
	}
	for k, j := range journal {
		h.state[k] = Restore(h.state[k], j, now)
	}
}
func (h *ruled) create(k rowKey, i Intent) { h.keep(k, Created(i)) }

// obvious is the first version everybody writes: what a platform shows is what
// it says, the last read counts, and what differs is written.
type obvious struct{ state map[rowKey]Row }

func newObvious() brain { return &obvious{state: map[rowKey]Row{}} }

func (h *obvious) observe(k rowKey, r Read, _ Policy) Report {
	row := h.state[k].clone()
	var report Report
	row.Deleted = r.Deleted
	for a, raw := range r.Raw {
		f := row.field(a)
		if f.mapped && f.shown.Raw == raw {
			continue
		}
		t := Text{Raw: raw}
		if v, ok := r.Values[a]; ok {
			t.Value = &v
		}
		f = field{mapped: true, shown: t, own: &ownText{Text: t, Interval: Interval{r.AsOf, r.AsOf}}, seen: r.AsOf}
		row.put(a, f)
		report.Own = append(report.Own, a)
	}
	row.Seen = r.AsOf
	h.state[k] = row
	return report
}
func (h *obvious) row(k rowKey) Row { return h.state[k] }
func (h *obvious) plan(k rowKey, r Resident, _ Policy) Plan {
	var plan Plan
	row := h.state[k]
	if row.Deleted {
		return plan
	}
	for a, w := range r.Wanted {
		f := row.field(a)
		shown := r.reading(a, f.shown.Raw)
		d := Due{Text: Say(w.Wire, w.Value), Source: w.Source, If: f.shown}
		if f.mapped && !shown.Same(d.Text) && (r.Mode(a) == schema.Overwrite || shown.Blank()) {
			put(&plan.Due, a, d)
		}
	}
	return plan
}
func (h *obvious) begin(rowKey, Intent) bool                      { return true }
func (h *obvious) finish(rowKey, Outcome)                         {}
func (h *obvious) resolve(rowKey, schema.Attribute, Verdict) bool { return false }
func (h *obvious) backup() any                                    { return maps.Clone(h.state) }
func (h *obvious) restore(backup any, _ map[rowKey][]Written, _ time.Time) {
	h.state = maps.Clone(backup.(map[rowKey]Row))
}
func (h *obvious) create(rowKey, Intent) {}

func allRows() []rowKey {
	var keys []rowKey
	for p := range simPlatforms {
		for i := range simPersons {
			keys = append(keys, rowKey{p, i})
		}
	}
	return keys
}
