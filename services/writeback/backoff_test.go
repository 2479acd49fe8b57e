package writeback

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBackoffGrowsAndSpreads(t *testing.T) {
	for attempts, longest := range map[int]time.Duration{
		0: 200 * time.Millisecond, 1: 400 * time.Millisecond, 5: 6400 * time.Millisecond, 9: time.Minute, 1000: time.Minute,
	} {
		waits := map[time.Duration]bool{}
		for range 100 {
			d := backoff(attempts)
			require.LessOrEqual(t, d, longest, "after %d attempts", attempts)
			require.GreaterOrEqual(t, d, longest*3/4, "after %d attempts", attempts)
			waits[d] = true
		}
		require.Greater(t, len(waits), 50, "rows turned away together after %d attempts would come back together", attempts)
	}
}
