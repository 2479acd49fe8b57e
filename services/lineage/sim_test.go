package lineage

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
)

const simSteps = 50

// make chaos plays 50,000.
var histories = flag.Int("histories", 3000, "how many random histories to play")

// What even the rule cannot exclude without any of the mysteries, at most so
// often in 5,000 histories. Three edits of one cell within one lag, read by two
// reads that overtake each other, may show a middle value late (it is put right
// by the next read); and a trusted row clock moves when another column changes.
var residual = map[string]int{staleRead: 3, newerLost: 3}

// tolerated is how often something may be left over in so many histories.
func tolerated(class string, n int) int { return residual[class] * max(n, 5000) / 5000 }

// drawn takes its choices from rapid, which can then shrink them.
type drawn struct{ t *rapid.T }

func (d drawn) pick(label string, n int) int { return rapid.IntRange(0, n-1).Draw(d.t, label) }

// seeded takes its choices from a seed.
type seeded struct{ *rand.Rand }

func (s seeded) pick(_ string, n int) int { return s.IntN(n) }

func seed(n int) seeded { return seeded{rand.New(rand.NewPCG(uint64(n), 7))} }

// TestHistories plays random histories in which everything happens that the rule
// is meant to bear, and nothing that no rule can bear.
func TestHistories(t *testing.T) {
	checks := *histories
	if testing.Short() {
		checks /= 10
	}
	setFlag(t, "rapid.checks", fmt.Sprint(checks))
	setFlag(t, "rapid.seed", "20261123") // the same histories on every machine
	setFlag(t, "rapid.nofailfile", "true")

	total, seen := map[string]int{}, map[string]int{}
	n, failed := 0, false
	rapid.Check(t, func(t *rapid.T) {
		n++
		h := newHistory(drawn{t}, newRuled(n%16 == 0), noMystery)
		h.traced = failed
		h.run(simSteps)
		count(total, h.violations)
		for what, times := range h.seen {
			seen[what] += times
		}
		for class := range h.violations {
			if total[class] > tolerated(class, checks) {
				failed = true // the smaller histories that rapid tries now are traced
				t.Log(strings.Join(h.trace, "\n"))
				t.Fatal(class)
			}
		}
	})
	for _, class := range []string{neverQuiet, echo, silentlyOff, repeated, missedByAll, hasty, unagreed} {
		require.Zero(t, total[class], class)
	}
	for class := range residual {
		require.LessOrEqual(t, total[class], tolerated(class, checks), class)
	}
	t.Logf("%d histories; violations %v; %v", n, total, seen)
	// A simulator in which nothing happens proves nothing.
	for _, what := range []string{"writes", "creates", "settled", "altered", "not taken", "retry", "contested", "restored", "rendition",
		"ignored", "retractions", "disputed", "held by recency", "platform restores", "store restores", "proposed", "withdrawn", "granted again",
		"creates that got lost", "taken at its word"} {
		require.Positive(t, seen[what], what)
	}
	for _, kind := range simKinds {
		require.Positive(t, seen["written to "+kind], kind)
	}
	require.Less(t, seen["fields that wait for a person"]*2, seen["fields"], "most fields need nobody, even in this world")
}

// TestMysteries plays histories with one thing each that no rule can tell apart,
// and checks that it costs no more than that thing explains.
func TestMysteries(t *testing.T) {
	for _, m := range slices.Sorted(maps.Keys(mysteries)) {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			total, excused := map[string]int{}, map[string]int{}
			last := 0
			for n := range 500 {
				h := newHistory(seed(n), newRuled(false), m)
				h.run(simSteps)
				count(total, h.violations)
				count(excused, h.excused)
				if len(h.violations) > 0 {
					last = n
				}
			}
			t.Logf("in %d histories: explained %v, not explained %v", 500, excused, total)
			for class, n := range total {
				require.LessOrEqual(t, n, b2i(residual[class] > 0), "%s: the last one has seed %d:\n%s", class, last, traceOf(last, m))
			}
		})
	}
}

// TestObviousVersion shows that the simulator finds what the obvious version
// does wrong: without lineage, every read is evidence and every difference is
// written.
func TestObviousVersion(t *testing.T) {
	t.Parallel()
	total := map[string]int{}
	const n = 500
	for i := range n {
		h := newHistory(seed(i), newObvious(), noMystery)
		h.run(simSteps)
		count(total, h.violations)
	}
	t.Logf("in %d histories: %v", n, total)
	for class, atLeast := range map[string]int{neverQuiet: n / 100, echo: n / 2, staleRead: n / 20, silentlyOff: n / 20, repeated: n / 20, newerLost: n / 20} {
		require.GreaterOrEqual(t, total[class], atLeast, class)
	}
}

// TestPeacefulHistories: where nothing lies, lags or fails, the rule bothers
// nobody.
func TestPeacefulHistories(t *testing.T) {
	t.Parallel()
	for i := range 100 {
		h := blankHistory(seed(i), newRuled(false), noMystery)
		h.traced = true
		for id := range h.platforms {
			p := &platform{id: id, conditional: true, versions: id > 0, looks: true, primary: true, mode: map[schema.Attribute]schema.Mode{}}
			for _, a := range simFields {
				p.mode[a] = schema.Overwrite
			}
			h.populate(p)
			p.save(h.now)
			h.platforms[id] = p
		}
		h.calm = true
		h.settleAll()
		for range simSteps {
			h.tick(1)
			h.peacefulStep()
			h.settleAll()
		}
		h.quieten()
		require.Empty(t, h.violations, strings.Join(h.trace, "\n"))
		require.Zero(t, h.seen["fields that wait for a person"], strings.Join(h.trace, "\n"))
	}
}

func (h *history) peacefulStep() {
	p := h.platforms[h.c.pick("platform", simPlatforms)]
	person := h.c.pick("person", simPersons)
	a := simFields[h.c.pick("field", len(simFields))]
	switch h.c.pick("event", 3) {
	case 0:
		h.stamps++
		c := p.rows[person].cells[a]
		text := h.fresh()
		p.rows[person].cells[a] = cell{text: text, cause: byClerk, stamp: h.stamps, act: h.now, lastOwn: text}
		p.rows[person].version++
		p.save(h.now)
		h.logf("clerk %d/%d %s: %q → %q", p.id, person, a, c.text, text)
	case 1:
		h.desk(rowKey{p.id, person}, a)
	case 2:
		h.repoint(rowKey{p.id, person})
	}
}

// settleAll lets the hub see and write everything.
func (h *history) settleAll() {
	for range 2 {
		for _, p := range h.platforms {
			h.tick(1)
			h.pull(p, false)
		}
		for _, p := range h.platforms {
			h.tick(1)
			h.write(p)
		}
	}
}

// traceOf plays a seeded history again and tells what happened.
func traceOf(n int, m mystery) string {
	h := newHistory(seed(n), newRuled(false), m)
	h.traced = true
	h.run(simSteps)
	return strings.Join(h.trace, "\n")
}

func count(total, one map[string]int) {
	for class, n := range one {
		total[class] += b2i(n > 0)
	}
}

// setFlag sets a flag of rapid for one test.
func setFlag(t *testing.T, name, value string) {
	t.Helper()
	f := flag.Lookup(name)
	require.NotNil(t, f, name)
	old := f.Value.String()
	require.NoError(t, flag.Set(name, value))
	t.Cleanup(func() { require.NoError(t, flag.Set(name, old)) })
}
