package linkage

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"heji/schema"
)

// drawWorld makes a whole set of items and decisions at once.
func drawWorld(d draw) (*toy, []Item, []Decision) {
	s := drawToy(d)
	byRef := make(map[schema.RecordRef]Item)
	for range 3 + d(14, "records") {
		it := drawItem(d)
		byRef[it.Ref] = it
	}
	for range d(3, "edits") {
		it := drawEdit(d)
		byRef[it.Ref] = it
	}
	var items []Item
	for _, it := range byRef {
		items = append(items, it)
	}
	slices.SortFunc(items, func(a, b Item) int { return CompareRefs(a.Ref, b.Ref) })
	var decisions []Decision
	for range d(4, "decisions") {
		decisions = append(decisions, Decision{A: person(d(people, "one")), B: person(d(people, "other")), Same: d(2, "same") == 1})
	}
	return s, items, decisions
}

// I2: the order of the input does not matter.
func TestBatchIgnoresOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := fromRapid(t)
		s, items, decisions := drawWorld(d)
		hot := HotKeys(s.limits.HotKey, items)
		want := Batch(s, items, decisions, hot)
		for range 5 {
			shuffled, turned := slices.Clone(items), slices.Clone(decisions)
			for i := len(shuffled) - 1; i > 0; i-- {
				j := d(i+1, "swap")
				shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
			}
			slices.Reverse(turned)
			for i := range turned {
				turned[i].A, turned[i].B = turned[i].B, turned[i].A
			}
			require.Equal(t, want, Batch(s, shuffled, turned, hot))
		}
	})
}

// I3, I4 and the shape of every result.
func TestBatchKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, items, decisions := drawWorld(fromRapid(t))
		r := Batch(s, items, decisions, HotKeys(s.limits.HotKey, items))
		in := make(map[schema.RecordRef]int)
		for g, group := range r.Groups {
			require.True(t, slices.IsSortedFunc(group, CompareRefs))
			for _, ref := range group {
				_, twice := in[ref]
				require.False(t, twice, "a record is in one group")
				in[ref] = g
			}
		}
		require.Len(t, in, len(items), "every record is in a group")
		someSame := false
		for _, d := range decisions {
			someSame = someSame || d.Same
			a, ok := in[d.A]
			b, ok2 := in[d.B]
			if !d.Same && ok && ok2 && d.A != d.B {
				require.NotEqual(t, a, b, "I4: told apart")
			}
		}
		numbers := make(map[int]string)
		for _, it := range items {
			if someSame || len(it.Anchors) > 0 || readToy(it.F).id == "" {
				continue
			}
			g := in[it.Ref]
			if n, ok := numbers[g]; ok {
				require.Equal(t, n, readToy(it.F).id, "I3: one number in one resident")
			}
			numbers[g] = readToy(it.F).id
		}
		for _, e := range r.Edges {
			require.Negative(t, CompareRefs(e.A, e.B))
			require.NotEqual(t, in[e.A], in[e.B], "edges lead from one resident to another")
			require.NotEmpty(t, e.Reason)
		}
	})
}

// world makes records of the given kinds that all share a key.
func world(limits Limits, weights map[[2]string]int, ids map[string]string, names ...string) (*toy, []Item) {
	s := &toy{weight: weights, limits: limits}
	var items []Item
	for _, n := range names {
		items = append(items, Item{Ref: ref("t", n), F: toyFeatures(n, ids[n], 1), Keys: []int64{1}})
	}
	return s, items
}

var plainLimits = Limits{Link: 20, Review: 10, Group: 5, HotKey: 100, Component: 100}

func groupsOf(r Result) string {
	var out []string
	for _, g := range r.Groups {
		text := ""
		for _, ref := range g {
			text += ref.Key
		}
		out = append(out, text)
	}
	return fmt.Sprint(out)
}

func never(int64) bool { return false }

func same(a, b string) Decision { return Decision{A: ref("t", a), B: ref("t", b), Same: true} }

func notSame(a, b string) Decision { return Decision{A: ref("t", a), B: ref("t", b)} }

func TestDecisionsOutrankWeights(t *testing.T) {
	t.Parallel()
	s, list := world(plainLimits, map[[2]string]int{{"a", "b"}: 50, {"b", "c"}: 40, {"a", "c"}: 30, {"a", "d"}: -50}, nil, "a", "b", "c", "d")
	require.Equal(t, "[abc d]", groupsOf(Batch(s, list, nil, never)))

	r := Batch(s, list, []Decision{notSame("a", "c")}, never)
	require.Equal(t, "[ab c d]", groupsOf(r))
	require.Equal(t, []Edge{
		{A: ref("t", "a"), B: ref("t", "c"), Weight: 30, Reason: Decided},
		{A: ref("t", "b"), B: ref("t", "c"), Weight: 40, Reason: Decided}, // because of a
	}, r.Edges)

	require.Equal(t, "[abcd]", groupsOf(Batch(s, list, []Decision{same("a", "d")}, never)))
	// Of contradicting decisions "not the same" wins: what is apart can be joined
	// later, what was written for a wrong merge has to be taken back.
	require.Equal(t, "[ac b d]", groupsOf(Batch(s, list, []Decision{same("a", "b"), notSame("a", "b"), same("a", "c")}, never)))
	// A decision about a record that is gone waits for its return.
	require.Equal(t, "[ab c d]", groupsOf(Batch(s, list, []Decision{notSame("a", "c"), same("a", "z")}, never)))
}

// A person who joins two records means the two people, with all that belongs to
// either: the strangers on the two sides are not averaged.
func TestSameDecisionBringsBothSidesTogether(t *testing.T) {
	t.Parallel()
	weights := map[[2]string]int{}
	for _, p := range []string{"ab", "ac", "bc", "xy"} {
		weights[[2]string{p[:1], p[1:]}] = 40
	}
	for _, p := range []string{"ax", "ay", "bx", "by", "cx", "cy"} {
		weights[[2]string{p[:1], p[1:]}] = -60
	}
	ids := map[string]string{"a": "A", "b": "A", "x": "X", "y": "X"}
	s, list := world(plainLimits, weights, ids, "a", "b", "c", "x", "y")
	require.Equal(t, "[abc xy]", groupsOf(Batch(s, list, nil, never)))
	require.Equal(t, "[abcxy]", groupsOf(Batch(s, list, []Decision{same("a", "x")}, never)))
	require.Equal(t, "[ab cxy]", groupsOf(Batch(s, list, []Decision{same("c", "x"), notSame("c", "b")}, never)),
		"c without a number may follow x, and b then stays with a")
}

// An alias holds for the resident that it was decided about, for nobody else.
func TestAliasIsOfOneResident(t *testing.T) {
	t.Parallel()
	weights := map[[2]string]int{{"p", "q"}: 50, {"a", "b"}: -10}
	ids := map[string]string{"a": "A", "b": "B", "p": "A", "q": "B"}
	s, list := world(plainLimits, weights, ids, "a", "b", "p", "q")
	r := Batch(s, list, []Decision{same("a", "b")}, never)
	require.Equal(t, "[ab p q]", groupsOf(r))
	require.Equal(t, []Reason{TwoIDs}, reasons(r.Edges))
}

func TestGroupRuleCountsAllCrossPairs(t *testing.T) {
	t.Parallel()
	// b–c is the strongest link of c, and a has nothing to do with it.
	weights := map[[2]string]int{{"a", "b"}: 50, {"b", "c"}: 25, {"a", "c"}: -16}
	s, list := world(plainLimits, weights, nil, "a", "b", "c")
	list[0].Keys = []int64{7}
	list[1].Keys = []int64{1, 7} // a and c share no key, and are weighed all the same
	r := Batch(s, list, nil, never)
	require.Equal(t, "[ab c]", groupsOf(r))
	require.Equal(t, []Edge{{A: ref("t", "b"), B: ref("t", "c"), Weight: 25, Reason: GroupRule}}, r.Edges)
	weights[[2]string{"a", "c"}] = -15
	require.Equal(t, "[abc]", groupsOf(Batch(s, list, nil, never)), "the mean reaches the bound exactly")
}

func TestHotKeysMakeNoPairs(t *testing.T) {
	t.Parallel()
	s, list := world(plainLimits, map[[2]string]int{{"a", "b"}: 50}, nil, "a", "b", "c")
	require.Equal(t, "[ab c]", groupsOf(Batch(s, list, nil, HotKeys(3, list))))
	require.Equal(t, "[a b c]", groupsOf(Batch(s, list, nil, HotKeys(2, list))))
	require.Equal(t, "[ab c]", groupsOf(Batch(s, list, []Decision{same("a", "b")}, HotKeys(2, list))))
	list[2].Anchors = []schema.RecordRef{ref("t", "a")}
	require.Equal(t, "[abc]", groupsOf(Batch(s, list, nil, HotKeys(2, list))), "an anchored record holds no key")
}

// Between sources only: pairs of one source are not compared, and nobody is in
// one source twice, not even by way of another one.
func TestLinkOnlyJoinsAcrossSources(t *testing.T) {
	t.Parallel()
	of := func(limits Limits, decisions ...Decision) (string, []Edge) {
		limits.LinkOnly = true
		s := &toy{limits: limits, weight: map[[2]string]int{{"a", "a"}: 60, {"a", "b"}: 40}}
		list := []Item{
			{Ref: ref("one", "1"), F: toyFeatures("a", "", 1), Keys: []int64{1}},
			{Ref: ref("one", "2"), F: toyFeatures("a", "", 1), Keys: []int64{1}},
			{Ref: ref("two", "3"), F: toyFeatures("b", "", 1), Keys: []int64{1}},
		}
		r := Batch(s, list, decisions, never)
		return groupsOf(r), r.Edges
	}
	limits := plainLimits
	groups, edges := of(limits)
	require.Equal(t, "[123]", groups, "the model lifts it: one source may hold a person twice")
	require.Empty(t, edges)

	limits.OnePerSource = true
	groups, edges = of(limits)
	require.Equal(t, "[13 2]", groups, "of two equal weights the first record's")
	require.Equal(t, []Edge{{A: ref("one", "2"), B: ref("two", "3"), Weight: 40, Reason: OneSource}}, edges)

	groups, _ = of(limits, Decision{A: ref("one", "1"), B: ref("one", "2"), Same: true})
	require.Equal(t, "[123]", groups, "I4: a person may say otherwise")
}

// What files do with pairs that they have found is what Batch does.
func TestBatchOfIsBatch(t *testing.T) {
	t.Parallel()
	t.Run("any", rapid.MakeCheck(func(t *rapid.T) {
		s, list, _ := drawWorld(fromRapid(t))
		batchOfIsBatch(t, s, list)
	}))
	t.Run("register", rapid.MakeCheck(func(t *rapid.T) {
		s, list, _ := drawWorld(fromRapid(t))
		s.limits.LinkOnly, s.limits.OnePerSource, s.limits.Register, s.limits.Margin = false, false, "p", 5
		batchOfIsBatch(t, s, list)
	}))
}

func batchOfIsBatch(t *rapid.T, s *toy, list []Item) {
	list = slices.DeleteFunc(list, func(it Item) bool { return len(it.Anchors) > 0 })
	hot := HotKeys(s.limits.HotKey, list)
	var pairs []Pair
	for i := range list {
		for j := range i {
			share := slices.ContainsFunc(list[i].Keys, func(k int64) bool { return !hot(k) && slices.Contains(list[j].Keys, k) })
			w := s.Weigh(list[i].F, list[j].F)
			if share && !s.limits.apart(list[i].Ref, list[j].Ref) && (w.Total >= s.limits.Review || w.Conflict) {
				pairs = append(pairs, Pair{A: int32(j), B: int32(i), Weight: w})
			}
		}
	}
	first, apart := BatchOf(s, list, pairs)
	want := Batch(s, list, nil, hot)
	got := Result{}
	group := make(map[int32]int)
	for i, f := range first {
		g, ok := group[f]
		if !ok {
			g = len(got.Groups)
			group[f] = g
			got.Groups = append(got.Groups, nil)
		}
		got.Groups[g] = append(got.Groups[g], list[i].Ref)
	}
	for _, e := range apart {
		got.Edges = append(got.Edges, Edge{A: list[e.A].Ref, B: list[e.B].Ref, Weight: e.Weight.Total, Reason: e.Reason})
	}
	slices.SortFunc(got.Edges, func(x, y Edge) int { return cmp.Or(CompareRefs(x.A, y.A), CompareRefs(x.B, y.B)) })
	require.Equal(t, want, got)
}

// I6: anchored records follow, and bring no evidence.
func TestAnchoredRecordsFollow(t *testing.T) {
	t.Parallel()
	s, list := world(plainLimits, map[[2]string]int{{"a", "b"}: 50, {"a", "e"}: 90, {"b", "e"}: 90, {"c", "e"}: 90}, nil, "a", "b", "c")
	edit := func(key string, anchors ...string) Item {
		it := Item{Ref: ref("t", key), F: toyFeatures("e", "", 1), Keys: []int64{1}}
		for _, a := range anchors {
			it.Anchors = append(it.Anchors, ref("t", a))
		}
		return it
	}
	with := func(more ...Item) string {
		return groupsOf(Batch(s, append(slices.Clone(list), more...), nil, never))
	}
	require.Equal(t, "[ab ce]", with(edit("e", "c")))
	require.Equal(t, "[abe c]", with(edit("e", "z", "b", "c")), "the first that lives")
	require.Equal(t, "[ab c e]", with(edit("e", "z")), "none is left")
	require.Equal(t, "[ab cef]", with(edit("e", "f"), edit("f", "c")), "an anchor that is anchored is followed")
	require.Equal(t, "[ab c ef]", with(edit("e", "f"), edit("f", "z")))
	require.Equal(t, "[ab c efg]", with(edit("e", "f"), edit("f", "g"), edit("g", "f")), "a circle leads nowhere")
	require.Equal(t, "[ab c e]", with(edit("e", "e", "a")))
}

// One pair in many keys, and a pair in conflict, are each one edge.
func TestEdgesAreKeptOnce(t *testing.T) {
	t.Parallel()
	s, list := world(plainLimits, map[[2]string]int{{"a", "b"}: 12, {"a", "c"}: -40}, map[string]string{"a": "A", "c": "A"}, "a", "b", "c")
	for i := range list {
		list[i].Keys = []int64{1, 2, 3}
	}
	list[2].F = toyFeatures("c", "A", 9)
	r := Batch(s, list, nil, never)
	require.Equal(t, []Edge{
		{A: ref("t", "a"), B: ref("t", "b"), Weight: 12, Reason: BelowLink},
		{A: ref("t", "a"), B: ref("t", "c"), Weight: -40, Reason: SameID},
	}, r.Edges)
	r = Batch(s, list, []Decision{notSame("c", "a")}, never)
	require.Equal(t, []Reason{BelowLink, Decided}, reasons(r.Edges))
}
