package table

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"heji/connectors"
	"heji/connectors/internal/charset"
	"heji/connectors/table/dialect"
	"heji/schema"
)

// decode and encode convert between a raw column's bytes and text.
func decode(encoding, data string) (string, bool) { return charset.Decode(encoding, []byte(data)) }

// Pull makes one pass: a full read where there is no cursor yet, where one is
// due, or where the table tells no change times; otherwise what is new.
func (r *brandReader) Pull(ctx context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
	return r.named(ctx, r.pull(ctx, from, emit), r.Check)
}

func (r *brandReader) pull(ctx context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
	c, err := decodeCursor(from)
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	l, err := r.discover(ctx)
	if err != nil {
		return err
	}
	start := r.now()
	full := func() error { return r.full(ctx, l, start, emit) }
	if r.settings.Log.Table != "" {
		return r.pullLog(ctx, &brandLog{brandReader: r, layout: l}, c, full, emit)
	}
	if r.due(c, start) || l.change == noClock {
		return full()
	}
	clock, err := r.clock(ctx, r.db, l)
	if err != nil {
		return err
	}
	p := &pass{common: r.common, pages: &brandPages{r, l}, from: *c, clock: clock, start: start, emit: emit}
	return p.run(ctx, "")
}

// clock is the server's clock, comparable with ChangedAt.
func (r *brandReader) clock(ctx context.Context, q queryer, l *brandLayout) (time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.settings.Timeout.D(), errSlow)
	defer cancel()
	t, err := r.texts(ctx, q, r.d.Clock())
	if err != nil {
		return time.Time{}, r.failed(ctx, "beginning to read", err)
	}
	seconds, err := strconv.ParseFloat(t[0][0].String, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: the database does not tell its time: %w", r.platform.ID, connectors.ErrUnreachable)
	}
	return r.comparable(time.UnixMicro(int64(seconds*1e6)), t[0][1].String, l.columns[r.platform.ChangeColumn].Kind == dialect.Zoned), nil
}

// full reads everything, where the brand can in one snapshot; else it is counted
// before and after, and is complete only if nothing came or went.
func (r *brandReader) full(ctx context.Context, l *brandLayout, start time.Time, emit func(connectors.Batch) error) error {
	ctx, stall := watch(ctx, r.settings.Timeout.D())
	defer stall.end()
	var place *logPlace
	if r.settings.Log.Table != "" { // before the snapshot: what comes in between is read twice
		var err error
		if place, err = r.logStart(ctx, &brandLog{brandReader: r, layout: l}); err != nil {
			return err
		}
	}
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return r.failed(ctx, "connecting", err)
	}
	defer conn.Close() //nolint:errcheck // given back, or broken
	var q queryer = conn
	if l.rel.Snapshot {
		options, first := r.d.Snapshot()
		tx, err := conn.BeginTx(ctx, options)
		if err == nil && first != "" {
			_, err = tx.ExecContext(ctx, first)
		}
		if err != nil {
			return r.failed(ctx, "beginning a full read", err)
		}
		defer tx.Rollback() //nolint:errcheck // read only: nothing to keep
		q = tx
	}
	declared, err := r.count(ctx, q, l)
	if err != nil {
		return err
	}
	next, clock, err := r.position(ctx, q, l)
	if err != nil {
		return err
	}
	next.Full, next.Log = start, place
	fresh, args, err := r.fresh(l, next)
	if err != nil {
		return err
	}
	w := &whole{common: r.common, start: start, emit: emit, stall: stall}
	if err := r.each(ctx, q, l, fresh, args, stall, func(s sighting, late bool) error {
		if place == nil && (late || s.row.ChangedAt.After(clock)) {
			s.mark = fingerprint(s.row.Columns)
			next.see(s)
		}
		return w.add(s)
	}); err != nil {
		return err
	}
	if !l.rel.Snapshot {
		if declared, err = r.count(ctx, q, l); err != nil {
			return err
		}
	}
	return w.finish(declared, next)
}

func (r *brandReader) count(ctx context.Context, q queryer, l *brandLayout) (int64, error) {
	t, err := r.texts(ctx, q, "SELECT COUNT(*) FROM "+l.from)
	if err != nil {
		return 0, r.failed(ctx, "counting the rows", err)
	}
	n, err := strconv.ParseInt(t[0][0].String, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: counting the rows: the answer is no number: %w", r.platform.ID, connectors.ErrLayout)
	}
	return n, nil
}

// fresh is the item that says of each row of a full read whether the next pass
// will meet it again: 1, or 0.
func (r *brandReader) fresh(l *brandLayout, next cursor) (item string, args []any, err error) {
	if next.Change == nil {
		return "0", nil, nil
	}
	s := &brandStatement{d: r.d}
	condition, err := r.since(s, l, *next.Change)
	return "CASE WHEN " + condition + " THEN 1 ELSE 0 END", s.args, err
}

// each hands over every row.
func (r *brandReader) each(ctx context.Context, q queryer, l *brandLayout, item string, args []any, stall *stallWatch, add func(s sighting, late bool) error) error {
	rows, err := q.QueryContext(ctx, r.d.Select(dialect.Select{List: append(l.list[:len(l.list):len(l.list)], item), From: l.from}), args...)
	if err != nil {
		return r.failed(ctx, "reading the table", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says whether all was read
	in, err := scannerOf(rows)
	if err != nil {
		return r.failed(ctx, "reading the table", err)
	}
	for rows.Next() {
		if err := rows.Scan(in.into...); err != nil {
			return r.failed(ctx, "reading a row", err)
		}
		s, late := r.read(l, in.texts), in.texts[len(in.texts)-1].String == "1"
		if err := add(s, late); err != nil {
			stall.end() // or closing would read the rest of the table
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return r.failed(ctx, "reading the table", err)
	}
	stall.resume()
	return nil
}

// position is the last row in the order of the incremental passes whose change
// time has come, with the server's clock.
func (r *brandReader) position(ctx context.Context, q queryer, l *brandLayout) (cursor, time.Time, error) {
	var c cursor
	if l.change == noClock || r.settings.Log.Table != "" {
		return c, time.Time{}, nil
	}
	clock, err := r.clock(ctx, q, l)
	if err != nil {
		return c, clock, err
	}
	change := l.columns[r.platform.ChangeColumn]
	list, where, order := []string{r.d.Text(change)}, []string{r.name(change) + " IS NOT NULL"}, []string{r.name(change) + " DESC"}
	for _, k := range r.platform.Key {
		list = append(list, r.d.Text(l.columns[k]))
		where = append(where, r.name(l.columns[k])+" IS NOT NULL")
		order = append(order, r.name(l.columns[k])+" DESC")
	}
	latest := func(until ...any) ([]sql.NullString, error) {
		s := &brandStatement{d: r.d}
		conditions := where
		if len(until) > 0 {
			text := until[0].(string)
			conditions = append(where[:len(where):len(where)], r.name(change)+" <= "+r.d.Key(change, s.param(text), text))
		}
		found, err := r.texts(ctx, q, r.d.Select(dialect.Select{List: list, From: l.from, Where: strings.Join(conditions, " AND "), Order: strings.Join(order, ", "), Limit: 1}), s.args...)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		return found[0], nil
	}
	texts, err := latest()
	if err == nil && texts != nil {
		if ceiling, ahead := r.ceiling(texts[0].String, clock); ahead {
			texts, err = latest(ceiling)
		}
	}
	if err != nil {
		return c, clock, r.failed(ctx, "looking for the latest row", err)
	}
	if texts != nil {
		c.Change = &texts[0].String
		for _, t := range texts[1:] {
			c.Key = append(c.Key, t.String)
		}
	}
	return c, clock, nil
}

// name is the column of the alias t.
func (r *brandReader) name(c dialect.Column) string { return "t." + r.d.Quote(c.Name) }

// brandPages asks a brand.
type brandPages struct {
	*brandReader
	layout *brandLayout
}

// after is the condition "beyond the row with this change time and key", or, with
// until, "up to it". Not every brand compares rows of values.
func (p *brandPages) after(s *brandStatement, change string, keys []string, until bool) string {
	names := append([]string{p.platform.ChangeColumn}, p.platform.Key...)
	texts := append([]string{change}, keys...)
	greater := " > "
	if until {
		greater = " < "
	}
	var any []string
	for i := range names {
		var all []string
		for j := 0; j <= i; j++ {
			sign := " = "
			if j == i {
				sign = greater
				if until && i == len(names)-1 {
					sign = " <= "
				}
			}
			c := p.layout.columns[names[j]]
			all = append(all, p.name(c)+sign+p.d.Key(c, s.param(texts[j]), texts[j]))
		}
		any = append(any, "("+strings.Join(all, " AND ")+")")
	}
	return "(" + strings.Join(any, " OR ") + ")"
}

func (p *brandPages) order() string {
	names := []string{p.name(p.layout.columns[p.platform.ChangeColumn])}
	for _, k := range p.platform.Key {
		names = append(names, p.name(p.layout.columns[k]))
	}
	return strings.Join(names, ", ")
}

// beyond reads the next rows beyond the position. The lone comparison of the
// change column, which the others imply, is what an index serves.
func (p *brandPages) beyond(ctx context.Context, change *string, keys []string) ([]sighting, error) {
	c := p.layout.columns[p.platform.ChangeColumn]
	s := &brandStatement{d: p.d}
	where := p.name(c) + " IS NOT NULL"
	if change != nil {
		where = p.name(c) + " >= " + p.d.Key(c, s.param(*change), *change) + " AND " + p.after(s, *change, keys, false)
	}
	return p.query(ctx, p.db, "reading what is new", p.layout, dialect.Select{Where: where, Order: p.order(), Limit: p.settings.Page}, s.args)
}

// since is the condition that a row may have been committed late: its change time
// lies within the overlap before the position.
func (r *brandReader) since(s *brandStatement, l *brandLayout, change string) (string, error) {
	c := l.columns[r.platform.ChangeColumn]
	var start string
	var err error
	if c.Kind == dialect.Version {
		start, err = versionBack(change)
	} else {
		start, err = r.overlapStart(l.change, change)
	}
	if err != nil {
		return "", err
	}
	return r.name(c) + " >= " + r.d.Key(c, s.param(start), start), nil
}

// versionBack goes back from a row version in hexadecimal digits.
func versionBack(text string) (string, error) {
	n, ok := new(big.Int).SetString(text, 16)
	if !ok {
		return "", fmt.Errorf("the row version is no hexadecimal number: %w", connectors.ErrLayout)
	}
	n.Sub(n, big.NewInt(countOverlap))
	if n.Sign() < 0 {
		n.SetInt64(0)
	}
	return fmt.Sprintf("%016X", n), nil
}

// late hands over what lies within the overlap before the position and was not
// seen there.
func (p *brandPages) late(ctx context.Context, pass *pass) error {
	from := pass.from
	if from.Change == nil {
		return nil
	}
	var place *sighting // the last row of the page before
	for {
		s := &brandStatement{d: p.d}
		where, err := p.since(s, p.layout, *from.Change)
		if err != nil {
			return err
		}
		where += " AND " + p.after(s, *from.Change, from.Key, true)
		if place != nil {
			where += " AND " + p.after(s, place.change, place.keys, false)
		}
		found, err := p.query(ctx, p.db, "reading what is new", p.layout, dialect.Select{Where: where, Order: p.order(), Limit: p.settings.Page}, s.args)
		if err != nil || len(found) == 0 {
			return err
		}
		place = &found[len(found)-1]
		if err := pass.emitUnseen(found); err != nil {
			return err
		}
		if len(found) < p.settings.Page {
			return nil
		}
	}
}

// brandLog is the log table of a platform.
type brandLog struct {
	*brandReader
	layout *brandLayout // of the table that the log is about
}

// table is the layout of the log.
func (g *brandLog) table(ctx context.Context) (*brandLayout, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.logLayout != nil {
		return g.logLayout, nil
	}
	log := g.settings.Log
	l, err := g.find(ctx, "connect.log.table", log.Table, append([]string{log.Seq}, log.Key...))
	if err == nil && l.columns[log.Seq].Kind != dialect.Number {
		err = fmt.Errorf("%s: the column %s of the log table is of the type %s, which is no number: %w", g.at("connect.log.seq"), log.Seq, l.columns[log.Seq].Type, connectors.ErrLayout)
	}
	if err == nil {
		g.logLayout = l
	}
	return l, err
}

func (g *brandLog) ends(ctx context.Context) (low, high int64, err error) {
	l, err := g.table(ctx)
	if err != nil {
		return 0, 0, err
	}
	seq := g.d.Quote(l.columns[g.settings.Log.Seq].Name)
	t, err := g.texts(ctx, g.db, "SELECT MIN("+seq+"), MAX("+seq+") FROM "+l.from)
	if err != nil {
		return 0, 0, g.failed(ctx, "reading the log table", err)
	}
	if !t[0][0].Valid {
		return emptyLog, emptyLog, nil
	}
	low, err = strconv.ParseInt(t[0][0].String, 10, 64)
	high, worse := strconv.ParseInt(t[0][1].String, 10, 64)
	if err = errors.Join(err, worse); err != nil {
		err = fmt.Errorf("%s: connect.log.seq: %s holds numbers that are not whole: %w", g.at("connect.log.seq"), g.settings.Log.Seq, connectors.ErrLayout)
	}
	return low, high, err
}

func (g *brandLog) entries(ctx context.Context, ranges []gap, limit int) ([]entry, error) {
	l, err := g.table(ctx)
	if err != nil {
		return nil, err
	}
	seq := l.columns[g.settings.Log.Seq]
	list := []string{g.d.Text(seq)}
	for _, k := range g.settings.Log.Key {
		list = append(list, g.d.Text(l.columns[k]))
	}
	found, err := g.texts(ctx, g.db, g.d.Select(dialect.Select{List: list, From: l.from, Where: inRanges(g.name(seq), ranges), Order: g.name(seq), Limit: limit}))
	if err != nil {
		return nil, g.failed(ctx, "reading the log table", err)
	}
	out := make([]entry, len(found))
	for i, t := range found {
		if out[i].seq, err = strconv.ParseInt(t[0].String, 10, 64); err != nil {
			return nil, fmt.Errorf("%s: connect.log.seq: %s holds numbers that are not whole: %w", g.at("connect.log.seq"), seq.Name, connectors.ErrLayout)
		}
		for _, k := range t[1:] {
			out[i].keys = append(out[i].keys, k.String)
		}
	}
	return out, nil
}

func (g *brandLog) byKeys(ctx context.Context, keys [][]string) ([]sighting, error) {
	s := &brandStatement{d: g.d}
	var any []string
	for _, parts := range keys {
		any = append(any, "("+g.keyed(s, g.layout, parts)+")")
	}
	return g.query(ctx, g.db, "reading what has changed", g.layout, dialect.Select{Where: strings.Join(any, " OR ")}, s.args)
}

// Look returns rows as they are now. It takes the row's lock first, so that a
// write of ours whose connection broke is over before the answer (I5). A
// deleted row is not there.
func (w *brandWriter) Look(ctx context.Context, q connectors.Query) ([]connectors.Row, error) {
	l, err := w.discover(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 2*w.platform.Life(), errSlow)
	defer cancel()
	primary, err := w.flag(ctx, w.db, w.d.Primary())
	if err != nil {
		return nil, w.failed(ctx, "connecting", err)
	}
	if !primary {
		return nil, connectors.NewTrouble("db_lagging_copy", "platform", w.platform.ID)
	}
	write := connectors.Write{Key: q.Key, Natural: q.Natural}
	s, err := w.session(ctx, l, write, 2*w.platform.Life())
	if err != nil {
		return nil, w.failed(ctx, "waiting for an earlier write", err)
	}
	defer s.end(context.WithoutCancel(ctx))
	var found []sighting
	if q.Key != "" {
		found, err = w.byKey(ctx, s.tx, l, q.Key)
	} else {
		found, err = w.byNatural(ctx, s.tx, l, q.Natural)
	}
	if err != nil {
		return nil, w.failed(ctx, "looking for a row", err)
	}
	rows := living(found)
	if w.foreign(rows, q.Key, q.Natural) {
		return nil, w.otherRow()
	}
	return rows, nil
}

// living leaves out what cannot be used or is marked as deleted.
func living(found []sighting) []connectors.Row {
	var out []connectors.Row
	for _, s := range found {
		if s.row.Op == schema.OpPut {
			out = append(out, s.row)
		}
	}
	return out
}
