package survivorship

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"heji/schema"
	"heji/schema/idnum"
)

//go:embed rules.yaml
var defaultRules []byte

// Test is one step of an attribute's order.
type Test string

const (
	Authority Test = "authority"
	Valid     Test = "valid"
	Recent    Test = "recent"
	Complete  Test = "complete"
	Trust     Test = "trust"

	// Decision and Only are not tests of the rules file: they name why a value
	// survived when a person chose it, or when nobody said anything else.
	Decision Test = "decision"
	Only     Test = "only"
)

// Independence says that some values need more than one voice.
type Independence struct {
	Values    []string `yaml:"values"` // empty: every value
	Platforms int      `yaml:"platforms"`
	Alone     []string `yaml:"alone"` // platforms whose voice is enough
}

// Rules are read from YAML.
type Rules struct {
	Version     int                               `yaml:"version"`
	Default     []Test                            `yaml:"default"`
	Attributes  map[schema.Attribute][]Test       `yaml:"attributes"`
	Trust       []string                          `yaml:"trust"`
	Independent map[schema.Attribute]Independence `yaml:"independent"`
}

// DefaultRules returns the rules that ship with the binary.
func DefaultRules() Rules {
	r, err := ParseRules("rules.yaml", defaultRules)
	if err != nil {
		panic(err) // the file is part of the binary and tested
	}
	return r
}

// ParseRules reads a rules file strictly.
func ParseRules(name string, data []byte) (Rules, error) {
	var r Rules
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&r); err != nil {
		return Rules{}, fmt.Errorf("%s: %w", name, err)
	}
	check := func(a schema.Attribute, order []Test) error {
		for _, t := range order {
			if !slices.Contains([]Test{Authority, Valid, Recent, Complete, Trust}, t) {
				return fmt.Errorf("%s: %s: %q is none of authority, valid, recent, complete, trust", name, a, t)
			}
		}
		return nil
	}
	if err := check("default", r.Default); err != nil {
		return Rules{}, err
	}
	for a, order := range r.Attributes {
		if _, ok := schema.Lookup(a); !ok {
			return Rules{}, fmt.Errorf("%s: attributes: no attribute is called %q", name, a)
		}
		if err := check(a, order); err != nil {
			return Rules{}, err
		}
	}
	return r, nil
}

// Claim is what one record says of one attribute, from its own evidence.
type Claim struct {
	Attribute schema.Attribute
	Value     string
	Record    schema.RecordRef
	// The claim appeared at its platform between After and Upto. After is zero
	// where the beginning is not known (a first load); After = Upto where a
	// trusted clock tells.
	After, Upto time.Time
	// Authority: the agreements give this platform the last word.
	Authority bool
}

// Keep is a person's decision that a value stays.
type Keep struct {
	Attribute schema.Attribute
	Value     string
	At        time.Time
	ID        int64
}

// Survivor is one value of a master record.
type Survivor struct {
	Value  string           `json:"v"`
	Source schema.RecordRef `json:"s,omitzero"`
	Upto   time.Time        `json:"u,omitzero"`
	// Rule names the test that decided against the strongest loser.
	Rule Test `json:"r"`
	// Decision is the id of the keep decision, where a person chose.
	Decision int64 `json:"d,omitempty"`
	// Disputed: the order against another claim is unknown. Not written.
	Disputed bool `json:"x,omitempty"`
	// Losers counts claims with another value: they stay visible.
	Losers int `json:"l,omitempty"`
}

// Equal reports whether two survivors are the same in every respect; a time that
// went through the store still equals itself.
func (s Survivor) Equal(o Survivor) bool {
	upto := s.Upto.Equal(o.Upto)
	s.Upto, o.Upto = time.Time{}, time.Time{}
	return upto && s == o
}

// Master returns the surviving values of one resident. Blank and unknown values
// never survive; an attribute that nobody knows is absent.
func Master(r Rules, claims []Claim, keeps []Keep) map[schema.Attribute]Survivor {
	by := map[schema.Attribute][]Claim{}
	for _, c := range claims {
		if c.Value == "" || schema.IsUnknown(c.Attribute, c.Value) {
			continue
		}
		by[c.Attribute] = append(by[c.Attribute], c)
	}
	out := make(map[schema.Attribute]Survivor, len(by))
	for a, list := range by {
		list = r.spread(a, list)
		if len(list) == 0 {
			continue
		}
		out[a] = r.choose(a, list)
	}
	sort.Slice(keeps, func(i, j int) bool { return keeps[i].ID < keeps[j].ID })
	for _, k := range keeps { // the latest decision stands
		losers := 0
		for _, c := range by[k.Attribute] {
			if c.Value != k.Value {
				losers++
			}
		}
		// I4: no evidence outranks a person.
		out[k.Attribute] = Survivor{Value: k.Value, Upto: k.At, Rule: Decision, Decision: k.ID, Losers: losers}
	}
	return out
}

// spread drops claims that need more voices than they have: a death that one
// register alone reports stops nobody's pension.
func (r Rules) spread(a schema.Attribute, list []Claim) []Claim {
	rule, ok := r.Independent[a]
	if !ok {
		return list
	}
	voices := map[string]map[string]bool{}
	for _, c := range list {
		if voices[c.Value] == nil {
			voices[c.Value] = map[string]bool{}
		}
		voices[c.Value][c.Record.Platform] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(c Claim) bool {
		if len(rule.Values) > 0 && !slices.Contains(rule.Values, c.Value) {
			return false
		}
		if c.Authority || len(voices[c.Value]) >= rule.Platforms {
			return false
		}
		return !slices.ContainsFunc(rule.Alone, func(p string) bool { return voices[c.Value][p] })
	})
}

func (r Rules) choose(a schema.Attribute, list []Claim) Survivor {
	order, ok := r.Attributes[a]
	if !ok {
		order = r.Default
	}
	sort.Slice(list, func(i, j int) bool {
		n, _ := r.compare(a, order, list[i], list[j])
		return n < 0
	})
	win := list[0]
	s := Survivor{Value: win.Value, Source: win.Record, Upto: win.Upto, Rule: Only}
	for _, c := range list[1:] {
		if c.Value == win.Value {
			continue
		}
		s.Losers++
		if s.Rule == Only {
			_, s.Rule = r.compare(a, order, win, c)
		}
		if !win.Authority && !c.Authority && unordered(win, c) {
			s.Disputed = true
		}
	}
	return s
}

// unordered reports whether two claims' intervals overlap, so that nobody can
// say which came later. A first load (After zero) is excepted: there the order
// of trust decides.
func unordered(a, b Claim) bool {
	if a.After.IsZero() || b.After.IsZero() {
		return false
	}
	if a.After.Equal(a.Upto) && b.After.Equal(b.Upto) {
		return a.Upto.Equal(b.Upto)
	}
	return a.After.Before(b.Upto) && b.After.Before(a.Upto)
}

// compare returns a negative number when x outranks y, and the test that said so.
func (r Rules) compare(a schema.Attribute, order []Test, x, y Claim) (int, Test) {
	for _, t := range order {
		n := 0
		switch t {
		case Authority:
			n = prefer(x.Authority, y.Authority)
		case Valid:
			n = validity(a, y.Value) - validity(a, x.Value)
		case Recent:
			n = prefer(!x.After.IsZero(), !y.After.IsZero())
			if n == 0 && !x.After.IsZero() {
				n = y.Upto.Compare(x.Upto)
			}
		case Complete:
			n = completeness(a, y.Value) - completeness(a, x.Value)
		case Trust:
			n = r.rank(x.Record.Platform) - r.rank(y.Record.Platform)
		}
		if n != 0 {
			return n, t
		}
	}
	// What is left are ties between equals: a fixed order, so that the result
	// is a function of the evidence (I2).
	if n := y.Upto.Compare(x.Upto); n != 0 {
		return n, Recent
	}
	if n := strings.Compare(x.Record.Platform, y.Record.Platform); n != 0 {
		return n, Trust
	}
	if n := strings.Compare(x.Record.Key, y.Record.Key); n != 0 {
		return n, Trust
	}
	return strings.Compare(x.Value, y.Value), Trust
}

func prefer(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return -1
	}
	return 1
}

func (r Rules) rank(platform string) int {
	if i := slices.Index(r.Trust, platform); i >= 0 {
		return i
	}
	return len(r.Trust)
}

// validity scores a value by its own check.
func validity(a schema.Attribute, v string) int {
	switch a {
	case schema.IDNumber, schema.MotherID:
		if n := idnum.Parse(v); n.Valid {
			if len(n.Text) == 18 {
				return 2
			}
			return 1
		}
		return 0
	case schema.Name:
		if strings.Contains(v, "之女") || strings.Contains(v, "之子") || strings.ContainsAny(v, "?？□") {
			return 0
		}
		return 1
	}
	return 0
}

// completeness scores how much a value says.
func completeness(a schema.Attribute, v string) int {
	d, _ := schema.Lookup(a)
	switch d.Kind {
	case schema.KindDate:
		return len(v)
	case schema.KindAddress:
		n := 0
		addr := schema.AddressFromCanonical(v)
		for _, part := range []string{addr.Community + addr.Compound, addr.Building, addr.Room} {
			if part != "" {
				n++
			}
		}
		return n
	}
	return 0
}
