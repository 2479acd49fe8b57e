package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
	"heji/services/hub"
	"heji/services/store"
)

// letterbox is a platform in memory that takes batches and answers later, and
// knows a batch that it was given before. Its wire breaks on demand.
type letterbox struct {
	mu     sync.Mutex
	broken int                // so many pushes end in doubt
	pushed []connectors.Write // each handing over
	left   []connectors.Outcome
}

var letterboxes sync.Map

func init() {
	connectors.Register("letterbox", func(_ context.Context, p *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
		b, _ := letterboxes.Load(p.ID)
		return b.(*letterbox), nil
	})
}

func (b *letterbox) Check(context.Context) error { return nil }
func (b *letterbox) Close() error                { return nil }

func (b *letterbox) Pull(_ context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
	if from != nil {
		return nil
	}
	return emit(connectors.Batch{AsOf: time.Now(), Full: true, Complete: true, Cursor: json.RawMessage(`1`),
		Rows: []connectors.Row{{Key: "g1", Op: schema.OpPut, Columns: with(zhang, "tel", "15400000001")}}})
}

func (b *letterbox) Push(_ context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []connectors.Outcome
	for _, w := range writes {
		b.pushed = append(b.pushed, w)
		o := connectors.Outcome{Intent: w.Intent, Status: connectors.Queued, Key: w.Key}
		if b.broken > 0 {
			o.Status, o.Reason = connectors.Doubt, "the connection broke"
		}
		out = append(out, o)
	}
	b.broken--
	return out, nil
}

func (b *letterbox) Acknowledged(context.Context) ([]connectors.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left, nil
}

func (b *letterbox) Release(context.Context, []connectors.Outcome) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = nil
	return nil
}

// A batch whose handing over broke off is handed over again under the same name
// with the same content, as often as it takes; never as a new one.
func TestBatchInDoubtIsTheSameBatch(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	name := fmt.Sprintf("%x", time.Now().UnixNano())
	box := &letterbox{broken: 2}
	r := &road{t: t, ctx: ctx, gives: &board{rows: map[string]map[string]string{}}, getsID: "box" + name}
	boards.Store("gives"+name, r.gives)
	letterboxes.Store(r.getsID, box)
	var specs []*spec.Platform
	for id, text := range map[string]string{"gives" + name: "kind: board\n", r.getsID: "kind: letterbox\nagreement:\n  receives: {phone: overwrite}\n"} {
		p, err := spec.Parse(id+".yaml", []byte("platform: "+id+"\nname: "+id+"\nclass: B\nconnect: {}\n"+fields+text), func(string) (string, bool) { return "", false })
		require.NoError(t, err)
		specs = append(specs, p)
	}
	h, err := hub.New(ctx, hub.Config{Dir: t.TempDir(), DatabaseURL: pgtestDSN(t), Specs: specs, Logger: slog.New(slog.DiscardHandler), MaxWait: 50 * time.Millisecond})
	require.NoError(t, err)
	r.hub = h
	done := make(chan error, 1)
	run, stop := context.WithCancel(ctx)
	go func() { done <- h.Run(run) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
		require.NoError(t, h.Close())
		cancel()
	})
	r.until("the first read", func() bool {
		st, err := h.Store.Stats(ctx)
		require.NoError(t, err)
		return st.Records == 1 && st.Unresolved == 0
	})
	r.gives.set("a1", with(zhang, "tel", "15400000002"))
	r.until("the second", func() bool {
		st, err := h.Store.Stats(ctx)
		require.NoError(t, err)
		return st.Records == 2 && st.Unresolved == 0
	})
	r.live()
	r.until("handed over", func() bool { return r.targets()[store.TargetQueued] == 1 })
	box.mu.Lock()
	require.Len(t, box.pushed, 3)
	for _, w := range box.pushed {
		require.Equal(t, box.pushed[0], w, "the same write, of the same batch")
	}
	box.left = []connectors.Outcome{{Intent: box.pushed[0].Intent, Status: connectors.Applied}}
	box.mu.Unlock()
	r.until("done", func() bool { return r.targets()[store.TargetGreen] == 1 })
}
