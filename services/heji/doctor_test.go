package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/embedded/pgtest"
	"heji/services/registry"
	"heji/services/store"
)

// The doctor says that a platform is left alone, since when, and what to do.
func TestDoctorSaysWhatIsLeftAlone(t *testing.T) {
	ctx := t.Context()
	st, err := store.Open(ctx, pgtest.DSN(t), 2)
	require.NoError(t, err)
	defer st.Close()
	require.NoError(t, st.RegisterPlatform(ctx, store.Platform{ID: "clinic", Name: "卫生服务", Kind: "rest", Class: schema.ClassB, Writable: true}))
	said := func() string {
		var out strings.Builder
		(&doctorCommand{}).state(ctx, &checkup{out: &out}, st)
		return out.String()
	}
	require.NotContains(t, said(), "circuit")
	down := errors.New("502")
	require.NoError(t, st.WriteResult(ctx, "clinic", registry.Trouble(down, "502"), store.Circuit{Failures: 7, Tripped: true, Wait: time.Minute}))
	require.Regexp(t, `✗ clinic circuit: the last 7 calls in a row failed: since \S+ \S+ it is left alone, and tried with one row at`, said())
	require.NoError(t, st.WriteResult(ctx, "clinic", store.Trouble{}, store.Circuit{}))
	require.NotContains(t, said(), "circuit")
}
