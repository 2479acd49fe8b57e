package merge

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/linkage"
	"heji/services/store"
	"heji/services/survivorship"
)

// resolution is what one transaction did.
type resolution struct {
	claimed int
	due     []schema.Change
}

// flipped ends a transaction in which keys were found to have crossed the cap.
type flipped struct{ flips []linkage.Flip }

func (f *flipped) Error() string {
	return fmt.Sprintf("%d blocking keys crossed the cap", len(f.flips))
}

// claim finds the records of a batch: what changed, or what a relink has left.
type claim func(tx *store.Resolution, ctx context.Context, limit int) ([]int64, error)

func (s *Service) resolveOnce(ctx context.Context, claim claim, limit int, wait bool) (resolution, error) {
	var out resolution
	platforms, err := s.o.Store.Platforms(ctx)
	if err != nil {
		return out, err
	}
	err = s.o.Store.Resolve(ctx, func(tx *store.Resolution) error {
		out = resolution{}
		claimed, err := claim(tx, ctx, limit)
		if err != nil || len(claimed) == 0 {
			return err
		}
		out.claimed = len(claimed)
		model := tx.Model()
		n := tx.Neighbours(ctx, model, wait)
		closure, err := linkage.Close(model, n, claimed)
		if err != nil {
			return err
		}
		if len(closure.Flips) > 0 {
			return &flipped{closure.Flips}
		}
		w := &writer{rules: s.o.Rules, leaves: slices.ContainsFunc(platforms, func(p store.Platform) bool { return p.Stage.Writes() }), authority: authorities(platforms), near: n, edges: map[[2]int64]bool{}, written: map[uuid.UUID]store.Resident{}, out: store.Resolved{
			Membership: map[int64]uuid.UUID{}, Hang: map[int64][]int64{}}}
		for _, o := range closure.Oversize {
			s.o.Logger.Warn("a component is too large to be partitioned: it keeps its old partition and waits", "records", len(o))
			w.out.Parked = append(w.out.Parked, o...)
		}
		components, err := n.Whole(closure.Components)
		if err != nil {
			return err
		}
		if len(components) == 0 && len(closure.Oversize) == 0 {
			return store.ErrHeld
		}
		if err := w.load(ctx, tx, components); err != nil {
			return err
		}
		for i, c := range components {
			w.component(i, c)
		}
		for _, r := range w.written {
			w.out.Residents = append(w.out.Residents, r)
		}
		out.due, err = tx.Write(ctx, w.out)
		return err
	})
	if f, ok := err.(*flipped); ok {
		s.countFlips(f.flips)
		if err := s.o.Store.Flip(ctx, f.flips); err != nil {
			return out, err
		}
	}
	return out, err
}

// authorities says which platform has the last word on which attribute.
func authorities(list []store.Platform) map[string]map[schema.Attribute]bool {
	out := map[string]map[schema.Attribute]bool{}
	for _, p := range list {
		out[p.ID] = map[schema.Attribute]bool{}
		for _, a := range p.Agreement.Authority {
			out[p.ID][a] = true
		}
	}
	return out
}

// writer turns components into what the store writes.
type writer struct {
	rules     survivorship.Rules
	leaves    bool // something is written back somewhere: what is risky must wait
	authority map[string]map[schema.Attribute]bool
	near      *store.Neighbours
	residents map[uuid.UUID]store.Resident
	merged    map[uuid.UUID]bool                      // residents that were merged away, locked
	revivable map[uuid.UUID]bool                      // those of them that may still live again
	left      map[uuid.UUID]map[schema.RecordRef]bool // living records that are no longer the resident's
	written   map[uuid.UUID]store.Resident
	keeps     map[schema.RecordRef][]store.Choice
	edges     map[[2]int64]bool
	out       store.Resolved
}

// load reads the residents and keep decisions that the components need.
func (w *writer) load(ctx context.Context, tx *store.Resolution, components []linkage.Component) error {
	var ids, records []uuid.UUID // residents, and those that records have now
	var refs []schema.RecordRef
	seen, of := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	for _, c := range components {
		for _, m := range c.Members {
			rec := w.near.Records[m.ID]
			for _, id := range []uuid.UUID{rec.Resident, rec.Former} {
				if id != uuid.Nil && !seen[id] {
					seen[id] = true
					ids = append(ids, id)
				}
			}
			if rec.Resident != uuid.Nil && !rec.Deleted && rec.Unresolved && !of[rec.Resident] {
				of[rec.Resident] = true
				records = append(records, rec.Resident)
			}
			refs = append(refs, m.Ref)
		}
	}
	var err error
	// A record that comes back may have a resident that was merged away while it was
	// gone: whoever else was of that resident may claim the same id.
	if w.revivable, err = tx.Revivable(ctx, ids); err != nil {
		return err
	}
	w.merged = maps.Clone(w.revivable)
	records = slices.DeleteFunc(records, func(id uuid.UUID) bool { return w.merged[id] })
	if stranger, err := tx.Strangers(ctx, records, slices.Collect(maps.Keys(w.near.Records))); err != nil {
		return err
	} else if stranger {
		return store.ErrHeld // another worker has given such an id back since our records were looked up
	}
	if w.residents, err = tx.Residents(ctx, ids); err != nil {
		return err
	}
	list, err := tx.Keeps(ctx, refs)
	if err != nil {
		return err
	}
	w.keeps = map[schema.RecordRef][]store.Choice{}
	for _, k := range list {
		w.keeps[k.A] = append(w.keeps[k.A], k)
	}
	return nil
}

// component assigns identities and computes the master record of each group.
func (w *writer) component(number int, c linkage.Component) {
	old, former := map[int64]uuid.UUID{}, map[int64]uuid.UUID{}
	for _, m := range c.Members {
		w.out.Records, w.out.Component = append(w.out.Records, m.ID), append(w.out.Component, number)
		w.out.Done = append(w.out.Done, m.ID)
		rec := w.near.Records[m.ID]
		switch {
		case rec.Resident != uuid.Nil && !rec.Deleted && w.merged[rec.Resident]:
			if w.revivable[rec.Resident] {
				former[m.ID] = rec.Resident
			}
			continue
		case rec.Resident != uuid.Nil && !rec.Deleted:
			old[m.ID] = rec.Resident
		}
		if w.revivable[rec.Former] {
			former[m.ID] = rec.Former
		}
	}
	w.out.Seeds = append(w.out.Seeds, c.Changed...)
	for _, e := range c.Edges { // an edge between two changed components is in both
		if pair := [2]int64{e.A, e.B}; !w.edges[pair] {
			w.edges[pair] = true
			w.out.Edges = append(w.out.Edges, e)
		}
	}
	byRef := func(a, b int64) int { return linkage.CompareRefs(w.near.Records[a].Ref, w.near.Records[b].Ref) }
	ids := linkage.AssignIDs(c.Groups, old, former, byRef, uuid.New)

	w.left = map[uuid.UUID]map[schema.RecordRef]bool{}
	for i, group := range c.Groups {
		for _, m := range group {
			was := old[m]
			if was == uuid.Nil || was == ids.Of[i] {
				continue
			}
			if w.left[was] == nil {
				w.left[was] = map[schema.RecordRef]bool{}
			}
			w.left[was][w.near.Records[m].Ref] = true
		}
	}
	kept := map[uuid.UUID]bool{}
	for i, group := range c.Groups {
		id := ids.Of[i]
		kept[id] = true
		delete(w.revivable, id) // one life at a time
		w.group(id, group)
	}
	for from, to := range ids.Redirect {
		if kept[from] {
			continue
		}
		if r, ok := w.residents[from]; ok && r.Redirect != to {
			if known, ok := w.residents[to]; ok && w.leaves && (benefits(r.Master) || benefits(known.Master)) {
				w.out.Risks = append(w.out.Risks, store.Risk{Resident: to, Other: from})
			}
			r.Redirect, r.Master, r.Search = to, store.Survivors{}, ""
			w.written[from] = r
			w.out.Events = append(w.out.Events, store.Event{Resident: from, Kind: "merged", Other: to})
		}
	}
	// Residents whose last record is gone: the register remembers them. Nobody
	// is dropped because one source no longer shows them.
	for _, m := range c.Members {
		rec := w.near.Records[m.ID]
		r, ok := w.residents[rec.Resident]
		if _, moved := ids.Redirect[rec.Resident]; !ok || kept[rec.Resident] || moved || r.Ended || r.Redirect != uuid.Nil {
			continue
		}
		r.Ended = true
		w.residents[r.ID], w.written[r.ID] = r, r
		w.out.Events = append(w.out.Events, store.Event{Resident: r.ID, Kind: "ended"})
	}
}

// group writes one resident.
func (w *writer) group(id uuid.UUID, members []int64) {
	var claims []survivorship.Claim
	var keeps []survivorship.Keep
	moved := false
	for _, m := range members {
		rec := w.near.Records[m]
		w.out.Membership[m] = id
		if rec.Resident != id {
			moved = true
			if rec.Resident != uuid.Nil {
				w.out.Events = append(w.out.Events,
					store.Event{Resident: id, Kind: "joined", Ref: rec.Ref, Other: rec.Resident},
					store.Event{Resident: rec.Resident, Kind: "left", Ref: rec.Ref, Other: id})
			}
		}
		for _, c := range w.near.Evidence[m].Evidence() {
			claims = append(claims, survivorship.Claim{Attribute: c.Attribute, Value: c.Value, Record: rec.Ref,
				After: c.After, Upto: c.Upto, Authority: w.authority[rec.Ref.Platform][c.Attribute]})
		}
		for _, k := range w.keeps[rec.Ref] {
			keeps = append(keeps, survivorship.Keep{Attribute: k.Attribute, Value: k.Value, At: k.At, ID: k.ID})
		}
	}
	master := survivorship.Master(w.rules, claims, keeps)
	was, known := w.residents[id]
	if w.nobody(members) {
		w.end(id, was, known)
		return
	}
	w.hang(members)
	events, changed := differences(id, was.Master, master)
	if known && was.Redirect != uuid.Nil {
		w.out.Events = append(w.out.Events, store.Event{Resident: id, Kind: "revived"})
		changed = true
	}
	if changed && known && w.leaves && was.Redirect == uuid.Nil {
		for _, r := range risks(was.Master, master) {
			if w.left[id][was.Master[r.Attribute].Source] {
				continue // the value was another person's: giving it back puts right what was wrong
			}
			r.Resident = id
			w.out.Risks = append(w.out.Risks, r)
		}
	}
	if changed || !known || was.Ended {
		w.written[id] = store.Resident{ID: id, Master: master, Search: store.SearchText(master)}
		w.out.Events = append(w.out.Events, events...)
	}
	// A target must look again when a value changed, or when records joined or
	// left: what another resident's evidence wrote is taken back (I8).
	if changed || moved || !known || was.Ended {
		w.out.Touched = append(w.out.Touched, id)
	}
}

// nobody reports whether a group holds nothing but rows that Heji made: the last
// record that they followed is gone.
func (w *writer) nobody(members []int64) bool {
	return !slices.ContainsFunc(members, func(m int64) bool {
		rec := w.near.Records[m]
		return !rec.Shadow || len(rec.Anchors) == 0
	})
}

// end ends a resident whom only rows that Heji made still show. The master record
// stays: it says whom those rows are about.
func (w *writer) end(id uuid.UUID, was store.Resident, known bool) {
	w.out.Touched = append(w.out.Touched, id)
	if known && was.Ended && was.Redirect == uuid.Nil {
		return
	}
	was.ID, was.Ended, was.Redirect = id, true, uuid.Nil
	if was.Master == nil {
		was.Master = store.Survivors{}
	}
	w.residents[id], w.written[id] = was, was
	w.out.Events = append(w.out.Events, store.Event{Resident: id, Kind: "ended"})
}

// hang lets the rows that Heji made follow whoever stands behind the person by
// now: first the record that leads them, then the others of the resident. When the
// first is gone they go on with the next; a record that was split off is no longer
// among them.
func (w *writer) hang(members []int64) {
	var others []int64
	for _, m := range members {
		if len(w.near.Records[m].Anchors) == 0 {
			others = append(others, m)
		}
	}
	slices.Sort(others)
	for _, m := range members {
		rec := w.near.Records[m]
		at := slices.IndexFunc(rec.Anchors, func(a int64) bool { return slices.Contains(others, a) })
		if !rec.Shadow || at < 0 {
			continue
		}
		lead := rec.Anchors[at]
		anchors := append([]int64{lead}, slices.DeleteFunc(slices.Clone(others), func(o int64) bool { return o == lead })...)
		if !slices.Equal(anchors, rec.Anchors) {
			w.out.Hang[m] = anchors
		}
	}
}

// differences lists superseded values; a first value is in the master itself.
func differences(id uuid.UUID, old, fresh store.Survivors) (events []store.Event, changed bool) {
	for a, s := range fresh {
		o, had := old[a]
		if had && o.Equal(s) {
			continue
		}
		changed = true
		if had && o.Value != s.Value {
			events = append(events, event(id, a, &o, &s))
		}
	}
	for a, o := range old {
		if _, still := fresh[a]; !still {
			changed = true
			events = append(events, event(id, a, &o, nil))
		}
	}
	return events, changed
}

func event(id uuid.UUID, a schema.Attribute, old, fresh *survivorship.Survivor) store.Event {
	e := store.Event{Resident: id, Kind: "value", Attribute: a}
	// A Survivor always encodes: it holds text, times and numbers only.
	e.Old, _ = json.Marshal(old)
	if fresh != nil {
		e.New, _ = json.Marshal(fresh)
	}
	return e
}
