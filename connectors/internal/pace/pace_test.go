package pace

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/spec"
)

// A halt ends the wait for a rate limit at once, and refuses what comes after it,
// also where there is no limit. Other waits do not hear of it.
func TestHaltEndsTheWait(t *testing.T) {
	slow := New(&spec.Platform{Limits: spec.Limits{RowsPerSecond: 0.001}})
	require.NoError(t, slow.Wait(t.Context()), "the first row goes at once")
	halt, stop := context.WithCancel(t.Context())
	ctx := connectors.WithHalt(t.Context(), halt)
	done := make(chan error, 1)
	go func() { done <- slow.Wait(ctx) }()
	stop()
	require.ErrorIs(t, <-done, connectors.ErrHalted)
	var none *Limiter
	require.ErrorIs(t, none.Wait(ctx), connectors.ErrHalted)
	require.NoError(t, none.Wait(t.Context()))
}
