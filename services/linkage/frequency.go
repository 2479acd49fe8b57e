package linkage

import (
	"maps"
	"math"
	"slices"

	"heji/services/linkage/comparator"
)

// frequency adjusts a comparison's weight for how common the value is that two
// records share: 王伟 weighs less than 欧阳沐辰. The tables are frozen in the
// model, or the partition would depend on what else is in the store (I2).
type frequency struct {
	percent []int32 // by level: how much of the adjustment applies
	// An adjusted level is worth no less than floor and no more than top, where
	// the model gives them.
	floor, top       int32
	hasFloor, hasTop bool
	tables           []frequencyTable
}

// frequencyTable holds the adjustments of one kind of value, in hundredths of a
// bit.
type frequencyTable struct {
	name   string
	known  bool // the model gives the table
	others int16
	values map[string]int16
}

// Frequencies are the adjustments of one table, in hundredths of a bit: what a
// value's frequency adds to the weight of a pair that shares it, negative for
// common ones.
type Frequencies struct {
	Others int // of all values that are not listed
	Values map[string]int
}

func (q *frequency) names() []string {
	list := make([]string, len(q.tables))
	for i := range q.tables {
		list[i] = q.tables[i].name
	}
	return list
}

// of returns the adjustment for one record's value: the sum over the tables.
func (q *frequency) of(c comparator.Comparator, feature []byte) int16 {
	sum, known := 0, false
	t := c.(comparator.Termer)
	for i := range q.tables {
		table := &q.tables[i]
		if !table.known {
			continue
		}
		value, ok := t.Term(feature, i)
		if !ok {
			continue
		}
		known = true
		if w, ok := table.values[value]; ok {
			sum += int(w)
		} else {
			sum += int(table.others)
		}
	}
	if !known {
		return unknownFrequency
	}
	return int16(max(math.MinInt16+1, min(sum, math.MaxInt16)))
}

// adjust returns what frequency adds to the weight of a level. a and b are the
// adjustments of the two records: of two spellings the rarer counts, and where
// one cannot be known (a name in Latin letters), the other's.
func (q *frequency) adjust(level int, weight int32, a, b int16) int32 {
	percent := q.percent[level]
	if percent == 0 || a == unknownFrequency && b == unknownFrequency {
		return 0
	}
	// max also chooses the known one: unknownFrequency is the least.
	by := int32(max(a, b)) * percent / 100
	switch {
	case by < 0 && q.hasFloor:
		return max(by, min(0, q.floor-weight))
	case by > 0 && q.hasTop:
		return min(by, max(0, q.top-weight))
	}
	return by
}

// tiers groups a table's values by weight, the lowest first, for writing.
func (t *frequencyTable) tiers() (weights []int, values map[int][]string) {
	values = make(map[int][]string)
	for _, v := range slices.Sorted(maps.Keys(t.values)) {
		w := int(t.values[v])
		values[w] = append(values[w], v)
	}
	return slices.Sorted(maps.Keys(values)), values
}
