package comparator

import (
	"errors"
	"slices"
	"strings"
)

// list compares values that hold several: phone numbers, former names, codes.
// Its feature is the set of them.
type list struct {
	ladder
	separator string
}

var listWords = []word{
	{name: "identical", op: opIdentical},
	{name: "subset", op: opSubset},
	{name: "overlap", op: opOverlap, form: atLeast},
	{name: "share", op: opShare, form: share},
}

func newList(o Options) (Comparator, error) {
	var s struct {
		Separator *string `yaml:"separator"`
	}
	if err := o.Decode(&s); err != nil {
		return nil, err
	}
	l, err := newLadder(o.Levels, []string{"identical", "overlap >= 2", "overlap >= 1", "none"}, "none", listWords)
	if err != nil {
		return nil, err
	}
	separator := ","
	if s.Separator != nil {
		separator = *s.Separator
	}
	if separator == "" {
		return nil, errors.New("separator is empty; give the text that stands between the elements of a list, as it stands in the data")
	}
	return &list{l, separator}, nil
}

// Append implements Comparator. Several attributes make one list.
func (l *list) Append(dst []byte, r *Record) []byte {
	var all []string
	for _, v := range r.Values {
		all = append(all, l.elements(v)...)
	}
	return appendSet(dst, all)
}

// elements takes a list apart. Brackets around it and quotes around elements, as
// programs write lists, are no part of it.
func (l *list) elements(s string) []string {
	s = strings.TrimSpace(bound(s))
	if n := len(s); n >= 2 && (s[0] == '[' && s[n-1] == ']' || s[0] == '{' && s[n-1] == '}') {
		s = s[1 : n-1]
	}
	var all []string
	for e := range strings.SplitSeq(s, l.separator) {
		if e = fold(strings.Trim(e, " \t\"'")); e != "" {
			all = append(all, e)
		}
	}
	return all
}

// Level implements Comparator.
func (l *list) Level(a, b []byte) int {
	inA, inB, both := sizes(a, b)
	return l.level(func(c *clause) bool {
		switch c.op {
		case opIdentical:
			return both == inA && both == inB
		case opSubset:
			return both > 0 && both == min(inA, inB)
		case opOverlap:
			return both >= c.n
		default:
			return both > 0 && float64(both) >= c.x*float64(inA+inB-both)-1e-12
		}
	})
}

var listParts = []string{"value", "element"}

// Parts implements Keyer.
func (l *list) Parts() []string { return slices.Clone(listParts) }

// CheckPart implements PartChecker.
func (l *list) CheckPart(part string, n int) error { return checkPart(listParts, part, n) }

// Keys implements Keyer.
func (l *list) Keys(feature []byte, part string, _ int, emit func(value []byte)) {
	if part == "value" {
		emit(feature)
		return
	}
	set(feature).each(emit)
}
