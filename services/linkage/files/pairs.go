package files

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"heji/services/linkage"
)

// pair is two records that are worth a join or a look, a < b.
type pair struct {
	a, b      uint32
	weight    int32
	conflict  bool
	ambiguous bool
}

// compareAll weighs every two records that share a usable key, once, and returns
// those at or above review and those in conflict, in no particular order, with
// the number that was compared.
//
// Nowhere is there a set of all pairs: each record looks for its later mates by
// itself, and forgets them when it is through.
func (r *Records) compareAll(ctx context.Context, g groups, progress Progress) ([]pair, int64, error) {
	const block = 512
	limits := r.model.Limits()
	blocks := (r.n + block - 1) / block
	var mu sync.Mutex
	var kept []pair
	var compared, done atomic.Int64
	workers := runtime.GOMAXPROCS(0)
	var next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			w := comparing{records: r, groups: g, limits: limits, linkOnly: r.model.LinkOnly()}
			for i := int(next.Add(1)) - 1; i < blocks && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				for a := i * block; a < min(r.n, (i+1)*block); a++ {
					w.compare(uint32(a))
				}
				progress.show(StageCompare, done.Add(1), int64(blocks))
			}
			w.flush()
			compared.Add(w.compared)
			mu.Lock()
			kept = append(kept, w.kept...)
			mu.Unlock()
		})
	}
	all.Wait()
	return kept, compared.Load(), ctx.Err()
}

// comparing is one worker's memory.
type comparing struct {
	records  *Records
	groups   groups
	limits   linkage.Limits
	linkOnly bool
	seen     seen
	waiting  []waiting
	touched  byte // of no use but that reading is not optimised away
	compared int64
	kept     []pair
}

// ahead is how many pairs are collected before they are compared.
const ahead = 64

// compare collects the pairs of a record with its later mates.
func (w *comparing) compare(a uint32) {
	w.seen.forget()
	for _, g := range w.groups.groupsOf(a) {
		members := w.groups.membersOf(g)
		for i := len(members) - 1; i >= 0 && members[i] > a; i-- {
			b := members[i]
			if !w.seen.add(b) || w.linkOnly && w.records.Source(int(a)) == w.records.Source(int(b)) {
				continue
			}
			w.waiting = append(w.waiting, waiting{a, b, w.records.Features(int(a)), w.records.Features(int(b))})
			if len(w.waiting) == ahead {
				w.flush()
			}
		}
	}
}

// waiting is a pair that is to be compared.
type waiting struct {
	a, b uint32
	x, y linkage.Features
}

// flush compares what is waiting. Mates lie anywhere in memory, and fetching
// them costs more than comparing them; so they are all touched first, and the
// processor fetches them side by side.
func (w *comparing) flush() {
	touched := byte(0)
	for _, p := range w.waiting {
		touched ^= p.y[0] ^ p.y[len(p.y)/2]
	}
	w.touched ^= touched
	for _, p := range w.waiting {
		x := w.records.model.Weigh(p.x, p.y)
		if x.Total >= w.limits.Review || x.Conflict {
			w.kept = append(w.kept, pair{a: p.a, b: p.b, weight: int32(x.Total), conflict: x.Conflict, ambiguous: x.Ambiguous})
		}
	}
	w.compared += int64(len(w.waiting))
	w.waiting = w.waiting[:0]
}

// seen is a small set of records that is emptied in no time: an open hash table
// whose entries belong to a round.
type seen struct {
	slots []slot
	round uint32
	n     int
}

type slot struct{ record, round uint32 }

func (s *seen) forget() {
	s.n = 0
	if s.round++; s.round == 0 { // came round: what is older must not look new
		clear(s.slots)
		s.round = 1
	}
}

// add reports whether a record was not in the set.
func (s *seen) add(record uint32) bool {
	if 2*(s.n+1) > len(s.slots) {
		s.grow()
	}
	mask := uint32(len(s.slots) - 1)
	for i := hash32(record) & mask; ; i = (i + 1) & mask {
		switch x := &s.slots[i]; {
		case x.round != s.round:
			*x = slot{record, s.round}
			s.n++
			return true
		case x.record == record:
			return false
		}
	}
}

func (s *seen) grow() {
	old := s.slots
	s.slots = make([]slot, max(256, 2*len(old)))
	s.n = 0
	for _, x := range old {
		if x.round == s.round && x.round != 0 {
			s.add(x.record)
		}
	}
}

// hash32 spreads neighbouring numbers (a multiplication by 2^32 over the golden
// ratio, high bits folded down).
func hash32(x uint32) uint32 {
	x *= 0x9E3779B1
	return x ^ x>>15
}
