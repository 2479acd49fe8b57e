package merge

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// Forty rows that change to the same phone in one read are a fault of the platform:
// contested, not believed, and the platform is held. What the hub itself says about
// its residents to a satellite is nobody's mistake, however many it says it about.
func TestManyRowsThatChangeAtOnce(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.store.RegisterPlatform(w.ctx, store.Platform{ID: spec.RegisterID, Name: spec.RegisterID, Kind: "test", Class: schema.ClassB}))
	lease, ok, err := w.store.TakePullLease(w.ctx, spec.RegisterID, "test", time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	w.fence[spec.RegisterID] = lease.Fence

	for _, c := range []struct {
		platform string
		rows     int
		held     bool
	}{
		{"alpha", 40, true},
		{"beta", massLimit.Rows - 1, false}, // as many may be people's work
		{spec.RegisterID, 40, false},
	} {
		t.Run(c.platform, func(t *testing.T) {
			said := func(phone func(n int) string) {
				var list []schema.Record
				for n := range c.rows {
					list = append(list, w.message(c.platform, fmt.Sprint(n), schema.OpPut, schema.Values{schema.Name: "欧阳沐辰", schema.Phone: phone(n)}))
				}
				w.takeIn(list)
			}
			said(func(n int) string { return fmt.Sprintf("154%08d", n) })
			said(func(int) string { return "15499999999" })
			believed, contested := 0, 0
			require.NoError(t, w.store.EachRecord(w.ctx, func(r store.Record) error {
				if r.Ref.Platform != c.platform {
					return nil
				}
				row, err := lineage.Decode(r.State)
				require.NoError(t, err)
				require.Equal(t, "15499999999", row.Raw[schema.Phone], "what it shows is known either way")
				if row.Own[schema.Phone] == "15499999999" {
					believed++
				}
				if f, ok := row.Flags()[schema.Phone]; ok && f.Reason == lineage.ReasonMass {
					contested++
				}
				return nil
			}))
			list, err := w.store.Platforms(w.ctx)
			require.NoError(t, err)
			for _, p := range list {
				if p.ID == c.platform {
					require.Equal(t, c.held, p.Held() || p.Paused)
				}
			}
			if c.held {
				require.Equal(t, []int{0, c.rows}, []int{believed, contested})
			} else {
				require.Equal(t, []int{c.rows, 0}, []int{believed, contested})
			}
		})
	}
}
