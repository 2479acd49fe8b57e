package idnum

import (
	"errors"
	"fmt"
	"time"
)

// GB 11643-1999 (ISO 7064 MOD 11-2): the weights of the first 17 digits, and
// the check characters for the remainders 0 to 10.
var weights = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}

const checkCharacters = "10X98765432"

// CheckDigit returns the check character of the first 17 digits of a number.
func CheckDigit(seventeen string) (byte, bool) {
	if len(seventeen) != 17 || !digits(seventeen) {
		return 0, false
	}
	sum := 0
	for i, w := range weights {
		sum += w * int(seventeen[i]-'0')
	}
	return checkCharacters[sum%11], true
}

// Check reports whether an 18-character number in canonical spelling ends in
// the right check character.
func Check(eighteen string) bool {
	if len(eighteen) != 18 {
		return false
	}
	c, ok := CheckDigit(eighteen[:17])
	return ok && c == eighteen[17]
}

// Upgrade15 returns the 18-character number of a 15-digit one: 19 is put before
// the year and the check character appended. It answers false where that is not
// sure: the orders 996 to 999 were kept for people who were a hundred when the
// numbers were given out, so they were born in 18xx; and a number whose birth
// date does not exist.
func Upgrade15(fifteen string) (string, bool) {
	n := Number{Text: Clean(fifteen), Type: Resident15}
	if form(n.Text) != Resident15 || centenarian(n.Text) || Placeholder(n.Text) {
		return "", false
	}
	if _, ok := n.Birth(); !ok {
		return "", false
	}
	body := n.Text[:6] + "19" + n.Text[6:]
	c, ok := CheckDigit(body)
	if up := body + string(c); ok && form(up) == Resident18 {
		return up, true
	}
	return "", false // 81–83 and 9 never had 15 digits
}

func centenarian(fifteen string) bool { return fifteen[12:] >= "996" }

// Core15 returns the 15-digit core of a number: itself, or an 18-character
// number without its century and check character. Numbers upgraded by hand
// often have a wrong check character, so the core is what is compared. Empty
// for texts that have no core.
func Core15(text string) string {
	s := Clean(text)
	switch form(s) {
	case Resident15:
		return s
	case Resident18, HMT, Foreign:
		return s[:6] + s[8:17]
	}
	return ""
}

// SameCore reports whether two texts can be spellings of one number: equal but
// for the check character, or one the 15-digit form of the other. Two
// 18-character numbers of different centuries are different, and a 15-digit
// number is never one of this century.
func SameCore(a, b string) bool {
	a, b = Clean(a), Clean(b)
	core := Core15(a)
	if core == "" || core != Core15(b) {
		return a == b && form(a) == ForeignOld
	}
	// I3: what is no spelling of the same number is another number.
	if len(a) == 18 && len(b) == 18 {
		return a[:17] == b[:17] // the same century too
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	switch {
	case len(b) == 15:
		return true
	case form(b) != Resident18:
		return false
	case centenarian(a):
		return b[6:8] == "18" || b[6:8] == "19"
	}
	return b[6:8] == "19"
}

// Years between which a birth date can lie: a 15-digit centenarian at the
// beginning, and no clock at the end.
const firstYear, lastYear = 1800, 2099

// Birth returns the birth date inside a number as yyyy-mm-dd. It answers false
// where the form has none or the date does not exist.
func (n Number) Birth() (date string, ok bool) {
	switch n.Type {
	case Resident18, HMT, Foreign:
		date = n.Text[6:10] + "-" + n.Text[10:12] + "-" + n.Text[12:14]
	case Resident15:
		century := "19"
		if centenarian(n.Text) {
			century = "18"
		}
		date = century + n.Text[6:8] + "-" + n.Text[8:10] + "-" + n.Text[10:12]
	default:
		return "", false
	}
	t, err := time.Parse(time.DateOnly, date)
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return "", false
	}
	return date, true
}

// Sex returns the GB/T 2261.1 code of the sex inside a number: an odd order is
// a man (1), an even one a woman (2).
func (n Number) Sex() (code string, ok bool) {
	var order byte
	switch n.Type {
	case Resident18, HMT, Foreign:
		order = n.Text[16]
	case Resident15:
		order = n.Text[14]
	default:
		return "", false
	}
	if (order-'0')%2 == 1 {
		return "1", true
	}
	return "2", true
}

// Area returns the six digits of the area where the number was first given out,
// empty where the form has none.
func (n Number) Area() string {
	switch n.Type {
	case Resident18, Resident15, HMT:
		return n.Text[:6]
	}
	return ""
}

// Make builds a valid number for tests and simulations: six digits of an area,
// a birth date yyyy-mm-dd and an order from 0 to 999. Use an area that is not
// assigned (19xxxx, 29xxxx, 39xxxx, 49xxxx): with an assigned one the number may
// be somebody's.
func Make(area, birth string, order int) (string, error) {
	if len(area) != 6 || !digits(area) {
		return "", errors.New("the area of an ID number is six digits")
	}
	t, err := time.Parse(time.DateOnly, birth)
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return "", fmt.Errorf("the birth date of an ID number is yyyy-mm-dd, from %d to %d", firstYear, lastYear)
	}
	if order < 0 || order > 999 {
		return "", errors.New("the order of an ID number is 0 to 999")
	}
	body := area + t.Format("20060102") + fmt.Sprintf("%03d", order)
	c, _ := CheckDigit(body)
	return body + string(c), nil
}

// Code returns the code of the table id_type for a number of this form, empty
// where there is no form.
func (n Number) Code() string {
	switch n.Type {
	case Resident18, Resident15:
		return "111"
	case HMT:
		if n.Text[:2] == "83" {
			return "572"
		}
		return "571"
	case Foreign, ForeignOld:
		return "553"
	}
	return ""
}
