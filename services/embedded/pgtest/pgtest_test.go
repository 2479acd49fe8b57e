package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"heji/services/embedded/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Runner{M: m}) }

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := pgx.Connect(t.Context(), pgtest.DSN(t))
			require.NoError(t, err)
			defer conn.Close(t.Context())
			_, err = conn.Exec(t.Context(), "CREATE TABLE mine (id int)")
			require.NoError(t, err)
			var trigrams []string
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT show_trgm('欧阳沐辰')").Scan(&trigrams))
			require.NotEmpty(t, trigrams, "pg_trgm sees Chinese")
		})
	}
}
