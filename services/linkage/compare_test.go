package linkage

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
)

// drawValues makes a record out of few values, so that any two have something
// in common.
func drawValues(d draw) schema.Values {
	pool := map[schema.Attribute][]string{
		schema.IDNumber:    {"190101198403071211", "190101198403071213", "190101840307121", "190101201503071218", "无"},
		schema.Name:        {"王伟", "王玮", "林佳怡", "林怡佳", "林佳仪", "苏晚晴之女", "苏晚晴", "欧阳沐辰", "Wang Wei", "林佳?", "阿布都·热合曼"},
		schema.FormerName:  {"王伟", "林佳怡"},
		schema.Sex:         {"1", "2", "0"},
		schema.BirthDate:   {"1984-03-07", "1984-07-03", "1984-03", "1985-03-07", "2015"},
		schema.Phone:       {"12919030571", "12919030517", "12600190777"},
		schema.Residence:   {dwelling("听松苑", "3", "502"), dwelling("听松苑", "3", "501"), dwelling("望湖里", "3", "502")},
		schema.HouseholdNo: {"77", "78"},
		schema.Relation:    {"02", "20", "97"},
		schema.MotherName:  {"苏晚晴", "苏婉晴", "王伟"},
		schema.MotherID:    {"190101198403071213", "190101201503071218"},
		schema.BirthOrder:  {"1", "2"},
		schema.MedicalNo:   {"M1", "M2"},
	}
	v := make(schema.Values)
	for _, def := range schema.Attributes() {
		if values := pool[def.Name]; values != nil && d(2, "has") == 0 {
			v[def.Name] = values[d(len(values), string(def.Name))]
		}
	}
	return v
}

func TestCompareIsSymmetricAndAddsUp(t *testing.T) {
	t.Parallel()
	m := Default()
	rapid.Check(t, func(t *rapid.T) {
		d := fromRapid(t)
		a, b := m.Features(drawValues(d)), m.Features(drawValues(d))
		c := m.Compare(a, b)
		require.Equal(t, c, m.Compare(b, a))
		sum := 0
		for _, s := range c.Steps() {
			sum += s.Weight
			require.NotEqual(t, s.Name, s.Label(Chinese), "everything has a Chinese name")
			require.NotEmpty(t, s.Label(English))
			require.NotEqual(t, s.Level, s.LevelLabel(Chinese))
			require.NotEmpty(t, s.LevelLabel(English))
		}
		require.Equal(t, c.Weight, sum)
		if c.Conflict {
			require.Less(t, c.Weight, m.limits.Link, "I3: one number under two people never joins by itself")
		}
		require.Equal(t, Weight{Total: c.Weight, Conflict: c.Conflict, Ambiguous: c.Ambiguous}, m.Weigh(a, b))
	})
}

// The whole road with the real model: whatever the records, the result does not
// depend on their order, and no two valid numbers meet (I2, I3).
func TestRealModelKeepsI3(t *testing.T) {
	t.Parallel()
	m := Default()
	rapid.Check(t, func(t *rapid.T) {
		d := fromRapid(t)
		var list []Item
		for i := range 2 + d(12, "records") {
			f := m.Features(drawValues(d))
			list = append(list, Item{Ref: person(i), F: f, Keys: m.Keys(f, secret)})
		}
		hot := HotKeys(m.limits.HotKey, list)
		r := Batch(m, list, nil, hot)
		byRef := make(map[schema.RecordRef]Features)
		for _, it := range list {
			byRef[it.Ref] = it.F
		}
		for _, g := range r.Groups {
			valid := ""
			for _, ref := range g {
				if v := string(m.Identifier(byRef[ref])); v != "" {
					require.True(t, valid == "" || valid == v)
					valid = v
				}
			}
		}
		for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
			list[i], list[j] = list[j], list[i]
		}
		require.Equal(t, r, Batch(m, list, nil, hot))
	})
}

func TestCommonNamesWeighLess(t *testing.T) {
	t.Parallel()
	weight := func(a, b string) int {
		c := weigh(schema.Values{schema.Name: a}, schema.Values{schema.Name: b})
		return c.Weight
	}
	require.Greater(t, weight("欧阳沐辰", "欧阳沐辰"), weight("林沐辰", "林沐辰"))
	require.Greater(t, weight("林沐辰", "林沐辰"), weight("王沐辰", "王沐辰"))
	require.Greater(t, weight("王沐辰", "王沐辰"), weight("王伟", "王伟"))
	require.Greater(t, weight("王伟", "王伟"), weight("王伟", "Wang Wei"))
	require.Equal(t, weight("王伟", "王玮"), weight("王玮", "王伟"))
	require.Positive(t, weight("王伟", "Wang Wei"))
}

// I9: the waterfall says what was found, and never what it was.
func TestExplainShowsNoValues(t *testing.T) {
	t.Parallel()
	m := Default()
	p := grownUp(t)
	c := weigh(p, with(p, "phone", "12919030517", "birth_date", "1984-07-03"))
	en, zh := m.Explain(c, English), m.Explain(c, Chinese)
	for _, text := range []string{en, zh} {
		for _, v := range p {
			if len(v) > 2 { // codes of one or two digits occur in weights
				require.NotContains(t, text, v)
			}
		}
		require.Equal(t, len(c.Steps())+1, strings.Count(text, "\n"))
	}
	require.Contains(t, en, "day and month swapped")
	require.Contains(t, en, "enough to be joined")
	require.Contains(t, zh, "月日颠倒")
	require.Contains(t, zh, "差一位或相邻两位颠倒")

	conflict := weigh(p, with(p, "name", "魏兰舟"))
	require.Contains(t, m.Explain(conflict, English), "one ID number under clearly different people")
}
