package linkage

import "slices"

// Pair is two items by their place, A < B, and what a Scorer said about them.
type Pair struct {
	A, B   int32
	Weight Weight
}

// Apart is a pair that is worth keeping and did not join.
type Apart struct {
	Pair
	Reason Reason
}

// BatchOf is Batch for a caller that has found and weighed the pairs itself:
// files, where blocking millions of records is another trade than blocking a
// closure. It gives what Batch gives without decisions and anchored items.
//
// The items are sorted by Ref and need no keys; pairs are all that share a usable
// key and weigh at least Limits.Review or are in conflict, each once, in any
// order. It returns for each item the first one of its group, and the pairs of
// two groups, the strongest first.
func BatchOf(s Scorer, items []Item, pairs []Pair) (first []int32, apart []Apart) {
	p := &partition{scorer: s, limits: s.Limits(), items: items, weighed: make([]pair, len(pairs))}
	for i, e := range pairs {
		p.weighed[i] = pair{a: e.A, b: e.B, weight: int32(e.Weight.Total), conflict: e.Weight.Conflict, ambiguous: e.Weight.Ambiguous}
	}
	slices.SortFunc(p.weighed, strongest)
	p.doubt()
	p.join()
	first = make([]int32, len(items))
	for i := range first {
		first[i] = int32(len(items))
	}
	for i := range items {
		root := p.groups.root(int32(i))
		first[root] = min(first[root], int32(i))
	}
	for i := range items {
		// A root's own entry is final; others are still to be filled from it.
		if root := p.groups.root(int32(i)); root != int32(i) {
			first[i] = first[root]
		}
	}
	for _, e := range p.weighed {
		if why := p.why(e); why != "" {
			apart = append(apart, Apart{Pair: Pair{A: e.a, B: e.b, Weight: Weight{Total: int(e.weight), Conflict: e.conflict, Ambiguous: e.ambiguous}}, Reason: why})
		}
	}
	return first, apart
}
