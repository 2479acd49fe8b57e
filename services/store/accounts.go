package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"heji/services/audit"
)

// Account is somebody who may use the desk. Accounts are locked and never
// removed: what they signed keeps its name.
type Account struct {
	ID         int64
	Login      string
	Name       string
	Roles      []string
	Password   string // as package access stores it
	MustChange bool
	TOTP       string // sealed secret of the second factor; empty: none
	TOTPNew    string // of one that is being set up
	TOTPStep   int64
	Failures   int
	PausedTo   *time.Time // after too many wrong passwords
	LockedAt   *time.Time // by a person
	CreatedAt  time.Time
	CreatedBy  string
	Posting    // whom the account sees
}

// Limits of logging in.
const (
	MaxFailures   = 5                // wrong passwords in a row before an account pauses
	FailurePause  = 15 * time.Minute // how long
	MaxTries      = 30               // failed tries of one address in that time
	SessionIdle   = 30 * time.Minute // without opening a page
	SessionLength = 12 * time.Hour   // at most
)

// Errors about accounts.
var (
	ErrTaken      = errors.New("there is an account, or a token, of this name already")
	ErrLastAdmin  = errors.New("no administrator of this kind would be left who can log in: make another one first")
	ErrFirstAdmin = errors.New("the first account must be a security administrator (role security): that one makes the others")
	ErrLogin      = errors.New("a login is 2 to 32 of a-z, 0-9, dot, dash and underscore")
	ErrPosting    = errors.New("whom an account sees is not possible like this")
	ErrManyTries  = errors.New("too many failed tries to log in from this address")
)

const accountColumns = `id, login, name, roles, password, must_change, totp, totp_step, failures, paused_until, locked_at, created_at, created_by,
	everywhere, bodies, domains, totp_new`

func scanAccount(row pgx.CollectableRow) (a Account, err error) {
	err = row.Scan(&a.ID, &a.Login, &a.Name, &a.Roles, &a.Password, &a.MustChange, &a.TOTP, &a.TOTPStep, &a.Failures, &a.PausedTo, &a.LockedAt,
		&a.CreatedAt, &a.CreatedBy, &a.Everywhere, &a.Bodies, &a.Domains, &a.TOTPNew)
	return a, err
}

// accountError puts the store's refusals into words.
func accountError(what string, err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		err = ErrNotFound
	case errors.As(err, &pg) && pg.Code == "23505":
		err = ErrTaken
	case errors.As(err, &pg) && pg.Code == "HJ030":
		err = ErrLastAdmin
	case errors.As(err, &pg) && pg.ConstraintName == "accounts_roles_check":
		err = errors.New("an administrator (platform, security, auditor) holds no other role (三员分立)")
	case errors.As(err, &pg) && pg.ConstraintName == "tokens_review_everywhere":
		err = errors.New("the review queue is about pairs of any community: a token with the scope review must be given for everywhere")
	case errors.As(err, &pg) && pg.ConstraintName == "accounts_login_check":
		err = ErrLogin
	}
	return fmt.Errorf("%s: %w", what, err)
}

// HasAccounts reports whether anybody must log in. Once true it stays true.
func (s *Store) HasAccounts(ctx context.Context) (has bool, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM accounts)`).Scan(&has); err != nil {
		return false, fmt.Errorf("look for accounts: %w", err)
	}
	return has, nil
}

// AddAccount makes an account, whose password must be changed at its first login.
func (s *Store) AddAccount(ctx context.Context, a Account, by string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if err := checkPosting(ctx, tx, a.Posting); err != nil {
			return err
		}
		var id int64
		if err := tx.QueryRow(ctx, `INSERT INTO accounts (login, name, roles, password, created_by, everywhere, bodies, domains)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
			a.Login, a.Name, a.Roles, a.Password, by, a.Everywhere, texts(a.Bodies), texts(a.Domains)).Scan(&id); err != nil {
			return err
		}
		return note(ctx, tx, by, accountNote("account.add", id), map[string]any{"roles": a.Roles, "everywhere": a.Everywhere, "bodies": a.Bodies, "domains": a.Domains})
	})
	err = accountError("make the account", err)
	if errors.Is(err, ErrLastAdmin) {
		return fmt.Errorf("make the account: %w", ErrFirstAdmin)
	}
	return err
}

// ListAccounts returns all accounts by login.
func (s *Store) ListAccounts(ctx context.Context) ([]Account, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+accountColumns+` FROM accounts ORDER BY login`)
	if err != nil {
		return nil, accountError("read accounts", err)
	}
	list, err := pgx.CollectRows(rows, scanAccount)
	return list, accountError("read accounts", err)
}

// Account returns one.
func (s *Store) Account(ctx context.Context, login string) (Account, error) {
	return s.account(ctx, s.pool, `login = $1`, login)
}

func (s *Store) account(ctx context.Context, q querier, where string, args ...any) (Account, error) {
	rows, err := q.Query(ctx, `SELECT `+accountColumns+` FROM accounts WHERE `+where, args...)
	if err != nil {
		return Account{}, accountError("read an account", err)
	}
	a, err := pgx.CollectExactlyOneRow(rows, scanAccount)
	return a, accountError("read an account", err)
}

// Try is one try to log in. It is counted as failed before anything is compared,
// so that many at once get no more tries than one after another.
type Try struct {
	Account Account // zero: there is none
	Refused bool    // locked, or paused: whatever the password
	id      int64
}

// TryLogin begins a try.
func (s *Store) TryLogin(ctx context.Context, login, address string) (t Try, err error) {
	many := false
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM login_tries WHERE at < clock_timestamp() - make_interval(secs => $1)`, FailurePause.Seconds()); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM login_tries WHERE address = $1`, address).Scan(&n); err != nil {
			return err
		}
		if many = n >= MaxTries; many {
			return nil // what is refused is not counted: the limit ends by itself
		}
		if err := tx.QueryRow(ctx, `INSERT INTO login_tries (address) VALUES ($1) RETURNING id`, address).Scan(&t.id); err != nil {
			return err
		}
		a, err := s.account(ctx, tx, `login = $1 FOR UPDATE`, login)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		var now time.Time
		if err := tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
			return err
		}
		t.Account = a
		if t.Refused = a.LockedAt != nil || a.PausedTo != nil && a.PausedTo.After(now); t.Refused {
			return nil
		}
		a.Failures++
		if a.PausedTo != nil {
			a.Failures = 1 // the pause is over
		}
		var until *time.Time
		if a.Failures >= MaxFailures {
			to := now.Add(FailurePause)
			until = &to
		}
		_, err = tx.Exec(ctx, `UPDATE accounts SET failures = $2, paused_until = $3 WHERE id = $1`, a.ID, a.Failures, until)
		return err
	})
	if err != nil {
		return t, accountError("try a login", err)
	}
	if many {
		return t, ErrManyTries
	}
	return t, nil
}

// Enter ends a try that succeeded with a new session. step is that of the second
// factor's code; recovery, where it is not nil, the hash of a recovery code that
// stands for it. A code that somebody was quicker with, or that is none, is
// ErrNotFound.
func (s *Store) Enter(ctx context.Context, t Try, session []byte, step int64, recovery []byte) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE accounts SET failures = 0, paused_until = NULL, totp_step = greatest(totp_step, $2)
			WHERE id = $1 AND locked_at IS NULL AND (totp = '' OR totp_step < $2 OR $3)`, t.Account.ID, step, recovery != nil)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		if recovery != nil {
			tag, err := tx.Exec(ctx, `UPDATE account_codes SET used_at = clock_timestamp() WHERE account = $1 AND hash = $2 AND used_at IS NULL`, t.Account.ID, recovery)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				return ErrNotFound
			}
			if err := note(ctx, tx, t.Account.Name, accountNote("login.recovery", t.Account.ID), nil); err != nil {
				return err
			}
		}
		return beginSession(ctx, tx, t, session, false)
	})
	return accountError("begin a session", err)
}

// Forgive ends a try whose password was right where no session begins.
func (s *Store) Forgive(ctx context.Context, t Try) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE accounts SET failures = 0, paused_until = NULL WHERE id = $1`, t.Account.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM login_tries WHERE id = $1`, t.id)
		return err
	})
	return accountError("end a try", err)
}

// Session returns the account of a session that lives, and notes that it was
// used where touch says so.
func (s *Store) Session(ctx context.Context, id []byte, touch bool) (Account, error) {
	a, err := s.account(ctx, s.pool, `locked_at IS NULL AND id = (SELECT account FROM sessions WHERE id = $1 AND ended_at IS NULL
		AND seen_at > clock_timestamp() - make_interval(secs => $2) AND began_at > clock_timestamp() - make_interval(secs => $3))`,
		id, SessionIdle.Seconds(), SessionLength.Seconds())
	if err == nil && touch {
		_, err = s.pool.Exec(ctx, `UPDATE sessions SET seen_at = clock_timestamp() WHERE id = $1 AND seen_at < clock_timestamp() - interval '1 minute'`, id)
		err = accountError("note a session", err)
	}
	if err == nil && a.MustChange { // whoever came from another server needs no password here
		outside := false
		outside, err = s.SessionOutside(ctx, id)
		a.MustChange = !outside
	}
	return a, err
}

// SessionOf returns the account that a session belonged to, whether it lives or
// has expired by itself. One that was ended belongs to nobody.
func (s *Store) SessionOf(ctx context.Context, id []byte) (account int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT account FROM sessions WHERE id = $1 AND ended_at IS NULL`, id).Scan(&account)
	return account, accountError("read a session", err)
}

// EndSession logs out.
func (s *Store) EndSession(ctx context.Context, id []byte) error {
	_, err := s.pool.Exec(ctx, `UPDATE sessions SET ended_at = clock_timestamp() WHERE id = $1 AND ended_at IS NULL`, id)
	return accountError("end a session", err)
}

// accountNote is a line of the audit trail about an account.
func accountNote(did string, id int64) audit.Note {
	return audit.Note{Did: did, What: fmt.Sprintf("account/%d", id)}
}

// NoteRefused notes a login that was refused. Who tried is not known; the name
// that was typed may be a password, and is not kept.
func (s *Store) NoteRefused(ctx context.Context, t Try) error {
	n := audit.Note{Did: "login.refused"}
	if t.Account.ID != 0 {
		n = accountNote(n.Did, t.Account.ID)
	}
	return s.Note(ctx, "", n, nil)
}

// alter changes an account and ends its sessions.
func (s *Store) alter(ctx context.Context, did, what, login string, detail any, set string, args ...any) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var id int64
		if err := tx.QueryRow(ctx, `UPDATE accounts SET `+set+` WHERE login = $1 RETURNING id`, append([]any{login}, args...)...).Scan(&id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE sessions SET ended_at = clock_timestamp() WHERE account = $1 AND ended_at IS NULL`, id); err != nil {
			return err
		}
		if did == "account.posting" || did == "account.roles" {
			if err := dropDraftsOf(ctx, tx, id); err != nil {
				return err
			}
		}
		return note(ctx, tx, "", accountNote(did, id), detail)
	})
	return accountError(what, err)
}

// SetPassword stores a new password and ends every session of the account. Its
// own new session is begun where session is not nil.
func (s *Store) SetPassword(ctx context.Context, login, password string, mustChange bool, session []byte) error {
	err := s.alter(ctx, "account.password", "store a password", login, nil, `password = $2, must_change = $3, failures = 0, paused_until = NULL`, password, mustChange)
	if err != nil || session == nil {
		return err
	}
	_, err = s.pool.Exec(ctx, `INSERT INTO sessions (id, account) SELECT $1, id FROM accounts WHERE login = $2`, session, login)
	return accountError("begin a session", err)
}

// ResetAccount gives an account a first password again and takes its second
// factor away.
func (s *Store) ResetAccount(ctx context.Context, login, password string) error {
	return s.alter(ctx, "account.reset", "reset the account", login, nil, `password = $2, must_change = true, totp = '', totp_new = '', failures = 0, paused_until = NULL`, password)
}

// LockAccount keeps somebody out from now on.
func (s *Store) LockAccount(ctx context.Context, login, by string) error {
	return s.alter(ctx, "account.lock", "lock the account", login, nil, `locked_at = coalesce(locked_at, clock_timestamp()), locked_by = coalesce(locked_by, $2)`, by)
}

// UnlockAccount lets somebody in again, also after too many wrong passwords.
func (s *Store) UnlockAccount(ctx context.Context, login string) error {
	return s.alter(ctx, "account.unlock", "unlock the account", login, nil, `locked_at = NULL, locked_by = NULL, failures = 0, paused_until = NULL`)
}

// SetPosting says for whom an account works from now on.
func (s *Store) SetPosting(ctx context.Context, login string, p Posting) error {
	if err := checkPosting(ctx, s.pool, p); err != nil {
		return accountError("change whom the account sees", err)
	}
	return s.alter(ctx, "account.posting", "change whom the account sees", login,
		map[string]any{"everywhere": p.Everywhere, "bodies": p.Bodies, "domains": p.Domains}, `everywhere = $2, bodies = $3, domains = $4`,
		p.Everywhere, texts(p.Bodies), texts(p.Domains))
}

// SetRoles gives an account other roles.
func (s *Store) SetRoles(ctx context.Context, login string, roles []string) error {
	return s.alter(ctx, "account.roles", "change the account's roles", login, map[string][]string{"roles": roles}, `roles = $2`, roles)
}
