package chinese

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/services/linkage/comparator"
)

// attributesOf are how many attributes each kind takes.
var attributesOf = map[string]int{
	"id_number": 2, "chinese_name": 3, "birth_date": 3, "sex": 4, "phone": 1, "dwelling": 2, "household": 2, "mother": 3,
	"birth_order": 2, "department_numbers": 7,
}

func everyKind(t testing.TB) map[string]comparator.Comparator {
	t.Helper()
	all := map[string]comparator.Comparator{}
	for kind := range Kinds {
		all[kind] = kindOf(t, kind, attributesOf[kind])
	}
	return all
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for kind, c := range everyKind(t) {
		attributes := make([]string, attributesOf[kind])
		levels := slices.Clone(c.Levels())
		slices.Reverse(levels)
		_, err := Kinds.New(kind, comparator.Options{Attributes: attributes, Levels: levels})
		require.NoError(t, err, "%s: the levels in another order", kind)
		_, err = Kinds.New(kind, comparator.Options{Attributes: attributes, Levels: levels[1:]})
		require.ErrorContains(t, err, levels[0], kind)
		_, err = Kinds.New(kind, comparator.Options{Attributes: attributes, Levels: append(levels, "lucky")})
		require.ErrorContains(t, err, `"lucky"`, kind)
		_, err = Kinds.New(kind, comparator.Options{})
		require.ErrorContains(t, err, "attributes are missing", kind)
		_, err = Kinds.New(kind, comparator.Options{Attributes: make([]string, 256)})
		require.ErrorContains(t, err, "at most", kind)
		_, err = Kinds.New(kind, comparator.Options{Attributes: attributes, Settings: settingsOf(t, map[string]any{"strict": true})})
		require.ErrorContains(t, err, "strict", kind)
	}
	_, err := Kinds.New("phone", comparator.Options{Attributes: make([]string, 1), Settings: settingsOf(t, map[string]any{"shared": 7})})
	require.Error(t, err)
}

// words are values of which any two have something in common.
var words = []string{
	"", " ", "190101198403071211", "190101840307121", "19010119840307121143", "XYZ999999999999", "无", "1", "2", "02", "20",
	"1984-03-07", "1984-02-05", "1984-07-03", "1984", "林佳怡", "林怡佳", "歐陽沐辰", "欧阳沐辰", "Wang Wei", "wei wang", "王伟",
	"林佳?", "林jia", "苏晚晴之女", "苏某之次女", "阿布都·热合曼", "12919030571", "0531-88190357", "88190357",
	"||||柳荫社区||听松苑|3|1|502|", "||||石桥村|12号|||||", "\xff\xfe", "𠮷", "7", "77",
}

// A feature is a function of the values, with and without a memo, wherever it is
// put (I2); a level is symmetric; nothing is found in common with nothing.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	all := everyKind(t)
	rapid.Check(t, func(t *rapid.T) {
		for kind, c := range all {
			draw := func(label string) *comparator.Record {
				r := &comparator.Record{Memo: &comparator.Memo{}}
				for range attributesOf[kind] {
					r.Values = append(r.Values, rapid.SampledFrom(words).Draw(t, kind+label))
				}
				return r
			}
			a, b := draw(" a"), draw(" b")
			x, y := c.Append(nil, a), c.Append(nil, b)
			require.Equal(t, x, c.Append(nil, a), kind)
			require.Equal(t, append([]byte("before"), x...), c.Append([]byte("before"), &comparator.Record{Values: a.Values}), kind)
			if len(x) > 0 && len(y) > 0 {
				level := c.Level(x, y)
				require.Equal(t, level, c.Level(y, x), kind)
				require.Less(t, level, len(c.Levels()), kind)
			}
			if k, ok := c.(comparator.Keyer); ok && len(x) > 0 {
				for _, part := range k.Parts() {
					k.Keys(x, part, 0, func(key []byte) { require.NotEmpty(t, key, "%s.%s", kind, part) })
				}
			}
		}
	})
}

// A record without any value leaves nothing but a byte of birth_order.
func TestNothingSaysNothing(t *testing.T) {
	t.Parallel()
	for kind, c := range everyKind(t) {
		if f := feature(c, make([]string, attributesOf[kind])...); kind != "birth_order" {
			require.Empty(t, f, kind)
		}
		if kind != "birth_order" {
			require.Empty(t, feature(c), "%s without values", kind)
		}
	}
}

// Very long values make short features.
func TestFeaturesAreShort(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"长", "9", "x", "?", "林", "|", " 之女", "·a"} {
		long := ""
		for len(long) < 5000 {
			long += s
		}
		for kind, c := range everyKind(t) {
			values := make([]string, attributesOf[kind])
			for i := range values {
				values[i] = long
			}
			f := feature(c, values...)
			require.LessOrEqual(t, len(f), 4000, kind)
			if len(f) > 0 {
				c.Level(f, f)
			}
		}
	}
}

// Whatever bytes lie in a database, comparing them goes well.
func FuzzFeatures(f *testing.F) {
	all := everyKind(f)
	for kind, c := range all {
		for _, w := range words {
			values := make([]string, attributesOf[kind])
			for i := range values {
				values[i] = w
			}
			x := feature(c, values...)
			f.Add(x, x)
			f.Add(x, x[:len(x)/2])
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for kind, c := range all {
			if len(a) == 0 || len(b) == 0 {
				continue
			}
			level := c.Level(a, b)
			require.Equal(t, level, c.Level(b, a), kind)
			require.GreaterOrEqual(t, level, comparator.Missing)
			require.Less(t, level, len(c.Levels()))
			if k, ok := c.(comparator.Keyer); ok {
				for _, part := range append(k.Parts(), "") {
					k.Keys(a, part, 1, func([]byte) {})
				}
			}
			if k, ok := c.(comparator.Termer); ok {
				for table := range k.Terms() {
					k.Term(a, table)
				}
			}
			if k, ok := c.(comparator.Identifier); ok {
				k.Identifier(a)
			}
		}
	})
}

// Whatever text arrives, it is read or left alone.
func FuzzValues(f *testing.F) {
	for _, w := range words {
		f.Add(w, w)
	}
	all := everyKind(f)
	f.Fuzz(func(t *testing.T, v, w string) {
		for kind, c := range all {
			values := make([]string, attributesOf[kind])
			for i := range values {
				if values[i] = v; i%2 == 1 {
					values[i] = w
				}
			}
			x, y := feature(c, values...), feature(c, v)
			if len(x) > 0 && len(y) > 0 {
				require.Equal(t, c.Level(x, y), c.Level(y, x), kind)
			}
		}
	})
}
