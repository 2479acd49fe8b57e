package main

import (
	"context"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/embedded/pgtest"
	"heji/services/store"
)

func TestStatementCommand(t *testing.T) {
	ctx, dsn := t.Context(), pgtest.DSN(t)
	st, err := store.Open(ctx, dsn, 2)
	require.NoError(t, err)
	defer st.Close()
	require.NoError(t, st.RegisterPlatform(ctx, store.Platform{ID: "pension", Name: "居民养老", Department: "人社", Kind: "table", Class: schema.ClassB, Writable: true}))
	run := func(args ...string) (string, error) {
		var c struct {
			Statement statementCommand `cmd:""`
		}
		var out strings.Builder
		c.Statement.console = console{stdout: &out, stderr: &out}
		parser, err := kong.New(&c, kong.Exit(func(int) { t.Fatal("the command line ends the program") }))
		require.NoError(t, err)
		k, err := parser.Parse(append([]string{"statement", "--database-url=" + dsn}, args...))
		require.NoError(t, err)
		k.BindTo(ctx, (*context.Context)(nil))
		err = k.Run()
		return out.String(), err
	}
	_, err = run("--month=November")
	require.ErrorContains(t, err, "2026-11")
	db, err := pgx.Connect(ctx, dsn)
	require.NoError(t, err)
	defer db.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the test is over
	_, err = db.Exec(ctx, `INSERT INTO intents (id, platform, key, fence, fields, state, at, done_at) VALUES (gen_random_uuid(), 'pension', 'K', 1,
		'{"phone": {"w": "1", "s": "desk/x"}}', 'refused', '2026-11-10 10:00Z', '2026-11-10 10:00Z')`)
	require.NoError(t, err)
	for _, format := range []string{"text", "csv", "json"} {
		out, err := run("--month=2026-11", "--format="+format)
		require.NoError(t, err)
		for _, text := range []string{"人社", "居民养老", "联系电话", "全部写入"} {
			require.Contains(t, out, text)
		}
	}
	rows, err := db.Query(ctx, `SELECT did || ' ' || what FROM audit_notes WHERE did = 'statement'`)
	require.NoError(t, err)
	noted, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"statement month/2026-11", "statement month/2026-11", "statement month/2026-11"}, noted)
}
