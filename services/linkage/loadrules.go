package linkage

import (
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"heji/services/linkage/comparator"
)

// readFrequency reads which levels are adjusted for the frequency of the value,
// and by how much.
func (c *comparison) readFrequency(n *yaml.Node, where string) error {
	t, ok := c.comparator.(comparator.Termer)
	if !ok {
		return wrong(n, where, "the comparator %s has no tables of frequencies", c.kind)
	}
	keys, err := block(n, where, "levels", "floor", "cap", "terms")
	if err != nil {
		return err
	}
	q := &frequency{percent: make([]int32, len(c.levels))}
	for _, name := range t.Terms() {
		q.tables = append(q.tables, frequencyTable{name: name})
	}
	if keys["levels"] == nil {
		return wrong(n, where, "levels is missing: which levels are adjusted, in per cent, as in {%s: 100}", c.levels[0].Name)
	}
	if err := c.readPercent(q, keys["levels"], under(where, "levels")); err != nil {
		return err
	}
	for _, b := range []struct {
		key  string
		into *int32
		has  *bool
	}{{"floor", &q.floor, &q.hasFloor}, {"cap", &q.top, &q.hasTop}} {
		if v := keys[b.key]; v != nil {
			w, err := weight(v, under(where, b.key))
			if err != nil {
				return err
			}
			*b.into, *b.has = int32(w), true
		}
	}
	if v := keys["terms"]; v != nil {
		if err := q.readTables(v, under(where, "terms")); err != nil {
			return err
		}
	}
	c.frequency = q
	return nil
}

func (c *comparison) readPercent(q *frequency, n *yaml.Node, where string) error {
	list, err := entries(n, where)
	if err != nil {
		return err
	}
	for _, e := range list {
		l, ok := c.levelIndex(e.key)
		if !ok {
			return wrongAt(e.line, where, c.noLevel(e.key))
		}
		percent, err := whole(e.value, under(where, e.key), 0, 100)
		if err != nil {
			return err
		}
		q.percent[l] = int32(percent)
	}
	return nil
}

func (q *frequency) readTables(n *yaml.Node, where string) error {
	list, err := entries(n, where)
	if err != nil {
		return err
	}
	for _, e := range list {
		i := slices.Index(q.names(), e.key)
		if i < 0 {
			return wrongAt(e.line, where, "there is no table "+e.key+"; there are "+strings.Join(q.names(), ", "))
		}
		if err := q.tables[i].read(e.value, under(where, e.key)); err != nil {
			return err
		}
	}
	return nil
}

func (t *frequencyTable) read(n *yaml.Node, where string) error {
	keys, err := block(n, where, "others", "tiers")
	if err != nil {
		return err
	}
	t.known, t.values = true, make(map[string]int16)
	if v := keys["others"]; v != nil {
		if t.others, err = adjustment(v, under(where, "others")); err != nil {
			return err
		}
	}
	if keys["tiers"] == nil {
		return nil
	}
	tiers, err := lines(keys["tiers"], under(where, "tiers"))
	if err != nil {
		return err
	}
	for _, n := range tiers {
		keys, err := block(n, under(where, "tiers"), "weight", "values")
		if err != nil {
			return err
		}
		if keys["weight"] == nil || keys["values"] == nil {
			return wrong(n, under(where, "tiers"), "a tier has a weight and values")
		}
		w, err := adjustment(keys["weight"], under(where, "weight"))
		if err != nil {
			return err
		}
		values, err := texts(keys["values"], under(where, "values"))
		if err != nil {
			return err
		}
		for _, v := range values {
			if _, twice := t.values[v]; twice {
				return wrong(keys["values"], where, "%q is there twice", v)
			}
			t.values[v] = w
		}
	}
	return nil
}

// adjustment reads a weight that fits into a slot.
func adjustment(n *yaml.Node, where string) (int16, error) {
	w, err := weight(n, where)
	if err == nil && (w <= math.MinInt16 || w > math.MaxInt16) {
		return 0, wrong(n, where, "an adjustment lies between %d and %d", math.MinInt16+1, math.MaxInt16)
	}
	return int16(w), err
}

func (c *comparison) levelIndex(name string) (int, bool) {
	i := slices.IndexFunc(c.levels, func(l LevelWeight) bool { return l.Name == name })
	return i, i >= 0
}

func (c *comparison) noLevel(name string) string {
	var names []string
	for _, l := range c.levels {
		names = append(names, l.Name)
	}
	return c.name + " has no level \"" + name + "\"; there are " + strings.Join(names, ", ")
}

func (m *Model) readTogether(n *yaml.Node) error {
	const where = togetherName
	list, err := lines(n, where)
	if err != nil {
		return err
	}
	if len(list) > maxTogether {
		return wrong(n, where, "there are %d lines; there is room for %d", len(list), maxTogether)
	}
	for _, n := range list {
		keys, err := block(n, where, "name", "when", "weight")
		if err != nil {
			return err
		}
		if keys["name"] == nil || keys["when"] == nil || keys["weight"] == nil {
			return wrong(n, where, "a line has a name, when: {comparison: [levels], …} and the weight that counts where all of it holds")
		}
		var t together
		if t.name, err = text(keys["name"], under(where, "name")); err != nil {
			return err
		}
		if m.index(t.name) != none || correction(t.name) || !comparisonName.MatchString(t.name) || slices.ContainsFunc(m.together, func(o together) bool { return o.name == t.name }) {
			return wrong(keys["name"], where, "the name %s is taken, or is not made of letters, digits and _", t.name)
		}
		if t.when, err = m.readConditions(keys["when"], under(where, t.name)); err != nil {
			return err
		}
		w, err := weight(keys["weight"], under(where, t.name))
		if err != nil {
			return err
		}
		t.weight = int32(w)
		m.together = append(m.together, t)
	}
	return nil
}

func (m *Model) readAmbiguous(n *yaml.Node) error {
	const where = "ambiguous"
	keys, err := block(n, where, "when")
	if err != nil {
		return err
	}
	if keys["when"] == nil {
		return wrong(n, where, "it takes when: {comparison: [levels]}")
	}
	m.ambiguous, err = m.readConditions(keys["when"], under(where, "when"))
	return err
}

func (m *Model) readShared(n *yaml.Node) error {
	const where = sharedName
	keys, err := block(n, where, "of", "limit", "except")
	if err != nil {
		return err
	}
	if keys["of"] == nil {
		return wrong(n, where, "it takes of: [comparisons …] and limit: the weight that they reach together, which training finds out")
	}
	s := &shared{}
	if v := keys["limit"]; v != nil {
		limit, err := whole(v, under(where, "limit"), 1, maxWeight)
		if err != nil {
			return err
		}
		s.limit = int32(limit)
	}
	of, err := texts(keys["of"], under(where, "of"))
	if err != nil {
		return err
	}
	for _, name := range of {
		at := m.index(name)
		switch {
		case at == none:
			return wrong(keys["of"], where, "there is no comparison %q; there are %s", name, m.names())
		case slices.Contains(s.of, at):
			return wrong(keys["of"], where, "%s is there twice", name)
		}
		s.of = append(s.of, at)
	}
	s.except = make([][]condition, len(s.of))
	if keys["except"] != nil {
		if err := m.readExcept(s, keys["except"], under(where, "except")); err != nil {
			return err
		}
	}
	m.shared = s
	return nil
}

func (m *Model) readExcept(s *shared, n *yaml.Node, where string) error {
	list, err := entries(n, where)
	if err != nil {
		return err
	}
	for _, e := range list {
		i := slices.Index(s.of, m.index(e.key))
		if i < 0 {
			return wrongAt(e.line, where, e.key+" is not in of")
		}
		if s.except[i], err = m.readConditions(e.value, under(where, e.key)); err != nil {
			return err
		}
	}
	return nil
}

func (m *Model) readConflict(n *yaml.Node) error {
	const where = conflictName
	keys, err := block(n, where, "when", "any")
	if err != nil {
		return err
	}
	if keys["when"] == nil || keys["any"] == nil {
		return wrong(n, where, "it takes when: {comparison: [levels]} and any: a list of lines of the same form")
	}
	k := &conflict{}
	if k.when, err = m.readConditions(keys["when"], under(where, "when")); err != nil {
		return err
	}
	list, err := lines(keys["any"], under(where, "any"))
	if err != nil {
		return err
	}
	for _, n := range list {
		line, err := m.readConditions(n, under(where, "any"))
		if err != nil {
			return err
		}
		k.any = append(k.any, line)
	}
	m.conflict = k
	return nil
}

// missingLevel is what conditions call a comparison that one record says nothing
// about.
const missingLevel = "missing"

// readConditions reads {name: [one_char], birth_date: {not: [identical]}}.
func (m *Model) readConditions(n *yaml.Node, where string) ([]condition, error) {
	list, err := entries(n, where)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, wrong(n, where, "here stands at least one condition, as in {comparison: [levels]}")
	}
	var out []condition
	for _, e := range list {
		k := condition{at: m.index(e.key)}
		if k.at == none {
			return nil, wrongAt(e.line, where, "there is no comparison \""+e.key+"\"; there are "+m.names())
		}
		c, here, levels := &m.comparisons[k.at], under(where, e.key), e.value
		if levels.Kind == yaml.MappingNode {
			keys, err := block(levels, here, "not")
			if err != nil {
				return nil, err
			}
			if levels = keys["not"]; levels == nil {
				return nil, wrong(e.value, here, "not takes a list of levels")
			}
			k.not = true
		}
		if k.listed, err = texts(levels, here); err != nil {
			return nil, err
		}
		for _, name := range k.listed {
			l, ok := c.levelIndex(name)
			switch {
			case ok:
				k.levels.add(l)
			case name == missingLevel:
				k.levels.add(Missing)
			default:
				return nil, wrong(levels, where, "%s, %s", c.noLevel(name), missingLevel)
			}
		}
		if k.not {
			k.levels = k.levels.not(len(c.levels))
		}
		out = append(out, k)
	}
	return out, nil
}
