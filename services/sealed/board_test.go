package sealed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
)

// board is a department platform in memory: what is tested is the satellite, and
// real platforms would only be slower.
type board struct {
	id     string
	mu     sync.Mutex
	rows   map[string]map[string]string
	writes []connectors.Write
}

var boards sync.Map // *spec.Platform → *board; and world's suffix with id → *board

func newBoard(id, suffix string) *board {
	b := &board{id: id, rows: map[string]map[string]string{}}
	boards.Store(suffix+id, b)
	return b
}

// boardFor ties a platform's file to its board in one world: two worlds run at
// the same time with platforms of the same names.
func boardFor(p *spec.Platform, suffix string) {
	b, _ := boards.Load(suffix + p.ID)
	boards.Store(p, b)
}

func init() {
	connectors.Register("board", func(_ context.Context, p *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
		b, ok := boards.Load(p)
		if !ok {
			return nil, fmt.Errorf("no board for %s", p.ID)
		}
		return b.(*board), nil
	})
}

func (b *board) Check(context.Context) error { return nil }
func (b *board) Close() error                { return nil }
func (b *board) Conditional() bool           { return true }

func (b *board) Pull(_ context.Context, _ connectors.Cursor, emit func(connectors.Batch) error) error {
	at := time.Now()
	b.mu.Lock()
	var rows []connectors.Row
	for _, k := range slices.Sorted(maps.Keys(b.rows)) {
		rows = append(rows, connectors.Row{Key: k, Op: schema.OpPut, Columns: maps.Clone(b.rows[k])})
	}
	b.mu.Unlock()
	return emit(connectors.Batch{Rows: rows, AsOf: at, Full: true, Complete: true, Cursor: json.RawMessage(strconv.Quote(at.String()))})
}

func (b *board) Look(_ context.Context, q connectors.Query) ([]connectors.Row, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r, ok := b.rows[q.Key]; ok {
		return []connectors.Row{{Key: q.Key, Op: schema.OpPut, Columns: maps.Clone(r)}}, nil
	}
	return nil, nil
}

func (b *board) Push(_ context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []connectors.Outcome
	for _, w := range writes {
		o := connectors.Outcome{Intent: w.Intent, Status: connectors.Applied, Key: w.Key}
		row, ok := b.rows[w.Key]
		if !ok {
			o.Status = connectors.Gone
		}
		for c, v := range w.If {
			if row[c] != v {
				o.Status = connectors.Missed
			}
		}
		if o.Status == connectors.Applied {
			b.writes = append(b.writes, w)
			maps.Copy(row, w.Set)
		}
		out = append(out, o)
	}
	return out, nil
}

func (b *board) set(key string, columns map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rows[key] == nil {
		b.rows[key] = map[string]string{"id": key}
	}
	maps.Copy(b.rows[key], columns)
}

func (b *board) remove(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.rows, key)
}

func (b *board) shows(key, column string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rows[key][column]
}

func (b *board) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.writes)
}

// dump is what the platform shows, and what it received.
func (b *board) dump() (rows, writes string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var r, w []string
	for k, row := range b.rows {
		r = append(r, k+fmt.Sprint(row)) // fmt prints maps in order of their keys
	}
	for _, x := range b.writes {
		w = append(w, x.Key+fmt.Sprint(x.Set))
	}
	slices.Sort(r)
	slices.Sort(w)
	return strings.Join(r, "\n"), strings.Join(w, "\n")
}

// testLog shows what the satellite says where a test fails.
type testLog struct{ t interface{ Log(args ...any) } }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}
