package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"heji/schema/migrations"
	"heji/services/audit"
)

// Store is the hub's database.
type Store struct {
	pool   *pgxpool.Pool
	models models
	pulse  *pulse
}

// ErrNotFound says that nothing is stored under the given id.
var ErrNotFound = errors.New("not found")

// ErrContradicts says that an active decision of a person says the opposite.
var ErrContradicts = errors.New("an active decision says the opposite: revoke it first")

// Open connects and brings the schema up to date. maxConns 0 takes pgx's default.
func Open(ctx context.Context, dsn string, maxConns int32) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// pgx's error repeats the DSN with its password taken out.
		return nil, fmt.Errorf("DATABASE_URL cannot be read: %w", err)
	}
	if maxConns > 0 {
		cfg.MaxConns = maxConns
	}
	// Statement-level timeouts guard against a lock that nobody gives back.
	cfg.ConnConfig.RuntimeParams["application_name"] = "heji"
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	cfg.AfterConnect = asBytes
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	s := &Store{pool: pool, pulse: newPulse()}
	if err := s.migrate(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	if s.models.secret, err = s.BlockingSecret(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) migrate(ctx context.Context) error {
	db := stdlib.OpenDBFromPool(s.pool)
	defer db.Close() //nolint:errcheck // closes the adapter, not the pool
	p, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the database schema up to date: %w", err)
	}
	return nil
}

// Close gives all connections back.
func (s *Store) Close() { s.pool.Close() }

// Ping reports whether the database answers and takes writes.
func (s *Store) Ping(ctx context.Context) error {
	var recovering, readOnly bool
	if err := s.pool.QueryRow(ctx, `SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool`).Scan(&recovering, &readOnly); err != nil {
		return fmt.Errorf("PostgreSQL does not answer: %w", err)
	}
	switch {
	case recovering:
		return errors.New("PostgreSQL is read-only (in recovery): point DATABASE_URL at the primary")
	case readOnly:
		return errors.New("PostgreSQL is read-only (default_transaction_read_only): nothing is saved until it takes writes; work then goes on by itself")
	}
	return s.pulse.trouble()
}

// tx runs f in one READ COMMITTED transaction.
func (s *Store) tx(ctx context.Context, f func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.pool, f)
	s.pulse.note(err)
	return err
}

// Conflict reports whether err means that another worker held a lock (55P03) or
// that two workers deadlocked (40P01): roll back and try again (RULES D).
func Conflict(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "40P01")
}

// Setting reads a value of the installation into v; ErrNotFound where unset.
func (s *Store) Setting(ctx context.Context, name string, v any) error {
	var raw []byte
	err := s.pool.QueryRow(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read setting %s: %w", name, err)
	}
	return json.Unmarshal(raw, v)
}

// SetSetting stores a value of the installation.
func (s *Store) SetSetting(ctx context.Context, name string, v any) error {
	return setSetting(ctx, s.pool, name, v)
}

func setSetting(ctx context.Context, q querier, name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("setting %s: %w", name, err)
	}
	_, err = q.Exec(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = now()`, name, raw)
	if err != nil {
		return fmt.Errorf("store setting %s: %w", name, err)
	}
	return nil
}

// BlockingSecret returns the key of the blocking hashes, made once for each
// installation: a bare hash of an ID number could be enumerated.
func (s *Store) BlockingSecret(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, 32)
	if _, err := rand.Read(fresh); err != nil {
		return nil, fmt.Errorf("make the blocking secret: %w", err)
	}
	raw, err := json.Marshal(fresh)
	if err != nil {
		return nil, fmt.Errorf("make the blocking secret: %w", err)
	}
	if _, err := s.pool.Exec(ctx, `INSERT INTO settings (name, value) VALUES ('blocking_secret', $1)
		ON CONFLICT (name) DO NOTHING`, raw); err != nil {
		return nil, fmt.Errorf("store the blocking secret: %w", err)
	}
	var secret []byte
	err = s.Setting(ctx, "blocking_secret", &secret)
	return secret, err
}

// WritesStopped reports whether a person has stopped everything outgoing.
func (s *Store) WritesStopped(ctx context.Context) (bool, error) {
	var v bool
	err := s.Setting(ctx, "writes_stopped", &v)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return v, err
}

// StopWrites stops everything outgoing, or lets it go on.
func (s *Store) StopWrites(ctx context.Context, stopped bool) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		if err := setSetting(ctx, tx, "writes_stopped", stopped); err != nil {
			return err
		}
		return note(ctx, tx, "", audit.Note{Did: map[bool]string{true: "writes.stop", false: "writes.resume"}[stopped]}, nil)
	})
}

// Counter sums a counter over all platforms.
func (s *Store) Counter(ctx context.Context, name string) (n int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(sum(value), 0)::bigint FROM counters WHERE name = $1`, name).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("read counter %s: %w", name, err)
	}
	return n, nil
}

// querier is what a pool and a transaction have in common.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// timeOrNull passes the zero time as NULL.
func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
