package writeback

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/services/store"
)

// Only a pass that began after an outcome, and of which everything is taken in, can
// have been bound to show what became of the write.
func TestAPassMustHaveBegunAfterIt(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }
	read := func(fence int64, ended int, published, low int64) store.Reading {
		return store.Reading{Fence: fence, Ended: at(ended), Published: published, Low: low}
	}
	var c confirming
	no := time.Time{}
	for i, step := range []struct {
		now  store.Reading
		want time.Time
	}{
		{store.Reading{Fence: 1}, no}, // no pass has ended
		{read(1, 10, 5, 5), no},       // it may have begun before anything
		{read(1, 10, 5, 5), no},       // the same
		{read(1, 20, 9, 7), no},       // it began after 10, and two rows are on their way
		{read(1, 30, 12, 8), no},      //
		{read(1, 30, 12, 9), at(8)},   // what the pass that began after 10 told is taken in; the lag is two seconds
		{read(1, 30, 12, 12), no},     // said once
		{read(1, 40, 12, 12), at(28)}, // began after 30
		{read(2, 50, 3, 0), no},       // another run: nothing is known of its passes
		{read(2, 60, 3, 2), no},       //
		{read(3, 70, 1, 1), no},       // and another: what the one before told is told again
		{read(3, 80, 4, 4), at(68)},   //
	} {
		require.Equal(t, step.want, c.passed(step.now, 2*time.Second), "step %d", i)
	}
}
