package train

import "slices"

// lesson is what one pass learned about matches.
type lesson struct {
	pass   int
	hidden []bool
	counts levels // expected matches by level
	p      levels
}

// best is how many of the matches fall into the best level of a comparison.
func (l *lesson) best(c int) float64 { return l.p[c][0] }

// far is how much less often the matches of a pass agree than is usual before
// they are something else than matches.
const far = 0.4

// combine sums what the passes learned. A pass of which the matches agree far
// less than those of the others in most of what it sees has found something
// else, such as people of one town, and is left out.
func (t *training) combine() {
	t.matched, t.covered = newLevels(t.sampler.shape), make([]bool, len(t.comparisons))
	usual := t.usual()
	for i := range t.learned {
		l := &t.learned[i]
		seen, low := 0, 0
		for c, u := range usual {
			if u == 0 || l.hidden[c] {
				continue
			}
			seen++
			if l.best(c) < far*u {
				low++
			}
		}
		if seen > 1 && 2*low > seen {
			t.report.Passes[l.pass].Note = "left out: what it takes for matches agrees far less than the matches of other rules"
			continue
		}
		t.matched.plus(l.counts, l.hidden)
		for c, h := range l.hidden {
			t.covered[c] = t.covered[c] || !h
		}
	}
	t.warnOfRelatives(usual)
}

// usual is the median agreement of the passes in each comparison; 0 where fewer
// than three see it.
func (t *training) usual() []float64 {
	out := make([]float64, len(t.comparisons))
	for c := range out {
		var best []float64
		for i := range t.learned {
			if l := &t.learned[i]; !l.hidden[c] && !t.silent[c] {
				best = append(best, l.best(c))
			}
		}
		if len(best) >= 3 {
			slices.Sort(best)
			out[c] = best[len(best)/2]
		}
	}
	return out
}

// warnOfRelatives tells where the matches of one pass that counts agree on
// something far less often than usual: it has most likely found people of one
// household, and the model does not say what those share.
func (t *training) warnOfRelatives(usual []float64) {
	const less = 0.65
	worst, at, comparison := less, -1, 0
	for i := range t.learned {
		l := &t.learned[i]
		for c, u := range usual {
			if u == 0 || l.hidden[c] || t.comparisons[c].Shared || t.report.Passes[l.pass].Note != "" {
				continue
			}
			if share := l.best(c) / u; share < worst {
				worst, at, comparison = share, i, c
			}
		}
	}
	if at < 0 {
		return
	}
	l := &t.learned[at]
	t.report.note("of the matches that rule %q finds, %.0f%% agree on %s; with other rules it is %.0f%%. They may be people of one household: "+
		"list what these have in common (surname, address, phone) under shared: of in the model, or they are taken for one person",
		t.report.Passes[l.pass].Rule, 100*l.best(comparison), t.comparisons[comparison].Name, 100*usual[comparison])
}
