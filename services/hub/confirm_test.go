package hub_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/services/lineage"
	"heji/services/store"
)

// A platform says yes, and nothing about the row moves afterwards, its change time
// neither: no read of changes ever shows it. It is asked for, and what was not taken
// waits for a person instead of being lost.
func TestAcknowledgedAndNeverShown(t *testing.T) {
	for name, c := range map[string]struct {
		does bool
	}{
		"it did nothing": {false},
		"it did it":      {true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := twoPhones(t)
			r.live()
			r.until("the first write", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
			r.quiet()
			r.gets.stay(true)
			asked := make(chan struct{})
			answered := false
			r.gets.lookWith(func(q connectors.Query) ([]connectors.Row, bool) {
				if q.Key == "g1" && !answered {
					answered = true
					close(asked)
				}
				return nil, false
			})
			r.gets.spoilWith(func(_ connectors.Write, do func()) (connectors.Outcome, bool) {
				if c.does {
					do()
				}
				return connectors.Outcome{Status: connectors.Applied, Key: "g1"}, true
			})
			r.gives.set("a1", map[string]string{"tel": "15400000003"})
			r.until("it was asked for", func() bool {
				select {
				case <-asked:
					return true
				default:
					return false
				}
			})
			r.until("what it showed is known", func() bool {
				var held []string
				require.NoError(t, r.hub.Store.EachHeld(r.ctx, func(x store.HeldTarget) error {
					held = append(held, string(x.Held))
					return nil
				}))
				if c.does {
					return len(held) == 0 && r.unseen() == 0
				}
				return len(held) == 1 && held[0] == `{"phone": "not_taken"}`
			})
			r.quiet()
			require.Equal(t, 2, r.gets.count(), "what was not taken is not sent again")
		})
	}
}

// unseen counts the rows of which a write was acknowledged that no read has shown.
func (r *road) unseen() (n int) {
	require.NoError(r.t, r.hub.Store.EachRecord(r.ctx, func(rec store.Record) error {
		row, err := lineage.Decode(rec.State)
		if err == nil && row.Unseen() {
			n++
		}
		return err
	}))
	return n
}

// stay has the board say from now on that nothing has changed.
func (b *board) stay(still bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.still = still
}
