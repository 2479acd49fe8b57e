package table

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"heji/connectors"
	"heji/connectors/internal/pace"
	"heji/connectors/spec"
	wall "heji/schema/clock"
)

// Kind is the name under which the kind is registered.
const Kind = "table"

func init() {
	connectors.Register(Kind, Open)
	connectors.RegisterSettings(Kind, Settings{})
}

// reader reads one table or view.
type reader struct {
	*common
	pool *pgxpool.Pool

	mu     sync.Mutex
	layout *layout // nil until the platform was reached
}

// writer can write as well. A read-only platform has none of its methods.
type writer struct {
	*reader
}

// Open prepares the connector. It does not reach the platform: a platform that
// is down must not keep the hub from starting (I10).
func Open(_ context.Context, p *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
	s, err := load(p)
	if err != nil {
		return nil, err
	}
	zone := time.Local
	if s.Timezone != "" {
		if zone, err = time.LoadLocation(s.Timezone); err != nil {
			return nil, p.Errorf("connect.timezone", "connect.timezone is no time zone. Write it as Asia/Shanghai.")
		}
	}
	c := &common{platform: p, settings: s, zone: zone, now: wall.Now, fault: pgFault}
	if brand := brands[s.Driver]; brand != nil {
		return openBrand(c, brand)
	}
	return openPostgres(c)
}

// openPostgres prepares a connector on pgx.
func openPostgres(c *common) (connectors.Connector, error) {
	p, s := c.platform, c.settings
	config, err := pgxpool.ParseConfig(s.DSN)
	if err != nil {
		// I9: the driver's error quotes the address, password and all.
		return nil, p.Errorf("connect.dsn", "connect.dsn is no PostgreSQL address. Write it as postgres://user:password@host:5432/database.")
	}
	config.MaxConns = int32(pace.Concurrency(p)) + 2 // pull and look beside the writers
	config.MinConns, config.MinIdleConns = 0, 0
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // no prepared statements: works through poolers
	config.ConnConfig.ConnectTimeout = s.Timeout.D()
	run := config.ConnConfig.RuntimeParams
	run["application_name"] = "heji"
	run["datestyle"] = "ISO, YMD"
	run["client_encoding"] = "UTF8"
	run["statement_timeout"] = milliseconds(s.Timeout.D())
	if s.CA != "" {
		if err := s.trust(p, config.ConnConfig); err != nil {
			return nil, err
		}
	}
	if s.Timezone != "" {
		run["timezone"] = s.Timezone
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, p.Errorf("connect.dsn", "connect.dsn cannot be used as a PostgreSQL address.")
	}
	r := &reader{common: c, pool: pool}
	c.forget = r.unlearn
	if s.ReadOnly {
		return r, nil
	}
	c.limit = pace.New(p)
	return &writer{r}, nil
}

// Close ends all connections.
func (r *reader) Close() error {
	r.pool.Close()
	return nil
}

// Check reaches the database and finds every column that the file names.
func (r *reader) Check(ctx context.Context) error {
	l, err := r.discover(ctx)
	if err != nil {
		return err
	}
	if r.settings.Log.Table != "" {
		if _, _, err := (&pgLog{r, l}).ends(ctx); err != nil {
			return err
		}
	}
	return r.readable(ctx, l)
}

// Check also makes sure that writes can arrive at all.
func (w *writer) Check(ctx context.Context) error {
	if err := w.reader.Check(ctx); err != nil {
		return err
	}
	if len(w.platform.Agreement.Receives) == 0 {
		return nil
	}
	l, err := w.discover(ctx)
	if err != nil {
		return err
	}
	var replica, mayUpdate bool
	err = w.pool.QueryRow(ctx, `SELECT pg_is_in_recovery(), has_table_privilege($1::oid, 'UPDATE') OR has_any_column_privilege($1::oid, 'UPDATE')`, l.oid).
		Scan(&replica, &mayUpdate)
	switch {
	case err != nil:
		return w.failed(ctx, "asking for its rights", err)
	case replica:
		return connectors.NewTrouble("db_copy", "where", w.platform.Source)
	case !mayUpdate:
		return connectors.NewTrouble("db_may_not", "where", w.platform.Source, "table", w.settings.Table)
	}
	return nil
}

// readable reads one row, which finds a missing right where the catalogue does
// not show it.
func (r *reader) readable(ctx context.Context, l *layout) error {
	rows, err := r.pool.Query(ctx, "SELECT "+l.list+" FROM "+l.rel+" AS t LIMIT 1")
	if err == nil {
		rows.Close()
		err = rows.Err()
	}
	if err != nil {
		return r.failed(ctx, "reading the table", err)
	}
	return nil
}

func milliseconds(d time.Duration) string { return fmt.Sprint(max(1, d.Milliseconds())) }
