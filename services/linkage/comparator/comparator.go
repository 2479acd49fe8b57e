package comparator

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Missing is the level of a pair of which at least one record says nothing. It
// weighs nothing.
const Missing = -1

// Comparator grades what two records say about one thing: a name, a date, a
// dwelling. It first turns the values of a record into a feature, bytes that
// hold everything that comparing and blocking need, so that a feature can be
// kept in a database or in a large array and be compared where it lies.
//
// A Comparator is immutable and safe for concurrent use, and a function: the
// same values give the same feature on every machine.
type Comparator interface {
	// Levels names the levels, best first. At most 250.
	Levels() []string
	// Append appends the feature of a record to dst. Nothing appended means that
	// the record says nothing. What is no evidence (blank, unknown, a
	// placeholder) says nothing.
	Append(dst []byte, r *Record) []byte
	// Level returns the place in Levels that two features fall into, or Missing.
	// It is symmetric, allocates nothing, and survives any bytes. It is never
	// called with an empty feature.
	Level(a, b []byte) int
}

// Keyer is a Comparator of which blocking keys can be made.
type Keyer interface {
	// Parts names what of a feature can be part of a key.
	Parts() []string
	// Keys calls emit with each value that a part has; none where the feature
	// does not say. n is the number in "part:n", 0 where the model gives none.
	// The bytes are the callee's again once emit returns.
	Keys(feature []byte, part string, n int, emit func(value []byte))
}

// PartChecker is a Keyer that can say, when a model is loaded, that "part:n" is
// no part of it.
type PartChecker interface {
	// CheckPart returns an error that names the parts, or says which number the
	// part takes. n is 0 where the model gives none.
	CheckPart(part string, n int) error
}

// Termer is a Comparator whose values are common or rare.
type Termer interface {
	// Terms returns how many tables of frequencies it has, and what they are
	// called in a model: a Chinese name has two, surname and given name.
	Terms() []string
	// Term returns the value that is looked up in a table, as the model spells
	// it, and false where its frequency cannot be known.
	Term(feature []byte, table int) (value string, known bool)
}

// Identifier is a Comparator of numbers of which no two that differ can be one
// person's (I3).
type Identifier interface {
	// Identifier returns the number in a form that is equal exactly for equal
	// numbers, empty where the feature holds none that can be right.
	Identifier(feature []byte) []byte
}

// Record is what comparators read: the values of one record, and what
// comparators worked out on the way that others want, too.
type Record struct {
	// Values are in the order of the comparison's attributes.
	Values []string
	// Memo is shared by all comparators of one record; nil in a fresh record.
	Memo *Memo
}

// Memo keeps what several comparators derive from the same values.
type Memo struct {
	keys   [4]any
	values [4]any
	n      int
}

// Reset forgets.
func (m *Memo) Reset() { *m = Memo{} }

// Once returns what make returned when it was first called for this record and
// key. Keys are comparable, of a type of the caller's own.
func Once[T any](m *Memo, key any, make func() T) T {
	if m == nil {
		return make()
	}
	for i := range m.n {
		if m.keys[i] == key {
			return m.values[i].(T)
		}
	}
	v := make()
	if m.n < len(m.keys) {
		m.keys[m.n], m.values[m.n] = key, v
		m.n++
	}
	return v
}

// Options are what a model says about one comparison.
type Options struct {
	Attributes []string // at least one
	Levels     []string // as written in the model, in its order; nil: the comparator's own
	// Settings is the rest of the comparison's block; Decode reads it strictly.
	Settings *yaml.Node
}

// Decode reads the settings into a struct. A setting that the struct does not
// know is an error with its line.
func (o Options) Decode(into any) error {
	if o.Settings == nil || len(o.Settings.Content) == 0 {
		return nil
	}
	if err := knownSettings(o.Settings, into); err != nil {
		return err
	}
	text, err := yaml.Marshal(o.Settings)
	if err != nil {
		return fmt.Errorf("read the settings: %w", err)
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("line %d: %w", o.Settings.Line, err)
	}
	return nil
}

// knownSettings says which settings there are when it meets another one.
func knownSettings(settings *yaml.Node, into any) error {
	var known []string
	for f := range reflect.TypeOf(into).Elem().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		known = append(known, name)
	}
	for i := 0; i < len(settings.Content)-1 && settings.Kind == yaml.MappingNode; i += 2 {
		key := settings.Content[i]
		switch {
		case slices.Contains(known, key.Value):
		case len(known) == 0:
			return fmt.Errorf("line %d: there is no setting %q; this comparator has none", key.Line, key.Value)
		default:
			return fmt.Errorf("line %d: there is no setting %q; there are %s", key.Line, key.Value, strings.Join(known, ", "))
		}
	}
	return nil
}

// single refuses more attributes than a comparator reads.
func single(o Options) error {
	if len(o.Attributes) == 1 {
		return nil
	}
	return fmt.Errorf("this comparator reads one attribute; there are %d: %s", len(o.Attributes), strings.Join(o.Attributes, ", "))
}

// choose reads a setting that is one of two words. It returns whether it is the
// second; the first also counts where nothing is given.
func choose(name, value, first, second string) (bool, error) {
	switch value {
	case "", first:
		return false, nil
	case second:
		return true, nil
	}
	return false, fmt.Errorf("%s is %q; it must be %s (as where nothing is given) or %s", name, value, first, second)
}

// Kind makes a comparator of one name.
type Kind func(Options) (Comparator, error)

// Kinds are comparators by the name that models use.
type Kinds map[string]Kind

// New makes a comparator. An unknown name is an error that lists the known ones.
func (k Kinds) New(name string, o Options) (Comparator, error) {
	f, ok := k[name]
	if !ok {
		return nil, fmt.Errorf("there is no comparator %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(k)), ", "))
	}
	return f(o)
}

// Fixed checks the levels of a comparator that has its own: a model must give
// exactly these, in any order.
func Fixed(given, own []string) error {
	if given == nil {
		return nil
	}
	for _, l := range own {
		if !slices.Contains(given, l) {
			return fmt.Errorf("level %q is missing; the levels are %s", l, strings.Join(own, ", "))
		}
	}
	for _, l := range given {
		if !slices.Contains(own, l) {
			return fmt.Errorf("there is no level %q; the levels are %s", l, strings.Join(own, ", "))
		}
	}
	return nil
}
