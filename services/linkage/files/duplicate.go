package files

import (
	"bytes"

	"github.com/cespare/xxhash/v2"
)

// duplicate finds two records of one source with one key: of all such pairs the
// one whose second record comes first in the input.
func (r *Records) duplicate() (first, second int, found bool) {
	all, ends := sortPostings(len(r.chunks), r.n, func(i int, emit func(uint64, uint32)) {
		c := &r.chunks[i]
		for k := range c.nameEnds {
			// Sources differ in the first bits, which choose the bucket, and in the rest.
			hash := xxhash.Sum64(c.names[start(c.nameEnds, k):c.nameEnds[k]]) + uint64(c.source[k])*0x9E3779B97F4A7C15
			emit(hash, uint32(i<<chunkBits+k))
		}
	})
	second = r.n
	for b := range ends {
		eachKey(all[bucketStart(ends, b):ends[b]], func(holders []posting) {
			for i := 1; i < len(holders); i++ {
				for _, before := range holders[:i] {
					x, y := before.record, holders[i].record
					if int(y) < second && r.Source(int(x)) == r.Source(int(y)) && bytes.Equal(r.name(x), r.name(y)) {
						first, second, found = int(x), int(y), true
					}
				}
			}
		})
	}
	return first, second, found
}
