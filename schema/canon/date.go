package canon

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // China's summer times, also where the system has no zone files

	"heji/schema"
)

// Years that a resident's dates can lie in.
const firstYear, lastYear = 1850, 2099

// Formats that are no pattern of letters.
const (
	FormatUnix      = "unix"    // seconds since 1970
	FormatUnixMilli = "unix_ms" // milliseconds since 1970
	FormatExcel     = "excel"   // days since 1899-12-30
)

// shanghai dates instants. Clocks ran an hour ahead in the summers of 1986 to
// 1991, so midnight of a birthday then is 23:00 of the day before by +08:00.
var shanghai = func() *time.Location {
	l, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic("canon: " + err.Error())
	}
	return l
}()

var (
	reCompact = regexp.MustCompile(`^(\d{4})(\d{2})?(\d{2})?(?:\d{4}|\d{6})?$`)
	reParted  = regexp.MustCompile(`^(\d{4})[-/.年](?:(\d{1,2})(?:(?:[-/.]|月-?)(?:(\d{1,2})[日号]?)?|月)?)?(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)? ?(Z|[+-]\d{2}:?\d{2})?)?$`)
	reNumber  = regexp.MustCompile(`^-?\d{1,15}(\.\d+)?$`)
)

// Date reads a date into yyyy-mm-dd, yyyy-mm or yyyy: as much as the text says.
// A month or day of 00 is one that is not known. format is a pattern of yyyy,
// MM, M, dd, d, HH, mm, ss and literal characters, or one of the constants
// above; what does not fit it, and everything where it is empty, is read as any
// spelling that starts with a four-digit year. An instant with a zone other
// than +08:00 is dated in China.
func Date(text, format string) (string, schema.Problem) {
	s := halfWidth(text)
	switch {
	case s == "":
		return "", ""
	case placeholderWord(s) || placeholderDate(s):
		return "", schema.ProblemPlaceholder
	}
	switch format {
	case FormatUnix, FormatUnixMilli, FormatExcel:
		if date, ok := fromNumber(s, format); ok {
			return checked(date[0], date[1], date[2])
		}
	case "":
	default:
		if y, m, d, ok := fromPattern(s, format); ok {
			return checked(y, m, d)
		}
	}
	return anyDate(s)
}

// placeholderDate knows the first and last days of programs' calendars, and
// the zeros of those without a blank.
func placeholderDate(s string) bool {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	return digits != "" && strings.Trim(digits, "0") == "" ||
		len(digits) >= 8 && (strings.HasPrefix(digits, "00010101") || strings.HasPrefix(digits, "99991231"))
}

func anyDate(s string) (string, schema.Problem) {
	if strings.ContainsAny(s, chineseDigits) {
		s = arabicDate(s)
	}
	if m := reCompact.FindStringSubmatch(s); m != nil && (m[3] != "" || len(s) <= 6) {
		return checked(number(m[1]), number(m[2]), number(m[3]))
	}
	m := reParted.FindStringSubmatch(s)
	if m == nil {
		return "", schema.ProblemDate
	}
	date, problem := checked(number(m[1]), number(m[2]), number(m[3]))
	zone := m[7]
	if problem != "" || zone == "" || zone == "+08:00" || zone == "+0800" || len(date) < len(time.DateOnly) {
		return date, problem
	}
	instant := fmt.Sprintf("%sT%02d:%s:%02d%s", date, number(m[4]), m[5], number(m[6]), zone)
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, instant); err == nil {
			t = t.In(shanghai)
			return checked(t.Year(), int(t.Month()), t.Day())
		}
	}
	return "", schema.ProblemDate
}

func fromNumber(s, format string) (date [3]int, ok bool) {
	if !reNumber.MatchString(s) {
		return date, false
	}
	whole, _, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return date, false
	}
	var t time.Time
	switch format {
	case FormatUnix:
		t = time.Unix(n, 0).In(shanghai)
	case FormatUnixMilli:
		t = time.UnixMilli(n).In(shanghai)
	default:
		if n < 1 || n > 73050 { // up to 2099; a longer number is a yyyymmdd in the wrong column
			return date, false
		}
		t = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(n))
	}
	return [3]int{t.Year(), int(t.Month()), t.Day()}, true
}

// fromPattern reads s by the letters of format. The whole of s must be used,
// but a time may follow a date.
func fromPattern(s, format string) (year, month, day int, ok bool) {
	for _, p := range patternParts(format) {
		if p.letter == 0 {
			if !strings.HasPrefix(s, p.text) {
				return 0, 0, 0, false
			}
			s = s[len(p.text):]
			continue
		}
		n := digitsAt(s, p.most)
		if n < p.least {
			return 0, 0, 0, false
		}
		v := number(s[:n])
		s = s[n:]
		switch p.letter {
		case 'y':
			year = v
		case 'M':
			month = v
		case 'd':
			day = v
		}
	}
	return year, month, day, s == "" || strings.HasPrefix(s, " ") || strings.HasPrefix(s, "T")
}

// part is one letter group of a date pattern, or literal text.
type part struct {
	letter      byte
	least, most int
	text        string
}

func patternParts(format string) []part {
	var parts []part
	for len(format) > 0 {
		c, n := format[0], 1
		if strings.IndexByte("yMdHms", c) < 0 {
			if last := len(parts) - 1; last >= 0 && parts[last].letter == 0 {
				parts[last].text += format[:1]
			} else {
				parts = append(parts, part{text: format[:1]})
			}
			format = format[1:]
			continue
		}
		for n < len(format) && format[n] == c {
			n++
		}
		p := part{letter: c, least: n, most: n}
		if n == 1 {
			p.most = 2
		}
		parts = append(parts, p)
		format = format[n:]
	}
	return parts
}

// FormatDate writes a canonical date by a format of Date. It answers false
// where the date is less exact than the format needs: a day is never invented.
func FormatDate(canonical, format string) (string, bool) {
	if canonical == "" || format == "" {
		return canonical, true
	}
	if clean, problem := checkedText(canonical); problem != "" || clean != canonical {
		return "", false
	}
	field := map[byte]int{'y': number(canonical[:4]), 'H': 0, 'm': 0, 's': 0}
	if len(canonical) >= 7 {
		field['M'] = number(canonical[5:7])
	}
	if len(canonical) == 10 {
		field['d'] = number(canonical[8:10])
	}
	switch format {
	case FormatUnix, FormatUnixMilli, FormatExcel:
		return toNumber(field, format)
	}
	var b strings.Builder
	for _, p := range patternParts(format) {
		if p.letter == 0 {
			b.WriteString(p.text)
			continue
		}
		v, ok := field[p.letter]
		if !ok {
			return "", false
		}
		fmt.Fprintf(&b, "%0*d", p.least, v)
	}
	return b.String(), true
}

func toNumber(field map[byte]int, format string) (string, bool) {
	if field['d'] == 0 {
		return "", false
	}
	at := func(l *time.Location) time.Time {
		return time.Date(field['y'], time.Month(field['M']), field['d'], 0, 0, 0, 0, l)
	}
	switch format {
	case FormatUnix:
		return strconv.FormatInt(at(shanghai).Unix(), 10), true
	case FormatUnixMilli:
		return strconv.FormatInt(at(shanghai).UnixMilli(), 10), true
	}
	days := at(time.UTC).Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24
	return strconv.Itoa(int(days)), days >= 1
}

// checkedText takes a canonical date apart and checks it.
func checkedText(s string) (string, schema.Problem) {
	switch len(s) {
	case 4:
		return checked(number(s), 0, 0)
	case 7:
		return checked(number(s[:4]), number(s[5:]), 0)
	case 10:
		return checked(number(s[:4]), number(s[5:7]), number(s[8:]))
	}
	return "", schema.ProblemDate
}

// checked builds the canonical text of a date that exists. A month or day of 0
// is unknown, and so is everything finer.
func checked(year, month, day int) (string, schema.Problem) {
	switch {
	case year < firstYear || year > lastYear || month < 0 || month > 12 || day < 0 || day > 31:
		return "", schema.ProblemDate
	case month == 0:
		return fmt.Sprintf("%04d", year), ""
	case day == 0:
		return fmt.Sprintf("%04d-%02d", year, month), ""
	}
	if t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC); t.Day() != day {
		return "", schema.ProblemDate
	}
	return fmt.Sprintf("%04d-%02d-%02d", year, month, day), ""
}

// number reads digits; what is none is 0 or, for a malformed canonical date, a
// year that no check accepts.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func digitsAt(s string, most int) int {
	n := 0
	for n < len(s) && n < most && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
