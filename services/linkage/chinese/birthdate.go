package chinese

import "heji/services/linkage/comparator"

// birthDate compares dates of birth.
//
// Attributes: birth_date, id_number, disability_no.
// Feature: the date; flags; month and day in the lunar calendar; where the record
// shows an ID number, its mark; where a valid one says another date, that date.
type birthDate struct{}

// Levels of birthDate.
const (
	birthIdentical = iota
	birthSwapped   // day and month swapped
	birthLunar     // one is the other in the lunar calendar
	birthOneDigit  // one digit off
	birthPartial   // equal as far as both are known
	birthSameMonth
	birthSameYear
	birthDifferent
)

var birthLevels = []string{"identical", "swapped", "lunar", "one_digit", "partial", "same_month", "same_year", "different"}

func newBirthDate(o comparator.Options) (comparator.Comparator, error) {
	return birthDate{}, plain(o, birthLevels, "date of birth", "ID number", "disability card number")
}

func (birthDate) Levels() []string { return birthLevels }

// Flags of a feature of birthDate.
const (
	birthFromID     = 1 << iota // the record does not say it, its ID number does
	birthMarked                 // a mark follows
	birthOther                  // the date of the ID number follows
	birthYearBefore             // in the lunar calendar it lies in the year before
)

// Append takes the date from a valid ID number where the record itself says
// none, or less. Where it says otherwise, both are kept: one of the two is a
// slip, and it is not known which.
func (birthDate) Append(dst []byte, r *comparator.Record) []byte {
	d := parseDate(value(r, 0))
	id := readOwn(r, value(r, 1), value(r, 2))
	flags := byte(0)
	switch {
	case id.birth.zero() || id.birth == d:
	case d.zero() || id.birth.fits(d):
		d, flags = id.birth, birthFromID
	default:
		flags = birthOther
	}
	if d.zero() {
		return dst
	}
	lunar := d.lunar()
	if lunar.year == d.year-1 {
		flags |= birthYearBefore
	}
	if id.whole() {
		flags |= birthMarked
	}
	dst = append(appendDate(dst, d), flags, lunar.month, lunar.day)
	dst = appendMark(dst, id)
	if flags&birthOther != 0 {
		dst = appendDate(dst, id.birth)
	}
	return dst
}

// birthFeature is a feature taken apart.
type birthFeature struct {
	date, other date
	lunar       date // with the year of the lunar calendar
	flags       byte
	mark        []byte
}

const birthHead = dateSize + 3 // the date, flags, the lunar month and day

func cutBirth(b []byte) (f birthFeature) {
	f.date = dateAt(b)
	if len(b) < birthHead {
		return f
	}
	f.flags = b[dateSize]
	f.lunar = date{f.date.year, b[dateSize+1], b[dateSize+2]}
	if f.flags&birthYearBefore != 0 {
		f.lunar.year--
	}
	b = b[birthHead:]
	if f.flags&birthMarked != 0 && len(b) >= markSize {
		f.mark, b = b[:markSize], b[markSize:]
	}
	if f.flags&birthOther != 0 {
		f.other = dateAt(b)
	}
	return f
}

func (birthDate) Level(a, b []byte) int {
	x, y := cutBirth(a), cutBirth(b)
	if sameMark(x.mark, y.mark) {
		// Between records of one number, what was read out of that number says
		// nothing more.
		if (x.flags|y.flags)&birthFromID != 0 {
			return comparator.Missing
		}
		return levelOfDates(&x, &y)
	}
	// A record whose ID number and birth date disagree may be right in either.
	if x.other.full() && (x.other == y.date || x.other == y.other) || y.other.full() && y.other == x.date {
		return birthIdentical
	}
	return levelOfDates(&x, &y)
}

// levelOfDates says what two records' own dates have in common.
func levelOfDates(x, y *birthFeature) int {
	a, b := x.date, y.date
	full := a.full() && b.full()
	switch {
	case a.zero() || b.zero():
		return comparator.Missing
	case full && a == b:
		return birthIdentical
	case a.fits(b):
		return birthPartial
	case full && a.year == b.year && a.month == b.day && a.day == b.month:
		return birthSwapped
	case full && (x.lunarIs(b) || y.lunarIs(a)):
		return birthLunar
	case full && a.digitsOff(b) == 1:
		return birthOneDigit
	case a.year == b.year && a.month == b.month:
		return birthSameMonth
	case a.year == b.year:
		return birthSameYear
	}
	return birthDifferent
}

// lunarIs reports whether somebody wrote the lunar birthday down as d: with the
// year of the lunar calendar, or with that of the solar one.
func (f *birthFeature) lunarIs(d date) bool {
	return f.lunar.day != 0 && f.lunar.month == d.month && f.lunar.day == d.day &&
		(f.lunar.year == d.year || f.date.year == d.year)
}

func (birthDate) Parts() []string { return []string{"day", "other", "unordered"} }

// Keys emits a date as yyyymmdd where its day is known: for day the record's,
// for other the one of a valid ID number that says otherwise, for unordered the
// record's with day and month in order.
func (birthDate) Keys(feature []byte, part string, _ int, emit func([]byte)) {
	f := cutBirth(feature)
	var d date
	switch part {
	case "day":
		d = f.date
	case "other":
		d = f.other
	case "unordered":
		d = f.date.unordered()
	}
	var buf [8]byte
	if key := d.appendKey(buf[:0]); len(key) > 0 {
		emit(key)
	}
}
