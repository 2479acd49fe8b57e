package files

import (
	"bytes"
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"

	"heji/schema"
	"heji/services/linkage"
)

// join partitions each connected set by itself. How large it is makes no
// difference but for the time: none is cut, and none is left as it was.
func (r *Records) join(ctx context.Context, out *Result, kept []pair, progress Progress) error {
	const block = 256 // sets
	out.First, out.tie = make([]uint32, r.n), make([]int32, r.n)
	for i := range out.First {
		out.First[i], out.tie[i] = uint32(i), none
	}
	link := int32(r.model.Limits().Link)
	s := connect(r.n, kept, link)
	for _, p := range kept {
		if p.weight >= link {
			out.Stats.Links++
		}
		if !s.holds(p) {
			why := linkage.BelowLink
			if p.conflict {
				why = linkage.SameID
			}
			out.Review = append(out.Review, r.pair(p.a, p.b, int(p.weight), why))
		}
	}
	place := make([]int32, r.n) // of each record in its set; sets share no record
	blocks := (s.len() + block - 1) / block
	var mu sync.Mutex
	var done int64
	parallel(runtime.GOMAXPROCS(0), blocks, func(b int) {
		j := joining{records: r, out: out, place: place}
		for set := b * block; set < min(s.len(), (b+1)*block) && ctx.Err() == nil; set++ {
			j.join(s.members(set), s.pairs(set))
		}
		mu.Lock()
		defer mu.Unlock()
		out.Review = append(out.Review, j.review...)
		out.Stats.Largest = max(out.Stats.Largest, j.largest)
		done++
		progress.show(StageJoin, done, int64(blocks))
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	r.finish(out)
	return nil
}

// joining is one worker's memory and results.
type joining struct {
	records *Records
	out     *Result
	place   []int32
	items   []linkage.Item
	pairs   []linkage.Pair
	review  []Pair
	largest int
}

// join partitions one connected set: its members, which are put in order, and
// all pairs among them that are at or above review.
func (j *joining) join(members []uint32, pairs []pair) {
	r := j.records
	j.largest = max(j.largest, len(members))
	slices.SortFunc(members, r.compareNames)
	j.items, j.pairs = j.items[:0], j.pairs[:0]
	for i, m := range members {
		j.place[m] = int32(i)
		j.items = append(j.items, linkage.Item{
			Ref: schema.RecordRef{Platform: r.sources[r.Source(int(m))], Key: r.Key(int(m))},
			F:   r.Features(int(m)),
		})
	}
	for _, p := range pairs {
		a, b := j.place[p.a], j.place[p.b]
		j.pairs = append(j.pairs, linkage.Pair{A: min(a, b), B: max(a, b), Weight: linkage.Weight{Total: int(p.weight), Conflict: p.conflict, Ambiguous: p.ambiguous}})
	}
	first, apart := linkage.BatchOf(r.model, j.items, j.pairs)
	for i, f := range first {
		j.out.First[members[i]] = members[f]
	}
	for _, p := range j.pairs {
		if first[p.A] == first[p.B] {
			for _, m := range [2]uint32{members[p.A], members[p.B]} {
				j.out.tie[m] = max(j.out.tie[m], int32(p.Weight.Total))
			}
		}
	}
	for _, e := range apart {
		j.review = append(j.review, Pair{A: int(members[e.A]), B: int(members[e.B]), Weight: e.Weight.Total, Reason: e.Reason})
	}
}

// pair puts two records into the order of their names.
func (r *Records) pair(a, b uint32, weight int, why linkage.Reason) Pair {
	if r.compareNames(a, b) > 0 {
		a, b = b, a
	}
	return Pair{A: int(a), B: int(b), Weight: weight, Reason: why}
}

// compareNames orders records by source and key, as linkage.CompareRefs does.
func (r *Records) compareNames(a, b uint32) int {
	if c := cmp.Compare(r.sources[r.Source(int(a))], r.sources[r.Source(int(b))]); c != 0 {
		return c
	}
	return bytes.Compare(r.name(a), r.name(b))
}

// finish sorts and counts.
func (r *Records) finish(out *Result) {
	slices.SortFunc(out.Review, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(y.Weight, x.Weight), r.compareNames(uint32(x.A), uint32(y.A)), r.compareNames(uint32(x.B), uint32(y.B)))
	})
	s := &out.Stats
	s.Largest = max(s.Largest, min(1, r.n))
	s.Sizes, s.Reasons = map[int]int{}, map[linkage.Reason]int{}
	size := make([]uint32, r.n)
	for _, f := range out.First {
		size[f]++
	}
	for _, n := range size {
		if n > 0 {
			s.Entities++
			s.Sizes[int(n)]++
		}
	}
	for _, p := range out.Review {
		s.Reasons[p.Reason]++
	}
}
