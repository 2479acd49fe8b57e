package table

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"heji/connectors"
	"heji/connectors/table/dialect"
	"heji/schema"
)

// brandLayout is what the database says about the table.
type brandLayout struct {
	rel     dialect.Relation
	from    string                    // quoted
	columns map[string]dialect.Column // by the file's name
	names   []string                  // the columns read, in order
	list    []string                  // their texts, then the row version and whether a value is too large
	change  clock
}

// discover reads the layout once.
func (r *brandReader) discover(ctx context.Context) (*brandLayout, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.layout != nil {
		return r.layout, nil
	}
	l, err := r.find(ctx, "connect.table", r.settings.Table, r.columns())
	if err != nil {
		return nil, err
	}
	if err := r.complete(l); err != nil {
		return nil, err
	}
	r.layout = l
	return l, nil
}

func (r *brandReader) unlearn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.layout, r.logLayout = nil, nil
}

// find looks a table up and the columns that the file names in it.
func (r *brandReader) find(ctx context.Context, key, table string, names []string) (*brandLayout, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.settings.Timeout.D(), errSlow)
	defer cancel()
	schemaName, name, ok := strings.Cut(table, ".")
	if !ok {
		schemaName, name = "", table
	}
	query, args := r.d.Find(schemaName, name)
	found, err := r.texts(ctx, r.db, query, args...)
	if err != nil {
		return nil, r.failed(ctx, "looking for the table", err)
	}
	if len(found) == 0 {
		return nil, r.notThere(key, table)
	}
	is := func(i int) bool { return found[0][i].String == "1" }
	l := &brandLayout{rel: dialect.Relation{Schema: found[0][0].String, Name: found[0][1].String, View: is(2), Updatable: is(3), Transactional: is(4), Snapshot: is(5)},
		columns: map[string]dialect.Column{}, names: names}
	l.from = r.d.Quote(l.rel.Schema) + "." + r.d.Quote(l.rel.Name)
	query, args = r.d.Columns(l.rel)
	found, err = r.texts(ctx, r.db, query, args...)
	if err != nil {
		return nil, r.failed(ctx, "reading its columns", err)
	}
	number := func(text string) int64 {
		n, _ := strconv.ParseInt(text, 10, 64) // no number: no limit is known
		return n
	}
	all := make([]dialect.Column, len(found))
	for i, t := range found {
		all[i] = r.d.Column(dialect.Described{Name: t[0].String, Type: t[1].String, Nullable: t[2].String == "1",
			Length: number(t[3].String), Precision: number(t[4].String), Scale: number(t[5].String)})
	}
	if names == nil { // somebody looks around
		for _, c := range all {
			l.names = append(l.names, c.Name)
			l.columns[c.Name] = c
		}
	}
	var missing []string
	for _, name := range names {
		// Where no name is the same, the one that differs in capitals only.
		at := slices.IndexFunc(all, func(c dialect.Column) bool { return c.Name == name })
		if at < 0 {
			at = slices.IndexFunc(all, func(c dialect.Column) bool { return strings.EqualFold(c.Name, name) })
		}
		if at < 0 {
			missing = append(missing, name)
			continue
		}
		l.columns[name] = all[at]
	}
	return l, r.lacks(table, missing)
}

// complete says how each column is read and how the change column counts.
func (r *brandReader) complete(l *brandLayout) error {
	p := r.platform
	for name, c := range l.columns {
		text := c.Kind == dialect.Text || c.Kind == dialect.LongText
		national := strings.HasPrefix(c.Type, "n") // nvarchar and the like are Unicode whatever the rest is
		c.Raw = r.settings.Encoding != "" && text && !national && name != p.ChangeColumn && !slices.Contains(p.Key, name)
		c.Change = name == p.ChangeColumn
		l.columns[name] = c
		if c.Kind == dialect.Other {
			return connectors.NewTrouble("db_column_type", "where", p.Source, "column", name, "type", c.Type)
		}
	}
	var large []string
	for _, name := range l.names {
		l.list = append(l.list, r.d.Text(l.columns[name]))
		if condition := r.d.Large(l.columns[name]); condition != "" {
			large = append(large, condition)
		}
	}
	version := "''"
	if p.VersionColumn != "" {
		version = r.d.Text(l.columns[p.VersionColumn])
	}
	tooLarge := "0"
	if len(large) > 0 {
		tooLarge = "CASE WHEN " + strings.Join(large, " OR ") + " THEN 1 ELSE 0 END"
	}
	l.list = append(l.list, version, tooLarge)
	if p.ChangeColumn == "" {
		return nil
	}
	switch c := l.columns[p.ChangeColumn]; c.Kind {
	case dialect.Time, dialect.Zoned, dialect.Date:
		l.change = timeClock
	case dialect.Text:
		l.change = textClock
	case dialect.Number, dialect.Version:
		l.change = countClock
	default:
		return connectors.NewTrouble("db_change_type", "where", r.at("change_column"), "column", p.ChangeColumn, "type", c.Type)
	}
	return nil
}

// texts asks a question whose answer is short.
func (r *brandReader) texts(ctx context.Context, q queryer, query string, args ...any) ([][]sql.NullString, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says whether all was read
	var out [][]sql.NullString
	for rows.Next() {
		t, err := scanTexts(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// read makes a row of the texts of the select list. NULL and an empty text are
// both blank: which one a platform uses says nothing about the person.
func (r *brandReader) read(l *brandLayout, texts []sql.NullString) sighting {
	columns := make(map[string]string, len(l.names))
	garbled := false
	for i, name := range l.names {
		text := texts[i].String
		if c := l.columns[name]; c.Raw || c.Kind == dialect.Bytes { // bytes must be text in what was declared, or in UTF-8
			var ok bool
			text, ok = decode(r.settings.Encoding, text)
			garbled = garbled || !ok
		}
		columns[name] = text
	}
	s := r.dress(columns, texts[len(l.names)].String)
	switch {
	case s.row.Op == schema.OpDead:
	case texts[len(l.names)+1].String == "1":
		// Not blank: a value that is not read must not look like one that is not there.
		s.row = r.dead(s.row.Key, schema.ProblemTooLong)
	case garbled:
		s.row = r.dead(s.row.Key, schema.ProblemEncoding)
	}
	return s
}

// query reads rows of the table.
func (r *brandReader) query(ctx context.Context, q queryer, doing string, l *brandLayout, s dialect.Select, args []any) ([]sighting, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.settings.Timeout.D(), errSlow)
	defer cancel()
	out, err := r.ask(ctx, q, l, s, args)
	if err != nil {
		return nil, r.failed(ctx, doing, err)
	}
	return out, nil
}

// ask is query with the driver's own error.
func (r *brandReader) ask(ctx context.Context, q queryer, l *brandLayout, s dialect.Select, args []any) ([]sighting, error) {
	s.List, s.From = l.list, l.from
	rows, err := q.QueryContext(ctx, r.d.Select(s), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says whether all was read
	in, err := scannerOf(rows)
	if err != nil {
		return nil, err
	}
	var out []sighting
	for rows.Next() {
		if err := rows.Scan(in.into...); err != nil {
			return nil, err
		}
		s := r.read(l, in.texts)
		s.mark = fingerprint(s.row.Columns)
		out = append(out, s)
	}
	return out, rows.Err()
}
