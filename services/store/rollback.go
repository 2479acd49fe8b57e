package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/audit"
	"heji/services/lineage"
)

// RollbackWish asks for what was written to a platform in a time to be taken back.
type RollbackWish struct {
	Platform string
	From, To time.Time // of the writes: From included, To not
	Who, Why string
	Dry      bool // only say what would be done
}

// RollbackLine counts fields that meet the same end.
type RollbackLine struct {
	Attribute schema.Attribute `json:"attribute,omitempty"` // empty: rows as wholes
	Left      lineage.Left     `json:"left,omitempty"`      // why it is left as it is; empty: brought back
	Count     int64            `json:"count"`
	Rows      []int64          `json:"rows"` // records.id of the first of them
}

// Rollback says what was, or would be, taken back. No value is in it.
type Rollback struct {
	Writes    int64          `json:"writes"`    // of that time, whose outcome is not that nothing happened
	Back      int64          `json:"back"`      // fields that are brought back
	Left      int64          `json:"left"`      // fields and rows that are left as they are
	Forgotten int64          `json:"forgotten"` // writes of which nothing is kept any more
	Lines     []RollbackLine `json:"lines"`
}

// LeftUnknown is a row that the store does not know.
const LeftUnknown lineage.Left = "unknown"

// rollbackRows is how many rows of a report are named, of each line.
const rollbackRows = 20

// RollBack has what a platform showed before the writes of a time brought back,
// where it still shows what was written then. Nothing is called here: the fields
// become due, and leave as every write does, on condition that they still show
// our value (I5, I8). open reads what is kept of a write.
func (s *Store) RollBack(ctx context.Context, w RollbackWish, open func(intent uuid.UUID, sealed string) ([]lineage.Written, error)) (Rollback, error) {
	r := rollback{store: s, wish: w, lines: map[rollbackEnd]*RollbackLine{}}
	if err := r.run(ctx, open); err != nil {
		return Rollback{}, fmt.Errorf("platform %s: roll back: %w", w.Platform, err)
	}
	r.report.Lines = []RollbackLine{}
	for _, l := range r.lines {
		r.report.Lines = append(r.report.Lines, *l)
	}
	slices.SortFunc(r.report.Lines, func(a, b RollbackLine) int {
		return cmp.Or(cmp.Compare(a.Left, b.Left), cmp.Compare(a.Attribute, b.Attribute))
	})
	return r.report, nil
}

type rollback struct {
	store  *Store
	wish   RollbackWish
	report Rollback
	lines  map[rollbackEnd]*RollbackLine
}

type rollbackEnd struct {
	attribute schema.Attribute
	left      lineage.Left
}

// run goes through the writes row by row, so that any number of them fits.
func (r *rollback) run(ctx context.Context, open func(uuid.UUID, string) ([]lineage.Written, error)) error {
	rows, err := r.store.pool.Query(ctx, `SELECT id, coalesce(key, ''), coalesce(sealed, '') FROM intents
		WHERE platform = $1 AND at >= $2 AND at < $3 AND state IN ('open', 'queued', 'doubt', 'applied')
		ORDER BY key COLLATE "C", at, id`, r.wish.Platform, r.wish.From, r.wish.To)
	if err != nil {
		return err
	}
	defer rows.Close()
	wrote := map[string][]lineage.Written{} // by key
	for rows.Next() {
		var id uuid.UUID
		var key, sealed string
		if err := rows.Scan(&id, &key, &sealed); err != nil {
			return err
		}
		r.report.Writes++
		switch {
		case key == "":
			r.note("", lineage.LeftCreated, 0)
			continue
		case sealed == "":
			r.report.Forgotten++
			continue
		}
		list, err := open(id, sealed)
		if err != nil {
			return err
		}
		if _, same := wrote[key]; !same && len(wrote) >= 500 {
			if err := r.rowsBack(ctx, wrote); err != nil {
				return err
			}
			wrote = map[string][]lineage.Written{}
		}
		wrote[key] = append(wrote[key], list...)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return r.rowsBack(ctx, wrote)
}

func (r *rollback) note(a schema.Attribute, left lineage.Left, record int64) {
	key := rollbackEnd{a, left}
	l := r.lines[key]
	if l == nil {
		l = &RollbackLine{Attribute: a, Left: left, Rows: []int64{}}
		r.lines[key] = l
	}
	l.Count++
	if record != 0 && len(l.Rows) < rollbackRows {
		l.Rows = append(l.Rows, record)
	}
	if left == "" {
		r.report.Back++
	} else {
		r.report.Left++
	}
}

// rowsBack marks rows, all in one transaction with the note of the audit trail.
func (r *rollback) rowsBack(ctx context.Context, wrote map[string][]lineage.Written) error {
	if len(wrote) == 0 {
		return nil
	}
	return r.store.tx(ctx, func(tx pgx.Tx) error {
		lock := ""
		if !r.wish.Dry {
			if _, err := r.store.hold(ctx, tx); err != nil {
				return err
			}
			lock = "FOR NO KEY UPDATE"
		}
		rows, err := tx.Query(ctx, `SELECT id, platform, key, state FROM records WHERE platform = $1 AND key = ANY($2) ORDER BY id `+lock,
			r.wish.Platform, slices.Collect(maps.Keys(wrote)))
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x Record, err error) {
			err = row.Scan(&x.ID, &x.Ref.Platform, &x.Ref.Key, &x.State)
			return x, err
		})
		if err != nil {
			return fmt.Errorf("lock records: %w", err)
		}
		var states recordStates
		before, known := r.report.Back, map[string]bool{}
		for _, x := range list {
			known[x.Ref.Key] = true
			raw, err := r.rowBack(x, wrote[x.Ref.Key])
			if err != nil {
				return err
			}
			if raw != nil {
				states.add(Verdict{RecordID: x.ID, RecordState: raw})
			}
		}
		for key := range wrote {
			if !known[key] {
				r.note("", LeftUnknown, 0)
			}
		}
		if r.wish.Dry || len(states.id) == 0 {
			return nil
		}
		batch := &pgx.Batch{}
		states.queue(batch)
		batch.Queue(`UPDATE targets t SET due_at = clock_timestamp(), since = coalesce(since, clock_timestamp())
			FROM records r WHERE r.id = ANY($1) AND t.platform = r.platform AND t.key = r.key`, states.id)
		// The outgoing brake does not count what a person takes back.
		batch.Queue(`UPDATE platforms SET approved_at = clock_timestamp() WHERE id = $1`, r.wish.Platform)
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("mark rows: %w", err)
		}
		return note(ctx, tx, r.wish.Who, audit.Note{Did: "platform.rollback", What: "platform/" + r.wish.Platform, Platform: r.wish.Platform, Why: r.wish.Why},
			map[string]any{"from": r.wish.From, "to": r.wish.To, "rows": len(states.id), "fields": r.report.Back - before})
	})
}

// rowBack marks the fields of one row; nil: nothing is brought back.
func (r *rollback) rowBack(x Record, wrote []lineage.Written) ([]byte, error) {
	row, err := lineage.Decode(x.State)
	if err != nil {
		return nil, err
	}
	fields := map[schema.Attribute][]lineage.Written{}
	for _, w := range wrote {
		fields[w.Attribute] = append(fields[w.Attribute], w)
	}
	changed := false
	for _, a := range slices.Sorted(maps.Keys(fields)) {
		next, left := lineage.RollBack(row, a, fields[a])
		r.note(a, left, x.ID)
		if left == "" {
			row, changed = next, true
		}
	}
	if !changed {
		return nil, nil
	}
	return row.Append(nil)
}
