package merge

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/linkage"
	"heji/services/store"
)

// I2: a record that is locked late in a closure is compared with what others are
// then, not with what they were when the closure began. Meanwhile one of them may
// have changed and been resolved, and may have stored an edge to the record.
func TestComparedWithWhatIsThereAfterTheLock(t *testing.T) {
	w := newWorld(t)
	say := func(platform, birth string) schema.Record {
		return w.message(platform, "1", schema.OpPut, schema.Values{schema.Name: "欧阳沐辰", schema.Phone: "15400000001", schema.BirthDate: birth})
	}
	w.takeIn([]schema.Record{say("alpha", "1980-03-07")})
	w.takeIn([]schema.Record{say("beta", "1990-12-12")})
	w.takeIn([]schema.Record{say("gamma", "1955-05-05")})
	conn, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(t, err)
	defer conn.Close(w.ctx) //nolint:errcheck // the test is over it
	id := func(platform string) (id int64) {
		require.NoError(t, conn.QueryRow(w.ctx, `SELECT id FROM records WHERE platform = $1`, platform).Scan(&id))
		return id
	}
	alpha, beta, gamma := id("alpha"), id("beta"), id("gamma")
	require.NoError(t, w.store.Resolve(w.ctx, func(r *store.Resolution) error {
		n := r.Neighbours(w.ctx, w.model, false)
		compare := func(record int64) linkage.Row {
			locked, err := n.Lock([]int64{record})
			require.NoError(t, err)
			require.Len(t, locked, 1)
			_, err = n.Hot(locked[0].Keys, nil)
			require.NoError(t, err)
			found, err := n.Look(linkage.Look{Records: []int64{record}, Keys: locked[0].Keys})
			require.NoError(t, err)
			i := slices.IndexFunc(found.Candidates, func(c linkage.Row) bool { return c.ID == gamma })
			require.GreaterOrEqual(t, i, 0, "they share a key")
			return found.Candidates[i]
		}
		first := compare(alpha)
		w.takeIn([]schema.Record{say("gamma", "1990-12-12")})
		second := compare(beta)
		require.Greater(t, second.Rev, first.Rev)
		require.NotEqual(t, first.F, second.F)
		return nil
	}))
}
