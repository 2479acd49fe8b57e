package table

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"heji/connectors"
	"heji/connectors/table/dialect"
)

// Describe reads all columns of the table, those that the file does not name
// included, and its first rows.
func (r *reader) Describe(ctx context.Context, limit int) ([]connectors.Column, error) {
	var oid uint32
	var rel string
	err := r.pool.QueryRow(ctx, `SELECT oid, oid::regclass::text FROM pg_class WHERE oid = to_regclass($1::text)`, r.settings.Table).Scan(&oid, &rel)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, r.notThere("connect.table", r.settings.Table)
	}
	if err != nil {
		return nil, r.failed(ctx, "looking for the table", err)
	}
	rows, err := r.pool.Query(ctx, `SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, oid)
	if err != nil {
		return nil, r.failed(ctx, "reading its columns", err)
	}
	columns, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (connectors.Column, error) {
		var c connectors.Column
		return c, row.Scan(&c.Name, &c.Type)
	})
	if err != nil {
		return nil, r.failed(ctx, "reading its columns", err)
	}
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = "coalesce(" + pgx.Identifier{c.Name}.Sanitize() + "::text, '')"
	}
	sample, err := r.pool.Query(ctx, fmt.Sprintf("SELECT %s FROM %s LIMIT %d", strings.Join(list, ", "), rel, limit))
	if err != nil {
		return nil, r.failed(ctx, "reading the table", err)
	}
	defer sample.Close()
	for sample.Next() {
		texts, into := make([]string, len(columns)), make([]any, len(columns))
		for i := range texts {
			into[i] = &texts[i]
		}
		if err := sample.Scan(into...); err != nil {
			return nil, r.failed(ctx, "reading the table", err)
		}
		for i, text := range texts {
			columns[i].Samples = append(columns[i].Samples, text)
		}
	}
	if err := sample.Err(); err != nil {
		return nil, r.failed(ctx, "reading the table", err)
	}
	return columns, nil
}

// Describe is the same for the other brands. A column whose type has no text is
// shown without samples.
func (r *brandReader) Describe(ctx context.Context, limit int) ([]connectors.Column, error) {
	l, err := r.find(ctx, "connect.table", r.settings.Table, nil)
	if err != nil {
		return nil, err
	}
	columns, list, raw := make([]connectors.Column, len(l.names)), make([]string, len(l.names)), make([]bool, len(l.names))
	for i, name := range l.names {
		c := l.columns[name]
		columns[i] = connectors.Column{Name: name, Type: c.Declared}
		if c.Declared == "" {
			columns[i].Type = c.Type
		}
		c.Raw = r.settings.Encoding != "" && (c.Kind == dialect.Text || c.Kind == dialect.LongText)
		raw[i], list[i] = c.Raw, r.d.Text(c)
		if c.Kind == dialect.Other || c.Kind == dialect.Bytes {
			list[i] = "''"
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.settings.Timeout.D(), errSlow)
	defer cancel()
	sample, err := r.texts(ctx, r.db, r.d.Select(dialect.Select{List: list, From: l.from, Limit: limit}))
	if err != nil {
		return nil, r.failed(ctx, "reading the table", err)
	}
	for _, row := range sample {
		for i, t := range row {
			text := t.String
			if raw[i] {
				text, _ = decode(r.settings.Encoding, text)
			}
			columns[i].Samples = append(columns[i].Samples, text)
		}
	}
	return columns, nil
}
