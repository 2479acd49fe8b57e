package files

import (
	"context"
	"time"

	"heji/services/linkage"
)

// Stages that progress is shown for.
const (
	StageRead    = "read"
	StageBlock   = "block"
	StageCompare = "compare"
	StageJoin    = "join"
)

// Progress is told how far a stage is. It is called by several goroutines.
type Progress func(stage string, done, total int64)

func (p Progress) show(stage string, done, total int64) {
	if p != nil {
		p(stage, done, total)
	}
}

// none marks a record without a tie.
const none = -1 << 31

// Result is which records are one, by their place in Records.
type Result struct {
	// First is, for each record, the first record of its entity, by source and
	// key: a name for it that does not depend on the order of the input.
	First []uint32
	tie   []int32 // weight of each record's strongest pair within its entity
	// Review lists the pairs of two entities that are worth a look, the heaviest
	// first.
	Review []Pair
	Stats  Stats
}

// Pair is two records that are not one entity, and why.
type Pair struct {
	A, B   int // A's source and key sort before B's
	Weight int // hundredths of a bit
	Reason linkage.Reason
}

// Tie returns the weight of a record's strongest pair within its entity, in
// hundredths of a bit; false where the record is alone.
func (r *Result) Tie(i int) (int, bool) { return int(r.tie[i]), r.tie[i] != none }

// Stats is what was done.
type Stats struct {
	Records  int
	Keys     int // distinct blocking keys
	HotKeys  int // of them held by more records than the model allows: no pairs
	Compared int64
	Links    int64 // pairs at or above the link threshold
	Entities int
	// Sizes counts entities by their number of records.
	Sizes map[int]int
	// Largest is the size of the largest set of records that links connect,
	// whether joined or not.
	Largest int
	// Reasons counts the pairs for review.
	Reasons map[linkage.Reason]int

	Block, Compare, Join time.Duration
}

// Link finds out which records are one, as linkage.Batch over all of them would:
// the joins of one connected set of links do not depend on any other, so each
// set is partitioned by itself, whatever its size. The records' blocking keys
// are used up.
func (r *Records) Link(ctx context.Context, progress Progress) (*Result, error) {
	begin := time.Now()
	progress.show(StageBlock, 0, 1)
	g := r.block()
	progress.show(StageBlock, 1, 1)
	out := &Result{Stats: Stats{Records: r.n, Keys: g.distinct, HotKeys: g.hot, Block: time.Since(begin)}}
	begin = time.Now()
	kept, compared, err := r.compareAll(ctx, g, progress)
	if err != nil {
		return nil, err
	}
	out.Stats.Compared, out.Stats.Compare = compared, time.Since(begin)
	begin = time.Now()
	g = groups{}
	if err := r.join(ctx, out, kept, progress); err != nil {
		return nil, err
	}
	out.Stats.Join = time.Since(begin)
	return out, nil
}
