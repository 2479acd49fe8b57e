package hub_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/schema"
	"heji/services/store"
)

// How a platform spells a value is said once for the whole column: of each row that
// shows the same for what we wrote, and of no other.
func TestVerdictOfAColumn(t *testing.T) {
	r := newRoad(t, receives)
	for i := range 4 {
		r.gets.set(fmt.Sprintf("g%d", i), with(person(i), "edu", ""))
	}
	r.quiet()
	for i := range 4 {
		r.gives.set(fmt.Sprintf("a%d", i), with(person(i), "edu", "20"))
	}
	r.quiet()
	// The platform makes something else of what it takes, of one row by mistake.
	r.gets.spoilWith(func(w connectors.Write, do func()) (connectors.Outcome, bool) {
		do()
		r.gets.rows[w.Key]["edu"] = "21"
		if w.Key == "g3" {
			r.gets.rows[w.Key]["edu"] = "60"
		}
		return connectors.Outcome{Status: connectors.Applied, Key: w.Key}, true
	})
	r.live()
	r.until("contested", func() bool { return r.targets()[store.TargetContested] == 4 })
	r.quiet()
	writes := r.gets.count()

	c := store.Choice{A: schema.RecordRef{Platform: r.getsID, Key: "g1"}, Attribute: schema.Education, Value: "rendition", Who: "steward", Why: "该平台的代码"}
	_, rows, err := r.hub.Store.ColumnVerdict(r.ctx, c, r.hub.Keys)
	require.NoError(t, err)
	require.Equal(t, 3, rows)
	r.until("three are settled", func() bool { return r.targets()[store.TargetContested] == 1 })
	r.quiet()
	require.Equal(t, writes, r.gets.count(), "what the platform makes of our text is not written again")
	_, _, err = r.hub.Store.ColumnVerdict(r.ctx, c, r.hub.Keys)
	require.ErrorContains(t, err, "does not wait for a person")
	var decided int
	require.NoError(t, r.database().QueryRow(r.ctx, `SELECT count(*) FROM decisions WHERE kind = 'field' AND value = 'rendition' AND who = 'steward'`).Scan(&decided))
	require.Equal(t, 3, decided, "each row has its decision")
}

// The platform is right: what its clerk put there is evidence from then on, and is
// not written over.
func TestVerdictForTheClerk(t *testing.T) {
	r := contested(t)
	_, err := r.hub.Store.FieldVerdict(r.ctx, store.Choice{A: schema.RecordRef{Platform: r.getsID, Key: "g1"}, Attribute: schema.Phone, Value: "theirs",
		Who: "steward", Why: "居民确认"}, r.hub.Keys)
	require.NoError(t, err)
	r.until("it survives", func() bool {
		var phone string
		require.NoError(t, r.database().QueryRow(r.ctx, `SELECT coalesce(max(master->'phone'->>'v'), '') FROM residents WHERE redirect_to IS NULL`).Scan(&phone))
		return phone == "15400000001"
	})
	r.quiet()
	require.Zero(t, r.targets()[store.TargetContested])
	require.Equal(t, "15400000001", r.gets.shows("g1", "tel"))
	require.Equal(t, 1, r.gets.count())
}
