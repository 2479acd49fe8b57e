package comparator

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a person mistypes in a model is answered with what there is.
func TestWrongModels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind, settings string
		attributes     int
		levels         []string
		says           []string
	}{
		{"txt", "", 1, nil, []string{`no comparator "txt"`, "full_name", "tokens"}},
		{"text", "", 1, []string{"jarro >= 0.9", "different"}, []string{`"jarro"`, "jaro_winkler >= x", "levenshtein <= n", "starts_with n", "different"}},
		{"text", "", 1, []string{"jaro >= 1.5", "different"}, []string{`level "jaro >= 1.5"`, `"jaro >= x"`, "at most 1"}},
		{"text", "", 1, []string{"jaro <= 0.5", "different"}, []string{`"jaro >= x"`}},
		{"text", "", 1, []string{"jaro", "different"}, []string{`"jaro >= x"`}},
		{"text", "", 1, []string{"damerau <= -1", "different"}, []string{"from 0"}},
		{"text", "", 1, []string{"starts_with", "different"}, []string{`"starts_with n"`, "from 1"}},
		{"text", "", 1, []string{"identical 3", "different"}, []string{`"identical"`, "nothing behind it"}},
		{"text", "", 1, []string{"identical and", "different"}, []string{"a condition is missing"}},
		{"text", "", 1, []string{"identical"}, []string{`last level must be "different"`}},
		{"text", "", 1, []string{"different", "identical", "different"}, []string{"must come last"}},
		{"text", "", 1, []string{"identical", "identical", "different"}, []string{"twice"}},
		{"text", "", 1, []string{}, []string{`last level must be "different"`}},
		{"text", "", 1, []string{"swapped", "different"}, []string{"needs two attributes"}},
		{"text", "", 2, []string{"identical", "different"}, []string{`attribute "b"`, "swapped"}},
		{"text", "", 2, []string{"swapped nickname", "different"}, []string{"after swapped", `"nickname"`, "damerau <= n"}},
		{"text", "fold: no", 1, nil, []string{"line 1", `no setting "fold"`, "has none"}},
		{"date", "ordr: dmy", 1, nil, []string{"line 1", `no setting "ordr"`, "order"}},
		{"date", "order: yy", 1, nil, []string{`order is "yy"`, "dmy"}},
		{"date", "", 2, nil, []string{"reads one attribute", "a, b"}},
		{"date", "", 1, []string{"within 3 weeks", "different"}, []string{"days|months|years"}},
		{"number", "", 1, []string{"within -3", "different"}, []string{`"within n |%"`, "not below 0"}},
		{"number", "decimal: dot", 1, nil, []string{"decimal", "point", "comma"}},
		{"email", "plus_tags: strip", 1, nil, []string{"plus_tags", "ignore", "keep"}},
		{"email", "gmail_dots: no", 1, nil, []string{"gmail_dots"}},
		{"list", "separator: ''", 1, nil, []string{"separator is empty"}},
		{"list", "", 1, []string{"overlap >= 1", "different"}, []string{`last level must be "none"`}},
		{"tokens", "weights: {high street: 1}", 1, nil, []string{`"high street" is not one word`}},
		{"tokens", "weights: {street: -1}", 1, nil, []string{`"street"`, "from 0"}},
		{"identifier", "pattern: '['", 1, nil, []string{"pattern cannot be read"}},
		{"exact", "", 1, []string{"same", "different"}, []string{`"identical" is missing`}},
		{"exact", "", 1, []string{"different", "identical"}, []string{"last level"}},
		{"full_name", "", 3, nil, []string{"one attribute, or two"}},
	} {
		_, err := build(t, c.kind, c.settings, c.attributes, c.levels...)
		require.Error(t, err, "%s %s %v", c.kind, c.settings, c.levels)
		for _, s := range c.says {
			require.ErrorContains(t, err, s)
		}
	}
}

func TestConditionsJoin(t *testing.T) {
	t.Parallel()
	c := must(t, "text", "", 1, "identical", "same_sound and starts_with 2 or damerau<=1", "different")
	pairs{
		{"smith", "Smith", "identical"},
		{"smith", "smyth", "same_sound and starts_with 2 or damerau<=1"},
		{"knight", "night", "same_sound and starts_with 2 or damerau<=1"},
		{"stephenson", "stevenson", "same_sound and starts_with 2 or damerau<=1"},
		{"knox", "nocks", "different"},
	}.check(t, c)
}

// The comparators' own levels are valid models, and their parts are checked.
func TestDefaultsAndParts(t *testing.T) {
	t.Parallel()
	for kind := range All {
		c := must(t, kind, "", 1)
		again := must(t, kind, "", 1, c.Levels()...)
		require.Equal(t, c.Levels(), again.Levels(), kind)
		k := c.(Keyer)
		for _, part := range k.Parts() {
			n := 0
			if part == "first" || part == "last" {
				require.Error(t, c.(PartChecker).CheckPart(part, 0), "%s.%s", kind, part)
				n = 2
			}
			require.NoError(t, c.(PartChecker).CheckPart(part, n), "%s.%s", kind, part)
		}
		require.ErrorContains(t, c.(PartChecker).CheckPart("moon", 0), "value", kind)
		require.ErrorContains(t, c.(PartChecker).CheckPart("value", 3), "no number", kind)
	}
}

// The package comment is the reference of model files.
func TestDocumentationIsComplete(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	doc := string(text)
	_, reference, found := strings.Cut(doc, "# Parts of blocking keys")
	require.True(t, found)
	for _, list := range [][]word{textWords, fullNameWords, dateWords, numberWords, emailWords, listWords, tokensWords, codeWords} {
		for _, w := range list {
			require.Regexp(t, `(?m)^//\t.*\b`+w.name+`\b`, doc)
		}
	}
	for kind := range All {
		require.Regexp(t, `(?m)^// `+kind+`: `, doc)
		for _, part := range must(t, kind, "", 1).(Keyer).Parts() {
			require.Regexp(t, `(?m)^//\t`+`(\w+ )*`+part+`\b`, reference, kind)
		}
	}
}
