package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Halted returns the platforms to which nothing may be sent now: everything
// outgoing was stopped, or this platform is paused, a read of it waits for a
// person, or its step on the ladder lets nothing leave.
func (s *Store) Halted(ctx context.Context) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, `SELECT id FROM platforms WHERE paused OR braked IS NOT NULL OR stage NOT IN ('canary', 'live')
		OR EXISTS (SELECT FROM quarantines q WHERE q.platform = platforms.id AND q.done_at IS NULL)
		OR coalesce((SELECT value = 'true' FROM settings WHERE name = 'writes_stopped'), false)`)
	if err != nil {
		return nil, fmt.Errorf("read what is stopped: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read what is stopped: %w", err)
	}
	halted := make(map[string]bool, len(ids))
	for _, id := range ids {
		halted[id] = true
	}
	return halted, nil
}
