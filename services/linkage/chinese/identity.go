package chinese

import (
	"encoding/binary"

	"heji/schema"
	"heji/schema/idnum"
	"heji/services/linkage/comparator"
)

// identity is what a record's own ID number says.
type identity struct {
	text  string // 18 characters where the upgrade from 15 is sure; empty: no number
	valid bool   // it can be right, and is sure enough for I3
	// What a valid number says about its holder; zero where it does not.
	birth date
	sex   byte
}

// whole reports whether there is a number of some form.
func (id *identity) whole() bool { return len(id.text) == longNumber || len(id.text) == shortNumber }

// identityKey is the memo's key: three comparators read the same two values.
type identityKey struct{ number, card string }

// readOwn reads the ID number of a record, or where it has none, the one that
// its disability card's number starts with.
func readOwn(r *comparator.Record, number, card string) *identity {
	return comparator.Once(r.Memo, identityKey{number, card}, func() *identity {
		id, n := readIdentity(number)
		if n.Text == "" {
			if c, m := identityInCard(card); c.valid {
				id, n = c, m
			}
		}
		if id.valid {
			if s, ok := n.Birth(); ok {
				id.birth = parseDate(s)
			}
			if s, ok := n.Sex(); ok {
				id.sex = s[0]
			}
		}
		return &id
	})
}

func readIdentity(text string) (identity, idnum.Number) {
	if text == "" {
		return identity{}, idnum.Number{}
	}
	n := idnum.Parse(text)
	if n.Text == "" {
		return identity{text: broken(text, n)}, n
	}
	id := identity{text: n.Text, valid: n.Valid}
	if n.Type == idnum.Resident15 {
		// The orders that 15 digits kept for people born before 1900 leave the
		// century open: such a number is compared, but is not sure enough for I3.
		if up, sure := idnum.Upgrade15(n.Text); sure {
			id.text, id.valid = up, true
		} else {
			id.valid = false
		}
	}
	return id, n
}

// broken returns a number that lost a character or got one too many on the way:
// it is no form of a number, but can be one edit from one. What is a placeholder
// or anything else is evidence for nothing.
func broken(text string, n idnum.Number) string {
	if n.Problem == schema.ProblemPlaceholder {
		return ""
	}
	s := idnum.Clean(text)
	if len(s) != longNumber-1 && len(s) != longNumber+1 {
		return ""
	}
	for i := range len(s) {
		if !digit(s[i]) && (s[i] != 'X' || i != len(s)-1) {
			return ""
		}
	}
	return s
}

// identityInCard finds the ID number that a disability card's number starts
// with: number, category, grade.
func identityInCard(card string) (identity, idnum.Number) {
	if len(card) == 20 {
		if id, n := readIdentity(card[:18]); id.valid {
			return id, n
		}
	}
	return identity{}, idnum.Number{}
}

// Numbers as features hold them: 18 characters; 15 digits; 15 characters that
// start with the letters of a country; 17 or 19 where one is missing or too many.

const (
	longNumber  = 18
	shortNumber = 15
	coreLength  = 15
)

// appendCore appends the 15-digit core of a number: without century and check
// character. Nothing is appended for a number that has no core.
func appendCore(dst, number []byte) []byte {
	switch {
	case len(number) == longNumber:
		return append(append(dst, number[:6]...), number[8:17]...)
	case len(number) == shortNumber && digit(number[0]):
		return append(dst, number...)
	}
	return dst
}

// sameNumber reports whether two unequal texts can be spellings of one number:
// they differ in the check character, or in a century that 15 digits leave out.
func sameNumber(a, b []byte) bool {
	if len(a) == longNumber && len(b) == longNumber {
		return string(a[:17]) == string(b[:17])
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) == shortNumber && digit(a[0]) && len(b) == longNumber &&
		string(a[:6]) == string(b[:6]) && string(a[6:]) == string(b[8:17]) && centuryFits(century(a), century(b))
}

// century tells numbers of one core apart: the first two digits of the year of
// birth, or one of the kinds below.
func century(number []byte) byte {
	switch {
	case len(number) == longNumber:
		c := (number[6]-'0')*10 + number[7] - '0'
		if number[0] == '9' || number[0] == '8' && number[1] >= '1' && number[1] <= '3' {
			c |= neverShort
		}
		return c
	case len(number) == shortNumber && string(number[12:]) >= "996" && digit(number[0]):
		return centenarian
	}
	return openCentury
}

const (
	openCentury byte = 100  // 15 digits: 19
	centenarian byte = 101  // 15 digits with an order kept for people born in 18xx: 18 or 19
	neverShort  byte = 0x80 // a form that never had 15 digits
)

// centuryFits reports whether two numbers of one core can be one number.
func centuryFits(a, b byte) bool {
	if a < b {
		a, b = b, a
	}
	switch {
	case a == b:
		return true
	case a == openCentury:
		return b == 19
	case a == centenarian:
		return b == 18 || b == 19
	}
	return false
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// markSize is the length of a mark: 64 bits of hash and the century.
const markSize = 9

// appendMark appends what tells whether two records show one ID number, for
// comparators of what can be read out of it: between records of one number,
// that says nothing more. A record without a number has no mark.
func appendMark(dst []byte, id *identity) []byte {
	if !id.whole() {
		return dst
	}
	var buf [longNumber]byte
	number := append(buf[:0], id.text...)
	var core [coreLength]byte
	key := appendCore(core[:0], number)
	if len(key) == 0 {
		key = number
	}
	return append(binary.LittleEndian.AppendUint64(dst, hash64(key)), century(number))
}

// sameMark reports whether two marks are of one ID number.
func sameMark(a, b []byte) bool {
	return len(a) >= markSize && len(b) >= markSize && string(a[:markSize-1]) == string(b[:markSize-1]) &&
		centuryFits(a[markSize-1], b[markSize-1])
}

// hash64 is FNV-1a.
func hash64[T string | []byte](s T) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
