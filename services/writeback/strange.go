package writeback

import (
	"context"

	"github.com/google/uuid"

	"heji/services/store"
)

// strange sorts acknowledgements that match no open write. One for a write that
// is closed is late, or came twice, as messages do: it changes nothing. One for a
// write that was never made changes nothing either, but somebody must look: the
// platform confuses us with another system, or its answers go astray. It is shown
// among the dead records.
func (w *worker) strange(ctx context.Context, intents []string) error {
	if len(intents) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(intents)) // zero where it is none of our numbers
	for i, text := range intents {
		if id, err := uuid.Parse(text); err == nil {
			ids[i] = id
		}
	}
	made, err := w.o.Store.WritesMade(ctx, w.id, ids)
	if err != nil {
		return err
	}
	var aside []store.Dead
	for _, id := range ids {
		if made[id] {
			continue
		}
		// What a platform calls a write may be anything, a person's number too: only
		// what has the form of our own numbers is repeated.
		place := "acknowledgement"
		if id != uuid.Nil {
			place += " " + id.String()
		}
		aside = append(aside, store.Dead{Platform: w.id, Stage: "writeback", Place: place, Problem: store.ProblemNoWrite})
	}
	if len(aside) == 0 {
		return nil
	}
	w.log.Warn("acknowledgements for writes that were never made: set aside", "count", len(aside))
	return w.o.Store.SetAside(ctx, aside)
}
