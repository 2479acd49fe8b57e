package chinese

import (
	"bytes"
	"unicode/utf8"
)

// Features are read where they lie, without a copy. Every reader here takes any
// bytes: what is cut off reads as empty.

// maxText is what a length of one byte allows.
const maxText = 255

// appendText appends a text behind its length. One that is too long is cut: no
// name, number or place is.
func appendText(dst []byte, s string) []byte {
	s = s[:min(len(s), maxText)]
	return append(append(dst, byte(len(s))), s...)
}

// cutText returns the text at the head of b, and what follows it.
func cutText(b []byte) (text, rest []byte) {
	if len(b) == 0 {
		return nil, nil
	}
	n := min(int(b[0]), len(b)-1)
	return b[1 : 1+n], b[1+n:]
}

// appendTexts appends a list of at most 255 texts.
func appendTexts(dst []byte, list []string) []byte {
	dst = append(dst, byte(len(list)))
	for _, s := range list {
		dst = appendText(dst, s)
	}
	return dst
}

// texts is a list as appendTexts wrote it: the number of texts, and from where
// on they lie.
type texts struct {
	n int
	b []byte
}

func cutTexts(b []byte) (list texts, rest []byte) {
	if len(b) == 0 {
		return texts{}, nil
	}
	list = texts{n: int(b[0]), b: b[1:]}
	rest = list.b
	for range list.n {
		_, rest = cutText(rest)
	}
	return list, rest
}

// meets reports whether two lists have a text in common.
func (l texts) meets(o texts) bool {
	x := l.b
	var s, t []byte
	for range l.n {
		s, x = cutText(x)
		y := o.b
		for range o.n {
			if t, y = cutText(y); len(s) > 0 && bytes.Equal(s, t) {
				return true
			}
		}
	}
	return false
}

// first returns the first text of a list, nil where there is none.
func (l texts) first() []byte {
	if l.n == 0 {
		return nil
	}
	s, _ := cutText(l.b)
	return s
}

// word is a text in runes of three bytes each, so that the characters of a name
// can be compared by their place without decoding.
type word []byte

const (
	runeSize = 3
	maxRunes = maxText / runeSize
)

func appendWord(dst []byte, s string) []byte {
	at := len(dst)
	dst = append(dst, 0)
	n := 0
	for _, r := range s {
		if n == maxRunes {
			break
		}
		dst = append(dst, byte(r>>16), byte(r>>8), byte(r))
		n++
	}
	dst[at] = byte(n * runeSize)
	return dst
}

func cutWord(b []byte) (word, []byte) {
	text, rest := cutText(b)
	return word(text[:len(text)/runeSize*runeSize]), rest
}

func (w word) len() int { return len(w) / runeSize }

func (w word) at(i int) rune {
	i *= runeSize
	return rune(w[i])<<16 | rune(w[i+1])<<8 | rune(w[i+2])
}

func (w word) String() string {
	b := make([]byte, 0, len(w))
	for i := range w.len() {
		b = utf8.AppendRune(b, w.at(i))
	}
	return string(b)
}

// count returns how often a rune occurs.
func (w word) count(r rune) int {
	n := 0
	for i := range w.len() {
		if w.at(i) == r {
			n++
		}
	}
	return n
}

// oneEdit reports whether two texts are one substitution, insertion, deletion or
// adjacent swap apart. Bytes: it is for digits.
func oneEdit(a, b []byte) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return bytes.Equal(a[i:], b[i+1:])
	}
	switch {
	case i == len(a):
		return false
	case bytes.Equal(a[i+1:], b[i+1:]):
		return true
	case i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i]:
		return bytes.Equal(a[i+2:], b[i+2:])
	}
	return false
}
