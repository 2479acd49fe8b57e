package conformance

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
)

// Life is a platform whose own clerks are at work, such as a simulator: it has its
// own columns, keys and rhythm, so that nothing is asked of it but what a hub asks,
// and what it shows itself is the truth.
type Life struct {
	// Open makes a fresh connector, as after a restart.
	Open func(t testing.TB) connectors.Connector
	// Keys are the keys of the rows that the platform shows now.
	Keys func(t testing.TB) []string
	// Bring carries in what only people can bring, before each read; nil: nothing.
	Bring func(t testing.TB, c connectors.Connector)

	base *pulled
}

// stops bounds at how many of a read's batches or resume points it is stopped: at
// the first ones, and at the last.
const stops = 4

// Begin reads everything twice, stops a whole read at its batches as a kill does,
// fails it and cancels it: each next one shows everybody, once.
func (l *Life) Begin(t *testing.T) {
	t.Helper()
	l.base = l.whole(t)
	again := l.whole(t)
	require.Equal(t, l.base.rows, again.rows, "two reads of a platform at rest agree")
	for key, n := range again.emitted { // a folder holds several exports, each of them whole
		require.LessOrEqual(t, n, again.wholes, "row %s was given out more than once", key)
	}
	l.stopMidway(t)

	halt, calls := errors.New("the stream is full"), 0
	err := l.Open(t).Pull(t.Context(), nil, func(connectors.Batch) error { calls++; return halt })
	require.ErrorIs(t, err, halt)
	require.Equal(t, 1, calls, "a pass ends with the first error of whoever takes it in")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = l.Open(t).Pull(ctx, nil, func(connectors.Batch) error { cancel(); return ctx.Err() })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, l.base.rows, l.whole(t).rows, "and nothing of that is lost")
}

// Changed reads what the platform's clerks have done since: by what is new, by what
// is new with a stop at each resume point, and whole. All three show the same.
func (l *Life) Changed(t *testing.T) {
	t.Helper()
	whole := l.published(t)
	from := l.base.last()
	c := l.Open(t)
	l.bring(t, c)
	got := pull(t, c, from, &pulled{rows: maps.Clone(l.base.rows)})
	cursors := got.cursors
	if !got.complete { // whoever is gone without a trace is found out by the next whole read
		for key, row := range whole.rows {
			require.Equal(t, row, got.rows[key], "row %s", key)
		}
		quiet := pull(t, c, got.last(), &pulled{rows: maps.Clone(got.rows)})
		require.Empty(t, quiet.emitted, "nothing has changed since, so nothing is given out")
		got = pull(t, c, nil, got)
	}
	require.Equal(t, whole.rows, got.rows)

	for stop := range cursors {
		if stop >= stops && stop < len(cursors)-1 {
			continue
		}
		got, at, seen, halt := &pulled{rows: maps.Clone(l.base.rows)}, from, 0, errors.New("stopped here")
		err := l.Open(t).Pull(t.Context(), from, func(b connectors.Batch) error {
			take(got, b)
			if b.Cursor == nil {
				return nil
			}
			at = b.Cursor
			if seen++; seen > stop {
				return halt
			}
			return nil
		})
		require.True(t, err == nil || errors.Is(err, halt), "unexpected: %v", err)
		got = pull(t, l.Open(t), at, got)
		if !got.complete {
			got = pull(t, l.Open(t), nil, got)
		}
		require.Equal(t, whole.rows, got.rows, "stopped after resume point %d of %d", stop+1, len(cursors))
	}
	l.base = whole
}

// stopMidway stops a whole read at its batches and wants the next one to end with
// everybody.
func (l *Life) stopMidway(t *testing.T) {
	t.Helper()
	batches := 0
	require.NoError(t, l.Open(t).Pull(t.Context(), nil, func(connectors.Batch) error { batches++; return nil }))
	for stop := range min(batches, stops) {
		got, at, n, halt := &pulled{rows: map[string]map[string]string{}}, connectors.Cursor(nil), 0, errors.New("stopped here")
		err := l.Open(t).Pull(t.Context(), nil, func(b connectors.Batch) error {
			if n++; n > stop {
				return halt
			}
			take(got, b)
			if b.Cursor != nil && (!b.Full || b.Complete) {
				at = b.Cursor
			}
			return nil
		})
		require.True(t, err == nil || errors.Is(err, halt), "unexpected: %v", err)
		require.Equal(t, l.base.rows, pull(t, l.Open(t), at, got).rows, "stopped at batch %d of %d", stop, batches)
	}
}

// take keeps what a batch shows.
func take(into *pulled, b connectors.Batch) {
	for _, row := range b.Rows {
		switch {
		case row.Key == "":
		case row.Columns == nil:
			delete(into.rows, row.Key)
		default:
			into.rows[row.Key] = maps.Clone(row.Columns)
		}
	}
}

// whole reads everything, and holds it against what the platform shows itself.
func (l *Life) whole(t *testing.T) *pulled {
	t.Helper()
	c := l.Open(t)
	l.bring(t, c)
	got := pull(t, c, nil, nil)
	require.True(t, got.complete, "a first read is known to be whole")
	require.ElementsMatch(t, l.Keys(t), slices.Collect(maps.Keys(got.rows)))
	return got
}

// published waits until the platform has put out what its clerks did: an extract
// comes when it comes.
func (l *Life) published(t *testing.T) *pulled {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		c := l.Open(t)
		l.bring(t, c)
		got := pull(t, c, nil, nil)
		there, keys := slices.Sorted(maps.Keys(got.rows)), l.Keys(t)
		slices.Sort(keys)
		if got.complete && slices.Equal(there, keys) && !maps.EqualFunc(got.rows, l.base.rows, maps.Equal[map[string]string]) {
			return got
		}
		select {
		case <-deadline:
			t.Fatalf("what the clerks did is never shown: %d rows are read, %d are there, whole: %v", len(there), len(keys), got.complete)
		case <-tick.C:
		}
	}
}

func (l *Life) bring(t *testing.T, c connectors.Connector) {
	if l.Bring != nil {
		l.Bring(t, c)
	}
}
