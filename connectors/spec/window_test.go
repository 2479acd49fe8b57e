package spec

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWindow(t *testing.T) {
	work := Window{Days: []string{"mon-fri"}, Hours: []string{"08:30-12:00", "14:00-17:30"}}
	night := Window{Days: []string{"fri-sun"}, Hours: []string{"22:00-06:00"}}
	// 2026-11-27 is a Friday.
	for _, c := range []struct {
		name   string
		window Window
		now    string
		next   string // empty: now
	}{
		{"no window", Window{}, "2026-11-27 03:00", ""},
		{"in the morning", work, "2026-11-27 08:30", ""},
		{"before the morning", work, "2026-11-27 08:29", "2026-11-27 08:30"},
		{"at noon", work, "2026-11-27 12:00", "2026-11-27 14:00"},
		{"over the weekend", work, "2026-11-27 17:30", "2026-11-30 08:30"},
		{"on a Sunday", work, "2026-11-29 10:00", "2026-11-30 08:30"},
		{"in a night", night, "2026-11-27 23:00", ""},
		{"after its midnight", night, "2026-11-28 05:59", ""},
		{"the night of Sunday ends on Monday", night, "2026-11-30 05:59", ""},
		{"Monday has none", night, "2026-11-30 23:00", "2026-12-04 22:00"},
		{"Thursday's midnight is not Friday's", night, "2026-11-27 01:00", "2026-11-27 22:00"},
		{"whole days", Window{Days: []string{"sat", "sun"}}, "2026-11-27 12:00", "2026-11-28 00:00"},
		{"only today's hour, which is over", Window{Days: []string{"fri"}, Hours: []string{"08:00-09:00"}}, "2026-11-27 10:00", "2026-12-04 08:00"},
		{"until the end of the day", Window{Hours: []string{"20:00-24:00"}}, "2026-11-27 23:59", ""},
		{"another zone", Window{Hours: []string{"08:00-09:00"}, Zone: "Asia/Urumqi"}, "2026-11-27 08:30", "2026-11-27 10:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			zone, err := time.LoadLocation("Asia/Shanghai")
			require.NoError(t, err)
			at := func(text string) time.Time {
				v, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
				require.NoError(t, err)
				return v
			}
			want := c.next
			if want == "" {
				want = c.now
			}
			require.Equal(t, at(want).UTC(), c.window.Next(at(c.now).UTC()).UTC())
		})
	}
}

func TestPaceIsChecked(t *testing.T) {
	for text, says := range map[string]string{
		"settle: 25h":                               "settle is between 0s and 24h",
		"window: {days: [monday]}":                  `"monday" is no day`,
		"window: {hours: [\"8-12\"]}":               `"8-12" is no part of a day`,
		"window: {hours: [\"08:00-08:00\"]}":        "is no part of a day",
		"window: {days: [mon], zone: Asia/Nowhere}": `"Asia/Nowhere" is no time zone`,
		"window: {zone: Asia/Shanghai}":             "zone without days or hours",
		"window: {day: [mon]}":                      `there is no key "day"`,
	} {
		_, err := Parse("p.yaml", []byte("platform: p\nname: p\nkind: table\nclass: B\nkey: [id]\ncadence: 1m\nfields: {phone: {column: tel}}\n"+text+"\n"),
			func(string) (string, bool) { return "", false })
		require.ErrorContains(t, err, says, text)
		require.Contains(t, err.Error(), "p.yaml:8", "%s names its line", text)
		require.Equal(t, 1, strings.Count(err.Error(), "p.yaml:"), err)
	}
}
