package linkage

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"heji/schema/hanzi"
)

//go:embed residents.yaml
var residents []byte

// Model is everything that the partition depends on besides evidence and
// decisions: integer weights, thresholds, caps, name frequencies, shared values.
// It is frozen: a changed Model has another version. Safe for concurrent use.
type Model struct {
	version     string
	limits      Limits
	maxKeys     int
	sharedLimit int32
	weights     [numFactors][numLevels]int32

	nameFloor    int32
	surnameLess  map[string]int32
	givenLess    map[string]int32
	sharedPhones map[string]bool
	sharedNames  map[string]bool
}

var defaultModel = sync.OnceValue(func() *Model {
	m, err := Load(bytes.NewReader(residents))
	if err != nil {
		panic("linkage: the embedded model: " + err.Error())
	}
	return m
})

// Default returns the model that the program carries.
func Default() *Model { return defaultModel() }

// Version names the model in what is stored.
func (m *Model) Version() string { return m.version }

// Limits returns thresholds and caps.
func (m *Model) Limits() Limits { return m.limits }

// file is the layout of a model.
type file struct {
	Version     string                      `yaml:"version"`
	Link        int                         `yaml:"link"`
	Review      int                         `yaml:"review"`
	Group       int                         `yaml:"group"`
	HotKey      int                         `yaml:"hot_key"`
	Component   int                         `yaml:"component"`
	Keys        int                         `yaml:"keys"`
	SharedLimit whole                       `yaml:"shared_limit"`
	Weights     map[string]map[string]whole `yaml:"weights"`
	Names       struct {
		Floor    whole  `yaml:"floor"`
		Surnames []tier `yaml:"surnames"`
		Given    []tier `yaml:"given"`
	} `yaml:"name_frequency"`
	Shared struct {
		Phones []string `yaml:"phones"`
		Names  []string `yaml:"names"`
	} `yaml:"shared"`
}

// whole is an integer that may not be written as a fraction: the decoder would
// cut 6.5 to 6 in silence.
type whole int32

func (w *whole) UnmarshalYAML(n *yaml.Node) error {
	if n.Tag != "!!int" {
		return fmt.Errorf("line %d: a weight is an integer, in hundredths of a bit", n.Line)
	}
	return n.Decode((*int32)(w))
}

type tier struct {
	Less  whole    `yaml:"less"`
	Names []string `yaml:"names"`
}

// Load reads a model. An unknown or missing setting is an error that names it.
func Load(r io.Reader) (*Model, error) {
	d := yaml.NewDecoder(r)
	d.KnownFields(true)
	var f file
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("read the linkage model: %w", err)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("read the linkage model: %w", err)
	}
	m := &Model{
		version:      f.Version,
		limits:       Limits{Link: f.Link, Review: f.Review, Group: f.Group, HotKey: f.HotKey, Component: f.Component},
		maxKeys:      f.Keys,
		sharedLimit:  int32(f.SharedLimit),
		nameFloor:    int32(f.Names.Floor),
		surnameLess:  tiers(f.Names.Surnames),
		givenLess:    tiers(f.Names.Given),
		sharedPhones: set(f.Shared.Phones),
		sharedNames:  set(f.Shared.Names),
	}
	if err := m.setWeights(f.Weights); err != nil {
		return nil, fmt.Errorf("read the linkage model: %w", err)
	}
	return m, nil
}

func (f *file) check() error {
	switch {
	case f.Version == "":
		return errors.New("version is missing: what is stored is marked with it")
	case f.Review <= 0 || f.Link <= f.Review:
		return errors.New("link must be above review, and review above 0")
	case f.Group > f.Link:
		return errors.New("group must not be above link: no two records could ever join")
	case f.HotKey < 2:
		return errors.New("hot_key must be at least 2: a key that one record holds makes no pair")
	case f.Component < 2:
		return errors.New("component must be at least 2")
	case f.Keys < minKeys:
		return fmt.Errorf("keys must be at least %d", minKeys)
	case f.SharedLimit <= 0:
		return errors.New("shared_limit must be above 0")
	}
	return nil
}

// setWeights takes exactly the levels that the factors have.
func (m *Model) setWeights(given map[string]map[string]whole) error {
	for factor := range numFactors {
		levels := given[factor.String()]
		for _, l := range levelsOf[factor] {
			w, ok := levels[l.String()]
			if !ok {
				return fmt.Errorf("weights: %s: %s is missing", factor, l)
			}
			m.weights[factor][l] = int32(w)
		}
		for _, name := range slices.Sorted(maps.Keys(levels)) {
			if !slices.ContainsFunc(levelsOf[factor], func(l Level) bool { return l.String() == name }) {
				return fmt.Errorf("weights: %s: there is no level %q; its levels are %s", factor, name, levelList(factor))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(factorNames[:], name) {
			return fmt.Errorf("weights: there is no factor %q; the factors are %s", name, strings.Join(factorNames[:], ", "))
		}
	}
	return nil
}

func levelList(f Factor) string {
	if len(levelsOf[f]) == 0 {
		return "none: its weight follows from other settings"
	}
	var names []string
	for _, l := range levelsOf[f] {
		names = append(names, l.String())
	}
	return strings.Join(names, ", ")
}

// tiers is keyed as Features spells names.
func tiers(list []tier) map[string]int32 {
	m := make(map[string]int32)
	for _, t := range list {
		for _, name := range t.Names {
			m[hanzi.Normalise(name)] = int32(t.Less)
		}
	}
	return m
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}
