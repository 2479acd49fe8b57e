package demo

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/deploy/demo/population"
)

// TestDemo is the whole road: Run returns nil only where everything that the
// demo promises holds (Report.verdict).
func TestDemo(t *testing.T) {
	x := reference.get(t)
	require.ElementsMatch(t, []string{"residents_true", "residents_found", "records", "unresolved", "pair_precision", "pair_recall",
		"reviews_open", "seconds_to_quiet", "records_per_second", "platforms", "echo_writes", "entries", "entries_saved"},
		slices.Collect(maps.Keys(x.report)))
	platforms := x.report["platforms"].(map[string]any)
	require.ElementsMatch(t, slices.Concat(population.Platforms, population.Sealed), slices.Collect(maps.Keys(platforms)))
	require.Len(t, platforms, 24)
	received := 0.0
	for id, p := range platforms {
		figures := p.(map[string]any)
		keys := []string{"kind", "department", "records", "writes_needed", "writes_received", "writes_repeated",
			"refused", "proposed", "contested", "pending", "differs"}
		if id == population.Mental { // of so few people, nobody
			require.Equal(t, true, figures["sealed"])
			continue
		}
		if id == population.Correction {
			keys = append(keys, "sealed", "attached")
			require.Equal(t, figures["records"], figures["attached"])
			require.Positive(t, figures["writes_received"])
		}
		require.ElementsMatch(t, keys, slices.Collect(maps.Keys(figures)), id)
		require.NotEmpty(t, figures["kind"], id)
		require.NotEmpty(t, figures["department"], id)
		require.Positive(t, figures["records"], id)
		received += figures["writes_received"].(float64)
	}
	require.Greater(t, received, 100.0, "a demo that writes nothing shows nothing")
	entries := x.report["entries"].(map[string]any)
	require.ElementsMatch(t, []string{"count", "p50_ms", "p99_ms"}, slices.Collect(maps.Keys(entries)))
	require.EqualValues(t, 20, entries["count"])
	require.Positive(t, entries["p50_ms"])
	require.EqualValues(t, testResidents, x.report["residents_true"])
	require.Positive(t, x.report["records_per_second"])
	require.Positive(t, x.report["seconds_to_quiet"])
	require.Positive(t, x.report["entries_saved"])
}

// TestNothingIsLost: I1, counted by position.
func TestNothingIsLost(t *testing.T) {
	reference.get(t)
	require.NotEmpty(t, reference.conservation)
	current := 0
	for _, c := range reference.conservation {
		require.Equal(t, c.Positions, c.Merged+c.Unchanged+c.Dead+c.Marks, "%+v", c)
		if c.Fence == reference.fences[c.Platform] {
			current++
			require.Equal(t, c.Published, c.Positions, "%+v", c)
			require.Positive(t, c.Positions, "%+v", c)
		}
	}
	require.Equal(t, len(population.Platforms)+1, current, "the platforms and the desk")
}
