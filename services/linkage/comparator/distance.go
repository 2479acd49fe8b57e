package comparator

import (
	"bytes"
	"math/bits"
	"unicode/utf8"
)

// maxRunes is how many characters of a text the distances look at: those that
// fit into the bits of a machine word. What follows is not compared.
const maxRunes = 64

// spelling is a text as characters, on the stack.
type spelling struct {
	n     int
	runes [maxRunes]rune
}

func (s *spelling) read(b []byte) {
	n := 0
	for n < maxRunes && len(b) > 0 {
		if c := b[0]; c < utf8.RuneSelf {
			s.runes[n] = rune(c)
			b = b[1:]
		} else {
			r, size := utf8.DecodeRune(b)
			s.runes[n] = r
			b = b[size:]
		}
		n++
	}
	s.n = n
}

func (s *spelling) text() []rune { return s.runes[:s.n] }

// likeness works out how alike two texts are written, each measure at most once.
type likeness struct {
	x, y spelling // ordered, so that every measure is symmetric
	read bool
	done [opDamerau + 1]bool
	// Measures by op; distances are whole numbers.
	value [opDamerau + 1]float64
}

// holds reports whether a condition on spelling holds for two texts; nil asks
// for equality. One likeness serves one pair of texts.
func (l *likeness) holds(c *clause, a, b []byte) bool {
	if c == nil {
		return bytes.Equal(a, b)
	}
	if !l.read {
		l.order(a, b)
	}
	switch c.op {
	case opStartsWith:
		return commonPrefix(l.x.text(), l.y.text()) >= c.n
	case opEndsWith:
		return commonSuffix(a, b, c.n)
	case opJaro, opJaroWinkler:
		return l.measure(c.op) >= c.x-1e-12
	default:
		// A difference in length alone may be too much.
		return abs(l.x.n-l.y.n) <= c.n && l.measure(c.op) <= float64(c.n)
	}
}

// order reads two texts, the shorter first.
func (l *likeness) order(a, b []byte) {
	if len(a) > len(b) || len(a) == len(b) && bytes.Compare(a, b) > 0 {
		a, b = b, a
	}
	l.x.read(a)
	l.y.read(b)
	l.read = true
}

func (l *likeness) measure(o op) float64 {
	if l.done[o] {
		return l.value[o]
	}
	l.done[o] = true
	x, y := l.x.text(), l.y.text()
	switch o {
	case opJaro:
		l.value[o] = jaro(x, y)
	case opJaroWinkler:
		l.value[o] = winkler(l.measure(opJaro), x, y)
	case opLevenshtein:
		l.value[o] = float64(edits(x, y, false))
	case opDamerau:
		l.value[o] = float64(edits(x, y, true))
	}
	return l.value[o]
}

// jaroWinkler returns the similarity of two words. Most are plain letters, which
// need not be decoded.
func jaroWinkler(a, b []byte) float64 {
	if len(a) <= maxRunes && len(b) <= maxRunes && isASCII(a) && isASCII(b) {
		if len(a) > len(b) || len(a) == len(b) && bytes.Compare(a, b) > 0 {
			a, b = b, a
		}
		return winkler(jaro(a, b), a, b)
	}
	var l likeness
	l.order(a, b)
	return l.measure(opJaroWinkler)
}

// jaro returns the similarity of Jaro (1989), 0 to 1. At most maxRunes
// characters. Which characters are matched depends on which text comes first, so
// callers order them.
func jaro[T byte | rune](x, y []T) float64 {
	if len(x) == 0 || len(y) == 0 {
		if len(x) == len(y) {
			return 1
		}
		return 0
	}
	window := max(max(len(x), len(y))/2-1, 0)
	var inX, inY uint64
	for i, r := range x {
		from := max(0, i-window)
		if from >= len(y) {
			break
		}
		for j, c := range y[from:min(len(y), i+window+1)] {
			if r == c && inY&(1<<(from+j)) == 0 {
				inX |= 1 << i
				inY |= 1 << (from + j)
				break
			}
		}
	}
	matched := bits.OnesCount64(inX)
	if matched == 0 {
		return 0
	}
	crossed := 0
	for a, b := inX, inY; a != 0; a, b = a&(a-1), b&(b-1) {
		if x[bits.TrailingZeros64(a)] != y[bits.TrailingZeros64(b)] {
			crossed++
		}
	}
	m := float64(matched)
	return (m/float64(len(x)) + m/float64(len(y)) + (m-float64(crossed/2))/m) / 3
}

// winkler raises a Jaro similarity above 0.7 by a tenth of what is missing for
// each of the first four characters that are equal (Winkler 1990).
func winkler[T byte | rune](jaro float64, x, y []T) float64 {
	if jaro <= 0.7 {
		return jaro
	}
	return jaro + 0.1*float64(min(4, commonPrefix(x, y)))*(1-jaro)
}

// edits counts the insertions, deletions and substitutions that make x into y
// and, with swaps, exchanges of neighbours (the optimal string alignment
// distance: no part is edited twice). At most maxRunes characters each. It keeps
// a column of the matrix in the bits of a word (Myers 1999, Hyyrö 2003).
func edits(x, y []rune, swaps bool) int {
	// Equal ends do not count, and most names that are compared share one.
	n := commonPrefix(x, y)
	x, y = x[n:], y[n:]
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	if len(x) == 0 || len(y) == 0 {
		return len(x) + len(y)
	}
	last := uint64(1) << (len(x) - 1)
	vp, vn := ^uint64(0), uint64(0)
	var d0, before uint64
	score := len(x)
	for _, r := range y {
		var pm uint64
		for i, c := range x {
			if c == r {
				pm |= 1 << i
			}
		}
		var crossed uint64
		if swaps {
			crossed = (^d0 & pm) << 1 & before
		}
		d0 = ((pm & vp) + vp) ^ vp | pm | vn | crossed
		hp := vn | ^(d0 | vp)
		hn := d0 & vp
		if hp&last != 0 {
			score++
		}
		if hn&last != 0 {
			score--
		}
		hp = hp<<1 | 1
		hn <<= 1
		vp = hn | ^(d0 | hp)
		vn = hp & d0
		before = pm
	}
	return score
}

func commonPrefix[T byte | rune](x, y []T) int {
	n := min(len(x), len(y))
	for i := range n {
		if x[i] != y[i] {
			return i
		}
	}
	return n
}

// commonSuffix reports whether two texts end with the same n characters.
func commonSuffix(a, b []byte, n int) bool {
	for range n {
		r, size := utf8.DecodeLastRune(a)
		s, other := utf8.DecodeLastRune(b)
		if size == 0 || size != other || r != s {
			return false
		}
		a, b = a[:len(a)-size], b[:len(b)-size]
	}
	return true
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
