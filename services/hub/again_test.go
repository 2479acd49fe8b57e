package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/clock"
	"heji/services/hub"
	"heji/services/store"
)

// ticker is a platform that passes each change once, from a numbered list, and
// cannot be asked for anything. It tells what a write did before it answers.
type ticker struct {
	mu     sync.Mutex
	told   []connectors.Row // change n stands at n-1
	from   []int            // where each pass began
	passed *sync.Cond       // a pass has ended
	writes int              // that were answered
	after  string           // what a clerk makes of a phone before the write is answered
}

var tickers sync.Map // platform id → *ticker

func init() {
	connectors.Register("ticker", func(_ context.Context, p *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
		b, _ := tickers.Load(p.ID)
		return b.(*ticker), nil
	})
}

func (b *ticker) Check(context.Context) error { return nil }
func (b *ticker) Close() error                { return nil }

// tell adds a change. The caller holds the lock.
func (b *ticker) tell(key string, columns map[string]string) {
	row := map[string]string{}
	for _, old := range b.told {
		if old.Key == key {
			maps.Copy(row, old.Columns)
		}
	}
	maps.Copy(row, columns)
	b.told = append(b.told, connectors.Row{Key: key, Op: schema.OpPut, Columns: row})
}

func (b *ticker) Pull(_ context.Context, c connectors.Cursor, emit func(connectors.Batch) error) error {
	at, from := clock.Now(), 0
	if c != nil {
		if err := json.Unmarshal(c, &from); err != nil {
			return err
		}
	}
	b.mu.Lock()
	to := len(b.told)
	var rows []connectors.Row
	for i, row := range b.told[from:] { // of each row as it is now
		if !slices.ContainsFunc(b.told[from+i+1:], func(later connectors.Row) bool { return later.Key == row.Key }) {
			rows = append(rows, row)
		}
	}
	b.from = append(b.from, from)
	b.mu.Unlock()
	if len(rows) > 0 {
		if err := emit(connectors.Batch{Rows: rows, AsOf: at, Cursor: connectors.Cursor(strconv.Itoa(to))}); err != nil {
			return err
		}
	}
	b.mu.Lock()
	b.passed.Broadcast()
	b.mu.Unlock()
	return nil
}

// Push does what it is asked to, tells it, and answers only when that was read.
func (b *ticker) Push(_ context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []connectors.Outcome
	for _, w := range writes {
		b.tell(w.Key, w.Set)
		if b.after != "" {
			b.tell(w.Key, map[string]string{"tel": b.after})
		}
		out = append(out, connectors.Outcome{Intent: w.Intent, Status: connectors.Applied, Key: w.Key})
	}
	for n := len(b.from); len(b.from) < n+3; { // the first may have begun before, the second reads it, the third ends it
		b.passed.Wait()
	}
	b.writes += len(writes)
	return out, nil
}

func (b *ticker) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.writes
}

// A state that is read while the answer to our write is on its way is set aside.
// A platform that tells each change once does not tell it again: it is read again
// from before it, and then it counts.
func TestWhatWasSetAsideIsReadAgain(t *testing.T) {
	for name, c := range map[string]struct {
		after     string
		contested int64
		ahead     time.Duration // of PostgreSQL's clock is ours
	}{
		"what we wrote":                            {"", 0, 0},
		"what a clerk made of it":                  {"15400000009", 1, 0},
		"by a clock that is ahead of PostgreSQL's": {"15400000009", 1, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			clock.Skew(c.ahead)
			defer clock.Skew(0)
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			id := fmt.Sprintf("%x", time.Now().UnixNano())
			b := &ticker{after: c.after}
			b.passed = sync.NewCond(&b.mu)
			x := &road{t: t, ctx: ctx, gives: &board{rows: map[string]map[string]string{}}, getsID: "tells" + id}
			boards.Store("gives"+id, x.gives)
			tickers.Store(x.getsID, b)
			for i := range 5 { // what is not concerned
				b.tell(fmt.Sprintf("o%d", i), map[string]string{"id": fmt.Sprintf("o%d", i), "name": "司徒若愚", "born": fmt.Sprintf("1970010%d", i+1)})
			}
			b.tell("g1", with(zhang, "id", "g1", "tel", "15400000001"))
			var specs []*spec.Platform
			for platform, kind := range map[string]string{"gives" + id: "board", x.getsID: "ticker"} {
				text := "platform: " + platform + "\nname: " + platform + "\nkind: " + kind + "\nclass: B\nconnect: {}\n" + fields
				if kind == "ticker" {
					text += "agreement:\n  receives: {phone: overwrite}\n"
				}
				p, err := spec.Parse(platform+".yaml", []byte(text), func(string) (string, bool) { return "", false })
				require.NoError(t, err)
				specs = append(specs, p)
			}
			h, err := hub.New(ctx, hub.Config{Dir: t.TempDir(), DatabaseURL: pgtestDSN(t), Specs: specs, Logger: slog.New(slog.DiscardHandler), MaxWait: 50 * time.Millisecond})
			require.NoError(t, err)
			x.hub = h
			done := make(chan error, 1)
			run, stop := context.WithCancel(ctx)
			go func() { done <- h.Run(run) }()
			t.Cleanup(func() {
				stop()
				require.NoError(t, <-done)
				require.NoError(t, h.Close())
				cancel()
			})
			x.quiet()
			x.gives.set("a1", with(zhang, "tel", "15400000002"))
			x.quiet()
			x.live()
			x.until("nothing is set aside any more", func() bool {
				return b.count() == 1 && x.targets()[store.TargetContested] == c.contested && x.aside() == 0
			})

			// From before what was told, not from the beginning; and once.
			b.mu.Lock()
			defer b.mu.Unlock()
			again := 0
			for i, from := range b.from[1:] {
				if from < b.from[i] {
					require.Equal(t, 6, from)
					again++
				}
			}
			require.Equal(t, 1, again, "%v", b.from)
		})
	}
}

// aside counts the rows that are to be read again.
func (r *road) aside() int {
	n := 0
	require.NoError(r.t, r.hub.Store.EachAside(r.ctx, r.getsID, func(store.Aside) error { n++; return nil }))
	return n
}

// The same over a real topic: the platform tells the new state, Heji reads it,
// and only then the answer comes.
func TestKafkaTellsOnceBeforeItAnswers(t *testing.T) {
	x := newTopics(t, "")
	x.live()
	x.until("handed over", func() bool { return x.targets()[store.TargetQueued] == 1 })
	sent := x.changes()
	require.Len(t, sent, 1)
	x.say(&kgo.Record{Topic: "person", Key: []byte("k1"), Value: []byte(`{"name":"欧阳沐辰","idn":"190102198003070018","tel":"15400000009"}`)})
	x.until("read and set aside", func() bool { return x.aside() == 1 })
	x.answer(token(sent[0]))
	// A clerk has changed what we wrote: that is for a person, and it was told once.
	x.until("it counts", func() bool { return x.targets()[store.TargetContested] == 1 && x.aside() == 0 })
	require.Len(t, x.changes(), 1)
}
