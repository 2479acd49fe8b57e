package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
)

// Staller is a platform that a test can make so slow that it does not answer.
// waiting tells of each request that has arrived, release lets them be answered.
type Staller interface {
	Stall(t testing.TB) (waiting <-chan struct{}, release func())
}

// Latecomer is a platform whose change times are not always in order: a row
// appears with a change time that lies back, because another machine's clock is
// behind or a transaction took long.
type Latecomer interface {
	InsertLate(t testing.TB, back time.Duration, rows ...map[string]string)
}

// late: a row that appears with an older change time than what was read already
// is seen by the next pass, within the overlap.
func late(t *testing.T, b *bench) {
	p, ok := b.Platform.(Latecomer)
	if !ok || !b.h.Incremental {
		return
	}
	b.Insert(t, people(0, 10)...)
	b.Publish(t)
	c := b.open(t)
	got := pull(t, c, nil, nil)
	p.InsertLate(t, 30*time.Second, person(20), person(21))
	b.Publish(t)
	got = pull(t, c, got.last(), got)
	same(t, append(people(0, 10), person(20), person(21)), got)
	require.Len(t, got.emitted, 2, "and nobody is given out again")
	quiet := pull(t, c, got.last(), got)
	require.Empty(t, quiet.emitted)
}

// slow: whatever is asked of a platform that does not answer ends with its
// context.
func slow(t *testing.T, b *bench) {
	p, ok := b.Platform.(Staller)
	if !ok {
		return
	}
	b.Insert(t, people(0, 3)...)
	b.Publish(t)
	c := b.open(t)
	pull(t, c, nil, nil)
	waiting, release := p.Stall(t)
	defer release()
	calls := map[string]func(context.Context) error{
		"check": c.Check,
		"pull":  func(ctx context.Context) error { return c.Pull(ctx, nil, func(connectors.Batch) error { return nil }) },
	}
	if l, ok := c.(connectors.Looker); ok {
		calls["look"] = func(ctx context.Context) error {
			_, err := l.Look(ctx, connectors.Query{Key: person(0)[ID]})
			return err
		}
	}
	if w, ok := c.(connectors.Writer); ok && !b.h.Queued {
		calls["push"] = func(ctx context.Context) error {
			out, err := w.Push(ctx, []connectors.Write{update("i1", person(1), Phone, "13911112222")})
			if err != nil {
				return err
			}
			// What is not known is a doubt, what was never written may be done again.
			require.Contains(t, []connectors.Status{connectors.Busy, connectors.Doubt}, out[0].Status)
			return context.Canceled
		}
	}
	for name, call := range calls {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- call(ctx) }()
		select {
		case <-waiting:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s asked nothing", name)
		}
		cancel()
		select {
		case err := <-done:
			require.ErrorIs(t, err, context.Canceled, name)
		case <-time.After(10 * time.Second):
			t.Fatalf("%s did not end with its context", name)
		}
	}
}

// paced: no more writes in a second than the file allows.
func paced(t *testing.T, b *bench) {
	if !b.h.Paced {
		return
	}
	b.spec = b.parse(t, b.yaml+"\nlimits: {rows_per_second: 10}\n")
	c := b.writing(t)
	var writes []connectors.Write
	for n := range 18 {
		writes = append(writes, update(fmt.Sprint("i", n), person(n%5), Phone, fmt.Sprintf("139%08d", n)))
		writes[n].If = nil
	}
	start := time.Now()
	out, err := c.(connectors.Writer).Push(context.Background(), writes)
	require.NoError(t, err)
	for _, o := range out {
		require.Equal(t, connectors.Applied, o.Status, o.Reason)
	}
	// Ten at once, the other eight one every tenth of a second.
	require.GreaterOrEqual(t, time.Since(start), 700*time.Millisecond, "the platform was asked more often than it can bear")
}

// noSecrets: nothing that leaves the connector holds what it knows the platform by.
func noSecrets(t *testing.T, b *bench) {
	b.Insert(t, people(0, 9)...)
	b.Publish(t)
	c := b.open(t)
	require.NoError(t, c.Pull(context.Background(), nil, func(batch connectors.Batch) error {
		text, err := json.Marshal(batch)
		require.NoError(t, err)
		require.NotContains(t, string(text), Secret)
		return nil
	}))
	require.NotContains(t, fmt.Sprintf("%v", c.Check(context.Background())), Secret)
	if w, ok := c.(connectors.Writer); ok {
		out, err := w.Push(context.Background(), []connectors.Write{update("i1", person(1), Phone, "13911112222")})
		require.NoError(t, err)
		require.NotContains(t, fmt.Sprintf("%+v", out), Secret)
	}
}

// stopMidway stops a full read at each of its batches, as a kill does, and wants
// the next one to end with everybody.
func stopMidway(t *testing.T, b *bench) {
	all := people(0, 30)
	b.Insert(t, all...)
	b.Publish(t)
	batches := 0
	require.NoError(t, b.open(t).Pull(context.Background(), nil, func(connectors.Batch) error { batches++; return nil }))
	halt := errors.New("stopped here")
	for stop := range min(batches, 12) {
		got := &pulled{rows: map[string]map[string]string{}}
		var at connectors.Cursor
		n := 0
		err := b.open(t).Pull(context.Background(), nil, func(batch connectors.Batch) error {
			if n++; n > stop {
				return halt
			}
			for _, row := range batch.Rows {
				got.rows[row.Key] = maps.Clone(row.Columns)
			}
			if batch.Cursor != nil && (!batch.Full || batch.Complete) {
				at = batch.Cursor
			}
			return nil
		})
		require.True(t, err == nil || errors.Is(err, halt), "unexpected: %v", err)
		same(t, all, pull(t, b.open(t), at, got))
	}
}
