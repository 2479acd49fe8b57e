package table

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"heji/connectors"
	"heji/connectors/internal/pace"
	"heji/connectors/table/dialect"
)

// brands are the databases that are reached through database/sql.
var brands = map[string]dialect.Dialect{
	"mysql":     dialect.MySQL{},
	"mariadb":   dialect.MySQL{},
	"sqlserver": dialect.SQLServer{},
	"oracle":    dialect.Oracle{},
}

// addressForms show how an address is written.
var addressForms = map[string]string{
	"MySQL":      "mysql://user:password@host:3306/database, or user:password@tcp(host:3306)/database",
	"SQL Server": "sqlserver://user:password@host:1433?database=name",
	"Oracle":     "oracle://user:password@host:1521/service",
}

// brandReader reads one table or view through database/sql.
type brandReader struct {
	*common
	d  dialect.Dialect
	db *sql.DB

	mu        sync.Mutex
	layout    *brandLayout // nil until the platform was reached
	logLayout *brandLayout // of the log table
}

// brandWriter can write as well.
type brandWriter struct{ *brandReader }

// openBrand prepares a connector of a brand.
func openBrand(c *common, d dialect.Dialect) (connectors.Connector, error) {
	p, s := c.platform, c.settings
	o := dialect.Options{DSN: s.DSN, CA: s.CA, Timeout: s.Timeout.D(), Life: p.Life()}
	if s.Timezone != "" {
		o.Zone = c.zone
	}
	connector, err := d.Connector(o)
	if errors.Is(err, dialect.ErrCA) {
		return nil, p.Errorf("connect.ca", badCA)
	}
	if err != nil { // I9: the driver's error quotes the address, password and all
		return nil, p.Errorf("connect.dsn", "connect.dsn is no %s address. Write it as %s.", d.Name(), addressForms[d.Name()])
	}
	r := &brandReader{common: c, d: d, db: sql.OpenDB(connector)}
	r.db.SetMaxOpenConns(pace.Concurrency(p) + 2) // pull and look beside the writers
	r.db.SetMaxIdleConns(pace.Concurrency(p) + 1)
	r.db.SetConnMaxIdleTime(max(time.Second, p.Life()/2)) // the server ends what is idle for longer than a request's life
	c.fault = func(err error) dialect.Fault { return d.Fault(err) }
	c.forget = r.unlearn
	if s.ReadOnly {
		return r, nil
	}
	c.limit = pace.New(p)
	return &brandWriter{r}, nil
}

// Close ends all connections.
func (r *brandReader) Close() error { return r.db.Close() }

// Check reaches the database, finds every column that the file names, and reads
// one row.
func (r *brandReader) Check(ctx context.Context) error {
	l, err := r.discover(ctx)
	if err != nil {
		return err
	}
	if r.settings.Log.Table != "" {
		if _, _, err := (&brandLog{brandReader: r}).ends(ctx); err != nil {
			return err
		}
	}
	_, err = r.query(ctx, r.db, "reading the table", l, dialect.Select{Limit: 1}, nil)
	return err
}

// Check also makes sure that writes can arrive at all.
func (w *brandWriter) Check(ctx context.Context) error {
	if err := w.brandReader.Check(ctx); err != nil {
		return err
	}
	p := w.platform
	if len(p.Agreement.Receives) == 0 {
		return nil
	}
	l, err := w.discover(ctx)
	if err != nil {
		return err
	}
	switch primary, err := w.flag(ctx, w.db, w.d.Primary()); {
	case err != nil:
		return w.failed(ctx, "asking whether it can be written", err)
	case !primary:
		return connectors.NewTrouble("db_copy", "where", p.Source)
	case !l.rel.Transactional:
		return connectors.NewTrouble("db_no_transactions", "where", p.Source, "table", w.settings.Table)
	case !l.rel.Updatable:
		return connectors.NewTrouble("db_view", "where", p.Source, "table", w.settings.Table)
	}
	if w.settings.Touch && l.columns[p.ChangeColumn].Kind == dialect.Version {
		return p.Errorf("connect.touch", "connect.touch: the server itself counts %s up. Take this line out.", p.ChangeColumn)
	}
	for _, field := range slices.Sorted(maps.Keys(p.Agreement.Receives)) {
		for _, name := range p.Fields[field].ColumnNames() {
			query, args := w.d.MayUpdate(l.rel, l.columns[name].Name)
			may, err := w.flag(ctx, w.db, query, args...)
			if err == nil && may {
				continue
			}
			if err != nil && w.fault(err).Class != dialect.Rights {
				return w.failed(ctx, "asking for its rights", err)
			}
			return connectors.NewTrouble("db_may_not_column", "where", p.Source, "column", name, "table", w.settings.Table)
		}
	}
	return nil
}

// flag asks a question whose first answer is 1 or 0.
func (r *brandReader) flag(ctx context.Context, q queryer, query string, args ...any) (bool, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.settings.Timeout.D(), errSlow)
	defer cancel()
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close() //nolint:errcheck // what matters was read
	yes := false
	if rows.Next() {
		texts, err := scanTexts(rows)
		if err != nil {
			return false, err
		}
		yes = texts[0].String == "1"
	}
	return yes, rows.Err()
}

// queryer is a pool, a connection or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// scanTexts reads the columns of a row as texts, whatever the driver makes of
// them.
func scanTexts(rows *sql.Rows) ([]sql.NullString, error) {
	s, err := scannerOf(rows)
	if err != nil {
		return nil, err
	}
	return s.texts, rows.Scan(s.into...)
}

// scanner reads row after row into the same place.
type scanner struct {
	texts []sql.NullString
	into  []any
}

func scannerOf(rows *sql.Rows) (*scanner, error) {
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	s := &scanner{texts: make([]sql.NullString, len(names)), into: make([]any, len(names))}
	for i := range s.texts {
		s.into[i] = &s.texts[i]
	}
	return s, nil
}
