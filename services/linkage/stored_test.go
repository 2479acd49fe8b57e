package linkage

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"heji/schema"
)

// stored is the partition that the stream has come to.
func (h *hub) stored() Result {
	groups := make(map[string][]schema.RecordRef)
	for _, id := range slices.Sorted(maps.Keys(h.rows)) {
		if r := h.rows[id]; !r.Deleted {
			groups[r.Resident] = append(groups[r.Resident], r.Ref)
		}
	}
	got := Result{}
	for _, g := range groups {
		slices.SortFunc(g, CompareRefs)
		got.Groups = append(got.Groups, g)
	}
	slices.SortFunc(got.Groups, func(a, b []schema.RecordRef) int { return CompareRefs(a[0], b[0]) })
	for pair, e := range h.edges {
		a, b := h.rows[pair[0]].Ref, h.rows[pair[1]].Ref
		if CompareRefs(a, b) > 0 {
			a, b = b, a
		}
		got.Edges = append(got.Edges, Edge{A: a, B: b, Weight: e.Weight, Reason: e.Reason})
	}
	slices.SortFunc(got.Edges, func(x, y Edge) int { return cmp.Or(CompareRefs(x.A, y.A), CompareRefs(x.B, y.B)) })
	return got
}

// difference compares the store with Batch of what it holds; empty: the same.
func (h *hub) difference() string {
	want, hot := h.batch()
	keys := make(map[int64]bool)
	for _, r := range h.rows {
		switch {
		case r.Deleted && r.Resident != "":
			return fmt.Sprintf("%v is deleted and still has a resident", r.Ref)
		case !r.Deleted && h.redirect[r.Resident] != "":
			return fmt.Sprintf("%v has a resident that redirects", r.Ref)
		case !r.Deleted:
			add(keys, r.Keys)
		}
	}
	got := h.stored()
	var d []string
	if g, w := fmt.Sprint(got.Groups), fmt.Sprint(want.Groups); g != w {
		d = append(d, "groups: stream "+g+", batch "+w)
	}
	if g, w := fmt.Sprint(got.Edges), fmt.Sprint(want.Edges); g != w {
		d = append(d, "edges: stream "+g+", batch "+w)
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if h.hot[k] != hot(k) {
			d = append(d, fmt.Sprintf("key %d: listed hot %v, is hot %v", k, h.hot[k], hot(k)))
		}
	}
	return strings.Join(d, "\n")
}
