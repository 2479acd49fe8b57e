package linkage

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"heji/schema"
)

// toy weighs records by a table of kinds, so that every combination of links,
// review edges and refusals turns up in small histories.
type toy struct {
	weight map[[2]string]int
	limits Limits
	// ambiguous is a kind of which every pair is: whoever it fits, others may too.
	ambiguous string
}

func (s *toy) Limits() Limits { return s.limits }

// The features of a toy record: its year, its kind, and behind a slash its number.

func (s *toy) Weigh(a, b Features) Weight {
	x, y := readToy(a), readToy(b)
	k := [2]string{x.kind, y.kind}
	if k[0] > k[1] {
		k[0], k[1] = k[1], k[0]
	}
	w := Weight{Total: s.weight[k], Ambiguous: s.ambiguous != "" && (x.kind == s.ambiguous || y.kind == s.ambiguous)}
	if x.id != "" && x.id == y.id && x.year != y.year {
		w.Conflict = true
		w.Total = min(w.Total, s.limits.Link-1)
	}
	return w
}

func (s *toy) Identifier(f Features) []byte { return []byte(readToy(f).id) }

type toyRecord struct {
	year     byte
	kind, id string
}

func toyFeatures(kind, id string, year int) Features {
	return Features(string(rune(year)) + kind + "/" + id)
}

func readToy(f Features) toyRecord {
	if len(f) == 0 {
		return toyRecord{}
	}
	kind, id, _ := strings.Cut(string(f[1:]), "/")
	return toyRecord{year: f[0], kind: kind, id: id}
}

// flaw breaks the stream's protocol in one way, to prove that the simulation
// would notice.
type flaw string

const (
	oneHop         flaw = "one hop"
	heldApartOnly  flaw = "only edges that constraints hold apart"
	detachedFirst  flaw = "changed record detached first, old mates not seeded"
	hotForgotten   flaw = "hot keys without re-resolving their holders"
	lastKeysOnly   flaw = "only the keys of the last resolution counted again"
	noSameEnds     flaw = "without the other ends of same decisions"
	anchorsIgnored flaw = "without what is anchored to a changed record"
	staleOutside   flaw = "edges written although their other end has changed"
	lockless       flaw = "rows taken although another worker holds them"
)

// hub is the store and the workers in memory: what the SQL store does in
// transactions, one step at a time.
type hub struct {
	scorer Scorer
	flaw   flaw

	rows      map[int64]*Row
	byRef     map[schema.RecordRef]int64
	edges     map[[2]int64]RowEdge
	hot       map[int64]bool
	decisions map[[2]schema.RecordRef]Decision
	redirect  map[string]string
	former    map[int64]string // the resident that a record had before it was merged away
	residents int
	oversize  map[int64]bool

	looks   int           // of the closure under way
	workers int           // so far
	running int           // at the moment
	locks   map[int64]int // row → worker
}

func newHub(s Scorer, f flaw) *hub {
	return &hub{
		scorer: s, flaw: f, rows: make(map[int64]*Row), byRef: make(map[schema.RecordRef]int64),
		edges: make(map[[2]int64]RowEdge), hot: make(map[int64]bool), oversize: make(map[int64]bool),
		decisions: make(map[[2]schema.RecordRef]Decision), redirect: make(map[string]string), former: make(map[int64]string), locks: make(map[int64]int),
	}
}

// put takes a record in: a new one, a change, or a return.
func (h *hub) put(it Item) {
	r := h.row(it.Ref)
	if h.busy(r.ID, 0) {
		return // it would wait, and come later
	}
	h.touch(r)
	r.F, r.Keys, r.Deleted, r.Anchors = it.F, it.Keys, false, nil
	if len(it.Anchors) > 0 {
		r.Keys = nil
		for _, a := range it.Anchors {
			r.Anchors = append(r.Anchors, h.row(a).ID)
		}
	}
}

// row finds or makes a row; one that is only an anchor so far is a tombstone.
func (h *hub) row(ref schema.RecordRef) *Row {
	id, ok := h.byRef[ref]
	if !ok {
		id = int64(len(h.rows) + 1)
		h.byRef[ref] = id
		h.rows[id] = &Row{ID: id, Ref: ref, Deleted: true}
	}
	return h.rows[id]
}

func (h *hub) remove(ref schema.RecordRef) {
	id, ok := h.byRef[ref]
	if !ok || h.rows[id].Deleted || h.busy(id, 0) {
		return
	}
	r := h.rows[id]
	h.touch(r)
	r.Deleted, r.Keys, r.F = true, nil, nil
}

// touch marks a row unresolved and remembers the keys that it is about to lose.
func (h *hub) touch(r *Row) {
	if !(h.flaw == lastKeysOnly && r.Unresolved) {
		r.OldKeys = append(slices.Clone(r.OldKeys), r.Keys...)
	}
	r.Unresolved = true
	r.Rev++
	if h.flaw == detachedFirst {
		r.Resident = ""
	}
}

// decide records a decision, or revokes it.
func (h *hub) decide(a, b schema.RecordRef, kind string) {
	if CompareRefs(a, b) > 0 {
		a, b = b, a
	}
	pair := [2]schema.RecordRef{a, b}
	if h.busy(h.byRef[a], 0) || h.busy(h.byRef[b], 0) {
		return
	}
	old, had := h.decisions[pair]
	switch {
	case a == b, kind == "revoke" && !had, kind != "revoke" && had && old.Same == (kind == "same"):
		return
	case kind == "revoke":
		delete(h.decisions, pair)
	default:
		h.decisions[pair] = Decision{A: a, B: b, Same: kind == "same"}
	}
	for _, ref := range pair {
		if id, ok := h.byRef[ref]; ok {
			h.rows[id].Unresolved = true
		}
	}
}

func (h *hub) unresolved() []int64 {
	var ids []int64
	for _, id := range slices.Sorted(maps.Keys(h.rows)) {
		if h.rows[id].Unresolved {
			ids = append(ids, id)
		}
	}
	return ids
}

func (h *hub) holders(key int64) []*Row {
	var rows []*Row
	for _, id := range slices.Sorted(maps.Keys(h.rows)) {
		if r := h.rows[id]; r.compared() && slices.Contains(r.Keys, key) {
			rows = append(rows, r)
		}
	}
	return rows
}

func (h *hub) writeResidents(comp Component) {
	old, former := make(map[int64]string), make(map[int64]string)
	for _, r := range comp.Members {
		if r.Resident != "" {
			old[r.ID] = r.Resident
		}
		if f := h.former[r.ID]; f != "" && h.redirect[f] != "" {
			former[r.ID] = f
		}
	}
	ids := AssignIDs(comp.Groups, old, former, cmp.Compare[int64], func() string {
		h.residents++
		return fmt.Sprintf("r%d", h.residents)
	})
	for _, id := range ids.Revived {
		delete(h.redirect, id)
	}
	maps.Copy(h.redirect, ids.Redirect)
	for _, r := range comp.Members {
		row := h.rows[r.ID]
		row.Unresolved, row.OldKeys, row.Resident = false, nil, ""
		delete(h.oversize, r.ID)
		if to := ids.Redirect[r.Resident]; r.Resident != "" && to != "" {
			h.former[r.ID] = r.Resident
		}
	}
	for g, group := range comp.Groups {
		for _, id := range group {
			h.rows[id].Resident = ids.Of[g]
		}
	}
}

// Lock, Hot and Look are the Neighbourhood.

func (h *hub) Lock(ids []int64) ([]Row, error) {
	if !slices.IsSorted(ids) {
		panic("locks are taken in id order")
	}
	var rows []Row
	for _, id := range ids {
		if r, ok := h.rows[id]; ok {
			rows = append(rows, *r)
		}
	}
	return rows, nil
}

func (h *hub) Hot(count, others []int64) (HotState, error) {
	s := HotState{Holders: make(map[int64]int), Listed: make(map[int64]bool)}
	for _, k := range count {
		s.Holders[k] = len(h.holders(k))
		s.Listed[k] = h.hot[k]
	}
	for _, k := range others {
		s.Listed[k] = h.hot[k]
	}
	return s, nil
}

func (h *hub) Look(q Look) (Found, error) {
	h.looks++
	f := Found{Mates: make(map[string][]int64)}
	if h.flaw == oneHop && h.looks > 1 {
		return f, nil
	}
	in := make(map[int64]bool)
	add(in, q.Records)
	refs := make(map[schema.RecordRef]bool)
	add(refs, q.Refs)
	for _, id := range slices.Sorted(maps.Keys(h.rows)) {
		r := h.rows[id]
		if r.Resident != "" && slices.Contains(q.Residents, r.Resident) {
			f.Mates[r.Resident] = append(f.Mates[r.Resident], id)
		}
		for _, a := range r.Anchors {
			if slices.Contains(q.Anchored, id) || h.flaw != anchorsIgnored && slices.Contains(q.Anchors, a) {
				f.Pairs = append(f.Pairs, [2]int64{id, a})
			}
		}
	}
	for pair, e := range h.edges {
		if e.Weight >= h.scorer.Limits().Link && (in[pair[0]] || in[pair[1]]) &&
			!(h.flaw == heldApartOnly && e.Reason == GroupRule) {
			f.Pairs = append(f.Pairs, pair)
		}
	}
	for pair, d := range h.decisions {
		if !refs[pair[0]] && !refs[pair[1]] {
			continue
		}
		f.Decisions = append(f.Decisions, d)
		a, ok := h.byRef[pair[0]]
		b, ok2 := h.byRef[pair[1]]
		if d.Same && ok && ok2 && h.flaw != noSameEnds {
			f.Pairs = append(f.Pairs, [2]int64{a, b})
		}
	}
	seen := make(map[int64]bool)
	for _, k := range q.Keys {
		for _, r := range h.holders(k) {
			if !seen[r.ID] {
				seen[r.ID] = true
				f.Candidates = append(f.Candidates, *r)
			}
		}
	}
	return f, nil
}

// items are the current records, as Batch wants them.
func (h *hub) items() []Item {
	var items []Item
	for _, id := range slices.Sorted(maps.Keys(h.rows)) {
		r := h.rows[id]
		if r.Deleted {
			continue
		}
		it := Item{Ref: r.Ref, F: r.F, Keys: r.Keys}
		for _, a := range r.Anchors {
			it.Anchors = append(it.Anchors, h.rows[a].Ref)
		}
		items = append(items, it)
	}
	return items
}

// batch is what the whole should be.
func (h *hub) batch() (Result, func(int64) bool) {
	items := h.items()
	hot := HotKeys(h.scorer.Limits().HotKey, items)
	return Batch(h.scorer, items, slices.Collect(maps.Values(h.decisions)), hot), hot
}
