package timefmt

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseAndFormat(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	want := time.Date(2026, 1, 2, 3, 4, 5, 678e6, zone)
	for _, test := range []struct {
		text, format string
		unit         time.Duration // what the format keeps
	}{
		{"2026-01-02T03:04:05.678+08:00", "", time.Millisecond},
		{"2026-01-02T03:04:05.678+08:00", "rfc3339", time.Millisecond},
		{"2026-01-02 03:04:05.678+08", "", time.Millisecond},
		{"2026-01-02 03:04:05.678", "yyyy-MM-dd HH:mm:ss.SSS", time.Millisecond},
		{"20260102030405", "", time.Second},
		{"20260102030405", "yyyyMMddHHmmss", time.Second},
		{"2026/01/02 03:04:05", "", time.Second},
		{"1767294245678", "unix_ms", time.Millisecond},
		{"1767294245", "unix", time.Second},
	} {
		got, ok := Parse(" "+test.text+" ", test.format, zone)
		require.True(t, ok, test.text)
		require.True(t, got.Equal(want.Truncate(test.unit)), "%s: %s", test.text, got)
		back, ok := Format(want.Truncate(test.unit), test.format, test.text, zone)
		require.True(t, ok)
		require.Equal(t, test.text, back)
	}
	for _, text := range []string{"", "yesterday", "2026-13-01"} {
		_, ok := Parse(text, "", zone)
		require.False(t, ok, text)
	}
	_, ok := Parse("x", "unix", zone)
	require.False(t, ok)
	_, ok = Format(want, "", "yesterday", zone)
	require.False(t, ok)
}
