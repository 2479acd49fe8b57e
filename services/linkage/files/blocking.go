package files

import (
	"cmp"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// posting says that a record has a key.
type posting struct {
	key    uint64
	record uint32
}

// sortPostings collects the postings of all chunks and sorts them by key and
// record. The keys are hashes, so their first bits spread them evenly over
// buckets of a few thousand, each of which is sorted in the cache.
//
// each calls emit for every posting of a chunk, the same ones in the same order
// whenever it is asked. The second result is where each bucket ends.
func sortPostings(chunks, total int, each func(chunk int, emit func(key uint64, record uint32))) ([]posting, []int) {
	const bucketSize = 2048
	const most = 16
	width := min(most, bits.Len(uint(total/bucketSize)))
	shift := 64 - width
	workers := min(runtime.GOMAXPROCS(0), max(1, chunks))
	// Every worker takes a range of chunks, and writes behind the workers before
	// it in each bucket: a counting sort.
	places := make([][]int, workers)
	parallel(workers, workers, func(w int) {
		counts := make([]int, 1<<width)
		for c := w * chunks / workers; c < (w+1)*chunks/workers; c++ {
			each(c, func(key uint64, _ uint32) { counts[key>>shift]++ })
		}
		places[w] = counts
	})
	ends := make([]int, 1<<width)
	at := 0
	for b := range ends {
		for w := range workers {
			n := places[w][b]
			places[w][b] = at
			at += n
		}
		ends[b] = at
	}
	all := make([]posting, at)
	parallel(workers, workers, func(w int) {
		place := places[w]
		for c := w * chunks / workers; c < (w+1)*chunks/workers; c++ {
			each(c, func(key uint64, record uint32) {
				b := key >> shift
				all[place[b]] = posting{key, record}
				place[b]++
			})
		}
	})
	parallel(workers, len(ends), func(b int) {
		slices.SortFunc(all[bucketStart(ends, b):ends[b]], func(x, y posting) int {
			if c := cmp.Compare(x.key, y.key); c != 0 {
				return c
			}
			return cmp.Compare(x.record, y.record)
		})
	})
	return all, ends
}

func bucketStart(ends []int, b int) int {
	if b == 0 {
		return 0
	}
	return ends[b-1]
}

// parallel calls f with every number below n, on several goroutines.
func parallel(workers, n int, f func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(workers, n) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	all.Wait()
}

// groups are the usable blocking keys, by number: those that at least two
// records and at most the model's cap have (RULES A: no memory, no hysteresis).
type groups struct {
	ends    []uint32 // of each group in members
	members []uint32 // records, ascending within a group
	ofEnds  []uint32 // of each record in of
	of      []uint32 // groups

	distinct, hot int // keys, and those above the cap
}

func (g *groups) membersOf(group uint32) []uint32 {
	return g.members[start(g.ends, int(group)):g.ends[group]]
}

func (g *groups) groupsOf(record uint32) []uint32 {
	return g.of[start(g.ofEnds, int(record)):g.ofEnds[record]]
}

// block turns keys into groups.
func (r *Records) block() groups {
	total := 0
	for i := range r.chunks {
		total += len(r.chunks[i].keys)
	}
	all, ends := sortPostings(len(r.chunks), total, func(i int, emit func(uint64, uint32)) {
		c := &r.chunks[i]
		for k := range c.keyEnds {
			for _, key := range c.keys[start(c.keyEnds, k):c.keyEnds[k]] {
				emit(uint64(key), uint32(i<<chunkBits+k))
			}
		}
	})
	// Nothing needs the keys any longer, and they are as large as the postings.
	for i := range r.chunks {
		r.chunks[i].keys, r.chunks[i].keyEnds = nil, nil
	}
	return usable(all, ends, r.n, r.model.Limits().HotKey)
}

// usable keeps the keys that make pairs.
func usable(all []posting, ends []int, records, limit int) groups {
	type tally struct{ distinct, hot, groups, members int }
	tallies := make([]tally, len(ends))
	workers := runtime.GOMAXPROCS(0)
	parallel(workers, len(ends), func(b int) {
		t := &tallies[b]
		eachKey(all[bucketStart(ends, b):ends[b]], func(holders []posting) {
			t.distinct++
			switch n := len(holders); {
			case n > limit:
				t.hot++
			case n > 1:
				t.groups++
				t.members += n
			}
		})
	})
	var g groups
	firstGroup, firstMember := make([]int, len(ends)), make([]int, len(ends))
	var sum tally
	for b, t := range tallies {
		firstGroup[b], firstMember[b] = sum.groups, sum.members
		sum = tally{sum.distinct + t.distinct, sum.hot + t.hot, sum.groups + t.groups, sum.members + t.members}
	}
	g.distinct, g.hot = sum.distinct, sum.hot
	g.ends, g.members = make([]uint32, sum.groups), make([]uint32, sum.members)
	parallel(workers, len(ends), func(b int) {
		group, member := firstGroup[b], firstMember[b]
		eachKey(all[bucketStart(ends, b):ends[b]], func(holders []posting) {
			if n := len(holders); n > limit || n < 2 {
				return
			}
			for _, p := range holders {
				g.members[member] = p.record
				member++
			}
			g.ends[group] = uint32(member)
			group++
		})
	})
	g.invert(records)
	return g
}

// eachKey calls f with the postings of each key.
func eachKey(sorted []posting, f func(holders []posting)) {
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].key == sorted[0].key {
			n++
		}
		f(sorted[:n])
		sorted = sorted[n:]
	}
}

// invert lists the groups of each record.
func (g *groups) invert(records int) {
	g.ofEnds, g.of = make([]uint32, records), make([]uint32, len(g.members))
	for _, m := range g.members {
		g.ofEnds[m]++
	}
	begins(g.ofEnds)
	group := uint32(0)
	for i, m := range g.members {
		for uint32(i) == g.ends[group] {
			group++
		}
		g.of[g.ofEnds[m]] = group
		g.ofEnds[m]++
	}
}
