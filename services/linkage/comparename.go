package linkage

import (
	"slices"

	"heji/schema/hanzi"
)

// compareName compares names, and takes off what a common name says less.
// Jaro-Winkler is no use here: its window is zero for two and three characters.
func (m *Model) compareName(c *Comparison, a, b *Features) {
	l := nameLevel(a, b)
	m.set(c, FactorName, l)
	less := commonness(a, b)
	switch l {
	case Identical, Variant:
	case SameSound:
		less /= 2
	default:
		return
	}
	less = min(0, max(less, m.nameFloor-m.weights[FactorName][l]))
	if less != 0 {
		c.add(FactorNameFrequency, Applied, less)
	}
}

// commonness is what the frequency of a shared name takes off: that of the rarer
// spelling, and of the Chinese one where the other is in pinyin.
func commonness(a, b *Features) int32 {
	if a.latin != b.latin {
		return min(a.rarity, b.rarity)
	}
	return max(a.rarity, b.rarity)
}

func nameLevel(a, b *Features) Level {
	switch {
	case a.newborn && b.newborn:
		return NewbornBoth
	case a.newborn && b.name.text != "":
		return newbornLevel(a, b)
	case b.newborn && a.name.text != "":
		return newbornLevel(b, a)
	case a.name.text == "" || b.name.text == "":
		return Missing
	case unknownChar(a.name, b.name):
		return UnknownChar
	case a.name.text == b.name.text:
		if a.name.raw == b.name.raw {
			return Identical
		}
		return Variant
	case formerly(a, b) || formerly(b, a):
		return Former
	case sameSound(a.sounds, b.sounds):
		return SameSound
	}
	return closeness(a.name, b.name)
}

// newbornLevel compares "child of …" with a name. The parent is not the child:
// some registers enter a newborn under its mother's number.
func newbornLevel(child, named *Features) Level {
	if child.mother == named.name.text && !child.motherSurname {
		return Different
	}
	return Newborn
}

func unknownChar(a, b nameFeature) bool {
	return (hanzi.HasWildcard(a.text) || hanzi.HasWildcard(b.text)) && hanzi.Compatible(a.text, b.text)
}

// formerly reports whether a once had the name that b has, or had.
func formerly(a, b *Features) bool {
	return a.former.text != "" && (a.former.text == b.name.text || a.former.text == b.former.text)
}

// closeness grades names that neither look nor sound the same.
func closeness(a, b nameFeature) Level {
	x, y := a.runes, b.runes
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(x) == len(y) {
		switch at, off := mismatch(x, y); {
		case off == 1 && hanzi.SimilarShape(x[at], y[at]):
			return SimilarShape
		case off == 1 && len(x) >= 4:
			return OneCharLong
		case off == 1 && len(x) == 3:
			return OneChar
		case off > 1 && anagram(x, y):
			return Reordered
		}
	} else if len(y) >= 3 && len(y)-len(x) == 1 && oneInserted(x, y) {
		if len(y) >= 5 {
			return OneCharLong
		}
		return OneChar
	}
	if a.split > 0 && b.split > 0 && slices.Equal(a.runes[:a.split], b.runes[:b.split]) {
		return SameSurname
	}
	return Different
}

// mismatch returns the last place where two names of one length differ, and in
// how many places they do.
func mismatch(x, y []rune) (at, off int) {
	for i := range x {
		if x[i] != y[i] {
			at = i
			off++
		}
	}
	return at, off
}

// anagram reports whether two names have the same characters. Names are short,
// so counting beats sorting.
func anagram(x, y []rune) bool {
	for _, r := range x {
		if count(x, r) != count(y, r) {
			return false
		}
	}
	return true
}

func count(s []rune, r rune) int {
	n := 0
	for _, c := range s {
		if c == r {
			n++
		}
	}
	return n
}

// oneInserted reports whether long is short with one character put in.
func oneInserted(short, long []rune) bool {
	i := 0
	for i < len(short) && short[i] == long[i] {
		i++
	}
	return slices.Equal(short[i:], long[i+1:])
}
