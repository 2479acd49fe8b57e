package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/lineage"
)

// FieldVerdict applies what a person said about a flagged field of one row, and
// keeps it as a decision: who, when, why. The row is looked at again; a clerk's
// value that it makes evidence of reaches the resident when it is resolved.
func (s *Store) FieldVerdict(ctx context.Context, c Choice, keys func(schema.Values) []int64) (id int64, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+recordColumns+` FROM records r WHERE platform = $1 AND key = $2 FOR NO KEY UPDATE`, c.A.Platform, c.A.Key)
		if err != nil {
			return err
		}
		rec, err := pgx.CollectExactlyOneRow(rows, scanRecord)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		var row lineage.Row
		if err := json.Unmarshal(rec.State, &row); err != nil {
			return fmt.Errorf("read its state: %w", err)
		}
		row, _, err = lineage.Resolve(row, c.Attribute, lineage.Verdict(c.Value))
		if err != nil {
			return err
		}
		raw, err := json.Marshal(row)
		if err != nil {
			return fmt.Errorf("encode its state: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE records SET state = $2, unresolved = true, parked_until = NULL, rev = rev + 1,
			old_keys = old_keys || keys, keys = CASE WHEN anchors = '{}' AND NOT deleted THEN coalesce($3::bigint[], '{}') ELSE '{}' END
			WHERE id = $1`, rec.ID, raw, keys(row.Own)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE targets SET due_at = now(), refused = CASE WHEN $2 = 'again' THEN NULL ELSE refused END
			WHERE record_id = $1`, rec.ID, c.Value); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `INSERT INTO decisions (kind, a_platform, a_key, attribute, value, who, why)
			VALUES ('field', $1, $2, $3, $4, $5, $6) RETURNING id`, c.A.Platform, c.A.Key, c.Attribute, c.Value, c.Who, c.Why).Scan(&id)
	})
	if err != nil {
		return 0, fmt.Errorf("settle a field: %w", err)
	}
	return id, nil
}

// Choice is an active decision of a person about two records, or about a value.
type Choice struct {
	ID        int64
	Kind      string // same, not_same, keep
	A, B      schema.RecordRef
	Attribute schema.Attribute
	Value     string
	Who, Why  string
	At        time.Time
}

// Keeps returns the active keep decisions that hang on one of the records.
func (r *Resolution) Keeps(ctx context.Context, refs []schema.RecordRef) ([]Choice, error) {
	return choices(ctx, r.tx, refs, `kind = 'keep'`)
}

func choices(ctx context.Context, q querier, refs []schema.RecordRef, kinds string) ([]Choice, error) {
	platforms, keys := make([]string, len(refs)), make([]string, len(refs))
	for i, ref := range refs {
		platforms[i], keys[i] = ref.Platform, ref.Key
	}
	rows, err := q.Query(ctx, `WITH w AS (SELECT * FROM unnest($1::text[], $2::text[]) AS w(platform, key))
		SELECT id, kind, a_platform, a_key, b_platform, b_key, attribute, value, who, why, at FROM decisions
		WHERE revoked_at IS NULL AND `+kinds+` AND ((a_platform, a_key) IN (SELECT platform, key FROM w)
			OR (b_platform, b_key) IN (SELECT platform, key FROM w)) ORDER BY id`, platforms, keys)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Choice, error) {
		var c Choice
		err := row.Scan(&c.ID, &c.Kind, &c.A.Platform, &c.A.Key, &c.B.Platform, &c.B.Key, &c.Attribute, &c.Value, &c.Who, &c.Why, &c.At)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	return list, nil
}

// Decide stores a person's decision and reopens what it is about.
func (s *Store) Decide(ctx context.Context, c Choice) (id int64, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if c.Kind != "keep" {
			var clash int64
			err := tx.QueryRow(ctx, `SELECT id FROM decisions WHERE revoked_at IS NULL AND kind IN ('same', 'not_same') AND kind <> $1
				AND ((a_platform, a_key, b_platform, b_key) = ($2, $3, $4, $5) OR (b_platform, b_key, a_platform, a_key) = ($2, $3, $4, $5))`,
				c.Kind, c.A.Platform, c.A.Key, c.B.Platform, c.B.Key).Scan(&clash)
			if err == nil {
				return fmt.Errorf("decision %d: %w", clash, ErrContradicts) // I4
			}
			if !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
		}
		if err := tx.QueryRow(ctx, `INSERT INTO decisions (kind, a_platform, a_key, b_platform, b_key, attribute, value, who, why)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`, c.Kind, c.A.Platform, c.A.Key, c.B.Platform, c.B.Key,
			c.Attribute, c.Value, c.Who, c.Why).Scan(&id); err != nil {
			return err
		}
		return reopen(ctx, tx, c.A, c.B)
	})
	if err != nil {
		return 0, fmt.Errorf("store decision: %w", err)
	}
	return id, nil
}

// Revoke takes a decision back and reopens what it was about.
func (s *Store) Revoke(ctx context.Context, id int64, who string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var a, b schema.RecordRef
		err := tx.QueryRow(ctx, `UPDATE decisions SET revoked_by = $2, revoked_at = now() WHERE id = $1 AND revoked_at IS NULL
			RETURNING a_platform, a_key, b_platform, b_key`, id, who).Scan(&a.Platform, &a.Key, &b.Platform, &b.Key)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return reopen(ctx, tx, a, b)
	})
	if err != nil {
		return fmt.Errorf("revoke decision %d: %w", id, err)
	}
	return nil
}

func reopen(ctx context.Context, tx pgx.Tx, refs ...schema.RecordRef) error {
	ids, err := recordIDs(ctx, tx, refs)
	if err != nil {
		return err
	}
	list := make([]int64, 0, len(ids))
	for _, id := range ids {
		list = append(list, id)
	}
	_, err = tx.Exec(ctx, `WITH h AS (SELECT id FROM records WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE)
		UPDATE records SET unresolved = true, parked_until = NULL FROM h WHERE records.id = h.id`, list)
	return err
}
