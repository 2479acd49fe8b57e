package train

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"heji/services/linkage"
)

// Records are the records to learn from, features derived by the model that is
// trained.
type Records interface {
	Len() int
	Features(i int) linkage.Features
	// Source returns which source a record is of: a model that links only between
	// sources learns from pairs of two.
	Source(i int) int
}

// sampler counts pairs by pattern.
type sampler struct {
	model   *linkage.Model
	records Records
	n       int
	shape   []int
	between bool // sources only
	rules   []*blocks
	total   float64 // pairs there are
}

func newSampler(m *linkage.Model, r Records) *sampler {
	s := &sampler{model: m, records: r, n: r.Len(), between: m.LinkOnly()}
	for _, c := range m.Comparisons() {
		s.shape = append(s.shape, len(c.Levels))
	}
	s.total = pairsOf(s.n)
	if s.between {
		sizes := make(map[int]int)
		for i := range s.n {
			sizes[r.Source(i)]++
		}
		for _, n := range sizes {
			s.total -= pairsOf(n)
		}
	}
	hot := m.Limits().HotKey
	s.rules = make([]*blocks, len(m.Rules()))
	parallel(len(s.rules), func(k int) {
		s.rules[k] = newBlocks(s.n, hot, func(dst []int64, i int) []int64 { return m.KeysOfRule(dst, r.Features(i), k) })
	})
	return s
}

func pairsOf(n int) float64 { return float64(n) * float64(n-1) / 2 }

func (s *sampler) compare(a, b int32) pattern {
	var p pattern
	c := s.model.Compare(s.records.Features(int(a)), s.records.Features(int(b)))
	for i := range p {
		p[i] = linkage.Missing
	}
	for i := range s.shape {
		p[i] = int8(c.Level(i))
	}
	return p
}

// may reports whether the model compares two records at all.
func (s *sampler) may(a, b int32) bool {
	return a != b && !(s.between && s.records.Source(int(a)) == s.records.Source(int(b)))
}

// random counts pairs drawn at random: all, where there are no more than most.
// apart are those of them that share no blocking key.
func (s *sampler) random(ctx context.Context, seed uint64, most int) (all, apart tally) {
	const streams = 64 // fixed, so that the draw does not depend on the processors
	full := s.total <= float64(most)
	return s.count(ctx, streams, func(stream int, see func(a, b int32)) {
		if full {
			for a := stream; a < s.n && ctx.Err() == nil; a += streams {
				for b := a + 1; b < s.n; b++ {
					see(int32(a), int32(b))
				}
			}
			return
		}
		r := rand.New(rand.NewPCG(seed, uint64(stream)))
		for left := most / streams; left > 0; left-- {
			a, b := r.Int32N(int32(s.n)), r.Int32N(int32(s.n))
			if see(min(a, b), max(a, b)); left&1023 == 0 && ctx.Err() != nil {
				return
			}
		}
	}, func(a, b int32) bool {
		for _, k := range s.rules {
			if _, ok := k.common(a, b); ok {
				return false
			}
		}
		return true
	})
}

// found counts the pairs that one blocking rule finds, and those of them that no
// rule before it finds. Of more than most it counts a share, which it returns.
func (s *sampler) found(ctx context.Context, rule int, seed uint64, most int) (all, first tally, share float64) {
	b := s.rules[rule]
	share = 1
	if b.pairs > float64(most) {
		share = float64(most) / b.pairs
	}
	groups := b.groups()
	const size = 256 // keys that a worker takes at a time
	all, first = s.count(ctx, (len(groups)+size-1)/size, func(chunk int, see func(a, b int32)) {
		for _, holders := range groups[chunk*size : min(len(groups), (chunk+1)*size)] {
			if ctx.Err() != nil {
				return
			}
			for i, x := range holders {
				for _, y := range holders[i+1:] {
					if share < 1 && !drawn(x.record, y.record, seed, share) {
						continue
					}
					// A pair with two keys in common is found twice.
					if k, _ := b.common(x.record, y.record); k == x.key {
						see(x.record, y.record)
					}
				}
			}
		}
	}, func(x, y int32) bool {
		for _, k := range s.rules[:rule] {
			if _, ok := k.common(x, y); ok {
				return false
			}
		}
		return true
	})
	return all, first, share
}

// drawn decides by hash whether a pair is in the sample, so that every rule that
// finds the pair decides alike (splitmix64).
func drawn(a, b int32, seed uint64, share float64) bool {
	x := seed + uint64(uint32(a))<<32 + uint64(uint32(b)) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x) < share*math.MaxUint64
}

// count compares the pairs that walk shows, on all processors, and counts them:
// all of them, and those that are special.
func (s *sampler) count(ctx context.Context, chunks int, walk func(chunk int, see func(a, b int32)), special func(a, b int32) bool) (all, some tally) {
	all, some = tally{}, tally{}
	var mu sync.Mutex
	parallel(chunks, func(chunk int) {
		if ctx.Err() != nil {
			return
		}
		mine, mineSome := tally{}, tally{}
		walk(chunk, func(a, b int32) {
			if !s.may(a, b) {
				return
			}
			p := s.compare(a, b)
			mine[p]++
			if special(a, b) {
				mineSome[p]++
			}
		})
		mu.Lock()
		defer mu.Unlock()
		all.add(mine)
		some.add(mineSome)
	})
	return all, some
}

// parallel calls f with every number below n, on all processors.
func parallel(n int, f func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	all.Wait()
}
