package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/audit"
	"heji/services/lineage"
)

// ErrNoRetry means that a target does not wait for anything that a person could
// ask for once more: a write is on its way, it is contested, or all is well.
var ErrNoRetry = errors.New("nothing there can be tried again now")

// MayRetry reports whether a person may have a target tried again: what the
// platform refused, what is held, and what waits for its turn. A write on its way
// and a lost answer are left to the machine, which looks before it writes; what a
// clerk there has changed needs a verdict.
func (s TargetState) MayRetry() bool {
	return s == TargetRefused || s == TargetHold || s == TargetDue
}

// Retry has one target of a resident looked at again now. What was refused is
// tried again: a refusal stands until something changes, and that a person asks
// is a change. Fields for which may says no stay as they are; so does what was
// taken back on purpose.
func (s *Store) Retry(ctx context.Context, target int64, resident uuid.UUID, who string, may func(schema.Attribute) bool, keys func(schema.Values) []int64) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := s.hold(ctx, tx); err != nil {
			return err
		}
		var platform string
		var state TargetState
		var record *int64
		err := tx.QueryRow(ctx, `SELECT platform, state, record_id FROM targets WHERE id = $1 AND resident_id = $2`, target, resident).Scan(&platform, &state, &record)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if !state.MayRetry() {
			return ErrNoRetry
		}
		var asked []Choice
		if record != nil {
			if asked, err = askAgain(ctx, tx, *record, who, may, keys); err != nil {
				return err
			}
		}
		// The state is looked at once more: it may have moved since.
		tag, err := tx.Exec(ctx, `UPDATE targets SET due_at = least(due_at, clock_timestamp()), refused = CASE WHEN $2 THEN NULL ELSE refused END
			WHERE id = $1 AND state IN ('refused', 'hold', 'due')`, target, record == nil || len(asked) > 0)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNoRetry
		}
		if len(asked) > 0 {
			if _, err := act(ctx, tx, deed{kind: "field", who: who, makes: asked}); err != nil {
				return err
			}
		}
		return note(ctx, tx, who, audit.Note{Did: "write.retry", What: "resident/" + resident.String(), Platform: platform},
			map[string]int64{"target": target, "fields": int64(len(asked))})
	})
	if err != nil {
		return fmt.Errorf("try a row again: %w", err)
	}
	return nil
}

// askAgain lets the refused fields of a row be written again.
func askAgain(ctx context.Context, tx pgx.Tx, record int64, who string, may func(schema.Attribute) bool, keys func(schema.Values) []int64) ([]Choice, error) {
	rows, err := tx.Query(ctx, `SELECT `+recordColumns+` FROM records r WHERE id = $1 FOR NO KEY UPDATE`, record)
	if err != nil {
		return nil, err
	}
	rec, err := pgx.CollectExactlyOneRow(rows, scanRecord)
	if err != nil {
		return nil, err
	}
	row, err := lineage.Decode(rec.State)
	if err != nil {
		return nil, fmt.Errorf("read its state: %w", err)
	}
	var asked []Choice
	flags := row.Flags()
	for _, a := range slices.Sorted(maps.Keys(flags)) {
		if flags[a].Kind != lineage.Refused || !may(a) || row.Lineage.Fields[a].Back != nil {
			continue
		}
		if row, _, err = lineage.Resolve(row, a, lineage.WriteAgain); err != nil {
			return nil, err
		}
		asked = append(asked, Choice{Kind: "field", A: rec.Ref, Attribute: a, Value: string(lineage.WriteAgain), Who: who})
	}
	if len(asked) == 0 {
		return nil, nil
	}
	b := &pgx.Batch{}
	if err := putState(b, rec, row, keys); err != nil {
		return nil, err
	}
	return asked, tx.SendBatch(ctx, b).Close()
}
