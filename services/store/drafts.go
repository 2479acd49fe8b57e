package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Draft is a form that somebody has begun and not saved.
type Draft struct {
	Account  int64 // 0: of the one user of a desk without accounts
	Request  string
	Resident uuid.UUID // edits: of whom
	Name     string    // edits: of the resident, as the list shows it
	Sealed   string    // the boxes, encrypted
	At       time.Time
}

// Limits of drafts.
const (
	DraftDays = 14 // how long one is kept after it was last written
	MaxDrafts = 20 // of one account; the oldest goes
)

const draftColumns = `d.account, d.request, coalesce(d.resident_id, '00000000-0000-0000-0000-000000000000'), coalesce(r.name, ''), d.sealed, d.at`

// draftsOf reads drafts that live: not older than they may be, not saved
// meanwhile, and of nobody whom the reader does not see (any more).
func (s *Store) draftsOf(ctx context.Context, where string, args ...any) ([]Draft, error) {
	args = append(args, DraftDays)
	days := len(args)
	rows, err := s.pool.Query(ctx, `SELECT `+draftColumns+` FROM drafts d LEFT JOIN residents r ON r.id = d.resident_id AND r.redirect_to IS NULL AND (`+whom(ctx, "r", &args)+`) IS TRUE
		WHERE (d.resident_id IS NULL OR r.id IS NOT NULL) AND d.at > clock_timestamp() - make_interval(days => $`+fmt.Sprint(days)+`)
			AND NOT EXISTS (SELECT FROM desk_entries e WHERE e.request = d.request) AND `+where+` ORDER BY d.at DESC`, args...)
	if err != nil {
		return nil, fmt.Errorf("read drafts: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Draft])
	if err != nil {
		return nil, fmt.Errorf("read drafts: %w", err)
	}
	return list, nil
}

// Drafts returns those of an account, the latest first.
func (s *Store) Drafts(ctx context.Context, account int64) ([]Draft, error) {
	return s.draftsOf(ctx, `d.account = $1`, account)
}

// Draft returns one.
func (s *Store) Draft(ctx context.Context, account int64, request string) (Draft, error) {
	list, err := s.draftsOf(ctx, `d.account = $1 AND d.request = $2`, account, request)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Draft{}, err
	}
	return list[0], nil
}

// KeepDraft stores a draft over what was kept of it. One whose entry has been
// saved is done with: a form that was slow on the way does not bring it back.
func (s *Store) KeepDraft(ctx context.Context, d Draft) error {
	var resident *uuid.UUID
	if d.Resident != uuid.Nil {
		resident = &d.Resident
	}
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO drafts (account, request, resident_id, sealed)
			SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT FROM desk_entries WHERE request = $2)
			ON CONFLICT (account, request) DO UPDATE SET resident_id = excluded.resident_id, sealed = excluded.sealed, at = excluded.at`,
			d.Account, d.Request, resident, d.Sealed); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM drafts WHERE account = $1 AND request IN (SELECT request FROM drafts WHERE account = $1 ORDER BY at DESC OFFSET $2)`, d.Account, MaxDrafts)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep a draft: %w", err)
	}
	return nil
}

// DropDraft throws one away.
func (s *Store) DropDraft(ctx context.Context, account int64, request string) error {
	if _, err := s.pool.Exec(ctx, `DELETE FROM drafts WHERE account = $1 AND request = $2`, account, request); err != nil {
		return fmt.Errorf("drop a draft: %w", err)
	}
	return nil
}

// ForgetDrafts throws away what nobody has gone on with.
func (s *Store) ForgetDrafts(ctx context.Context) (int64, error) {
	tag, err := s.pool.Exec(ctx, `DELETE FROM drafts d WHERE d.at < clock_timestamp() - make_interval(days => $1)
		OR EXISTS (SELECT FROM desk_entries e WHERE e.request = d.request)`, DraftDays)
	if err != nil {
		return 0, fmt.Errorf("forget drafts: %w", err)
	}
	return tag.RowsAffected(), nil
}

// dropDraftOf throws the draft of an entry away with which it becomes one.
func dropDraftOf(ctx context.Context, tx pgx.Tx, request string) error {
	_, err := tx.Exec(ctx, `DELETE FROM drafts WHERE request = $1`, request)
	return err
}

// dropDraftsOf throws all of an account away: what they show was for its former
// roles and residents.
func dropDraftsOf(ctx context.Context, tx pgx.Tx, account int64) error {
	_, err := tx.Exec(ctx, `DELETE FROM drafts WHERE account = $1`, account)
	return err
}
