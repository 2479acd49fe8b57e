package chinese

import "heji/services/linkage/comparator"

// sex compares sexes.
//
// Attributes: sex (GB/T 2261.1), id_number, name (张丽之女 says what the child is),
// disability_no.
// Feature: '1' or '2'; where it was read out of an ID number, a flag; where the
// record shows a number, its mark.
type sex struct{}

// Levels of sex.
const (
	sexIdentical = iota
	sexDifferent
)

var sexLevels = []string{"identical", "different"}

func newSex(o comparator.Options) (comparator.Comparator, error) {
	return sex{}, plain(o, sexLevels, "sex", "ID number", "name", "disability card number")
}

func (sex) Levels() []string { return sexLevels }

// Append takes the record's own word first, then a newborn's stand-in name, then
// the order of a valid ID number.
func (sex) Append(dst []byte, r *comparator.Record) []byte {
	var code byte
	if s := value(r, 0); s == "1" || s == "2" {
		code = s[0]
	}
	if code == 0 {
		b, _ := parseNewborn(value(r, 2))
		code = b.sex
	}
	id := readOwn(r, value(r, 1), value(r, 3))
	derived := byte(0)
	if code == 0 {
		code, derived = id.sex, 1
	}
	if code == 0 {
		return dst
	}
	return appendMark(append(dst, code, derived), id)
}

func (sex) Level(a, b []byte) int {
	if len(a) < 2 || len(b) < 2 {
		return comparator.Missing
	}
	switch {
	case (a[1] == 1 || b[1] == 1) && sameMark(a[2:], b[2:]):
		return comparator.Missing // it was read out of the number that they share
	case a[0] == b[0]:
		return sexIdentical
	}
	return sexDifferent
}
