package train

import (
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Blocks find the pairs that share a key which no more records hold than the
// cap allows.
func TestBlocksFindWhatSharesAKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.SliceOfN(rapid.Int64Range(0, 6), 0, 4), 1, 12).Draw(t, "keys")
		hot := rapid.IntRange(2, 6).Draw(t, "hot")
		b := newBlocks(len(keys), hot, func(dst []int64, i int) []int64 { return append(dst, keys[i]...) })
		holders := map[int64]int{}
		for _, list := range keys {
			list = slices.Clone(list)
			slices.Sort(list)
			for _, k := range slices.Compact(list) {
				holders[k]++
			}
		}
		for x := range keys {
			for y := range keys {
				if x == y {
					continue
				}
				var shared []int64
				for _, k := range keys[x] {
					if slices.Contains(keys[y], k) && holders[k] <= hot {
						shared = append(shared, k)
					}
				}
				got, ok := b.common(int32(x), int32(y))
				require.Equal(t, len(shared) > 0, ok)
				if ok {
					require.Equal(t, slices.Min(shared), got)
				}
			}
		}
		sum := 0.0
		for _, g := range b.groups() {
			require.Greater(t, len(g), 1)
			require.LessOrEqual(t, len(g), hot)
			sum += pairsOf(len(g))
		}
		require.Equal(t, sum, b.pairs)
	})
}

func TestDrawnIsAShare(t *testing.T) {
	const n = 400
	drawnPairs := 0
	for a := range int32(n) {
		for b := a + 1; b < n; b++ {
			if drawn(a, b, 7, 0.25) {
				drawnPairs++
			}
		}
	}
	require.InDelta(t, 0.25, float64(drawnPairs)/pairsOf(n), 0.01)
}

func TestAdjustments(t *testing.T) {
	f := adjustments(map[string]int{"smith": 64, "jones": 16, "rare": 5, "x": 1, "y": 1, "z": 2})
	// 89 records, Σ n² / Σ n = 4383/89 = 49.2; seldom ones: 6/4 = 1.5.
	require.Equal(t, 300, f.Others, "log2(49.2/1.5) is 5 bits, and too much for what may be slips")
	require.Equal(t, -40, f.Values["smith"])
	require.Equal(t, 160, f.Values["jones"])
	require.NotContains(t, f.Values, "rare", "as the others")
	require.NotContains(t, f.Values, "x")
	require.Zero(t, adjustments(nil).Others)

	// One value in a hundred records, all others hardly ever: 6.6 bits less.
	common := map[string]int{"everybody": 20_000}
	for i := range 198_000 {
		common[strconv.Itoa(i)] = 10
	}
	require.Equal(t, -600, adjustments(common).Values["everybody"])
}
