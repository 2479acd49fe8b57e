package pull

import (
	"context"
	"encoding/json"
	"fmt"

	"heji/schema"
	"heji/schema/clock"
)

// deskChunk is how many entries travel before the next mark.
const deskChunk = 200

// deskPass publishes what staff entered since the cursor. The desk is one more
// platform: its rows are in the hub's own store, in canonical form, and its
// clock is ours.
func (r *run) deskPass(ctx context.Context) error {
	var after int64
	if r.cursor != nil {
		if err := json.Unmarshal(r.cursor, &after); err != nil {
			return fmt.Errorf("read the desk's resume point: %w", err)
		}
	}
	for {
		entries, err := r.service.o.Store.EntriesAfter(ctx, after, deskChunk)
		if err != nil || len(entries) == 0 {
			return err
		}
		list := make([]schema.Record, 0, len(entries)+1)
		for _, e := range entries {
			at := e.At
			m := e.Record
			m.Key, m.AsOf, m.ChangedAt = e.Key, at, &at
			if m.Op != schema.OpDelete { // an import that was undone
				m.Op = schema.OpPut
			}
			list = append(list, m)
			after = e.ID
		}
		cursor, err := json.Marshal(after)
		if err != nil {
			return fmt.Errorf("write the desk's resume point: %w", err)
		}
		list = append(list, schema.Record{Op: schema.OpMark, AsOf: clock.Now(), Cursor: cursor, Complete: true})
		if err := r.publish(ctx, list); err != nil {
			return err
		}
		r.cursor = cursor
	}
}
