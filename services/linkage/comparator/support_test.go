package comparator

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// build makes a comparator of attributes a, b, … as a model would.
func build(t testing.TB, kind, settings string, attributes int, levels ...string) (Comparator, error) {
	t.Helper()
	o := Options{Attributes: []string{"a", "b", "c"}[:attributes], Levels: levels}
	if settings != "" {
		var doc yaml.Node
		require.NoError(t, yaml.Unmarshal([]byte(settings), &doc))
		o.Settings = doc.Content[0]
	}
	return All.New(kind, o)
}

func must(t testing.TB, kind, settings string, attributes int, levels ...string) Comparator {
	t.Helper()
	c, err := build(t, kind, settings, attributes, levels...)
	require.NoError(t, err)
	return c
}

func feature(c Comparator, values ...string) []byte {
	return c.Append(nil, &Record{Values: values})
}

// levelOf names the level of two records, each way round.
func levelOf(t testing.TB, c Comparator, a, b []string) string {
	t.Helper()
	x, y := feature(c, a...), feature(c, b...)
	if len(x) == 0 || len(y) == 0 {
		return "missing"
	}
	l := c.Level(x, y)
	require.Equal(t, l, c.Level(y, x), "not symmetric: %q %q", a, b)
	return c.Levels()[l]
}

// keysOf lists what a part emits, sorted.
func keysOf(t testing.TB, c Comparator, part string, n int, values ...string) []string {
	t.Helper()
	require.NoError(t, c.(PartChecker).CheckPart(part, n))
	require.Contains(t, c.(Keyer).Parts(), part)
	keys := []string{}
	if f := feature(c, values...); len(f) > 0 {
		c.(Keyer).Keys(f, part, n, func(v []byte) { keys = append(keys, string(v)) })
	}
	slices.Sort(keys)
	return keys
}

type pairs []struct{ a, b, want string }

func (p pairs) check(t *testing.T, c Comparator) {
	t.Helper()
	for _, v := range p {
		require.Equal(t, v.want, levelOf(t, c, []string{v.a}, []string{v.b}), "%s | %s", v.a, v.b)
	}
}
