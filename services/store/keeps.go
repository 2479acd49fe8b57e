package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Keep is what one platform's connector must not lose: small entries by name,
// changed in transactions. Every process of the hub sees the same.
type Keep struct {
	store    *Store
	platform string
}

// Keep returns the entries of a platform, which must be registered before the
// first is stored.
func (s *Store) Keep(platform string) *Keep { return &Keep{s, platform} }

// Box is the content of a Keep within one transaction.
type Box struct {
	ctx      context.Context
	tx       pgx.Tx
	platform string
}

// Change runs f alone among all processes; what it put is durable when Change
// returns nil, and nothing of it is there when it returns an error.
func (k *Keep) Change(ctx context.Context, f func(*Box) error) error {
	return k.store.tx(ctx, func(tx pgx.Tx) error {
		// Two steps about one platform never mix: the parcels are few, people slow.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('keep'), hashtext($1))`, k.platform); err != nil {
			return fmt.Errorf("platform %s: lock what is kept: %w", k.platform, err)
		}
		return f(&Box{ctx, tx, k.platform})
	})
}

// View runs f on one snapshot.
func (k *Keep) View(ctx context.Context, f func(*Box) error) error {
	return pgx.BeginTxFunc(ctx, k.store.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return f(&Box{ctx, tx, k.platform})
	})
}

// Get returns an entry, nil where there is none.
func (b *Box) Get(name string) (content []byte, err error) {
	err = b.tx.QueryRow(b.ctx, `SELECT content FROM keeps WHERE platform = $1 AND name = $2`, b.platform, name).Scan(&content)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("platform %s: read what is kept: %w", b.platform, err)
	}
	return content, nil
}

// Put stores an entry.
func (b *Box) Put(name string, content []byte) error {
	if content == nil {
		content = []byte{}
	}
	if _, err := b.tx.Exec(b.ctx, `INSERT INTO keeps (platform, name, content) VALUES ($1, $2, $3)
		ON CONFLICT (platform, name) DO UPDATE SET content = excluded.content, at = now()`, b.platform, name, content); err != nil {
		return fmt.Errorf("platform %s: keep: %w", b.platform, err)
	}
	return nil
}

// Delete takes an entry away.
func (b *Box) Delete(name string) error {
	if _, err := b.tx.Exec(b.ctx, `DELETE FROM keeps WHERE platform = $1 AND name = $2`, b.platform, name); err != nil {
		return fmt.Errorf("platform %s: keep: %w", b.platform, err)
	}
	return nil
}

// Names lists the entries whose names begin so, in order.
func (b *Box) Names(prefix string) ([]string, error) {
	rows, err := b.tx.Query(b.ctx, `SELECT name FROM keeps WHERE platform = $1 AND starts_with(name, $2) ORDER BY name COLLATE "C"`, b.platform, prefix)
	if err != nil {
		return nil, fmt.Errorf("platform %s: list what is kept: %w", b.platform, err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// ChangedWhileQueued returns the writes that are handed over and not answered,
// and whose row has become due again since.
func (s *Store) ChangedWhileQueued(ctx context.Context, platform string) ([]Intent, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+intentColumns+` FROM intents i WHERE platform = $1 AND state = 'queued'
		AND EXISTS (SELECT FROM targets t WHERE t.id = i.target_id AND t.state = 'queued' AND t.due_at <= clock_timestamp()) ORDER BY at, id`, platform)
	if err != nil {
		return nil, fmt.Errorf("platform %s: find writes that have changed: %w", platform, err)
	}
	return pgx.CollectRows(rows, scanIntent)
}

// RowStates returns what the hub knows of some rows of a platform, by key.
func (s *Store) RowStates(ctx context.Context, platform string, keys []string) (map[string][]byte, error) {
	rows, err := s.pool.Query(ctx, `SELECT key, state FROM records WHERE platform = $1 AND key = ANY($2)`, platform, keys)
	if err != nil {
		return nil, fmt.Errorf("platform %s: read rows: %w", platform, err)
	}
	out := map[string][]byte{}
	var key string
	var state []byte
	_, err = pgx.ForEachRow(rows, []any{&key, &state}, func() error {
		out[key] = append([]byte(nil), state...)
		return nil
	})
	return out, err
}
