package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"heji/services/linkage"
)

// Settings of a training. The zero value takes the defaults.
type Settings struct {
	Seed uint64
	// RandomPairs are compared for u; all pairs, where there are no more. Default
	// 2,000,000.
	RandomPairs int
	// RulePairs are compared for each blocking rule, at most. Default 2,000,000.
	RulePairs int
	// Rounds of EM after which a pass does not converge. Default 3,000.
	Rounds int
	// Progress is told how many of the steps are done. It may be nil.
	Progress func(done, total int)
}

func (s *Settings) complete() {
	if s.RandomPairs <= 0 {
		s.RandomPairs = 2_000_000
	}
	if s.RulePairs <= 0 {
		s.RulePairs = 2_000_000
	}
	if s.Rounds <= 0 {
		s.Rounds = 3000
	}
}

// Train learns a model from records, without labels. The Report says how, even
// where the error says why nothing was learned: too few records, an attribute
// that is empty everywhere, no matches, or a pass that does not converge.
func Train(ctx context.Context, m *linkage.Model, r Records, s Settings) (linkage.Training, *Report, error) {
	s.complete()
	t := &training{model: m, settings: s, comparisons: m.Comparisons(), report: &Report{Seed: s.Seed, Records: r.Len()}}
	learned, err := t.run(ctx, r)
	return learned, t.report, err
}

type training struct {
	model       *linkage.Model
	settings    Settings
	comparisons []linkage.Compared
	report      *Report

	sampler *sampler
	silent  []bool // comparisons about which no record says anything
	random  tally  // pairs drawn at random
	apart   tally  // of them, those that share no key
	found   []part // pairs of each rule that no rule before it finds
	u       levels
	matched levels // expected pairs by level, over the passes
	covered []bool // comparisons that some pass could see
	learned []lesson
	alone   []alone
}

func (t *training) run(ctx context.Context, r Records) (linkage.Training, error) {
	const fewest = 10 // records: anything below is no population
	if r.Len() < fewest {
		return linkage.Training{}, fmt.Errorf("there are %d records; training needs at least %d, and some hundreds to be of use", r.Len(), fewest)
	}
	if err := t.checkSilent(r); err != nil {
		return linkage.Training{}, err
	}
	steps, done := len(t.model.Rules())+3, 0
	step := func() {
		if done++; t.settings.Progress != nil {
			t.settings.Progress(done, steps)
		}
	}
	t.sampler = newSampler(t.model, r)
	if t.sampler.total == 0 {
		return linkage.Training{}, fmt.Errorf("no two records may be compared: the model links between sources (mode: link_only), and all records are of one source")
	}
	step()
	t.drawStrangers(ctx)
	step()
	if err := t.passes(ctx, step); err != nil {
		return linkage.Training{}, err
	}
	learned, err := t.finish()
	if err != nil {
		return linkage.Training{}, err
	}
	learned.Frequencies = frequencies(t.model, r)
	step()
	return learned, ctx.Err()
}

// checkSilent finds comparisons that no record says anything about. Attributes
// that may be absent may be empty, too.
func (t *training) checkSilent(r Records) error {
	optional := t.model.Columns().Optional
	t.silent = make([]bool, len(t.comparisons))
	for i, c := range t.comparisons {
		t.silent[i] = true
		for k := 0; k < r.Len() && t.silent[i]; k++ {
			t.silent[i] = !t.model.Says(r.Features(k), i)
		}
		if !t.silent[i] {
			continue
		}
		for _, a := range c.Attributes {
			if !slices.Contains(optional, a) {
				return fmt.Errorf("comparison %s: %s is empty, or of no use to comparator %s, in every record; "+
					"check the column, list the attribute under files: optional, or take the comparison out", c.Name, strings.Join(c.Attributes, " and "), c.Comparator)
			}
		}
		t.report.Silent = append(t.report.Silent, c.Name)
	}
	return nil
}

// drawStrangers is step 1.
func (t *training) drawStrangers(ctx context.Context) {
	t.random, t.apart = t.sampler.random(ctx, t.settings.Seed, t.settings.RandomPairs)
	t.report.RandomPairs = t.random.pairs()
	counts := newLevels(t.sampler.shape)
	for p, n := range t.random {
		counts.add(&p, n)
	}
	t.u = counts.shares()
}

// begin returns what EM starts from: matches agree, the levels that a model lists
// first being the likelier. related is nil where the model, or what is not
// hidden, tells nothing about who lives together.
func (t *training) begin(hidden []bool) (match, related, stranger *class, e *em) {
	m := newLevels(t.sampler.shape)
	for c := range m {
		// 9 to 1/2 to 1/4 …: some nine in ten matches agree.
		m[c][0] = 9
		for k := 1; k < len(m[c]); k++ {
			m[c][k] = math.Exp2(-float64(k))
		}
	}
	match = &class{share: 0.2, p: m.shares(), free: make([]bool, len(m))}
	stranger = &class{share: 0.7, p: t.u.clone(), free: make([]bool, len(m))}
	e = &em{classes: []*class{match, stranger}}
	r, visible := make(levels, len(m)), 0
	for c := range r {
		match.free[c] = true
		if r[c] = stranger.p[c]; t.comparisons[c].Shared {
			r[c] = match.p[c]
			if !hidden[c] && !t.silent[c] {
				visible++
			}
		}
	}
	// One thing in common makes no household: it is coincidence, which u knows.
	if visible >= 2 {
		related = &class{share: 0.1, p: r, free: make([]bool, len(m))}
		e.classes = append(e.classes, related)
	}
	return match, related, stranger, e
}

// fewMatches are too few to learn from.
const fewMatches = 5

// passes is step 2.
func (t *training) passes(ctx context.Context, step func()) error {
	for k, rule := range t.model.Rules() {
		all, first, share := t.sampler.found(ctx, k, t.settings.Seed, t.settings.RulePairs)
		if err := ctx.Err(); err != nil {
			return err
		}
		t.found = append(t.found, part{first, 1 / share})
		p, err := t.pass(k, rule, all)
		t.report.Passes = append(t.report.Passes, p)
		if err != nil {
			return err
		}
		step()
	}
	t.learnAlone()
	if len(t.learned) == 0 {
		return fmt.Errorf("no blocking rule finds %d pairs that look like matches; there is nothing to learn from, and nothing is written", fewMatches)
	}
	t.combine()
	return nil
}

// pass runs EM over the pairs that one rule finds.
func (t *training) pass(k int, rule string, found tally) (Pass, error) {
	hidden := make([]bool, len(t.comparisons))
	for _, c := range t.model.ComparisonsOfRule(k) {
		for i := range t.comparisons {
			// Another comparison of the same attribute agrees there, too.
			hidden[i] = hidden[i] || t.comparisons[i].Attributes[0] == t.comparisons[c].Attributes[0]
		}
	}
	p := Pass{Rule: rule, Pairs: found.pairs()}
	for c, h := range hidden {
		if h {
			p.Hidden = append(p.Hidden, t.comparisons[c].Name)
		}
	}
	if p.Pairs < fewMatches {
		p.Note = "too few pairs to learn from"
		return p, nil
	}
	switch seen := t.visible(hidden); len(seen) {
	case 0:
		p.Note = "it fixes everything that there is to compare"
		return p, nil
	case 1:
		p.Note = "left to the end: it fixes all but " + t.comparisons[seen[0]].Name
		t.alone = append(t.alone, alone{pass: k, hidden: hidden, comparison: seen[0], found: found})
		return p, nil
	}
	match, related, _, e := t.begin(hidden)
	p.Converged = e.run(tabulate(hidden, part{found, 1}), t.settings.Rounds)
	p.Rounds, p.Change, p.LogLikelihood, p.Matches = e.rounds, e.change, e.likelihood, match.pairs
	if related != nil {
		p.Related = related.pairs
	}
	if !p.Converged {
		return p, fmt.Errorf("training does not converge: the pass over rule %q still changes a probability by %.2g after %d rounds, and nothing is written; "+
			"compare fewer levels, or attributes that depend less on one another", rule, e.change, e.rounds)
	}
	if p.Matches < fewMatches {
		p.Note = "too few matches to learn from"
		return p, nil
	}
	t.learned = append(t.learned, lesson{pass: k, hidden: hidden, counts: match.counts, p: match.p})
	return p, nil
}
