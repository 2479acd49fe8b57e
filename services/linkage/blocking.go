package linkage

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"go.yaml.in/yaml/v3"

	"heji/services/linkage/comparator"
)

// term is one ingredient of blocking keys: a part of a comparison's feature.
type term struct {
	at   int // comparison
	part string
	n    int // of "part:n", 0 where there is none
}

// rule is one blocking rule: records with a key of it in common are compared.
type rule struct {
	text string // as written
	// space names the keys; rules of one space find one another.
	space string
	// spaced: the model gives the space, and ways are written as a list.
	spaced bool
	ways   []way
}

// way is one combination of terms that makes keys of a rule.
type way struct {
	text  string
	terms []int // places in Model.terms
	// prefix stands for scheme and space in what is hashed; short, so that most
	// keys fit into one block of SHA-256.
	prefix []byte
}

// maxTermsOfWay bounds the ingredients of one key.
const maxTermsOfWay = 8

func (m *Model) readBlocking(n *yaml.Node) error {
	const where = "blocking"
	list, err := lines(n, where)
	if err != nil {
		return err
	}
	for _, n := range list {
		r := rule{}
		written := []string{n.Value}
		if n.Kind != yaml.ScalarNode {
			keys, err := block(n, where, "space", "any")
			if err != nil {
				return err
			}
			if keys["space"] == nil || keys["any"] == nil {
				return wrong(n, where, "a rule is a text such as name.value + birth.year, or {space: …, any: […]}")
			}
			r.spaced = true
			if r.space, err = text(keys["space"], under(where, "space")); err != nil {
				return err
			}
			if written, err = texts(keys["any"], under(where, "any")); err != nil {
				return err
			}
			if len(written) == 0 {
				return wrong(keys["any"], where, "any lists at least one way to make keys")
			}
		}
		var spelled []string
		for _, s := range written {
			w, err := m.parseWay(s, r.space)
			if err != nil {
				return wrong(n, where, "%s", err)
			}
			r.ways = append(r.ways, w)
			spelled = append(spelled, w.text)
		}
		r.text = strings.Join(spelled, " or ")
		m.rules = append(m.rules, r)
	}
	return nil
}

// parseWay reads "name.sounds + birth_date.day".
func (m *Model) parseWay(text, space string) (way, error) {
	w := way{}
	var spelled []string
	for _, piece := range strings.Split(text, "+") {
		piece = strings.TrimSpace(piece)
		t, err := m.parseTerm(piece)
		if err != nil {
			return way{}, err
		}
		at := slices.Index(m.terms, t)
		if at < 0 {
			at = len(m.terms)
			m.terms = append(m.terms, t)
		}
		w.terms = append(w.terms, at)
		spelled = append(spelled, piece)
	}
	if len(w.terms) > maxTermsOfWay {
		return way{}, fmt.Errorf("a key of %d parts; at most %d make sense", len(w.terms), maxTermsOfWay)
	}
	w.text = strings.Join(spelled, " + ")
	if space == "" {
		space = w.text
	}
	w.prefix = binary.BigEndian.AppendUint64(nil, xxhash.Sum64(appendPart(appendPart(nil, keyScheme), space)))
	return w, nil
}

func (m *Model) parseTerm(text string) (term, error) {
	name, part, dotted := strings.Cut(text, ".")
	t := term{at: m.index(name)}
	if t.at == none {
		return term{}, fmt.Errorf("there is no comparison %q; there are %s", name, m.names())
	}
	k, ok := m.comparisons[t.at].comparator.(comparator.Keyer)
	if !ok {
		return term{}, fmt.Errorf("no key can be made of %s: its comparator %s has no parts", name, m.comparisons[t.at].kind)
	}
	if !dotted {
		return term{}, fmt.Errorf("%q lacks a part, as in %s.%s; there are %s", text, name, k.Parts()[0], strings.Join(k.Parts(), ", "))
	}
	var number string
	t.part, number, dotted = strings.Cut(part, ":")
	if dotted {
		n, err := strconv.Atoi(number)
		if err != nil || n <= 0 {
			return term{}, fmt.Errorf("%q: behind the colon stands a whole number above 0", text)
		}
		t.n = n
	}
	if c, ok := k.(comparator.PartChecker); ok {
		if err := c.CheckPart(t.part, t.n); err != nil {
			return term{}, fmt.Errorf("%s: %w", name, err)
		}
		return t, nil
	}
	if !slices.Contains(k.Parts(), t.part) {
		return term{}, fmt.Errorf("%s has no part %q; there are %s", name, t.part, strings.Join(k.Parts(), ", "))
	}
	if t.n != 0 {
		return term{}, fmt.Errorf("%s: part %q takes no number", name, t.part)
	}
	return t, nil
}

// Rules returns the blocking rules as the model writes them.
func (m *Model) Rules() []string {
	out := make([]string, len(m.rules))
	for i := range m.rules {
		out[i] = m.rules[i].text
	}
	return out
}

// ComparisonsOfRule returns the comparisons that a blocking rule makes keys of,
// as Comparisons counts them, in ascending order: pairs that the rule finds have
// them in common by choice, not by chance.
func (m *Model) ComparisonsOfRule(rule int) []int {
	var out []int
	for _, w := range m.rules[rule].ways {
		for _, t := range w.terms {
			out = append(out, m.terms[t].at)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
