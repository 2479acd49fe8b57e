package linkage

import "iter"

// An ambiguous pair is one whose evidence several people of one family have in
// common, as a newborn without a name of its own and either of two twins. Joined
// from the strongest down it would go to whichever of them happens to weigh more.

// ambiguousMates returns, for each item, the others that an ambiguous pair at or
// above the link threshold leads to. All of them are in the item's closure: the
// stream follows every edge that weighs enough, whatever refuses it.
func (p *partition) ambiguousMates() [][]int32 {
	if p.mates == nil {
		p.mates = make([][]int32, len(p.items))
		for _, e := range p.weighed {
			if int(e.weight) < p.limits.Link {
				break
			}
			if e.ambiguous {
				p.mates[e.a] = append(p.mates[e.a], e.b)
				p.mates[e.b] = append(p.mates[e.b], e.a)
			}
		}
	}
	return p.mates
}

// rivals reports whether ambiguous pairs of one of two groups lead to a third
// that cannot be one with the other.
func (p *partition) rivals(a, b int32) bool {
	return p.leadsElsewhere(a, b) || p.leadsElsewhere(b, a)
}

func (p *partition) leadsElsewhere(from, other int32) bool {
	for z := range p.ambiguousFrom(from) {
		if g := p.groups.root(z); g != from && g != other && !p.mayBeOne(g, other) {
			return true
		}
	}
	return false
}

func (p *partition) ambiguousFrom(group int32) iter.Seq[int32] {
	mates := p.ambiguousMates()
	return func(yield func(int32) bool) {
		for i := range p.groups.members(group) {
			for _, z := range mates[i] {
				if !yield(z) {
					return
				}
			}
		}
	}
}

// mayBeOne reports whether nothing forbids two groups to be one, and some pair of
// theirs would join by itself. Of an ambiguous pair it is enough that it is worth
// a look: what tells nobody apart is no reason to think that they are two.
func (p *partition) mayBeOne(a, b int32) bool {
	if p.apart(a, b) || p.twoIDs(a, b) {
		return false
	}
	for i := range p.groups.members(a) {
		for j := range p.groups.members(b) {
			switch w := p.weigh(i, j); {
			case w >= p.limits.Link:
				return true
			case w >= p.limits.Review && p.scorer.Weigh(p.items[i].F, p.items[j].F).Ambiguous:
				return true
			}
		}
	}
	return false
}
