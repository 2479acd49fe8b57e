package table

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"heji/connectors/table/dialect"
)

// pgClasses says what a SQLSTATE means: a whole code, or its first two characters
// for all others of that class.
var pgClasses = map[string]dialect.Class{
	"3D000": dialect.NoDatabase,
	"42501": dialect.Rights,
	"57014": dialect.Slow,
	"53300": dialect.Throttled,
	"55P03": dialect.LockWait,
	"25006": dialect.ReadOnly,
	"23502": dialect.Required,
	"23505": dialect.Duplicate,
	"23503": dialect.Reference,
	"22001": dialect.TooLong,
	"22021": dialect.Charset,
	"22P05": dialect.Charset,
	"428C9": dialect.Computed,

	"28": dialect.Credentials,
	"40": dialect.Deadlock,
	"42": dialect.Layout,
	"22": dialect.BadValue,
	"23": dialect.Check,
	"44": dialect.Check,
	"P0": dialect.Spoken,
	"45": dialect.Spoken,
}

func pgClass(code string) dialect.Class {
	if class, ok := pgClasses[code]; ok {
		return class
	}
	if len(code) < 2 {
		return dialect.Unknown
	}
	return pgClasses[code[:2]]
}

// pgFault classifies by SQLSTATE.
func pgFault(err error) dialect.Fault {
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return dialect.Fault{Class: dialect.Deadlock, Server: true}
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		if errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err) {
			return dialect.Fault{Class: dialect.Slow}
		}
		return dialect.Transport(err)
	}
	f := dialect.Fault{Code: "SQLSTATE " + pg.Code, Column: pg.ColumnName, Rule: pg.ConstraintName, Server: true}
	f.Class = pgClass(pg.Code)
	if f.Class == dialect.Spoken {
		f.Words = pg.Message
	}
	return f
}

// pgSite is one table, for the sentence about a refused row.
type pgSite struct {
	*writer
	layout *layout
}

// ruled looks at constraints, then at indexes.
func (s pgSite) ruled(ctx context.Context, rule string) []string {
	rows, err := s.pool.Query(ctx, `
		SELECT a.attname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
		WHERE c.conrelid = $1::oid AND c.conname = $2::text
		UNION ALL
		SELECT a.attname FROM pg_class x JOIN pg_index i ON i.indexrelid = x.oid AND i.indrelid = $1::oid
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) WHERE x.relname = $2::text`, s.layout.oid, rule)
	if err != nil {
		return nil
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil // the rule's name is in the sentence
	}
	return names
}

func (s pgSite) length(column string) int { return s.layout.columns[column].length }

// unfit asks the database, which alone knows what it can read.
func (s pgSite) unfit(ctx context.Context, set map[string]string) string {
	for _, name := range sorted(set) {
		c, ok := s.layout.columns[name]
		if !ok || c.text {
			continue
		}
		var read *string
		err := s.pool.QueryRow(ctx, "SELECT NULLIF($1::text, '')::"+c.typ+"::text", set[name]).Scan(&read)
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return name
		}
	}
	return ""
}
