package writeback

import (
	"context"
	"errors"
	"strings"
	"time"

	"heji/connectors"
	"heji/schema"
	"heji/services/store"
)

// otherPerson is what staff read at a target whose platform gave another
// person's row for our key.
const otherPerson = "the platform gives another person's row for this one: it was set aside, and nothing is written until it gives the right one"

// own keeps the rows that are what was asked for. Nobody but others is no
// answer: neither "gone" nor "not there" follows from it, whichever kind of
// connector gave it.
func (w *worker) own(q connectors.Query, rows []connectors.Row) ([]connectors.Row, error) {
	var mine []connectors.Row
	for _, row := range rows {
		if q.Key != "" && row.Key == q.Key || q.Key == "" && shows(row, q.Natural) {
			mine = append(mine, row)
		}
	}
	if len(mine) == 0 && len(rows) > 0 {
		return nil, connectors.NewTrouble("other_row", "where", w.id)
	}
	return mine, nil
}

// shows reports whether a row contradicts none of the texts.
func shows(row connectors.Row, natural map[string]string) bool {
	for column, want := range natural {
		if have, ok := row.Columns[column]; ok && !strings.EqualFold(strings.TrimSpace(have), strings.TrimSpace(want)) {
			return false
		}
	}
	return true
}

// setAside shows another person's row among the dead records, and lets the
// target wait: longer each time, and other targets go on meanwhile (I10).
func (w *worker) setAside(ctx context.Context, lease store.Lease, t store.Target) error {
	if err := w.o.Store.SetAside(ctx, []store.Dead{{Platform: w.id, Stage: "writeback", Key: t.Key, Place: "look", Problem: schema.ProblemOtherPerson}}); err != nil {
		return err
	}
	return w.o.Store.Settle(ctx, lease, []int64{t.ID}, func(_ store.Platform, list []store.Target) ([]store.Verdict, error) {
		v := store.Verdict{Target: t.ID, State: store.TargetDue, Look: true, Reason: otherPerson, Attempts: list[0].Attempts + 1, Refused: list[0].Refused, Settles: list[0].Settles}
		if list[0].Open != nil {
			v.State = store.TargetDoubt
		}
		v.DueAt = time.Now().Add(max(10*time.Second, backoff(v.Attempts)))
		return []store.Verdict{v}, nil
	})
}

func isOther(err error) bool { return errors.Is(err, connectors.ErrOtherRow) }
