package chaos

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"heji/deploy/demo/district"
	"heji/deploy/demo/examine"
	"heji/deploy/demo/oracle"
	"heji/services/lineage"
	"heji/services/store"
)

// check compares what the round left behind with what it must have left.
func (r *round) check() error {
	before, err := r.traffic()
	if err != nil {
		return err
	}
	if err := r.conserved(); err != nil {
		return err
	}
	if err := r.demanded(); err != nil {
		return err
	}
	if err := r.once(); err != nil {
		return err
	}
	if err := r.evidence(); err != nil {
		return err
	}
	part, err := examine.Partition(r.ctx, r.store, r.conn)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(part.Batch, part.Stored) {
		r.res.Differences++
		r.wrong("partition: one batch over the same evidence and decisions says otherwise: %v, stored %v", part.Batch, part.Stored)
	}
	if len(part.BatchEdges)+len(part.StoredEdges) > 0 && !reflect.DeepEqual(part.BatchEdges, part.StoredEdges) {
		r.res.Differences++
		r.wrong("partition: the review queue of one batch is another: %v, stored %v", part.BatchEdges, part.StoredEdges)
	}
	// Nothing has changed: nothing may flow, however often everybody is read.
	if err := r.quiet("silence"); err != nil {
		return err
	}
	after, err := r.traffic()
	if err != nil {
		return err
	}
	for id, n := range after {
		if n != before[id] {
			r.res.Echoes += n - before[id]
			r.wrong("echo: %s received %d writes when nothing had changed", id, n-before[id])
		}
	}
	return nil
}

// traffic is how many writes each platform has received.
func (r *round) traffic() (map[string]int, error) {
	n := map[string]int{}
	for _, pl := range r.district.Platforms() {
		w, err := pl.Journal(r.ctx)
		if err != nil {
			return nil, err
		}
		n[pl.ID()] = len(w)
	}
	return n, nil
}

// conserved: I1. Each position of each run is one of merged, unchanged, dead.
func (r *round) conserved() error {
	list, err := r.store.Conservations(r.ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Positions != c.Merged+c.Unchanged+c.Dead+c.Marks {
			r.res.Lost++
			r.wrong("conservation: %+v", c)
		}
	}
	var entries int
	if err := r.conn.QueryRow(r.ctx, `SELECT count(*) FROM desk_entries`).Scan(&entries); err != nil {
		return err
	}
	if entries != r.res.Entries {
		r.res.Lost += max(r.res.Entries-entries, 0)
		r.res.Repeated += max(entries-r.res.Entries, 0)
		r.wrong("desk: %d entries were acknowledged and %d are stored", r.res.Entries, entries)
	}
	return nil
}

// demanded: each platform shows what its agreement demands of what the hub holds.
func (r *round) demanded() error {
	hub, err := examine.Truth(r.ctx, r.store)
	if err != nil {
		return err
	}
	first := district.Mark{Platforms: map[string]map[string]district.Row{}, Own: map[string]map[string]district.Row{}}
	last, err := r.district.Mark(r.ctx, "end")
	if err != nil {
		return err
	}
	ph := oracle.Phase{Name: "all", Today: time.Now(), Before: first, After: last, Hub: hub, Edits: map[string][]district.Edit{}, Writes: map[string][]district.Write{}}
	for _, pl := range r.district.Platforms() {
		edits, err := pl.Edits(r.ctx)
		if err != nil {
			return err
		}
		id := pl.ID()
		if ph.Writes[id], err = pl.Journal(r.ctx); err != nil {
			return err
		}
		// Before anything happened it showed its own first rows.
		first.Platforms[id] = r.district.Own(id, nil)
		first.Own[id] = first.Platforms[id]
		ph.Edits[id] = edits
		r.res.Writes += len(ph.Writes[id])
	}
	// A row that Heji had made and a restored backup lacks is not made again without
	// a person.
	for ref, resident := range hub.Rows {
		if _, there := last.Platforms[ref.Platform][ref.Key]; !there && slices.Contains(r.resync, ref.Platform) {
			if hub.NoCreate[ref.Platform] == nil {
				hub.NoCreate[ref.Platform] = map[string]bool{}
			}
			hub.NoCreate[ref.Platform][resident] = true
		}
	}
	for id, x := range oracle.Check(ph, r.ids) {
		r.res.Records += x.Records
		r.res.Held += x.Held
		r.res.Fields += x.Fields
		if x.Differs > 0 {
			r.res.Lost += x.Differs
			r.wrong("lost: %s does not show what is demanded: %v", id, x.Different)
		}
	}
	return nil
}

// once: I5. The platforms' journals hold each write once. Repeated is what a platform
// was seen to hold (RULES C): what only a restored backup held, before any read has
// shown it, is not.
func (r *round) once() error {
	for _, pl := range r.district.Platforms() {
		list, err := pl.Journal(r.ctx)
		if err != nil {
			return err
		}
		done := map[string]bool{}
		backup, restored := r.backup[pl.ID()]
		for i, w := range list {
			if !w.Applied || w.Replay {
				continue
			}
			again := w.Intent != "" && done[w.Intent+" "+w.Key]
			done[w.Intent+" "+w.Key] = true
			if w.Repeated && restored && i >= backup && !putAlready(list[backup:i], w) {
				continue // it is the backup that held it, and nobody has seen it hold that
			}
			if w.Repeated || again {
				r.res.Repeated++
				r.wrong("repeated: %s row %s (%v)", pl.ID(), w.Key, columns(w.Set))
			}
		}
	}
	return nil
}

// putAlready reports whether one of these writes has already put into the row what w
// puts there.
func putAlready(list []district.Write, w district.Write) bool {
	return slices.ContainsFunc(list, func(x district.Write) bool {
		if x.Key != w.Key || !x.Applied || x.Replay {
			return false
		}
		for c, v := range w.Set {
			if x.Set[c] != v {
				return false
			}
		}
		return true
	})
}

func columns(row district.Row) (list []string) {
	for c := range row {
		list = append(list, c)
	}
	return list
}

// evidence: I6. What the hub takes for a department's own word is nothing that
// only the hub has put there, nor what the platform made of it.
func (r *round) evidence() error {
	type cell struct{ platform, key, fact, value string }
	own, ours := map[cell]bool{}, map[cell]bool{} // by a department's own hand; by the hub's
	for _, pl := range r.district.Platforms() {
		layout := district.LayoutOf(pl.ID())
		edits, err := pl.Edits(r.ctx)
		if err != nil {
			return err
		}
		writes, err := pl.Journal(r.ctx)
		if err != nil {
			return err
		}
		for _, w := range writes {
			for _, f := range layout.Fields {
				ours[cell{pl.ID(), w.Key, f.Fact, f.Value(w.Set)}] = true
			}
		}
		for n := range len(edits) + 1 {
			for key, row := range r.district.Own(pl.ID(), edits[:n]) {
				for _, f := range layout.Fields {
					own[cell{pl.ID(), key, f.Fact, f.Value(row)}] = true
				}
			}
		}
	}
	return r.store.EachRecord(r.ctx, func(rec store.Record) error {
		layout := district.LayoutOf(rec.Ref.Platform)
		if layout == nil {
			return nil // the desk
		}
		var row lineage.Row
		if err := json.Unmarshal(rec.State, &row); err != nil {
			return fmt.Errorf("%v: %w", rec.Ref, err)
		}
		for a, value := range row.Own {
			c := cell{rec.Ref.Platform, rec.Ref.Key, string(a), value}
			if value != "" && ours[c] && !own[c] {
				r.res.Echoes++
				r.wrong("echo: %s row %s: %s is taken for the department's own word and was ours", c.platform, c.key, a)
			}
		}
		return nil
	})
}
