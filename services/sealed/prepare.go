package sealed

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Names in the database.
const (
	Schema = "sealed"
	Role   = "hejisealed"
)

// Prepare makes the schema and the role of a satellite, with the password, and
// the view of the residents; what is there already is brought to the same state.
// It needs the hub's own database user, who must be allowed to make roles, and
// the hub's tables.
func Prepare(ctx context.Context, hubDSN, password string) error {
	conn, err := pgx.Connect(ctx, hubDSN)
	if err != nil {
		return fmt.Errorf("prepare the satellite: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is left to be said
	var database, hub string
	if err := conn.QueryRow(ctx, `SELECT current_database(), current_schema()`).Scan(&database, &hub); err != nil {
		return fmt.Errorf("prepare the satellite: %w", err)
	}
	quote := func(name string) string { return pgx.Identifier{name}.Sanitize() }
	residents := quote(hub) + ".residents"
	const duplicateObject = "42710"
	steps := []struct{ allowed, sql string }{
		{duplicateObject, "CREATE ROLE " + Role + " LOGIN"},
		{"", "ALTER ROLE " + Role + " NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '" + strings.ReplaceAll(password, "'", "''") + "'"},
		{"", "GRANT CONNECT ON DATABASE " + quote(database) + " TO " + Role},
		{"", "GRANT USAGE ON SCHEMA " + quote(hub) + " TO " + Role}, // where pg_trgm lives; no table comes with it
		{"", "CREATE SCHEMA IF NOT EXISTS " + Schema + " AUTHORIZATION " + Role},
		// The view is made anew, so that it holds what this program's attributes are.
		{"", "DROP VIEW IF EXISTS " + view},
		{"", viewSQL(residents)},
		{"", "GRANT SELECT ON " + view + " TO " + Role},
		// The hub itself never reads residents by time, so only who has a satellite
		// pays for it.
		{"", "CREATE INDEX IF NOT EXISTS residents_updated ON " + residents + " (updated_at, id)"},
	}
	for _, s := range steps {
		_, err := conn.Exec(ctx, s.sql)
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == s.allowed {
			continue
		}
		if err != nil {
			what, _, _ := strings.Cut(s.sql, " PASSWORD")
			what, _, _ = strings.Cut(what, "\n")
			return fmt.Errorf("prepare the satellite: %s: %w", what, err)
		}
	}
	return nil
}

// DSN is the hub's address as the satellite's role.
func DSN(hubDSN, password string) (string, error) {
	u, err := url.Parse(hubDSN)
	if err != nil || u.Scheme == "" {
		return "", errors.New("the database's address must be an URL: postgres://user:password@host:5432/database")
	}
	u.User = url.UserPassword(Role, password)
	return u.String(), nil
}

// own puts the satellite's schema in front: all its tables are there, and the
// hub's schema behind it is for the extension only.
func own(dsn string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		return "", errors.New("the satellite's database address must be an URL: postgres://user:password@host:5432/database")
	}
	q := u.Query()
	q.Set("search_path", Schema+",public")
	u.RawQuery = q.Encode()
	return u.String(), nil
}
