package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"heji/connectors"
	"heji/schema"
)

// Pull makes one pass: the whole list, or what has changed.
func (r *reader) Pull(ctx context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
	var c *cursor
	if len(from) > 0 && string(from) != "null" {
		c = &cursor{}
		if err := json.Unmarshal(from, c); err != nil {
			return fmt.Errorf("%s: the stored resume point is not one of this kind: %w", r.platform.ID, err)
		}
	}
	start := r.now()
	full := c == nil || r.settings.List.SinceParam == "" || c.Since == "" ||
		r.settings.FullEvery > 0 && start.Sub(c.Full) >= r.settings.FullEvery.D()
	p := &pass{reader: r, start: start, emit: emit, full: full, next: &overlapped{reader: r, rows: map[string]string{}, times: map[string]string{}}}
	if full {
		return p.whole(ctx)
	}
	return p.changes(ctx, *c)
}

type pass struct {
	*reader
	start time.Time
	emit  func(connectors.Batch) error
	full  bool
	next  *overlapped
}

func (p *pass) batch(rows []connectors.Row, asOf time.Time) connectors.Batch {
	return connectors.Batch{Rows: rows, AsOf: asOf, Full: p.full, Source: p.settings.List.Path}
}

// maxWalks is how often a list that changes while it is read by page numbers is
// read again to catch what slipped from one page to another.
const maxWalks = 3

// whole reads the whole list. Only its last batch may say Complete, and only
// when the list was seen to be whole.
func (p *pass) whole(ctx context.Context) error {
	keyless := 0
	result, err := p.walks(ctx, "", nil, func(rows []connectors.Row, asked time.Time) error {
		for _, row := range rows {
			if row.Op == schema.OpDead {
				keyless++
			}
		}
		return p.emit(p.batch(rows, asked))
	})
	if err != nil {
		return err
	}
	// I1: a list that was not whole leaves no resume point: the next pass reads
	// all of it again, with what slipped through.
	next := p.next.cursor(p.start)
	// Who is missing was missing for the whole of the pass: its start, not the
	// last page's, so that a row made while we read is not taken for deleted.
	last := p.batch(nil, p.start)
	// A row without a key might be anybody's: then nobody is taken for deleted.
	last.Complete = result.whole && keyless == 0
	if last.Complete {
		last.Cursor = p.encode(next)
	}
	if err := p.emit(last); err != nil {
		return err
	}
	if result.whole && keyless > 0 {
		// The rows were read, though they prove nothing about who is missing: the
		// resume point stands by itself, outside the full read.
		if err := p.emit(connectors.Batch{AsOf: p.start, Cursor: p.encode(next), Source: p.settings.List.Path}); err != nil {
			return err
		}
		return connectors.NewTrouble("list_keyless", "where", p.platform.ID, "rows", strconv.Itoa(keyless), "path", p.settings.List.Path)
	}
	if result.declared >= 0 && result.declared != result.read {
		return connectors.NewTrouble("list_counts", "where", p.platform.ID, "path", p.settings.List.Path, "declared", strconv.Itoa(result.declared), "rows", strconv.Itoa(result.read))
	}
	return nil
}

// changes reads what has changed since the cursor, minus the overlap.
func (p *pass) changes(ctx context.Context, c cursor) error {
	p.next.since = c.Since
	moved := false
	result, err := p.walks(ctx, p.reader.start(c.Since), c.Seen, func(rows []connectors.Row, asked time.Time) error {
		moved = true
		b := p.batch(rows, asked)
		if p.settings.List.Paging == byTime {
			b.Cursor = p.encode(p.next.cursor(c.Full)) // everything before it was read
		}
		return p.emit(b)
	})
	if err != nil || !moved {
		return err
	}
	next := p.next.cursor(c.Full)
	if !result.whole {
		next.Since = c.Since // I1: what slipped through is read again
	}
	b := p.batch(nil, p.start)
	b.Cursor = p.encode(next)
	return p.emit(b)
}

// reading is what the walks through the list found out about it.
type reading struct {
	whole    bool // nothing slipped through
	declared int  // the platform's total; below 0: none, or it changed meanwhile
	read     int  // different rows
}

// walks goes through the list until it is certain that nothing slipped through,
// and gives take what is not in known.
func (p *pass) walks(ctx context.Context, since string, known map[string]string, take func([]connectors.Row, time.Time) error) (reading, error) {
	met := map[string]string{}
	for n := 1; ; n++ {
		w := &walk{reader: p.reader, since: since}
		fresh := 0
		err := w.run(ctx, func(found []sighting) error {
			var out []connectors.Row
			for _, s := range found {
				if known[s.id] == s.mark || met[s.id] == s.mark {
					continue
				}
				met[s.id] = s.mark
				out = append(out, s.row)
			}
			p.next.add(found)
			if len(out) == 0 {
				return nil
			}
			fresh += len(out)
			return take(out, w.asked)
		})
		if err != nil {
			return reading{}, err
		}
		result := reading{declared: w.total, read: len(w.seen)}
		if p.full && p.settings.List.Total != "" {
			result.whole = result.declared == result.read
			return result, nil
		}
		result.declared = -1
		// Numbered pages shift when a row appears or goes while we read. A page
		// that ends the list is the second one already.
		shifts := p.settings.List.Paging == byPage && w.count > 2
		result.whole = !shifts || n > 1 && fresh == 0
		if result.whole || n == maxWalks {
			return result, nil
		}
	}
}

func (r *reader) encode(c cursor) connectors.Cursor {
	data, err := json.Marshal(c)
	if err != nil {
		panic("rest: a cursor of strings and times cannot fail to encode: " + err.Error())
	}
	return data
}

// fingerprint tells two contents of one item apart. Objects marshal in the
// order of their names.
func fingerprint(item any) string {
	data, err := json.Marshal(item)
	if err != nil {
		panic("rest: parsed JSON cannot fail to encode: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
