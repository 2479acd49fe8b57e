package files

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
)

// What was put away is read again when a person asks for it: the last extract
// and the drops after it, not what is older.
func TestReread(t *testing.T) {
	settings := "  pattern: rk_{date}.csv\n  incremental_pattern: day_{date}.csv\n  done_marker: .ok\n  timezone: UTC"
	dir, c := folderOf(t, settings)
	text := func(name string) []byte { return []byte("id,姓名,电话\n1," + name + ",1\n") }
	for _, name := range []string{"rk_20260201.csv", "day_20260215.csv", "rk_20260301.csv", "day_20260302.csv"} {
		put(t, dir, name, text(name))
		put(t, dir, name+".ok", nil)
	}
	again := connectors.Rereader(c)
	require.NoError(t, again.Reread(context.Background()), "nothing was put away yet")
	_, at, err := read(c, nil)
	require.NoError(t, err)
	require.NoError(t, c.Confirm(context.Background(), at))
	batches, _, err := read(c, nil)
	require.NoError(t, err)
	require.Empty(t, batches)

	// Somebody looks once: the last extract is shown where it lies.
	p := c.platform
	eye, err := Open(context.Background(), p, connectors.Environment{Dir: t.TempDir(), Attended: true})
	require.NoError(t, err)
	batches, _, err = read(eye.(*reader), nil)
	require.NoError(t, err)
	require.Len(t, batches, 2)
	require.Equal(t, "rk_20260301.csv", rowsOf(batches)[0].Columns["姓名"])
	columns, err := connectors.Describe(context.Background(), eye, 10)
	require.NoError(t, err)
	require.Len(t, columns, 3)
	require.FileExists(t, filepath.Join(dir, "processed", "rk_20260301.csv"), "it stays there")

	for range 2 { // also after a crash half way
		require.NoError(t, again.Reread(context.Background()))
	}
	batches, _, err = read(c, nil)
	require.NoError(t, err)
	require.Len(t, batches, 2)
	require.Equal(t, "day_20260302.csv", rowsOf(batches)[1].Columns["姓名"])

	// A newer delivery under the same name is not written over.
	require.NoError(t, os.Rename(filepath.Join(dir, "rk_20260301.csv"), filepath.Join(dir, "processed", "rk_20260301.csv")))
	put(t, dir, "rk_20260301.csv", text("改过"))
	require.NoError(t, again.Reread(context.Background()))
	batches, _, err = read(c, nil)
	require.NoError(t, err)
	require.Equal(t, "改过", rowsOf(batches)[0].Columns["姓名"])
}

// A file that was read is whole: when a person asks for it again it is read by the
// next pass, without being watched first for whether it still grows.
func TestRereadWaitsForNothing(t *testing.T) {
	dir, c := folderOf(t, "  pattern: rk_{date}.csv\n  stable_for: 1h\n  timezone: UTC")
	at := time.Now()
	c.folder.now = func() time.Time { return at }
	put(t, dir, "rk_20260301.csv", []byte("id,姓名,电话\n1,欧阳沐辰,1\n"))
	batches, _, err := read(c, nil)
	require.NoError(t, err)
	require.Empty(t, batches, "it may still grow")
	at = at.Add(time.Hour)
	batches, cursor, err := read(c, nil)
	require.NoError(t, err)
	require.Len(t, batches, 1)
	require.NoError(t, c.Confirm(t.Context(), cursor))
	require.NoFileExists(t, filepath.Join(dir, "rk_20260301.csv"))

	require.NoError(t, c.Reread(t.Context()))
	batches, cursor, err = read(c, nil)
	require.NoError(t, err)
	require.Len(t, batches, 1, "read at once")
	require.NoError(t, c.Confirm(t.Context(), cursor))
	put(t, dir, "rk_20260401.csv", []byte("id,姓名,电话\n1,欧阳沐辰,2\n"))
	batches, _, err = read(c, nil)
	require.NoError(t, err)
	require.Empty(t, batches, "what is new is watched as ever")
}
