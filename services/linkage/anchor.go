package linkage

import (
	"slices"
	"sort"

	"heji/schema"
)

// attach puts the anchored items into the groups and returns all groups.
func (p *partition) attach() [][]schema.RecordRef {
	leads := p.leads()
	all := make(map[int32][]schema.RecordRef)
	var order []int32
	for i, it := range p.items { // in order, so that groups come out sorted
		g := p.groups.root(follow(leads, int32(i)))
		if all[g] == nil {
			order = append(order, g)
		}
		all[g] = append(all[g], it.Ref)
	}
	groups := make([][]schema.RecordRef, 0, len(order))
	for _, g := range order {
		groups = append(groups, all[g])
	}
	return groups
}

// leads returns for each item the one that it follows: its first living anchor,
// or itself. Anchors that lead in a circle are cut at their smallest record, so
// that the answer does not depend on where one starts.
func (p *partition) leads() []int32 {
	leads := make([]int32, len(p.items))
	for i, it := range p.items {
		leads[i] = int32(i)
		for _, ref := range it.Anchors {
			if j, ok := sort.Find(len(p.items), func(j int) int { return CompareRefs(ref, p.items[j].Ref) }); ok {
				leads[i] = int32(j)
				break
			}
		}
	}
	const (
		fresh = iota
		onWay
		done
	)
	state := make([]byte, len(leads))
	for i := range leads {
		var way []int32
		j := int32(i)
		for state[j] == fresh {
			state[j] = onWay
			way = append(way, j)
			j = leads[j]
		}
		if state[j] == onWay {
			circle := way[slices.Index(way, j):]
			first := slices.Min(circle)
			leads[first] = first
		}
		for _, k := range way {
			state[k] = done
		}
	}
	return leads
}

func follow(leads []int32, i int32) int32 {
	for leads[i] != i {
		i = leads[i]
	}
	return i
}
