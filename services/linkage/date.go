package linkage

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

// days is a day number that grows by 31 a month: good enough to tell how far
// apart two dates are.
func (d date) days() int { return (int(d.year)*12+int(d.month))*31 + int(d.day) }

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

// level says what two dates have in common.
func (d date) level(o date) Level {
	switch {
	case d.zero() || o.zero():
		return Missing
	case d == o && d.full():
		return Identical
	case d.fits(o):
		return Partial
	case d.full() && o.full() && d.year == o.year && d.month == o.day && d.day == o.month:
		return Swapped
	case d.full() && o.full() && d.digitsOff(o) == 1:
		return OneDigit
	case d.year == o.year && d.month == o.month:
		return SameMonth
	case d.full() && o.full() && abs(d.days()-o.days()) <= lunarDays:
		return CloseBy
	case d.year == o.year:
		return SameYear
	}
	return Different
}

// lunarDays bounds how far a lunar birthday lies from the same date of the
// solar calendar.
const lunarDays = 62

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
