package linkage

import (
	"cmp"
	"maps"
	"slices"

	"heji/schema"
)

// partition runs Batch over each finished component.
func (c *closing) partition() Closure {
	byRoot := make(map[int64][]Row)
	for _, id := range slices.Sorted(maps.Keys(c.rows)) {
		root := c.root(id)
		byRoot[root] = append(byRoot[root], *c.rows[id])
	}
	outside := make(map[int64][]candidate)
	for _, o := range c.outside {
		root := c.root(o.member)
		outside[root] = append(outside[root], o)
	}
	decisions := c.decisionsByRoot()
	var out Closure
	for _, members := range byRoot {
		root := c.root(members[0].ID)
		if c.oversize(root) {
			ids := make([]int64, len(members))
			for i, r := range members {
				ids[i] = r.ID
			}
			out.Oversize = append(out.Oversize, ids)
			continue
		}
		out.Components = append(out.Components, c.component(members, decisions[root], outside[root]))
	}
	slices.SortFunc(out.Components, func(a, b Component) int { return cmp.Compare(a.Members[0].ID, b.Members[0].ID) })
	slices.SortFunc(out.Oversize, func(a, b []int64) int { return cmp.Compare(a[0], b[0]) })
	return out
}

// decisionsByRoot files each decision under the components of both its ends.
func (c *closing) decisionsByRoot() map[int64][]Decision {
	roots := make(map[schema.RecordRef]int64, len(c.rows))
	for id, r := range c.rows {
		roots[r.Ref] = c.root(id)
	}
	by := make(map[int64][]Decision)
	for d := range c.decisions {
		a, ok := roots[d.A]
		if ok {
			by[a] = append(by[a], d)
		}
		if b, ok2 := roots[d.B]; ok2 && !(ok && a == b) {
			by[b] = append(by[b], d)
		}
	}
	return by
}

func (c *closing) component(members []Row, decisions []Decision, outside []candidate) Component {
	out := Component{Members: members}
	ids := make(map[schema.RecordRef]int64, len(members))
	items := make([]Item, 0, len(members))
	for _, r := range members {
		ids[r.Ref] = r.ID
		if r.Unresolved {
			out.Changed = append(out.Changed, r.ID)
		}
		if r.Deleted {
			continue // seeded its mates; takes part in nothing
		}
		it := Item{Ref: r.Ref, F: r.F, Keys: r.Keys}
		for _, id := range r.Anchors {
			if a, ok := c.rows[id]; ok {
				it.Anchors = append(it.Anchors, a.Ref)
			} else {
				it.Anchors = append(it.Anchors, schema.RecordRef{}) // gone for good, and still no ordinary record
			}
		}
		items = append(items, it)
	}
	// Batch sorts pairs itself, so the order of decisions is of no consequence.
	result := Batch(c.scorer, items, decisions, func(k int64) bool { return c.hot[k] })
	for _, g := range result.Groups {
		group := make([]int64, len(g))
		for i, ref := range g {
			group[i] = ids[ref]
		}
		out.Groups = append(out.Groups, group)
	}
	for _, e := range result.Edges {
		out.addEdge(ids[e.A], ids[e.B], e.Weight, e.Reason)
	}
	c.outsideEdges(&out, decisions, outside)
	slices.SortFunc(out.Outside, func(x, y Outside) int { return cmp.Compare(x.ID, y.ID) })
	out.Outside = slices.Compact(out.Outside)
	slices.SortFunc(out.Edges, func(x, y RowEdge) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) })
	return out
}

// outsideEdges adds the review edges that lead out of the component. Their other
// end is in another component: below the link threshold nothing connects them.
func (c *closing) outsideEdges(out *Component, decisions []Decision, outside []candidate) {
	for _, o := range outside {
		if c.root(o.member) == c.root(o.other.ID) {
			continue // became a member, and Batch has weighed what was locked
		}
		if r, ok := c.rows[o.other.ID]; ok {
			// Locked since it was read as a candidate: only what is locked counts.
			if !r.compared() || !c.meet(c.rows[o.member], r) {
				continue
			}
			o.weight = c.scorer.Weigh(c.rows[o.member].F, r.F)
			if o.weight.Total < c.limits.Review && !o.weight.Conflict {
				continue
			}
		} else {
			out.Outside = append(out.Outside, o.other)
		}
		why := BelowLink
		if o.weight.Conflict {
			why = SameID
		}
		if toldApart(decisions, c.rows[o.member].Ref, o.otherRef) {
			why = Decided
		}
		out.addEdge(o.member, o.other.ID, o.weight.Total, why)
	}
}

// meet reports whether two rows share a usable key.
func (c *closing) meet(a, b *Row) bool {
	return slices.ContainsFunc(a.Keys, func(k int64) bool { return !c.hot[k] && slices.Contains(b.Keys, k) })
}

func toldApart(decisions []Decision, a, b schema.RecordRef) bool {
	return slices.ContainsFunc(decisions, func(d Decision) bool {
		return !d.Same && (d.A == a && d.B == b || d.A == b && d.B == a)
	})
}

func (o *Component) addEdge(a, b int64, weight int, why Reason) {
	o.Edges = append(o.Edges, RowEdge{A: min(a, b), B: max(a, b), Weight: weight, Reason: why})
}
