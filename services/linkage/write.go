package linkage

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Write writes the model as YAML that Load reads back to an equal model.
func (m *Model) Write(w io.Writer) error {
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(m.tree()); err != nil {
		return fmt.Errorf("write the linkage model: %w", err)
	}
	if err := e.Close(); err != nil {
		return fmt.Errorf("write the linkage model: %w", err)
	}
	return nil
}

// tree is the model as Load takes it.
func (m *Model) tree() *yaml.Node {
	top := object()
	put(top, "version", word(m.version))
	mode := modeDedupe
	switch {
	case m.limits.Register != "":
		mode = modeRegister
	case m.limits.LinkOnly:
		mode = modeLinkOnly
	}
	put(top, "mode", word(mode))
	if m.limits.Register != "" {
		put(top, "register", word(m.limits.Register))
	}
	put(top, "files", m.filesTree())
	if m.prior > 0 {
		put(top, "prior", decimal(m.prior))
	}
	if m.hasThresholds {
		put(top, "thresholds", inline(object("link", integer(m.limits.Link), "review", integer(m.limits.Review), "group", integer(m.limits.Group))))
	}
	put(top, "limits", inline(object("hot_key", integer(m.limits.HotKey), "component", integer(m.limits.Component), "keys", integer(m.maxKeys))))
	if m.exclusive != none {
		put(top, "exclusive", word(m.comparisons[m.exclusive].name))
	}
	var list []*yaml.Node
	for i := range m.comparisons {
		list = append(list, m.comparisons[i].tree())
	}
	put(top, "comparisons", sequence(list...))
	list = nil
	for i := range m.rules {
		list = append(list, m.rules[i].tree())
	}
	put(top, "blocking", sequence(list...))
	list = nil
	for i := range m.together {
		t := &m.together[i]
		list = append(list, inline(object("name", word(t.name), "when", m.conditionsTree(t.when), "weight", integer(int(t.weight)))))
	}
	if list != nil {
		put(top, togetherName, sequence(list...))
	}
	if len(m.ambiguous) > 0 {
		put(top, "ambiguous", object("when", m.conditionsTree(m.ambiguous)))
	}
	if m.shared != nil {
		put(top, sharedName, m.sharedTree())
	}
	if m.conflict != nil {
		list = nil
		for _, line := range m.conflict.any {
			list = append(list, m.conditionsTree(line))
		}
		put(top, conflictName, object("when", m.conditionsTree(m.conflict.when), "any", sequence(list...)))
	}
	return top
}

func (m *Model) filesTree() *yaml.Node {
	f := object()
	if m.files.Key != nil {
		put(f, "key", wordList(m.files.Key))
	}
	if m.files.Columns != nil {
		columns := object()
		for _, a := range slices.Sorted(maps.Keys(m.files.Columns)) {
			put(columns, a, wordList(m.files.Columns[a]))
		}
		put(f, "columns", columns)
	}
	put(f, "clean", word(m.files.Clean))
	if m.files.Optional != nil {
		put(f, "optional", wordList(m.files.Optional))
	}
	if m.files.Missing != nil {
		put(f, "missing", wordList(m.files.Missing))
	}
	if m.limits.LinkOnly && !m.limits.OnePerSource {
		put(f, "duplicates_within_sources", scalar("!!bool", "true"))
	}
	return f
}

func (c *comparison) tree() *yaml.Node {
	n := object("name", word(c.name), "comparator", word(c.kind), "attributes", wordList(c.attributes))
	n.Content = append(n.Content, c.settings.Content...)
	levels := object()
	for _, l := range c.levels {
		put(levels, l.Name, l.tree())
	}
	put(n, "levels", levels)
	if c.frequency != nil {
		put(n, "frequency", c.frequency.tree(c.levels))
	}
	return n
}

func (l *LevelWeight) tree() *yaml.Node {
	if l.M == 0 && l.U == 0 {
		if !l.Known {
			return scalar("!!null", "null")
		}
		return integer(l.Weight)
	}
	n := object()
	if l.M != 0 {
		put(n, "m", decimal(l.M))
	}
	if l.U != 0 {
		put(n, "u", decimal(l.U))
	}
	if l.Known {
		put(n, "weight", integer(l.Weight))
	}
	return inline(n)
}

func (q *frequency) tree(levels []LevelWeight) *yaml.Node {
	percent := object()
	for i, p := range q.percent {
		if p != 0 {
			put(percent, levels[i].Name, integer(int(p)))
		}
	}
	n := object("levels", inline(percent))
	if q.hasFloor {
		put(n, "floor", integer(int(q.floor)))
	}
	if q.hasTop {
		put(n, "cap", integer(int(q.top)))
	}
	terms := object()
	for i := range q.tables {
		t := &q.tables[i]
		if !t.known {
			continue
		}
		table := object("others", integer(int(t.others)))
		weights, values := t.tiers()
		var tiers []*yaml.Node
		for _, w := range weights {
			tiers = append(tiers, object("weight", integer(w), "values", wordList(values[w])))
		}
		if tiers != nil {
			put(table, "tiers", sequence(tiers...))
		}
		put(terms, t.name, table)
	}
	if len(terms.Content) > 0 {
		put(n, "terms", terms)
	}
	return n
}

func (r *rule) tree() *yaml.Node {
	if !r.spaced {
		return word(r.text)
	}
	var ways []string
	for _, w := range r.ways {
		ways = append(ways, w.text)
	}
	return inline(object("space", word(r.space), "any", wordList(ways)))
}

func (m *Model) sharedTree() *yaml.Node {
	var of []string
	except := object()
	for i, at := range m.shared.of {
		of = append(of, m.comparisons[at].name)
		if len(m.shared.except[i]) > 0 {
			put(except, m.comparisons[at].name, m.conditionsTree(m.shared.except[i]))
		}
	}
	n := object("of", wordList(of))
	if m.shared.limit != 0 {
		put(n, "limit", integer(int(m.shared.limit)))
	}
	if len(except.Content) > 0 {
		put(n, "except", except)
	}
	return n
}

func (m *Model) conditionsTree(list []condition) *yaml.Node {
	n := object()
	for i := range list {
		levels := wordList(list[i].listed)
		if list[i].not {
			levels = object("not", levels)
		}
		put(n, m.comparisons[list[i].at].name, levels)
	}
	return inline(n)
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

func word(s string) *yaml.Node { return scalar("!!str", s) }

func integer(i int) *yaml.Node { return scalar("!!int", strconv.Itoa(i)) }

func decimal(x float64) *yaml.Node {
	return scalar("!!float", strconv.FormatFloat(x, 'g', -1, 64))
}

func sequence(list ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: list}
}

func wordList(list []string) *yaml.Node {
	n := sequence()
	for _, s := range list {
		n.Content = append(n.Content, word(s))
	}
	return inline(n)
}

// object makes a mapping of keys and nodes in turn.
func object(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := 0; i+1 < len(pairs); i += 2 {
		put(n, pairs[i].(string), pairs[i+1].(*yaml.Node))
	}
	return n
}

func put(n *yaml.Node, key string, value *yaml.Node) { n.Content = append(n.Content, word(key), value) }

func inline(n *yaml.Node) *yaml.Node {
	n.Style = yaml.FlowStyle
	return n
}
