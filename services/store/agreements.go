package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// WaitingAgreements returns, by platform, the newest version of an agreement that
// is newer than the one in force: it waits for somebody's approval.
func (s *Store) WaitingAgreements(ctx context.Context) (map[string]int, error) {
	rows, err := s.pool.Query(ctx, `SELECT a.platform, max(a.version) FROM agreements a JOIN platforms p ON p.id = a.platform
		WHERE a.version > coalesce(p.agreement, 0) GROUP BY 1`)
	if err != nil {
		return nil, fmt.Errorf("read agreements that wait: %w", err)
	}
	out := map[string]int{}
	var platform string
	var version int
	if _, err := pgx.ForEachRow(rows, []any{&platform, &version}, func() error { out[platform] = version; return nil }); err != nil {
		return nil, fmt.Errorf("read agreements that wait: %w", err)
	}
	return out, nil
}
