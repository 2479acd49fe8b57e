package table

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"heji/connectors"
)

// layout is what the database says about the table.
type layout struct {
	oid     uint32
	rel     string // quoted, with its schema where needed
	view    bool   // no xmin
	columns map[string]column
	names   []string // the columns read, in order
	list    string   // the select list: names as text, then the row version and xmin
	change  clock
}

// column is one column of the platform's table.
type column struct {
	name     string // quoted, as in SET
	quoted   string // quoted and of the alias t: a bare name would mean the text of the select list in ORDER BY
	typ      string // for casts, without a length: a cast to varchar(5) would cut in silence
	nullable bool
	length   int // longest text, 0: no limit
	text     bool
}

// clock is how the change column counts.
type clock int

const (
	noClock    clock = iota
	timeClock        // timestamp, timestamptz, date
	textClock        // a time written as text
	countClock       // a growing number
)

// countOverlap is how far back a pass looks where the change column counts
// instead of telling the time.
const countOverlap = 10_000

// discover reads the layout once.
func (r *reader) discover(ctx context.Context) (*layout, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.layout != nil {
		return r.layout, nil
	}
	l := &layout{columns: map[string]column{}}
	var kind string
	err := r.pool.QueryRow(ctx, `SELECT oid, oid::regclass::text, relkind::text FROM pg_class WHERE oid = to_regclass($1::text)`, r.settings.Table).
		Scan(&l.oid, &l.rel, &kind)
	if err == pgx.ErrNoRows {
		return nil, r.notThere("connect.table", r.settings.Table)
	}
	if err != nil {
		return nil, r.failed(ctx, "looking for the table", err)
	}
	l.view = kind != "r" && kind != "p"
	rows, err := r.pool.Query(ctx, `
		SELECT a.attname, format_type(a.atttypid, -1), NOT a.attnotnull, t.typcategory = 'S',
		       CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 0 END
		FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped`, l.oid)
	if err != nil {
		return nil, r.failed(ctx, "reading its columns", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var c column
		if err := rows.Scan(&name, &c.typ, &c.nullable, &c.text, &c.length); err != nil {
			return nil, r.failed(ctx, "reading its columns", err)
		}
		c.name = pgx.Identifier{name}.Sanitize()
		c.quoted = "t." + c.name
		l.columns[name] = c
	}
	if err := rows.Err(); err != nil {
		return nil, r.failed(ctx, "reading its columns", err)
	}
	if err := r.complete(l); err != nil {
		return nil, err
	}
	r.layout = l
	return l, nil
}

// complete checks the file against the table and builds the select list.
func (r *reader) complete(l *layout) error {
	l.names = r.columns()
	var missing []string
	for _, name := range l.names {
		if _, ok := l.columns[name]; !ok {
			missing = append(missing, name)
		}
	}
	if err := r.lacks(r.settings.Table, missing); err != nil {
		return err
	}
	var list []string
	for _, n := range l.names {
		list = append(list, l.columns[n].quoted+"::text")
	}
	switch {
	case r.platform.VersionColumn != "":
		list = append(list, l.columns[r.platform.VersionColumn].quoted+"::text")
	case !l.view:
		list = append(list, "t.xmin::text")
	default:
		list = append(list, "''")
	}
	if l.view {
		list = append(list, "''")
	} else {
		list = append(list, "t.xmin::text")
	}
	l.list = strings.Join(list, ", ")

	if r.platform.ChangeColumn == "" {
		return nil
	}
	c := l.columns[r.platform.ChangeColumn]
	switch {
	case strings.HasPrefix(c.typ, "timestamp"), c.typ == "date":
		l.change = timeClock
	case c.text:
		l.change = textClock
	case c.typ == "bigint", c.typ == "integer", c.typ == "numeric", c.typ == "smallint":
		l.change = countClock
	default:
		return connectors.NewTrouble("db_change_type", "where", r.at("change_column"), "column", r.platform.ChangeColumn, "type", c.typ)
	}
	return nil
}

// unlearn drops the layout after the database said that it has changed.
func (r *reader) unlearn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.layout = nil
}

// params are the casts of key parameters from $n on.
func (l *layout) params(names []string, n int) string {
	args := make([]string, len(names))
	for i, name := range names {
		args[i] = fmt.Sprintf("$%d::text::%s", n+i, l.columns[name].typ)
	}
	return strings.Join(args, ", ")
}
