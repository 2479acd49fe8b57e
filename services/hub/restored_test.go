package hub_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/hub"
	"heji/services/lineage"
	"heji/services/store"
)

// newStoredRoad is a road whose hub has its own PostgreSQL in its data folder, so
// that a test can copy it while it is stopped and put an older one back.
func newStoredRoad(t *testing.T, agreement string) *road {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	name := fmt.Sprintf("%x", time.Now().UnixNano())
	r := &road{t: t, ctx: ctx, gives: &board{rows: map[string]map[string]string{}}, gets: &board{rows: map[string]map[string]string{}}, getsID: "gets" + name, dir: t.TempDir()}
	boards.Store("gives"+name, r.gives)
	boards.Store(r.getsID, r.gets)
	for id, more := range map[string]string{"gives" + name: "", r.getsID: agreement} {
		p, err := spec.Parse(id+".yaml", []byte("platform: "+id+"\nname: "+id+"\ndepartment: 测试\nkind: board\nclass: B\nconnect: {}\n"+fields+more),
			func(string) (string, bool) { return "", false })
		require.NoError(t, err)
		r.specs = append(r.specs, p)
	}
	return r
}

// during runs the hub for as long as f takes, and stops it cleanly.
func (r *road) during(f func()) {
	r.t.Helper()
	h, err := hub.New(r.ctx, hub.Config{Dir: r.dir, Specs: r.specs, Logger: slog.New(slog.DiscardHandler), MaxWait: 50 * time.Millisecond})
	require.NoError(r.t, err)
	r.hub = h
	done := make(chan error, 1)
	run, stop := context.WithCancel(r.ctx)
	go func() { done <- h.Run(run) }()
	defer func() {
		stop()
		require.NoError(r.t, <-done)
		require.NoError(r.t, h.Close())
	}()
	f()
}

func (r *road) copyOf(from, to string) {
	r.t.Helper()
	require.NoError(r.t, os.RemoveAll(to))
	out, err := exec.CommandContext(r.ctx, "cp", "-a", from, to).CombinedOutput()
	require.NoError(r.t, err, string(out))
}

// row is what the hub knows of a row.
func (r *road) row(platform, key string) (row lineage.Row, resident string, found bool) {
	r.t.Helper()
	states, err := r.hub.Store.RowStates(r.ctx, platform, []string{key})
	require.NoError(r.t, err)
	if states[key] == nil {
		return row, "", false
	}
	row, err = lineage.Decode(states[key])
	require.NoError(r.t, err)
	require.NoError(r.t, r.database().QueryRow(r.ctx, `SELECT coalesce(resident_id::text, '') FROM records WHERE platform = $1 AND key = $2`, platform, key).Scan(&resident))
	return row, resident, true
}

func (r *road) opened(platform string) error {
	_, err := r.hub.Store.OpenPlatform(r.ctx, platform, "王芳", "核对过", false, r.hub.Keys)
	return err
}

// readWhole waits until both platforms are read whole and resolved.
func (r *road) readWhole() {
	r.t.Helper()
	r.until("read whole", func() bool {
		list, err := r.hub.Store.Platforms(r.ctx)
		require.NoError(r.t, err)
		for _, p := range list {
			if p.ID != "desk" && p.CompleteAt == nil {
				return false
			}
		}
		st, err := r.hub.Store.Stats(r.ctx)
		require.NoError(r.t, err)
		return st.Unresolved == 0
	})
}

// read waits for several more reads of both platforms, taken in and resolved.
// While a platform is shut its rows stay due.
func (r *road) read() {
	r.t.Helper()
	since := time.Now()
	r.until("read again", func() bool {
		list, err := r.hub.Store.Platforms(r.ctx)
		require.NoError(r.t, err)
		for _, p := range list {
			if p.ID != "desk" && (p.PulledAt == nil || p.PulledAt.Before(since.Add(1500*time.Millisecond))) {
				return false
			}
		}
		st, err := r.hub.Store.Stats(r.ctx)
		require.NoError(r.t, err)
		return st.Unresolved == 0
	})
}

// A PostgreSQL that was put back to an older point, while the platforms have
// moved on: what Heji wrote since is no evidence, nothing is written before a
// steward has opened the platforms, nothing is written twice, no person is made
// twice, and work goes on.
func TestPostgresRestored(t *testing.T) {
	r := newStoredRoad(t, receives)
	wang := map[string]string{"name": "司马青岚", "idn": "290102198503070024", "born": "19850307", "sex": "2"}
	xu := map[string]string{"name": "上官子墨", "idn": "390102197503070015", "born": "19750307", "sex": "1"}
	pg, backup := "", filepath.Join(t.TempDir(), "backup")
	r.during(func() {
		r.gets.set("g1", with(zhang, "tel", "15400000011"))
		r.gets.set("g2", with(wang, "tel", "15400000021"))
		r.quiet()
		r.gives.set("a1", with(zhang, "tel", "15400000012"))
		r.quiet()
		r.live()
		r.until("the first write", func() bool { return r.gets.shows("g1", "tel") == "15400000012" })
		r.quiet()
	})
	found, err := filepath.Glob(filepath.Join(r.dir, "pg*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	pg = found[0]
	r.copyOf(pg, backup)

	// What the backup will not know: a write, a row that was made, a clerk's change
	// and a clerk's new row, both of which the hub has read.
	r.during(func() {
		r.gives.set("a1", map[string]string{"tel": "15400000013"})
		r.gives.set("a3", with(xu, "tel", "15400000031"))
		r.until("written", func() bool { return r.gets.shows("g1", "tel") == "15400000013" && r.gets.shows("made-1", "tel") != "" })
		r.gets.set("g2", map[string]string{"tel": "15400000022"})
		r.gets.set("g4", with(person(3), "tel", "15400000041"))
		r.until("read", func() bool { _, _, ok := r.row(r.getsID, "g4"); return ok })
		r.quiet()
	})
	// And what nobody was there to see.
	r.gives.set("a1", map[string]string{"tel": "15400000014"})
	before, writes := r.gets.everything(), r.gets.count()

	r.copyOf(backup, pg) // JetStream keeps the messages of the time that is lost
	r.during(func() {
		r.readWhole()
		r.read()
		require.Equal(t, before, r.gets.everything(), "nothing is written before a person has opened the platform")
		list, err := r.hub.Store.Platforms(r.ctx)
		require.NoError(t, err)
		for _, p := range list {
			_, unopened := p.Restoration()
			require.Equal(t, p.ID != "desk", unopened, p.ID)
		}

		g1, someone, _ := r.row(r.getsID, "g1")
		require.Equal(t, "15400000011", g1.Own[schema.Phone], "what Heji wrote is no evidence")
		require.Equal(t, "15400000013", g1.Raw[schema.Phone])
		require.Empty(t, g1.Flags(), "and is known for ours")
		made, _, _ := r.row(r.getsID, "made-1")
		require.Empty(t, made.Own, "a row that Heji made supports nothing")
		require.True(t, made.Lineage.Shadow)
		g2, _, _ := r.row(r.getsID, "g2")
		require.Equal(t, "15400000021", g2.Own[schema.Phone])
		require.Equal(t, lineage.ReasonUnknown, g2.Flags()[schema.Phone].Reason, "who entered it nobody knows")
		g4, _, _ := r.row(r.getsID, "g4")
		require.Empty(t, g4.Own)
		require.Empty(t, g4.Evidence())
		require.NotEmpty(t, someone)
	})

	// It stays shut over a restart, which is no second restore.
	r.during(func() {
		r.read()
		require.Equal(t, before, r.gets.everything())
		require.ErrorIs(t, r.opened("nobody"), store.ErrNotFound)
		require.NoError(t, r.opened(r.getsID))
		require.ErrorIs(t, r.opened(r.getsID), store.ErrNotRestored)
		r.read()
		require.Equal(t, before, r.gets.everything(), "what the other platform says is not believed yet")
		require.NoError(t, r.opened(r.givesID()))
		r.until("work goes on", func() bool { return r.gets.shows("g1", "tel") == "15400000014" })
		r.quiet()

		want := before
		want["g1"] = with(before["g1"], "tel", "15400000014")
		require.Equal(t, want, r.gets.everything())
		require.Equal(t, writes+1, r.gets.count(), "nothing is repeated, nobody made twice")
		g2, _, _ := r.row(r.getsID, "g2")
		require.Equal(t, "15400000022", g2.Own[schema.Phone], "a steward has said that it is the clerk's")
		g4, _, _ := r.row(r.getsID, "g4")
		require.NotEmpty(t, g4.Own)
		_, anchor, _ := r.row(r.givesID(), "a3")
		_, shadow, _ := r.row(r.getsID, "made-1")
		require.Equal(t, anchor, shadow, "the row hangs on the person that it was made for")
		require.NotEmpty(t, anchor)
	})
	r.during(func() {
		r.quiet()
		require.Equal(t, writes+1, r.gets.count())
	})
}
