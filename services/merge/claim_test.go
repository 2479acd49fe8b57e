package merge

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

// TestFirstReadsWaitForOneAnother: while registers are read for the first time
// their records wait, so that each person is resolved once. It is a saving:
// whatever happens to a first read, nobody waits for it long.
func TestFirstReadsWaitForOneAnother(t *testing.T) {
	who := schema.Values{schema.Name: "欧阳沐辰", schema.BirthDate: "1980-03-07", schema.IDNumber: "190102198003070018"}
	setUp := func(t *testing.T) (w *world, resolve func() int, exec func(sql string, args ...any)) {
		w = newWorld(t)
		w.service.o.Eager = false
		conn, err := pgx.Connect(w.ctx, w.dsn)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, conn.Close(w.ctx)) })
		exec = func(sql string, args ...any) {
			_, err := conn.Exec(w.ctx, sql, args...)
			require.NoError(t, err)
		}
		resolve = func() int {
			n, err := w.service.Resolve(w.ctx)
			require.NoError(t, err)
			return n
		}
		w.takeIn([]schema.Record{w.message("alpha", "A1", schema.OpPut, who)})
		w.takeIn([]schema.Record{w.message("beta", "B1", schema.OpPut, who)})
		require.Zero(t, resolve(), "both are being read")
		return w, resolve, exec
	}
	// later lets three seconds pass for everything that was taken in.
	const later = `UPDATE pull_runs SET last_taken = last_taken - interval '3 seconds', first_taken = first_taken - interval '3 seconds'`

	t.Run("complete", func(t *testing.T) {
		w, resolve, exec := setUp(t)
		exec(`UPDATE platforms SET complete_at = now() WHERE id = 'alpha'`)
		require.Zero(t, resolve(), "the other is being read")
		exec(`UPDATE platforms SET complete_at = now() WHERE id = 'beta'`)
		require.Equal(t, 2, resolve())
		require.Equal(t, [][]string{{"alpha/A1", "beta/B1"}}, w.partition())
	})
	t.Run("brings nothing more", func(t *testing.T) {
		_, resolve, exec := setUp(t)
		exec(later)
		require.Equal(t, 2, resolve())
	})
	t.Run("fails again and again", func(t *testing.T) {
		w, resolve, exec := setUp(t)
		// The same rows once more, as often as they like: under the same fence, and
		// under a new one.
		exec(later)
		w.takeIn([]schema.Record{w.message("alpha", "A1", schema.OpPut, who)})
		lease, ok, err := w.store.TakePullLease(w.ctx, "beta", "test", 0)
		require.NoError(t, err)
		require.True(t, ok)
		w.fence["beta"], w.pos["beta"] = lease.Fence, 0
		w.takeIn([]schema.Record{w.message("beta", "B1", schema.OpPut, who)})
		require.Equal(t, 2, resolve())
	})
	t.Run("said to have failed", func(t *testing.T) {
		w, resolve, _ := setUp(t)
		require.NoError(t, w.store.PullResult(w.ctx, "alpha", store.Trouble{Sentence: "the platform is in trouble"}))
		require.Zero(t, resolve(), "beta is being read still")
		require.NoError(t, w.store.PullResult(w.ctx, "beta", store.Trouble{Sentence: "the platform is in trouble"}))
		require.Equal(t, 2, resolve())
	})
	t.Run("never ends", func(t *testing.T) {
		w, resolve, exec := setUp(t)
		exec(`UPDATE pull_runs SET first_taken = now() - interval '11 minutes'`)
		w.takeIn([]schema.Record{w.message("alpha", "A2", schema.OpPut, who)})
		require.Equal(t, 3, resolve())
	})
	t.Run("others go on", func(t *testing.T) {
		w, resolve, exec := setUp(t)
		exec(`UPDATE pull_runs SET first_taken = now() - interval '1 hour' WHERE platform = 'gamma'`)
		w.takeIn([]schema.Record{w.message("gamma", "G1", schema.OpPut, schema.Values{schema.Name: "司马青禾", schema.BirthDate: "1990-12-12"})})
		exec(`UPDATE pull_runs SET first_taken = now() - interval '1 hour' WHERE platform = 'gamma'`)
		require.Equal(t, 1, resolve(), "gamma has been there for long")
	})
}
