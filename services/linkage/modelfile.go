package linkage

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A model is read from yaml.Nodes, so that everything that is wrong with it can
// be told with its line.

// entry is one key of a mapping and its value.
type entry struct {
	key   string
	line  int
	value *yaml.Node
}

// wrong is an error about a place in a model.
func wrong(n *yaml.Node, where, format string, args ...any) error {
	return wrongAt(n.Line, where, fmt.Sprintf(format, args...))
}

func wrongAt(line int, where, what string) error {
	if where != "" {
		where += ": "
	}
	return fmt.Errorf("line %d: %s%s", line, where, what)
}

// under adds a key to the place where something is.
func under(where, key string) string {
	if where == "" {
		return key
	}
	return where + ": " + key
}

// entries reads a mapping of which the keys are names.
func entries(n *yaml.Node, where string) ([]entry, error) {
	if n.Kind != yaml.MappingNode {
		return nil, wrong(n, where, "here stand keys and values, as in {key: value}")
	}
	var list []entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode || k.Value == "" {
			return nil, wrong(k, where, "a key is a name")
		}
		if slices.ContainsFunc(list, func(e entry) bool { return e.key == k.Value }) {
			return nil, wrong(k, where, "%s is there twice", k.Value)
		}
		list = append(list, entry{key: k.Value, line: k.Line, value: n.Content[i+1]})
	}
	return list, nil
}

// block reads a mapping that has some keys and no others. A key without a value
// counts as absent.
func block(n *yaml.Node, where string, known ...string) (map[string]*yaml.Node, error) {
	list, err := entries(n, where)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*yaml.Node, len(list))
	for _, e := range list {
		if !slices.Contains(known, e.key) {
			return nil, wrongAt(e.line, where, fmt.Sprintf("there is no key %q here; there are %s", e.key, strings.Join(known, ", ")))
		}
		if !absent(e.value) {
			out[e.key] = e.value
		}
	}
	return out, nil
}

func absent(n *yaml.Node) bool { return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// maxWeight bounds weights, in hundredths of a bit: a thousand bits are beyond
// all evidence, and sums stay far from overflowing.
const maxWeight = 100_000

// weight reads an integer in hundredths of a bit. A fraction is an error: it
// would be cut in silence.
func weight(n *yaml.Node, where string) (int, error) {
	w, err := whole(n, where, -maxWeight, maxWeight)
	if err != nil {
		return 0, wrong(n, where, "a weight is a whole number of hundredths of a bit, from %d to %d", -maxWeight, maxWeight)
	}
	return w, nil
}

func whole(n *yaml.Node, where string, least, most int) (int, error) {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || v < least || v > most {
		return 0, wrong(n, where, "here stands a whole number from %d to %d", least, most)
	}
	return v, nil
}

// probability reads a number above 0 and at most 1.
func probability(n *yaml.Node, where string) (float64, error) {
	v, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" || err != nil || math.IsNaN(v) || v <= 0 || v > 1 {
		return 0, wrong(n, where, "a probability lies above 0 and is at most 1")
	}
	return v, nil
}

func flag(n *yaml.Node, where string) (bool, error) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		return false, wrong(n, where, "here stands true or false")
	}
	return strings.EqualFold(n.Value, "true"), nil
}

func text(n *yaml.Node, where string) (string, error) {
	if n.Kind != yaml.ScalarNode || absent(n) || n.Value == "" {
		return "", wrong(n, where, "here stands a text")
	}
	return n.Value, nil
}

// texts reads a list, or one text in the place of a list of one.
func texts(n *yaml.Node, where string) ([]string, error) {
	if n.Kind == yaml.ScalarNode && !absent(n) {
		return []string{n.Value}, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, wrong(n, where, "here stands a list, as in [one, other]")
	}
	list := make([]string, 0, len(n.Content))
	for _, c := range n.Content {
		if c.Kind != yaml.ScalarNode {
			return nil, wrong(c, where, "here stands a text")
		}
		list = append(list, c.Value)
	}
	return list, nil
}

func lines(n *yaml.Node, where string) ([]*yaml.Node, error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return nil, wrong(n, where, "here stands a list, each line behind a dash")
	}
	return n.Content, nil
}

// plain refuses anchors and aliases, of which a few lines can become millions,
// and drops comments, which are none of a model's meaning.
func plain(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return wrong(n, "", "anchors and aliases (& and *) are not for models; write it out twice")
	}
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	for _, c := range n.Content {
		if err := plain(c); err != nil {
			return err
		}
	}
	return nil
}
