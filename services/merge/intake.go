package merge

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/clock"
	"heji/services/lineage"
	"heji/services/store"
)

// intake decides what a batch of messages of one platform does to its records.
func (s *Service) intake(ctx context.Context, in store.Intake) (store.IntakeCounts, int, error) {
	slices.SortStableFunc(in.Messages, func(a, b schema.Record) int {
		return int(min(max(a.Version.Position-b.Version.Position, -1), 1))
	})
	echoes := 0
	counts, err := s.o.Store.TakeIn(ctx, in, func(st store.IntakeState) (store.Decision, error) {
		var policy lineage.Policy
		if p, ok := s.o.Registry.Get(in.Platform); ok {
			policy = p.Policy
		}
		policy.Restored, policy.Unknown = st.Platform.Restoration()
		d := newDecision(s, in, st, policy)
		out, err := d.run()
		if err != nil {
			return out, err
		}
		// What the hub itself says about its residents is nobody's mistake, however
		// many it says it about.
		if mass := d.tally.Mass(massLimit); len(mass) > 0 && in.Platform != spec.RegisterID {
			// The same rows again, from their state before this read: what changed
			// in a mass is contested instead of believed, and a person looks.
			s.o.Logger.Warn("many rows changed in the same way at once: held until a person has looked", "platform", in.Platform, "count", len(mass))
			policy.Mass = mass
			d = newDecision(s, in, st, policy)
			out, err = d.run()
			out.Hold = true
		}
		echoes = d.echoes
		return out, err
	})
	return counts, echoes, err
}

// massLimit says when changes are no longer people's work: a nightly reset, a
// restored backup, a wrong import. Counted over one intake of a few hundred rows.
var massLimit = lineage.MassLimit{Rows: 30, Share: 0.3}

func newDecision(s *Service, in store.Intake, st store.IntakeState, p lineage.Policy) *decision {
	return &decision{service: s, in: in, state: st, policy: p, now: clock.Now(), rows: map[string]*store.Record{}, recheck: map[string]store.Recheck{}, read: map[string]int64{}}
}

// decision is one pure pass over the messages of an intake, in their order.
type decision struct {
	service *Service
	in      store.Intake
	state   store.IntakeState
	policy  lineage.Policy
	now     time.Time // by the clock that reads and writes go by, never by PostgreSQL's: the two may differ

	rows    map[string]*store.Record // changed rows, by key
	order   []string
	recheck map[string]store.Recheck
	read    map[string]int64 // positions of the rows that could be used, by key
	echoes  int
	tally   lineage.Tally
	out     store.Decision
}

func (d *decision) run() (store.Decision, error) {
	seen := map[int64]bool{}
	for _, m := range d.in.Messages {
		pos := m.Version.Position
		if d.state.Taken(pos) || seen[pos] {
			continue // I1: a repeated message counts once
		}
		seen[pos] = true
		switch m.Op {
		case schema.OpMark:
			d.out.Marks = append(d.out.Marks, store.Mark{Position: pos, Cursor: m.Cursor, Complete: m.Complete, AsOf: m.AsOf, WholeFrom: m.WholeFrom})
		case schema.OpDead:
			d.out.Dead = append(d.out.Dead, store.Dead{Platform: m.Platform, Stage: "pull", Position: pos, Key: m.Key, Place: m.Place, Problem: m.Problem})
		default:
			d.read[m.Key] = pos
			if err := d.row(m); err != nil {
				return d.out, fmt.Errorf("record at position %d: %w", pos, err)
			}
		}
	}
	for _, key := range d.order {
		d.out.Rows = append(d.out.Rows, *d.rows[key])
	}
	d.out.Recheck, d.out.Read = d.recheck, d.read
	return d.out, nil
}

// row passes one read through lineage.
func (d *decision) row(m schema.Record) error {
	pos := m.Version.Position
	rec, known := d.current(m.Key)
	switch {
	case known && !m.Version.Newer(rec.Version):
		d.out.Unchanged = append(d.out.Unchanged, pos)
		return nil
	case !known && m.Op == schema.OpDelete:
		d.out.Unchanged = append(d.out.Unchanged, pos)
		return nil
	case !known && d.parked(m):
		// RULES C: this may be the row that an open create is making. It waits
		// until the create's outcome has bound it, or has not.
		d.out.Later = append(d.out.Later, pos)
		return nil
	}
	var row lineage.Row
	if known {
		var err error
		if row, err = lineage.Decode(rec.State); err != nil {
			return err
		}
	}
	next, report := lineage.Observe(row, lineage.Read{
		AsOf: m.AsOf, ChangedAt: m.ChangedAt, Now: d.now, Version: m.RowVersion,
		Raw: m.Raw, Values: m.Values, Deleted: m.Op == schema.OpDelete,
	}, d.policy)
	d.echoes += report.Echoes
	if !m.Judged { // what was read as a whole was counted as a whole
		d.tally.Add(report)
	}
	if known && !report.Changed {
		d.out.Unchanged = append(d.out.Unchanged, pos)
		return nil
	}
	if !known {
		rec = store.Record{Ref: schema.RecordRef{Platform: m.Platform, Key: m.Key}}
		for _, ref := range m.Anchors {
			if id, ok := d.state.Anchors[ref]; ok {
				rec.Anchors = append(rec.Anchors, id)
			}
		}
	}
	if report.Ordinary {
		rec.Anchors = nil // a clerk made another person of it: an ordinary record, with review
	}
	changed := !known || report.EvidenceChanged || report.Ordinary || rec.Deleted != next.Deleted
	if err := d.keep(rec, m, next, known, changed); err != nil {
		return err
	}
	news := len(report.Altered)+len(report.NotTaken)+len(report.Contested)+len(report.Retry) > 0 || report.NeedLook || report.Restored ||
		known && next.Deleted && !rec.Deleted // whoever its row waits for need not look at it any more
	if news || len(report.Settled) > 0 {
		was, twice := d.recheck[m.Key]
		d.recheck[m.Key] = store.Recheck{Look: was.Look || report.NeedLook,
			// Of a row that we created, the first read shows fields that we did not know.
			Confirmed: !news && !rec.Shadow && (was.Confirmed || !twice)}
	}
	if changed {
		d.out.Merged = append(d.out.Merged, pos)
	} else {
		d.out.Unchanged = append(d.out.Unchanged, pos)
	}
	return nil
}

// keep notes the changed row, with new blocking keys where its evidence changed.
func (d *decision) keep(rec store.Record, m schema.Record, row lineage.Row, known, changed bool) error {
	raw, err := row.Append(make([]byte, 0, 1024))
	if err != nil {
		return err
	}
	rec.State, rec.Version, rec.Deleted = raw, m.Version, row.Deleted
	rec.Flags, rec.Lane = nil, store.Lane(row.Own)
	if len(m.Flags) > 0 {
		if rec.Flags, err = json.Marshal(m.Flags); err != nil {
			return fmt.Errorf("encode its flags: %w", err)
		}
	}
	if changed {
		var keys []int64
		rec.Features = nil
		if !rec.Deleted && len(rec.Anchors) == 0 {
			keys, rec.Features = d.service.o.Store.Derive(row.Own)
		}
		// Every key that it has had since it was last resolved: their holders'
		// number may have crossed the cap because of it.
		var old []int64
		for _, k := range append(slices.Clone(rec.OldKeys), rec.Keys...) {
			if !slices.Contains(keys, k) && !slices.Contains(old, k) {
				old = append(old, k)
			}
		}
		rec.Keys, rec.OldKeys, rec.Unresolved = keys, old, true
	}
	if _, ok := d.rows[m.Key]; !ok {
		d.order = append(d.order, m.Key)
	} else if d.rows[m.Key].Unresolved {
		rec.Unresolved = true
	}
	d.rows[m.Key] = &rec
	return nil
}

func (d *decision) current(key string) (store.Record, bool) {
	if r, ok := d.rows[key]; ok {
		return *r, true
	}
	r, ok := d.state.Records[key]
	return r, ok
}

// parked reports whether a new row carries our token, or the natural key of a
// create whose outcome is open.
func (d *decision) parked(m schema.Record) bool {
	for _, c := range d.state.Creates {
		if m.Token != "" && m.Token == c.Intent.String() {
			return true
		}
		if f, ok := c.Fields[schema.IDNumber]; ok && f.Value != "" {
			if m.Values[schema.IDNumber] == f.Value {
				return true
			}
			continue
		}
		name, birth := c.Fields[schema.Name], c.Fields[schema.BirthDate]
		if name.Value != "" && name.Value == m.Values[schema.Name] && birth.Value == m.Values[schema.BirthDate] {
			return true
		}
	}
	return false
}
