package train

import (
	"fmt"
	"io"
	"math"
	"strings"

	"heji/services/linkage"
)

// Report says what a training did. It holds no values of records (I9).
type Report struct {
	Seed        uint64
	Records     int
	RandomPairs float64 // compared for u
	Passes      []Pass  // one for each blocking rule
	All         Pass    // the run over all pairs
	Levels      []Level
	Prior       float64 // probability that two records drawn at random are one entity
	// Found and Missed are the matches expected among the pairs that blocking
	// finds and among those that it does not.
	Found, Missed float64
	// Link, Review, Group and Shared in hundredths of a bit.
	Link, Review, Group, Shared int
	// Silent are comparisons about which no record says anything; they weigh
	// nothing.
	Silent []string
	// Notes are what a person should know, whether or not the report is read.
	Notes []string
}

// Pass is one run of EM.
type Pass struct {
	Rule             string
	Hidden           []string // comparisons that the rule fixes
	Pairs            float64
	Rounds           int
	Change           float64 // of a probability in the last round, at most
	LogLikelihood    float64 // log2
	Matches, Related float64 // expected pairs
	Converged        bool
	Note             string
}

// Level is what was learned of one level.
type Level struct {
	Comparison, Name string
	linkage.MU
	Matches float64 // expected, over all passes
	Random  float64 // pairs drawn at random
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (r *Report) level(c linkage.Compared, k int, mu linkage.MU, matches, random float64) {
	r.Levels = append(r.Levels, Level{Comparison: c.Name, Name: c.Levels[k].Name, MU: mu, Matches: matches, Random: random})
}

// Write writes the report as text.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "training on %d records, seed %d\n\n", r.Records, r.Seed)
	fmt.Fprintf(&b, "u from %.0f random pairs\n", r.RandomPairs)
	for _, p := range r.Passes {
		p.write(&b)
	}
	if r.All.Rule != "" {
		r.All.write(&b)
	}
	if len(r.Levels) > 0 {
		fmt.Fprintf(&b, "\n%-16s %-34s %9s %9s %7s %9s %9s\n", "comparison", "level", "m", "u", "bits", "matches", "random")
	}
	for _, l := range r.Levels {
		fmt.Fprintf(&b, "%-16s %-34s %9.3g %9.3g %7.2f %9.0f %9.0f\n", l.Comparison, l.Name, l.M, l.U, math.Log2(l.M/l.U), l.Matches, l.Random)
	}
	if r.Prior > 0 {
		fmt.Fprintf(&b, "\nprior %.3g: %.0f matches expected among the pairs that blocking finds, %.0f among the others\n", r.Prior, r.Found, r.Missed)
		fmt.Fprintf(&b, "thresholds in bits: link %.2f, review %.2f, group %.2f\n", float64(r.Link)/100, float64(r.Review)/100, float64(r.Group)/100)
	}
	if r.Shared > 0 && r.Shared < noLimit {
		fmt.Fprintf(&b, "shared comparisons prove at most %.2f bits together\n", float64(r.Shared)/100)
	}
	if len(r.Silent) > 0 {
		fmt.Fprintf(&b, "without any values: %s\n", strings.Join(r.Silent, ", "))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (p Pass) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s\n", p.Rule)
	if p.Rounds == 0 {
		fmt.Fprintf(b, "  %.0f pairs; %s\n", p.Pairs, p.Note)
		return
	}
	state := "converged"
	if !p.Converged {
		state = "NOT converged"
	}
	fmt.Fprintf(b, "  %.0f pairs, %d rounds, last change %.1g, log2 likelihood %.0f, %s; %.0f matches", p.Pairs, p.Rounds, p.Change, p.LogLikelihood, state, p.Matches)
	if p.Related > 0 {
		fmt.Fprintf(b, ", %.0f related", p.Related)
	}
	if p.Note != "" {
		fmt.Fprintf(b, "; %s", p.Note)
	}
	b.WriteString("\n")
}
