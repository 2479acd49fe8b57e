package linkage

import (
	"encoding/binary"
	"math"

	"heji/schema"
	"heji/services/linkage/comparator"
)

// Features is what a Model derived from one record, once: all that comparing and
// blocking need. It is compared where it lies: in PostgreSQL's row, in an arena
// of a million. It belongs to one model version (Own) and is personal data like
// the values that it came from.
//
//	2 bytes      stamp of the model
//	n × 2 bytes  end of each comparison's slot, from the start of the features
//	slots        2 bytes adjustment for the frequency of the value, where the
//	             comparison has frequencies; then the comparator's feature
//
// All numbers are little endian. A slot is empty where the record says nothing.
type Features []byte

const (
	stampSize  = 2
	endSize    = 2
	adjustSize = 2
	// maxFeatures bounds the length of features: ends have 16 bits. A slot that
	// does not fit is left empty.
	maxFeatures = 60_000
)

// unknownFrequency is the adjustment of a value of which nobody can say how
// common it is.
const unknownFrequency = math.MinInt16

// deriving is the memory that AppendFeatures and the keys work in.
type deriving struct {
	values []string
	record comparator.Record
	memo   comparator.Memo
	keys   keying
}

func (m *Model) borrow() *deriving {
	if d, ok := m.scratch.Get().(*deriving); ok {
		return d
	}
	return newDeriving(m)
}

func newDeriving(m *Model) *deriving {
	d := &deriving{}
	d.keys.init(len(m.terms))
	return d
}

// Features derives the features of a record of the stream. What cannot serve as
// evidence (blank, unknown, placeholders, shared by strangers) is left out.
func (m *Model) Features(v schema.Values) Features {
	d := m.borrow()
	d.values = m.valuesOf(d.values[:0], v)
	const usual = 384 // bytes: no second allocation for most records
	f := m.append(make([]byte, 0, usual), d.values, d, &d.memo)
	m.giveBack(d)
	return f
}

// AppendFeatures appends the features of a record, given by its values in the
// order of Attributes; missing ones at the end count as empty. memo may be nil;
// with one, nothing is allocated for what comparators share.
func (m *Model) AppendFeatures(dst []byte, values []string, memo *comparator.Memo) []byte {
	d := m.borrow()
	if memo == nil {
		memo = &d.memo
	}
	dst = m.append(dst, values, d, memo)
	m.giveBack(d)
	return dst
}

// giveBack forgets the record first: a pool would keep its texts alive.
func (m *Model) giveBack(d *deriving) {
	clear(d.values[:cap(d.values)])
	clear(d.record.Values[:cap(d.record.Values)])
	d.record.Memo = nil
	d.memo.Reset()
	m.scratch.Put(d)
}

func (m *Model) append(dst []byte, values []string, d *deriving, memo *comparator.Memo) []byte {
	memo.Reset()
	d.record.Memo = memo
	start := len(dst)
	dst = binary.LittleEndian.AppendUint16(dst, m.stamp)
	ends := len(dst)
	dst = append(dst, make([]byte, endSize*len(m.comparisons))...)
	for i := range m.comparisons {
		c := &m.comparisons[i]
		d.record.Values = d.record.Values[:0]
		for _, at := range c.at {
			v := ""
			if at < len(values) {
				v = values[at]
			}
			d.record.Values = append(d.record.Values, v)
		}
		before := len(dst)
		dst = c.appendSlot(dst, &d.record)
		if len(dst)-start > maxFeatures {
			dst = dst[:before]
		}
		binary.LittleEndian.PutUint16(dst[ends+endSize*i:], uint16(len(dst)-start))
	}
	return dst
}

func (c *comparison) appendSlot(dst []byte, r *comparator.Record) []byte {
	if c.frequency == nil {
		return c.comparator.Append(dst, r)
	}
	at := len(dst)
	dst = append(dst, 0, 0)
	dst = c.comparator.Append(dst, r)
	if len(dst) == at+adjustSize {
		return dst[:at]
	}
	binary.LittleEndian.PutUint16(dst[at:], uint16(c.frequency.of(c.comparator, dst[at+adjustSize:])))
	return dst
}

// Own reports whether features were made by this version of the model. Those of
// another say nothing here, and are to be derived again.
func (m *Model) Own(f Features) bool {
	n := len(m.comparisons)
	if len(f) < stampSize+endSize*n || binary.LittleEndian.Uint16(f) != m.stamp {
		return false
	}
	last := stampSize + endSize*n
	for i := range n {
		end := int(binary.LittleEndian.Uint16(f[stampSize+endSize*i:]))
		if end < last {
			return false
		}
		last = end
	}
	return last == len(f)
}

// slot returns the bytes of a comparison. Of bytes that are no features of this
// model it returns whatever is there, or nothing.
func (m *Model) slot(f Features, i int) []byte {
	head := stampSize + endSize*len(m.comparisons)
	if len(f) < head {
		return nil
	}
	start, end := head, int(binary.LittleEndian.Uint16(f[stampSize+endSize*i:]))
	if i > 0 {
		start = int(binary.LittleEndian.Uint16(f[stampSize+endSize*(i-1):]))
	}
	if start >= end || end > len(f) {
		return nil
	}
	return f[start:end]
}

// feature returns what a comparison's comparator made, nil for nothing.
func (m *Model) feature(f Features, i int) []byte {
	s := m.slot(f, i)
	if m.comparisons[i].frequency == nil {
		return s
	}
	if len(s) <= adjustSize {
		return nil
	}
	return s[adjustSize:]
}

// Identifier returns the number of which no two that differ can be one person's
// (I3), in a form that is equal exactly for equal numbers; empty where the
// record shows none that can be right, or the model names no such comparison.
func (m *Model) Identifier(f Features) []byte {
	if m.exclusive == none {
		return nil
	}
	s := m.feature(f, m.exclusive)
	if len(s) == 0 {
		return nil
	}
	return m.comparisons[m.exclusive].comparator.(comparator.Identifier).Identifier(s)
}

// Term returns the value that a record would look up in a table of frequencies,
// and false where it cannot be known. Tables are counted as Compared.Frequencies
// names them.
func (m *Model) Term(comparison, table int, f Features) (string, bool) {
	t, ok := m.comparisons[comparison].comparator.(comparator.Termer)
	s := m.feature(f, comparison)
	if !ok || len(s) == 0 {
		return "", false
	}
	return t.Term(s, table)
}

// Says reports whether a record says anything about a comparison.
func (m *Model) Says(f Features, comparison int) bool { return len(m.feature(f, comparison)) > 0 }
