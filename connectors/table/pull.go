package table

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"heji/connectors"
)

// Pull makes one pass: a full read where there is no cursor yet, where one is
// due, or where the table tells no change times; otherwise what is new.
func (r *reader) Pull(ctx context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
	return r.named(ctx, r.pull(ctx, from, emit), r.Check)
}

func (r *reader) pull(ctx context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
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
		return r.pullLog(ctx, &pgLog{r, l}, c, full, emit)
	}
	if r.due(c, start) || l.change == noClock {
		return full()
	}
	current, clock, err := r.snapshot(ctx, r.pool, l)
	if err != nil {
		return err
	}
	_, then := c.Snapshot.bounds()
	_, now := current.bounds()
	if then > now {
		// The database is behind what it was: restored or replaced. Our position
		// in it means nothing any more.
		return full()
	}
	p := &pass{common: r.common, pages: &pgPages{r, l, current}, from: *c, clock: clock, start: start, emit: emit}
	if l.view {
		current = ""
	}
	return p.run(ctx, current)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// snapshot is what is visible now, and the server's clock, comparable with
// ChangedAt.
func (r *reader) snapshot(ctx context.Context, q querier, l *layout) (snapshot, time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.settings.Timeout.D(), errSlow)
	defer cancel()
	var s, local string
	var clock time.Time
	if err := q.QueryRow(ctx, "SELECT pg_current_snapshot()::text, clock_timestamp(), clock_timestamp()::timestamp::text").Scan(&s, &clock, &local); err != nil {
		return "", clock, r.failed(ctx, "beginning to read", err)
	}
	return snapshot(s), r.comparable(clock, local, strings.HasSuffix(l.columns[r.platform.ChangeColumn].typ, "with time zone")), nil
}

// full reads everything in one snapshot. Its batches carry no resume point
// until the last: half a full read proves nothing about what is gone.
func (r *reader) full(ctx context.Context, l *layout, start time.Time, emit func(connectors.Batch) error) error {
	ctx, stall := watch(ctx, r.settings.Timeout.D())
	defer stall.end()
	var place *logPlace
	if r.settings.Log.Table != "" { // before the snapshot: what comes in between is read twice
		var err error
		if place, err = r.logStart(ctx, &pgLog{r, l}); err != nil {
			return err
		}
	}
	tx, err := r.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return r.failed(ctx, "beginning a full read", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // read only: nothing to keep
	var declared int64
	if _, err = tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err == nil { // the watch takes its place
		err = tx.QueryRow(ctx, "SELECT count(*) FROM "+l.rel).Scan(&declared)
	}
	if err != nil {
		return r.failed(ctx, "counting the rows", err)
	}
	next, clock, err := r.position(ctx, l, tx)
	if err != nil {
		return err
	}
	next.Full, next.Log = start, place

	rows, err := tx.Query(ctx, "SELECT "+l.list+" FROM "+l.rel+" AS t")
	if err != nil {
		return r.failed(ctx, "reading the table", err)
	}
	defer rows.Close()
	w := &whole{common: r.common, start: start, emit: emit, stall: stall}
	for rows.Next() {
		s, err := r.scan(l, next.Snapshot, rows)
		if err != nil {
			return r.failed(ctx, "reading a row", err)
		}
		switch {
		case l.change == noClock || place != nil:
		case s.row.ChangedAt.After(clock):
			next.see(s)
		default:
			next.remember(s)
		}
		if err := w.add(s); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return r.failed(ctx, "reading the table", err)
	}
	return w.finish(declared, next)
}

// position is the last row in the order of the incremental passes, as this
// snapshot shows it, whose change time has come.
func (r *reader) position(ctx context.Context, l *layout, tx pgx.Tx) (cursor, time.Time, error) {
	var c cursor
	if l.change == noClock || r.settings.Log.Table != "" {
		return c, time.Time{}, nil
	}
	s, clock, err := r.snapshot(ctx, tx, l)
	if err != nil {
		return c, clock, err
	}
	if !l.view {
		c.Snapshot = s
	}
	col := l.columns[r.platform.ChangeColumn]
	keys := l.quotedKeys(r.platform.Key)
	latest := func(until string, args ...any) ([]string, error) {
		texts := make([]string, len(keys)+1)
		into := make([]any, len(texts))
		for i := range texts {
			into[i] = &texts[i]
		}
		err := tx.QueryRow(ctx, fmt.Sprintf("SELECT %[1]s::text, %[2]s::text FROM %[3]s AS t WHERE %[1]s IS NOT NULL AND %[4]s IS NOT NULL%[6]s ORDER BY %[1]s DESC, %[5]s DESC LIMIT 1",
			col.quoted, strings.Join(keys, "::text, "), l.rel, strings.Join(keys, " IS NOT NULL AND "), strings.Join(keys, " DESC, "), until), args...).Scan(into...)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, r.failed(ctx, "looking for the latest row", err)
		}
		return texts, nil
	}
	texts, err := latest("")
	if err == nil && texts != nil {
		if ceiling, ahead := r.ceiling(texts[0], clock); ahead {
			texts, err = latest(" AND "+col.quoted+" <= $1::text::"+col.typ, ceiling)
		}
	}
	if err != nil || texts == nil {
		return c, clock, err
	}
	c.Change, c.Key = &texts[0], texts[1:]
	return c, clock, nil
}

func (l *layout) quotedKeys(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = l.columns[n].quoted
	}
	return out
}
