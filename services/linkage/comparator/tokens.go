package comparator

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
)

// tokens compares texts as sets of words: addresses, organisations, titles. Its
// feature is the set of words without accents, each behind its weight in
// hundredths as two bytes where the model weighs words.
type tokens struct {
	ladder
	weights map[string]uint16 // hundredths, by word; nil: all words weigh the same
}

// weightOfOne is the weight of a word that the model does not name.
const weightOfOne = 100

var tokensWords = []word{
	{name: "identical", op: opIdentical},
	{name: "jaccard", op: opShare, form: share},
	{name: "token_overlap", op: opTokenOverlap, form: share},
	{name: "subset", op: opSubset},
	{name: "overlap", op: opOverlap, form: atLeast},
}

func newTokens(o Options) (Comparator, error) {
	var s struct {
		Weights map[string]float64 `yaml:"weights"`
	}
	if err := o.Decode(&s); err != nil {
		return nil, err
	}
	own := []string{"identical", "jaccard >= 0.8", "jaccard >= 0.5", "different"}
	l, err := newLadder(o.Levels, own, "different", tokensWords)
	if err != nil {
		return nil, err
	}
	t := &tokens{ladder: l}
	if s.Weights != nil {
		t.weights = map[string]uint16{}
	}
	for _, w := range slices.Sorted(maps.Keys(s.Weights)) {
		x, list := s.Weights[w], words(withoutAccents(fold(w)))
		if len(list) != 1 {
			return nil, fmt.Errorf("weights: %q is not one word", w)
		}
		if !(x >= 0 && x <= maxWeight) {
			return nil, fmt.Errorf("weights: the weight of %q must be from 0 to %d; 1 is that of a word that is not named", w, maxWeight)
		}
		t.weights[list[0]] = uint16(math.Round(x * weightOfOne))
	}
	return t, nil
}

const maxWeight = 100

// Append implements Comparator. Several attributes make one text.
func (t *tokens) Append(dst []byte, r *Record) []byte {
	var all []string
	for _, v := range r.Values {
		all = append(all, words(withoutAccents(fold(v)))...)
	}
	if t.weights == nil {
		return appendSet(dst, all)
	}
	for i, w := range all {
		weight, ok := t.weights[w]
		if !ok {
			weight = weightOfOne
		}
		all[i] = string(binary.BigEndian.AppendUint16(nil, weight)) + w
	}
	return appendSet(dst, all)
}

// overlap is what two sets of words have and share, in words and in weight.
type overlap struct {
	inA, inB, both             int
	weightA, weightB, weighing uint64
}

// compare walks through two sets. A word has the same weight in both, so equal
// members are equal words.
func (t *tokens) compare(a, b set) (o overlap) {
	if t.weights == nil {
		o.inA, o.inB, o.both = sizes(a, b)
		o.weightA, o.weightB, o.weighing = uint64(o.inA), uint64(o.inB), uint64(o.both)
		return o
	}
	o.inA, o.inB, o.both = sizes(a, b)
	o.weightA, o.weightB = weigh(a), weigh(b)
	var x, y []byte
	moreA, moreB := a.next(&x), b.next(&y)
	for moreA && moreB {
		switch order := slices.Compare(x, y); {
		case order < 0:
			moreA = a.next(&x)
		case order > 0:
			moreB = b.next(&y)
		default:
			o.weighing += weightOf(x)
			moreA, moreB = a.next(&x), b.next(&y)
		}
	}
	return o
}

func weigh(s set) (sum uint64) {
	var member []byte
	for s.next(&member) {
		sum += weightOf(member)
	}
	return sum
}

func weightOf(member []byte) uint64 {
	if len(member) < 2 {
		return 0
	}
	return uint64(binary.BigEndian.Uint16(member))
}

// Level implements Comparator.
func (t *tokens) Level(a, b []byte) int {
	o := t.compare(a, b)
	return t.level(func(c *clause) bool {
		switch c.op {
		case opIdentical:
			return o.both == o.inA && o.both == o.inB
		case opSubset:
			return o.both > 0 && o.both == min(o.inA, o.inB)
		case opOverlap:
			return o.both >= c.n
		case opTokenOverlap:
			return reaches(o.weighing, min(o.weightA, o.weightB), c.x)
		default:
			return reaches(o.weighing, o.weightA+o.weightB-o.weighing, c.x)
		}
	})
}

// reaches reports whether part is at least a share of the whole, and not
// nothing.
func reaches(part, whole uint64, share float64) bool {
	return part > 0 && float64(part) >= share*float64(whole)-1e-9
}

var tokensParts = []string{"value", "tokens", "sorted", "digits"}

// Parts implements Keyer.
func (t *tokens) Parts() []string { return slices.Clone(tokensParts) }

// CheckPart implements PartChecker.
func (t *tokens) CheckPart(part string, n int) error { return checkPart(tokensParts, part, n) }

// Keys implements Keyer. Words that weigh nothing are no keys.
func (t *tokens) Keys(feature []byte, part string, _ int, emit func(value []byte)) {
	var all []string
	set(feature).each(func(member []byte) {
		if t.weights != nil {
			if weightOf(member) == 0 {
				return
			}
			member = member[2:]
		}
		all = append(all, string(member))
	})
	switch part {
	case "tokens":
		for _, w := range all {
			emit([]byte(w))
		}
	case "digits":
		for _, w := range all {
			if strings.ContainsFunc(w, unicode.IsDigit) {
				emit([]byte(w))
			}
		}
	default:
		slices.Sort(all)
		emitFull([]byte(strings.Join(all, " ")), emit)
	}
}
