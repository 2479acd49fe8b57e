package chinese

import (
	"bytes"

	"heji/services/linkage/comparator"
)

// idNumber compares people's ID numbers.
//
// Attributes: id_number, disability_no (a disability card's number starts with
// its holder's).
// Feature: whether the number is valid, then the number.
type idNumber struct{}

// Levels of idNumber.
const (
	idIdentical   = iota
	idInvalid     // the same number, but it cannot be a right one
	idSameCore    // one number in two spellings
	idNear        // one edit or one swap away
	idContradicts // both are valid, and they differ
	idDifferent
)

var idLevels = []string{"identical", "identical_invalid", "same_core", "near", "contradicts", "different"}

func newIDNumber(o comparator.Options) (comparator.Comparator, error) {
	return idNumber{}, plain(o, idLevels, "ID number", "disability card number")
}

func (idNumber) Levels() []string { return idLevels }

func (idNumber) Append(dst []byte, r *comparator.Record) []byte {
	return appendIdentity(dst, readOwn(r, value(r, 0), value(r, 1)))
}

func (idNumber) Level(a, b []byte) int { return levelOfNumbers(a, b) }

// appendIdentity appends nothing for no number.
func appendIdentity(dst []byte, id *identity) []byte {
	if id.text == "" {
		return dst
	}
	valid := byte(0)
	if id.valid {
		valid = 1
	}
	return append(append(dst, valid), id.text...)
}

// cutIdentity takes a feature of appendIdentity apart.
func cutIdentity(feature []byte) (number []byte, valid bool) {
	if len(feature) < 1+shortNumber {
		return nil, false
	}
	return feature[1:], feature[0] == 1
}

// levelOfNumbers compares two features of appendIdentity.
func levelOfNumbers(a, b []byte) int {
	x, xValid := cutIdentity(a)
	y, yValid := cutIdentity(b)
	switch {
	case x == nil || y == nil:
		return comparator.Missing
	case bytes.Equal(x, y):
		if !xValid || !yValid {
			return idInvalid
		}
		return idIdentical
	case sameNumber(x, y):
		return idSameCore
	case xValid && yValid:
		return idContradicts // I3
	case oneEdit(x, y) || oneEditInCore(x, y):
		return idNear
	case !whole(x) || !whole(y):
		return comparator.Missing // of a broken number only what is near says something
	}
	return idDifferent
}

func whole(number []byte) bool { return len(number) == longNumber || len(number) == shortNumber }

// oneEditInCore is oneEdit between a number of 15 digits and one of 18.
func oneEditInCore(x, y []byte) bool {
	if len(x) == len(y) || !whole(x) || !whole(y) {
		return false
	}
	var a, b [coreLength]byte
	return oneEdit(appendCore(a[:0], x), appendCore(b[:0], y))
}

// Identifier returns the number without its check character, which adds nothing.
func (idNumber) Identifier(feature []byte) []byte {
	number, valid := cutIdentity(feature)
	switch {
	case !valid:
		return nil
	case len(number) == longNumber:
		return number[:17]
	}
	return number
}

func (idNumber) Parts() []string { return []string{"core", "text", "slip", "birth"} }

// Keys emits for core the 15 digits that every spelling has; for text the same,
// or the number itself where it has no core; for slip area and order, which a
// slip in the birth date leaves; for birth the date inside, valid or not.
func (idNumber) Keys(feature []byte, part string, _ int, emit func([]byte)) {
	number, _ := cutIdentity(feature)
	if number == nil {
		return
	}
	var buf [coreLength]byte
	core := appendCore(buf[:0], number)
	switch part {
	case "core":
		if len(core) > 0 {
			emit(core)
		}
	case "text":
		switch {
		case len(core) > 0:
			emit(core)
		case whole(number):
			emit(number)
		}
	case "slip":
		if len(core) > 0 {
			emit(append(core[:6], core[12:]...))
		}
	case "birth":
		if len(number) == longNumber {
			var key [8]byte
			if k := dateIn(number).appendKey(key[:0]); len(k) > 0 {
				emit(k)
			}
		}
	}
}

// dateIn reads the birth date inside a number of 18 characters, whether or not
// the number is valid.
func dateIn(number []byte) date {
	var b [10]byte
	return parseDate(string(append(append(append(append(append(b[:0], number[6:10]...), '-'), number[10:12]...), '-'), number[12:14]...)))
}
