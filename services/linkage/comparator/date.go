package comparator

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// date compares calendar dates. Its feature is the digits of the date, most
// significant first, of which the number says what is known: 4 a year, 6 a year
// and month, 8 a day. Digits that are no date of the calendar are kept as they
// stand, because most such dates are one slip away from a right one.
type date struct {
	ladder
	order string
}

var dateWords = []word{
	{name: "identical", op: opIdentical},
	{name: "compatible", op: opCompatible},
	{name: "swapped", op: opSwapped},
	{name: "one_digit", op: opOneDigit},
	{name: "levenshtein", op: opLevenshtein, form: atMost},
	{name: "damerau", op: opDamerau, form: atMost},
	{name: "within", op: opWithin, form: span, units: []string{"days", "months", "years"}},
	{name: "same_year", op: opSameYear},
	{name: "same_month", op: opSameMonth},
	{name: "same_day_month", op: opSameDayMonth},
}

const (
	unitDays = iota
	unitMonths
	unitYears
)

func newDate(o Options) (Comparator, error) {
	var s struct {
		Order string `yaml:"order"`
	}
	if err := errors.Join(single(o), o.Decode(&s)); err != nil {
		return nil, err
	}
	own := []string{"identical", "compatible", "swapped", "one_digit", "damerau <= 2", "same_month", "same_year", "different"}
	l, err := newLadder(o.Levels, own, "different", dateWords)
	if err != nil {
		return nil, err
	}
	d := &date{ladder: l, order: s.Order}
	switch s.Order {
	case "":
		d.order = "ymd"
	case "ymd", "dmy", "mdy":
	default:
		return nil, fmt.Errorf("order is %q; it must be ymd (as where nothing is given), dmy or mdy", s.Order)
	}
	return d, nil
}

// Append implements Comparator. What has no year says nothing.
func (d *date) Append(dst []byte, r *Record) []byte {
	return append(dst, readDate(r.Values[0], d.order)...)
}

// readDate returns the digits of a date, year first; "" where there is none.
func readDate(s, order string) string {
	s = fold(s)
	// A time of the day is no part of the date.
	if at := strings.IndexAny(s, "t "); at >= len("1984-3-7") && strings.ContainsRune(s[at:], ':') {
		s = s[:at]
	}
	// Spreadsheets make a number of a date without separators.
	s = strings.TrimSuffix(s, ".0")
	groups := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("-/. 年月日", r) })
	for _, g := range groups {
		if strings.Trim(g, "0123456789") != "" {
			return ""
		}
	}
	if strings.Trim(strings.Join(groups, ""), "0") == "" {
		return ""
	}
	switch len(groups) {
	case 1:
		return solid(groups[0], order)
	case 2:
		return yearMonth(groups[0], groups[1])
	case 3:
		return full(groups[0], groups[1], groups[2], order)
	}
	return ""
}

// solid reads a date without separators.
func solid(s, order string) string {
	switch n := len(s); {
	case n == 8 && order == "dmy":
		return known(s[4:] + s[2:4] + s[:2])
	case n == 8 && order == "mdy":
		return known(s[4:] + s[:4])
	case n == 6 && order != "ymd":
		return known(s[2:] + s[:2])
	case n == 4 || n >= 6 && n <= 9:
		return known(s)
	}
	return ""
}

func yearMonth(a, b string) string {
	if len(b) == 4 {
		a, b = b, a
	}
	if len(a) != 4 || len(b) > 2 {
		return ""
	}
	return known(a + pad(b))
}

func full(a, b, c, order string) string {
	switch {
	case len(a) == 4:
	case len(c) == 4 && order == "dmy":
		a, c = c, a
	case len(c) == 4 && order == "mdy":
		a, b, c = c, a, b
	default:
		return ""
	}
	if len(b) > 2 || len(c) > 2 {
		return ""
	}
	return known(a + pad(b) + pad(c))
}

// known cuts off a day and month that are written as zeros.
func known(s string) string {
	if len(s) == 8 {
		s = strings.TrimSuffix(s, "00")
	}
	if len(s) == 6 {
		s = strings.TrimSuffix(s, "00")
	}
	return s
}

func pad(s string) string {
	if len(s) == 1 {
		return "0" + s
	}
	return s
}

// day is a feature taken apart. What is not known, and all of what is no date of
// the calendar, is zero.
type day struct{ year, month, day int }

func takeApart(feature []byte) (d day) {
	switch len(feature) {
	case 8:
		d.day = decimal(feature[6:8])
		fallthrough
	case 6:
		d.month = decimal(feature[4:6])
		fallthrough
	case 4:
		d.year = decimal(feature[:4])
	}
	if d.year < firstYear || d.year > lastYear || d.month > 12 || d.day > daysIn(d.year, d.month) || d.month < 1 && len(feature) > 4 || d.day < 1 && len(feature) > 6 {
		return day{}
	}
	return d
}

// Years outside these are six digits that were not meant as year and month, or
// slips.
const (
	firstYear = 1000
	lastYear  = 2999
)

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// decimal reads digits; -1 where there is anything else.
func decimal(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// Level implements Comparator.
func (d *date) Level(a, b []byte) int {
	var alike likeness
	x, y := takeApart(a), takeApart(b)
	return d.level(func(c *clause) bool {
		switch c.op {
		case opIdentical:
			return bytes.Equal(a, b)
		case opCompatible:
			// Equal as far as both are known.
			n := min(len(a), len(b))
			return x.year != 0 && y.year != 0 && bytes.Equal(a[:n], b[:n])
		case opSwapped:
			return swappedDays(a, b)
		case opOneDigit:
			return len(a) == 8 && len(b) == 8 && digitsOff(a, b) == 1
		case opWithin:
			return within(x, y, c.x, c.unit)
		case opSameYear:
			return x.year != 0 && x.year == y.year
		case opSameMonth:
			return x.month != 0 && x.year == y.year && x.month == y.month
		case opSameDayMonth:
			return x.day != 0 && x.month == y.month && x.day == y.day
		default:
			// One digit more or less is a slip in a day, but another year.
			return min(len(a), len(b)) > 6 && alike.holds(c, a, b)
		}
	})
}

// swappedDays reports whether month and day have changed places. Month 23 is no
// hindrance: it is how the slip shows.
func swappedDays(a, b []byte) bool {
	return len(a) == 8 && len(b) == 8 && bytes.Equal(a[:4], b[:4]) && bytes.Equal(a[4:6], b[6:]) && bytes.Equal(a[6:], b[4:6])
}

func digitsOff(a, b []byte) int {
	off := 0
	for i := range a {
		if a[i] != b[i] {
			off++
		}
	}
	return off
}

// within reports whether two dates are at most n units apart. Days need two days
// that are known, months two months; of years without months the difference
// counts.
func within(x, y day, n float64, unit int) bool {
	if x.year == 0 || y.year == 0 {
		return false
	}
	if x.year > y.year || x.year == y.year && (x.month > y.month || x.month == y.month && x.day > y.day) {
		x, y = y, x
	}
	if unit == unitDays {
		return x.day != 0 && y.day != 0 && float64(y.number()-x.number()) <= n
	}
	known := x.month != 0 && y.month != 0
	if !known {
		return unit == unitYears && float64(y.year-x.year) <= n
	}
	if unit == unitYears {
		n *= 12
	}
	months := float64((y.year-x.year)*12 + y.month - x.month)
	late := x.day != 0 && y.day > x.day
	return months < n || months == n && !late
}

// number counts days since 1 March of the year 0, in the Gregorian calendar.
func (d day) number() int {
	y, m := d.year, d.month-3
	if m < 0 {
		y, m = y-1, m+12
	}
	return 365*y + y/4 - y/100 + y/400 + (153*m+2)/5 + d.day
}

var dateParts = []string{"value", "year", "month", "day", "year_month", "day_month"}

// Parts implements Keyer.
func (d *date) Parts() []string { return slices.Clone(dateParts) }

// CheckPart implements PartChecker.
func (d *date) CheckPart(part string, n int) error { return checkPart(dateParts, part, n) }

// Keys implements Keyer.
func (d *date) Keys(feature []byte, part string, _ int, emit func(value []byte)) {
	known := len(feature)
	if part == "value" {
		emit(feature)
		return
	}
	if known != 4 && known != 6 && known != 8 {
		return
	}
	switch {
	case part == "year":
		emit(feature[:4])
	case part == "year_month" && known >= 6:
		emit(feature[:6])
	case part == "month" && known >= 6:
		emit(feature[4:6])
	case part == "day" && known == 8:
		emit(feature[6:8])
	case part == "day_month" && known == 8:
		emit(feature[4:8])
	}
}

// Terms implements Termer.
func (d *date) Terms() []string { return []string{"value"} }

// Term implements Termer. A date is written yyyy-mm-dd, yyyy-mm or yyyy.
func (d *date) Term(feature []byte, _ int) (string, bool) {
	x := takeApart(feature)
	if x.year == 0 {
		return "", false
	}
	form := map[int]string{4: "2006", 6: "2006-01", 8: time.DateOnly}[len(feature)]
	return time.Date(x.year, time.Month(max(1, x.month)), max(1, x.day), 0, 0, 0, 0, time.UTC).Format(form), true
}
