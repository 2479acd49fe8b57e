package connectors

import (
	"errors"
	"regexp"
	"sort"
	"strings"
	"time"
	"unicode/utf8"
)

// Later is an error of a platform that said when to come back.
type Later struct {
	After time.Duration
	Err   error
}

func (e *Later) Error() string { return e.Err.Error() }
func (e *Later) Unwrap() error { return e.Err }

// RetryAfter returns how long the platform asked to be left alone, 0 where it
// did not say.
func RetryAfter(err error) time.Duration {
	var later *Later
	if errors.As(err, &later) {
		return later.After
	}
	return 0
}

// maxReason is the longest reason kept of a platform's words, in characters.
const maxReason = 300

var longNumber = regexp.MustCompile(`[0-9０-９]{6,}[xXＸｘ]?`)

// Reason makes a platform's own words fit for a person and for logs (I9): our
// values that it repeats, and long digit runs (ID numbers, phones), become "…".
// The sets are what we sent.
func Reason(words string, sets ...map[string]string) string {
	var values []string
	for _, set := range sets {
		for _, v := range set {
			if utf8.RuneCountInString(strings.TrimSpace(v)) >= 2 {
				values = append(values, strings.TrimSpace(v))
			}
		}
	}
	sort.Slice(values, func(i, j int) bool { return len(values[i]) > len(values[j]) })
	for _, v := range values {
		words = strings.ReplaceAll(words, v, "…")
	}
	words = longNumber.ReplaceAllString(words, "…")
	words = strings.Join(strings.Fields(strings.ToValidUTF8(words, "")), " ")
	if r := []rune(words); len(r) > maxReason {
		words = string(r[:maxReason]) + "…"
	}
	return words
}
