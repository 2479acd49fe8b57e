package store_test

import (
	"context"
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // for goose
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"heji/schema/migrations"
	"heji/services/embedded/pgtest"
	"heji/services/store"
)

// I8: decisions from before there were actions keep who, when and why, are each
// an action of their own, and can be undone like any other.
func TestOldDecisionsBecomeActions(t *testing.T) {
	ctx := context.Background()
	dsn := pgtest.DSN(t)
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer db.Close() //nolint:errcheck // a test's own
	p, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS)
	require.NoError(t, err)
	_, err = p.UpTo(ctx, 1)
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO decisions (kind, a_platform, a_key, b_platform, b_key, who, why, at, revoked_by, revoked_at) VALUES
		('not_same', 'p', '1', 'p', '2', '赵', '父子', '2026-01-01', NULL, NULL),
		('same', 'p', '1', 'p', '3', '钱', '', '2026-01-02', '孙', '2026-01-03')`)
	require.NoError(t, err)

	st, err := store.Open(ctx, dsn, 3)
	require.NoError(t, err)
	defer st.Close()
	var id string
	require.NoError(t, db.QueryRow(`SELECT id FROM actions WHERE kind = 'not_same' AND who = '赵' AND why = '父子' AND at = '2026-01-01'`).Scan(&id))
	var n int
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM decisions d JOIN actions r ON r.id = d.revoked_action
		WHERE r.kind = 'revoke' AND r.who = '孙' AND r.at = '2026-01-03'`).Scan(&n))
	require.Equal(t, 1, n)
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM actions`).Scan(&n))
	require.Equal(t, 3, n)

	_, err = p.DownTo(ctx, 1)
	require.NoError(t, err)
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM decisions`).Scan(&n))
	require.Equal(t, 2, n, "going back loses no decision that the older program knows")
}
