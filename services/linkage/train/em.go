package train

import (
	"math"
	"slices"
)

// levels holds one number for each level of each comparison.
type levels [][]float64

func newLevels(shape []int) levels {
	l := make(levels, len(shape))
	for c, n := range shape {
		l[c] = make([]float64, n)
	}
	return l
}

func (l levels) clone() levels {
	out := make(levels, len(l))
	for c := range l {
		out[c] = append([]float64(nil), l[c]...)
	}
	return out
}

// add adds n to every level that a pattern shows.
func (l levels) add(p *pattern, n float64) {
	for c := range l {
		if k := p[c]; k >= 0 {
			l[c][k] += n
		}
	}
}

// plus adds the counts of the comparisons that are not hidden.
func (l levels) plus(other levels, hidden []bool) {
	for c := range l {
		if !hidden[c] {
			for k, n := range other[c] {
				l[c][k] += n
			}
		}
	}
}

// pseudo is the pseudo-count of every level: a level that was never seen is
// improbable, not impossible (Jeffreys' prior).
const pseudo = 0.5

// shares turns counts of one comparison into probabilities.
func shares(counts []float64) []float64 {
	sum := 0.0
	for _, n := range counts {
		sum += n + pseudo
	}
	out := make([]float64, len(counts))
	for k, n := range counts {
		out[k] = (n + pseudo) / sum
	}
	return out
}

func (l levels) shares() levels {
	out := make(levels, len(l))
	for c := range l {
		out[c] = shares(l[c])
	}
	return out
}

// class is one of the kinds of pairs that all pairs are a mixture of: matches,
// related, strangers.
type class struct {
	share float64 // of all pairs
	// p is the probability of each level. Two classes that hold the same slice for
	// a comparison are alike there, and are estimated together.
	p    levels
	free []bool // comparisons of which p is estimated

	counts levels  // expected pairs by level, of the last round
	pairs  float64 // expected pairs, of the last round
}

// em is a run of expectation-maximisation over patterns. Within a class the
// levels of a pair are independent; what a pair does not say is not counted.
type em struct {
	classes []*class

	rounds     int
	change     float64 // of a probability in the last round, at most
	likelihood float64 // log2
}

// EM has converged when no probability changes by more than tolerance in a round,
// or a round makes the records likelier by less than gain: where two answers are
// as good as one another, EM walks from one to the other for ever.
const (
	tolerance = 1e-4
	gain      = 1e-3 // bits, over all pairs
)

// run goes on until it converges, and reports whether it did within so many
// rounds.
func (e *em) run(t table, rounds int) bool {
	before := math.Inf(-1)
	for e.rounds < rounds {
		e.rounds++
		// With pseudo-counts it is the two together that never fall.
		now := e.pseudoLikelihood()
		e.expect(t)
		now += e.likelihood
		if e.maximise(t); e.change < tolerance || now-before < gain {
			return true
		}
		before = now
	}
	return false
}

// pseudoLikelihood is how likely the pseudo-counts are, as log2.
func (e *em) pseudoLikelihood() float64 {
	sum := 0.0
	e.estimated(func(_, c int, k *class) {
		for _, p := range k.p[c] {
			sum += pseudo * math.Log2(p)
		}
	})
	return sum
}

// estimated calls f with each comparison of each class that is estimated: the
// first class of those that are estimated together.
func (e *em) estimated(f func(i, c int, k *class)) {
	for i, k := range e.classes {
		for c, free := range k.free {
			if free && !slices.ContainsFunc(e.classes[:i], func(o *class) bool { return alike(o, k, c) }) {
				f(i, c, k)
			}
		}
	}
}

// expect divides the pairs of each pattern among the classes.
func (e *em) expect(t table) {
	logs := make([]levels, len(e.classes))
	priors := make([]float64, len(e.classes))
	for i, k := range e.classes {
		k.counts, k.pairs = make(levels, len(k.p)), 0
		priors[i], logs[i] = math.Log2(k.share), make(levels, len(k.p))
		for c := range k.p {
			k.counts[c], logs[i][c] = make([]float64, len(k.p[c])), make([]float64, len(k.p[c]))
			for l, p := range k.p[c] {
				logs[i][c][l] = math.Log2(p)
			}
		}
	}
	e.likelihood = 0
	each := make([]float64, len(e.classes))
	for r := range t.rows {
		row := &t.rows[r]
		top := math.Inf(-1)
		for i := range e.classes {
			x := priors[i]
			for c := range logs[i] {
				if l := row.levels[c]; l >= 0 {
					x += logs[i][c][l]
				}
			}
			each[i] = x
			top = max(top, x)
		}
		sum := 0.0
		for i := range each {
			each[i] = math.Exp2(each[i] - top)
			sum += each[i]
		}
		e.likelihood += row.pairs * (top + math.Log2(sum))
		for i, k := range e.classes {
			n := row.pairs * each[i] / sum
			k.pairs += n
			k.counts.add(&row.levels, n)
		}
	}
}

// leastShare keeps shares off 0, from which EM never returns.
const leastShare = 1e-15

func (e *em) maximise(t table) {
	e.change = 0
	for _, k := range e.classes {
		share := max(k.pairs/t.total, leastShare)
		// A share may be a millionth, so its relative change is what counts; of less
		// than a pair nobody needs to know the half.
		e.change = max(e.change, math.Abs(share-k.share)/max(share, k.share, 1/t.total)/10)
		k.share = share
	}
	e.estimated(func(i, c int, k *class) {
		counts := slices.Clone(k.counts[c])
		for _, o := range e.classes[i+1:] {
			if alike(o, k, c) {
				for l, n := range o.counts[c] {
					counts[l] += n
				}
			}
		}
		p := shares(counts)
		for l := range p {
			e.change = max(e.change, math.Abs(p[l]-k.p[c][l]))
		}
		copy(k.p[c], p)
	})
}

// alike reports whether two classes are estimated together.
func alike(a, b *class, c int) bool { return &a.p[c][0] == &b.p[c][0] }
