package idnum

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"heji/schema"
)

// Type is the form of a number.
type Type string

// The forms. The zero Type is "no form that we know".
const (
	Resident18 Type = "resident"          // 公民身份号码, 18 characters
	Resident15 Type = "resident_15"       // its predecessor, 15 digits, issued until 1999
	HMT        Type = "hmt_residence"     // 港澳台居民居住证, 18 characters, area 81, 82 or 83
	Foreign    Type = "foreign_permanent" // 外国人永久居留身份证 since 2023-12, 18 characters, starts with 9
	ForeignOld Type = "foreign_permanent_old"
)

// Number is what Parse makes of a text.
type Number struct {
	// Text is the canonical spelling: half width, upper case, nothing between
	// the characters. Empty where the text has no form of a number at all.
	Text string
	Type Type
	// Valid: the check digit is right (where the form has one) and the birth
	// date inside exists.
	Valid bool
	// Problem says why the number is not valid; empty when it is.
	Problem schema.Problem
	// AreaKnown is false when the area code is in no edition of GB/T 2260 that
	// we carry. A warning only.
	AreaKnown bool
}

// Parse reads a number the way people and spreadsheets write it: full width,
// lower-case x, with blanks of any kind, hyphens or a leading apostrophe.
//
// What has no form of a number is left without Text and carries
// schema.ProblemIDNumber, or schema.ProblemPlaceholder for 000000, 无 and the
// like. What has the form but cannot be true keeps its Text, so that it can be
// compared, and carries schema.ProblemCheckDigit or schema.ProblemDate.
func Parse(text string) Number {
	s := Clean(text)
	if Placeholder(s) {
		return Number{Problem: schema.ProblemPlaceholder}
	}
	n := Number{Text: s, Type: form(s)}
	switch n.Type {
	case Resident18, HMT, Foreign:
		n.AreaKnown = areaKnown(n)
		switch {
		case !Check(s):
			n.Problem = schema.ProblemCheckDigit
		case !hasBirth(n):
			n.Problem = schema.ProblemDate
		}
	case Resident15:
		n.AreaKnown = areaKnown(n)
		if !hasBirth(n) {
			n.Problem = schema.ProblemDate
		}
	case ForeignOld:
		// Three letters of nationality and twelve digits. Its own check digit
		// follows no published rule, so the form is all that can be checked.
		n.AreaKnown = true
	default:
		return Number{Problem: schema.ProblemIDNumber}
	}
	n.Valid = n.Problem == ""
	return n
}

func hasBirth(n Number) bool {
	_, ok := n.Birth()
	return ok
}

// Clean folds the spelling of a number to half width and upper case and drops
// what stands between its characters.
func Clean(text string) string {
	if plain(text) {
		return text
	}
	var b strings.Builder
	for _, r := range norm.NFKC.String(text) {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		case r >= 'a' && r <= 'z':
			b.WriteRune(r - 'a' + 'A')
		case separator(r):
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// plain reports whether Clean would change nothing: the common case.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// separator reports whether r is one of the characters that people and
// spreadsheets put into a number without meaning anything by it.
func separator(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\r', '\v', '\f', 0x85, // blanks that NFKC leaves alone
		'-', '_', '‐', '‑', '‒', '–', '—', '―', '−', '·',
		'\'', '‘', '’', '`', '"', '“', '”', // Excel's text mark and quotes
		0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD: // zero width
		return true
	}
	return r >= 0x2000 && r <= 0x200A || r == 0x2028 || r == 0x2029 || r == 0x3000 || r == 0x1680
}

// form tells the form by length and alphabet alone.
func form(s string) Type {
	switch len(s) {
	case 18:
		if !digits(s[:17]) || !digits(s[17:]) && s[17] != 'X' {
			return ""
		}
		switch {
		case s[0] == '9':
			return Foreign
		case s[:2] == "81" || s[:2] == "82" || s[:2] == "83":
			return HMT
		}
		return Resident18
	case 15:
		switch {
		case digits(s):
			return Resident15
		case letters(s[:3]) && digits(s[3:]):
			return ForeignOld
		}
	}
	return ""
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) > 0
}

func letters(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return len(s) > 0
}

// Placeholder reports whether a text stands for "no number": blank words such
// as 无 and 不详, one digit repeated, 123456 counted up, or a number whose
// person part is all zeros. Such a number is shared by strangers and must
// never count as one.
func Placeholder(text string) bool {
	s := Clean(text)
	switch s {
	case "无", "没有", "暂无", "不详", "不祥", "未知", "未填", "未办", "未办理", "空", "待补", "待办", "/", "\\", ".", "*",
		"NULL", "NONE", "NIL", "NA", "N/A", "(NULL)", "<NULL>", "UNKNOWN":
		return true
	}
	body := s
	if len(body) > 1 && body[len(body)-1] == 'X' {
		body = body[:len(body)-1]
	}
	if body == "" {
		return s != ""
	}
	if repeated(body) && (digits(body) || body[0] == 'X' || body[0] == '*' || body[0] == '?') {
		return true
	}
	if !digits(body) {
		return false
	}
	return counted(body) || len(s) == 18 && strings.Trim(s[6:17], "0") == "" ||
		len(s) == 15 && strings.Trim(s[6:], "0") == ""
}

func repeated(s string) bool { return strings.Count(s, s[:1]) == len(s) }

// counted reports whether s is a stretch of 1234567890 repeated.
func counted(s string) bool {
	if len(s) < 6 || s[0] != '1' && s[0] != '0' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if (s[i-1]-'0'+1)%10 != s[i]-'0' {
			return false
		}
	}
	return true
}
