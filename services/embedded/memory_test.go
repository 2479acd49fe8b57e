package embedded

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemory(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	missing := filepath.Join(dir, "missing")
	info := file("meminfo", "MemTotal:       24610044 kB\nMemFree:        12 kB\n")
	require.Equal(t, 24033, memory(info, missing))
	require.Equal(t, 24033, memory(info, file("max", "max\n")), "no limit")
	require.Equal(t, 2048, memory(info, file("limit", "2147483648\n")), "a container")
	require.Equal(t, 2048, memory(missing, file("limit", "2147483648\n")))
	require.Zero(t, memory(missing, missing))
	require.Zero(t, memory(file("odd", "MemTotal: a lot\n"), missing))

	for mib, want := range map[int]int{0: 256, 512: 128, 2048: 256, 4096: 512, 24033: 1024} {
		require.Equal(t, want, buffersOf(mib))
	}
}
