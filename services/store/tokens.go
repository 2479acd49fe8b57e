package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"heji/services/audit"
)

// Token is what a program shows instead of a password.
type Token struct {
	ID      int64
	Name    string
	Scopes  []string
	MadeBy  string
	MadeAt  time.Time
	Expires time.Time
	Used    *time.Time
	Revoked *time.Time
	Posting // whom the program sees
}

const tokenColumns = `id, name, scopes, made_by, made_at, expires_at, used_at, revoked_at, everywhere, bodies, domains`

func scanToken(row pgx.CollectableRow) (t Token, err error) {
	err = row.Scan(&t.ID, &t.Name, &t.Scopes, &t.MadeBy, &t.MadeAt, &t.Expires, &t.Used, &t.Revoked, &t.Everywhere, &t.Bodies, &t.Domains)
	return t, err
}

// AddToken stores a token by its hash.
func (s *Store) AddToken(ctx context.Context, t Token, hash []byte) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if err := checkPosting(ctx, tx, t.Posting); err != nil {
			return err
		}
		var id int64
		if err := tx.QueryRow(ctx, `INSERT INTO tokens (name, hash, scopes, made_by, expires_at, everywhere, bodies, domains)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
			t.Name, hash, t.Scopes, t.MadeBy, t.Expires, t.Everywhere, texts(t.Bodies), texts(t.Domains)).Scan(&id); err != nil {
			return err
		}
		return note(ctx, tx, t.MadeBy, audit.Note{Did: "token.add", What: fmt.Sprintf("token/%d", id)}, map[string]any{"scopes": t.Scopes, "everywhere": t.Everywhere, "bodies": t.Bodies, "domains": t.Domains})
	})
	return accountError("make the token", err)
}

// TokenOf returns the token of a hash, where it is still good, and notes that it
// was used.
func (s *Store) TokenOf(ctx context.Context, hash []byte) (Token, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE hash = $1 AND revoked_at IS NULL AND expires_at > clock_timestamp()`, hash)
	if err != nil {
		return Token{}, accountError("read a token", err)
	}
	t, err := pgx.CollectExactlyOneRow(rows, scanToken)
	if err != nil {
		return t, accountError("read a token", err)
	}
	_, err = s.pool.Exec(ctx, `UPDATE tokens SET used_at = clock_timestamp() WHERE id = $1
		AND (used_at IS NULL OR used_at < clock_timestamp() - interval '1 minute')`, t.ID)
	return t, accountError("note a token", err)
}

// ListTokens returns all tokens by name, those too that are good no more.
func (s *Store) ListTokens(ctx context.Context) ([]Token, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+tokenColumns+` FROM tokens ORDER BY name`)
	if err != nil {
		return nil, accountError("read tokens", err)
	}
	list, err := pgx.CollectRows(rows, scanToken)
	return list, accountError("read tokens", err)
}

// RevokeToken ends a token.
func (s *Store) RevokeToken(ctx context.Context, name, by string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var id int64
		if err := tx.QueryRow(ctx, `UPDATE tokens SET revoked_at = coalesce(revoked_at, clock_timestamp()), revoked_by = coalesce(revoked_by, $2)
			WHERE name = $1 RETURNING id`, name, by).Scan(&id); err != nil {
			return err
		}
		return note(ctx, tx, by, audit.Note{Did: "token.revoke", What: fmt.Sprintf("token/%d", id)}, nil)
	})
	return accountError("revoke the token", err)
}
