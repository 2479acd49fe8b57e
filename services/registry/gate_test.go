package registry

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
)

// After so many failures in a row of any kind it shuts; one call probes; a success
// opens it.
func TestGateTrips(t *testing.T) {
	now := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	g := NewGate(time.Minute)
	g.Now = func() time.Time { return now }
	g.Trip, g.Pause = 3, func(n int) time.Duration { return time.Duration(n) * time.Second }
	down := errors.New("no connection")
	for range 2 {
		g.Note(down)
		require.Zero(t, g.Closed())
		require.False(t, g.Tripped())
	}
	g.Note(nil)
	g.Note(down)
	require.Equal(t, 1, g.Failures(), "in a row")
	g.Note(down)
	g.Note(down)
	require.True(t, g.Tripped())
	require.Equal(t, 3*time.Second, g.Closed())
	now = now.Add(3 * time.Second)
	require.Zero(t, g.Closed())
	require.True(t, g.Tripped(), "what goes through now is a probe")
	g.Note(down)
	require.Equal(t, 4*time.Second, g.Closed())
	g.Note(connectors.NewTrouble("db_login"))
	require.Equal(t, time.Minute, g.Closed(), "the longer of the two")
	g.Note(nil)
	require.Zero(t, g.Closed())
	require.False(t, g.Tripped())
	require.Zero(t, g.Failures())
}

func TestGateWaitsLongerAndLonger(t *testing.T) {
	now := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	g := NewGate(time.Minute)
	g.Now = func() time.Time { return now }
	require.Zero(t, g.Closed(), "nothing has happened yet")
	wrong := fmt.Errorf("clinic: %w", connectors.NewTrouble("db_login"))

	tries := 0
	for end := now.Add(24 * time.Hour); now.Before(end); now = now.Add(g.Closed()) {
		g.Note(wrong)
		tries++
		want := []time.Duration{1, 2, 4, 8, 16, 32, 60}[min(tries-1, 6)] * time.Minute
		require.Equal(t, want, g.Closed(), "try %d", tries)
	}
	require.Less(t, tries, 32, "of a whole day")

	g.Note(wrong)
	g.Note(errors.New("no connection"))
	require.Equal(t, time.Hour, g.Closed(), "an answer of another kind opens nothing: it has not let us in")

	g.Open()
	require.Zero(t, g.Closed())
	g.Note(wrong)
	require.Equal(t, time.Minute, g.Closed(), "from the beginning")
	now = now.Add(time.Minute)
	require.Zero(t, g.Closed())
	g.Note(nil)
	g.Note(wrong)
	require.Equal(t, time.Minute, g.Closed(), "it had let us in between")
}
