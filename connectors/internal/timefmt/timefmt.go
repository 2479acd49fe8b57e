// Package timefmt reads and writes the times of platforms, in the formats their
// files declare (yyyyMMddHHmmss, unix, RFC 3339, …).
package timefmt

import (
	"strconv"
	"strings"
	"time"
)

// known are tried in order where no format is declared.
var known = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006/01/02 15:04:05", "20060102150405.000", "20060102150405",
	"200601021504", "2006-01-02", "2006/01/02", "20060102",
}

// Parse reads a time. A time without a zone is taken to be in loc.
func Parse(text, format string, loc *time.Location) (time.Time, bool) {
	text = strings.TrimSpace(text)
	switch format {
	case "":
		for _, layout := range known {
			if t, err := time.ParseInLocation(layout, text, loc); err == nil {
				return t, true
			}
		}
		return time.Time{}, false
	case "unix", "unix_ms":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return time.Time{}, false
		}
		if format == "unix_ms" {
			return time.UnixMilli(n), true
		}
		return time.Unix(n, 0), true
	}
	t, err := time.ParseInLocation(Layout(format), text, loc)
	return t, err == nil
}

// Format writes a time in the same format that Parse reads; format "" finds the
// form in the sample, a text that the platform itself wrote.
func Format(t time.Time, format, sample string, loc *time.Location) (string, bool) {
	switch format {
	case "unix":
		return strconv.FormatInt(t.Unix(), 10), true
	case "unix_ms":
		return strconv.FormatInt(t.UnixMilli(), 10), true
	case "":
		for _, layout := range known {
			if _, err := time.ParseInLocation(layout, strings.TrimSpace(sample), loc); err == nil {
				return t.In(loc).Format(layout), true
			}
		}
		return "", false
	}
	return t.In(loc).Format(Layout(format)), true
}

var letters = strings.NewReplacer("yyyy", "2006", "MM", "01", "dd", "02", "HH", "15", "mm", "04", "ss", "05", "SSS", "000", "XXX", "Z07:00")

// Layout turns yyyy-MM-dd HH:mm:ss into Go's form; "rfc3339" is known by name.
func Layout(format string) string {
	if strings.EqualFold(format, "rfc3339") {
		return time.RFC3339Nano
	}
	return letters.Replace(format)
}
