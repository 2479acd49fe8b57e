package bench

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"

	"heji/services/linkage"
	"heji/services/linkage/files"
)

// counts are how often pairs of one person, and of two, show each level. Pairs of
// which one record says nothing are in neither.
type counts struct {
	compared []linkage.Compared
	m, u     [][]float64
}

// strangers is how many pairs of two people are drawn.
const strangers = 2_000_000

// counted counts all pairs of one person, and pairs of two that are drawn at
// random. Log2 of the two shares is what a level would weigh by the truth, if
// comparisons were independent; a model's own weights make up for that they are
// not, and for what a population of a few thousand cannot show.
func counted(linked *files.Records, records []record) counts {
	c := counts{compared: linked.Model().Comparisons()}
	for _, k := range c.compared {
		c.m, c.u = append(c.m, make([]float64, len(k.Levels))), append(c.u, make([]float64, len(k.Levels)))
	}
	see := func(into [][]float64, a, b int) {
		x := linked.Model().Compare(linked.Features(a), linked.Features(b))
		for i := range into {
			if l := x.Level(i); l != linkage.Missing {
				into[i][l]++
			}
		}
	}
	rows := map[int][]int{}
	for i := range records {
		for _, j := range rows[records[i].person] {
			see(c.m, j, i)
		}
		rows[records[i].person] = append(rows[records[i].person], i)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range strangers {
		if a, b := r.IntN(len(records)), r.IntN(len(records)); records[a].person != records[b].person {
			see(c.u, a, b)
		}
	}
	return c
}

func (c counts) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-12s %-18s %10s %10s %8s %8s\n", "comparison", "level", "m", "u", "counted", "model")
	for i, k := range c.compared {
		m, u := shares(c.m[i]), shares(c.u[i])
		for l := range k.Levels {
			fmt.Fprintf(&b, "%-12s %-18s %10.2g %10.2g %+8.1f %+8.1f\n", k.Name, k.Levels[l].Name, m[l], u[l],
				math.Log2(m[l]/u[l]), float64(k.Levels[l].Weight)/100)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shares turns counts into probabilities; what was never seen is counted as half
// a pair.
func shares(n []float64) []float64 {
	const pseudo = 0.5
	sum := 0.0
	for _, x := range n {
		sum += x + pseudo
	}
	out := make([]float64, len(n))
	for i, x := range n {
		out[i] = (x + pseudo) / sum
	}
	return out
}
