package linkage

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
	"heji/services/linkage/comparator"
)

// What says nothing is no feature and makes no key.
func TestPlaceholdersAreNoEvidence(t *testing.T) {
	t.Parallel()
	m := Default()
	f := m.Features(schema.Values{
		schema.IDNumber: "111111111111111111", schema.Name: "不详", schema.Phone: "13800138000", schema.Sex: "9",
		schema.BirthDate: "不详", schema.HouseholdNo: "0000", schema.MedicalNo: "无", schema.MotherName: "未知",
		schema.MotherID: "000000000000000000", schema.Residence: schema.Address{Building: "3", Room: "502"}.Canonical(),
	})
	require.Equal(t, m.Features(nil), f)
	require.Empty(t, m.Keys(f, secret))
	require.Empty(t, m.Compare(f, f).Steps())
	require.Empty(t, m.Identifier(f))
}

func TestFeaturesBelongToTheirModel(t *testing.T) {
	t.Parallel()
	m := Default()
	f := m.Features(grownUp(t))
	require.True(t, m.Own(f))
	require.False(t, m.Own(nil))
	require.False(t, m.Own(f[:len(f)-1]))
	require.False(t, m.Own(append(f[:len(f):len(f)], 0)))
	changed := load(t, strings.Replace(string(residents), "version: residents-2026.3", "version: another", 1))
	require.False(t, changed.Own(f))
	frequent := load(t, strings.Replace(string(residents), "weight: -400", "weight: -401", 1))
	require.False(t, frequent.Own(f), "features hold adjustments")
	require.True(t, load(t, strings.Replace(string(residents), "      swapped: 600", "      swapped: 601 # more", 1)).Own(f),
		"they hold no weights, and a comment is no part of a model")
}

// The stream, an arena and a map of values make the same features.
func TestAppendFeaturesIsFeatures(t *testing.T) {
	t.Parallel()
	m := Default()
	rapid.Check(t, func(t *rapid.T) {
		d := fromRapid(t)
		var arena []byte
		var memo comparator.Memo
		var want []Features
		var ends []int
		for range 3 {
			v := drawValues(d)
			want = append(want, m.Features(v))
			arena = m.AppendFeatures(arena, m.valuesOf(nil, v), &memo)
			ends = append(ends, len(arena))
		}
		from := 0
		for i, end := range ends {
			require.Equal(t, want[i], Features(arena[from:end]))
			require.True(t, m.Own(arena[from:end]))
			from = end
		}
	})
}

// A record of unreasonable length stays within 16 bits, and says what fits.
func TestFeaturesAreBounded(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("version: long\ncomparisons:\n")
	for i := range MaxComparisons {
		text.WriteString("  - {name: c" + string(rune('a'+i)) + ", comparator: text, attributes: [a], levels: [identical, token_overlap >= 0.5, same_sound, different]}\n")
	}
	text.WriteString("blocking: [ca.tokens]\n")
	m := load(t, text.String())
	long := strings.Repeat("gurumayi venkatasubramanian ", 10_000)
	f := Features(m.AppendFeatures(nil, []string{long}, nil))
	require.LessOrEqual(t, len(f), maxFeatures)
	require.True(t, m.Own(f))
	require.True(t, m.Says(f, 0))
	require.Equal(t, 0, m.Compare(f, f).Level(0))
}

// Whatever bytes lie in a row: nothing panics, and a comparison is symmetric.
func FuzzFeatures(f *testing.F) {
	m := Default()
	p := m.Features(grownUp(f))
	f.Add([]byte(p), []byte(p))
	f.Add([]byte(p[:40]), []byte{})
	f.Add([]byte(p), []byte(m.Features(schema.Values{schema.Name: "张丽之女", schema.MotherID: "190101198403071211"})))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		require.Equal(t, m.Compare(a, b), m.Compare(b, a))
		require.LessOrEqual(t, len(m.Keys(a, secret)), m.maxKeys)
		m.Identifier(a)
		m.Own(a)
		for i, c := range m.Comparisons() {
			for table := range c.Frequencies {
				m.Term(i, table, a)
			}
		}
	})
}

// Whatever values arrive, they are read or left alone.
func FuzzValues(f *testing.F) {
	f.Add("张丽之女", "1984-03-07", "12919030571", "a|b|c")
	f.Add("\x00\xff", "0000-00-00", "+", "||||||||||")
	f.Fuzz(func(t *testing.T, name, date, number, address string) {
		m := Default()
		v := schema.Values{
			schema.Name: name, schema.FormerName: number, schema.BirthDate: date, schema.Phone: number, schema.IDNumber: number,
			schema.Residence: address, schema.MotherName: address, schema.MotherID: date, schema.DisabilityNo: number,
			schema.BirthOrder: number, schema.Relation: name, schema.Sex: name, schema.HouseholdNo: name,
		}
		a, b := m.Features(v), m.Features(schema.Values{schema.Name: address, schema.IDNumber: date})
		require.True(t, m.Own(a))
		require.LessOrEqual(t, len(m.Keys(a, secret)), m.maxKeys)
		require.Equal(t, m.Compare(a, b), m.Compare(b, a))
	})
}
