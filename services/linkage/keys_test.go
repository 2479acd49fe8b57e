package linkage

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

func keysOf(v schema.Values) []int64 {
	m := Default()
	return m.Keys(m.Features(v), secret)
}

// meet reports whether two records are ever compared.
func meet(a, b schema.Values) bool {
	k := keysOf(b)
	return slices.ContainsFunc(keysOf(a), func(key int64) bool { return slices.Contains(k, key) })
}

func TestKeysAreFewSortedAndSecret(t *testing.T) {
	t.Parallel()
	m := Default()
	p := with(grownUp(t), "former_name", "林远", "medical_no", "M190101", "pension_no", "P7", "mother_name", "苏晚晴",
		"hukou_address", dwelling("望湖里", "9", "101"))
	f := m.Features(p)
	keys := m.Keys(f, secret)
	require.LessOrEqual(t, len(keys), m.maxKeys)
	require.Greater(t, len(keys), 6)
	require.True(t, slices.IsSorted(keys))
	require.Len(t, slices.Compact(slices.Clone(keys)), len(keys))
	require.Equal(t, keys, m.Keys(f, secret))
	for _, k := range m.Keys(f, []byte("another secret")) {
		require.NotContains(t, keys, k)
	}
}

// Each way in which two records of one person differ leaves them a key.
func TestKeysFind(t *testing.T) {
	t.Parallel()
	p := grownUp(t)
	n := p[schema.IDNumber]
	pairs := map[string][2]schema.Values{
		"number":                  {{schema.IDNumber: n}, {schema.IDNumber: n, schema.Name: "别名"}},
		"15 digits":               {{schema.IDNumber: n}, {schema.IDNumber: n[:6] + n[8:17]}},
		"wrong check character":   {{schema.IDNumber: n}, {schema.IDNumber: n[:17] + wrongCheck(n)}},
		"homophone, birth":        {{schema.Name: "林佳怡", schema.BirthDate: "1984-03-07"}, {schema.Name: "林佳宜", schema.BirthDate: "1984-03-07"}},
		"pinyin":                  {{schema.Name: "林佳怡", schema.BirthDate: "1984-03-07"}, {schema.Name: "LIN JIAYI", schema.BirthDate: "1984-03-07"}},
		"name, phone":             {{schema.Name: "林佳怡", schema.Phone: "12919030571"}, {schema.Name: "林佳怡", schema.Phone: "12919030571", schema.BirthDate: "1999-09-09"}},
		"home, given name":        {{schema.Name: "林佳怡", schema.Residence: dwelling("听松苑", "3", "502")}, {schema.Name: "苏佳怡", schema.HukouAddress: dwelling("听松苑", "3", "502")}},
		"day and month swapped":   {{schema.Name: "林佳怡", schema.BirthDate: "1984-03-07"}, {schema.Name: "林嘉", schema.BirthDate: "1984-07-03"}},
		"phone, birth":            {{schema.Phone: "12919030571", schema.BirthDate: "1984-03-07"}, with(p, "name", "")},
		"mother's number, birth":  {{schema.Name: "苏晚晴之女", schema.MotherID: n, schema.BirthDate: "2026-03-04"}, {schema.Name: "林一诺", schema.MotherName: "苏婉晴", schema.MotherID: n, schema.BirthDate: "2026-03-04"}},
		"mother's name, birth":    {{schema.Name: "苏晚晴之女", schema.BirthDate: "2026-03-04"}, {schema.Name: "林一诺", schema.MotherName: "苏晚晴", schema.BirthDate: "2026-03-04"}},
		"home, birth":             {{schema.Name: "苏晚晴之女", schema.Residence: dwelling("听松苑", "3", "502"), schema.BirthDate: "2026-03-04"}, {schema.Name: "林一诺", schema.Residence: dwelling("听松苑", "3", "502"), schema.BirthDate: "2026-03-04"}},
		"former name":             {{schema.Name: "林远", schema.FormerName: "林佳怡", schema.BirthDate: "1984-03-07"}, {schema.Name: "林佳怡", schema.BirthDate: "1984-03-07"}},
		"department's number":     {{schema.BirthCertNo: "X1901"}, {schema.BirthCertNo: "X1901"}},
		"number with a slip":      {{schema.IDNumber: n, schema.Name: "林佳怡"}, {schema.IDNumber: slip(n, 11), schema.Name: "林佳怡"}},
		"birth only in a bad one": {{schema.IDNumber: n, schema.Name: "林佳怡"}, {schema.IDNumber: slip(n, 15), schema.Name: "林佳怡"}},
		"birth beside the number": {{schema.IDNumber: n, schema.Name: "林佳怡", schema.BirthDate: "1983-03-07"}, {schema.Name: "林佳怡", schema.BirthDate: "1984-03-07"}},
	}
	for name, pair := range pairs {
		require.True(t, meet(pair[0], pair[1]), name)
	}
	strangers := [][2]schema.Values{
		{{schema.Name: "林佳怡"}, {schema.Name: "林佳怡"}},
		{{schema.BirthDate: "1984-03-07"}, {schema.BirthDate: "1984-03-07"}},
		{{schema.Phone: "12919030571"}, {schema.Phone: "12919030571"}},
		{{schema.Name: "林佳?", schema.BirthDate: "1984-03-07"}, {schema.Name: "苏佳?", schema.BirthDate: "1984-03-07"}},
		{{schema.Name: "林佳怡", schema.BirthDate: "1984"}, {schema.Name: "林佳怡", schema.BirthDate: "1984"}},
	}
	for i, pair := range strangers {
		require.False(t, meet(pair[0], pair[1]), i)
	}
}
