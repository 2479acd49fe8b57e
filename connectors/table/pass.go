package table

import (
	"context"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"heji/connectors"
	"heji/connectors/internal/timefmt"
	"heji/schema"
)

// pages asks one brand for the pages of an incremental read.
type pages interface {
	// late hands over, page by page, the rows that may have slipped in behind the
	// stored position.
	late(ctx context.Context, p *pass) error
	// beyond reads the next rows beyond a position.
	beyond(ctx context.Context, change *string, keys []string) ([]sighting, error)
}

// pass is one incremental read.
type pass struct {
	*common
	pages
	from  cursor
	clock time.Time // the server's clock when the pass began
	start time.Time
	emit  func(connectors.Batch) error

	next  cursor // where the pass has got to
	moved bool   // something was emitted that the stored cursor does not cover
}

// run reads first what slipped in behind the position, then what is beyond it.
// Only when the first part is whole may a cursor carry the new snapshot (I1).
func (p *pass) run(ctx context.Context, now snapshot) error {
	p.next = cursor{Change: p.from.Change, Key: p.from.Key, Full: p.from.Full, Snapshot: now}
	if err := p.late(ctx, p); err != nil {
		return err
	}
	change, keys := p.next.Change, p.next.Key
	for {
		// A row that changes while we page may come again on a later page: each
		// page is evidence for the time of its own question.
		p.start = p.now()
		found, err := p.beyond(ctx, change, keys)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			break
		}
		last := found[len(found)-1]
		change, keys = &last.change, last.keys
		ahead := p.ahead(found)
		if err := p.emitUnseen(found[ahead:]); err != nil { // first: the page's resume point carries them
			return err
		}
		if err := p.whole(found[:ahead]); err != nil {
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

// ahead is the index of the first row whose change time has not come yet. A
// clock that runs ahead, or a year that was mistyped, must not carry the
// position away from everybody else's changes (I1): such rows are given out, and
// met again by each pass until their time has come.
func (p *pass) ahead(found []sighting) int {
	for i, s := range found {
		if s.row.ChangedAt.After(p.clock) {
			return i
		}
	}
	return len(found)
}

// whole emits a page that ends in a resume point.
func (p *pass) whole(found []sighting) error {
	if len(found) == 0 {
		return nil
	}
	last := found[len(found)-1]
	p.next.Change, p.next.Key = &last.change, last.keys
	rows := make([]connectors.Row, len(found))
	for i, s := range found {
		p.next.remember(s)
		rows[i] = s.row
	}
	p.moved = false
	return p.emit(p.batch(rows, true))
}

func (p *pass) batch(rows []connectors.Row, resume bool) connectors.Batch {
	b := connectors.Batch{Rows: rows, AsOf: p.start, Source: p.settings.Table}
	if resume {
		b.Cursor = p.next.encode()
	}
	return b
}

// emitUnseen leaves out what was read before in the same form.
func (p *pass) emitUnseen(found []sighting) error {
	var fresh []connectors.Row
	for _, s := range found {
		p.next.see(s)
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

// overlapStart is the text from which rows may have been committed late: the
// position's change time less the overlap, in the change column's own form.
func (c *common) overlapStart(kind clock, change string) (string, error) {
	bad := fmt.Errorf("%s: the change time of the last row is not in the format %q; correct change_format: %w", c.platform.ID, c.platform.ChangeFormat, connectors.ErrLayout)
	if kind == countClock && c.platform.ChangeFormat == "" {
		n, ok := new(big.Rat).SetString(change)
		if !ok {
			return "", bad
		}
		return new(big.Rat).Sub(n, big.NewRat(countOverlap, 1)).FloatString(0), nil
	}
	t, ok := timefmt.Parse(change, c.platform.ChangeFormat, c.zone)
	if !ok {
		return "", bad
	}
	text, ok := timefmt.Format(t.Add(-c.settings.Overlap.D()), c.platform.ChangeFormat, change, c.zone)
	if !ok {
		return "", bad
	}
	return text, nil
}

// whole is a full read under way. Its batches carry no resume point until the
// last: half a full read proves nothing about what is gone.
type whole struct {
	*common
	start time.Time
	emit  func(connectors.Batch) error
	stall *stallWatch
	read  int64
	rows  []connectors.Row
}

// add takes a row. One page is held back, so that the last one can say that it
// is.
func (w *whole) add(s sighting) error {
	w.read++
	if len(w.rows) == w.settings.Page {
		w.stall.pause()
		if err := w.emit(connectors.Batch{AsOf: w.start, Full: true, Source: w.settings.Table, Rows: w.rows}); err != nil {
			return err
		}
		w.rows = nil
	}
	w.rows = append(w.rows, s.row)
	w.stall.resume()
	return nil
}

// finish ends a read that met as many rows as were counted.
func (w *whole) finish(declared int64, next cursor) error {
	if w.read != declared {
		// Never Complete: rows that were not read would be taken for deleted.
		return connectors.NewTrouble("db_counts", "platform", w.platform.ID, "table", w.settings.Table, "declared", strconv.FormatInt(declared, 10), "rows", strconv.FormatInt(w.read, 10))
	}
	w.stall.pause()
	return w.emit(connectors.Batch{AsOf: w.start, Full: true, Source: w.settings.Table, Rows: w.rows, Complete: true, Cursor: next.encode()})
}

// comparable is the server's clock as ChangedAt would have it. A time without a
// zone is compared with the server's own: whichever zone that is, it is the same.
func (c *common) comparable(clock time.Time, local string, zoned bool) time.Time {
	if format := c.platform.ChangeFormat; zoned || format == "unix" || format == "unix_ms" || strings.EqualFold(format, "rfc3339") {
		return clock
	}
	if t, ok := timefmt.Parse(local, "", c.zone); ok {
		return t
	}
	return clock
}

// ceiling is the clock in the form of a change time that it has not reached yet;
// false: it has.
func (c *common) ceiling(change string, clock time.Time) (string, bool) {
	t, ok := timefmt.Parse(change, c.platform.ChangeFormat, c.zone)
	if !ok || !t.After(clock) {
		return "", false
	}
	return timefmt.Format(clock, c.platform.ChangeFormat, change, c.zone)
}
