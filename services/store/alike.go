package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/services/audit"
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

// Unseen returns the evidence of records that share a blocking key with whom
// somebody enters, and whose residents whoever asks does not see: so that nobody
// is brought over by an entry. It is for that question alone, and never shown.
func (s *Store) Unseen(ctx context.Context, keys []int64) ([]Record, error) {
	return unseen(ctx, s.pool, keys, alikeLooked)
}

func unseen(ctx context.Context, q querier, keys []int64, limit int) ([]Record, error) {
	if len(keys) == 0 || !Limited(ctx) {
		return nil, nil
	}
	args := []any{keys, limit}
	rows, err := q.Query(ctx, `WITH k AS MATERIALIZED (SELECT record_id FROM record_keys WHERE keys && $1)
		SELECT `+recordColumns+` FROM k JOIN records r ON r.id = k.record_id JOIN platforms p ON p.id = r.platform JOIN residents res ON res.id = r.resident_id
		WHERE NOT r.deleted AND p.class <> 'D' AND res.redirect_to IS NULL AND res.ended_at IS NULL AND (`+whom(ctx, "res", &args)+`) IS NOT TRUE
		LIMIT $2`, args...)
	if err != nil {
		return nil, fmt.Errorf("find out whether an entry is somebody of another community: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanRecord)
	if err != nil {
		return nil, fmt.Errorf("find out whether an entry is somebody of another community: %w", err)
	}
	return list, nil
}

// ToldElsewhere counts that somebody is about to be told that whom they enter is
// registered with another community, as Claim does; ErrManyClaims where that was
// told too often within the hour.
func (s *Store) ToldElsewhere(ctx context.Context) error {
	err := s.tx(ctx, func(tx pgx.Tx) error { return toldElsewhere(ctx, tx) })
	if err != nil {
		return fmt.Errorf("count a claim: %w", err)
	}
	return nil
}

func toldElsewhere(ctx context.Context, tx pgx.Tx) error {
	who, hits := audit.Who(ctx, ""), 0
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM claim_tries WHERE who = $1 AND hit AND at > clock_timestamp() - interval '1 hour'`, who).Scan(&hits); err != nil {
		return err
	}
	if hits >= ClaimHits {
		return ErrManyClaims
	}
	if _, err := tx.Exec(ctx, `INSERT INTO claim_tries (who, hit) VALUES ($1, true)`, who); err != nil {
		return err
	}
	return note(ctx, tx, "", audit.Note{Did: "claim"}, map[string]Registered{"registered": RegisteredElsewhere})
}
