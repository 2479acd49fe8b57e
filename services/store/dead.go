package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/audit"
)

// SetAside stores rows or messages that cannot be used.
func (s *Store) SetAside(ctx context.Context, list []Dead) error {
	return writeDead(ctx, s.pool, 0, list)
}

// DeadState is what became of a row that was set aside.
type DeadState string

// States of rows that were set aside.
const (
	DeadOpen    DeadState = "open"    // waits for a person
	DeadAsked   DeadState = "asked"   // is to be read again
	DeadMended  DeadState = "mended"  // was read again and was right
	DeadDropped DeadState = "dropped" // a person said that nothing will be done about it
)

// ProblemNoWrite is an acknowledgement for a write that was never made. It is no
// row of the platform: no read mends it, a person says that it has been seen.
const ProblemNoWrite schema.Problem = "no_write"

// DeadRecord is one row that was set aside.
type DeadRecord struct {
	Dead
	ID      int64
	At      time.Time // when it was last read like this
	FirstAt time.Time
	Times   int
	State   DeadState
	DoneAt  *time.Time
	Who     string // asked for, or dropped it
	Why     string
}

const deadColumns = `id, platform, stage, position, key, place, problem, at, first_at, times, state, done_at, who, why`

func scanDead(row pgx.CollectableRow) (DeadRecord, error) {
	var d DeadRecord
	err := row.Scan(&d.ID, &d.Platform, &d.Stage, &d.Position, &d.Key, &d.Place, &d.Problem, &d.At, &d.FirstAt, &d.Times, &d.State, &d.DoneAt, &d.Who, &d.Why)
	return d, err
}

// DeadRecords lists what was set aside, newest first: what waits, or with all
// also what was mended or dropped. platform "" means all platforms.
func (s *Store) DeadRecords(ctx context.Context, platform string, all bool, limit int) ([]DeadRecord, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+deadColumns+` FROM dead_records
		WHERE ($1 = '' OR platform = $1) AND ($3 OR state IN ('open', 'asked')) ORDER BY at DESC, id DESC LIMIT $2`, platform, limit, all)
	if err != nil {
		return nil, fmt.Errorf("read dead records: %w", err)
	}
	return pgx.CollectRows(rows, scanDead)
}

// DeadCounts counts what was set aside, by platform and state.
func (s *Store) DeadCounts(ctx context.Context) (map[string]map[DeadState]int64, error) {
	rows, err := s.pool.Query(ctx, `SELECT platform, state, count(*) FROM dead_records GROUP BY 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("count dead records: %w", err)
	}
	out := map[string]map[DeadState]int64{}
	var platform string
	var state DeadState
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&platform, &state, &n}, func() error {
		if out[platform] == nil {
			out[platform] = map[DeadState]int64{}
		}
		out[platform][state] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count dead records: %w", err)
	}
	return out, nil
}

// DeadRecord returns one row that was set aside, or ErrNotFound.
func (s *Store) DeadRecord(ctx context.Context, id int64) (DeadRecord, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+deadColumns+` FROM dead_records WHERE id = $1`, id)
	if err != nil {
		return DeadRecord{}, fmt.Errorf("read dead record %d: %w", id, err)
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDead)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, ErrNotFound
	}
	if err != nil {
		return d, fmt.Errorf("read dead record %d: %w", id, err)
	}
	return d, nil
}

// ErrDone says that a row that was set aside waits for nobody any more.
var ErrDone = errors.New("it is mended or dropped already")

// RetryDead asks for rows to be read again, in the name of a person: by their
// keys, and the whole platform where one has none. whole says which platforms.
func (s *Store) RetryDead(ctx context.Context, ids []int64, who, why string) (whole []string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		whole = nil
		list, err := lockDead(ctx, tx, ids)
		if err != nil {
			return err
		}
		asked := map[string]bool{}
		for _, d := range list {
			if asked[d.Platform+"\x00"+d.Key] {
				continue
			}
			asked[d.Platform+"\x00"+d.Key] = true
			if d.Key == "" {
				whole = append(whole, d.Platform)
			}
			if err := ask(ctx, tx, d.Platform, d.Key, who, why); err != nil {
				return err
			}
		}
		if _, err = tx.Exec(ctx, `UPDATE dead_records SET state = 'asked', who = $2, why = $3 WHERE id = ANY($1)`, ids, who, why); err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "dead.retry", Why: why}, map[string][]int64{"dead": ids})
	})
	if err != nil {
		return nil, fmt.Errorf("ask for dead records to be read again: %w", err)
	}
	return whole, nil
}

// DropDead closes rows that were set aside, in the name of a person.
func (s *Store) DropDead(ctx context.Context, ids []int64, who, why string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := lockDead(ctx, tx, ids); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE dead_records SET state = 'dropped', done_at = now(), who = $2, why = $3 WHERE id = ANY($1)`, ids, who, why); err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "dead.drop", Why: why}, map[string][]int64{"dead": ids})
	})
	if err != nil {
		return fmt.Errorf("drop dead records: %w", err)
	}
	return nil
}

// lockDead locks rows that wait, all of them or none.
func lockDead(ctx context.Context, tx pgx.Tx, ids []int64) ([]DeadRecord, error) {
	rows, err := tx.Query(ctx, `SELECT `+deadColumns+` FROM dead_records WHERE id = ANY($1) ORDER BY id FOR UPDATE`, ids)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanDead)
	if err != nil {
		return nil, err
	}
	if len(list) != len(ids) {
		return nil, ErrNotFound
	}
	for _, d := range list {
		if d.State != DeadOpen && d.State != DeadAsked {
			return nil, ErrDone
		}
	}
	return list, nil
}

// mendRead closes what was set aside of rows that could be used now.
func mendRead(ctx context.Context, tx pgx.Tx, platform string, fence int64, read map[string]int64) error {
	if len(read) == 0 {
		return nil
	}
	keys, positions := make([]string, 0, len(read)), make([]int64, 0, len(read))
	for k, p := range read {
		keys, positions = append(keys, k), append(positions, p)
	}
	_, err := tx.Exec(ctx, `UPDATE dead_records d SET state = 'mended', done_at = now()
		FROM unnest($3::text[], $4::bigint[]) AS n(key, position)
		WHERE d.platform = $1 AND d.stage = 'pull' AND d.state <> 'mended' AND d.key <> '' AND d.key = n.key
			AND (d.fence, d.position) < ($2, n.position)`, platform, fence, keys, positions)
	if err != nil {
		return fmt.Errorf("mend dead records: %w", err)
	}
	return nil
}

// writeDead stores dead rows; the same row at the same place counts up.
func writeDead(ctx context.Context, q querier, fence int64, list []Dead) error {
	if len(list) == 0 {
		return nil
	}
	var c [5][]string
	positions := make([]int64, len(list))
	for i, d := range list {
		for j, v := range []string{d.Platform, d.Stage, d.Key, d.Place, string(d.Problem)} {
			c[j] = append(c[j], v)
		}
		positions[i] = d.Position
	}
	_, err := q.Exec(ctx, `INSERT INTO dead_records AS d (platform, stage, key, place, problem, fence, position, times)
		SELECT platform, stage, key, place, problem, $7, max(position), count(*)
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
			AS n(platform, stage, key, place, problem, position)
		GROUP BY platform, stage, key, place, problem
		ON CONFLICT (platform, stage, place, key, problem) DO UPDATE SET times = d.times + excluded.times,
			at = now(), fence = excluded.fence, position = excluded.position,
			state = CASE d.state WHEN 'dropped' THEN 'dropped' ELSE 'open' END,
			done_at = CASE d.state WHEN 'dropped' THEN d.done_at END,
			who = CASE d.state WHEN 'mended' THEN '' ELSE d.who END, why = CASE d.state WHEN 'mended' THEN '' ELSE d.why END`,
		c[0], c[1], c[2], c[3], c[4], positions, fence)
	if err != nil {
		return fmt.Errorf("store dead records: %w", err)
	}
	return nil
}
