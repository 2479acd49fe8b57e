package table

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// pgLog is the log table of a platform on PostgreSQL.
type pgLog struct {
	*reader
	layout *layout // of the table that the log is about
}

// rel is the quoted log table. Its columns are found by the statements themselves.
func (g *pgLog) rel(ctx context.Context) (string, error) {
	var rel string
	var missing []string
	err := g.pool.QueryRow(ctx, `SELECT to_regclass($1::text)::text, ARRAY(SELECT w FROM unnest($2::text[]) w WHERE NOT EXISTS (
		SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1::text) AND attname = w AND attnum > 0 AND NOT attisdropped))
		WHERE to_regclass($1::text) IS NOT NULL`, g.settings.Log.Table, append([]string{g.settings.Log.Seq}, g.settings.Log.Key...)).Scan(&rel, &missing)
	if err == pgx.ErrNoRows {
		return "", g.notThere("connect.log.table", g.settings.Log.Table)
	}
	if err != nil {
		return "", g.failed(ctx, "looking for the log table", err)
	}
	return rel, g.lacks(g.settings.Log.Table, missing)
}

func quoted(name string) string { return "t." + pgx.Identifier{name}.Sanitize() }

func (g *pgLog) ends(ctx context.Context) (low, high int64, err error) {
	rel, err := g.rel(ctx)
	if err != nil {
		return 0, 0, err
	}
	seq := quoted(g.settings.Log.Seq)
	err = g.pool.QueryRow(ctx, fmt.Sprintf("SELECT coalesce(min(%[1]s), $1::text::bigint)::bigint, coalesce(max(%[1]s), $1::text::bigint)::bigint FROM %[2]s AS t", seq, rel), fmt.Sprint(int64(emptyLog))).Scan(&low, &high)
	if err != nil {
		err = g.failed(ctx, "reading the log table", err)
	}
	return low, high, err
}

func (g *pgLog) entries(ctx context.Context, ranges []gap, limit int) ([]entry, error) {
	rel, err := g.rel(ctx)
	if err != nil {
		return nil, err
	}
	list := quoted(g.settings.Log.Seq)
	for _, k := range g.settings.Log.Key {
		list += ", coalesce(" + quoted(k) + "::text, '')"
	}
	rows, err := g.pool.Query(ctx, fmt.Sprintf("SELECT %s FROM %s AS t WHERE %s ORDER BY 1 LIMIT %d", list, rel, inRanges(quoted(g.settings.Log.Seq), ranges), limit))
	if err != nil {
		return nil, g.failed(ctx, "reading the log table", err)
	}
	defer rows.Close()
	var out []entry
	for rows.Next() {
		e := entry{keys: make([]string, len(g.settings.Log.Key))}
		into := []any{&e.seq}
		for i := range e.keys {
			into = append(into, &e.keys[i])
		}
		if err := rows.Scan(into...); err != nil {
			return nil, g.failed(ctx, "reading the log table", err)
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, g.failed(ctx, "reading the log table", err)
	}
	return out, nil
}

// inRanges is the SQL of "one of these numbers". They are ours: nothing to escape.
func inRanges(seq string, ranges []gap) string {
	all := make([]string, len(ranges))
	for i, g := range ranges {
		all[i] = fmt.Sprintf("%s BETWEEN %d AND %d", seq, g.From, g.To)
	}
	return either(all)
}

func (g *pgLog) byKeys(ctx context.Context, keys [][]string) ([]sighting, error) {
	s := &statement{}
	var any []string
	for _, parts := range keys {
		any = append(any, "("+g.keyed(s, g.layout, parts)+")")
	}
	rows, err := g.pool.Query(ctx, "SELECT "+g.layout.list+" FROM "+g.layout.rel+" AS t WHERE "+strings.Join(any, " OR "), s.args...)
	if err != nil {
		return nil, g.failed(ctx, "reading what has changed", err)
	}
	defer rows.Close()
	var out []sighting
	for rows.Next() {
		one, err := g.scan(g.layout, "", rows)
		if err != nil {
			return nil, g.failed(ctx, "reading a row", err)
		}
		out = append(out, one)
	}
	if err := rows.Err(); err != nil {
		return nil, g.failed(ctx, "reading what has changed", err)
	}
	return out, nil
}
