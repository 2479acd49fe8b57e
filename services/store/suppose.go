package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
)

// supposePage is how many rows are decided at once.
const supposePage = 500

// Suppose hands every row of a platform that belongs to a resident, and every
// resident who could be given one, to f: page by page, as Evaluate would, over one
// snapshot, and without locking or changing anything. version is the agreement to
// suppose in force; 0: the one that is.
func (s *Store) Suppose(ctx context.Context, platform string, version int, f func(Platform, []Target) error) error {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it only reads
	p, err := supposed(ctx, tx, platform, version)
	if err != nil {
		return err
	}
	for key := ""; ; {
		list, last, err := supposeRows(ctx, tx, platform, key)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		if err := f(p, list); err != nil {
			return err
		}
		key = last
	}
	if !p.Agreement.Creates {
		return nil
	}
	for last := uuid.Nil; ; {
		list, err := supposeCreates(ctx, tx, p, last)
		if err != nil || len(list) == 0 {
			return err
		}
		last = list[len(list)-1].Resident.ID
		if err := f(p, list); err != nil {
			return err
		}
	}
}

// supposed reads a platform as if a version of its agreement were in force.
func supposed(ctx context.Context, tx pgx.Tx, platform string, version int) (Platform, error) {
	rows, err := tx.Query(ctx, `SELECT `+platformColumns+` FROM platforms p
		LEFT JOIN agreements a ON a.platform = p.id AND a.version = p.agreement WHERE p.id = $1`, platform)
	if err != nil {
		return Platform{}, err
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPlatform)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, ErrNotFound
	}
	if err != nil || version == 0 || version == p.Version {
		return p, err
	}
	var body []byte
	err = tx.QueryRow(ctx, `SELECT body FROM agreements WHERE platform = $1 AND version = $2`, platform, version).Scan(&body)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, ErrVersion
	}
	if err != nil {
		return p, err
	}
	p.Version, p.Agreement = version, schema.Agreement{}
	return p, json.Unmarshal(body, &p.Agreement)
}

func supposeRows(ctx context.Context, tx pgx.Tx, platform, after string) (list []Target, last string, err error) {
	rows, err := tx.Query(ctx, `SELECT r.key, r.id, r.resident_id, r.state, t.refused FROM records r
		LEFT JOIN targets t ON t.platform = r.platform AND t.key = r.key
		WHERE r.platform = $1 AND r.key > $2 AND NOT r.deleted AND r.resident_id IS NOT NULL ORDER BY r.key LIMIT $3`,
		platform, after, supposePage)
	if err != nil {
		return nil, "", err
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Target, error) {
		t := Target{Platform: platform, Record: &Record{}}
		var refused []byte
		err := row.Scan(&t.Key, &t.Record.ID, &t.Record.Resident, &t.Record.State, &refused)
		if err == nil && refused != nil {
			err = json.Unmarshal(refused, &t.Refused)
		}
		t.Resident.ID = t.Record.Resident
		return t, err
	})
	if err != nil || len(list) == 0 {
		return nil, "", err
	}
	return list, list[len(list)-1].Key, completeSupposed(ctx, tx, list)
}

// supposeCreates finds the residents who would be given a row, as makeDue does.
func supposeCreates(ctx context.Context, tx pgx.Tx, p Platform, after uuid.UUID) ([]Target, error) {
	where, args := scopeSQL(p.Agreement.Scope, []any{p.ID, after, supposePage})
	rows, err := tx.Query(ctx, `SELECT res.id FROM residents res
		WHERE res.id > $2 AND res.redirect_to IS NULL AND res.ended_at IS NULL
			AND NOT EXISTS (SELECT FROM records x WHERE x.resident_id = res.id AND x.platform = $1)
			AND EXISTS (SELECT FROM records a WHERE a.resident_id = res.id AND NOT a.deleted AND a.anchors = '{}')
			AND `+where+` ORDER BY res.id LIMIT $3`, args...)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Target, error) {
		t := Target{Platform: p.ID}
		return t, row.Scan(&t.Resident.ID)
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	if err := completeSupposed(ctx, tx, list); err != nil {
		return nil, err
	}
	return list, loadCreates(ctx, tx, p.ID, list)
}

func completeSupposed(ctx context.Context, tx pgx.Tx, list []Target) error {
	residents := make([]uuid.UUID, len(list))
	for i := range list {
		residents[i] = list[i].Resident.ID
	}
	waits, err := openRisks(ctx, tx, residents)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Waits = waits[list[i].Resident.ID]
	}
	return loadResidents(ctx, tx, list)
}

// effectsKept is how long a report can be named by a step.
const effectsKept = 30 * 24 * time.Hour

// KeepEffect keeps a report under its digest, so that a step can name what its
// approver saw.
func (s *Store) KeepEffect(ctx context.Context, platform, digest string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("platform %s: keep an effect report: %w", platform, err)
	}
	return s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM effects WHERE platform = $1 AND at < now() - $2::interval`, platform, effectsKept); err != nil {
			return fmt.Errorf("platform %s: keep an effect report: %w", platform, err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO effects (platform, digest, body) VALUES ($1, $2, $3)
			ON CONFLICT (platform, digest) DO UPDATE SET at = now(), body = excluded.body`, platform, digest, raw); err != nil {
			return fmt.Errorf("platform %s: keep an effect report: %w", platform, err)
		}
		return nil
	})
}

// KeptEffect reads a report that was kept; ErrNotFound where there is none.
func (s *Store) KeptEffect(ctx context.Context, platform, digest string, into any) error {
	var raw []byte
	err := s.pool.QueryRow(ctx, `SELECT body FROM effects WHERE platform = $1 AND digest = $2`, platform, digest).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("platform %s: read an effect report: %w", platform, err)
	}
	return json.Unmarshal(raw, into)
}
