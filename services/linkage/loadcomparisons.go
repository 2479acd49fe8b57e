package linkage

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"heji/services/linkage/comparator"
)

func (m *Model) readComparisons(n *yaml.Node) error {
	list, err := lines(n, "comparisons")
	if err != nil {
		return err
	}
	if len(list) > MaxComparisons {
		return wrong(list[MaxComparisons], "comparisons", "there are %d; at most %d fit", len(list), MaxComparisons)
	}
	for _, n := range list {
		if err := m.readComparison(n); err != nil {
			return err
		}
	}
	return nil
}

// comparisonName is what blocking rules can spell.
var comparisonName = regexp.MustCompile(`^[\pL_][\pL\pN_]*$`)

func (m *Model) readComparison(n *yaml.Node) error {
	const where = "comparisons"
	list, err := entries(n, where)
	if err != nil {
		return err
	}
	c := comparison{settings: &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line}}
	own := make(map[string]*yaml.Node)
	for i, e := range list {
		switch {
		case e.key == "name" || e.key == "comparator" || e.key == "attributes" || e.key == "levels" || e.key == "frequency":
			if !absent(e.value) {
				own[e.key] = e.value
			}
		default:
			c.settings.Content = append(c.settings.Content, n.Content[2*i], n.Content[2*i+1])
		}
	}
	for _, k := range []string{"name", "comparator", "attributes"} {
		if own[k] == nil {
			return wrong(n, where, "%s is missing", k)
		}
	}
	if c.name, err = text(own["name"], under(where, "name")); err != nil {
		return err
	}
	switch {
	case !comparisonName.MatchString(c.name):
		return wrong(own["name"], where, "the name %q: a name is made of letters, digits and _", c.name)
	case m.index(c.name) != none:
		return wrong(own["name"], where, "%s is there twice", c.name)
	case correction(c.name):
		return wrong(own["name"], where, "%s is the name of a correction; choose another", c.name)
	}
	here := under(where, c.name)
	if c.kind, err = text(own["comparator"], under(here, "comparator")); err != nil {
		return err
	}
	if c.attributes, err = texts(own["attributes"], under(here, "attributes")); err != nil {
		return err
	}
	if i := slices.Index(c.attributes, ""); i >= 0 || len(c.attributes) == 0 {
		return wrong(own["attributes"], here, "an attribute has a name")
	}
	if err := c.makeComparator(n, own, here); err != nil {
		return err
	}
	for _, a := range c.attributes {
		at := slices.Index(m.attributes, a)
		if at < 0 {
			at = len(m.attributes)
			m.attributes = append(m.attributes, a)
		}
		c.at = append(c.at, at)
	}
	m.comparisons = append(m.comparisons, c)
	return nil
}

// makeComparator reads levels, settings and frequencies, which depend on what
// the comparator is.
func (c *comparison) makeComparator(n *yaml.Node, own map[string]*yaml.Node, where string) error {
	var given map[string]LevelWeight
	o := comparator.Options{Attributes: slices.Clone(c.attributes)}
	if len(c.settings.Content) > 0 {
		o.Settings = c.settings
	}
	place := own["comparator"]
	if l := own["levels"]; l != nil {
		var err error
		if o.Levels, given, err = readLevels(l, under(where, "levels")); err != nil {
			return err
		}
	}
	var err error
	if c.comparator, err = comparators.New(c.kind, o); err != nil {
		return fromComparator(place, where, err)
	}
	names := c.comparator.Levels()
	if len(names) == 0 || len(names) > maxLevels {
		return wrong(place, where, "there are %d levels; there must be some, and at most %d fit", len(names), maxLevels)
	}
	for _, name := range names {
		l, ok := given[name]
		if !ok && given != nil {
			return wrong(own["levels"], where, "level %q is missing; the levels are %s", name, strings.Join(names, ", "))
		}
		l.Name = name
		c.levels = append(c.levels, l)
	}
	for _, name := range o.Levels {
		if !slices.Contains(names, name) {
			return wrong(own["levels"], where, "there is no level %q; the levels are %s", name, strings.Join(names, ", "))
		}
	}
	if own["frequency"] != nil {
		return c.readFrequency(own["frequency"], under(where, "frequency"))
	}
	return nil
}

// fromComparator adds the place to a comparator's error, which may know the line
// better.
func fromComparator(n *yaml.Node, where string, err error) error {
	var line int
	what := err.Error()
	if _, scanned := fmt.Sscanf(what, "line %d:", &line); scanned == nil {
		_, what, _ = strings.Cut(what, ": ")
		return wrongAt(line, where, what)
	}
	return wrongAt(n.Line, where, what)
}

// readLevels reads levels as a list of names, or with what they weigh.
func readLevels(n *yaml.Node, where string) ([]string, map[string]LevelWeight, error) {
	given := make(map[string]LevelWeight)
	if n.Kind == yaml.SequenceNode {
		names, err := texts(n, where)
		if err != nil {
			return nil, nil, err
		}
		for i, name := range names {
			if _, twice := given[name]; twice {
				return nil, nil, wrong(n.Content[i], where, "%q is there twice", name)
			}
			given[name] = LevelWeight{}
		}
		return names, given, nil
	}
	list, err := entries(n, where)
	if err != nil {
		return nil, nil, err
	}
	var names []string
	for _, e := range list {
		l, err := readLevel(e.value, under(where, e.key))
		if err != nil {
			return nil, nil, err
		}
		given[e.key] = l
		names = append(names, e.key)
	}
	return names, given, nil
}

// readLevel reads a weight, or m and u, or all three; nothing where training is
// to find out.
func readLevel(n *yaml.Node, where string) (l LevelWeight, err error) {
	if absent(n) {
		return l, nil
	}
	if n.Kind == yaml.ScalarNode {
		l.Weight, err = weight(n, where)
		l.Known = err == nil
		return l, err
	}
	keys, err := block(n, where, "m", "u", "weight")
	if err != nil {
		return l, err
	}
	if v := keys["m"]; v != nil {
		if l.M, err = probability(v, under(where, "m")); err != nil {
			return l, err
		}
	}
	if v := keys["u"]; v != nil {
		if l.U, err = probability(v, under(where, "u")); err != nil {
			return l, err
		}
	}
	if v := keys["weight"]; v != nil {
		l.Weight, err = weight(v, under(where, "weight"))
		l.Known = err == nil
		return l, err
	}
	if l.M != 0 && l.U != 0 {
		l.Weight, err = weightOf(l.M, l.U)
		l.Known = err == nil
	}
	return l, err
}

func (m *Model) readExclusive(n *yaml.Node) error {
	name, err := text(n, "exclusive")
	if err != nil {
		return err
	}
	if m.exclusive = m.index(name); m.exclusive == none {
		return wrong(n, "exclusive", "there is no comparison %q; there are %s", name, m.names())
	}
	if _, ok := m.comparisons[m.exclusive].comparator.(comparator.Identifier); !ok {
		return wrong(n, "exclusive", "%s compares with %s, of which two that differ can still be one person's", name, m.comparisons[m.exclusive].kind)
	}
	return nil
}
