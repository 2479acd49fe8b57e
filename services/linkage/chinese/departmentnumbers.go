package chinese

import (
	"bytes"
	"fmt"

	"heji/services/linkage/comparator"
)

// departmentNumbers compares departments' own numbers of a person. Two different
// ones of one department speak against one person only weakly.
//
// Attributes: any number of them, at most 255, one for each department.
// Feature: the numbers that are there, each behind the place of its attribute.
type departmentNumbers struct{}

// Levels of departmentNumbers.
const (
	numberIdentical = iota
	numberDifferent
)

var numberLevels = []string{"identical", "different"}

func newDepartmentNumbers(o comparator.Options) (comparator.Comparator, error) {
	switch {
	case len(o.Attributes) == 0:
		return nil, fmt.Errorf("attributes are missing; they are the departments' own numbers, in any order")
	case len(o.Attributes) > maxText:
		return nil, fmt.Errorf("there are %d attributes; at most %d fit", len(o.Attributes), maxText)
	}
	if err := comparator.Fixed(o.Levels, numberLevels); err != nil {
		return nil, err
	}
	return departmentNumbers{}, o.Decode(&struct{}{})
}

func (departmentNumbers) Levels() []string { return numberLevels }

func (departmentNumbers) Append(dst []byte, r *comparator.Record) []byte {
	for i := range r.Values {
		if s := realNumber(value(r, i)); s != "" {
			dst = appendText(append(dst, byte(i)), s)
		}
	}
	return dst
}

func (departmentNumbers) Level(a, b []byte) int {
	level := comparator.Missing
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			_, a = cutText(a[1:])
		case a[0] > b[0]:
			_, b = cutText(b[1:])
		default:
			var x, y []byte
			x, a = cutText(a[1:])
			y, b = cutText(b[1:])
			if bytes.Equal(x, y) {
				return numberIdentical
			}
			level = numberDifferent
		}
	}
	return level
}

func (departmentNumbers) Parts() []string { return []string{"number"} }

// Keys emits each number behind the place of its attribute.
func (departmentNumbers) Keys(feature []byte, part string, _ int, emit func([]byte)) {
	if part != "number" {
		return
	}
	var buf [1 + maxText]byte
	for rest := feature; len(rest) > 0; {
		at := rest[0]
		var s []byte
		if s, rest = cutText(rest[1:]); len(s) > 0 {
			emit(append(append(buf[:0], at), s...))
		}
	}
}
