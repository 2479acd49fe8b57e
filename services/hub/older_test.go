package hub_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/embedded"
	"heji/services/hub"
	"heji/services/store"
)

// A PostgreSQL that is put back to an older point under a running hub: it is
// noticed without a restart, nothing that Heji wrote since is evidence, nothing is
// written before a steward has opened the platforms, and work goes on.
func TestPostgresRestoredUnderARunningHub(t *testing.T) {
	dir, backup := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	start := func() *embedded.Postgres {
		pg, err := embedded.StartPostgres(context.WithoutCancel(t.Context()), embedded.Options{Dir: dir})
		require.NoError(t, err)
		return pg
	}
	pg := start()
	t.Cleanup(func() { require.NoError(t, pg.Stop()) })
	r := newRoadWith(t, "", receives, func(c *hub.Config) {
		c.DatabaseURL = pg.DSN(embedded.DefaultDatabase)
		c.Lease = 3 * time.Second
	})
	found, err := filepath.Glob(filepath.Join(dir, "pg*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	away := func(f func()) { // while the server is down
		require.NoError(t, pg.Stop())
		f()
		pg = start()
	}
	shut := func() (n int) {
		list, err := r.hub.Store.Platforms(r.ctx)
		if err != nil {
			return 0 // it was just away
		}
		for _, p := range list {
			if _, unopened := p.Restoration(); unopened {
				n++
			}
		}
		return n
	}
	// After a break the pool has broken connections, and workers wait a while.
	back := func() {
		r.until("the hub is back", func() bool { _, err := r.hub.Store.Stats(r.ctx); return err == nil })
	}

	r.gets.set("g1", with(zhang, "tel", "15400000011"))
	r.quiet()
	r.gives.set("a1", with(zhang, "tel", "15400000012"))
	r.quiet()
	r.live()
	r.until("the first write", func() bool { return r.gets.shows("g1", "tel") == "15400000012" })
	r.quiet()
	away(func() { r.copyOf(found[0], backup) })
	back()
	r.quiet()
	require.Zero(t, shut(), "a server that was only away has forgotten nothing")

	r.gives.set("a1", map[string]string{"tel": "15400000013"})
	r.until("the second write", func() bool { return r.gets.shows("g1", "tel") == "15400000013" })
	r.quiet()
	before, writes := r.gets.everything(), r.gets.count()
	away(func() {
		r.copyOf(backup, found[0])
		r.gives.set("a1", map[string]string{"tel": "15400000014"})
	})
	r.until("it is noticed", func() bool { return shut() == 2 })
	r.readWhole()
	r.read()
	require.Equal(t, before, r.gets.everything(), "nothing is written before a person has opened the platforms")
	g1, _, _ := r.row(r.getsID, "g1")
	require.Equal(t, "15400000011", g1.Own[schema.Phone], "what Heji wrote is no evidence")
	require.Equal(t, "15400000013", g1.Raw[schema.Phone])

	require.NoError(t, r.opened(r.getsID))
	require.NoError(t, r.opened(r.givesID()))
	r.until("work goes on", func() bool { return r.gets.shows("g1", "tel") == "15400000014" })
	r.quiet()
	require.Equal(t, writes+1, r.gets.count(), "nothing is repeated")
	require.Zero(t, shut())
}

// What was lost may be too short for a beat, as where a replica that lagged has
// taken over: the last write is missing, and nothing is decided.
func TestTheLastWriteIsMissing(t *testing.T) {
	r := newRoad(t, receives)
	r.gets.set("g1", with(zhang, "tel", "15400000011"))
	r.quiet() // which of the two is later is known only where one is read before the other is there
	r.gives.set("a1", with(zhang, "tel", "15400000012"))
	r.quiet()
	r.live()
	r.until("the first write", func() bool { return r.gets.shows("g1", "tel") == "15400000012" })
	r.quiet()
	db := r.database()
	_, err := db.Exec(r.ctx, `DELETE FROM intents`)
	require.NoError(t, err)
	r.gives.set("a1", map[string]string{"tel": "15400000013"})
	r.until("it is noticed", func() bool {
		list, err := r.hub.Store.Platforms(r.ctx)
		require.NoError(t, err)
		for _, p := range list {
			if _, unopened := p.Restoration(); unopened {
				return true
			}
		}
		return false
	})
	require.Equal(t, "15400000012", r.gets.shows("g1", "tel"))
}

// Beats only grow; a database that has forgotten some is older, until that is
// taken in.
func TestBeat(t *testing.T) {
	r := newRoad(t, "")
	st, err := store.Open(r.ctx, r.hub.DatabaseURL(), 2)
	require.NoError(t, err)
	defer st.Close()
	require.NoError(t, st.Beat(r.ctx))
	require.NoError(t, st.Beat(r.ctx))
	other, err := store.Open(r.ctx, r.hub.DatabaseURL(), 2)
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, other.Beat(r.ctx), "another process has its own memory of them")
	_, err = r.database().Exec(r.ctx, `UPDATE heartbeat SET beat = 0`)
	require.NoError(t, err)
	require.ErrorIs(t, st.Beat(r.ctx), store.ErrOlder)
	<-st.Older()
}
