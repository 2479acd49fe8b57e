package linkage

// mask is a set of levels of one comparison, Missing among them.
type mask [2]uint64

// maxLevels is what a mask and a Comparison have room for, beside Missing.
const maxLevels = 127

func (s *mask) add(level int) { s[(level+1)/64] |= 1 << ((level + 1) % 64) }

func (s *mask) has(level int8) bool { return s[(level+1)/64]>>((level+1)%64)&1 != 0 }

// not returns all other levels of a comparison of so many.
func (s mask) not(levels int) mask {
	var out mask
	for l := Missing; l < levels; l++ {
		if !s.has(int8(l)) {
			out.add(l)
		}
	}
	return out
}

// condition holds where a comparison fell into one of some levels.
type condition struct {
	at     int // comparison
	levels mask
	listed []string // as the model lists them
	not    bool     // the model lists those that it is not
}

func (k *condition) holds(c *Comparison) bool { return k.levels.has(c.level[k.at]) }

// together is what some levels say with one another, beside what each says
// alone: comparisons that depend on one another.
type together struct {
	name   string
	when   []condition // all
	weight int32
}

// maxTogether is what a Comparison has room for.
const maxTogether = 32

// correction reports whether a name is taken by a line of the waterfall that is no
// comparison.
func correction(name string) bool { return name == sharedName || name == conflictName }

// shared limits what a whole family shares: phone, dwelling, household, mother.
type shared struct {
	of    []int
	limit int32 // 0: training is to find it
	// except[i], where it is not empty and all of it holds, leaves of[i] out.
	except [][]condition
}

// correct returns what is taken off beyond the limit.
func (s *shared) correct(c *Comparison) int32 {
	var sum int32
	for i, at := range s.of {
		if len(s.except[i]) > 0 && every(s.except[i], c) {
			continue
		}
		sum += max(c.weight[at]+c.frequency[at], 0)
	}
	if sum <= s.limit || s.limit == 0 {
		return 0
	}
	c.shared = s.limit - sum
	return c.shared
}

// conflict recognises two records that show one number and cannot, by what else
// they say, be taken for one person without a look (I3).
type conflict struct {
	when []condition   // all
	any  [][]condition // any of all
}

func (k *conflict) holds(c *Comparison) bool {
	if !every(k.when, c) {
		return false
	}
	for _, line := range k.any {
		if every(line, c) {
			return true
		}
	}
	return false
}

func every(list []condition, c *Comparison) bool {
	for i := range list {
		if !list[i].holds(c) {
			return false
		}
	}
	return true
}
