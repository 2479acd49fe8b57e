package linkage

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func closeHub(limits Limits, weights map[[2]string]int) *hub {
	return newHub(&toy{weight: weights, limits: limits}, "")
}

func TestCloseNamesTheOtherEndOfReviewEdges(t *testing.T) {
	t.Parallel()
	h := closeHub(plainLimits, map[[2]string]int{{"a", "b"}: 12, {"a", "a"}: 50})
	h.put(Item{Ref: person(1), F: toyFeatures("b", "", 1), Keys: []int64{1}})
	h.put(Item{Ref: person(1), F: toyFeatures("b", "", 1), Keys: []int64{1}})
	h.resolve([]int64{1})
	h.put(Item{Ref: person(2), F: toyFeatures("a", "", 1), Keys: []int64{1}})
	h.put(Item{Ref: person(3), F: toyFeatures("a", "", 1), Keys: []int64{1}})

	c, err := Close(h.scorer, h, []int64{2})
	require.NoError(t, err)
	require.Len(t, c.Components, 1)
	require.Equal(t, [][]int64{{2, 3}}, c.Components[0].Groups)
	require.Equal(t, []int64{2, 3}, c.Components[0].Changed, "3 was pulled in, and is resolved with 2")
	require.Equal(t, []RowEdge{{A: 1, B: 2, Weight: 12, Reason: BelowLink}, {A: 1, B: 3, Weight: 12, Reason: BelowLink}}, c.Components[0].Edges)
	require.Equal(t, []Outside{{ID: 1, Rev: 2}}, c.Components[0].Outside)
}

func TestCloseStopsForFlips(t *testing.T) {
	t.Parallel()
	limits := plainLimits
	limits.HotKey = 2
	h := closeHub(limits, nil)
	for i := range 3 {
		h.put(Item{Ref: person(i), F: toyFeatures("a", "", 1), Keys: []int64{7}})
	}
	c, err := Close(h.scorer, h, []int64{1})
	require.NoError(t, err)
	require.Equal(t, Closure{Flips: []Flip{{Key: 7, Hot: true}}}, c)

	h.resolve([]int64{1})
	require.True(t, h.hot[7])
	require.Equal(t, []int64{2, 3}, h.unresolved())
	h.remove(person(2))
	h.resolve([]int64{3})
	require.False(t, h.hot[7])
	require.Equal(t, []int64{1, 2}, h.unresolved(), "who was resolved while the key was hot is resolved again")
}

func TestCloseIgnoresWhatDoesNotExist(t *testing.T) {
	t.Parallel()
	h := closeHub(plainLimits, nil)
	c, err := Close(h.scorer, h, []int64{4711, 4711})
	require.NoError(t, err)
	require.Equal(t, Closure{}, c)
}

// failing answers one question with an error.
type failing struct {
	*hub
	lock, hot, look error
}

func (f failing) Lock(ids []int64) ([]Row, error) {
	if f.lock != nil {
		return nil, f.lock
	}
	return f.hub.Lock(ids)
}

func (f failing) Hot(count, others []int64) (HotState, error) {
	if f.hot != nil {
		return HotState{}, f.hot
	}
	return f.hub.Hot(count, others)
}

func (f failing) Look(q Look) (Found, error) {
	if f.look != nil {
		return Found{}, f.look
	}
	return f.hub.Look(q)
}

// The caller must see its own error: a lock that is not available is retried.
func TestCloseReturnsTheStoresError(t *testing.T) {
	t.Parallel()
	busy := errors.New("55P03")
	h := closeHub(plainLimits, nil)
	h.put(Item{Ref: person(1), F: toyFeatures("a", "", 1), Keys: []int64{1}})
	for _, n := range []failing{{hub: h, lock: busy}, {hub: h, hot: busy}, {hub: h, look: busy}} {
		_, err := Close(h.scorer, n, []int64{1})
		require.ErrorIs(t, err, busy)
	}
}
