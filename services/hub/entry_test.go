package hub_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/hub"
)

// An entry is resolved while the only resolver of everything else stands in line for
// the row of somebody else.
func TestAnEntryWaitsForNoBatch(t *testing.T) {
	r := newRoadWith(t, "", receives, func(c *hub.Config) { c.Workers = 1 })
	r.gets.set("g1", with(zhang, "tel", "15400000011"))
	r.gives.set("a1", with(zhang, "tel", "15400000012"))
	r.quiet()
	db := r.database()
	tx, err := db.Begin(r.ctx)
	require.NoError(t, err)
	defer tx.Rollback(r.ctx) //nolint:errcheck // gives the lock back, where the test has not
	r.gets.stay(true)        // its reads do not wait for the row
	var g1 int64
	require.NoError(t, tx.QueryRow(r.ctx, `SELECT id FROM records WHERE platform = $1 AND key = 'g1' FOR UPDATE`, r.getsID).Scan(&g1))
	r.gives.set("a1", map[string]string{"tel": "15400000013"})
	r.until("the resolver stands in line", func() bool {
		var waits bool
		require.NoError(t, db.QueryRow(r.ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
			AND wait_event_type = 'Lock' AND query LIKE 'SELECT id FROM records WHERE id = ANY%')`).Scan(&waits))
		return waits
	})
	key, err := r.enter("司马云")
	require.NoError(t, err)
	r.until("the entry is resolved", func() bool {
		var resolved bool
		require.NoError(t, db.QueryRow(r.ctx, `SELECT EXISTS (SELECT FROM records WHERE platform = 'desk' AND key = $1
			AND NOT unresolved AND resident_id IS NOT NULL)`, key).Scan(&resolved))
		return resolved
	})
	require.NoError(t, tx.Rollback(r.ctx))
	r.quiet()
}
