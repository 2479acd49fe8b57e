package pull

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"heji/connectors"
	"heji/connectors/kit"
	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// The inbound brake. A read of everything says more than its rows: who is not in
// it is gone. Half an extract, one with an empty column, a restored backup are
// therefore looked at as a whole before anything of them is published: what is
// over a share of the platform's rows waits in quarantine for a person, and the
// platform's mark stays where it is (I1).

// held is a read of everything that is under way and of which nothing was
// published yet.
type held struct {
	spool    spool
	source   string
	asOf     time.Time
	complete bool
	cursor   connectors.Cursor // where reading goes on
}

// holdBack begins a read of everything: nothing of it is published before its end,
// where there is something that it could destroy.
func (r *run) holdBack(ctx context.Context, b connectors.Batch, asOf time.Time) error {
	r.held = nil
	if r.platform == nil {
		return nil
	}
	established, err := r.service.o.Store.Established(ctx, r.id, r.platform.Spec.Braking().Rows)
	if err == nil && established {
		r.held = &held{source: b.Source, asOf: asOf}
	}
	return err
}

// keepBack takes a piece of a read that is held.
func (r *run) keepBack(list []schema.Record, b connectors.Batch) error {
	h := r.held
	h.complete = h.complete || b.Complete
	if b.Cursor != nil {
		h.cursor = b.Cursor
	}
	return h.spool.add(list)
}

// letGo publishes a read that was held, or puts it into quarantine.
func (r *run) letGo(ctx context.Context) error {
	h := r.held
	if h == nil {
		return nil
	}
	r.held = nil
	defer h.spool.close()
	if h.spool.n == 0 {
		return nil
	}
	j, err := r.judge(ctx, h)
	if err != nil {
		return err
	}
	if len(j.over) > 0 {
		q := store.Quarantine{Platform: r.id, Source: h.source, Digest: h.spool.name(), AsOf: h.asOf, Rows: j.rows, Known: j.known,
			Complete: h.complete, Cursor: h.cursor, Figures: j.over, Samples: j.samples}
		if err := r.service.o.Store.Quarantine(ctx, q, func(f func([]byte) error) error {
			return h.spool.each(func(list []schema.Record) error {
				rows, err := packed(list)
				if err != nil {
					return err
				}
				return f(rows)
			})
		}); err != nil {
			return err
		}
		r.log.Warn("a read of everything waits for a person: too much of it has changed at once", "source", h.source, "rows", j.rows, "known", j.known)
		return quarantined(h.source)
	}
	if err := r.service.o.Store.Supersede(ctx, r.id); err != nil {
		return err
	}
	from := r.position
	if err := h.spool.each(func(list []schema.Record) error { return r.publishJudged(ctx, list, from) }); err != nil {
		return err
	}
	if h.cursor != nil {
		r.cursor = h.cursor
		r.again.note(r.position, h.cursor)
	}
	return nil
}

// publishJudged publishes messages of a read that was looked at as a whole; from
// is the position before it.
func (r *run) publishJudged(ctx context.Context, list []schema.Record, from int64) error {
	for i := range list {
		list[i].Judged = true
		if list[i].WholeFrom != nil {
			list[i].WholeFrom = &from
		}
	}
	return r.publish(ctx, list)
}

func quarantined(source string) error { return connectors.NewTrouble("quarantined", "where", source) }

// judgement is what a whole read would do.
type judgement struct {
	rows, known int64
	over        []store.Figure
	samples     []store.BrakeSample
}

// tally counts what a whole read changes, by kind and attribute.
type tally struct {
	compared int64 // rows that were known
	had      map[schema.Attribute]int64
	blank    map[schema.Attribute]int64
	back     map[schema.Attribute]int64
	same     map[lineage.Move]int64
	samples  map[string][]store.BrakeSample
}

// judge compares a read with what the platform showed before. The samples are
// masked; nothing else of a person leaves.
func (r *run) judge(ctx context.Context, h *held) (judgement, error) {
	brake := r.platform.Spec.Braking()
	j, gone := judgement{}, int64(0)
	t := tally{had: map[schema.Attribute]int64{}, blank: map[schema.Attribute]int64{}, back: map[schema.Attribute]int64{},
		same: map[lineage.Move]int64{}, samples: map[string][]store.BrakeSample{}}
	err := h.spool.each(func(list []schema.Record) error {
		var keys []string
		for _, m := range list {
			switch m.Op {
			case schema.OpPut:
				j.rows++
				keys = append(keys, m.Key)
			case schema.OpDelete:
				gone++
			}
		}
		if len(keys) == 0 {
			return nil
		}
		states, err := r.service.o.Store.RowStates(ctx, r.id, keys)
		if err != nil {
			return err
		}
		for _, m := range list {
			if state, ok := states[m.Key]; ok && m.Op == schema.OpPut {
				row, err := lineage.Decode(state)
				if err != nil {
					return err
				}
				t.add(row, m, r.platform.Policy)
			}
		}
		return nil
	})
	if err != nil {
		return j, fmt.Errorf("compare a read with what was known: %w", err)
	}
	j.known = t.compared + gone
	over := func(what string, a schema.Attribute, count, of int64, share float64) {
		if count >= int64(brake.Rows) && float64(count) > share*float64(of) {
			j.over = append(j.over, store.Figure{What: what, Attribute: a, Count: count, Of: of, Share: share})
			j.samples = append(j.samples, t.samples[what+string(a)]...)
		}
	}
	over("gone", "", gone, j.known, brake.Gone)
	for a, n := range t.blank {
		over("blank", a, n, t.had[a], brake.Blank)
	}
	for a, n := range t.back {
		over("back", a, n, t.compared, brake.Back)
	}
	for m, n := range t.same {
		over("same", m.Attribute, n, t.compared, brake.Same)
	}
	slices.SortFunc(j.over, func(a, b store.Figure) int {
		return strings.Compare(a.What+string(a.Attribute), b.What+string(b.Attribute))
	})
	return j, nil
}

// add counts one row that was known.
func (t *tally) add(row lineage.Row, m schema.Record, policy lineage.Policy) {
	if row.Deleted {
		return
	}
	t.compared++
	for a, was := range row.Raw {
		now, there := m.Raw[a]
		if !there || blank(row.Own, a, was) {
			continue
		}
		t.had[a]++
		if was != now && blank(m.Values, a, now) {
			t.blank[a]++
			t.sample("blank", a, was, now)
		}
	}
	_, report := lineage.Observe(row, lineage.Read{AsOf: m.AsOf, ChangedAt: m.ChangedAt, Now: time.Now(), Version: m.RowVersion, Raw: m.Raw, Values: m.Values}, policy)
	back := map[schema.Attribute]bool{}
	for _, a := range report.Contested { // what we wrote is gone again
		back[a] = true
	}
	for _, move := range report.Moves {
		if move.Back {
			back[move.Attribute] = true
		}
		if to := (lineage.Move{Attribute: move.Attribute, To: move.To}); !blank(m.Values, move.Attribute, move.To) {
			t.same[to]++
			t.sample("same", move.Attribute, row.Raw[move.Attribute], move.To)
		}
	}
	for a := range back {
		t.back[a]++
		t.sample("back", a, row.Raw[a], m.Raw[a])
	}
}

// blank reports whether a text says that nothing is there.
func blank(values schema.Values, a schema.Attribute, raw string) bool {
	v, read := values[a]
	return strings.TrimSpace(raw) == "" || read && v == ""
}

func (t *tally) sample(what string, a schema.Attribute, was, now string) {
	const samples = 3
	if list := t.samples[what+string(a)]; len(list) < samples {
		t.samples[what+string(a)] = append(list, store.BrakeSample{What: what, Attribute: a, Shown: kit.Mask(a, was), New: kit.Mask(a, now)})
	}
}

// decided acts on what people have said about reads in quarantine: one that was
// released is published as it was kept, one that was discarded is passed by
// where it is a file, and read anew where it is not.
func (r *run) decided(ctx context.Context) error {
	if r.connector == nil || r.asker != nil {
		return nil
	}
	list, err := r.service.o.Store.Decided(ctx, r.id)
	if err != nil || len(list) == 0 {
		return err
	}
	for _, q := range list {
		from := r.position
		switch {
		case q.State == store.QuarantineReleased:
			if err := r.service.o.Store.Quarantined(ctx, q.ID, func(rows []byte) error {
				return unpacked(rows, func(list []schema.Record) error { return r.publishJudged(ctx, list, from) })
			}); err != nil {
				return err
			}
		case r.files && q.Cursor != nil:
			if err := r.publish(ctx, []schema.Record{{Op: schema.OpMark, AsOf: q.AsOf, Cursor: q.Cursor}}); err != nil {
				return err
			}
		}
		if r.position > from && q.Cursor != nil {
			r.cursor = q.Cursor
			r.again.note(r.position, q.Cursor)
		}
		// Until it is merged, the next read would be compared with what was before,
		// and a new fence would have it published again.
		if err := r.merged(ctx, r.position); err != nil {
			return err
		}
		if err := r.service.o.Store.QuarantineDone(ctx, q.ID); err != nil {
			return err
		}
		r.log.Info("a person has decided about a read in quarantine", "state", string(q.State), "source", q.Source)
	}
	return nil
}

// merged waits until a position of this fence is in the store.
func (r *run) merged(ctx context.Context, position int64) error {
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for {
		_, low, err := r.service.o.Store.MergedMark(ctx, r.id, r.lease.Fence)
		if err != nil || low >= position {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.C:
		}
	}
}

// waits reports whether a pass ended because a read waits for a person.
func waits(err error) bool { return errors.Is(err, connectors.ErrQuarantined) }
