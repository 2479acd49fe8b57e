package examine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/embedded/pgtest"
	"heji/services/store"
)

// TestCalm: it is not quiet while a row that somebody has just changed can be on
// its way: read by no pass, or read and not taken in.
func TestCalm(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	look := func(key string, pulled int, published, low int64) Signature {
		end := at(pulled)
		return Signature{Key: key, Platforms: []store.Platform{{ID: "floating", PulledAt: &end}},
			Stats: store.Stats{Platforms: map[string]*store.PlatformStats{"floating": {Published: published, Low: low}}}}
	}
	c := Calm{Settle: 700 * time.Millisecond}
	require.False(t, c.Add(look("a", 0, 10, 10), true, at(10)))
	require.False(t, c.Add(look("a", 900, 10, 10), true, at(910)), "that pass may have begun before the last change")
	require.False(t, c.Add(look("a", 900, 10, 10), true, at(1000)), "the same pass")
	require.False(t, c.Add(look("a", 1200, 12, 10), true, at(1210)), "it brought two rows")
	require.False(t, c.Add(look("a", 1500, 14, 11), true, at(1510)), "one of them is not taken in")
	require.True(t, c.Add(look("a", 1500, 14, 12), true, at(1520)), "what came later is no matter")

	c = Calm{Settle: 700 * time.Millisecond}
	require.False(t, c.Add(look("a", 0, 10, 10), true, at(10)))
	require.False(t, c.Add(look("a", 900, 10, 10), true, at(910)))
	require.False(t, c.Add(look("a", 1200, 10, 10), true, at(1210)))
	require.False(t, c.Add(look("b", 1200, 10, 10), true, at(1220)), "something moved")
	require.False(t, c.Add(look("b", 1300, 10, 10), true, at(1310)), "it begins anew, and so does settling")
	require.Equal(t, at(1220), c.Since)
	require.False(t, c.Add(look("b", 2000, 10, 10), true, at(2010)))
	require.False(t, c.Add(look("b", 2300, 10, 10), false, at(2310)), "something is due")
	require.False(t, c.Add(look("b", 2300, 10, 10), true, at(2320)))
	require.Equal(t, at(2320), c.Since)
}

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestAnEntryOnItsWayIsNotQuiet: where JetStream was out of reach for a moment, an
// entry is in no record yet, no position of it is published, and every platform
// ends one pass after the other.
func TestAnEntryOnItsWayIsNotQuiet(t *testing.T) {
	ctx := t.Context()
	st, err := store.Open(ctx, pgtest.DSN(t), 2)
	require.NoError(t, err)
	t.Cleanup(st.Close)
	require.NoError(t, st.RegisterPlatform(ctx, store.Platform{ID: "desk", Name: "desk", Kind: "desk", Class: schema.ClassB}))
	_, idle, err := Look(ctx, st)
	require.NoError(t, err)
	require.True(t, idle)
	_, _, err = st.SaveNew(ctx, "1", "王芳", schema.Values{schema.Name: "李卫国"})
	require.NoError(t, err)
	now, idle, err := Look(ctx, st)
	require.NoError(t, err)
	require.False(t, idle, "the entry is still to flow")
	require.Contains(t, now.Waiting(), "1 entries of the desk are not taken in")
	require.EqualValues(t, 1, now.Left())
}
