package kafka

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/segmentio/kafka-go"

	"heji/connectors"
	"heji/connectors/internal/timefmt"
	"heji/schema"
)

// cursor says of each partition where to go on.
type cursor struct {
	Topic string        `json:"topic"`
	Next  map[int]int64 `json:"next"`
	// Full is when a compacted topic was last read whole.
	Full time.Time `json:"full,omitzero"`
}

func decodeCursor(from connectors.Cursor) (cursor, error) {
	var c cursor
	if len(from) == 0 || string(from) == "null" {
		return c, nil
	}
	if err := json.Unmarshal(from, &c); err != nil {
		return c, fmt.Errorf("the stored resume point is not one of this kind: %w", err)
	}
	return c, nil
}

func (c cursor) encode() connectors.Cursor {
	data, err := json.Marshal(c)
	if err != nil {
		panic("kafka: a cursor of numbers cannot fail to encode: " + err.Error())
	}
	return data
}

// stopped wraps an error of emit, so that it is told from the cluster's.
type stopped struct{ err error }

func (s stopped) Error() string { return s.err.Error() }
func (s stopped) Unwrap() error { return s.err }

// plan is what one pass reads.
type plan struct {
	parts  []kafka.Partition
	spans  map[int]span
	from   map[int]int64
	full   bool
	anew   bool             // the topic was made anew since the last pass
	missed []connectors.Row // messages that were deleted before they were read
	asOf   time.Time
}

// Pull makes one pass up to the offsets that are the last ones now.
func (r *reader) Pull(ctx context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
	c, err := decodeCursor(from)
	if err == nil {
		err = r.pull(ctx, c, emit)
	}
	var stop stopped
	if errors.As(err, &stop) {
		return stop.err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	return nil
}

func (r *reader) pull(ctx context.Context, c cursor, emit func(connectors.Batch) error) error {
	p, err := r.plan(ctx, c)
	if err != nil {
		return err
	}
	last, err := r.newest(ctx, p)
	if err != nil {
		return err
	}
	at := cursor{Topic: r.settings.Topic, Next: map[int]int64{}, Full: c.Full}
	for id, offset := range p.from {
		at.Next[id] = offset
	}
	if p.full {
		at.Full = p.asOf
	}
	page, lost := p.missed, 0
	give := func(b connectors.Batch) error {
		b.AsOf, b.Full, b.Source = p.asOf, p.full, r.settings.Topic
		if err := emit(b); err != nil {
			return stopped{err}
		}
		return nil
	}
	for _, part := range p.parts {
		err := r.client.scan(ctx, part, p.from[part.ID], p.spans[part.ID].last, func(m kafka.Message) error {
			row, keyless := r.row(m)
			if !keyless && last[keyOf(row.Key)] != (spot{part.ID, m.Offset}) {
				return nil // a later message says how the row is now
			}
			if keyless {
				lost++
			}
			if len(page) >= r.settings.Page {
				b := connectors.Batch{Rows: page}
				if !p.full {
					b.Cursor = at.encode()
				}
				if err := give(b); err != nil {
					return err
				}
				page = nil
			}
			page = append(page, row)
			at.Next[part.ID] = m.Offset + 1
			return nil
		})
		if err != nil {
			return err
		}
		at.Next[part.ID] = max(at.Next[part.ID], p.spans[part.ID].last)
	}
	if !p.full {
		if len(page) == 0 && string(at.encode()) == string(c.encode()) {
			return nil // nothing is new
		}
		return give(connectors.Batch{Rows: page, Cursor: at.encode()})
	}
	complete := lost == 0 && !p.anew
	b := connectors.Batch{Rows: page, Complete: complete}
	if complete {
		b.Cursor = at.encode()
	}
	if err := give(b); err != nil {
		return err
	}
	if complete {
		return nil
	}
	// Read, though it proves nothing about who is missing: the resume point stands
	// outside the full read.
	if err := emit(connectors.Batch{AsOf: p.asOf, Cursor: at.encode(), Source: r.settings.Topic}); err != nil {
		return stopped{err}
	}
	if lost > 0 {
		return connectors.NewTrouble("kafka_lost", "topic", r.settings.Topic, "rows", strconv.Itoa(lost))
	}
	return nil
}

// plan looks at what the topic holds, and says what this pass reads.
func (r *reader) plan(ctx context.Context, c cursor) (*plan, error) {
	s := r.settings
	p := &plan{asOf: r.now(), from: map[int]int64{}}
	var err error
	if p.parts, err = r.client.partitions(ctx, s.Topic); err != nil {
		return nil, err
	}
	if p.spans, err = r.client.spans(ctx, p.parts); err != nil {
		return nil, err
	}
	if c.Topic != s.Topic {
		c = cursor{} // another topic: its offsets mean nothing here
	}
	begun := len(c.Next) > 0
	gap := false
	holds := int64(0)
	for id, next := range c.Next {
		if sp, ok := p.spans[id]; !ok || next > sp.last {
			p.anew = true // offsets never go back in one and the same topic
		}
	}
	for _, part := range p.parts {
		sp := p.spans[part.ID]
		holds += sp.last - sp.first
		next, known := c.Next[part.ID]
		if !known || p.anew {
			next = sp.first
		}
		if next < sp.first {
			gap = true
			if !s.Compacted {
				p.missed = append(p.missed, connectors.Row{Op: schema.OpDead, Problem: schema.ProblemUnreadable,
					Place: fmt.Sprintf("%s/%d@%d to %d: deleted there before it was read", s.Topic, part.ID, next, sp.first-1)})
			}
			next = sp.first
		}
		p.from[part.ID] = next
	}
	if p.anew && holds == 0 {
		return nil, connectors.NewTrouble("topic_anew", "topic", s.Topic)
	}
	if s.Compacted && (!begun || p.anew || gap || p.asOf.Sub(c.Full) >= s.FullEvery.D()) {
		p.full, p.missed = true, nil
		for _, part := range p.parts {
			p.from[part.ID] = p.spans[part.ID].first
		}
	}
	return p, nil
}

// spot is where a message is.
type spot struct {
	partition int
	offset    int64
}

// keyOf stands for a row's key: of many millions of keys no two are alike.
func keyOf(key string) [16]byte {
	sum := sha256.Sum256([]byte(key))
	return [16]byte(sum[:16])
}

// newest finds the last message of each key in what a pass reads.
func (r *reader) newest(ctx context.Context, p *plan) (map[[16]byte]spot, error) {
	last := map[[16]byte]spot{}
	for _, part := range p.parts {
		err := r.client.scan(ctx, part, p.from[part.ID], p.spans[part.ID].last, func(m kafka.Message) error {
			if row, keyless := r.row(m); !keyless {
				last[keyOf(row.Key)] = spot{part.ID, m.Offset}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return last, nil
}

// row makes a row of a message. keyless: it is not certain whose row it is.
func (r *reader) row(m kafka.Message) (row connectors.Row, keyless bool) {
	row = connectors.Row{Op: schema.OpPut, Place: fmt.Sprintf("%s/%d@%d", r.settings.Topic, m.Partition, m.Offset)}
	key := keyText(m.Key)
	byMessage := len(r.platform.Key) == 1 && r.platform.Key[0] == keyColumn
	dead := func(problem schema.Problem) (connectors.Row, bool) {
		row.Op, row.Problem, row.Columns = schema.OpDead, problem, nil
		return row, row.Key == ""
	}
	if !utf8.ValidString(key) {
		return dead(schema.ProblemEncoding)
	}
	if byMessage || m.Value == nil {
		if problem := connectors.KeyProblem(key); problem != "" {
			return dead(problem)
		}
		row.Key = key
	}
	if m.Value == nil {
		row.Op = schema.OpDelete
		return row, false
	}
	if len(m.Value) > r.settings.MaxBytes {
		return dead(schema.ProblemTooLong)
	}
	if !utf8.Valid(m.Value) {
		return dead(schema.ProblemEncoding)
	}
	content, ok := object(m.Value)
	if !ok {
		return dead(schema.ProblemUnreadable)
	}
	row.Columns = map[string]string{keyColumn: key, timeColumn: strconv.FormatInt(m.Time.UnixMilli(), 10)}
	flatten(content, "", row.Columns)
	if !byMessage {
		parts := make([]string, len(r.platform.Key))
		for i, k := range r.platform.Key {
			parts[i] = strings.TrimSpace(row.Columns[k])
		}
		if problem := connectors.KeyProblem(parts...); problem != "" {
			return dead(problem)
		}
		row.Key = connectors.JoinKey(parts...)
	}
	r.dress(&row)
	return row, false
}

// dress fills in what the columns say about the row itself.
func (r *reader) dress(row *connectors.Row) {
	p := r.platform
	if p.TokenColumn != "" {
		row.Token = row.Columns[p.TokenColumn]
	}
	if p.VersionColumn != "" {
		row.RowVersion = row.Columns[p.VersionColumn]
	}
	if p.ChangeColumn != "" {
		format := p.ChangeFormat
		if p.ChangeColumn == timeColumn {
			format = "unix_ms"
		}
		if t, ok := timefmt.Parse(row.Columns[p.ChangeColumn], format, r.zone); ok {
			row.ChangedAt = t
		}
	}
	if f := r.settings.DeleteField; f != "" {
		for _, v := range r.settings.DeleteValue {
			if strings.TrimSpace(row.Columns[f]) == v {
				row.Op = schema.OpDelete
			}
		}
	}
}

// Confirm commits what is merged to the consumer group (I1).
func (r *reader) Confirm(ctx context.Context, merged connectors.Cursor) error {
	c, err := decodeCursor(merged)
	if err == nil && c.Topic == r.settings.Topic {
		err = r.client.commit(ctx, r.settings.Group, r.settings.Topic, c.Next)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.platform.ID, err)
	}
	return nil
}
