package table

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"heji/connectors"
)

// failed turns an error of the driver into a sentence. The driver's own words
// stay out: they quote addresses, passwords and values (I9). The SQLSTATE stays,
// for whoever looks it up.
func (r *reader) failed(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %s: %w", r.platform.ID, doing, context.Cause(ctx))
	}
	say := func(sentinel error, sentence string) error {
		return fmt.Errorf("%s: %s: %s: %w", r.platform.ID, doing, sentence, sentinel)
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		if errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err) {
			return say(connectors.ErrUnreachable, "the database did not answer in time")
		}
		return say(connectors.ErrUnreachable, "no connection to the database")
	}
	state := "SQLSTATE " + pg.Code
	switch {
	case strings.HasPrefix(pg.Code, "28"):
		return say(connectors.ErrCredentials, "the database refuses user or password ("+state+")")
	case pg.Code == "3D000":
		return say(connectors.ErrLayout, "there is no such database ("+state+")")
	case pg.Code == "42501":
		return say(connectors.ErrCredentials, "the database user lacks a right on the table "+r.settings.Table+" ("+state+")")
	case pg.Code == "57014":
		return say(connectors.ErrUnreachable, "the database did not answer in time ("+state+")")
	case pg.Code == "53300":
		return say(connectors.ErrThrottled, "the database has no free connection ("+state+")")
	case strings.HasPrefix(pg.Code, "42"), strings.HasPrefix(pg.Code, "22"):
		r.forget()
		return say(connectors.ErrLayout, "the table is not as the file says ("+state+")")
	}
	return say(connectors.ErrUnreachable, "the database reports "+state)
}

// refusal says why a row was refused, or false where err is no statement about
// the row.
func (w *writer) refusal(ctx context.Context, l *layout, write connectors.Write, err error) (column, reason string, ok bool) {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return "", "", false
	}
	class := pg.Code
	if len(class) > 2 {
		class = class[:2]
	}
	column = pg.ColumnName
	if column == "" && pg.ConstraintName != "" {
		column = w.constrained(ctx, l, write, pg.ConstraintName)
	}
	switch {
	case pg.Code == "23502":
		return column, "the platform requires a value here", true
	case pg.Code == "23505":
		return column, "another row already has this value (" + pg.ConstraintName + ")", true
	case pg.Code == "23503":
		return column, "the platform knows no entry for this value (" + pg.ConstraintName + ")", true
	case pg.Code == "23514":
		return column, "the value breaks the platform's rule " + pg.ConstraintName, true
	case class == "23", class == "44":
		return column, "the value breaks a rule of the platform (SQLSTATE " + pg.Code + ")", true
	case pg.Code == "22001":
		if column == "" {
			column = tooLong(l, write.Set)
		}
		return column, "the value is longer than the platform's column", true
	case class == "22":
		// The message quotes the value; which column it was for, it does not say.
		if column == "" {
			column = w.uncastable(ctx, l, write.Set)
		}
		return column, "the value is not of the column's type", true
	case pg.Code == "42501":
		return column, "the database user has no right to change this", true
	case pg.Code == "428C9":
		return column, "the platform computes this column itself", true
	case class == "P0", class == "45":
		return column, connectors.Reason(pg.Message, write.Set, write.If, write.Natural), true
	}
	return "", "", false
}

// constrained finds the column of a constraint, preferring one that we set.
func (w *writer) constrained(ctx context.Context, l *layout, write connectors.Write, constraint string) string {
	rows, err := w.pool.Query(ctx, `
		SELECT a.attname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
		WHERE c.conrelid = $1::oid AND c.conname = $2::text
		UNION ALL
		SELECT a.attname FROM pg_class x JOIN pg_index i ON i.indexrelid = x.oid AND i.indrelid = $1::oid
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) WHERE x.relname = $2::text`, l.oid, constraint)
	if err != nil {
		return ""
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		return ""
	}
	for _, n := range names {
		if _, ours := write.Set[n]; ours {
			return n
		}
	}
	return names[0]
}

func tooLong(l *layout, set map[string]string) string {
	for _, name := range sorted(set) {
		if c := l.columns[name]; c.length > 0 && len([]rune(set[name])) > c.length {
			return name
		}
	}
	return ""
}

// uncastable finds the column whose value the database cannot read.
func (w *writer) uncastable(ctx context.Context, l *layout, set map[string]string) string {
	for _, name := range sorted(set) {
		c, ok := l.columns[name]
		if !ok || c.text {
			continue
		}
		var read *string
		err := w.pool.QueryRow(ctx, "SELECT NULLIF($1::text, '')::"+c.typ+"::text", set[name]).Scan(&read)
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return name
		}
	}
	return ""
}
