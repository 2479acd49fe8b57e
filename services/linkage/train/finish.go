package train

import (
	"fmt"
	"math"
	"slices"

	"heji/services/linkage"
)

// Thresholds, in hundredths of a bit from where match and no match are even odds.
//
// The rule that finds the best F1 in expectation links every pair whose
// probability is above half the F1 that is reached (Lipton, Elkan and
// Naryanaswamy 2014): next to one half, whatever the records. A group may be
// joined a little below: its pairs are of one opinion, or they would not have
// met, and the weakest of them are those that say least, not those that speak
// against it.
const (
	linkAt   = 0
	reviewAt = -330 // a probability of about one tenth
	groupAt  = -300
)

// finish is step 3, and what follows from it.
func (t *training) finish() (linkage.Training, error) {
	blocked := 0.0
	for _, p := range t.found {
		blocked += p.tally.pairs() * p.factor
	}
	rest := part{t.apart, 0}
	if n := t.apart.pairs(); n > 0 {
		rest.factor = max(0, t.sampler.total-blocked) / n
	}
	inside, outside := tabulate(nil, t.found...), tabulate(nil, rest)
	everything := tabulate(nil, append(append([]part(nil), t.found...), rest)...)

	match, related, stranger, e := t.begin(t.silent)
	learned := t.matched.shares()
	for c := range learned {
		// m stays what the passes say. What no pass could see is learned here.
		match.free[c], stranger.free[c] = !t.covered[c], true
		if t.covered[c] {
			copy(match.p[c], learned[c])
		}
	}
	match.share, stranger.share = 0.001, 0.998
	if related != nil {
		related.share = 0.001
	}
	converged := e.run(everything, t.settings.Rounds)
	t.report.All = Pass{Rule: "all pairs", Pairs: everything.total, Rounds: e.rounds, Change: e.change, LogLikelihood: e.likelihood,
		Matches: match.pairs, Converged: converged}
	if !converged {
		return linkage.Training{}, fmt.Errorf("training does not converge: the run over all pairs still changes a probability by %.2g after %d rounds, and nothing is written",
			e.change, e.rounds)
	}
	out := linkage.Training{Levels: t.weights(match, related, stranger)}
	if related != nil {
		t.report.All.Related = related.pairs
		out.Shared = t.limit(related, stranger)
	} else if slices.ContainsFunc(t.comparisons, func(c linkage.Compared) bool { return c.Shared }) {
		out.Shared = noLimit // nothing is there that could be shared
	}
	out.Prior = t.prior(e, match, inside, outside)
	t.report.Prior, t.report.Shared = out.Prior, out.Shared
	even := int(math.Round(100 * math.Log2((1-out.Prior)/out.Prior)))
	out.Link, out.Review, out.Group = even+linkAt, even+reviewAt, even+groupAt
	t.report.Link, t.report.Review, t.report.Group = out.Link, out.Review, out.Group
	return out, nil
}

// prior is the share of matches among all pairs. Among the pairs that blocking
// does not find it is extrapolated from a sample, in which one match stands for
// thousands: it may double what blocking finds, no more.
func (t *training) prior(e *em, match *class, inside, outside table) float64 {
	e.expect(inside)
	found := match.pairs
	e.expect(outside)
	missed := min(match.pairs, found)
	t.report.Found, t.report.Missed = found, missed
	return min(max((found+missed)/t.sampler.total, 1e-12), 0.5)
}

// noLimit is more than comparisons ever add up to, in hundredths of a bit.
const noLimit = 50_000

// limit is what the shared comparisons can prove together: how much rarer than
// all pairs the related are.
func (t *training) limit(related, stranger *class) int {
	share := related.share / (related.share + stranger.share)
	return int(min(max(1, math.Round(-100*math.Log2(max(share, leastShare)))), noLimit))
}

// shrink is the number of pairs at which a weight counts half: what hardly any
// pair shows is hardly known.
const shrink = 2

// weights turns counts into m and u. u is of all pairs that are no match.
func (t *training) weights(match, related, stranger *class) [][]linkage.MU {
	seen := newLevels(t.sampler.shape)
	for p, n := range t.random {
		seen.add(&p, n)
	}
	out := make([][]linkage.MU, len(t.comparisons))
	for c := range out {
		out[c] = make([]linkage.MU, t.sampler.shape[c])
		for k := range out[c] {
			if t.silent[c] {
				even := 1 / float64(len(out[c]))
				out[c][k] = linkage.MU{M: even, U: even}
				continue
			}
			m, u := match.p[c][k], stranger.p[c][k]
			if related != nil {
				u = (u*stranger.share + related.p[c][k]*related.share) / (stranger.share + related.share)
			}
			n := t.matched[c][k] + seen[c][k]
			w := math.Log2(m/u) * n / (n + shrink)
			out[c][k] = linkage.MU{M: min(1, max(u*math.Exp2(w), 1e-9)), U: max(u, 1e-9)}
			t.report.level(t.comparisons[c], k, out[c][k], t.matched[c][k], seen[c][k])
		}
	}
	return out
}
