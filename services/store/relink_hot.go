package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/lineage"
)

// HotKey is a blocking key with more holders than the cap. I9: what it is made
// of is named by attribute, never by value.
type HotKey struct {
	Holders   int                `json:"holders"`
	Made      []schema.Attribute `json:"made_of"` // without one of them there is no such key
	Platforms []PlatformCount    `json:"platforms"`
}

// PlatformCount is a number of rows of a platform.
type PlatformCount struct {
	Platform string `json:"platform"`
	Rows     int    `json:"rows"`
}

// HotKeys returns the hot keys with most holders, the largest first.
func (s *Store) HotKeys(ctx context.Context, limit int) ([]HotKey, error) {
	var out []HotKey
	err := s.tx(ctx, func(tx pgx.Tx) error {
		out = []HotKey{}
		now, err := s.hold(ctx, tx)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT h.key, n.holders FROM hot_keys h,
				LATERAL (SELECT count(*) AS holders FROM record_keys WHERE keys @> ARRAY[h.key]) n
			WHERE h.key & 1 = $1 ORDER BY n.holders DESC, h.key LIMIT $2`, now.force.slot(), limit)
		if err != nil {
			return err
		}
		var keys []int64
		var key int64
		var k HotKey
		if _, err := pgx.ForEachRow(rows, []any{&key, &k.Holders}, func() error {
			keys, out = append(keys, key), append(out, k)
			return nil
		}); err != nil {
			return err
		}
		for i, key := range keys { // a handful
			if err := s.explainKey(ctx, tx, now.force, key, &out[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the hot keys: %w", err)
	}
	return out, nil
}

// explainKey says which platforms hold a key, and which attributes it is made
// of. A key is a hash; but without an attribute that it is made of, the record
// that holds it has no such key.
func (s *Store) explainKey(ctx context.Context, tx pgx.Tx, g *Generation, key int64, into *HotKey) error {
	rows, err := tx.Query(ctx, `SELECT platform, count(*) FROM record_keys JOIN records r ON r.id = record_id
			JOIN platforms p ON p.id = r.platform AND p.class <> 'D' -- I7: nobody learns that such a platform is connected
		WHERE record_keys.keys @> ARRAY[$1::bigint]
		GROUP BY 1 ORDER BY 2 DESC, 1`, key)
	if err != nil {
		return err
	}
	if into.Platforms, err = pgx.CollectRows(rows, pgx.RowToStructByPos[PlatformCount]); err != nil {
		return err
	}
	var state []byte
	if err := tx.QueryRow(ctx, `SELECT r.state FROM record_keys JOIN records r ON r.id = record_id WHERE record_keys.keys @> ARRAY[$1::bigint] ORDER BY r.id LIMIT 1`, key).Scan(&state); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // its last holder went meanwhile
		}
		return err
	}
	var row lineage.Row
	if err := json.Unmarshal(state, &row); err != nil {
		return err
	}
	for a, value := range row.Own {
		if value == "" {
			continue
		}
		without := schema.Values{}
		for b, v := range row.Own {
			if a != b {
				without[b] = v
			}
		}
		if !slices.Contains(g.keys(without, s.models.secret), key) {
			into.Made = append(into.Made, a)
		}
	}
	slices.Sort(into.Made)
	return nil
}

// Crowding are the figures of what is too common or too large to be compared.
type Crowding struct {
	HotKeys int // blocking keys with more holders than the cap
	Largest int // holders of the one with most
	Parked  int // records of components that are too large
}

// Crowding reads them. Counting the holders costs an index scan for each hot key.
func (s *Store) Crowding(ctx context.Context) (c Crowding, err error) {
	err = s.pool.QueryRow(ctx, `WITH g AS (SELECT coalesce((SELECT generation & 1 FROM models WHERE phase IN ('resolving', 'in_force')), 0) AS slot),
			h AS (SELECT (SELECT count(*) FROM record_keys WHERE keys @> ARRAY[h.key]) AS holders
				FROM hot_keys h, g WHERE h.key & 1 = g.slot)
		SELECT count(*), coalesce(max(holders), 0), (SELECT count(*) FROM records WHERE unresolved AND parked_until IS NOT NULL) FROM h`).
		Scan(&c.HotKeys, &c.Largest, &c.Parked)
	if err != nil {
		return c, fmt.Errorf("read what is too common: %w", err)
	}
	return c, nil
}
