package chinese

import (
	"bytes"
	"strings"

	"heji/schema/idnum"
	"heji/services/linkage/comparator"
)

// household compares household numbers, and what people are in them: the head
// and a child of one household are two people.
//
// Attributes: household_no, relation (GB/T 4761, two digits).
// Feature: the class of the relation, then the number.
type household struct{}

// Levels of household.
const (
	sameRole      = iota // one household, the same relation to its head
	sameHousehold        // one household, relations that say nothing
	otherRole            // one household, relations that one person cannot have
	otherHousehold
)

var householdLevels = []string{"same_role", "same_household", "other_role", "different"}

func newHousehold(o comparator.Options) (comparator.Comparator, error) {
	return household{}, plain(o, householdLevels, "household number", "relation to the head")
}

func (household) Levels() []string { return householdLevels }

func (household) Append(dst []byte, r *comparator.Record) []byte {
	number := realNumber(value(r, 0))
	if number == "" {
		return dst
	}
	return append(append(dst, roleClass(value(r, 1))), number...)
}

func (household) Level(a, b []byte) int {
	switch {
	case len(a) < 2 || len(b) < 2:
		return comparator.Missing
	case !bytes.Equal(a[1:], b[1:]):
		return otherHousehold
	case a[0] == 0 || b[0] == 0:
		return sameHousehold
	case a[0] == b[0]:
		return sameRole
	}
	return otherRole
}

// roleClass is the first digit of GB/T 4761, with 本人 and 户主 as one, and
// 0 where the relation says nothing that excludes another.
func roleClass(code string) byte {
	if len(code) != 2 {
		return 0
	}
	switch code[0] {
	case '0':
		return 'h'
	case '1':
		return 's'
	case '2', '3':
		return 'c'
	case '4', '5', '6', '7':
		return code[0]
	}
	return 0
}

// realNumber drops what stands for "no number".
func realNumber(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || idnum.Placeholder(s) {
		return ""
	}
	return s
}
