package table

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"heji/connectors"
	"heji/schema"
)

// logPlace is where a log table has been read to.
type logPlace struct {
	Seq int64 `json:"seq"`
	// Empty: the log was found empty. If a number that is not beyond Seq comes
	// then, it counts anew.
	Empty bool `json:"empty,omitempty"`
	// Gaps are numbers below Seq that were not there: given to a transaction that
	// had not committed, or to one that never will.
	Gaps []gap `json:"gaps,omitempty"`
}

// gap is a range of numbers, both ends in it, that was missing at Since.
type gap struct {
	From  int64     `json:"from"`
	To    int64     `json:"to"`
	Since time.Time `json:"since"`
}

const (
	// maxGaps bounds the list. Of too many, neighbours become one range: what lies
	// between is read again, nothing is lost.
	maxGaps = 200
	// logBack is how far below its end a log is searched for gaps when it is first
	// met.
	logBack = 10_000
)

// entry is one line of a log table.
type entry struct {
	seq  int64
	keys []string // texts of the changed row's key columns
}

// logBrand asks one brand for its log.
type logBrand interface {
	// ends are the first and the last number; false: the log is empty.
	ends(ctx context.Context) (low, high int64, err error)
	// entries are the first lines of the ranges, in order.
	entries(ctx context.Context, ranges []gap, limit int) ([]entry, error)
	// byKeys are the rows that are there, of those with the keys.
	byKeys(ctx context.Context, keys [][]string) ([]sighting, error)
}

// emptyLog is the end of a log without a line.
const emptyLog = math.MinInt64

// logStart is the place from which a log is read after a full read that begins
// now.
func (c *common) logStart(ctx context.Context, b logBrand) (*logPlace, error) {
	_, high, err := b.ends(ctx)
	if err != nil {
		return nil, err
	}
	if high == emptyLog {
		return &logPlace{Empty: true}, nil
	}
	p := &logPlace{Seq: max(0, high-logBack)}
	for p.Seq < high {
		lines, err := b.entries(ctx, []gap{{From: p.Seq + 1, To: high}}, logBack)
		if err != nil {
			return nil, err
		}
		if len(lines) == 0 {
			break
		}
		p.advance(lines, c.now())
	}
	p.Seq = max(p.Seq, high)
	return p, nil
}

// advance moves over lines beyond the place, and notes the numbers in between.
func (p *logPlace) advance(lines []entry, now time.Time) {
	for _, l := range lines {
		if l.seq > p.Seq+1 {
			p.Gaps = append(p.Gaps, gap{From: p.Seq + 1, To: l.seq - 1, Since: now})
		}
		p.Seq = max(p.Seq, l.seq)
	}
	p.bound()
}

// fill takes out numbers that have come.
func (p *logPlace) fill(lines []entry) {
	for _, l := range lines {
		for i, g := range p.Gaps {
			if l.seq < g.From || l.seq > g.To {
				continue
			}
			rest := p.Gaps[:i:i]
			if g.From < l.seq {
				rest = append(rest, gap{g.From, l.seq - 1, g.Since})
			}
			if l.seq < g.To {
				rest = append(rest, gap{l.seq + 1, g.To, g.Since})
			}
			p.Gaps = append(rest, p.Gaps[i+1:]...)
			break
		}
	}
	p.bound()
}

func (p *logPlace) bound() {
	for len(p.Gaps) > maxGaps {
		nearest := 0
		for i := range len(p.Gaps) - 1 {
			if p.Gaps[i+1].From-p.Gaps[i].To < p.Gaps[nearest+1].From-p.Gaps[nearest].To {
				nearest = i
			}
		}
		p.Gaps[nearest].To, p.Gaps[nearest].Since = p.Gaps[nearest+1].To, p.Gaps[nearest+1].Since
		p.Gaps = slices.Delete(p.Gaps, nearest+1, nearest+2)
	}
}

// pullLog makes one pass over a log table. Each changed row is asked for itself:
// what it shows now counts, not what the line says, so that no kind of operation
// needs to be known.
func (c *common) pullLog(ctx context.Context, b logBrand, from *cursor, full func() error, emit func(connectors.Batch) error) error {
	start := c.now()
	if c.due(from, start) || from.Log == nil {
		return full()
	}
	low, high, err := b.ends(ctx)
	if err != nil {
		return err
	}
	if high == emptyLog {
		if from.Log.Empty {
			return nil
		}
		place := *from.Log
		place.Empty = true
		return emit(connectors.Batch{AsOf: start, Source: c.settings.Table, Cursor: cursor{Full: from.Full, Log: &place}.encode()})
	}
	late := slices.ContainsFunc(from.Log.Gaps, func(g gap) bool { return g.From <= low && low <= g.To })
	anew := high < from.Log.Seq || from.Log.Empty && low <= from.Log.Seq && !late
	if anew || low > from.Log.Seq+1 {
		// The log counts anew, or was emptied beyond what was read: only all rows
		// can tell what has changed.
		return full()
	}
	next := cursor{Full: from.Full, Log: &logPlace{Seq: from.Log.Seq, Gaps: slices.Clone(from.Log.Gaps)}}
	moved, err := c.logGaps(ctx, b, next.Log, start, emit)
	if err != nil {
		return err
	}
	for {
		asOf := c.now()
		lines, err := b.entries(ctx, []gap{{From: next.Log.Seq + 1, To: math.MaxInt64}}, c.settings.Page)
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			break
		}
		rows, err := c.changed(ctx, b, lines)
		if err != nil {
			return err
		}
		next.Log.advance(lines, asOf)
		moved = false
		if err := emit(connectors.Batch{Rows: rows, AsOf: asOf, Source: c.settings.Table, Cursor: next.encode()}); err != nil {
			return err
		}
		if len(lines) < c.settings.Page {
			break
		}
	}
	if moved {
		return emit(connectors.Batch{AsOf: start, Source: c.settings.Table, Cursor: next.encode()})
	}
	return nil
}

// logGaps emits what was committed late, and forgets gaps that are older than any
// transaction of the platform. It reports whether the place has changed.
func (c *common) logGaps(ctx context.Context, b logBrand, p *logPlace, start time.Time, emit func(connectors.Batch) error) (moved bool, err error) {
	if len(p.Gaps) == 0 {
		return false, nil
	}
	old := func(g gap) bool { return start.Sub(g.Since) > c.settings.Overlap.D() }
	asked := slices.Clone(p.Gaps)
	for len(asked) > 0 {
		asOf := c.now()
		lines, err := b.entries(ctx, asked, c.settings.Page)
		if err != nil {
			return moved, err
		}
		if len(lines) == 0 {
			break
		}
		rows, err := c.changed(ctx, b, lines)
		if err != nil {
			return moved, err
		}
		p.fill(lines)
		moved = true
		if err := emit(connectors.Batch{Rows: rows, AsOf: asOf, Source: c.settings.Table}); err != nil {
			return moved, err
		}
		last := lines[len(lines)-1].seq
		asked = slices.DeleteFunc(slices.Clone(asked), func(g gap) bool { return g.To <= last })
		for i := range asked {
			asked[i].From = max(asked[i].From, last+1)
		}
	}
	if slices.ContainsFunc(p.Gaps, old) {
		moved = true
		p.Gaps = slices.DeleteFunc(p.Gaps, old)
	}
	return moved, nil
}

// changed are the rows that lines name, each once, as they are now. One that is
// not there any more was deleted.
func (c *common) changed(ctx context.Context, b logBrand, lines []entry) ([]connectors.Row, error) {
	var keys [][]string
	names := map[string]bool{}
	var order []string
	var rows []connectors.Row
	for _, l := range lines {
		parts := make([]string, len(l.keys))
		for i, text := range l.keys {
			parts[i] = c.restored(c.platform.Key[i], text)
		}
		if problem := connectors.KeyProblem(parts...); problem != "" {
			dead := c.dead("", problem)
			dead.Place = fmt.Sprintf("line %d of the log table %s", l.seq, c.settings.Log.Table)
			rows = append(rows, dead)
			continue
		}
		key := connectors.JoinKey(parts...)
		if !names[key] {
			names[key] = true
			order = append(order, key)
			keys = append(keys, l.keys)
		}
	}
	there := map[string]bool{}
	for chunk := range slices.Chunk(keys, 200) {
		found, err := b.byKeys(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			there[s.row.Key] = true
			rows = append(rows, s.row)
		}
	}
	for _, key := range order {
		if !there[key] {
			rows = append(rows, connectors.Row{Key: key, Op: schema.OpDelete, Columns: map[string]string{}})
		}
	}
	return rows, nil
}
