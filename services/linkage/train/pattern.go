package train

import (
	"slices"

	"heji/services/linkage"
)

// pattern is the levels that one pair of records falls into, one for each
// comparison of the model, linkage.Missing where the pair says nothing.
type pattern [linkage.MaxComparisons]int8

// tally counts pairs by pattern.
type tally map[pattern]float64

func (t tally) add(other tally) {
	for p, n := range other {
		t[p] += n
	}
}

func (t tally) pairs() float64 {
	// Counts are whole, so the order of the sum does not matter.
	sum := 0.0
	for _, n := range t {
		sum += n
	}
	return sum
}

// counted is a pattern and the number of pairs that show it, a fraction where
// pairs were sampled.
type counted struct {
	levels pattern
	pairs  float64
}

// table is what EM works on.
type table struct {
	rows  []counted
	total float64 // pairs
}

// part is a tally that stands for factor times as many pairs.
type part struct {
	tally  tally
	factor float64
}

// tabulate puts tallies together. Comparisons in hidden count as missing. The
// rows are sorted: sums of fractions depend on their order, and the same records
// must give the same model.
func tabulate(hidden []bool, parts ...part) table {
	var rows []counted
	for _, p := range parts {
		for levels, n := range p.tally {
			for c, h := range hidden {
				if h {
					levels[c] = linkage.Missing
				}
			}
			rows = append(rows, counted{levels, n * p.factor})
		}
	}
	slices.SortFunc(rows, func(a, b counted) int {
		if c := slices.Compare(a.levels[:], b.levels[:]); c != 0 {
			return c
		}
		switch {
		case a.pairs < b.pairs:
			return -1
		case a.pairs > b.pairs:
			return 1
		}
		return 0
	})
	var t table
	for _, r := range rows {
		if n := len(t.rows); n > 0 && t.rows[n-1].levels == r.levels {
			t.rows[n-1].pairs += r.pairs
		} else {
			t.rows = append(t.rows, r)
		}
		t.total += r.pairs
	}
	return t
}
