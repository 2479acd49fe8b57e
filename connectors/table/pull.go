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
	c, err := decodeCursor(from)
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	l, err := r.discover(ctx)
	if err != nil {
		return err
	}
	start := r.now()
	full := c == nil || l.change == noClock ||
		r.settings.FullEvery > 0 && start.Sub(c.Full) >= r.settings.FullEvery.D()
	if full {
		return r.full(ctx, l, start, emit)
	}
	current, err := r.snapshot(ctx, r.pool)
	if err != nil {
		return err
	}
	_, then := c.Snapshot.bounds()
	_, now := current.bounds()
	if then > now {
		// The database is behind what it was: restored or replaced. Our position
		// in it means nothing any more.
		return r.full(ctx, l, start, emit)
	}
	return (&pass{reader: r, layout: l, from: *c, snapshot: current, start: start, emit: emit}).run(ctx)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (r *reader) snapshot(ctx context.Context, q querier) (snapshot, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.settings.Timeout.D(), errSlow)
	defer cancel()
	var s string
	if err := q.QueryRow(ctx, "SELECT pg_current_snapshot()::text").Scan(&s); err != nil {
		return "", r.failed(ctx, "beginning to read", err)
	}
	return snapshot(s), nil
}

// full reads everything in one snapshot. Its batches carry no resume point
// until the last: half a full read proves nothing about what is gone.
func (r *reader) full(ctx context.Context, l *layout, start time.Time, emit func(connectors.Batch) error) error {
	ctx, stall := watch(ctx, r.settings.Timeout.D())
	defer stall.end()
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
	next, err := r.position(ctx, l, tx)
	if err != nil {
		return err
	}
	next.Full = start

	rows, err := tx.Query(ctx, "SELECT "+l.list+" FROM "+l.rel+" AS t")
	if err != nil {
		return r.failed(ctx, "reading the table", err)
	}
	defer rows.Close()
	batch := connectors.Batch{AsOf: start, Full: true, Source: r.settings.Table}
	var read int64
	for rows.Next() {
		s, err := r.scan(l, next.Snapshot, rows)
		if err != nil {
			return r.failed(ctx, "reading a row", err)
		}
		read++
		if l.change != noClock {
			next.remember(s)
		}
		// One page is held back, so that the last one can say that it is.
		if len(batch.Rows) == r.settings.Page {
			stall.pause()
			if err := emit(batch); err != nil {
				return err
			}
			batch.Rows = nil
		}
		batch.Rows = append(batch.Rows, s.row)
		stall.resume()
	}
	if err := rows.Err(); err != nil {
		return r.failed(ctx, "reading the table", err)
	}
	if read != declared {
		// Never Complete: rows that were not read would be taken for deleted.
		return fmt.Errorf("%s: the table %s was counted with %d rows but %d were read; nothing is taken for deleted: %w",
			r.platform.ID, r.settings.Table, declared, read, connectors.ErrLayout)
	}
	stall.pause()
	batch.Complete, batch.Cursor = true, next.encode()
	return emit(batch)
}

// remember keeps a row where the next pass could meet it again: written by a
// transaction that its snapshot does not put before all open ones, or read
// through a view.
func (c *cursor) remember(s sighting) {
	if xmin, _ := c.Snapshot.bounds(); s.xid >= xmin {
		c.see(s)
	}
}

// position is the last row in the order of the incremental passes, as this
// snapshot shows it.
func (r *reader) position(ctx context.Context, l *layout, tx pgx.Tx) (cursor, error) {
	var c cursor
	if l.change == noClock {
		return c, nil
	}
	if !l.view {
		s, err := r.snapshot(ctx, tx)
		if err != nil {
			return c, err
		}
		c.Snapshot = s
	}
	chg := l.columns[r.platform.ChangeColumn].quoted
	keys := l.quotedKeys(r.platform.Key)
	texts := make([]string, len(keys)+1)
	into := make([]any, len(texts))
	for i := range texts {
		into[i] = &texts[i]
	}
	err := tx.QueryRow(ctx, fmt.Sprintf("SELECT %[1]s::text, %[2]s::text FROM %[3]s AS t WHERE %[1]s IS NOT NULL AND %[4]s IS NOT NULL ORDER BY %[1]s DESC, %[5]s DESC LIMIT 1",
		chg, strings.Join(keys, "::text, "), l.rel, strings.Join(keys, " IS NOT NULL AND "), strings.Join(keys, " DESC, "))).Scan(into...)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return c, nil
	case err != nil:
		return c, r.failed(ctx, "looking for the latest row", err)
	}
	c.Change, c.Key = &texts[0], texts[1:]
	return c, nil
}

func (l *layout) quotedKeys(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = l.columns[n].quoted
	}
	return out
}
