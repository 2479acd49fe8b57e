package table

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"heji/connectors/table/dialect"
)

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
	switch pg.Code {
	case "3D000":
		f.Class = dialect.NoDatabase
	case "42501":
		f.Class = dialect.Rights
	case "57014":
		f.Class = dialect.Slow
	case "53300":
		f.Class = dialect.Throttled
	case "55P03":
		f.Class = dialect.LockWait
	case "25006":
		f.Class = dialect.ReadOnly
	case "23502":
		f.Class = dialect.Required
	case "23505":
		f.Class = dialect.Duplicate
	case "23503":
		f.Class = dialect.Reference
	case "22001":
		f.Class = dialect.TooLong
	case "22021", "22P05":
		f.Class = dialect.Charset
	case "428C9":
		f.Class = dialect.Computed
	default:
		for class, is := range map[string]dialect.Class{"28": dialect.Credentials, "40": dialect.Deadlock, "42": dialect.Layout,
			"22": dialect.BadValue, "23": dialect.Check, "44": dialect.Check, "P0": dialect.Spoken, "45": dialect.Spoken} {
			if strings.HasPrefix(pg.Code, class) {
				f.Class = is
			}
		}
		if f.Class == dialect.Spoken {
			f.Words = pg.Message
		}
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
