package linkage

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultModel(t *testing.T) {
	t.Parallel()
	m := Default()
	require.NotEmpty(t, m.Version())
	require.Same(t, m, Default())
	l := m.Limits()
	require.Greater(t, l.Link, l.Review)
	require.Positive(t, l.HotKey)
	require.Positive(t, l.Component)
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	text := string(residents)
	tests := map[string]struct{ old, new, want string }{
		"unknown setting":  {"hot_key:", "hotkey:", "hotkey"},
		"unknown level":    {"    swapped:", "    swaped:", "birth_date: swapped is missing"},
		"level too many":   {"    swapped: 600", "    swapped: 600\n    mirrored: 5", `no level "mirrored"`},
		"unknown factor":   {"  sex:\n", "  gender: {}\n  sex:\n", `no factor "gender"`},
		"weights by name":  {"  sex:\n", "  shared: {applied: 1}\n  sex:\n", `no level "applied"`},
		"a fraction":       {"    swapped: 600", "    swapped: 6.5", "a weight is an integer"},
		"no version":       {"version: residents-2026.1", "version: ''", "version is missing"},
		"review above":     {"review: 1400", "review: 2300", "link must be above review"},
		"group above link": {"group: 600", "group: 6000", "group must not be above link"},
		"no hot keys":      {"hot_key: 60", "hot_key: 1", "hot_key must be"},
		"tiny components":  {"component: 400", "component: 1", "component must be"},
		"few keys":         {"keys: 10", "keys: 1", "keys must be"},
		"no shared limit":  {"shared_limit: 1100", "shared_limit: 0", "shared_limit must be"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, text, tt.old)
			_, err := Load(strings.NewReader(strings.Replace(text, tt.old, tt.new, 1)))
			require.ErrorContains(t, err, tt.want)
		})
	}
	_, err := Load(bytes.NewReader(nil))
	require.Error(t, err)
}

func TestEveryLabelExists(t *testing.T) {
	t.Parallel()
	for _, lang := range []Language{Chinese, English} {
		for f := range numFactors {
			require.NotEmpty(t, f.Label(lang), "%s %s", f, lang)
		}
		for l := Missing + 1; l < numLevels; l++ {
			require.NotEmpty(t, l.Label(lang), "%s %s", l, lang)
		}
	}
	require.Len(t, catalogue().Factors, int(numFactors))
	require.Len(t, catalogue().Levels, int(numLevels)-1)
}
