package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"heji/schema"
)

// Aside is a row of which a read was set aside, or is outstanding (RULES B).
type Aside struct {
	ID      int64
	Version schema.Version // of the read that last changed it
	State   []byte         // lineage.Row
}

// EachAside calls f for each row of a platform of which a read was set aside.
func (s *Store) EachAside(ctx context.Context, platform string, f func(Aside) error) error {
	rows, err := s.pool.Query(ctx, `SELECT id, fence, position, state FROM records WHERE platform = $1 AND look`, platform)
	if err != nil {
		return fmt.Errorf("find rows to be read again: %w", err)
	}
	var a Aside
	if _, err := pgx.ForEachRow(rows, []any{&a.ID, &a.Version.Fence, &a.Version.Position, &a.State}, func() error { return f(a) }); err != nil {
		return fmt.Errorf("find rows to be read again: %w", err)
	}
	return nil
}
