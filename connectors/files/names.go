package files

import (
	"regexp"
	"strings"
	"time"

	"heji/connectors/internal/timefmt"
)

// datePattern is {date} in a file's name: a day, with or without a time.
const datePattern = `(\d{4}[-_.]?\d{2}[-_.]?\d{2}(?:[-_.T]?\d{2}[-_.:]?\d{2}(?:[-_.:]?\d{2}(?:[-_.]?\d{3})?)?)?)`

var dateInText = regexp.MustCompile(`\d{4}\s*[-/.年]?\s*\d{1,2}\s*[-/.月]?\s*\d{1,2}`)

// compile turns a pattern of names into a regular expression whose only group
// is the date, where there is one.
func compile(pattern string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.ReplaceAll(quoted, regexp.QuoteMeta("{date}"), datePattern)
	quoted = strings.ReplaceAll(quoted, `\*`, `.*`)
	quoted = strings.ReplaceAll(quoted, `\?`, `.`)
	return regexp.MustCompile(`^` + quoted + `$`)
}

// stamp reads the time in a file's name. A day without a time is its first
// moment: evidence must not be taken for newer than it may be.
func stamp(text string, zone *time.Location) (time.Time, bool) {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
	layouts := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}
	if len(digits) == 17 {
		t, err := time.ParseInLocation("20060102150405.000", digits[:14]+"."+digits[14:], zone)
		return t, err == nil
	}
	layout, ok := layouts[len(digits)]
	if !ok {
		return time.Time{}, false
	}
	t, err := time.ParseInLocation(layout, digits, zone)
	return t, err == nil
}

// stampOf reads a time in a declared format, or one that we know, or the day
// somewhere in a sentence (截止日期：2026年11月1日).
func stampOf(text, format string, zone *time.Location) (time.Time, bool) {
	text = strings.TrimSpace(text)
	if t, ok := timefmt.Parse(text, format, zone); ok {
		return t, true
	}
	if t, ok := stamp(text, zone); ok && format == "" {
		return t, true
	}
	found := dateInText.FindString(text)
	if found == "" {
		return time.Time{}, false
	}
	parts := regexp.MustCompile(`\d+`).FindAllString(found, -1)
	if len(parts) == 3 {
		found = parts[0] + "-" + twoDigits(parts[1]) + "-" + twoDigits(parts[2])
	}
	return stamp(found, zone)
}

func twoDigits(s string) string {
	if len(s) == 1 {
		return "0" + s
	}
	return s
}
