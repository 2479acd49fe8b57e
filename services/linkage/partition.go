package linkage

import (
	"cmp"
	"slices"
	"sort"

	"heji/schema"
)

// Batch partitions records into residents (RULES A). It is a function of the
// items' evidence, the decisions and the scorer: the order of the input does not
// matter (I2).
//
// Pairs that share a usable key (not hot) are weighed and sorted: "same"
// decisions first, then the heaviest, ties by record. They are joined from the
// strongest down. A join is refused if it would
//
//   - contradict a "not the same" decision between any two records of the two
//     groups (I4);
//   - put two different valid ID numbers together (I3), unless a "same" decision
//     made them aliases;
//   - put two records of one source together, where the limits forbid it;
//   - rest on an ambiguous pair, while others of its kind lead from the one group
//     to a third that cannot be one with the other;
//   - fail the group rule: the mean weight over all cross pairs of the two
//     groups, blocked or not, must reach the bound. Without it a chain of weak
//     links makes one resident out of a street.
//
// What a person joined is no average: the group rule looks at the parts that
// weights alone have built, so that the records on either side of a "same"
// decision go on gathering their like. Without decisions a part is a group.
//
// Anchored items are attached afterwards to the group of their first living
// anchor (which may be anchored itself); with none left they stand alone.
func Batch(s Scorer, items []Item, decisions []Decision, hot func(key int64) bool) Result {
	sorted := slices.Clone(items)
	slices.SortFunc(sorted, func(a, b Item) int { return CompareRefs(a.Ref, b.Ref) })
	p := &partition{scorer: s, limits: s.Limits(), items: sorted}
	p.decide(decisions)
	p.pairs(hot)
	p.doubt()
	p.join()
	groups := p.attach()
	return Result{Groups: groups, Edges: p.edges()}
}

// pair is two items by index, a < b.
type pair struct {
	a, b   int32
	weight int32
	// conflict: one ID number under clearly different people.
	conflict  bool
	ambiguous bool
}

type partition struct {
	scorer Scorer
	limits Limits
	items  []Item // by Ref

	same    []pair    // decided, whether blocked or not
	notSame [][]int32 // per item, the items that a person told apart from it
	weighed []pair    // at or above review, or in conflict
	unsure  []bool    // per item: two of the register fit it about equally well

	groups forest // what is one resident
	parts  forest // what weights alone have joined
	ids    [][]string
	memo   weights
	mates  [][]int32 // of ambiguousMates; nil until it is asked for
}

// find returns the index of a record that is present and not anchored. Decisions
// about others wait until they return.
func (p *partition) find(ref schema.RecordRef) (int32, bool) {
	i, ok := sort.Find(len(p.items), func(i int) int { return CompareRefs(ref, p.items[i].Ref) })
	if !ok || len(p.items[i].Anchors) > 0 {
		return 0, false
	}
	return int32(i), true
}

func (p *partition) decide(decisions []Decision) {
	p.notSame = make([][]int32, len(p.items))
	for _, d := range decisions {
		a, ok := p.find(d.A)
		b, ok2 := p.find(d.B)
		switch {
		case !ok || !ok2 || a == b:
		case d.Same:
			w := p.scorer.Weigh(p.items[a].F, p.items[b].F)
			p.same = append(p.same, pair{a: min(a, b), b: max(a, b), weight: int32(w.Total)})
		default:
			p.notSame[a] = append(p.notSame[a], b)
			p.notSame[b] = append(p.notSame[b], a)
		}
	}
	slices.SortFunc(p.same, strongest)
	p.same = slices.Compact(p.same)
}

// pairs weighs every two items that share a usable key, once.
func (p *partition) pairs(hot func(int64) bool) {
	holders := make(map[int64][]int32)
	for i, it := range p.items {
		if len(it.Anchors) > 0 {
			continue // I6: compared with nothing
		}
		for _, k := range it.Keys {
			holders[k] = append(holders[k], int32(i))
		}
	}
	for k := range holders {
		if hot(k) {
			delete(holders, k)
		}
	}
	seen := make([]int32, len(p.items)) // seen[b] == a+1: a and b are weighed
	for i := range p.items {
		a := int32(i)
		if len(p.items[a].Anchors) > 0 {
			continue
		}
		for _, k := range p.items[a].Keys {
			for _, b := range holders[k] {
				if b <= a || seen[b] == a+1 || p.limits.apart(p.items[a].Ref, p.items[b].Ref) {
					continue
				}
				seen[b] = a + 1
				w := p.scorer.Weigh(p.items[a].F, p.items[b].F)
				if w.Total >= p.limits.Review || w.Conflict {
					p.weighed = append(p.weighed, pair{a: a, b: b, weight: int32(w.Total), conflict: w.Conflict, ambiguous: w.Ambiguous})
				}
			}
		}
	}
	slices.SortFunc(p.weighed, strongest)
}

// strongest orders pairs for joining: heaviest first, ties by record, which the
// sorted items turn into ties by index.
func strongest(x, y pair) int {
	return cmp.Or(cmp.Compare(y.weight, x.weight), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b))
}

func (p *partition) join() {
	p.groups, p.parts = newForest(len(p.items)), newForest(len(p.items))
	p.ids = make([][]string, len(p.items))
	for i, it := range p.items {
		if len(it.Anchors) > 0 {
			continue
		}
		if id := p.scorer.Identifier(it.F); len(id) > 0 {
			p.ids[i] = []string{string(id)}
		}
	}
	for _, e := range p.same { // I4: before every weight
		a, b := p.groups.root(e.a), p.groups.root(e.b)
		if a != b && !p.apart(a, b) {
			p.unite(a, b)
		}
	}
	p.memo = newWeights(len(p.items))
	refused := make(map[[4]int32]bool)
	for _, e := range p.weighed {
		if int(e.weight) < p.limits.Link {
			break
		}
		a, b := p.groups.root(e.a), p.groups.root(e.b)
		x, y := p.parts.root(e.a), p.parts.root(e.b)
		if x == y {
			continue
		}
		// A part only grows, so root and size name its members.
		tried := [4]int32{x, p.parts.size[x], y, p.parts.size[y]}
		if refused[tried] {
			continue
		}
		if !p.fit(x, y) {
			refused[tried] = true
			continue
		}
		if a != b {
			if p.undecided(e) || p.apart(a, b) || p.twoIDs(a, b) || p.oneSource(a, b) || e.ambiguous && p.rivals(a, b) {
				continue
			}
			p.unite(a, b)
		}
		p.parts.unite(x, y)
	}
}

// unite makes one group of two, with the ID numbers of both.
func (p *partition) unite(a, b int32) {
	ids := p.ids[a]
	for _, id := range p.ids[b] {
		if !slices.Contains(ids, id) {
			ids = append(ids[:len(ids):len(ids)], id)
		}
	}
	p.ids[p.groups.unite(a, b)] = ids
}

// apart reports whether a person told any two records of two groups apart (I4).
func (p *partition) apart(a, b int32) bool {
	if p.notSame == nil {
		return false
	}
	if p.groups.size[a] > p.groups.size[b] {
		a, b = b, a
	}
	for i := range p.groups.members(a) {
		for _, o := range p.notSame[i] {
			if p.groups.root(o) == b {
				return true
			}
		}
	}
	return false
}

// twoIDs reports whether a join would put two different valid ID numbers
// together (I3). The numbers of one group are one number, or aliases by
// decision; so two groups may join if they have a number in common.
func (p *partition) twoIDs(a, b int32) bool {
	if len(p.ids[a]) == 0 || len(p.ids[b]) == 0 {
		return false
	}
	for _, id := range p.ids[a] {
		if slices.Contains(p.ids[b], id) {
			return false
		}
	}
	return true
}

// oneSource reports whether a join would put two records of one source together
// against the limits.
func (p *partition) oneSource(a, b int32) bool {
	if p.limits.Register != "" {
		return p.registered(a) && p.registered(b)
	}
	if !p.limits.OnePerSource {
		return false
	}
	for i := range p.groups.members(a) {
		for j := range p.groups.members(b) {
			if p.items[i].Ref.Platform == p.items[j].Ref.Platform {
				return true
			}
		}
	}
	return false
}

// fit is the group rule. Pairs that are never compared count neither way.
func (p *partition) fit(x, y int32) bool {
	sum, n := 0, 0
	for a := range p.parts.members(x) {
		for b := range p.parts.members(y) {
			if p.limits.apart(p.items[a].Ref, p.items[b].Ref) {
				continue
			}
			sum += p.weigh(a, b)
			n++
		}
	}
	return sum >= p.limits.Group*n // the mean, without dividing
}

func (p *partition) weigh(a, b int32) int {
	return p.memo.of(a, b, func() int { return p.scorer.Weigh(p.items[a].F, p.items[b].F).Total })
}

// edges returns the pairs of two groups that are worth keeping, with the reason
// as things stand at the end.
func (p *partition) edges() []Edge {
	var edges []Edge
	for _, e := range p.weighed {
		if why := p.why(e); why != "" {
			edges = append(edges, Edge{A: p.items[e.a].Ref, B: p.items[e.b].Ref, Weight: int(e.weight), Reason: why})
		}
	}
	slices.SortFunc(edges, func(x, y Edge) int { return cmp.Or(CompareRefs(x.A, y.A), CompareRefs(x.B, y.B)) })
	return edges
}

// why says why the ends of a pair are in two groups; "" where they are in one.
// The reason of a pair below the link threshold depends on the pair alone: its
// ends may lie in two closures.
func (p *partition) why(e pair) Reason {
	a, b := p.groups.root(e.a), p.groups.root(e.b)
	switch {
	case a == b:
		return ""
	case p.notSame != nil && slices.Contains(p.notSame[e.a], e.b):
		return Decided
	case e.conflict:
		return SameID
	case int(e.weight) < p.limits.Link:
		return BelowLink
	case p.apart(a, b):
		return Decided
	case p.undecided(e):
		return Undecided
	case p.twoIDs(a, b):
		return TwoIDs
	case p.oneSource(a, b):
		return OneSource
	}
	return GroupRule
}
