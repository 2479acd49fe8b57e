package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// BeginTOTP keeps the sealed secret of a second factor that is being set up.
func (s *Store) BeginTOTP(ctx context.Context, account int64, sealed string) error {
	_, err := s.pool.Exec(ctx, `UPDATE accounts SET totp_new = $2 WHERE id = $1 AND totp = ''`, account, sealed)
	return accountError("begin a second factor", err)
}

// ConfirmTOTP puts the second factor in force that was being set up, with its
// recovery codes by their hashes.
func (s *Store) ConfirmTOTP(ctx context.Context, account int64, sealed string, step int64, codes [][]byte) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE accounts SET totp = totp_new, totp_new = '', totp_step = $3 WHERE id = $1 AND totp_new = $2 AND totp = ''`, account, sealed, step)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		if _, err := tx.Exec(ctx, `DELETE FROM account_codes WHERE account = $1`, account); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO account_codes (account, hash) SELECT $1, h FROM unnest($2::bytea[]) h`, account, codes); err != nil {
			return err
		}
		return note(ctx, tx, "", accountNote("account.factor", account), map[string]bool{"on": true})
	})
	return accountError("put a second factor in force", err)
}

// EndTOTP takes the second factor away.
func (s *Store) EndTOTP(ctx context.Context, account int64) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE accounts SET totp = '', totp_new = '', totp_step = 0 WHERE id = $1`, account); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM account_codes WHERE account = $1`, account); err != nil {
			return err
		}
		return note(ctx, tx, "", accountNote("account.factor", account), map[string]bool{"on": false})
	})
	return accountError("take a second factor away", err)
}

// CodesLeft counts the recovery codes of an account that were not used.
func (s *Store) CodesLeft(ctx context.Context, account int64) (n int, err error) {
	err = s.pool.QueryRow(ctx, `SELECT count(*) FROM account_codes WHERE account = $1 AND used_at IS NULL`, account).Scan(&n)
	return n, accountError("count recovery codes", err)
}

// Session is one session that lives.
type Session struct {
	ID    []byte
	Began time.Time
	Seen  time.Time
}

// Sessions returns those of an account, the one used last first.
func (s *Store) Sessions(ctx context.Context, account int64) ([]Session, error) {
	rows, err := s.pool.Query(ctx, `SELECT id, began_at, seen_at FROM sessions WHERE account = $1 AND ended_at IS NULL
		AND seen_at > clock_timestamp() - make_interval(secs => $2) AND began_at > clock_timestamp() - make_interval(secs => $3) ORDER BY seen_at DESC`,
		account, SessionIdle.Seconds(), SessionLength.Seconds())
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Session])
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	return list, nil
}

// EndOtherSessions ends every session of an account but one.
func (s *Store) EndOtherSessions(ctx context.Context, account int64, but []byte) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE sessions SET ended_at = clock_timestamp() WHERE account = $1 AND id <> $2 AND ended_at IS NULL`, account, but); err != nil {
			return err
		}
		return note(ctx, tx, "", accountNote("account.sessions", account), nil)
	})
	return accountError("end the other sessions", err)
}
