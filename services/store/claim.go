package store

import (
	"context"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/jackc/pgx/v5"

	"heji/schema"
)

// waiting are the records that a resolution may take.
const waiting = `unresolved AND (parked_until IS NULL OR parked_until < now())`

// loadingSQL names the platforms whose records may be resolved now, or says NULL
// where all may. While registers are read for the first time, their records
// wait: the same people are in all of them, and each person is then compared and
// written once instead of once for each register. It is a saving and nothing
// more, bounded in time: a register that brings nothing new for two seconds, or
// of which the last pass failed, is not waited for, and none is for longer than
// ten minutes. Nothing new is also what a read brings that fails every time and
// begins again: its rows are there already.
const loadingSQL = `WITH young AS (
		SELECT p.id, p.complete_at IS NULL AND p.pull_error IS NULL AND max(r.last_taken) > now() - interval '2 seconds' AS loading
		FROM platforms p JOIN pull_runs r ON r.platform = p.id
		WHERE p.id <> 'desk' GROUP BY p.id HAVING min(r.first_taken) > now() - interval '10 minutes')
	SELECT CASE WHEN EXISTS (SELECT FROM young WHERE loading)
		THEN ARRAY(SELECT id FROM platforms WHERE id NOT IN (SELECT id FROM young)) END`

// Claim locks up to limit unresolved records that nobody else holds, and returns
// their ids. This is also the sweep: a lost message costs time, never data.
//
// What staff entered comes first and never waits. Records of registers that are
// being read for the first time come last (loadingSQL).
func (r *Resolution) Claim(ctx context.Context, limit int) ([]int64, error) {
	return r.ClaimLane(ctx, limit, Share{})
}

// Share is what one of several resolvers takes first: the lanes that leave the
// remainder Mine when they are divided by Of. Of 0 is everything.
type Share struct{ Mine, Of int }

// sql is the share as a condition: numbers, and nothing that anybody has typed.
func (s Share) sql() string {
	if s.Of < 2 {
		return ""
	}
	return fmt.Sprintf(" AND lane %% %d = %d", s.Of, s.Mine)
}

// Lane is the lane of a record with these values. A person's birth date is in every
// register and changes less than anything else; who shares it rarely is family.
func Lane(v schema.Values) int16 {
	text := v[schema.BirthDate]
	if text == "" {
		return 0
	}
	return int16(xxhash.Sum64String(text) % 256)
}

// ClaimLane is Claim by one of several resolvers: what is in its share before all
// else, so that they do not want the same people.
func (r *Resolution) ClaimLane(ctx context.Context, limit int, share Share) (ids []int64, err error) {
	var ready []string
	b := &pgx.Batch{}
	b.Queue(entries, limit).Query(func(rows pgx.Rows) (err error) {
		ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	b.Queue(loadingSQL).QueryRow(func(row pgx.Row) error { return row.Scan(&ready) })
	if err := r.tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("claim records: %w", err)
	}
	switch {
	case len(ids) > 0:
		return ids, nil
	case ready == nil:
		ids, err = r.ids(ctx, claimSQL(share), limit)
	default:
		ids, err = r.ids(ctx, `SELECT c.id FROM unnest($1::text[]) AS p, LATERAL (
			SELECT id FROM records WHERE platform = p AND `+waiting+share.sql()+` ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED) c`, ready, limit)
	}
	if err == nil && len(ids) == 0 && share.Of > 1 {
		return r.ClaimLane(ctx, limit, Share{})
	}
	return ids, err
}

func claimSQL(share Share) string {
	return `SELECT id FROM records WHERE ` + waiting + share.sql() + ` ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED`
}

// entries are what staff entered.
const entries = `SELECT id FROM records WHERE platform = 'desk' AND ` + waiting + ` ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED`

// ClaimEntries is Claim for what staff entered alone.
func (r *Resolution) ClaimEntries(ctx context.Context, limit int) ([]int64, error) {
	return r.ids(ctx, entries, limit)
}

// ClaimAll is Claim without any order of precedence.
func (r *Resolution) ClaimAll(ctx context.Context, limit int) ([]int64, error) {
	return r.ids(ctx, claimSQL(Share{}), limit)
}
