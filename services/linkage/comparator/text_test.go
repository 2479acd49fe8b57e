package comparator

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"  Ann   LEE ": "ann lee", "Straße": "strasse", "ＡＢＣ１": "abc1", "O’Brien": "o'brien", "O´Brien": "o'brien", "Mary‐Ann": "mary-ann",
		"JOSÉ": "josé", "Jose\u0301": "josé", "a\x1fb": "ab", "\xff": "", "": "", " ": "", "ﬁn": "fin", "a\tb": "a b", "´": "'",
	} {
		require.Equal(t, want, fold(in), "%q", in)
	}
	for in, want := range map[string]string{
		"josé": "jose", "łukasz": "lukasz", "ærø": "aero", "müller": "muller", "καλημέρα": "καλημερα", "が": "が", "नी": "नी", "plain": "plain",
	} {
		require.Equal(t, want, withoutAccents(fold(in)), "%q", in)
	}
	require.Equal(t, []string{"obrien", "smith", "42b"}, words("o'brien-smith, 42b '"))
	require.LessOrEqual(t, len(fold(strings.Repeat("王", 2000))), maxValue)
}

func TestFoldIsDone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := fold(rapid.String().Draw(t, "s"))
		require.Equal(t, s, fold(s))
	})
}

func TestText(t *testing.T) {
	t.Parallel()
	pairs{
		{"Smith", "SMITH ", "identical"},
		{"José", "Jose", "same_without_accents"},
		{"O'Brien", "OBrien", "same_letters"},
		{"Mary-Ann", "Mary Ann", "same_letters"},
		{"Robert", "Bob", "nickname"},
		{"Marhta", "Martha", "damerau <= 1"},
		{"Knight", "Nite", "same_sound"},
		{"Shackleford", "Shackelmorde", "jaro_winkler >= 0.92"},
		{"Jonathan", "Jonatzczerbow", "starts_with 5"},
		{"Johansson", "Petterson", "ends_with 2"},
		{"Ann Lee", "Lee", "token_overlap >= 0.5"},
		{"Ashcraft", "Azgroved", "same_soundex"},
		{"Elisa", "Luisa-Elisabet", "contains 4"},
		{"Kim", "Otto", "different"},
		{"Kim", "", "missing"},
	}.check(t, must(t, "text", "", 1, "identical", "same_without_accents", "same_letters", "nickname", "damerau <= 1",
		"same_sound", "jaro_winkler >= 0.92", "starts_with 5", "token_overlap >= 0.5", "contains 4", "same_soundex",
		"ends_with 2", "different"))
}

func TestEndsWith(t *testing.T) {
	t.Parallel()
	pairs{
		{"0123456789", "9923456789", "ends_with 8"},
		{"123", "9123", "different"},
		{"éé", "aéé", "different"},
	}.check(t, must(t, "text", "", 1, "ends_with 8", "different"))
}

func TestSwapped(t *testing.T) {
	t.Parallel()
	c := must(t, "text", "", 2, "identical", "swapped", "swapped damerau <= 1", "different")
	level := func(a, b, x, y string) string { return levelOf(t, c, []string{a, b}, []string{x, y}) }
	require.Equal(t, "identical", level("John", "Smith", "john", "Miller"))
	require.Equal(t, "swapped", level("John", "Smith", "Smith", "John"))
	require.Equal(t, "swapped damerau <= 1", level("John", "Smith", "Smyth", "Jonh"))
	require.Equal(t, "different", level("John", "Smith", "Smith", "Adam"))
	require.Equal(t, "different", level("John", "Smith", "Smith", ""))
	require.Equal(t, "missing", level("", "Smith", "Smith", "John"))
}

func TestTextParts(t *testing.T) {
	t.Parallel()
	c := must(t, "text", "", 1)
	for _, v := range []struct {
		part string
		n    int
		in   string
		want []string
	}{
		{"value", 0, "Ann LEE", []string{"ann lee"}},
		{"first", 3, "Émile", []string{"émi"}},
		{"first", 3, "Li", []string{"li"}},
		{"last", 4, "020 7946 0001", []string{"0001"}},
		{"digits", 0, "020-7946 x", []string{"0207946"}},
		{"digits", 0, "none", []string{}},
		{"soundex", 0, "Müller", []string{"m460"}},
		{"soundex", 0, "王", []string{}},
		{"metaphone", 0, "Smith", []string{"SM0", "XMT"}},
		{"metaphone", 0, "Thomas", []string{"TMS"}},
		{"nickname", 0, "Bob", []string{"robert"}},
		{"nickname", 0, "Chris", []string{"christian", "christina", "christine", "christopher"}},
		{"nickname", 0, "Xiu", []string{"xiu"}},
		{"tokens", 0, "Ann Lee-Ann", []string{"ann", "lee"}},
		{"sorted", 0, "Lee Ann", []string{"ann lee"}},
		{"initials", 0, "Lee Ann", []string{"al"}},
	} {
		require.Equal(t, v.want, keysOf(t, c, v.part, v.n, v.in), "%s of %s", v.part, v.in)
	}
	// What features carry for the levels does not change their parts.
	full := must(t, "text", "", 2, "swapped", "same_letters", "nickname", "same_sound", "different")
	require.Equal(t, []string{"o'b"}, keysOf(t, full, "first", 3, "O'Brien", "Ann"))
	term, known := full.(Termer).Term(feature(full, "O'Brien", "Ann"), 0)
	require.True(t, known)
	require.Equal(t, "o'brien", term)
}

func TestExact(t *testing.T) {
	t.Parallel()
	pairs{{"F", "f", "identical"}, {"f", "m", "different"}, {"f", " ", "missing"}}.check(t, must(t, "exact", "", 1))
	c := must(t, "exact", "", 2)
	require.Equal(t, "identical", levelOf(t, c, []string{"a b", "c"}, []string{"A b", "C"}))
	require.Equal(t, "different", levelOf(t, c, []string{"a b", "c"}, []string{"a", "b c"}))
	require.Equal(t, "missing", levelOf(t, c, []string{"a", ""}, []string{"a", ""}))
	term, _ := c.(Termer).Term(feature(c, "a b", "c"), 0)
	require.Equal(t, "a b c", term)
}
