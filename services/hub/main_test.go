package hub_test

import (
	"context"
	"testing"

	"heji/services/embedded/pgtest"
	"heji/services/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// pgtestDSN is a database of the test's own, migrated already.
func pgtestDSN(t *testing.T) string {
	return pgtest.DSNFrom(t, "hub", func(ctx context.Context, dsn string) error {
		st, err := store.Open(ctx, dsn, 2)
		if err == nil {
			st.Close()
		}
		return err
	})
}
