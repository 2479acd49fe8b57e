package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
)

// Run runs the whole suite against a kind.
func Run(t *testing.T, h Harness) {
	before := goleak.IgnoreCurrent()
	type test struct {
		name string
		run  func(*testing.T, *bench)
	}
	tests := []test{
		{"GoodSettingsPassCheck", goodSettings},
		{"BadSettingsAreSentences", badSettings},
		{"TwoReadsAgree", twoReads},
		{"EmptyPlatformIsComplete", emptyPlatform},
		{"EveryChangeIsSeen", everyChange},
		{"EqualTimesAreNeitherLostNorRepeated", equalTimes},
		{"AStopAtAnyCursorLosesNothing", stopAnywhere},
		{"AnErrorOfEmitEndsThePass", emitError},
		{"ACancelledContextReturns", cancelled},
		{"AHugeValueArrivesWhole", hugeValue},
		{"ChecksOfALivePlatformHold", liveChecks},
		{"ItsColumnsCanBeDescribed", described},
		{"AStopAtAnyBatchLosesNothing", stopMidway},
		{"ALateRowIsSeen", late},
		{"ASlowPlatformCanBeCancelled", slow},
		{"NothingThatLeavesHoldsASecret", noSecrets},
	}
	if h.ReadOnly {
		tests = append(tests, test{"ItCannotWrite", cannotWrite})
	} else {
		tests = append(tests, []test{
			{"WriteThenLook", writeThenLook},
			{"AWriteIsKnownAgain", knownAgain},
			{"AConditionThatMissesIsNoWrite", conditionMisses},
			{"ARefusalSaysWhichColumnAndWhy", refusal},
			{"ARowThatIsNotThereIsGone", gone},
			{"ACreateFindsItsNaturalKeyTaken", createTaken},
			{"TheRateIsKept", paced},
		}...)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, h.bench(t)) })
	}
	t.Run("NoGoroutineStays", func(t *testing.T) { goleak.VerifyNone(t, before) })
}

// pulled is what one or several passes showed.
type pulled struct {
	rows     map[string]map[string]string // by key; deleted rows are out
	emitted  map[string]int               // how often each key was given out
	dead     int
	complete bool
	wholes   int                 // how many complete reads the pass held
	cursors  []connectors.Cursor // every resume point, in order
}

func (p *pulled) last() connectors.Cursor {
	if len(p.cursors) == 0 {
		return nil
	}
	return p.cursors[len(p.cursors)-1]
}

// pull makes one pass and keeps what it shows on top of earlier passes.
func pull(t *testing.T, c connectors.Connector, from connectors.Cursor, into *pulled) *pulled {
	t.Helper()
	if into == nil {
		into = &pulled{rows: map[string]map[string]string{}}
	}
	into.emitted, into.complete, into.wholes, into.dead = map[string]int{}, false, 0, 0
	inFull := map[string]bool{}
	before := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, c.Pull(ctx, from, func(b connectors.Batch) error {
		require.False(t, b.AsOf.IsZero(), "every batch says what time it is evidence for")
		require.False(t, b.AsOf.After(before.Add(time.Minute)), "no batch is evidence for the future")
		require.False(t, b.Complete && !b.Full, "only a full read can be complete")
		for _, row := range b.Rows {
			switch row.Op {
			case schema.OpPut:
				require.NotEmpty(t, row.Key)
				into.rows[row.Key] = row.Columns
				into.emitted[row.Key]++
				inFull[row.Key] = true
			case schema.OpDelete:
				delete(into.rows, row.Key)
				into.emitted[row.Key]++
			case schema.OpDead:
				require.NotEmpty(t, row.Problem)
				require.NotEmpty(t, row.Place)
				into.dead++
			}
		}
		if b.Complete {
			into.complete = true
			into.wholes++
			for key := range into.rows {
				if !inFull[key] {
					delete(into.rows, key) // a complete read: what is not in it is gone
				}
			}
			clear(inFull) // a folder may hold the next one
		}
		if b.Cursor != nil {
			into.cursors = append(into.cursors, b.Cursor)
		}
		return nil
	}))
	return into
}

func person(n int) map[string]string {
	return map[string]string{ID: fmt.Sprintf("P%04d", n), Name: fmt.Sprintf("测试%d", n), Phone: fmt.Sprintf("1390000%04d", n), IDNo: fmt.Sprintf("N%04d", n)}
}

func people(from, to int) []map[string]string {
	var out []map[string]string
	for n := from; n < to; n++ {
		out = append(out, person(n))
	}
	return out
}

func with(row map[string]string, column, text string) map[string]string {
	row = maps.Clone(row)
	row[column] = text
	return row
}

func same(t *testing.T, want []map[string]string, got *pulled) {
	t.Helper()
	require.Len(t, got.rows, len(want))
	for _, row := range want {
		have, ok := got.rows[row[ID]]
		require.True(t, ok, "row %s is missing", row[ID])
		for column, text := range row {
			require.Equal(t, text, have[column], "column %s of row %s", column, row[ID])
		}
	}
}

func goodSettings(t *testing.T, b *bench) {
	b.Insert(t, people(0, 3)...)
	b.Publish(t)
	require.NoError(t, b.open(t).Check(context.Background()))
}

func badSettings(t *testing.T, b *bench) {
	b.Insert(t, people(0, 3)...)
	b.Publish(t)
	for _, bad := range b.h.Bad {
		t.Run(bad.Name, func(t *testing.T) {
			yaml := bad.YAML(b.yaml)
			require.NotEqual(t, b.yaml, yaml, "the test must change something")
			err := b.trouble(yaml)
			require.Error(t, err)
			require.Contains(t, err.Error(), bad.Says)
			require.Contains(t, err.Error(), "platform.yaml", "it says which file")
			require.NotContains(t, err.Error(), Secret)
		})
	}
}

// trouble is the first error on the way from a file to a checked connector. Its
// text must not hold the secret wherever it comes from.
func (b *bench) trouble(yaml string) error {
	p, err := spec.Parse("platform.yaml", []byte(yaml), b.h.Env)
	if err != nil {
		return err
	}
	c, err := connectors.Open(context.Background(), p, b.env)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err = c.Check(ctx)
	if err != nil && !strings.Contains(err.Error(), "platform.yaml") {
		err = fmt.Errorf("platform.yaml: %w", err) // a connection's error names the platform
	}
	return errors.Join(err, c.Close())
}

func twoReads(t *testing.T, b *bench) {
	all := people(0, 25)
	b.Insert(t, all...)
	b.Publish(t)
	first := pull(t, b.open(t), nil, nil)
	second := pull(t, b.open(t), nil, nil)
	same(t, all, first)
	require.True(t, first.complete)
	require.Equal(t, first.rows, second.rows)
	for key, n := range first.emitted {
		require.Equal(t, 1, n, "row %s was given out more than once", key)
	}
}

func emptyPlatform(t *testing.T, b *bench) {
	b.Publish(t)
	got := pull(t, b.open(t), nil, nil)
	require.Empty(t, got.rows)
	require.True(t, got.complete)
}

func everyChange(t *testing.T, b *bench) {
	all := people(0, 12)
	b.Insert(t, all...)
	b.Publish(t)
	c := b.open(t)
	got := pull(t, c, nil, nil)
	same(t, all, got)

	all[3] = with(all[3], Phone, "13900009999")
	b.Update(t, all[3])
	b.Insert(t, people(12, 15)...)
	all = append(all, people(12, 15)...)
	b.Delete(t, all[0][ID])
	b.Publish(t)
	got = pull(t, c, got.last(), got)
	if b.h.Incremental {
		require.LessOrEqual(t, len(got.emitted), 5, "an incremental pass gives out only what is new")
	}
	if !b.h.Vanishing {
		got = pull(t, c, nil, got) // the full read finds who is gone
	}
	same(t, all[1:], got)

	quiet := pull(t, c, got.last(), got)
	if b.h.Incremental {
		require.Empty(t, quiet.emitted, "nothing has changed, so nothing is given out")
	}
	same(t, all[1:], quiet)
}

func equalTimes(t *testing.T, b *bench) {
	if !b.h.Incremental {
		return
	}
	b.Insert(t, person(0))
	b.Publish(t)
	c := b.open(t)
	got := pull(t, c, nil, nil)
	many := people(1, 40) // one change time for all, several pages
	b.Insert(t, many...)
	b.Publish(t)
	got = pull(t, c, got.last(), got)
	same(t, append(many, person(0)), got)
	require.Len(t, got.emitted, len(many))
	for key, n := range got.emitted {
		require.Equal(t, 1, n, "row %s was given out more than once", key)
	}
}

// stopAnywhere stops after every cursor that a pass emits, starts again from it
// with a new connector, and wants to end with everything.
func stopAnywhere(t *testing.T, b *bench) {
	all := people(0, 10)
	b.Insert(t, all...)
	b.Publish(t)
	base := pull(t, b.open(t), nil, nil)
	from := base.last()
	for n := 10; n < 40; n += 3 { // several change times
		b.Insert(t, people(n, n+3)...)
		all = append(all, people(n, n+3)...)
	}
	b.Publish(t)
	whole := pull(t, b.open(t), from, nil)
	require.NotEmpty(t, whole.cursors)
	if b.h.MidCursors {
		require.Greater(t, len(whole.cursors), 1, "the pass can be resumed on its way")
	}
	for stop := range whole.cursors {
		got := &pulled{rows: maps.Clone(base.rows)}
		at, seen := from, 0
		halt := errors.New("stopped here")
		err := b.open(t).Pull(context.Background(), from, func(batch connectors.Batch) error {
			for _, row := range batch.Rows {
				got.rows[row.Key] = row.Columns
			}
			if batch.Cursor == nil {
				return nil
			}
			at = batch.Cursor
			if seen++; seen > stop {
				return halt
			}
			return nil
		})
		require.True(t, err == nil || errors.Is(err, halt), "unexpected: %v", err)
		got = pull(t, b.open(t), at, got)
		same(t, all, got)
	}
}

func emitError(t *testing.T, b *bench) {
	b.Insert(t, people(0, 20)...)
	b.Publish(t)
	halt := errors.New("the stream is full")
	calls := 0
	err := b.open(t).Pull(context.Background(), nil, func(connectors.Batch) error {
		calls++
		return halt
	})
	require.ErrorIs(t, err, halt)
	require.Equal(t, 1, calls)
	same(t, people(0, 20), pull(t, b.open(t), nil, nil))
}

func cancelled(t *testing.T, b *bench) {
	b.Insert(t, people(0, 30)...)
	b.Publish(t)
	c := b.open(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- c.Pull(ctx, nil, func(connectors.Batch) error {
			cancel()
			return ctx.Err()
		})
	}()
	select {
	case err := <-done:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(10 * time.Second):
		t.Fatal("a pull did not end with its context")
	}
	require.ErrorIs(t, c.Pull(ctx, nil, func(connectors.Batch) error { return nil }), context.Canceled)
}

// cannotWrite: a read-only platform has no way to write at all, so that nobody
// finds out only at the first write.
func cannotWrite(t *testing.T, b *bench) {
	_, ok := b.open(t).(connectors.Writer)
	require.False(t, ok)
}

// hugeValue: a connector judges no value; a megabyte is the mapping's to refuse.
func hugeValue(t *testing.T, b *bench) {
	length := 1 << 20 / 3
	if b.h.ShortCells {
		length = 32000
	}
	huge := with(person(1), Phone, strings.Repeat("长", length))
	b.Insert(t, person(0), huge, person(2))
	b.Publish(t)
	got := pull(t, b.open(t), nil, nil)
	same(t, []map[string]string{person(0), huge, person(2)}, got)
}
