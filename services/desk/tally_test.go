package desk

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/services/store"
)

func TestTally(t *testing.T) {
	ctx := context.Background()
	counted, residents := make(chan struct{}, 10), int64(10)
	var wrong error
	count := func(context.Context) (store.Stats, error) {
		defer func() { counted <- struct{}{} }()
		return store.Stats{Residents: residents}, wrong
	}
	var all tally
	ask := func(want int64) {
		t.Helper()
		got, err := all.stats(ctx, count)
		require.NoError(t, err)
		require.Equal(t, want, got.Residents)
	}
	// A small store is counted for every page.
	for _, n := range []int64{10, 11, tallySmall + 1} {
		residents = n
		ask(n)
		<-counted
	}
	// A large one is not, for a moment,
	residents = tallySmall + 2
	ask(tallySmall + 1)
	require.Empty(t, counted)
	// then beside the pages,
	all.at = time.Now().Add(-tallyFresh - time.Second)
	ask(tallySmall + 1)
	<-counted
	require.Eventually(t, func() bool {
		all.mu.Lock()
		defer all.mu.Unlock()
		return !all.counting && all.last.Residents == tallySmall+2
	}, time.Minute, time.Millisecond)
	// and what is old is shown to nobody; an error is said, and changes nothing.
	all.at = time.Now().Add(-tallyOld - time.Second)
	wrong = errors.New("no database")
	_, err := all.stats(ctx, count)
	require.ErrorIs(t, err, wrong)
	<-counted
	wrong, residents = nil, tallySmall+3
	ask(tallySmall + 3)
}
