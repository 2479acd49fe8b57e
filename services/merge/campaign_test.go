package merge

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
	"heji/services/survivorship"
)

// TestACampaignWaitsForResolutions: a resolution that read a platform's stage
// before the step, and commits after the campaign has looked at all rows, leaves
// no row behind that nobody looks at.
func TestACampaignWaitsForResolutions(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.store.RegisterPlatform(w.ctx, store.Platform{ID: "alpha", Name: "alpha", Kind: "test", Class: schema.ClassB, Writable: true}))
	w.takeIn([]schema.Record{w.message("alpha", "A1", schema.OpPut, schema.Values{schema.Name: "欧阳沐辰"})})
	conn, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(t, err)
	defer conn.Close(w.ctx) //nolint:errcheck // the test is over it
	count := func(sql string) (n int) {
		require.NoError(t, conn.QueryRow(w.ctx, sql).Scan(&n))
		return n
	}

	written, commit, resolved := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		resolved <- w.store.Resolve(w.ctx, func(r *store.Resolution) error {
			ids, err := r.ClaimAll(w.ctx, 10)
			if err != nil {
				return err
			}
			who := uuid.New()
			due, err := r.Write(w.ctx, store.Resolved{Records: ids, Seeds: ids, Done: ids, Membership: map[int64]uuid.UUID{ids[0]: who},
				Residents: []store.Resident{{ID: who, Master: store.Survivors{schema.Name: survivorship.Survivor{Value: "欧阳沐辰"}}}}, Touched: []uuid.UUID{who}})
			if err == nil && len(due) > 0 {
				t.Error("nothing is due before the step")
			}
			close(written)
			<-commit
			return err
		})
	}()
	<-written
	stepped := make(chan error, 1)
	go func() {
		_, err := w.store.Step(w.ctx, "alpha", schema.Live, "steward", "")
		stepped <- err
	}()
	// The step is over, or it waits.
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if count(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`) > 0 || len(stepped) > 0 {
			tick.Stop()
			break
		}
		select {
		case <-ctx.Done():
			t.Fatal("the step neither ends nor waits")
		case <-tick.C:
		}
	}
	close(commit)
	require.NoError(t, <-resolved)
	require.NoError(t, <-stepped)
	require.Equal(t, 1, count(`SELECT count(*) FROM targets WHERE platform = 'alpha' AND key = 'A1' AND due_at IS NOT NULL`))
}
