package linkage

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"heji/schema"
)

// Close finds everything whose partition the unresolved records among seeds can
// have changed (RULES A, 2), and partitions it:
//
//	c, err := linkage.Close(model, transaction, claimed)
//	len(c.Flips) > 0   list them, mark all holders unresolved, commit, start again
//	c.Components       AssignIDs, write, unresolved = false, old keys = none
//	c.Oversize         flag; they stay unresolved
//
// Starting from the seeds it adds, until nothing is added: all mates of every
// member's last resident, both ends of every stored edge at or above the link
// threshold whatever refused it, both ends of every "same" decision, anchored
// records with what they are anchored to, and what an unresolved member's usable
// keys link it to now. Resolved members need no keys looked up: what they link
// to was stored when they were resolved, unless the other end is unresolved.
//
// A record is unresolved from the moment that it is put, deleted or returns, that
// a decision about it is made or revoked, or that one of its keys flips, until
// its component is written.
//
// Seeds that do not exist are ignored. An error is the Neighbourhood's.
func Close(s Scorer, n Neighbourhood, seeds []int64) (Closure, error) {
	c := closing{
		scorer: s, limits: s.Limits(), near: n,
		asked: make(map[int64]bool), rows: make(map[int64]*Row), hot: make(map[int64]bool), lookedUp: make(map[string]bool),
		parent: make(map[int64]int64), size: make(map[int64]int), decisions: make(map[Decision]bool),
	}
	for want := slices.Clone(seeds); len(want) > 0; {
		next, flips, err := c.round(want)
		if err != nil {
			return Closure{}, err
		}
		if len(flips) > 0 {
			return Closure{Flips: flips}, nil
		}
		want = next
	}
	return c.partition(), nil
}

type closing struct {
	scorer Scorer
	limits Limits
	near   Neighbourhood

	asked     map[int64]bool // locked, or found not to exist
	rows      map[int64]*Row
	hot       map[int64]bool
	lookedUp  map[string]bool // residents
	decisions map[Decision]bool
	outside   []candidate // pairs of an unresolved member and another record

	// parent and size are a union-find over ids by what connects them, so that
	// the size limit is one component's and not a whole batch's. Only locked,
	// living records count: a component that shrinks must not be held up by its
	// own tombstones.
	parent map[int64]int64
	size   map[int64]int
}

// candidate is a pair that a key brought together, not (yet) a member's edge.
type candidate struct {
	member   int64
	other    Outside
	otherRef schema.RecordRef
	weight   Weight
}

// round locks what is wanted, looks around, and returns what to lock next.
func (c *closing) round(want []int64) ([]int64, []Flip, error) {
	slices.Sort(want)
	want = slices.Compact(want)
	want = slices.DeleteFunc(want, func(id int64) bool { return c.asked[id] })
	for _, id := range want {
		c.asked[id] = true
	}
	if len(want) == 0 {
		return nil, nil, nil
	}
	locked, err := c.near.Lock(want)
	if err != nil {
		return nil, nil, fmt.Errorf("lock %d records of a closure: %w", len(want), err)
	}
	slices.SortFunc(locked, func(a, b Row) int { return cmp.Compare(a.ID, b.ID) })
	for i := range locked {
		c.rows[locked[i].ID] = &locked[i]
		if root := c.root(locked[i].ID); !locked[i].Deleted {
			c.size[root]++
		}
	}
	flips, err := c.heat(locked)
	if err != nil || len(flips) > 0 {
		return nil, flips, err
	}
	ask := c.question(locked)
	found, err := c.near.Look(ask)
	if err != nil {
		return nil, nil, fmt.Errorf("look around %d records of a closure: %w", len(locked), err)
	}
	return c.take(locked, ask, found), nil, nil
}

// heat learns which keys are hot, and counts those of unresolved records.
func (c *closing) heat(locked []Row) ([]Flip, error) {
	count, other := make(map[int64]bool), make(map[int64]bool)
	for _, r := range locked {
		if !r.Unresolved {
			add(other, r.Keys)
			continue
		}
		add(count, r.Keys)
		add(count, r.OldKeys)
	}
	for k := range count {
		delete(other, k)
	}
	if len(count)+len(other) == 0 {
		return nil, nil
	}
	counted := slices.Sorted(maps.Keys(count))
	state, err := c.near.Hot(counted, slices.Sorted(maps.Keys(other)))
	if err != nil {
		return nil, fmt.Errorf("count the holders of %d keys: %w", len(counted), err)
	}
	for k := range state.Listed {
		if state.Listed[k] {
			c.hot[k] = true
		}
	}
	return Flips(c.limits.HotKey, counted, state), nil
}

func add[K comparable](set map[K]bool, keys []K) {
	for _, k := range keys {
		set[k] = true
	}
}

// question asks for everything that the locked rows are connected to.
func (c *closing) question(locked []Row) Look {
	var q Look
	keys := make(map[int64]bool)
	for _, r := range locked {
		q.Records = append(q.Records, r.ID)
		q.Refs = append(q.Refs, r.Ref)
		if r.Resident != "" && !c.lookedUp[r.Resident] {
			c.lookedUp[r.Resident] = true
			q.Residents = append(q.Residents, r.Resident)
		}
		if len(r.Anchors) > 0 {
			q.Anchored = append(q.Anchored, r.ID)
		}
		if !r.Unresolved {
			continue
		}
		// Whoever is anchored to a changed record may have to move: to it when it
		// came back, away when it went.
		q.Anchors = append(q.Anchors, r.ID)
		if r.compared() {
			for _, k := range r.Keys {
				if !c.hot[k] {
					keys[k] = true
				}
			}
		}
	}
	slices.Sort(q.Residents)
	slices.SortFunc(q.Refs, CompareRefs)
	q.Keys = slices.Sorted(maps.Keys(keys))
	return q
}

// compared reports whether a row takes part in comparing: tombstones are no
// evidence, and anchored records follow (I6).
func (r *Row) compared() bool { return !r.Deleted && len(r.Anchors) == 0 }

// take adds what was found and returns the ids to lock next.
func (c *closing) take(locked []Row, ask Look, found Found) []int64 {
	var next []int64
	for _, resident := range ask.Residents {
		mates := found.Mates[resident]
		for _, id := range mates {
			c.join(mates[0], id)
		}
		next = append(next, mates...)
	}
	for _, p := range found.Pairs {
		c.join(p[0], p[1])
		next = append(next, p[0], p[1])
	}
	for _, d := range found.Decisions {
		if CompareRefs(d.A, d.B) > 0 {
			d.A, d.B = d.B, d.A
		}
		c.decisions[d] = true
	}
	next = append(next, c.link(locked, found.Candidates)...)
	return slices.DeleteFunc(next, func(id int64) bool { return c.oversize(id) })
}

// link weighs unresolved rows with the other holders of their usable keys.
func (c *closing) link(locked, candidates []Row) []int64 {
	holders := make(map[int64][]*Row)
	for i := range candidates {
		r := &candidates[i]
		if !r.compared() {
			continue
		}
		for _, k := range r.Keys {
			if !c.hot[k] {
				holders[k] = append(holders[k], r)
			}
		}
	}
	var next []int64
	for i := range locked {
		r := &locked[i]
		if !r.Unresolved || !r.compared() {
			continue
		}
		seen := map[int64]bool{r.ID: true}
		for _, k := range r.Keys {
			for _, o := range holders[k] {
				if seen[o.ID] || c.limits.apart(r.Ref, o.Ref) {
					continue
				}
				seen[o.ID] = true
				w := c.scorer.Weigh(r.F, o.F)
				switch {
				case w.Total >= c.limits.Link:
					c.join(r.ID, o.ID)
					next = append(next, o.ID)
				case w.Total >= c.limits.Review || w.Conflict:
					c.outside = append(c.outside, candidate{
						member: r.ID, other: Outside{ID: o.ID, Rev: o.Rev}, otherRef: o.Ref, weight: w,
					})
				}
			}
		}
	}
	return next
}

func (c *closing) root(id int64) int64 {
	for {
		p, ok := c.parent[id]
		if !ok {
			c.parent[id] = id
			return id
		}
		if p == id {
			return id
		}
		if g, ok := c.parent[p]; ok {
			c.parent[id] = g
		}
		id = p
	}
}

func (c *closing) join(a, b int64) {
	a, b = c.root(a), c.root(b)
	if a == b {
		return
	}
	c.parent[b] = a
	c.size[a] += c.size[b]
}

// oversize reports whether a record's component is larger than may be
// recomputed. It is not walked any further.
func (c *closing) oversize(id int64) bool { return c.size[c.root(id)] > c.limits.Component }
