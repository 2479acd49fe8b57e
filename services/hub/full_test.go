package hub_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"heji/schema"
	"heji/services/hub"
)

// problem is what readiness says about one of its own checks, "" where nothing.
func (r *road) problem(name string) string {
	for _, c := range r.hub.Health.Report(r.ctx).Checks {
		if c.Name == name {
			return c.Problem
		}
	}
	return ""
}

func (r *road) ready() bool { return r.hub.Health.Report(r.ctx).Ready }

// enter saves an entry at the desk; it returns the record's key where it was
// acknowledged.
func (r *road) enter(name string) (string, error) {
	e, _, err := r.hub.Store.SaveNew(r.ctx, uuid.NewString(), "王芳", schema.Values{schema.Name: name, schema.BirthDate: "1980-03-07", schema.Sex: "1"})
	return e.Key, err
}

// allThere reports whether each key is a record of the desk, taken in.
func (r *road) allThere(keys []string) bool {
	states, err := r.hub.Store.RowStates(r.ctx, "desk", keys)
	return err == nil && len(states) == len(keys)
}

// A PostgreSQL that takes no writes: readiness says so, nothing that was
// acknowledged is lost, and work goes on by itself.
func TestStoreReadOnly(t *testing.T) {
	r := newRoadWith(t, "", receives, func(c *hub.Config) { c.Lease = 3 * time.Second })
	r.gets.set("g1", with(zhang, "tel", "15400000011"))
	r.quiet()
	r.gives.set("a1", with(zhang, "tel", "15400000012"))
	r.quiet()
	r.live()
	r.until("the first write", func() bool { return r.gets.shows("g1", "tel") == "15400000012" })
	require.True(t, r.ready())
	db := r.database()
	readOnly := func(on string) {
		conn, err := db.Acquire(r.ctx)
		require.NoError(t, err)
		defer conn.Release()
		_, err = conn.Exec(r.ctx, `SET default_transaction_read_only = off`)
		require.NoError(t, err)
		_, err = conn.Exec(r.ctx, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = `+on+`', current_database()); END $$`)
		require.NoError(t, err)
		_, err = conn.Exec(r.ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		require.NoError(t, err)
	}
	var saved []string
	key, err := r.enter("上官子墨")
	require.NoError(t, err)
	saved = append(saved, key)

	readOnly("on")
	r.until("readiness says so", func() bool { return strings.Contains(r.problem("postgres"), "read-only") })
	require.False(t, r.ready())
	_, err = r.enter("司马青禾")
	require.Error(t, err, "nobody is told that it is saved")
	r.gives.set("a1", map[string]string{"tel": "15400000013"})
	require.Equal(t, "15400000012", r.gets.shows("g1", "tel"), "nothing is written that cannot be noted before")

	readOnly("off")
	r.until("work goes on", func() bool { return r.gets.shows("g1", "tel") == "15400000013" && r.allThere(saved) && r.ready() })
	r.quiet()
	key, err = r.enter("欧阳若愚")
	require.NoError(t, err)
	r.until("it is taken in", func() bool { return r.allThere(append(saved, key)) })
}

// A disk that is full, with PostgreSQL, JetStream and the journal on it: readiness
// says so, nothing that was acknowledged is lost, and work goes on by itself when
// there is room.
func TestDiskFull(t *testing.T) {
	dir, err := os.MkdirTemp("", "hf") // a short path, for sockets
	require.NoError(t, err)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256m,mode=0711"); err != nil {
		require.NoError(t, os.Remove(dir))
		if os.Getenv("HEJI_CI") != "" && os.Geteuid() == 0 {
			t.Fatalf("a small disk cannot be mounted here: %v", err)
		}
		t.Skipf("only root can mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		require.NoError(t, unix.Unmount(dir, 0))
		require.NoError(t, os.Remove(dir))
	})
	r := newRoadWith(t, "", receives, func(c *hub.Config) { c.Dir, c.DatabaseURL, c.Lease, c.Underway = dir, "", 3*time.Second, 32<<20 })
	r.gets.set("g1", with(zhang, "tel", "15400000011"))
	r.quiet()
	r.gives.set("a1", with(zhang, "tel", "15400000012"))
	r.quiet()
	r.live()
	r.until("the first write", func() bool { return r.gets.shows("g1", "tel") == "15400000012" })
	r.quiet()
	require.True(t, r.ready(), "%+v", r.hub.Health.Report(r.ctx))

	var saved []string
	refused := 0
	for i := range 30 { // on their way when the disk is full
		key, err := r.enter(fmt.Sprint("上官子墨", i))
		require.NoError(t, err)
		saved = append(saved, key)
	}

	ballast := filepath.Join(dir, "ballast")
	fill := func() {
		f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		require.NoError(t, err)
		block := make([]byte, 64<<10)
		for err == nil {
			_, err = f.Write(block)
		}
		require.ErrorIs(t, err, unix.ENOSPC)
		require.NoError(t, f.Close())
	}
	fill()
	r.until("readiness says so", func() bool { return strings.Contains(r.problem("disk"), "full") })
	require.False(t, r.ready())

	// Staff and registers go on until something is refused, and a while after.
	r.until("a save is refused", func() bool {
		for i := range 20 {
			n := len(saved) + refused
			r.gives.set(fmt.Sprintf("b%d-%d", n, i), with(person(n%100), "tel", fmt.Sprintf("154%08d", n)))
			key, err := r.enter(strings.Repeat("欧阳若愚", 20))
			if err != nil {
				refused++
				continue
			}
			saved = append(saved, key)
		}
		fill() // what was given back meanwhile
		return refused > 40
	})
	r.gives.set("a1", map[string]string{"tel": "15400000013"})

	if err := os.Remove(ballast); !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	// What JetStream has not acknowledged is published again after half a minute.
	require.Eventually(t, func() bool { return r.ready() && r.gets.shows("g1", "tel") == "15400000013" && r.allThere(saved) },
		2*time.Minute, 50*time.Millisecond, "work goes on")
	r.quiet()
	t.Logf("%d entries were acknowledged, %d refused", len(saved), refused)
	list, err := r.hub.Store.Conservations(r.ctx)
	require.NoError(t, err)
	for _, c := range list {
		require.Equal(t, c.Positions, c.Merged+c.Unchanged+c.Dead+c.Marks, "%+v", c)
	}
}
