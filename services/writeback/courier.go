package writeback

import (
	"context"
	"maps"
	"slices"
	"time"

	"heji/connectors"
	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// Platforms whose writes people carry. A parcel waits for hours or days, so two
// things are kept true while it does: it holds what its rows should show now,
// for as long as nobody has fetched it; and a row that a read has settled is no
// longer in it.

// carry compares what the courier holds with what the store knows.
func (w *worker) carry(ctx context.Context, lease store.Lease) error {
	if w.courier == nil || time.Since(w.carried) < w.o.Sweep {
		return nil
	}
	w.carried = time.Now()
	// In this order: what the courier holds was opened in the store before.
	held, err := w.courier.Outstanding(ctx)
	if err != nil {
		return err
	}
	if len(held) == 0 {
		return nil
	}
	open, err := w.o.Store.OpenIntents(ctx, w.id)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(open))
	for _, in := range open {
		known[in.ID.String()] = true
	}
	if closed := slices.DeleteFunc(held, func(id string) bool { return known[id] }); len(closed) > 0 {
		if err := w.courier.Forget(ctx, closed); err != nil {
			return err
		}
	}
	return w.recall(ctx, lease)
}

// recall takes writes back whose rows have become due again before anybody has
// fetched them: what they should show is worked out anew.
func (w *worker) recall(ctx context.Context, lease store.Lease) error {
	changed, err := w.o.Store.ChangedWhileQueued(ctx, w.id)
	if err != nil || len(changed) == 0 {
		return err
	}
	ids := make([]string, len(changed))
	for i, in := range changed {
		ids[i] = in.ID.String()
	}
	back, err := w.courier.Recall(ctx, ids)
	if err != nil {
		return err
	}
	changed = slices.DeleteFunc(changed, func(in store.Intent) bool { return !slices.Contains(back, in.ID.String()) })
	outcomes := make([]connectors.Outcome, len(changed))
	for i, in := range changed {
		outcomes[i] = connectors.Outcome{Intent: in.ID.String(), Status: connectors.Busy, Reason: "it changed before anybody fetched it"}
	}
	for chunk := range slices.Chunk(changed, 200) {
		if err := w.settle(ctx, lease, chunk, outcomes); err != nil {
			return err
		}
	}
	return nil
}

// dress tells a courier what the rows show beside what is to change: its sheets
// and cards hold whole rows.
func (w *worker) dress(ctx context.Context, writes []connectors.Write) error {
	if w.courier == nil {
		return nil
	}
	var keys []string
	for _, x := range writes {
		if x.Key != "" {
			keys = append(keys, x.Key)
		}
	}
	states, err := w.o.Store.RowStates(ctx, w.id, keys)
	if err != nil {
		return err
	}
	for i := range writes {
		state, ok := states[writes[i].Key]
		if !ok {
			continue
		}
		row, err := lineage.Decode(state)
		if err != nil {
			return err
		}
		writes[i].Shown = map[string]string{}
		for _, a := range w.mapping.Attributes() {
			raw, shown := row.Raw[a]
			if f := row.Lineage.Fields[a]; f.Sent != nil && !f.Sent.Settled {
				raw, shown = f.Sent.Raw, true // sent, and no read has shown it yet
			}
			if shown {
				maps.Copy(writes[i].Shown, w.mapping.Columns(a, raw))
			}
		}
	}
	return nil
}

// whole are the fields of a row that we made: what was not sent is blank there.
// Without this, a platform that shows nothing would never get a value that
// becomes known later: what a row holds that nobody has seen is not written over.
func (w *worker) whole(sent map[schema.Attribute]store.IntentField) map[schema.Attribute]store.IntentField {
	if !w.blind {
		return sent
	}
	all := map[schema.Attribute]store.IntentField{}
	for _, a := range w.mapping.Attributes() {
		if w.mapping.Writable(a) {
			all[a] = store.IntentField{}
		}
	}
	maps.Copy(all, sent)
	return all
}

// believe takes a platform at its word that shows nothing: without exports, what
// it says that it took is all that anybody will ever know of the row. Elsewhere
// the next read says what became of a write.
func (w *worker) believe(row lineage.Row, fields map[schema.Attribute]store.IntentField, at time.Time) lineage.Row {
	if !w.blind {
		return row
	}
	read := lineage.Read{AsOf: at.Add(time.Millisecond), Now: at.Add(time.Millisecond), Raw: map[schema.Attribute]string{}, Values: schema.Values{}}
	for a, f := range fields {
		read.Raw[a], read.Values[a] = f.Wire, f.Value
	}
	next, _ := lineage.Observe(row, read, w.policy)
	return next
}
