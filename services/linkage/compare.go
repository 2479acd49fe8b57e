package linkage

import (
	"encoding/binary"

	"heji/services/linkage/comparator"
)

// Missing is the level of a comparison that one of the two records says nothing
// about. It weighs nothing.
const Missing = comparator.Missing

// Comparison is what two records have in common, line by line. It holds no
// values (I9).
type Comparison struct {
	Weight int // hundredths of a bit: the sum of the steps
	// Conflict: one ID number under clearly different people.
	Conflict bool
	// Ambiguous: what speaks for the pair may speak for somebody else as well.
	Ambiguous bool

	model     *Model // names the steps
	level     [MaxComparisons]int8
	weight    [MaxComparisons]int32
	frequency [MaxComparisons]int32
	together  uint32 // the corrections of Model.together that were made, by place
	shared    int32  // what a household shares beyond the limit
	capped    int32  // what a conflict took off
}

// Compare says what two records have in common. It is symmetric, allocates
// nothing, and survives bytes that are no features.
//
// The total is the sum of the levels' weights, each adjusted for how common the
// value is, with three corrections. What some levels say together counts beside
// what each says alone. What a whole family shares counts up to a limit, so that
// twins and neighbours are not joined by how they live. And one ID number under
// clearly different people stays below the link threshold, flagged for review
// (I3).
func (m *Model) Compare(a, b Features) Comparison {
	var c Comparison
	m.compare(&c, a, b)
	return c
}

// Weigh is Compare without the lines.
func (m *Model) Weigh(a, b Features) Weight {
	var c Comparison
	m.compare(&c, a, b)
	return Weight{Total: c.Weight, Conflict: c.Conflict, Ambiguous: c.Ambiguous}
}

func (m *Model) compare(c *Comparison, a, b Features) {
	c.model = m
	n := len(m.comparisons)
	start := stampSize + endSize*n
	if len(a) < start || len(b) < start {
		for i := range n {
			c.level[i] = Missing
		}
		return
	}
	var total int32
	startA, startB := start, start
	for i := range m.comparisons {
		at := stampSize + endSize*i
		endA, endB := int(binary.LittleEndian.Uint16(a[at:])), int(binary.LittleEndian.Uint16(b[at:]))
		c.level[i] = Missing
		if startA < endA && endA <= len(a) && startB < endB && endB <= len(b) {
			total += m.comparisons[i].compare(c, i, a[startA:endA], b[startB:endB])
		}
		startA, startB = endA, endB
	}
	for i := range m.together {
		if t := &m.together[i]; every(t.when, c) {
			c.together |= 1 << i
			total += t.weight
		}
	}
	if m.shared != nil {
		total += m.shared.correct(c)
	}
	c.Ambiguous = len(m.ambiguous) > 0 && every(m.ambiguous, c)
	if m.conflict != nil && m.conflict.holds(c) {
		c.Conflict = true
		// I3: never evidence enough to join.
		if over := total - int32(m.limits.Link-1); m.hasThresholds && over > 0 {
			c.capped = -over
			total -= over
		}
	}
	c.Weight = int(total)
}

// compare grades two slots, neither of them empty, and returns what they weigh.
func (k *comparison) compare(c *Comparison, i int, a, b []byte) int32 {
	q := k.frequency
	var adjustA, adjustB int16
	if q != nil {
		if len(a) <= adjustSize || len(b) <= adjustSize {
			return 0
		}
		adjustA, adjustB = int16(binary.LittleEndian.Uint16(a)), int16(binary.LittleEndian.Uint16(b))
		a, b = a[adjustSize:], b[adjustSize:]
	}
	level := k.comparator.Level(a, b)
	if uint(level) >= uint(len(k.weights)) {
		return 0
	}
	w := k.weights[level]
	c.level[i], c.weight[i] = int8(level), w
	if q != nil {
		c.frequency[i] = q.adjust(level, w, adjustA, adjustB)
		w += c.frequency[i]
	}
	return w
}

// Level returns the level that a comparison fell into, or Missing.
func (c Comparison) Level(i int) int { return int(c.level[i]) }

// Step is one line of the waterfall.
type Step struct {
	// Name is a comparison's, or "frequency of" one, a correction's of "together",
	// "shared" or "conflict".
	Name   string
	Level  string
	Weight int // hundredths of a bit
}

// The names of the lines that are no comparisons.
const (
	frequencyOf  = "frequency of "
	togetherName = "together" // the level of these lines; each has a name of its own
	sharedName   = "shared"
	conflictName = "conflict"
	// applied is the level of a correction that was made.
	applied = "applied"
)

// Steps returns the lines of the waterfall in order: each comparison that both
// records say something about, behind it what the frequency of the value
// changes, and at the end the corrections.
func (c Comparison) Steps() []Step {
	if c.model == nil {
		return nil
	}
	var steps []Step
	for i := range c.model.comparisons {
		k := &c.model.comparisons[i]
		if c.level[i] == Missing {
			continue
		}
		steps = append(steps, Step{Name: k.name, Level: k.levels[c.level[i]].Name, Weight: int(c.weight[i])})
		if w := c.frequency[i]; w != 0 {
			steps = append(steps, Step{Name: frequencyOf + k.name, Level: applied, Weight: int(w)})
		}
	}
	for i := range c.model.together {
		if t := &c.model.together[i]; c.together>>i&1 != 0 {
			steps = append(steps, Step{Name: t.name, Level: togetherName, Weight: int(t.weight)})
		}
	}
	if c.shared != 0 {
		steps = append(steps, Step{Name: sharedName, Level: applied, Weight: int(c.shared)})
	}
	if c.capped != 0 {
		steps = append(steps, Step{Name: conflictName, Level: applied, Weight: int(c.capped)})
	}
	return steps
}
