package table

import (
	"context"
	"fmt"
	"strings"
	"time"

	"heji/connectors"
	"heji/connectors/internal/timefmt"
	"heji/schema"
)

// pass is one incremental read.
type pass struct {
	*reader
	layout   *layout
	from     cursor
	snapshot snapshot
	start    time.Time
	emit     func(connectors.Batch) error

	next  cursor // where the pass has got to
	moved bool   // something was emitted that the stored cursor does not cover
}

// run reads first what slipped in behind the position, then what is beyond it.
// Only when the first part is whole may a cursor carry the new snapshot (I1).
func (p *pass) run(ctx context.Context) error {
	p.next = cursor{Change: p.from.Change, Key: p.from.Key, Full: p.from.Full}
	if !p.layout.view {
		p.next.Snapshot = p.snapshot
	}
	if err := p.late(ctx); err != nil {
		return err
	}
	for {
		// A row that changes while we page may come again on a later page: each
		// page is evidence for the time of its own question.
		p.start = p.now()
		found, err := p.beyond(ctx)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			break
		}
		p.advance(found[len(found)-1].row)
		rows := make([]connectors.Row, len(found))
		for i, s := range found {
			p.next.remember(s)
			rows[i] = s.row
		}
		p.moved = false
		if err := p.emit(p.batch(rows, true)); err != nil {
			return err
		}
		if len(found) < p.settings.Page {
			break
		}
	}
	if p.moved {
		return p.emit(p.batch(nil, true))
	}
	return nil
}

func (p *pass) batch(rows []connectors.Row, resume bool) connectors.Batch {
	b := connectors.Batch{Rows: rows, AsOf: p.start, Source: p.settings.Table}
	if resume {
		b.Cursor = p.next.encode()
	}
	return b
}

func (p *pass) advance(last connectors.Row) {
	text := last.Columns[p.platform.ChangeColumn]
	p.next.Change, p.next.Key = &text, p.keyTexts(last)
}

// beyond reads the next rows beyond the position.
func (p *pass) beyond(ctx context.Context) ([]sighting, error) {
	l := p.layout
	c := l.columns[p.platform.ChangeColumn]
	keys := strings.Join(l.quotedKeys(p.platform.Key), ", ")
	where, args := c.quoted+" IS NOT NULL", []any{}
	if p.next.Change != nil {
		where = fmt.Sprintf("(%s, %s) > ($1::text::%s, %s)", c.quoted, keys, c.typ, l.params(p.platform.Key, 2))
		args = append(append(args, *p.next.Change), anys(p.next.Key)...)
	}
	return p.query(ctx, fmt.Sprintf("SELECT %s FROM %s AS t WHERE %s ORDER BY %s, %s LIMIT %d", l.list, l.rel, where, c.quoted, keys, p.settings.Page), args)
}

// late emits what was committed behind the position since it was read.
func (p *pass) late(ctx context.Context) error {
	if err := p.untimed(ctx); err != nil {
		return err
	}
	if p.from.Change == nil {
		return nil
	}
	l := p.layout
	c := l.columns[p.platform.ChangeColumn]
	keys := strings.Join(l.quotedKeys(p.platform.Key), ", ")
	window, ok := p.window()
	if !ok {
		return fmt.Errorf("%s: the change time of the last row is not in the format %q; correct change_format: %w", p.platform.ID, p.platform.ChangeFormat, connectors.ErrLayout)
	}
	n := len(p.platform.Key)
	var place []any // change time and key of the last row of the page before
	for {
		// $1 is where the overlap begins, $2 and on the position.
		args := append([]any{window, *p.from.Change}, anys(p.from.Key)...)
		where := fmt.Sprintf("%s >= %s AND (%s, %s) <= ($2::text::%s, %s)", c.quoted, p.back("$1", c), c.quoted, keys, c.typ, l.params(p.platform.Key, 3))
		if place != nil {
			where += fmt.Sprintf(" AND (%s, %s) > ($%d::text::%s, %s)", c.quoted, keys, 3+n, c.typ, l.params(p.platform.Key, 4+n))
			args = append(args, place...)
		}
		where, args = p.maybeNew(where, args)
		found, err := p.query(ctx, fmt.Sprintf("SELECT %s FROM %s AS t WHERE %s ORDER BY %s, %s LIMIT %d", l.list, l.rel, where, c.quoted, keys, p.settings.Page), args)
		if err != nil || len(found) == 0 {
			return err
		}
		last := found[len(found)-1].row
		place = append([]any{last.Columns[p.platform.ChangeColumn]}, anys(p.keyTexts(last))...)
		if err := p.emitUnseen(found); err != nil {
			return err
		}
		if len(found) < p.settings.Page {
			return nil
		}
	}
}

// untimed emits new rows that have no change time or no key, which no keyset
// can find. Of a view, only a full read finds them.
func (p *pass) untimed(ctx context.Context) error {
	l := p.layout
	var without []string
	for _, name := range append([]string{p.platform.ChangeColumn}, p.platform.Key...) {
		if c := l.columns[name]; c.nullable {
			without = append(without, c.quoted+" IS NULL")
		}
	}
	if len(without) == 0 || l.view {
		return nil
	}
	place := "(0,0)"
	for {
		where, args := p.maybeNew("("+strings.Join(without, " OR ")+") AND t.ctid > $1::text::tid", []any{place})
		found, err := p.query(ctx, fmt.Sprintf("SELECT %s, t.ctid::text FROM %s AS t WHERE %s ORDER BY t.ctid LIMIT %d", l.list, l.rel, where, p.settings.Page), args)
		if err != nil || len(found) == 0 {
			return err
		}
		place = found[len(found)-1].place
		if err := p.emitUnseen(found); err != nil {
			return err
		}
		if len(found) < p.settings.Page {
			return nil
		}
	}
}

// emitUnseen leaves out what was read before in the same form.
func (p *pass) emitUnseen(found []sighting) error {
	var fresh []connectors.Row
	for _, s := range found {
		p.next.remember(s)
		if s.row.Op == schema.OpDead || p.from.Seen[s.row.Key] != s.mark {
			fresh = append(fresh, s.row)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	p.moved = true
	return p.emit(p.batch(fresh, false))
}

// maybeNew adds to a condition that a row's transaction was not certainly over
// when the stored snapshot was taken. Whether it was, only the list of seen rows
// can tell: a snapshot does not name the subtransactions that were open, so
// pg_visible_in_snapshot would lose what a savepoint wrote. The arithmetic gives
// the 32-bit xmin its upper bits back, as snapshot.restore does.
func (p *pass) maybeNew(where string, args []any) (string, []any) {
	if p.layout.view {
		return where, args
	}
	xmin, _ := p.from.Snapshot.bounds()
	_, next := p.snapshot.bounds()
	n := len(args) + 1
	where += fmt.Sprintf(` AND t.xmin::text::bigint + CASE
		WHEN t.xmin::text::bigint <= $%[1]d::text::bigint %% 4294967296 OR $%[1]d::text::bigint < 4294967296
		THEN $%[1]d::text::bigint - $%[1]d::text::bigint %% 4294967296
		ELSE $%[1]d::text::bigint - $%[1]d::text::bigint %% 4294967296 - 4294967296 END >= $%[2]d::text::bigint`, n, n+1)
	return where, append(args, fmt.Sprint(next), fmt.Sprint(xmin))
}

// window is the text from which back computes the start of the overlap.
func (p *pass) window() (string, bool) {
	if p.layout.change != textClock {
		return *p.from.Change, true
	}
	t, ok := timefmt.Parse(*p.from.Change, p.platform.ChangeFormat, p.zone)
	if !ok {
		return "", false
	}
	return timefmt.Format(t.Add(-p.settings.Overlap.D()), p.platform.ChangeFormat, *p.from.Change, p.zone)
}

// back is the SQL of the start of the overlap.
func (p *pass) back(param string, c column) string {
	switch p.layout.change {
	case timeClock:
		return fmt.Sprintf("(%s::text::%s - interval '%d milliseconds')::%s", param, c.typ, p.settings.Overlap.D().Milliseconds(), c.typ)
	case countClock:
		return fmt.Sprintf("(%s::text::numeric - %d)", param, countOverlap)
	}
	return param + "::text::" + c.typ
}

func (p *pass) query(ctx context.Context, sql string, args []any) ([]sighting, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.settings.Timeout.D(), errSlow)
	defer cancel()
	rows, err := p.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, p.failed(ctx, "reading what is new", err)
	}
	defer rows.Close()
	var out []sighting
	for rows.Next() {
		s, err := p.scan(p.layout, p.snapshot, rows)
		if err != nil {
			return nil, p.failed(ctx, "reading a row", err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		return nil, p.failed(ctx, "reading what is new", err)
	}
	return out, nil
}
