package comparator

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func formatted(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func FuzzDate(f *testing.F) {
	for _, s := range []string{"1984-03-07", "07/03/1984", "19840307", "1984", "1984-03-07T00:00:00", "1984年3月7日", "0000-00-00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, order := range []string{"ymd", "dmy", "mdy"} {
			d := readDate(s, order)
			require.Empty(t, strings.Trim(d, "0123456789"))
			require.LessOrEqual(t, len(d), 9)
			require.NotContains(t, []int{1, 2, 3, 5}, len(d))
			// What was read is read again, whatever the order of the file.
			require.Equal(t, d, readDate(d, "ymd"))
		}
	})
}

func FuzzEmail(f *testing.F) {
	for _, s := range []string{"ann@example.org", "Ann <ann+x@gmail.com>", "mailto:a@b", "a@b@c", "@", "<@>", "a@b."} {
		f.Add(s)
	}
	c := must(f, "email", "", 1)
	f.Fuzz(func(t *testing.T, s string) {
		a := feature(c, s)
		if len(a) == 0 {
			return
		}
		user, domain := address(a)
		require.NotEmpty(t, user)
		require.NotEmpty(t, domain)
		require.NotContains(t, string(a), " ")
	})
}

func FuzzList(f *testing.F) {
	for _, s := range []string{"a,b", "[a, 'b']", ",,", "{}", `["x"]`} {
		f.Add(s)
	}
	c := must(f, "list", "", 1)
	f.Fuzz(func(t *testing.T, s string) {
		a := feature(c, s)
		require.LessOrEqual(t, len(a), maxValue)
		last := ""
		set(a).each(func(member []byte) {
			require.Greater(t, string(member), last, "sorted, without doubles, none empty")
			require.True(t, utf8.Valid(member))
			last = string(member)
		})
	})
}

func FuzzCondition(f *testing.F) {
	for _, s := range []string{"identical", "jaro_winkler >= 0.9", "damerau<=1 or nickname and starts_with 3", "swapped jaro >= 0.5", "and", "or or", "jaro >= NaN"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, kind := range []string{"text", "date", "number", "email", "list", "tokens", "full_name"} {
			rest := "different"
			if kind == "list" {
				rest = "none"
			}
			c, err := build(t, kind, "", 1, s, rest)
			if err != nil {
				require.NotEmpty(t, err.Error())
				continue
			}
			require.Equal(t, []string{s, rest}, c.Levels())
			if x := feature(c, "1984"); len(x) > 0 {
				require.GreaterOrEqual(t, c.Level(x, x), 0)
			}
		}
	})
}

func FuzzFold(f *testing.F) {
	f.Add("O’Brien  É\xff")
	f.Fuzz(func(t *testing.T, s string) {
		folded := fold(s)
		require.True(t, utf8.ValidString(folded))
		require.Equal(t, strings.TrimSpace(folded), folded)
		require.LessOrEqual(t, len(folded), maxValue)
		require.LessOrEqual(t, len(withoutAccents(folded)), maxValue)
		first, second := metaphone(folded)
		require.LessOrEqual(t, max(len(first), len(second)), maxCode)
	})
}

// FuzzComparators: every comparator reads any text, and any bytes as a feature.
func FuzzComparators(f *testing.F) {
	f.Add("O'Brien, Ann", "ann+b@example.org", []byte("\x01\xff"))
	f.Add("1984-03-07", "12,5", []byte{})
	f.Add("12 High Street", "\x00\xff", []byte("A1"))
	all := demanding(f)
	f.Fuzz(func(t *testing.T, one, other string, raw []byte) {
		for name, c := range all {
			values := []string{one, other}
			a, b := feature(c, values[:attributesOf(name)]...), feature(c, other, one)
			if attributesOf(name) == 1 {
				b = feature(c, other)
			}
			for _, x := range [][]byte{a, b, raw} {
				for _, y := range [][]byte{a, b, raw} {
					if l := c.Level(x, y); len(x) > 0 && len(y) > 0 {
						require.Less(t, l, len(c.Levels()), name)
						require.Equal(t, l, c.Level(y, x), name)
					}
				}
				if k, ok := c.(Keyer); ok && len(x) > 0 {
					for _, part := range k.Parts() {
						k.Keys(x, part, 2, func([]byte) {})
					}
				}
			}
		}
	})
}
