package linkage

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/linkage/comparator"
)

// What holds for any population, with the model of customers.

func customer(m *Model, given, surname, born string) Features {
	return m.AppendFeatures(nil, []string{given, surname, born}, nil)
}

func steps(c Comparison) map[string]int {
	out := make(map[string]int)
	for _, s := range c.Steps() {
		out[s.Name] = s.Weight
	}
	return out
}

func TestTermFrequencies(t *testing.T) {
	t.Parallel()
	m := load(t, customers)
	tests := map[string]struct {
		a, b []string
		want map[string]int
	}{
		"a rare name":          {[]string{"Odalys", "Quint"}, []string{"odalys", "Quint"}, map[string]int{"given": 632, "frequency of given": 200, "surname": 700}},
		"a common name":        {[]string{"Maria", "Quint"}, []string{"maria", "Quint"}, map[string]int{"given": 632, "frequency of given": -300, "surname": 700}},
		"a name like no value": {[]string{"Null", ""}, []string{"null", ""}, map[string]int{"given": 632, "frequency of given": -300}},
		"of two the rarer, and only as far as the level says": {[]string{"Maria", "Odalys"}, []string{"Odalys", "Maria"},
			map[string]int{"given": 897, "frequency of given": 3, "surname": -300}}, // up to the cap
		"a level without frequency": {[]string{"Odalys", ""}, []string{"Odalis", ""}, map[string]int{"given": 310}},
		"nothing to compare":        {[]string{"Maria", ""}, []string{"", "Quint"}, map[string]int{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := customer(m, tt.a[0], tt.a[1], ""), customer(m, tt.b[0], tt.b[1], "")
			require.Equal(t, tt.want, steps(m.Compare(a, b)))
			require.Equal(t, tt.want, steps(m.Compare(b, a)))
		})
	}
}

func TestFrequencyAdjustment(t *testing.T) {
	t.Parallel()
	const unknown = unknownFrequency
	q := &frequency{percent: []int32{100, 50, 0}, floor: 500, hasFloor: true, top: 1800, hasTop: true}
	tests := []struct {
		level  int
		weight int32
		a, b   int16
		want   int32
	}{
		{0, 1700, -400, -250, -250}, // the rarer spelling
		{0, 1700, -400, unknown, -400},
		{0, 1700, unknown, unknown, 0},
		{1, 1700, -400, -250, -125},
		{2, 1700, -400, -250, 0},
		{0, 600, -400, -400, -100}, // not below the floor
		{0, 300, -400, -400, 0},    // which never lifts
		{0, 1700, 300, 50, 100},    // not above the cap
		{0, 1900, 300, 50, 0},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, q.adjust(tt.level, tt.weight, tt.a, tt.b), tt)
		require.Equal(t, tt.want, q.adjust(tt.level, tt.weight, tt.b, tt.a), tt)
	}
}

// A comparator of two tables, of which one is not known for every value.
type twoTables struct{ comparator.Comparator }

func (twoTables) Terms() []string { return []string{"first", "second"} }

func (twoTables) Term(feature []byte, table int) (string, bool) {
	s := strings.Split(string(feature), "/")[table]
	return s, s != "?"
}

func TestFrequenciesOfARecordAddUp(t *testing.T) {
	t.Parallel()
	table := func(name string, others int16) frequencyTable {
		return frequencyTable{name: name, known: true, others: others, values: map[string]int16{"common": -400}}
	}
	q := &frequency{tables: []frequencyTable{table("first", 10), table("second", 100)}}
	for feature, want := range map[string]int16{
		"common/common": -800, "common/rare": -300, "rare/common": -390, "rare/rare": 110,
		"?/common": -400, "common/?": -400, "?/?": unknownFrequency,
	} {
		require.Equal(t, want, q.of(twoTables{}, []byte(feature)), feature)
	}
	q.tables[0].others, q.tables[1].others = math.MaxInt16, math.MaxInt16
	require.Equal(t, int16(math.MaxInt16), q.of(twoTables{}, []byte("rare/rare")))
	q.tables[1].known = false
	require.Equal(t, int16(-400), q.of(twoTables{}, []byte("common/common")), "a table that training has not filled")
}

func TestKeysOfRules(t *testing.T) {
	t.Parallel()
	m := load(t, customers)
	f := customer(m, "Odalys", "Quint", "1984-03-07")
	keys := m.AppendKeys(nil, f)
	require.Len(t, keys, 3)
	require.Equal(t, keys[:1], m.KeysOfRule(nil, f, 0))
	require.Equal(t, keys[1:], m.KeysOfRule(nil, f, 1))
	require.Equal(t, append([]int64{7}, keys...), m.AppendKeys([]int64{7}, f))

	turned := customer(m, "Quint", "Odalys", "1984-03-07")
	require.ElementsMatch(t, keys[1:], m.KeysOfRule(nil, turned, 1), "ways of one space find one another")
	require.NotEqual(t, keys[:1], m.KeysOfRule(nil, turned, 0), "parts have their places")
	require.NotContains(t, m.AppendKeys(nil, customer(m, "Odalys", "Quint", "1984-03-08")), keys[1])
	require.Empty(t, m.AppendKeys(nil, customer(m, "Odalys", "", "")), "a part that says nothing makes no key")
	require.Equal(t, []int{0, 1}, m.ComparisonsOfRule(0))
	require.Equal(t, []int{0, 1, 2}, m.ComparisonsOfRule(1))

	few := load(t, strings.Replace(customers, "files:\n", "limits: {keys: 2}\nfiles:\n", 1))
	require.Equal(t, m.AppendKeys(nil, f)[:2], few.AppendKeys(nil, f), "the first rules count")
	require.Len(t, few.KeysOfRule(nil, f, 1), 2)
	secretly := m.Keys(f, secret)
	require.Len(t, secretly, 3)
	for _, k := range keys {
		require.False(t, slices.Contains(secretly, k))
	}
}

func TestSharedLimit(t *testing.T) {
	t.Parallel()
	m := load(t, customers+"shared: {of: [surname, born], limit: 1000, except: {born: {given: [different]}}}\n")
	same, other := customer(m, "", "Quint", "1984-03-07"), customer(m, "Odalys", "Quint", "1984-03-07")
	require.Equal(t, map[string]int{"surname": 700, "born": 900, "shared": -600}, steps(m.Compare(same, same)))
	require.Equal(t, map[string]int{"surname": 700}, steps(m.Compare(same, customer(m, "", "Quint", ""))), "below the limit")
	excepted := m.Compare(other, customer(m, "Berta", "Quint", "1984-03-07"))
	require.Zero(t, steps(excepted)["shared"])
	against := m.Compare(same, customer(m, "", "Quint", "1971-10-28"))
	require.Equal(t, map[string]int{"surname": 700, "born": -600}, steps(against), "what speaks against makes no room")
}

func TestConflict(t *testing.T) {
	t.Parallel()
	m := load(t, customers+`conflict:
  when: {born: [identical]}
  any:
    - {given: [missing], surname: {not: [identical, missing]}}
    - {given: {not: [missing, identical, "jaro_winkler >= 0.9", swapped]}}
`)
	conflict := func(a, b Features) bool {
		c := m.Compare(a, b)
		require.Equal(t, Weight{Total: c.Weight, Conflict: c.Conflict}, m.Weigh(a, b))
		return c.Conflict
	}
	p := customer(m, "Odalys", "Quint", "1984-03-07")
	require.False(t, conflict(p, p))
	require.True(t, conflict(p, customer(m, "Berta", "Quint", "1984-03-07")))
	require.True(t, conflict(p, customer(m, "", "Vance", "1984-03-07")))
	require.False(t, conflict(p, customer(m, "", "", "1984-03-07")))
	require.False(t, conflict(p, customer(m, "Berta", "Vance", "1971-10-28")))

	// A conflict outweighs all evidence, and no more than it must.
	m = load(t, customers+"conflict: {when: {born: [identical]}, any: [{given: [identical]}]}\n")
	c := m.Compare(p, p)
	require.Equal(t, m.limits.Link-1, c.Weight)
	require.Equal(t, map[string]int{"given": 632, "frequency of given": 200, "surname": 700, "born": 900, "conflict": 1199 - 2432}, steps(c))
}

// Without labels of its own, a line is called by its name in the model.
func TestExplainAnyModel(t *testing.T) {
	t.Parallel()
	m := load(t, strings.NewReplacer("name: given\n", "name: rufname\n", "given.value", "rufname.value").Replace(customers))
	a, b := customer(m, "Odalys", "Quint", "1984-03-07"), customer(m, "Odalis", "Quint", "1984-03-07")
	require.Contains(t, m.Explain(m.Compare(a, a), English), "How common: rufname")
	require.Contains(t, m.Explain(m.Compare(a, a), Chinese), "rufname的常见程度")
	require.Contains(t, m.Explain(m.Compare(a, b), English), "jaro_winkler >= 0.9")
	untrained := load(t, "version: 1\ncomparisons: [{name: a, comparator: exact, attributes: [a]}]\nblocking: [a.value]\n")
	f := Features(untrained.AppendFeatures(nil, []string{"x"}, nil))
	require.Contains(t, untrained.Explain(untrained.Compare(f, f), English), "the model has no thresholds")
	require.Empty(t, Comparison{}.Steps())
}

func BenchmarkAppendKeys(b *testing.B) {
	m := Default()
	f := m.Features(grownUp(b))
	var keys []int64
	b.ReportAllocs()
	for b.Loop() {
		keys = m.AppendKeys(keys[:0], f)
	}
}

func BenchmarkAppendFeatures(b *testing.B) {
	m := Default()
	values := m.valuesOf(nil, grownUp(b))
	var memo comparator.Memo
	var arena []byte
	b.ReportAllocs()
	for b.Loop() {
		arena = m.AppendFeatures(arena[:0], values, &memo)
	}
	b.ReportMetric(float64(len(arena)), "bytes")
}
