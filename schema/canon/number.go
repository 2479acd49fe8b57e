package canon

import (
	"regexp"
	"strings"

	"heji/schema"
	"heji/schema/idnum"
)

// IDNumber reads an ID number into its canonical form: 18 characters, upgraded
// from 15 digits where that is sure. One whose check digit or birth date cannot
// be right is kept and flagged; text that is no ID number is set aside.
func IDNumber(text string) (string, schema.Problem) {
	if halfWidth(text) == "" {
		return "", ""
	}
	n := idnum.Parse(text)
	if up, ok := idnum.Upgrade15(n.Text); ok {
		return up, n.Problem
	}
	return n.Text, n.Problem
}

var (
	reRemark    = regexp.MustCompile(`\([^)]*\)`)
	reExtension = regexp.MustCompile(`(转|分机|#|EXT).*$`)
	rePhones    = regexp.MustCompile(`[,;、/|]|\s{2,}|或|和`)
	reFloat     = regexp.MustCompile(`^(\d{7,12})\.0+$`)
	reExponent  = regexp.MustCompile(`^\d(\.\d+)?E\+?\d+$`)
)

// Phone reads a phone number: digits, with + in front of a foreign one. China's
// own 86 is dropped, and so are remarks, extensions and every number but the
// first. What is too short or a filler is no number: ProblemPlaceholder.
func Phone(text string) (string, schema.Problem) {
	s := strings.ToUpper(halfWidth(text))
	if s == "" {
		return "", ""
	}
	if reExponent.MatchString(s) {
		return "", schema.ProblemUnreadable // a spreadsheet has rounded it
	}
	if m := reFloat.FindStringSubmatch(s); m != nil {
		s = m[1]
	}
	s = reRemark.ReplaceAllStringFunc(s, func(remark string) string {
		inside := strings.Trim(remark, "()")
		if strings.Trim(inside, "0123456789-+ ") == "" {
			return inside // (0531)88881234: an area code, not a remark
		}
		return " "
	})
	problem := schema.ProblemPlaceholder
	for _, one := range rePhones.Split(s, -1) {
		phone, p := onePhone(one)
		if p == "" {
			return phone, ""
		}
		if p != schema.ProblemPlaceholder {
			problem = p
		}
	}
	return "", problem
}

func onePhone(s string) (string, schema.Problem) {
	s = reExtension.ReplaceAllString(s, "")
	abroad := strings.HasPrefix(strings.TrimLeft(s, " :"), "+")
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	// Prefixes come off one by one: +0086 is written too.
	for more := true; more; {
		switch {
		case strings.HasPrefix(digits, "00") && (abroad || len(digits) > 10):
			digits, abroad = digits[2:], true
		case abroad && strings.HasPrefix(digits, "86"):
			digits, abroad = digits[2:], false
		case len(digits) == 13 && strings.HasPrefix(digits, "861"):
			digits = digits[2:]
		default:
			more = false
		}
	}
	switch {
	case len(digits) < 7 || filler(digits):
		return "", schema.ProblemPlaceholder
	case len(digits) > 15: // ITU-T E.164
		return "", schema.ProblemTooLong
	case abroad:
		return "+" + digits, ""
	}
	return digits, ""
}

// filler reports whether digits are typed to fill a field: one digit repeated,
// counted up, or a mobile prefix and zeros.
func filler(digits string) bool {
	return idnum.Placeholder(digits) || strings.Count(digits, digits[:1]) == len(digits) ||
		len(digits) == 11 && strings.Trim(digits[3:], "0") == ""
}
