package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors/conformance/live"
)

// liveChecks runs what an IT department can run against its own platform: the
// checks of package live must hold for every kind, and notice nothing that is
// not there.
func liveChecks(t *testing.T, b *bench) {
	b.Insert(t, people(0, 25)...)
	b.Publish(t)
	s := live.Subject{Name: "platform.yaml", File: []byte(b.yaml), Environment: b.h.Env, Dir: t.TempDir()}
	if !b.h.ReadOnly {
		s.Write, s.Probe, s.Key = true, true, person(7)[ID]
	}
	before, _ := b.Row(t, person(7)[ID])
	report := live.Run(context.Background(), s, nil)
	for _, r := range report.Results {
		require.NotEqual(t, live.Failed, r.Outcome, "%s: %s", r.Name, r.Note.En)
		require.NotContains(t, r.Note.En, Secret)
		t.Logf("%-14s %-6s %s", r.Name, r.Outcome, r.Note.En)
	}
	require.Equal(t, 25, report.Rows)
	require.True(t, report.OK())
	if !b.h.ReadOnly {
		b.Process(t)
		after, _ := b.Row(t, person(7)[ID])
		for _, column := range []string{Name, Phone, IDNo} {
			require.Equal(t, before[column], after[column], "the checks change nothing")
		}
	}
}
