package comparator

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
)

// number compares quantities: incomes, weights, house numbers. Its feature is
// the eight bytes of a float64.
type number struct {
	ladder
	comma bool // decimal comma
}

var numberWords = []word{
	{name: "identical", op: opIdentical},
	{name: "within", op: opWithin, form: span, units: []string{"", "%"}},
}

const unitPercent = 1

func newNumber(o Options) (Comparator, error) {
	var s struct {
		Decimal string `yaml:"decimal"`
	}
	if err := errors.Join(single(o), o.Decode(&s)); err != nil {
		return nil, err
	}
	l, err := newLadder(o.Levels, []string{"identical", "within 5%", "different"}, "different", numberWords)
	if err != nil {
		return nil, err
	}
	comma, err := choose("decimal", s.Decimal, "point", "comma")
	return &number{l, comma}, err
}

// Append implements Comparator. What is no number says nothing.
func (n *number) Append(dst []byte, r *Record) []byte {
	v, ok := n.parse(r.Values[0])
	if !ok {
		return dst
	}
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(v))
}

// parse reads a decimal number. Spaces, apostrophes and the mark that is not the
// decimal one stand between thousands.
func (n *number) parse(s string) (float64, bool) {
	point, thousands := '.', ','
	if n.comma {
		point, thousands = thousands, point
	}
	s = strings.Map(func(r rune) rune {
		switch r {
		case point:
			return '.'
		case thousands, ' ', '\'', '_':
			return -1
		}
		return r
	}, fold(s))
	if s == "" || strings.Trim(s, "0123456789.+-e") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	// Minus zero is zero.
	return v + 0, err == nil && !math.IsInf(v, 0)
}

// quantity reads a feature. What is none is no number.
func quantity(feature []byte) float64 {
	if len(feature) != 8 {
		return math.NaN()
	}
	return math.Float64frombits(binary.BigEndian.Uint64(feature))
}

// Level implements Comparator.
func (n *number) Level(a, b []byte) int {
	same := slices.Equal(a, b)
	x, y := quantity(a), quantity(b)
	return n.level(func(c *clause) bool {
		if c.op == opIdentical {
			return same
		}
		allowed := c.x
		if c.unit == unitPercent {
			allowed *= max(math.Abs(x), math.Abs(y)) / 100
		}
		// Decimal fractions are not exact: 0.3 is within 0.1 of 0.2.
		return math.Abs(x-y) <= allowed*(1+1e-12)
	})
}

var numberParts = []string{"value"}

// Parts implements Keyer.
func (n *number) Parts() []string { return slices.Clone(numberParts) }

// CheckPart implements PartChecker.
func (n *number) CheckPart(part string, count int) error { return checkPart(numberParts, part, count) }

// Keys implements Keyer.
func (n *number) Keys(feature []byte, _ string, _ int, emit func(value []byte)) { emit(feature) }

// Terms implements Termer.
func (n *number) Terms() []string { return []string{"value"} }

// Term implements Termer.
func (n *number) Term(feature []byte, _ int) (string, bool) {
	x := quantity(feature)
	return strconv.FormatFloat(x, 'f', -1, 64), !math.IsNaN(x)
}
