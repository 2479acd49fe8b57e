package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// alikeLooked bounds whom one hint compares: behind a key of a whole building
// stand more people than anybody reads.
const alikeLooked = 60

// Sharing finds living residents with a record that shares a blocking key: those
// that the engine would compare with a record of these keys. I7: what a sealed
// platform knows is no hint.
func (s *Store) Sharing(ctx context.Context, keys []int64) ([]uuid.UUID, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	args := []any{keys, alikeLooked}
	// One step after the other: with a limit over all of it, PostgreSQL walks
	// through every record for those few who come first.
	rows, err := s.pool.Query(ctx, `WITH k AS MATERIALIZED (SELECT record_id FROM record_keys WHERE keys && $1),
		held AS MATERIALIZED (SELECT DISTINCT rec.resident_id FROM k JOIN records rec ON rec.id = k.record_id
			JOIN platforms p ON p.id = rec.platform WHERE NOT rec.deleted AND p.class <> 'D')
		SELECT r.id FROM held JOIN residents r ON r.id = held.resident_id
		WHERE r.redirect_to IS NULL AND r.ended_at IS NULL AND `+whom(ctx, "r", &args)+` LIMIT $2`, args...)
	if err != nil {
		return nil, fmt.Errorf("find residents who may be the same: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("find residents who may be the same: %w", err)
	}
	return list, nil
}
