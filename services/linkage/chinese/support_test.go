package chinese

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"heji/schema/idnum"
	"heji/services/linkage/comparator"
)

// kindOf makes a comparator over n attributes, with shared values where given.
func kindOf(t testing.TB, kind string, n int, shared ...string) comparator.Comparator {
	t.Helper()
	o := comparator.Options{Attributes: make([]string, n)}
	if len(shared) > 0 {
		o.Settings = settingsOf(t, map[string]any{"shared": shared})
	}
	c, err := Kinds.New(kind, o)
	require.NoError(t, err)
	return c
}

func settingsOf(t testing.TB, v any) *yaml.Node {
	t.Helper()
	text, err := yaml.Marshal(v)
	require.NoError(t, err)
	var doc yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &doc))
	return doc.Content[0]
}

func feature(c comparator.Comparator, values ...string) []byte {
	return c.Append(nil, &comparator.Record{Values: values, Memo: &comparator.Memo{}})
}

// levelOf names the level of two records, "missing" where one says nothing.
func levelOf(t testing.TB, c comparator.Comparator, a, b []string) string {
	t.Helper()
	return levelOfFeatures(t, c, feature(c, a...), feature(c, b...))
}

func levelOfFeatures(t testing.TB, c comparator.Comparator, x, y []byte) string {
	t.Helper()
	if len(x) == 0 || len(y) == 0 {
		return "missing"
	}
	l := c.Level(x, y)
	require.Equal(t, l, c.Level(y, x), "the level depends on the order")
	if l == comparator.Missing {
		return "missing"
	}
	return c.Levels()[l]
}

// pair is one row of a table of levels.
type pair struct {
	name string
	a, b []string
	want string
}

func v(values ...string) []string { return values }

// requireLevels runs a table, and checks that it shows every level.
func requireLevels(t *testing.T, c comparator.Comparator, table []pair) {
	t.Helper()
	shown := map[string]bool{}
	for _, p := range table {
		t.Run(p.name, func(t *testing.T) {
			require.Equal(t, p.want, levelOf(t, c, p.a, p.b), "%v %v", p.a, p.b)
		})
		shown[p.want] = true
	}
	for _, l := range append(c.Levels(), "missing") {
		require.True(t, shown[l], "no row of the table shows level %s", l)
	}
}

// keysOf returns what a part of a record emits.
func keysOf(c comparator.Comparator, part string, values ...string) []string {
	var list []string
	if f := feature(c, values...); len(f) > 0 {
		c.(comparator.Keyer).Keys(f, part, 0, func(key []byte) { list = append(list, string(key)) })
	}
	return list
}

// idOf makes a valid ID number of an area that is not assigned.
func idOf(t testing.TB, birth string, order int) string {
	t.Helper()
	n, err := idnum.Make("190101", birth, order)
	require.NoError(t, err)
	return n
}

// slip changes the digit at a place, so that the number cannot be right.
func slip(n string, at int) string {
	b := []byte(n)
	b[at] = '0' + (b[at]-'0'+1)%10
	return string(b)
}

// wrongCheck changes the check character.
func wrongCheck(n string) string {
	check := "0"
	if n[17] == '0' {
		check = "1"
	}
	return n[:17] + check
}
