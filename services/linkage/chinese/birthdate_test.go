package chinese

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBirthDateLevels(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "birth_date", 3)
	n := idOf(t, "1984-03-07", 121)
	requireLevels(t, c, []pair{
		{"identical", v("1984-03-07"), v("1984-03-07"), "identical"},
		{"identical to the one of a valid number", v("", n), v("1984-03-07"), "identical"},
		{"identical to the one of a number that says otherwise", v("1971-12-30", n), v("1984-03-07"), "identical"},
		{"identical to the one of a disability card", v("", "", n+"43"), v("1984-03-07"), "identical"},
		{"day and month swapped", v("1984-03-07"), v("1984-07-03"), "swapped"},
		{"lunar birthday", v("1984-03-07"), v("1984-02-05"), "lunar"},
		{"lunar birthday before the new year", v("1984-01-20"), v("1983-12-18"), "lunar"},
		{"lunar birthday before the new year under the solar year", v("1984-01-20"), v("1984-12-18"), "lunar"},
		{"lunar birthday in a leap month", v("1987-08-01"), v("1987-06-07"), "lunar"},
		{"one digit", v("1984-03-07"), v("1984-03-08"), "one_digit"},
		{"one digit of the year", v("1984-03-07"), v("1994-03-07"), "one_digit"},
		{"only the month known", v("1984-03-07"), v("1984-03"), "partial"},
		{"only the year known", v("1984"), v("1984"), "partial"},
		{"same month", v("1984-03-07"), v("1984-03-19"), "same_month"},
		{"same year", v("1984-03-07"), v("1984-10-28"), "same_year"},
		{"same year, a month apart and not lunar", v("1984-03-07"), v("1984-04-12"), "same_year"},
		{"same year, months known", v("1984-03"), v("1984-05"), "same_year"},
		{"different", v("1984-03-07"), v("1971-10-28"), "different"},
		{"different years", v("1984"), v("1985"), "different"},
		{"blank", v("1984-03-07"), v(""), "missing"},
		{"not canonical", v("1984-03-07"), v("1984/03/07"), "missing"},
		{"no month 13", v("1984-03-07"), v("1984-13-07"), "missing"},
		{"not a date", v("1984-03-07"), v("not a date"), "missing"},
		{"read out of one number in both", v("", n), v("", n), "missing"},
		{"read out of the number that the other shows, too", v("", n), v("1971-10-28", wrongCheck(n)), "missing"},
		{"one number, both say it themselves", v("1984-03-07", n), v("1984-03-07", wrongCheck(n)), "identical"},
		{"one number, both say otherwise themselves", v("1971-12-30", n), v("1968-01-09", n), "different"},
		{"an invalid number proves no birth date", v("", slip(n, 15)), v("1984-03-07"), "missing"},
	})
}

func TestBirthDateKeys(t *testing.T) {
	t.Parallel()
	c := kindOf(t, "birth_date", 3)
	n := idOf(t, "1984-03-07", 121)
	require.Equal(t, v("19840307"), keysOf(c, "day", "1984-03-07"))
	require.Equal(t, v("19840307"), keysOf(c, "day", "", n))
	require.Equal(t, v("19840307"), keysOf(c, "day", "1984", n))
	require.Equal(t, v("19830307"), keysOf(c, "day", "1983-03-07", n))
	require.Equal(t, v("19840307"), keysOf(c, "other", "1983-03-07", n))
	require.Empty(t, keysOf(c, "other", "1984-03-07", n))
	require.Empty(t, keysOf(c, "day", "1984-03"), "a month is shared by thousands")
	require.Equal(t, v("19840307"), keysOf(c, "unordered", "1984-07-03"))
	require.Equal(t, v("19840307"), keysOf(c, "unordered", "1984-03-07"))
	require.Equal(t, keysOf(kindOf(t, "id_number", 1), "birth", n), keysOf(c, "day", "1984-03-07"), "they meet")
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{"1984-03-07", "1984-03", "1984", "0000-00-00", "2100-12-31", "1984-02-30", "19840307"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := parseDate(s)
		if d.zero() {
			require.Equal(t, date{}, d)
			return
		}
		require.Contains(t, []int{4, 7, 10}, len(s))
		require.Equal(t, d, dateAt(appendDate(nil, d)))
		require.LessOrEqual(t, d.month, uint8(12))
		require.True(t, d.fits(d))
		l := d.lunar()
		require.True(t, l.zero() || l.full() && l.month <= 12 && l.day <= 30 && d.year-l.year <= 1)
	})
}
