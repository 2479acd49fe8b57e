package linkage

import (
	"bytes"
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"heji/schema"
	"heji/services/linkage/comparator"
)

//go:embed residents.yaml
var residents []byte

// MaxComparisons bounds the comparisons of a model, so that a Comparison has a
// fixed size.
const MaxComparisons = 24

// Model is everything that the partition depends on besides evidence and
// decisions: what is compared and how, integer weights, thresholds, caps,
// frequencies, shared values. It is frozen: a changed Model has another version.
// Safe for concurrent use.
type Model struct {
	version string
	limits  Limits
	maxKeys int
	// hasThresholds: the model says from which weight on a pair is linked.
	hasThresholds bool
	files         ColumnMap
	prior         float64 // 0: not known

	comparisons []comparison
	attributes  []string
	exclusive   int // a comparison, or none
	rules       []rule
	terms       []term
	together    []together
	ambiguous   []condition // all; empty: no pair is
	shared      *shared
	conflict    *conflict

	stamp   uint16
	scratch sync.Pool // of *deriving
}

// none stands for no comparison.
const none = -1

// comparison is one line of a model.
type comparison struct {
	name       string
	kind       string // of comparator
	attributes []string
	settings   *yaml.Node // a mapping; what the comparator alone reads
	levels     []LevelWeight
	frequency  *frequency

	at         []int // places of attributes in Model.attributes
	comparator comparator.Comparator
	weights    []int32
}

// LevelWeight is what a model says about one level of a comparison.
type LevelWeight struct {
	Name string
	// M is the probability of the level among pairs of one entity, U among pairs
	// of two; 0 where the model does not give them.
	M, U float64
	// Weight in hundredths of a bit: round(100·log2(M/U)), unless the model gives
	// one of its own. Meaningless unless Known.
	Weight int
	Known  bool
}

// Compared describes one comparison of a model.
type Compared struct {
	Name       string
	Comparator string
	Attributes []string
	Levels     []LevelWeight // as Comparison.Level counts them
	// Frequencies are the tables of term frequencies that the comparison reads;
	// nil where how common a value is does not matter.
	Frequencies []string
	// Shared: people who live together have it in common.
	Shared bool
}

// ColumnMap says how a file's columns become attributes.
type ColumnMap struct {
	// Key lists the columns that may hold the record's key: the first that is
	// there does.
	Key []string
	// Columns lists for an attribute the columns that may hold it. An attribute
	// that is not listed is its own column.
	Columns map[string][]string
	// Optional lists the attributes that a file may lack, or leave empty
	// everywhere; of any other that is an error.
	Optional []string
	// Clean is how raw text becomes a value: CleanPlain or CleanCanonical.
	Clean string
	// Missing are texts that mean that nothing is known.
	Missing []string
}

// The ways of cleaning.
const (
	// CleanPlain trims, collapses spaces and applies Unicode NFKC.
	CleanPlain = "plain"
	// CleanCanonical reads each attribute as schema/canon does for platforms.
	CleanCanonical = "canonical"
)

var defaultModel = sync.OnceValue(func() *Model {
	m, err := Load(bytes.NewReader(residents))
	if err != nil {
		panic("linkage: the embedded model: " + err.Error())
	}
	return m
})

// Default returns the model for residents that the program carries.
func Default() *Model { return defaultModel() }

// Version names the model in what is stored.
func (m *Model) Version() string { return m.version }

// Limits returns thresholds and caps.
func (m *Model) Limits() Limits { return m.limits }

// LinkOnly reports whether records of one source are never compared.
func (m *Model) LinkOnly() bool { return m.limits.LinkOnly }

// Attributes returns all attributes that comparisons read, in the order in which
// AppendFeatures takes their values.
func (m *Model) Attributes() []string { return slices.Clone(m.attributes) }

// Columns says how a file's columns become attributes.
func (m *Model) Columns() ColumnMap { return m.files }

// Prior is the probability that two records drawn at random are one entity; 0
// where the model does not say.
func (m *Model) Prior() float64 { return m.prior }

// Comparisons describes the comparisons, in the order that Comparison.Level
// counts in.
func (m *Model) Comparisons() []Compared {
	out := make([]Compared, len(m.comparisons))
	for i := range m.comparisons {
		c := &m.comparisons[i]
		out[i] = Compared{Name: c.name, Comparator: c.kind, Attributes: slices.Clone(c.attributes), Levels: slices.Clone(c.levels)}
		if c.frequency != nil {
			out[i].Frequencies = c.frequency.names()
		}
		out[i].Shared = m.shared != nil && slices.Contains(m.shared.of, i)
	}
	return out
}

// Ready returns an error that says what training has to fill in before the model
// can link, nil when nothing is missing.
func (m *Model) Ready() error {
	for i := range m.comparisons {
		c := &m.comparisons[i]
		for _, l := range c.levels {
			if !l.Known {
				return fmt.Errorf("comparison %s: level %q has no weight, and no m and u; train the model first, or write them into it", c.name, l.Name)
			}
		}
	}
	switch {
	case m.shared != nil && m.shared.limit == 0:
		return fmt.Errorf("shared: limit is missing; train the model first, or write it into it")
	case !m.hasThresholds:
		return fmt.Errorf("thresholds are missing; train the model first, or write thresholds: {link: …, review: …, group: …} into it")
	case m.prior == 0:
		return fmt.Errorf("prior is missing: the probability that two records drawn at random are the same; train the model first, or write it into it")
	}
	return nil
}

// Probability is what a weight of evidence means for a pair: the probability
// that the two are one entity, by the model's prior. Without a prior the odds
// before the evidence count as even.
func (m *Model) Probability(weight int) float64 {
	odds := math.Exp2(float64(weight) / 100)
	if m.prior > 0 {
		odds *= m.prior / (1 - m.prior)
	}
	if math.IsInf(odds, 1) {
		return 1
	}
	return odds / (1 + odds)
}

// index returns the place of a comparison, or none.
func (m *Model) index(name string) int {
	return slices.IndexFunc(m.comparisons, func(c comparison) bool { return c.name == name })
}

func (m *Model) names() string {
	var list []string
	for i := range m.comparisons {
		list = append(list, m.comparisons[i].name)
	}
	return strings.Join(list, ", ")
}

// valuesOf puts a record's values into the order of Attributes.
func (m *Model) valuesOf(into []string, v schema.Values) []string {
	for _, a := range m.attributes {
		into = append(into, v[schema.Attribute(a)])
	}
	return into
}
