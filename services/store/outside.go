package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// ErrUsed is a login at another server that came back before.
var ErrUsed = errors.New("this login has come back before")

// TakeReturn notes that a login came back from the other server. state is hashed.
func (s *Store) TakeReturn(ctx context.Context, state []byte) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		// The codes and tokens of that server have ended long before.
		if _, err := tx.Exec(ctx, `DELETE FROM login_returns WHERE at < clock_timestamp() - interval '1 day'`); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `INSERT INTO login_returns (state) VALUES ($1) ON CONFLICT DO NOTHING`, state)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrUsed
		}
		return err
	})
	return accountError("note a login that came back", err)
}

// EnterOutside ends a try with a session of somebody whom another server has
// vouched for. An account that is locked, or that has a second factor here, is
// ErrNotFound: that server has not asked for it.
func (s *Store) EnterOutside(ctx context.Context, t Try, session []byte) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var open bool
		if err := tx.QueryRow(ctx, `SELECT locked_at IS NULL AND totp = '' FROM accounts WHERE id = $1 FOR UPDATE`, t.Account.ID).Scan(&open); err != nil {
			return err
		}
		if !open {
			return ErrNotFound
		}
		return beginSession(ctx, tx, t, session, true)
	})
	return accountError("begin a session", err)
}

// beginSession ends a try that succeeded.
func beginSession(ctx context.Context, tx pgx.Tx, t Try, session []byte, outside bool) error {
	if _, err := tx.Exec(ctx, `DELETE FROM login_tries WHERE id = $1`, t.id); err != nil {
		return err
	}
	// Sessions that ended long ago tell nothing any more.
	if _, err := tx.Exec(ctx, `DELETE FROM sessions WHERE began_at < clock_timestamp() - interval '30 days'`); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO sessions (id, account, outside) VALUES ($1, $2, $3)`, session, t.Account.ID, outside); err != nil {
		return err
	}
	did := "login"
	if outside {
		did = "login.outside"
	}
	return note(ctx, tx, t.Account.Name, accountNote(did, t.Account.ID), nil)
}

// SessionOutside reports whether a session began at another server.
func (s *Store) SessionOutside(ctx context.Context, session []byte) (out bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT outside FROM sessions WHERE id = $1`, session).Scan(&out)
	return out, accountError("read a session", err)
}
