package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"heji/connectors/spec"
	"heji/services/embedded/pgtest"
	"heji/services/hub"
	"heji/services/store"
)

// What stops a platform is looked at, and let go, by the commands, through the hub
// that runs.
func TestBrakesThroughTheRunningHub(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	folder := t.TempDir()
	p, err := spec.Parse("street.yaml", []byte(`
platform: street
name: 街道台账
department: 街道
kind: files
class: B
connect: {dir: `+folder+`, pattern: "rk_{date}.csv", done_marker: rename}
key: [编号]
cadence: 50ms
lag: 0s
fields: {name: {column: 姓名}, birth_date: {column: 出生日期, format: yyyy-MM-dd}}
`), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	h, err := hub.New(ctx, hub.Config{Dir: t.TempDir(), DatabaseURL: pgtest.DSN(t), Specs: []*spec.Platform{p}, Listen: "127.0.0.1:0",
		Logger: slog.New(slog.DiscardHandler), MaxWait: 100 * time.Millisecond})
	require.NoError(t, err)
	run, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- h.Run(run) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
		require.NoError(t, h.Close())
	})
	require.Eventually(t, func() bool { return h.Addr() != "" }, time.Minute, 20*time.Millisecond)
	at := "--listen=" + h.Addr()
	drop := func(name string, n int) {
		lines := []string{"编号,姓名,出生日期"}
		for i := range n {
			lines = append(lines, fmt.Sprintf("S%02d,%s,19%02d-03-07", i, []string{"欧阳沐辰", "司马青岚", "上官子墨"}[i%3], 40+i))
		}
		file := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(file+".part", []byte(strings.Join(lines, "\n")+"\n"), 0o600))
		require.NoError(t, os.Rename(file+".part", file))
	}
	asks := func(what string, want string, args ...string) (out string) {
		t.Helper()
		require.Eventually(t, func() bool {
			var err error
			out, err = platform(t, append(args, at)...)
			return err == nil && strings.Contains(out, want)
		}, time.Minute, 50*time.Millisecond, what)
		return out
	}

	drop("rk_20261101.csv", 50)
	require.Eventually(t, func() bool {
		n, err := h.Store.LiveRows(ctx, "street")
		return err == nil && n == 50
	}, time.Minute, 50*time.Millisecond)
	asks("nothing waits", "no read waits", "quarantine", "street")
	_, err = platform(t, "quarantine", "street", "release", "--why=已核对", at)
	require.ErrorContains(t, err, "no read waits")
	drop("rk_20261201.csv", 5)
	out := asks("the file waits", "rk_20261201.csv", "quarantine", "street")
	require.Contains(t, out, "读到 rows 5, 此前 known 50")
	_, err = platform(t, "quarantine", "street", "discard", at)
	require.ErrorContains(t, err, "why")
	_, err = platform(t, "quarantine", "street", "discard", "--who=王芳", "--why=只导出了一个小区", at)
	require.NoError(t, err)
	asks("it is decided", "no read waits", "quarantine", "street")
	asks("and kept", "王芳: 只导出了一个小区", "quarantine", "street", "--all")
	n, err := h.Store.LiveRows(ctx, "street")
	require.NoError(t, err)
	require.EqualValues(t, 50, n)

	db, err := pgxpool.New(ctx, h.DatabaseURL())
	require.NoError(t, err)
	defer db.Close()
	exec := func(sql string) {
		t.Helper()
		_, err := db.Exec(ctx, sql)
		require.NoError(t, err)
	}
	street := func() store.Platform {
		list, err := h.Store.Platforms(ctx)
		require.NoError(t, err)
		return list[slices.IndexFunc(list, func(p store.Platform) bool { return p.ID == "street" })]
	}
	_, err = platform(t, "brake", "street", "release", "--why=已核对", at)
	require.Error(t, err, "no brake has stopped it")
	asks("none", "no brake has stopped it", "brake", "street")
	exec(`UPDATE platforms SET braked = '{"written": 101, "limit": 100, "rows": 400, "hours": 24, "due": 300}', braked_at = now() WHERE id = 'street'`)
	asks("the brake and its figures", "300", "brake", "street")
	_, err = platform(t, "brake", "street", "release", at)
	require.ErrorContains(t, err, "why")
	require.NotNil(t, street().Braked)
	asks("it goes on", "it goes on", "brake", "street", "release", "--who=王芳", "--why=已核对")
	require.Nil(t, street().Braked)

	_, err = platform(t, "open", "street", "--why=已核对", at)
	require.Error(t, err, "it was not restored")
	exec(`UPDATE platforms SET restored_at = now(), opened_at = NULL WHERE id = 'street'`)
	_, err = platform(t, "open", "street", at)
	require.ErrorContains(t, err, "why")
	asks("it is open", "已开通 open: street", "open", "street", "--who=王芳", "--why=已核对", "--anyway")
	_, shut := street().Restoration()
	require.False(t, shut)

	require.NoError(t, (&writesCommand{Action: "stop", Listen: h.Addr()}).Run(ctx))
	halted, err := h.Store.Halted(ctx)
	require.NoError(t, err)
	require.True(t, halted["street"])
	require.NoError(t, (&writesCommand{Action: "resume", Listen: h.Addr()}).Run(ctx))
}
