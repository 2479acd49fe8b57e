package comparator

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// demanding are comparators that ask for everything their kind knows.
func demanding(t testing.TB) map[string]Comparator {
	return map[string]Comparator{
		"text": must(t, "text", "", 2, "identical", "same_without_accents", "same_letters", "nickname", "swapped", "swapped jaro >= 0.8",
			"same_sound", "same_soundex", "jaro_winkler >= 0.92", "damerau <= 1", "levenshtein <= 3 and jaro >= 0.5", "starts_with 2",
			"ends_with 2", "contains 2", "token_overlap >= 0.3", "different"),
		"full_name": must(t, "full_name", "", 2, "identical", "same_tokens", "initials", "nickname", "subset", "token_similarity >= 0.9",
			"token_similarity >= 0.6", "damerau <= 2", "shared_tokens >= 2", "shared_tokens >= 1", "different"),
		"date": must(t, "date", "", 1, "identical", "compatible", "swapped", "one_digit", "damerau <= 1", "within 10 days", "within 2 months",
			"same_month", "same_day_month", "same_year", "within 5 years", "levenshtein <= 3", "different"),
		"number":     must(t, "number", "", 1, "identical", "within 1", "within 20%", "different"),
		"email":      must(t, "email", "", 1, "identical", "same_user", "same_user jaro_winkler >= 0.8", "same_domain", "damerau <= 3", "different"),
		"list":       must(t, "list", "", 2, "identical", "subset", "share >= 0.5", "overlap >= 1", "none"),
		"tokens":     must(t, "tokens", "", 2, "identical", "jaccard >= 0.5", "subset", "token_overlap >= 0.2", "overlap >= 1", "different"),
		"weighed":    must(t, "tokens", "weights: {a: 0.5, b: 0, ann: 3}", 2, "identical", "jaccard >= 0.5", "token_overlap >= 0.2", "different"),
		"exact":      must(t, "exact", "", 2),
		"identifier": must(t, "identifier", "pattern: '[a-c0-9]+'", 1, "identical", "damerau <= 2", "contains 3", "different"),
		"postcode":   must(t, "postcode", "", 1, "identical", "starts_with 2", "levenshtein <= 1", "different"),
	}
}

// attributesOf says how many values a comparator of demanding reads.
func attributesOf(name string) int {
	switch name {
	case "date", "number", "email", "identifier", "postcode":
		return 1
	}
	return 2
}

// value draws what may stand in a file: people's data with slips, and anything.
func value() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"", "Ann", "Anne", "ann-lee", "O'Brien", "Obrien", "Bob Smith", "Robert Smyth", "Smith, J.", "José", "jose", "王小明", "1984-03-07",
			"1984-07-03", "19840317", "1984", "1984-3", "12.5", "13", "-0", "ann@example.org", "ann+b@gmail.com", "a,b,c", "c,b", "[a, b]",
			"12 High Street", "high street 12", "SW1A 1AA", "0000000",
		}),
		rapid.StringOf(rapid.RuneFrom([]rune("ab1 .@-,é'"))),
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.StringN(1, 20, -1), func(s string) string { return strings.Repeat(s, 300) }),
	)
}

func record(t *rapid.T, n int) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = value().Draw(t, "value")
	}
	return values
}

func TestFeaturesAreBoundedAndComparedAlike(t *testing.T) {
	t.Parallel()
	all := demanding(t)
	rapid.Check(t, func(t *rapid.T) {
		for name, c := range all {
			a := feature(c, record(t, attributesOf(name))...)
			b := feature(c, record(t, attributesOf(name))...)
			require.LessOrEqual(t, len(a), 12_000, name)
			laws(t, name, c, a, b)
			if len(a) > 0 {
				require.Zero(t, c.Level(a, a), "%s: a value is not identical with itself", name)
			}
		}
	})
}

func TestAnyBytesAreCompared(t *testing.T) {
	t.Parallel()
	all := demanding(t)
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "a")
		b := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "b")
		// Bytes that start alike reach deeper.
		if rapid.Bool().Draw(t, "alike") {
			b = append(append([]byte{}, a[:len(a)/2]...), b...)
		}
		for name, c := range all {
			laws(t, name, c, a, b)
		}
	})
}

// laws hold for any two features.
func laws(t *rapid.T, name string, c Comparator, a, b []byte) {
	for _, f := range [][]byte{a, b} {
		if len(f) == 0 {
			return
		}
		k := c.(Keyer)
		for _, part := range k.Parts() {
			n := 0
			if part == "first" || part == "last" {
				n = 3
			}
			k.Keys(f, part, n, func(v []byte) { require.LessOrEqual(t, len(v), 12_000, "%s.%s", name, part) })
		}
		if m, ok := c.(Termer); ok {
			for table := range m.Terms() {
				m.Term(f, table)
			}
		}
		if id, ok := c.(Identifier); ok {
			id.Identifier(f)
		}
	}
	l := c.Level(a, b)
	require.Equal(t, l, c.Level(b, a), "%s is not symmetric", name)
	require.GreaterOrEqual(t, l, 0, name)
	require.Less(t, l, len(c.Levels()), name)
}

// Two numbers are equal exactly when their identifiers are (I3).
func TestIdentifiersAreTheNumbers(t *testing.T) {
	t.Parallel()
	c := must(t, "identifier", "", 1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := value().Draw(t, "a"), value().Draw(t, "b")
		x, y := feature(c, a), feature(c, b)
		if len(x) == 0 || len(y) == 0 {
			return
		}
		id := c.(Identifier)
		require.Equal(t, c.Level(x, y) == 0, string(id.Identifier(x)) == string(id.Identifier(y)))
	})
}

func TestNumbersAreReadBack(t *testing.T) {
	t.Parallel()
	c := must(t, "number", "", 1)
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64().Filter(func(x float64) bool { return !math.IsInf(x, 0) }).Draw(t, "x")
		f := feature(c, formatted(x))
		require.Equal(t, x+0, quantity(f))
	})
}

func TestLevelsAllocateNothing(t *testing.T) {
	all := demanding(t)
	for name, c := range all {
		for _, v := range [][2]string{
			{"Jonathan Smithson", "Jonatan Smythson"}, {"1984-03-07", "1984-03-17"}, {"ann@example.org", "anna@example.net"},
			{"a,b,c", "d,e,f"}, {"Łukasz Müller", "Lukas Mueller"}, {strings.Repeat("abc ", 200), strings.Repeat("acb ", 200)}, {"12", "40"},
		} {
			n := attributesOf(name)
			a, b := feature(c, []string{v[0], "x"}[:n]...), feature(c, []string{v[1], "y"}[:n]...)
			if len(a) == 0 || len(b) == 0 {
				continue
			}
			require.Zero(t, testing.AllocsPerRun(10, func() { c.Level(a, b) }), "%s: %s", name, v[0])
		}
	}
}
