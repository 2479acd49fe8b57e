package chinese

import "heji/services/linkage/comparator"

// birthOrder tells the children of one birth apart.
//
// Attributes: birth_order, name.
// Feature: one byte: whether the name is a newborn's stand-in, the rank that it
// gives (次女), and the order. It is there for every record: beside a second
// child, one that does not say which child it is says something.
type birthOrder struct{}

// Levels of birthOrder.
const (
	orderIdentical = iota
	orderUnclear   // a later child of a multiple birth, the other does not say which
	orderDifferent
)

var orderLevels = []string{"identical", "unclear", "different"}

func newBirthOrder(o comparator.Options) (comparator.Comparator, error) {
	return birthOrder{}, plain(o, orderLevels, "order within the birth", "name")
}

func (birthOrder) Levels() []string { return orderLevels }

// The bits of a feature of birthOrder.
const (
	orderBits   = 0x0f
	rankShift   = 4
	rankBits    = 0x07
	newbornFlag = 0x80
)

func (birthOrder) Append(dst []byte, r *comparator.Record) []byte {
	var f byte
	if s := value(r, 0); len(s) == 1 && s[0] >= '1' && s[0] <= '9' {
		f = s[0] - '0'
	}
	if b, ok := parseNewborn(value(r, 1)); ok {
		f |= newbornFlag | b.rank<<rankShift
	}
	return append(dst, f)
}

func (birthOrder) Level(a, b []byte) int {
	if len(a) == 0 || len(b) == 0 {
		return comparator.Missing
	}
	x, y := a[0], b[0]
	orders := [2]byte{x & orderBits, y & orderBits}
	ranks := [2]byte{x >> rankShift & rankBits, y >> rankShift & rankBits}
	switch {
	case orders[0] != 0 && orders[1] != 0:
		return orderLevel(orders[0] == orders[1])
	case ranks[0] != 0 && ranks[1] != 0:
		return orderLevel(ranks[0] == ranks[1])
	case (x|y)&newbornFlag != 0 && max(orders[0], orders[1]) > 1:
		return orderUnclear
	}
	return comparator.Missing
}

func orderLevel(same bool) int {
	if same {
		return orderIdentical
	}
	return orderDifferent
}
