package hub_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/audit"
	"heji/services/crypt"
	"heji/services/hub"
	"heji/services/store"
)

// A hub brings what happened into the chain before it ends, with the algorithms of
// the setting, and notes the head outside of the database; the next one goes on.
func TestHubNotesHeads(t *testing.T) {
	dir, dsn := t.TempDir(), pgtestDSN(t)
	heads := func() (out []audit.Head) {
		raw, err := os.ReadFile(filepath.Join(dir, hub.HeadsFile))
		require.NoError(t, err)
		for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
			_, text, _ := strings.Cut(line, " ")
			h, err := audit.ParseHead(text)
			require.NoError(t, err)
			out = append(out, h)
		}
		return out
	}
	for start, suite := range []crypt.Suite{crypt.International, crypt.SM} {
		h, err := hub.New(t.Context(), hub.Config{Dir: dir, DatabaseURL: dsn, Logger: slog.New(slog.DiscardHandler), Crypto: suite})
		require.NoError(t, err)
		require.NoError(t, h.Store.StopWrites(t.Context(), true))
		ctx, stop := context.WithCancel(t.Context())
		stop() // it is asked to end before it has begun
		require.NoError(t, h.Run(ctx))
		noted := heads()
		r, err := h.Store.VerifyAudit(t.Context(), noted)
		require.NoError(t, err)
		require.Zero(t, r.Waiting)
		require.Equal(t, r.Head, noted[len(noted)-1])
		require.Greater(t, len(noted), start)
		rows, err := h.Store.AuditRows(t.Context(), store.AuditQuery{Did: "writes.stop", Limit: 9})
		require.NoError(t, err)
		require.Equal(t, suite.Hash(), rows[start].Hash)
		require.NoError(t, h.Close())
	}
	_, err := hub.New(t.Context(), hub.Config{Dir: dir, DatabaseURL: dsn, Logger: slog.New(slog.DiscardHandler), Crypto: "md5"})
	require.ErrorContains(t, err, "neither")
}
