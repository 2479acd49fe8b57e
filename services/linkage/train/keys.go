package train

import (
	"cmp"
	"slices"
)

// blocks are the blocking keys of one rule: of each record, and the records of
// each key. Keys that more records hold than the model allows, and keys of one
// record alone, are left out: they make no pairs.
type blocks struct {
	keys     []int64 // of all records, ascending within a record
	ends     []int   // of each record in keys
	postings []posting
	pairs    float64 // that share a key, those with two keys in common twice
}

type posting struct {
	key    int64
	record int32
}

func newBlocks(records, hot int, keysOf func(dst []int64, i int) []int64) *blocks {
	b := &blocks{}
	var scratch []int64
	for i := range records {
		scratch = keysOf(scratch[:0], i)
		for _, k := range scratch {
			b.postings = append(b.postings, posting{k, int32(i)})
		}
	}
	slices.SortFunc(b.postings, func(x, y posting) int {
		return cmp.Or(cmp.Compare(x.key, y.key), cmp.Compare(x.record, y.record))
	})
	b.postings = slices.Compact(b.postings)
	kept := b.postings[:0]
	for _, holders := range b.groups() {
		if n := len(holders); n > 1 && n <= hot {
			kept = append(kept, holders...)
			b.pairs += float64(n) * float64(n-1) / 2
		}
	}
	b.postings = kept
	b.byRecord(records)
	return b
}

// groups are the postings of each key.
func (b *blocks) groups() [][]posting {
	var out [][]posting
	for from := 0; from < len(b.postings); {
		to := from + 1
		for to < len(b.postings) && b.postings[to].key == b.postings[from].key {
			to++
		}
		out = append(out, b.postings[from:to:to])
		from = to
	}
	return out
}

func (b *blocks) byRecord(records int) {
	b.ends = make([]int, records+1)
	for _, p := range b.postings {
		b.ends[p.record+1]++
	}
	for i := range records {
		b.ends[i+1] += b.ends[i]
	}
	b.keys = make([]int64, len(b.postings))
	at := slices.Clone(b.ends)
	for _, p := range b.postings { // by key, so ascending within a record
		b.keys[at[p.record]] = p.key
		at[p.record]++
	}
}

// common returns the least key that two records share.
func (b *blocks) common(x, y int32) (int64, bool) {
	p, q := b.keys[b.ends[x]:b.ends[x+1]], b.keys[b.ends[y]:b.ends[y+1]]
	for len(p) > 0 && len(q) > 0 {
		switch {
		case p[0] == q[0]:
			return p[0], true
		case p[0] < q[0]:
			p = p[1:]
		default:
			q = q[1:]
		}
	}
	return 0, false
}
