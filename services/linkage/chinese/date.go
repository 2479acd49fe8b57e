package chinese

// date is a calendar date of which month and day may be unknown (zero).
type date struct {
	year       uint16
	month, day uint8
}

// parseDate reads yyyy-mm-dd, yyyy-mm or yyyy. Everything else is no date.
func parseDate(s string) date {
	var d date
	switch len(s) {
	case 10:
		if s[7] != '-' {
			return date{}
		}
		d.day = uint8(number(s[8:10]))
		fallthrough
	case 7:
		if s[4] != '-' {
			return date{}
		}
		d.month = uint8(number(s[5:7]))
		fallthrough
	case 4:
		d.year = uint16(number(s[:4]))
	}
	if d.year == 0 || d.month > 12 || d.day > 31 || len(s) >= 7 && d.month == 0 || len(s) == 10 && d.day == 0 {
		return date{}
	}
	return d
}

// number reads decimal digits; 0 for anything else.
func number(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func (d date) zero() bool { return d.year == 0 }

// full reports whether the day is known.
func (d date) full() bool { return d.day != 0 }

// fits reports whether two dates are equal as far as both are known.
func (d date) fits(o date) bool {
	return d.year == o.year && (d.month == o.month || d.month == 0 || o.month == 0) &&
		(d.day == o.day || d.day == 0 || o.day == 0)
}

// digitsOff counts the digits in which two full dates differ.
func (d date) digitsOff(o date) int {
	off := 0
	for _, p := range [3][2]int{{int(d.year), int(o.year)}, {int(d.month), int(o.month)}, {int(d.day), int(o.day)}} {
		for a, b := p[0], p[1]; a > 0 || b > 0; a, b = a/10, b/10 {
			if a%10 != b%10 {
				off++
			}
		}
	}
	return off
}

// dateSize is the length of a date in a feature.
const dateSize = 4

func appendDate(dst []byte, d date) []byte {
	return append(dst, byte(d.year), byte(d.year>>8), d.month, d.day)
}

// dateAt reads the date at the head of b, zero where b is too short.
func dateAt(b []byte) date {
	if len(b) < dateSize {
		return date{}
	}
	return date{uint16(b[0]) | uint16(b[1])<<8, b[2], b[3]}
}

// appendKey appends a date as a part of a blocking key, yyyymmdd: nothing unless
// the day is known, because a year is shared by thousands.
func (d date) appendKey(dst []byte) []byte {
	if !d.full() {
		return dst
	}
	y := d.year
	return append(dst, '0'+byte(y/1000%10), '0'+byte(y/100%10), '0'+byte(y/10%10), '0'+byte(y%10),
		'0'+d.month/10%10, '0'+d.month%10, '0'+d.day/10%10, '0'+d.day%10)
}

// unordered is the date with month and day in order, so that swapped ones meet.
func (d date) unordered() date {
	if !d.full() {
		return date{}
	}
	return date{d.year, min(d.month, d.day), max(d.month, d.day)}
}
