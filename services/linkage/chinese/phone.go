package chinese

import (
	"bytes"
	"strings"

	"heji/schema/canon"
	"heji/services/linkage/comparator"
)

// phone compares phone numbers. A landline is one number with its area code and
// without.
//
// Attributes: phone. Settings: shared, a list of numbers that many strangers
// give, in canonical form.
// Feature: the length of the area code, then the digits.
type phone struct{ shared map[string]bool }

// Levels of phone.
const (
	phoneIdentical = iota
	phoneNear      // one digit off, or two neighbours swapped
	phoneDifferent
)

var phoneLevels = []string{"identical", "near", "different"}

func newPhone(o comparator.Options) (comparator.Comparator, error) {
	shared, err := withShared(o, phoneLevels, "phone")
	return phone{shared}, err
}

func (phone) Levels() []string { return phoneLevels }

// minPhone is the shortest number that is one person's, in digits: below are
// extensions and the numbers of services.
const minPhone = 7

// maxPlainPhone is the length of the longest number without prefix and extension.
const maxPlainPhone = 12

func (c phone) Append(dst []byte, r *comparator.Record) []byte {
	s := value(r, 0)
	if !digits(s) || len(s) > maxPlainPhone {
		s, _ = canon.Phone(s) // +86, 0086, blanks, hyphens, 转802
	}
	s = strings.TrimPrefix(s, "+")
	if len(s) < minPhone || c.shared[s] || strings.Count(s[1:], s[1:2]) == len(s)-1 {
		return dst
	}
	area, number := splitPhone(s)
	return append(append(append(dst, byte(len(area))), area...), number...)
}

func digits(s string) bool {
	for i := range len(s) {
		if !digit(s[i]) {
			return false
		}
	}
	return true
}

// maxLocal is the length of a landline's number without its area code: seven
// digits or eight. What follows is an extension.
const maxLocal = 8

// splitPhone splits the area code off a landline, and drops an extension behind
// it and the zero in front of a mobile number.
func splitPhone(s string) (area, number string) {
	switch {
	case s[0] != '0' || len(s) < 10:
		return "", s
	case len(s) == maxPlainPhone && s[1] == '1' && s[2] != '0':
		return "", s[1:] // a mobile number
	}
	n := 4
	if s[1] == '1' || s[1] == '2' { // 010, 020 to 029
		n = 3
	}
	return s[:n], s[n:min(len(s), n+maxLocal)]
}

// cutPhone takes a feature apart.
func cutPhone(b []byte) (area, number []byte) { return cutText(b) }

func (phone) Level(a, b []byte) int {
	xArea, x := cutPhone(a)
	yArea, y := cutPhone(b)
	switch {
	case len(x) == 0 || len(y) == 0:
		return comparator.Missing
	case !compatible(xArea, yArea):
		if bytes.Equal(x, y) && oneEdit(xArea, yArea) {
			return phoneNear
		}
		return phoneDifferent
	case bytes.Equal(x, y):
		return phoneIdentical
	case oneEdit(x, y):
		return phoneNear
	}
	return phoneDifferent
}

func (phone) Parts() []string { return []string{"number"} }

// Keys emits the number without area code.
func (phone) Keys(feature []byte, part string, _ int, emit func([]byte)) {
	if _, number := cutPhone(feature); part == "number" && len(number) > 0 {
		emit(number)
	}
}
