package merge

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/bus"
)

// I1: a line that cannot be read takes its position, once, and is dead. Without it
// the run would have a gap for good, and whoever reads would begin again for ever.
func TestAnUnreadableLineTakesItsPosition(t *testing.T) {
	w := newWorld(t)
	person := func() schema.Record {
		return w.message("alpha", "1", schema.OpPut, schema.Values{schema.Name: "欧阳沐辰"})
	}
	w.takeIn([]schema.Record{person()})
	lost := person()
	unreadable := bus.Poison{Stream: bus.RecordsStream, Subject: "records.alpha", Sequence: 9, Line: 2, Platform: "alpha",
		Version: lost.Version, Reason: "not JSON"}
	for range 2 { // it may come again
		require.NoError(t, w.service.poison(w.ctx, unreadable))
	}
	w.takeIn([]schema.Record{person()})
	_, low, err := w.store.MergedMark(w.ctx, "alpha", w.fence["alpha"])
	require.NoError(t, err)
	require.EqualValues(t, 3, low, "no gap")
	list, err := w.store.Conservations(w.ctx)
	require.NoError(t, err)
	dead := 0
	for _, c := range list {
		require.Equal(t, c.Positions, c.Merged+c.Unchanged+c.Dead+c.Marks, "%+v", c)
		dead += int(c.Dead)
	}
	require.Equal(t, 1, dead)
	aside, err := w.store.DeadRecords(w.ctx, "alpha", false, 9)
	require.NoError(t, err)
	require.Len(t, aside, 1)
	require.Equal(t, schema.ProblemUnreadable, aside[0].Problem)
	require.Equal(t, "line 2 of message 9 of records.alpha", aside[0].Place)

	// Of which nobody knows where it was: it is set aside all the same.
	unreadable.Version, unreadable.Sequence = schema.Version{}, 10
	require.NoError(t, w.service.poison(w.ctx, unreadable))
	aside, err = w.store.DeadRecords(w.ctx, "alpha", false, 9)
	require.NoError(t, err)
	require.Len(t, aside, 2)
}
