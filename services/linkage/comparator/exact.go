package comparator

import (
	"bytes"
	"fmt"
	"slices"
)

// exact compares values that are either the same or not. Several attributes are
// one value: all must be there, and all must be the same.
type exact struct{}

func newExact(o Options) (Comparator, error) {
	if err := o.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	if err := Fixed(o.Levels, exactLevels); err != nil {
		return nil, err
	}
	if o.Levels != nil && !slices.Equal(o.Levels, exactLevels) {
		return nil, fmt.Errorf("the last level must be %q, for all other pairs", exactLevels[1])
	}
	return exact{}, nil
}

var exactLevels = []string{"identical", "different"}

// Levels implements Comparator.
func (exact) Levels() []string { return slices.Clone(exactLevels) }

// Append implements Comparator.
func (exact) Append(dst []byte, r *Record) []byte {
	start := len(dst)
	for i, v := range r.Values {
		v = fold(v)
		if v == "" {
			return dst[:start]
		}
		if i > 0 {
			dst = append(dst, between)
		}
		dst = append(dst, v...)
	}
	return dst
}

// between stands between the values of several attributes. Folding leaves no
// control character in a value.
const between = 0x1f

// Level implements Comparator.
func (exact) Level(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	return 1
}

// Parts implements Keyer.
func (exact) Parts() []string { return slices.Clone(textParts) }

// CheckPart implements PartChecker.
func (exact) CheckPart(part string, n int) error { return checkPart(textParts, part, n) }

// Keys implements Keyer.
func (exact) Keys(feature []byte, part string, n int, emit func(value []byte)) {
	emitPart(feature, part, n, emit)
}

// Terms implements Termer.
func (exact) Terms() []string { return []string{"value"} }

// Term implements Termer. Several attributes are written with a space between.
func (exact) Term(feature []byte, _ int) (string, bool) {
	return string(bytes.ReplaceAll(feature, []byte{between}, []byte{' '})), true
}
