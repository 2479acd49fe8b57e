package files

// sets are the connected sets of two records and more, by number: what pairs at
// or above the link threshold connect, whatever may refuse to join it later
// (RULES A). Pairs below the threshold connect nothing.
type sets struct {
	of      []int32 // set of each record, -1 for one that stands alone
	ends    []uint32
	records []uint32
	// The pairs among the members of each set, those below link included.
	pairEnds []uint32
	inside   []pair
}

func (s *sets) len() int { return len(s.ends) }

func (s *sets) members(set int) []uint32 { return s.records[start(s.ends, set):s.ends[set]] }

func (s *sets) pairs(set int) []pair { return s.inside[start(s.pairEnds, set):s.pairEnds[set]] }

// holds reports whether both ends of a pair are in one set.
func (s *sets) holds(p pair) bool { return s.of[p.a] >= 0 && s.of[p.a] == s.of[p.b] }

func connect(records int, kept []pair, link int32) sets {
	root := newRoots(records)
	for _, p := range kept {
		if p.weight >= link {
			root.unite(p.a, p.b)
		}
	}
	s := sets{of: make([]int32, records)}
	size := make([]uint32, records)
	for i := range root {
		size[root.find(uint32(i))]++
	}
	// A root is the smallest of its set, so it is met first.
	for i := range s.of {
		switch r := root.find(uint32(i)); {
		case size[r] == 1:
			s.of[i] = -1
		case r == uint32(i):
			s.of[i] = int32(len(s.ends))
			s.ends = append(s.ends, size[r])
		default:
			s.of[i] = s.of[r]
		}
	}
	s.records = make([]uint32, begins(s.ends))
	for i, set := range s.of {
		if set >= 0 {
			s.records[s.ends[set]] = uint32(i)
			s.ends[set]++
		}
	}
	s.pairEnds = make([]uint32, len(s.ends))
	for _, p := range kept {
		if s.holds(p) {
			s.pairEnds[s.of[p.a]]++
		}
	}
	s.inside = make([]pair, begins(s.pairEnds))
	for _, p := range kept {
		if s.holds(p) {
			set := s.of[p.a]
			s.inside[s.pairEnds[set]] = p
			s.pairEnds[set]++
		}
	}
	return s
}

// begins turns counts into where each begins, and returns the sum. Whoever then
// fills them counts up, so that they end as where each ends.
func begins(counts []uint32) uint32 {
	at := uint32(0)
	for i, n := range counts {
		counts[i] = at
		at += n
	}
	return at
}

// roots is a union-find of which the root is the smallest member.
type roots []uint32

func newRoots(n int) roots {
	r := make(roots, n)
	for i := range r {
		r[i] = uint32(i)
	}
	return r
}

func (r roots) find(i uint32) uint32 {
	for r[i] != i {
		r[i] = r[r[i]]
		i = r[i]
	}
	return i
}

func (r roots) unite(a, b uint32) {
	a, b = r.find(a), r.find(b)
	r[max(a, b)] = min(a, b)
}
