package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"heji/services/audit"
	"heji/services/crypt"
	"heji/services/desk"
	"heji/services/embedded/pgtest"
	"heji/services/hub"
	"heji/services/store"
)

func auditRun(t *testing.T, where []string, args ...string) (string, error) {
	t.Helper()
	var c struct {
		Audit auditCommand `cmd:""`
	}
	var out strings.Builder
	con := console{stdout: &out, stderr: &out}
	c.Audit.Verify.console, c.Audit.Export.console, c.Audit.Keep.console = con, con, con
	parser, err := kong.New(&c, kong.Exit(func(int) { t.Fatal("the command line ends the program") }))
	require.NoError(t, err)
	k, err := parser.Parse(slices.Concat([]string{"audit"}, args, where))
	require.NoError(t, err)
	k.BindTo(t.Context(), (*context.Context)(nil))
	err = k.Run()
	return out.String(), err
}

// Verify, export and keep, on a database of one's own; the hub's file of heads
// finds an end that was cut off.
func TestAuditCommands(t *testing.T) {
	ctx := t.Context()
	dsn, data := pgtest.DSN(t), t.TempDir()
	where := []string{"--database-url=" + dsn, "--data=" + data}
	st, err := store.Open(ctx, dsn, 2)
	require.NoError(t, err)
	defer st.Close()
	require.NoError(t, st.Note(ctx, "=1+1", audit.Note{Did: "test", Why: "why, indeed"}, map[string]int{"n": 1}))
	_, head, err := st.AppendAudit(ctx, crypt.International, 100)
	require.NoError(t, err)
	out, err := auditRun(t, where, "verify", "--head="+head.String())
	require.NoError(t, err)
	require.Contains(t, out, head.String())

	out, err = auditRun(t, where, "export")
	require.NoError(t, err)
	table, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"'=1+1", "test", "", "", "why, indeed", `{"n":1}`}, table[1][3:9])
	out, err = auditRun(t, where, "export", "--format=jsonl", "--from=2020-01-01", "--to=2021-01-01")
	require.NoError(t, err)
	require.Empty(t, out)
	out, err = auditRun(t, where, "export", "--format=jsonl")
	require.NoError(t, err)
	var line desk.AuditRow
	require.NoError(t, json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &line))
	require.Equal(t, "=1+1", line.Who)
	_, head, err = st.AppendAudit(ctx, crypt.International, 100)
	require.NoError(t, err)
	rows, err := st.AuditRows(ctx, store.AuditQuery{Did: "audit.export", Limit: 9})
	require.NoError(t, err)
	require.Len(t, rows, 3, "exporting is in the trail")

	_, err = auditRun(t, where, "keep", "100", "--who=a")
	require.ErrorIs(t, err, store.ErrAuditKeep)
	out, err = auditRun(t, where, "keep", "365", "--who=a")
	require.NoError(t, err)
	require.Contains(t, out, "365")

	file := filepath.Join(data, hub.HeadsFile)
	require.NoError(t, os.WriteFile(file, []byte("2026-01-01T00:00:00Z "+head.String()+"\n2026-01-01T00:"), 0o600))
	_, err = auditRun(t, where, "verify")
	require.NoError(t, err, "a torn last line is none")
	head.Seq += 5
	require.NoError(t, os.WriteFile(file, []byte("2026-01-01T00:00:00Z "+head.String()+"\n"), 0o600))
	_, err = auditRun(t, where, "verify")
	require.ErrorContains(t, err, "the chain had reached row")
	require.NoError(t, os.WriteFile(file, []byte("rubbish\n"), 0o600))
	_, err = auditRun(t, where, "verify")
	require.ErrorContains(t, err, "line 1")
}
