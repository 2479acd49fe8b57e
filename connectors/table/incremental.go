package table

import (
	"context"
	"fmt"
	"strings"
)

// pgPages asks PostgreSQL.
type pgPages struct {
	*reader
	layout   *layout
	snapshot snapshot
}

// beyond reads the next rows beyond the position.
func (p *pgPages) beyond(ctx context.Context, change *string, at []string) ([]sighting, error) {
	l := p.layout
	c := l.columns[p.platform.ChangeColumn]
	keys := strings.Join(l.quotedKeys(p.platform.Key), ", ")
	where, args := c.quoted+" IS NOT NULL", []any{}
	if change != nil {
		where = fmt.Sprintf("(%s, %s) > ($1::text::%s, %s)", c.quoted, keys, c.typ, l.params(p.platform.Key, 2))
		args = append(append(args, *change), anys(at)...)
	}
	return p.query(ctx, fmt.Sprintf("SELECT %s FROM %s AS t WHERE %s ORDER BY %s, %s LIMIT %d", l.list, l.rel, where, c.quoted, keys, p.settings.Page), args)
}

// late emits what was committed behind the position since it was read.
func (p *pgPages) late(ctx context.Context, pass *pass) error {
	if err := p.untimed(ctx, pass); err != nil {
		return err
	}
	from := pass.from
	if from.Change == nil {
		return nil
	}
	l := p.layout
	c := l.columns[p.platform.ChangeColumn]
	keys := strings.Join(l.quotedKeys(p.platform.Key), ", ")
	window, err := p.window(*from.Change)
	if err != nil {
		return err
	}
	n := len(p.platform.Key)
	var place []any // change time and key of the last row of the page before
	for {
		// $1 is where the overlap begins, $2 and on the position.
		args := append([]any{window, *from.Change}, anys(from.Key)...)
		where := fmt.Sprintf("%s >= %s AND (%s, %s) <= ($2::text::%s, %s)", c.quoted, p.back("$1", c), c.quoted, keys, c.typ, l.params(p.platform.Key, 3))
		if place != nil {
			where += fmt.Sprintf(" AND (%s, %s) > ($%d::text::%s, %s)", c.quoted, keys, 3+n, c.typ, l.params(p.platform.Key, 4+n))
			args = append(args, place...)
		}
		where, args = p.maybeNew(from, where, args)
		found, err := p.query(ctx, fmt.Sprintf("SELECT %s FROM %s AS t WHERE %s ORDER BY %s, %s LIMIT %d", l.list, l.rel, where, c.quoted, keys, p.settings.Page), args)
		if err != nil || len(found) == 0 {
			return err
		}
		last := found[len(found)-1]
		place = append([]any{last.change}, anys(last.keys)...)
		if err := pass.emitUnseen(found); err != nil {
			return err
		}
		if len(found) < p.settings.Page {
			return nil
		}
	}
}

// untimed emits new rows that have no change time or no key, which no keyset
// can find. Of a view, only a full read finds them.
func (p *pgPages) untimed(ctx context.Context, pass *pass) error {
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
		where, args := p.maybeNew(pass.from, "("+strings.Join(without, " OR ")+") AND t.ctid > $1::text::tid", []any{place})
		found, err := p.query(ctx, fmt.Sprintf("SELECT %s, t.ctid::text FROM %s AS t WHERE %s ORDER BY t.ctid LIMIT %d", l.list, l.rel, where, p.settings.Page), args)
		if err != nil || len(found) == 0 {
			return err
		}
		place = found[len(found)-1].place
		if err := pass.emitUnseen(found); err != nil {
			return err
		}
		if len(found) < p.settings.Page {
			return nil
		}
	}
}

// maybeNew adds to a condition that a row's transaction was not certainly over
// when the stored snapshot was taken. Whether it was, only the list of seen rows
// can tell: a snapshot does not name the subtransactions that were open, so
// pg_visible_in_snapshot would lose what a savepoint wrote. The arithmetic gives
// the 32-bit xmin its upper bits back, as snapshot.restore does.
func (p *pgPages) maybeNew(from cursor, where string, args []any) (string, []any) {
	if p.layout.view {
		return where, args
	}
	xmin, _ := from.Snapshot.bounds()
	_, next := p.snapshot.bounds()
	n := len(args) + 1
	where += fmt.Sprintf(` AND t.xmin::text::bigint + CASE
		WHEN t.xmin::text::bigint <= $%[1]d::text::bigint %% 4294967296 OR $%[1]d::text::bigint < 4294967296
		THEN $%[1]d::text::bigint - $%[1]d::text::bigint %% 4294967296
		ELSE $%[1]d::text::bigint - $%[1]d::text::bigint %% 4294967296 - 4294967296 END >= $%[2]d::text::bigint`, n, n+1)
	return where, append(args, fmt.Sprint(next), fmt.Sprint(xmin))
}

// window is the text from which back computes the start of the overlap.
func (p *pgPages) window(change string) (string, error) {
	if p.counts() || p.layout.change == timeClock {
		return change, nil
	}
	return p.overlapStart(p.layout.change, change)
}

// counts reports whether the change column is a number that is no time.
func (p *pgPages) counts() bool {
	return p.layout.change == countClock && p.platform.ChangeFormat == ""
}

// back is the SQL of the start of the overlap.
func (p *pgPages) back(param string, c column) string {
	switch {
	case p.layout.change == timeClock:
		return fmt.Sprintf("(%s::text::%s - interval '%d milliseconds')::%s", param, c.typ, p.settings.Overlap.D().Milliseconds(), c.typ)
	case p.counts():
		return fmt.Sprintf("(%s::text::numeric - %d)", param, countOverlap)
	}
	return param + "::text::" + c.typ
}

func (p *pgPages) query(ctx context.Context, sql string, args []any) ([]sighting, error) {
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
