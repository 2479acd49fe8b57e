package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
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
func (r *Resolution) Claim(ctx context.Context, limit int) (ids []int64, err error) {
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
		return r.ClaimAll(ctx, limit)
	}
	return r.ids(ctx, `SELECT c.id FROM unnest($1::text[]) AS p, LATERAL (
		SELECT id FROM records WHERE platform = p AND `+waiting+` ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED) c`, ready, limit)
}

// entries are what staff entered.
const entries = `SELECT id FROM records WHERE platform = 'desk' AND ` + waiting + ` ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED`

// ClaimEntries is Claim for what staff entered alone.
func (r *Resolution) ClaimEntries(ctx context.Context, limit int) ([]int64, error) {
	return r.ids(ctx, entries, limit)
}

// ClaimAll is Claim without any order of precedence.
func (r *Resolution) ClaimAll(ctx context.Context, limit int) ([]int64, error) {
	return r.ids(ctx, `SELECT id FROM records WHERE `+waiting+` ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED`, limit)
}
