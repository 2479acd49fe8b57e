package chinese

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLunar(t *testing.T) {
	t.Parallel()
	for solar, lunar := range map[string]string{
		"1984-01-20": "1983-12-18", "1984-03-07": "1984-02-05", "1900-01-31": "", "1901-02-19": "1901-01-01", "1987-08-01": "1987-06-07",
		"1978-09-17": "1978-08-15", // 中秋节
		"2000-02-05": "2000-01-01", "2026-02-17": "2026-01-01", "2033-12-25": "2033-11-04", "2100-12-31": "2100-12-01",
		"1899-05-01": "", "2101-01-01": "", "1984-03": "",
	} {
		require.Equal(t, parseDate(lunar), parseDate(solar).lunar(), solar)
	}
}

// Day by day the calendar counts on: each day is the next one of its month, or
// the first of the next month after 29 or 30 days.
func TestLunarCountsOn(t *testing.T) {
	t.Parallel()
	at := func(d time.Time) date { return date{uint16(d.Year()), uint8(d.Month()), uint8(d.Day())}.lunar() }
	day := time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC)
	before := at(day)
	for day = day.AddDate(0, 0, 1); day.Year() <= 2100; day = day.AddDate(0, 0, 1) {
		now := at(day)
		switch {
		case now.day == before.day+1 && now.month == before.month && now.year == before.year:
		case now.day == 1 && before.day >= 29 && (now.month == before.month || now.month == before.month%12+1):
			require.Equal(t, now.month == 1 && before.month == 12, now.year == before.year+1, day)
		default:
			require.Fail(t, "the calendar jumps", "%s: %v after %v", day.Format(time.DateOnly), now, before)
		}
		before = now
	}
}
