package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// SetAside stores rows or messages that cannot be used.
func (s *Store) SetAside(ctx context.Context, list []Dead) error {
	return writeDead(ctx, s.pool, 0, list)
}

// DeadRecord is one row that was set aside.
type DeadRecord struct {
	Dead
	ID    int64
	At    time.Time
	Times int
}

// DeadRecords lists what was set aside, newest first. platform "" means all.
func (s *Store) DeadRecords(ctx context.Context, platform string, limit int) ([]DeadRecord, error) {
	rows, err := s.pool.Query(ctx, `SELECT id, platform, stage, position, key, place, problem, at, times FROM dead_records
		WHERE $1 = '' OR platform = $1 ORDER BY at DESC, id DESC LIMIT $2`, platform, limit)
	if err != nil {
		return nil, fmt.Errorf("read dead records: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (DeadRecord, error) {
		var d DeadRecord
		err := row.Scan(&d.ID, &d.Platform, &d.Stage, &d.Position, &d.Key, &d.Place, &d.Problem, &d.At, &d.Times)
		return d, err
	})
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
			at = now(), fence = excluded.fence, position = excluded.position`,
		c[0], c[1], c[2], c[3], c[4], positions, fence)
	if err != nil {
		return fmt.Errorf("store dead records: %w", err)
	}
	return nil
}
