package comparator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestReadDate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, order, want string }{
		{"1984-03-07", "ymd", "19840307"}, {"1984-3-7", "ymd", "19840307"}, {"19840307", "ymd", "19840307"}, {"1984/03/07", "ymd", "19840307"},
		{"1984.03", "ymd", "198403"}, {"1984", "ymd", "1984"}, {"198403", "ymd", "198403"}, {"1984-03-07T12:30:00Z", "ymd", "19840307"},
		{"1984-03-07 00:00:00", "ymd", "19840307"}, {"1984年3月7日", "ymd", "19840307"}, {"19840307.0", "ymd", "19840307"},
		{"1984-00-00", "ymd", "1984"}, {"1984-03-00", "ymd", "198403"}, {"19840000", "ymd", "1984"}, {"0000-00-00", "ymd", ""},
		{"07/03/1984", "dmy", "19840307"}, {"07/03/1984", "mdy", "19840703"}, {"7.3.1984", "dmy", "19840307"}, {"7/3/1984 0:00", "dmy", "19840307"},
		{"07031984", "dmy", "19840307"}, {"07031984", "mdy", "19840703"}, {"031984", "dmy", "198403"}, {"03/1984", "mdy", "198403"},
		{"1984-03-07", "dmy", "19840307"}, {"07/03/1984", "ymd", ""}, {"07/03/84", "dmy", ""}, {"19841399", "ymd", "19841399"},
		{"1984030", "ymd", "1984030"}, {"", "ymd", ""}, {"unknown", "ymd", ""}, {"12 March 1984", "dmy", ""}, {"1984-03-07-01", "ymd", ""},
		{"１９８４-03-07", "ymd", "19840307"}, {"12345678901234567890", "ymd", ""},
	} {
		require.Equal(t, c.want, readDate(c.in, c.order), "%s %s", c.in, c.order)
	}
}

func TestDate(t *testing.T) {
	t.Parallel()
	c := must(t, "date", "", 1, "identical", "compatible", "swapped", "one_digit", "damerau <= 1", "within 10 days", "same_month", "same_day_month",
		"within 13 months", "same_year", "within 3 years", "different")
	pairs{
		{"1984-03-07", "19840307", "identical"},
		{"1984-03-07", "1984-03", "compatible"},
		{"1984-03-07", "1984", "compatible"},
		{"1984-03-07", "1984-07-03", "swapped"},
		{"1984-03-17", "1984-17-03", "swapped"},
		{"1984-03-07", "1984-03-01", "one_digit"},
		{"1984-03-07", "1984-03-70", "damerau <= 1"},
		{"19840307", "1984307", "damerau <= 1"},
		{"1984-02-28", "1984-03-05", "within 10 days"},
		{"1984-03-07", "1984-03-28", "same_month"},
		{"1984-03-07", "2015-03-07", "same_day_month"},
		{"1984-03-27", "1985-04-27", "within 13 months"},
		{"1984-03-17", "1985-04-28", "within 3 years"},
		{"1984-01", "1985-11", "within 3 years"},
		{"1984", "1986", "within 3 years"},
		{"1984-03-07", "1991-12-22", "different"},
		{"1984-13-45", "1984-12-31", "different"},
		{"1984-13-45", "1984-13-45", "identical"},
		{"1984-03-07", "?", "missing"},
	}.check(t, c)
	pairs{{"1984-03-15", "1984-11-28", "same_year"}}.check(t, must(t, "date", "", 1, "identical", "same_year", "different"))
	// The day of the month counts: 13 months and a day are more than 13 months.
	months := must(t, "date", "", 1, "within 13 months", "different")
	pairs{{"1984-03-17", "1985-04-17", "within 13 months"}, {"1984-03-17", "1985-04-18", "different"}, {"1984", "1984", "different"}}.check(t, months)
}

func TestDateKeysAndTerms(t *testing.T) {
	t.Parallel()
	c := must(t, "date", "", 1)
	for part, want := range map[string]string{"value": "19840307", "year": "1984", "month": "03", "day": "07", "year_month": "198403", "day_month": "0307"} {
		require.Equal(t, []string{want}, keysOf(t, c, part, 0, "1984-03-07"), part)
	}
	require.Equal(t, []string{}, keysOf(t, c, "day", 0, "1984-03"))
	require.Equal(t, []string{"198403"}, keysOf(t, c, "year_month", 0, "1984-03"))
	for in, want := range map[string]string{"19840307": "1984-03-07", "1984-3": "1984-03", "1984": "1984"} {
		term, known := c.(Termer).Term(feature(c, in), 0)
		require.True(t, known)
		require.Equal(t, want, term)
	}
	_, known := c.(Termer).Term(feature(c, "19841399"), 0)
	require.False(t, known)
}

func TestDaysMatchTheCalendar(t *testing.T) {
	t.Parallel()
	day1 := rapid.Int64Range(time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()/86400, time.Date(2999, 12, 31, 0, 0, 0, 0, time.UTC).Unix()/86400)
	rapid.Check(t, func(t *rapid.T) {
		a, b := day1.Draw(t, "a"), day1.Draw(t, "b")
		parse := func(n int64) day {
			return takeApart([]byte(readDate(time.Unix(n*86400, 0).UTC().Format(time.DateOnly), "ymd")))
		}
		require.Equal(t, int(b-a), parse(b).number()-parse(a).number())
	})
}
