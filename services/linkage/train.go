package linkage

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Training is what was learned from records without labels, to become a new
// version of a model.
type Training struct {
	// Version of the new model; empty: the old one's, with "+trained" behind it.
	Version string
	// Prior is the probability that two records drawn at random are one entity.
	Prior float64
	// Thresholds, in hundredths of a bit of evidence.
	Link, Review, Group int
	// Shared is the limit of what people who live together have in common, in
	// hundredths of a bit; 0 keeps what the model has.
	Shared int
	// Levels holds m and u, by comparison and level as Comparisons counts them. A
	// comparison that is nil keeps its weights.
	Levels [][]MU
	// Frequencies, by comparison and table. What is missing or nil keeps what the
	// model has.
	Frequencies [][]*Frequencies
}

// MU are the probabilities of a level: M among pairs of one entity, U among
// pairs of two. Both are above 0 and at most 1.
type MU struct{ M, U float64 }

// Trained returns a copy of the model with what was learned, under a new
// version. An error names the comparison.
func (m *Model) Trained(t Training) (*Model, error) {
	out := m.clone()
	if out.version = t.Version; t.Version == "" {
		out.version = m.version + "+trained"
	}
	out.prior = shorten(t.Prior)
	if !(out.prior > 0 && out.prior < 1) {
		return nil, fmt.Errorf("prior is %v; a probability lies between 0 and 1", t.Prior)
	}
	out.limits.Link, out.limits.Review, out.limits.Group = t.Link, t.Review, t.Group
	out.hasThresholds = true
	if err := out.checkThresholds(); err != nil {
		return nil, err
	}
	if t.Shared < 0 || t.Shared > maxWeight {
		return nil, fmt.Errorf("the limit of shared is %d; it lies from 1 to %d", t.Shared, maxWeight)
	}
	if t.Shared > 0 && out.shared != nil {
		s := *out.shared
		s.limit = int32(t.Shared)
		out.shared = &s
	}
	for i := range out.comparisons {
		c := &out.comparisons[i]
		if i < len(t.Levels) && t.Levels[i] != nil {
			if err := c.learn(t.Levels[i]); err != nil {
				return nil, fmt.Errorf("comparison %s: %w", c.name, err)
			}
		}
		if i < len(t.Frequencies) {
			if err := c.learnFrequencies(t.Frequencies[i]); err != nil {
				return nil, fmt.Errorf("comparison %s: %w", c.name, err)
			}
		}
	}
	out.seal()
	return out, nil
}

// clone copies a model as deeply as Trained changes it.
func (m *Model) clone() *Model {
	out := &Model{
		version: m.version, limits: m.limits, maxKeys: m.maxKeys, hasThresholds: m.hasThresholds, files: m.files, prior: m.prior,
		comparisons: slices.Clone(m.comparisons), attributes: m.attributes, exclusive: m.exclusive,
		rules: m.rules, terms: m.terms, together: m.together, ambiguous: m.ambiguous, shared: m.shared, conflict: m.conflict,
	}
	for i := range out.comparisons {
		c := &out.comparisons[i]
		c.levels = slices.Clone(c.levels)
		if c.frequency != nil {
			q := *c.frequency
			q.tables = slices.Clone(q.tables)
			c.frequency = &q
		}
	}
	return out
}

func (c *comparison) learn(levels []MU) error {
	if len(levels) != len(c.levels) {
		return fmt.Errorf("m and u of %d levels; it has %d", len(levels), len(c.levels))
	}
	for i, l := range levels {
		w, err := weightOf(shorten(l.M), shorten(l.U))
		if err != nil {
			return fmt.Errorf("level %q: %w", c.levels[i].Name, err)
		}
		c.levels[i] = LevelWeight{Name: c.levels[i].Name, M: shorten(l.M), U: shorten(l.U), Weight: w, Known: true}
	}
	return nil
}

func (c *comparison) learnFrequencies(tables []*Frequencies) error {
	for i, t := range tables {
		switch {
		case t == nil:
			continue
		case c.frequency == nil || i >= len(c.frequency.tables):
			return fmt.Errorf("it has no table of frequencies number %d", i+1)
		}
		table := frequencyTable{name: c.frequency.tables[i].name, known: true, others: clamp16(t.Others), values: make(map[string]int16, len(t.Values))}
		for v, w := range t.Values {
			if utf8.ValidString(v) { // what a file cannot hold counts among the others
				table.values[v] = clamp16(w)
			}
		}
		c.frequency.tables[i] = table
	}
	return nil
}

// clamp16 keeps a weight within 16 bits: 327 bits are beyond all evidence.
func clamp16(w int) int16 { return int16(max(math.MinInt16+1, min(w, math.MaxInt16))) }

// shorten rounds a probability to digits that a person can read and a file gives
// back exactly.
func shorten(p float64) float64 {
	const digits = 6
	short, err := strconv.ParseFloat(strconv.FormatFloat(p, 'g', digits, 64), 64)
	if err != nil {
		return p
	}
	return short
}

// weightOf is the weight of a level in hundredths of a bit.
func weightOf(m, u float64) (int, error) {
	if !(m > 0 && m <= 1 && u > 0 && u <= 1) {
		return 0, fmt.Errorf("m is %v and u is %v; both lie above 0 and are at most 1", m, u)
	}
	w := math.Round(100 * (math.Log2(m) - math.Log2(u)))
	return int(max(-maxWeight, min(w, maxWeight))), nil
}
