package store

import (
	"cmp"
	"slices"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/linkage"
)

// RelinkPreview is what a relink would change. I9: records are named by platform
// and row number, never by a value or by the key that their platform gives them.
type RelinkPreview struct {
	From     string `json:"from"` // version of the model in force
	To       string `json:"to"`
	DigestTo string `json:"digest_to"`

	Records    int `json:"records"`    // living
	Unresolved int `json:"unresolved"` // not 0: "now" is not final yet

	Residents NowThen `json:"residents"`
	Reviews   NowThen `json:"reviews"`  // pairs of residents that a person is asked about, now or later
	HotKeys   NowThen `json:"hot_keys"` // blocking keys with more holders than the cap
	Parked    NowThen `json:"parked"`   // records in components too large to be partitioned: they would stay as they are

	Together  PairChange       `json:"together"`          // pairs of records that would become one resident's
	Apart     PairChange       `json:"apart"`             // pairs that would no longer be
	Changed   int              `json:"residents_changed"` // of today's residents, those that gain or lose a record
	Platforms []PlatformEffect `json:"platforms"`
}

// NowThen is one figure before and after.
type NowThen struct {
	Now  int `json:"now"`
	Then int `json:"then"`
}

// PairChange counts pairs of records.
type PairChange struct {
	Pairs int `json:"pairs"`
	// DifferentIDs of them have two valid, different ID numbers. Together, that
	// takes a decision of a person (I3).
	DifferentIDs int `json:"different_ids"`
	// Writable of them touch a platform that is written to.
	Writable int           `json:"writable"`
	Examples []PairExample `json:"examples"`
}

// PairExample names two records.
type PairExample struct {
	A RecordName `json:"a"`
	B RecordName `json:"b"`
}

// RecordName names a record without its platform's key, which may be personal.
type RecordName struct {
	Platform string `json:"platform"`
	Row      int64  `json:"row"` // records.id
}

// PlatformEffect is how many rows of a platform belong to residents that would
// change: so many targets would become due, if the platform is written to, and
// each is compared before anything leaves.
type PlatformEffect struct {
	Platform string `json:"platform"`
	Writes   bool   `json:"writes"`
	Rows     int    `json:"rows"`
	Of       int    `json:"of"` // its living rows

	sealed bool
}

// Due sums the targets that would become due.
func (r RelinkPreview) Due() (n int) {
	for _, p := range r.Platforms {
		if p.Writes {
			n += p.Rows
		}
	}
	return n
}

// maxExamples of each kind are named.
const maxExamples = 10

// compare runs the batch and counts.
func (p *preview) compare() {
	hot := linkage.HotKeys(p.model.Limits().HotKey, p.items)
	result := linkage.Batch(p.model, p.items, p.decisions, hot)
	p.out.Records, p.out.Residents.Then = len(p.items), len(result.Groups)
	then := make(map[schema.RecordRef]int, len(p.items))
	for g, refs := range result.Groups {
		for _, ref := range refs {
			then[ref] = g
		}
	}
	p.out.Reviews.Then = reviews(result.Edges, then)
	p.out.Parked.Then = parked(result, then, p.model.Limits())
	p.out.HotKeys.Then = hotKeys(p.items, hot)
	p.changes(then)
	// I7: nobody learns that such a platform is connected.
	p.out.Platforms = slices.DeleteFunc(p.out.Platforms, func(e PlatformEffect) bool { return e.sealed })
}

// changes compares the two partitions pair by pair, where they differ.
func (p *preview) changes(then map[schema.RecordRef]int) {
	at := map[string]int{}
	for i, pl := range p.out.Platforms {
		at[pl.Platform] = i
	}
	platform := func(item int) *PlatformEffect { return &p.out.Platforms[at[p.items[item].Ref.Platform]] }
	// What stays together in both is one block; whoever's block is both his
	// resident and his group does not change.
	type block struct {
		now  uuid.UUID
		then int
	}
	nowSize, thenSize, blocks := map[uuid.UUID]int{}, map[int]int{}, map[block]int{}
	groups, residents := map[int][]int{}, map[uuid.UUID][]int{}
	of := make([]block, len(p.items))
	for i, it := range p.items {
		b := block{p.now[i], then[it.Ref]}
		if b.now == uuid.Nil {
			b.now = uuid.NewSHA1(uuid.Nil, []byte(it.Ref.Platform+"\x00"+it.Ref.Key)) // nobody's yet: alone
		}
		of[i] = b
		nowSize[b.now]++
		thenSize[b.then]++
		blocks[b]++
	}
	p.out.Residents.Now = len(nowSize)
	p.out.Together.Examples, p.out.Apart.Examples = []PairExample{}, []PairExample{}
	changed := map[uuid.UUID]bool{}
	for i, b := range of {
		effect := platform(i)
		effect.Of++
		if blocks[b] == nowSize[b.now] && blocks[b] == thenSize[b.then] {
			continue
		}
		effect.Rows++
		changed[b.now] = true
		groups[b.then] = append(groups[b.then], i)
		residents[b.now] = append(residents[b.now], i)
	}
	p.out.Changed = len(changed)
	count := func(members []int, into *PairChange, differ func(a, b int) bool) {
		for n, a := range members {
			for _, b := range members[n+1:] {
				if differ(a, b) {
					into.add(p, a, b, platform(a), platform(b))
				}
			}
		}
	}
	for _, members := range sortedByFirst(groups) {
		count(members, &p.out.Together, func(a, b int) bool { return of[a].now != of[b].now })
	}
	for _, members := range sortedByFirst(residents) {
		count(members, &p.out.Apart, func(a, b int) bool { return of[a].then != of[b].then })
	}
}

func (c *PairChange) add(p *preview, a, b int, x, y *PlatformEffect) {
	if x.sealed || y.sealed {
		return
	}
	c.Pairs++
	if p.numbers[a] != "" && p.numbers[b] != "" && p.numbers[a] != p.numbers[b] {
		c.DifferentIDs++
	}
	if x.Writes || y.Writes {
		c.Writable++
	}
	if len(c.Examples) < maxExamples {
		c.Examples = append(c.Examples, PairExample{RecordName{x.Platform, p.ids[a]}, RecordName{y.Platform, p.ids[b]}})
	}
}

// sortedByFirst orders groups by their first member, so that a preview is a
// function of what is stored.
func sortedByFirst[K comparable](groups map[K][]int) [][]int {
	out := make([][]int, 0, len(groups))
	for _, g := range groups {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	return out
}

// reviews counts the pairs of residents that edges ask a person about.
func reviews(edges []linkage.Edge, group map[schema.RecordRef]int) int {
	pairs := map[[2]int]bool{}
	for _, e := range edges {
		if e.Reason != linkage.Decided {
			a, b := group[e.A], group[e.B]
			pairs[[2]int{min(a, b), max(a, b)}] = true
		}
	}
	return len(pairs)
}

// parked counts the records of components that are larger than may be
// recomputed: groups, and those that an edge at or above the link threshold ties
// to them, whatever refused it.
func parked(result linkage.Result, group map[schema.RecordRef]int, limits linkage.Limits) int {
	parent := make([]int, len(result.Groups))
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for _, e := range result.Edges {
		if e.Weight >= limits.Link {
			parent[root(group[e.A])] = root(group[e.B])
		}
	}
	size := map[int]int{}
	for i, g := range result.Groups {
		size[root(i)] += len(g)
	}
	n := 0
	for _, s := range size {
		if s > limits.Component {
			n += s
		}
	}
	return n
}

func hotKeys(items []linkage.Item, hot func(int64) bool) int {
	found := map[int64]bool{}
	for _, it := range items {
		for _, k := range it.Keys {
			if hot(k) {
				found[k] = true
			}
		}
	}
	return len(found)
}
