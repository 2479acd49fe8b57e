package district_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors/conformance/live"
	"heji/deploy/demo/district"
)

// An IT clerk verifies every simulated platform with a row for trials: written,
// looked at, written again, a condition that misses, a value that is refused, and
// another value as the platform shows it. What is not tried says why, and whatever
// was tried, the platform shows at the end what it showed before.
func TestEveryPlatformIsVerifiedWithARowForTrials(t *testing.T) {
	t.Parallel()
	passed := map[string]int{}
	for id, m := range meet(t) {
		before, err := m.sim.Snapshot(t.Context())
		require.NoError(t, err)
		r := live.Run(t.Context(), live.Subject{Name: id + ".yaml", File: m.text, Environment: m.env, Dir: t.TempDir(),
			Write: true, Probe: true, AnyRow: true}, nil)
		for _, x := range r.Results {
			if x.Name == "Quiet" {
				continue // twenty-four simulators are at work in this process
			}
			require.NotEqual(t, live.Failed, x.Outcome, "%s %s: %s", id, x.Name, x.Note.En)
			if x.Outcome == live.Left {
				require.NotEmpty(t, x.Note.Zh, "%s %s", id, x.Name)
				require.NotEmpty(t, x.Note.En, "%s %s", id, x.Name)
			}
			switch x.Name {
			case "Write", "Repeat", "Condition", "Refused", "Rendition", "Quota":
				t.Logf("%-12s %-8s %-10s %-7s %s", id, r.Kind, x.Name, x.Outcome, x.Note.En)
				if x.Outcome == live.Passed {
					passed[x.Name+" "+r.Kind]++
				}
			}
		}
		after, err := m.sim.Snapshot(t.Context())
		require.NoError(t, err)
		require.Len(t, after, len(before), id)
		for _, f := range district.LayoutOf(id).Fields { // not its own clock
			for key, row := range before {
				require.Equal(t, f.Value(row), f.Value(after[key]), "%s %s", id, f.Fact)
			}
		}
	}
	require.Equal(t, 5, passed["Rendition rest"])
	require.Equal(t, 2, passed["Rendition soap"])
	for _, kind := range []string{"table", "rest", "soap"} {
		for _, check := range []string{"Write", "Repeat", "Rendition"} {
			require.NotZero(t, passed[check+" "+kind], "%s at no platform of kind %s", check, kind)
		}
	}
	require.NotZero(t, passed["Refused table"]+passed["Refused rest"]+passed["Refused soap"])
	require.NotZero(t, passed["Condition table"])
	require.Equal(t, 1, passed["Quota rest"], "one platform is asked person by person")
}
