package stream

import (
	"log/slog"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEntries: what is measured arrives, once. How long it takes is the bench's to
// say, on a machine that it has for itself.
func TestEntries(t *testing.T) {
	dir, err := os.MkdirTemp("", "hb") // a short path, for sockets
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	rep, err := RunEntries(t.Context(), EntryOptions{Residents: 20_000, Entries: 4, Seed: 1, Dir: dir, Out: os.Stderr, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.Equal(t, 4, rep.Entries+rep.Waiting)
	require.Positive(t, rep.Entries)
	require.Positive(t, rep.P50)
	require.Zero(t, rep.Repeated)
}
