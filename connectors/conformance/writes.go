package conformance

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
)

// push writes and returns the final outcome, which of a queued kind is the
// acknowledgement.
func (b *bench) push(t *testing.T, c connectors.Connector, write connectors.Write) connectors.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := c.(connectors.Writer).Push(ctx, []connectors.Write{write})
	require.NoError(t, err)
	require.Len(t, out, 1)
	require.Equal(t, write.Intent, out[0].Intent)
	require.NotContains(t, out[0].Reason, Secret)
	if !b.h.Queued || out[0].Status != connectors.Queued {
		return out[0]
	}
	b.process(t, c)
	answers, err := c.(connectors.Acknowledger).Acknowledged(ctx)
	require.NoError(t, err)
	require.Len(t, answers, 1)
	again, err := c.(connectors.Acknowledger).Acknowledged(ctx)
	require.NoError(t, err)
	require.Equal(t, answers, again, "an answer comes again until it is released")
	require.NoError(t, c.(connectors.Acknowledger).Release(ctx, answers))
	none, err := c.(connectors.Acknowledger).Acknowledged(ctx)
	require.NoError(t, err)
	require.Empty(t, none)
	return answers[0]
}

func update(intent string, row map[string]string, column, text string) connectors.Write {
	return connectors.Write{Intent: intent, Batch: "b" + intent, Key: row[ID], Set: map[string]string{column: text}, If: map[string]string{column: row[column]}, Shown: row}
}

// writing opens a connector that can write, or ends the test: the kind cannot.
func (b *bench) writing(t *testing.T) connectors.Connector {
	t.Helper()
	b.Insert(t, people(0, 5)...)
	b.Publish(t)
	c := b.open(t)
	pull(t, c, nil, nil)
	_, ok := c.(connectors.Writer)
	require.True(t, ok, "the harness describes a platform that can be written")
	return c
}

func writeThenLook(t *testing.T, b *bench) {
	c := b.writing(t)
	out := b.push(t, c, update("i1", person(2), Phone, "13911112222"))
	require.Equal(t, connectors.Applied, out.Status, out.Reason)
	row, ok := b.Row(t, person(2)[ID])
	require.True(t, ok)
	require.Equal(t, "13911112222", row[Phone])
	require.Equal(t, person(2)[Name], row[Name], "nothing else was touched")
	if l, ok := c.(connectors.Looker); ok {
		rows, err := l.Look(context.Background(), connectors.Query{Key: person(2)[ID]})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Equal(t, "13911112222", rows[0].Columns[Phone])
		rows, err = l.Look(context.Background(), connectors.Query{Natural: map[string]string{IDNo: person(2)[IDNo]}})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Equal(t, person(2)[ID], rows[0].Key)
		rows, err = l.Look(context.Background(), connectors.Query{Key: "P9999"})
		require.NoError(t, err)
		require.Empty(t, rows)
	}
	b.Publish(t)
	got := pull(t, b.open(t), nil, nil)
	require.Equal(t, "13911112222", got.rows[person(2)[ID]][Phone])
}

// knownAgain: the same intent pushed again after a crash writes nothing new.
func knownAgain(t *testing.T, b *bench) {
	c := b.writing(t)
	write := update("i1", person(1), Phone, "13911113333")
	require.Equal(t, connectors.Applied, b.push(t, c, write).Status)
	done := b.Writes(t)
	c = b.open(t)
	again, err := c.(connectors.Writer).Push(context.Background(), []connectors.Write{write})
	require.NoError(t, err)
	b.process(t, c)
	if r, ok := c.(connectors.Repeater); !ok || !r.Repeats() {
		require.Equal(t, done, b.Writes(t), "the platform received the same write once")
	}
	if b.h.Batched {
		require.Equal(t, connectors.Queued, again[0].Status)
	}
	if b.h.Conditional && !b.h.Batched {
		require.Contains(t, []connectors.Status{connectors.Missed, connectors.Applied}, again[0].Status)
	}
	row, _ := b.Row(t, person(1)[ID])
	require.Equal(t, "13911113333", row[Phone])
}

func conditionMisses(t *testing.T, b *bench) {
	if !b.h.Conditional {
		return
	}
	c := b.writing(t)
	b.Update(t, with(person(3), Phone, "13900007777")) // a clerk was faster
	done := b.Writes(t)
	out := b.push(t, c, update("i1", person(3), Phone, "13911114444"))
	require.Equal(t, connectors.Missed, out.Status)
	require.Equal(t, done, b.Writes(t))
	row, _ := b.Row(t, person(3)[ID])
	require.Equal(t, "13900007777", row[Phone])
}

func refusal(t *testing.T, b *bench) {
	c := b.writing(t)
	long := strings.Repeat("长", 40)
	out := b.push(t, c, update("i1", person(4), Name, long))
	require.Equal(t, connectors.Refused, out.Status)
	if !b.h.Typed {
		require.Equal(t, Name, out.Column)
	}
	require.NotEmpty(t, out.Reason)
	require.NotContains(t, out.Reason, long, "I9")
	row, _ := b.Row(t, person(4)[ID])
	require.Equal(t, person(4)[Name], row[Name])
	// A bad row delays no other.
	require.Equal(t, connectors.Applied, b.push(t, c, update("i2", person(4), Phone, "13911115555")).Status)
}

func gone(t *testing.T, b *bench) {
	if b.h.Typed {
		return
	}
	c := b.writing(t)
	b.Delete(t, person(0)[ID])
	out := b.push(t, c, update("i1", person(0), Phone, "13911116666"))
	require.Equal(t, connectors.Gone, out.Status)
	_, there := b.Row(t, person(0)[ID])
	require.False(t, there, "a row that is gone is not made again")
}

func createTaken(t *testing.T, b *bench) {
	if b.h.Typed {
		return
	}
	c := b.writing(t)
	create := connectors.Write{Intent: "c1", Batch: "bc1", Natural: map[string]string{IDNo: "N7777"},
		Set: map[string]string{Name: "新来的", Phone: "13900001234", IDNo: "N7777"}}
	first := b.push(t, c, create)
	require.Equal(t, connectors.Applied, first.Status, first.Reason)
	require.NotEmpty(t, first.Key)
	row, ok := b.Row(t, first.Key)
	require.True(t, ok)
	require.Equal(t, "新来的", row[Name])

	create.Intent, create.Batch = "c2", "bc2"
	second := b.push(t, c, create)
	require.Equal(t, connectors.Exists, second.Status)
	require.Equal(t, first.Key, second.Key)
	if l, ok := c.(connectors.Looker); ok {
		rows, err := l.Look(context.Background(), connectors.Query{Natural: create.Natural})
		require.NoError(t, err)
		require.Len(t, rows, 1, "the same person was made once")
	}
}
