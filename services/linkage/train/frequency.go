package train

import (
	"math"

	"heji/services/linkage"
)

// Bounds of what a value's frequency changes, in hundredths of a bit. A rare
// value may be a slip of the pen, so it gains less than a common one loses.
const (
	mostLess = -600
	mostMore = 300
	// seldom: of values with fewer records nobody knows how common they are; they
	// count as the others.
	seldom = 5
	// step rounds adjustments, so that a model lists values in few tiers.
	step = 10
)

// frequencies counts the values of every table of every comparison that has
// some.
func frequencies(m *linkage.Model, r Records) [][]*linkage.Frequencies {
	list := m.Comparisons()
	out := make([][]*linkage.Frequencies, len(list))
	parallel(len(list), func(c int) {
		for t := range list[c].Frequencies {
			counts := make(map[string]int)
			for i := range r.Len() {
				if v, ok := m.Term(c, t, r.Features(i)); ok {
					counts[v]++
				}
			}
			out[c] = append(out[c], adjustments(counts))
		}
	})
	return out
}

// adjustments turns counts into weights. The weight of a level already holds how
// often two strangers agree there, which is the mean frequency that a value met
// in the records has, Σ f². A value of frequency f changes it by log2(Σ f² / f).
//
// Σ f² is taken from the same counts and not from u: where most records are
// duplicates, both it and f count them, and they cancel out.
func adjustments(counts map[string]int) *linkage.Frequencies {
	all, squares, rest, restSquares := 0, 0, 0, 0
	for _, n := range counts {
		all += n
		squares += n * n
		if n < seldom {
			rest += n
			restSquares += n * n
		}
	}
	out := &linkage.Frequencies{Values: make(map[string]int)}
	if all == 0 {
		return out
	}
	// Both in records: Σ f² · all, and f · all.
	mean := float64(squares) / float64(all)
	weight := func(n float64) int {
		w := math.Round(100*math.Log2(mean/n)/step) * step
		return int(min(max(w, mostLess), mostMore))
	}
	if rest > 0 {
		out.Others = weight(float64(restSquares) / float64(rest))
	}
	for v, n := range counts {
		if w := weight(float64(n)); n >= seldom && w != out.Others {
			out.Values[v] = w
		}
	}
	return out
}
