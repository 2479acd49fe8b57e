package comparator

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// A feature of several fields is each field behind its length, the last one
// bare.

func appendField[T string | []byte](dst []byte, field T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(field)))
	return append(dst, field...)
}

// cutField returns the first field and what follows it. Of bytes that are no
// feature it takes what is there.
func cutField(b []byte) (field, rest []byte) {
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return nil, nil
	}
	b = b[size:]
	if n > uint64(len(b)) {
		return b, nil
	}
	return b[:n], b[n:]
}

// set is a sorted list of texts without doubles, each behind its length.
type set []byte

// appendSet appends the texts as a set and leaves out what does not fit into
// maxValue bytes. It reorders them.
func appendSet(dst []byte, texts []string) []byte {
	slices.Sort(texts)
	start := len(dst)
	for _, s := range slices.Compact(texts) {
		if len(dst)-start+len(s)+2 > maxValue {
			break
		}
		dst = appendField(dst, s)
	}
	return dst
}

func (s set) each(emit func(member []byte)) {
	for len(s) > 0 {
		var member []byte
		member, s = cutField(s)
		emit(member)
	}
}

// sizes counts the members of two sets and those that they share.
func sizes(a, b set) (inA, inB, both int) {
	var x, y []byte
	moreA, moreB := a.next(&x), b.next(&y)
	for moreA || moreB {
		order := 0
		switch {
		case !moreB:
			order = -1
		case !moreA:
			order = 1
		default:
			order = bytes.Compare(x, y)
		}
		if order == 0 {
			both++
		}
		if order <= 0 {
			inA++
			moreA = a.next(&x)
		}
		if order >= 0 {
			inB++
			moreB = b.next(&y)
		}
	}
	return inA, inB, both
}

// next takes the first member off, and reports whether there was one.
func (s *set) next(member *[]byte) bool {
	if len(*s) == 0 {
		return false
	}
	*member, *s = cutField(*s)
	return true
}
