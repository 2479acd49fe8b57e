package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/services/linkage"
)

// draw draws pairs of one class.
func draw(r *rand.Rand, into tally, pairs int, p levels, gaps float64) {
	for range pairs {
		var shown pattern
		for i := range shown {
			shown[i] = linkage.Missing
		}
		for c := range p {
			if r.Float64() < gaps {
				continue
			}
			x := r.Float64()
			for k, q := range p[c] {
				if x -= q; x < 0 || k == len(p[c])-1 {
					shown[c] = int8(k)
					break
				}
			}
		}
		into[shown]++
	}
}

var (
	matches   = levels{{.8, .1, .1}, {.9, .1}, {.85, .1, .05}, {.95, .05}, {.7, .3}}
	strangers = levels{{.01, .02, .97}, {.1, .9}, {.002, .05, .948}, {.03, .97}, {.05, .95}}
)

func all(n int, yes bool) []bool {
	out := make([]bool, n)
	for i := range out {
		out[i] = yes
	}
	return out
}

func near(t *testing.T, want, got levels, within float64) {
	t.Helper()
	for c := range want {
		for k := range want[c] {
			require.InDelta(t, want[c][k], got[c][k], within, "comparison %d level %d", c, k)
		}
	}
}

func shapeOf(l levels) []int {
	var shape []int
	for _, c := range l {
		shape = append(shape, len(c))
	}
	return shape
}

func TestEMFindsWhatWasDrawn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	shown := tally{}
	draw(r, shown, 3000, matches, 0.15)
	draw(r, shown, 20000, strangers, 0.15)
	start := levels{{.6, .2, .2}, {.7, .3}, {.6, .2, .2}, {.7, .3}, {.7, .3}}
	match := &class{share: 0.3, p: start.clone(), free: all(5, true)}
	stranger := &class{share: 0.7, p: strangers.clone(), free: all(5, false)}
	e := &em{classes: []*class{match, stranger}}
	require.True(t, e.run(tabulate(nil, part{shown, 1}), 1000))
	near(t, matches, match.p, 0.03)
	near(t, strangers, stranger.p, 0) // fixed
	require.InDelta(t, 3000, match.pairs, 100)

	// With u free, too.
	match.p, stranger.p, stranger.free = start.clone(), levels{{.1, .1, .8}, {.2, .8}, {.1, .1, .8}, {.2, .8}, {.2, .8}}, all(5, true)
	e = &em{classes: []*class{match, stranger}}
	require.True(t, e.run(tabulate(nil, part{shown, 1}), 1000))
	near(t, matches, match.p, 0.04)
	near(t, strangers, stranger.p, 0.02)
}

// Families share the last three comparisons, and are more than matches: two
// classes take them for the matches, three do not.
func TestEMTellsTheRelatedFromMatches(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	shown := tally{}
	family := levels{strangers[0], strangers[1], matches[2], matches[3], matches[4]}
	draw(r, shown, 600, matches, 0.1)
	draw(r, shown, 6000, family, 0.1)
	draw(r, shown, 30000, strangers, 0.1)
	table := tabulate(nil, part{shown, 1})
	start := levels{{.6, .2, .2}, {.7, .3}, {.6, .2, .2}, {.7, .3}, {.7, .3}}

	two := &class{share: 0.2, p: start.clone(), free: all(5, true)}
	stranger := &class{share: 0.8, p: strangers.clone(), free: all(5, false)}
	e := &em{classes: []*class{two, stranger}}
	require.True(t, e.run(table, 1000))
	require.Greater(t, two.pairs, 5000.0)

	match := &class{share: 0.2, p: start.clone(), free: all(5, true)}
	related := &class{share: 0.1, p: levels{stranger.p[0], stranger.p[1], match.p[2], match.p[3], match.p[4]}, free: all(5, false)}
	stranger.share = 0.7
	e = &em{classes: []*class{match, stranger, related}}
	require.True(t, e.run(table, 1000))
	require.InDelta(t, 600, match.pairs, 60)
	require.InDelta(t, 6000, related.pairs, 200)
	near(t, matches, match.p, 0.05)
}

// Every round makes the records and the pseudo-counts together likelier.
func TestEMNeverFalls(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for range 20 {
		shown := tally{}
		draw(r, shown, 1+r.IntN(300), matches, r.Float64()/2)
		draw(r, shown, 1+r.IntN(3000), strangers, r.Float64()/2)
		table := tabulate(nil, part{shown, 1})
		match := &class{share: 0.3, p: levels{{.6, .2, .2}, {.7, .3}, {.6, .2, .2}, {.7, .3}, {.7, .3}}, free: all(5, true)}
		stranger := &class{share: 0.7, p: strangers.clone(), free: all(5, r.IntN(2) == 0)}
		e := &em{classes: []*class{match, stranger}}
		before := math.Inf(-1)
		for range 60 {
			now := e.pseudoLikelihood()
			e.expect(table)
			now += e.likelihood
			require.GreaterOrEqual(t, now, before-1e-6)
			before = now
			e.maximise(table)
		}
	}
}

func TestEMSaysThatItDoesNotConverge(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	shown := tally{}
	draw(r, shown, 100, matches, 0)
	draw(r, shown, 1000, strangers, 0)
	match := &class{share: 0.3, p: levels{{.6, .2, .2}, {.7, .3}, {.6, .2, .2}, {.7, .3}, {.7, .3}}, free: all(5, true)}
	e := &em{classes: []*class{match, {share: 0.7, p: strangers.clone(), free: all(5, false)}}}
	require.False(t, e.run(tabulate(nil, part{shown, 1}), 1))
	require.Equal(t, 1, e.rounds)
	require.Positive(t, e.change)
}

func TestTabulate(t *testing.T) {
	a, b := pattern{0, 1}, pattern{0, 2}
	table := tabulate([]bool{false, true}, part{tally{a: 3}, 2}, part{tally{a: 1, b: 4}, 1})
	require.Equal(t, []counted{{pattern{0, linkage.Missing}, 11}}, table.rows)
	require.Equal(t, 11.0, table.total)
	table = tabulate(nil, part{tally{b: 3}, 2}, part{tally{a: 1, b: 4}, 1})
	require.Equal(t, []counted{{a, 1}, {b, 10}}, table.rows)
}

func TestShares(t *testing.T) {
	require.Equal(t, []float64{0.75, 0.25}, shares([]float64{1, 0}))
	require.Equal(t, []float64{0.5, 0.5}, shares([]float64{0, 0}), "what was never seen says nothing")
	require.Equal(t, []int{3, 2, 3, 2, 2}, shapeOf(newLevels(shapeOf(matches))))
}
