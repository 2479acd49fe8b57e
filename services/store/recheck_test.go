package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

// TestRecheck: after a read about our writes a target is looked at again, unless
// it is green, the read only confirms, and nobody has looked since the write.
func TestRecheck(t *testing.T) {
	v := newViewed(t)
	ctx := context.Background()
	v.exec(`UPDATE platforms SET stage = 'live' WHERE id = 'pension'`)
	lease, ok, err := v.TakePullLease(ctx, "pension", "test", time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	for i, c := range []struct {
		state string
		again bool
		with  store.Recheck
		due   bool
	}{
		{"green", false, store.Recheck{Confirmed: true}, false},
		{"green", true, store.Recheck{Confirmed: true}, true},
		{"green", false, store.Recheck{}, true},
		{"green", false, store.Recheck{Look: true}, true},
		{"due", false, store.Recheck{Confirmed: true}, true},
		{"contested", false, store.Recheck{Confirmed: true}, true},
		{"refused", false, store.Recheck{Confirmed: true}, true},
	} {
		v.exec(`DELETE FROM targets`)
		v.exec(`INSERT INTO targets (platform, key, resident_id, state, again) VALUES ('pension', 'P1', gen_random_uuid(), $1, $2)`, c.state, c.again)
		position := int64(i + 1)
		_, err := v.TakeIn(ctx, store.Intake{Platform: "pension", Fence: lease.Fence,
			Messages: []schema.Record{{Platform: "pension", Key: "P1", Op: schema.OpPut, Version: schema.Version{Fence: lease.Fence, Position: position}}}},
			func(store.IntakeState) (store.Decision, error) {
				return store.Decision{Unchanged: []int64{position}, Recheck: map[string]store.Recheck{"P1": c.with}}, nil
			})
		require.NoError(t, err)
		var due, look bool
		require.NoError(t, v.db.QueryRow(ctx, `SELECT due_at IS NOT NULL, look FROM targets`).Scan(&due, &look))
		require.Equal(t, c.due, due, "%+v", c)
		require.Equal(t, c.with.Look, look, "%+v", c)
	}
}
