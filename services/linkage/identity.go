package linkage

import (
	"cmp"
	"maps"
	"slices"
)

// Identity is the outcome of AssignIDs.
type Identity[ID comparable] struct {
	// Of holds one id for each group, in the order of the groups.
	Of []ID
	// Redirect leads from ids that no group kept to the id of the group that got
	// most of their records.
	Redirect map[ID]ID
	// Retired ids have no record left at all.
	Retired []ID
	// Revived ids were redirecting and live again: their redirects end.
	Revived []ID
}

// AssignIDs keeps residents' ids stable from one partition to the next.
//
// old holds the resident that each record had; all records of each of those
// residents must be among old, tombstones included. Where a resident was split,
// the part with most of its records keeps the id; where several were merged, the
// one that brought most records does. Ties go to the part that holds the
// smallest record.
//
// former holds, for records whose resident was once merged away, the id that it
// had then, as long as that id redirects. A group without an old id of its own
// gets back the id that most of its records once had; so undoing a merge brings
// both ids back. What is still without gets a fresh one. (Two workers could
// revive one id at the same time: the caller updates the redirecting resident's
// row only where it still redirects, and starts again where it does not.)
//
// less orders records: CompareRefs, or the order of row ids.
func AssignIDs[Rec, ID comparable](groups [][]Rec, old, former map[Rec]ID, less func(a, b Rec) int, fresh func() ID) Identity[ID] {
	out := Identity[ID]{Of: make([]ID, len(groups)), Redirect: make(map[ID]ID)}
	given := make([]bool, len(groups))
	taken := make(map[ID]bool)

	claims := claimsOf(groups, old, less)
	give(claims, given, taken, out.Of)
	revived := give(unless(claimsOf(groups, former, less), old), given, taken, out.Of)
	out.Revived = revived
	for i := range groups {
		if !given[i] {
			out.Of[i] = fresh()
		}
	}
	// claims are sorted, so the first claim on an id is that of the group with
	// most of its records.
	for _, c := range claims {
		if _, ok := out.Redirect[c.id]; !ok && !taken[c.id] {
			out.Redirect[c.id] = out.Of[c.group]
		}
	}
	claimed := make(map[ID]bool)
	for _, c := range claims {
		claimed[c.id] = true
	}
	for _, rec := range slices.SortedFunc(maps.Keys(old), less) {
		if id := old[rec]; !claimed[id] {
			claimed[id] = true
			out.Retired = append(out.Retired, id)
		}
	}
	return out
}

// claim is a group's claim on an id.
type claim[Rec, ID comparable] struct {
	group   int
	id      ID
	records int
	first   Rec // the smallest of them
}

// claimsOf counts, for each group and id, the records that bring the id; the
// strongest claim first.
func claimsOf[Rec, ID comparable](groups [][]Rec, ids map[Rec]ID, less func(a, b Rec) int) []claim[Rec, ID] {
	var claims []claim[Rec, ID]
	for g, records := range groups {
		at := make(map[ID]int)
		for _, rec := range records {
			id, ok := ids[rec]
			if !ok {
				continue
			}
			i, seen := at[id]
			if !seen {
				i = len(claims)
				at[id] = i
				claims = append(claims, claim[Rec, ID]{group: g, id: id, first: rec})
			}
			claims[i].records++
			if less(rec, claims[i].first) < 0 {
				claims[i].first = rec
			}
		}
	}
	slices.SortFunc(claims, func(a, b claim[Rec, ID]) int {
		return cmp.Or(cmp.Compare(b.records, a.records), less(a.first, b.first))
	})
	return claims
}

// unless drops claims on ids that are in use.
func unless[Rec, ID comparable](claims []claim[Rec, ID], used map[Rec]ID) []claim[Rec, ID] {
	in := make(map[ID]bool, len(used))
	for _, id := range used {
		in[id] = true
	}
	return slices.DeleteFunc(claims, func(c claim[Rec, ID]) bool { return in[c.id] })
}

// give grants claims in order, one id for a group and one group for an id, and
// returns what it granted.
func give[Rec, ID comparable](claims []claim[Rec, ID], given []bool, taken map[ID]bool, of []ID) []ID {
	var granted []ID
	for _, c := range claims {
		if given[c.group] || taken[c.id] {
			continue
		}
		of[c.group], given[c.group], taken[c.id] = c.id, true, true
		granted = append(granted, c.id)
	}
	return granted
}
