package chinese

import (
	"bytes"

	"heji/schema/hanzi"
)

// closeness grades names that neither look nor sound the same.
func closeness(a, b *nameFeature) int {
	x, y := a.name, b.name
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(x) == len(y) {
		switch at, off := mismatch(x, y); {
		case off == 1 && hanzi.SimilarShape(x.at(at), y.at(at)):
			return nameShape
		case off == 1 && x.len() >= 4:
			return nameOneCharLong
		case off == 1 && x.len() == 3:
			return nameOneChar
		case off > 1 && anagram(x, y):
			return nameReordered
		}
	} else if y.len() >= 3 && y.len()-x.len() == 1 && oneInserted(x, y) {
		if y.len() >= 5 {
			return nameOneCharLong
		}
		return nameOneChar
	}
	if sameSurname(a, b) {
		return nameSurname
	}
	return nameDifferent
}

func sameSurname(a, b *nameFeature) bool {
	if (a.flags|b.flags)&nameLatin != 0 {
		return a.allSounds().surnames.meets(b.allSounds().surnames)
	}
	return a.split > 0 && a.split == b.split && bytes.Equal(a.name[:a.split*runeSize], b.name[:b.split*runeSize])
}

// mismatch returns the last place where two names of one length differ, and in
// how many places they do.
func mismatch(x, y word) (at, off int) {
	for i := range x.len() {
		if x.at(i) != y.at(i) {
			at = i
			off++
		}
	}
	return at, off
}

// anagram reports whether two names of one length have the same characters.
// Names are short, so counting beats sorting.
func anagram(x, y word) bool {
	for i := range x.len() {
		if r := x.at(i); x.count(r) != y.count(r) {
			return false
		}
	}
	return true
}

// oneInserted reports whether long is short with one character put in.
func oneInserted(short, long word) bool {
	i := 0
	for i < short.len() && short.at(i) == long.at(i) {
		i++
	}
	return bytes.Equal(short[i*runeSize:], long[(i+1)*runeSize:])
}

// wild reports whether a name holds a character that a register could not write.
func (w word) wild() bool {
	for i := range w.len() {
		if w.at(i) == hanzi.Wildcard {
			return true
		}
	}
	return false
}

// compatible reports what hanzi.Compatible does: whether two names are equal
// wherever both are known.
func (w word) compatible(o word) bool {
	if bytes.Equal(w, o) {
		return true
	}
	if !w.wild() && !o.wild() {
		return false
	}
	// row[j]: w[:i] and o[:j] can be the same.
	var rows [2][maxRunes + 1]bool
	row, next := &rows[0], &rows[1]
	n, m := w.len(), o.len()
	for i := 0; i <= n; i++ {
		for j := 0; j <= m; j++ {
			next[j] = i == 0 && j == 0 ||
				i > 0 && j > 0 && row[j-1] && match(w.at(i-1), o.at(j-1)) ||
				i > 0 && w.spare(i-1) && row[j] ||
				j > 0 && o.spare(j-1) && next[j-1]
		}
		row, next = next, row
	}
	return row[m]
}

func match(a, b rune) bool { return a == b || a == hanzi.Wildcard || b == hanzi.Wildcard }

// spare reports whether the rune at i is a wildcard after a wildcard: one
// character of two bytes often became ??.
func (w word) spare(i int) bool {
	return i > 0 && w.at(i) == hanzi.Wildcard && w.at(i-1) == hanzi.Wildcard
}
