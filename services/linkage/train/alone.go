package train

import (
	"fmt"
	"slices"
)

// alone is a pass that sees one comparison only. Any share of matches explains
// its pairs, if they disagree as often as it takes: EM would stop wherever it
// began, take namesakes for matches, and learn that dates of birth are mostly
// wrong. So such a pass comes last, and borrows how often matches disagree.
type alone struct {
	pass       int
	hidden     []bool
	comparison int
	found      tally
}

// visible lists the comparisons that a pass sees.
func (t *training) visible(hidden []bool) (list []int) {
	for c, h := range hidden {
		if !h && !t.silent[c] {
			list = append(list, c)
		}
	}
	return list
}

// usualDisagreement is how often matches disagree where no pass can tell.
const usualDisagreement = 0.05

// disagreement is how often matches fall into the level that strangers mostly
// fall into: the median of the comparisons that some pass has learned about.
func (t *training) disagreement() float64 {
	seen := newLevels(t.sampler.shape)
	covered := make([]bool, len(seen))
	for i := range t.learned {
		l := &t.learned[i]
		seen.plus(l.counts, l.hidden)
		for c, h := range l.hidden {
			covered[c] = covered[c] || !h && !t.silent[c]
		}
	}
	var list []float64
	for c, p := range seen.shares() {
		if covered[c] {
			list = append(list, p[t.commonest(c)])
		}
	}
	if len(list) == 0 {
		return usualDisagreement
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// commonest is the level that most strangers fall into.
func (t *training) commonest(c int) int {
	at := 0
	for l, u := range t.u[c] {
		if u > t.u[c][at] {
			at = l
		}
	}
	return at
}

// learnAlone learns from the passes that see one comparison. With the share of
// disagreeing matches given, the rest follows: what strangers do not explain.
func (t *training) learnAlone() {
	d := t.disagreement()
	for _, a := range t.alone {
		c, pass := a.comparison, &t.report.Passes[a.pass]
		seen, pairs := make([]float64, t.sampler.shape[c]), 0.0
		for p, n := range a.found {
			if l := p[c]; l >= 0 {
				seen[l] += n
				pairs += n
			}
		}
		at, u := t.commonest(c), t.u[c]
		if pairs == 0 || u[at] <= d || seen[at] >= u[at]*pairs {
			pass.Note = "no more alike than strangers"
			continue
		}
		share := min((u[at]-seen[at]/pairs)/(u[at]-d), 1)
		l := lesson{pass: a.pass, hidden: a.hidden, counts: newLevels(t.sampler.shape)}
		for k := range seen {
			l.counts[c][k] = max(0, seen[k]-(1-share)*u[k]*pairs)
			pass.Matches += l.counts[c][k]
		}
		if pass.Matches < fewMatches {
			pass.Note = "too few matches to learn from"
			continue
		}
		pass.Note = fmt.Sprintf("sees %s only; matches are taken to disagree there as often as elsewhere, %.1f%%", t.comparisons[c].Name, 100*d)
		l.p = l.counts.shares()
		t.learned = append(t.learned, l)
	}
}
