package canon

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"heji/schema"
	"heji/schema/hanzi"
)

// Longest values, in characters. Nothing real is longer; what is, is a broken
// export or somebody's whole file in one cell.
const (
	maxText = 1000
	maxName = 100
)

// Text reads free text: blanks at both ends go, non-breaking and full-width
// blanks become plain ones, full-width letters and digits become half width.
// Control characters are taken out and flagged.
func Text(text string) (string, schema.Problem) {
	if !utf8.ValidString(text) {
		return "", schema.ProblemEncoding
	}
	clean, control := tidy(text)
	if utf8.RuneCountInString(clean) > maxText {
		return "", schema.ProblemTooLong
	}
	if control {
		return clean, schema.ProblemControl
	}
	return clean, ""
}

// Name reads a personal name into the form that is emitted.
func Name(text string) (string, schema.Problem) {
	if !utf8.ValidString(text) {
		return "", schema.ProblemEncoding
	}
	// An upper bound in bytes first, so that a megabyte is not normalised.
	if len(text) > maxText*utf8.UTFMax {
		return "", schema.ProblemTooLong
	}
	clean, control := tidy(text)
	if placeholderWord(clean) {
		return "", schema.ProblemPlaceholder
	}
	clean = hanzi.Canonical(clean)
	switch {
	case placeholderWord(clean):
		return "", schema.ProblemPlaceholder
	case utf8.RuneCountInString(clean) > maxName:
		return "", schema.ProblemTooLong
	case control:
		return clean, schema.ProblemControl
	}
	return clean, ""
}

// tidy applies what all free text needs and reports whether control characters
// were taken out.
func tidy(text string) (clean string, control bool) {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || unicode.IsSpace(r):
			b.WriteByte(' ')
		case invisible(r):
			// Zero-width characters come from copying out of documents and say
			// nothing: dropped without a flag.
		case unicode.IsControl(r) || r >= 0xE0000 && r <= 0xE0FFF || r >= 0xFFF0 && r <= 0xFFFB:
			control = true
		case r >= '０' && r <= '９' || r >= 'Ａ' && r <= 'Ｚ' || r >= 'ａ' && r <= 'ｚ':
			b.WriteRune(r - '！' + '!')
		default:
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(strings.Trim(b.String(), " ")), control
}

func invisible(r rune) bool {
	return r >= 0x200B && r <= 0x200F || r >= 0x202A && r <= 0x202E || r >= 0x2060 && r <= 0x2069 ||
		r == 0xFEFF || r == 0x00AD
}

// placeholderWord reports whether a text is one of the words that clerks and
// programs put where they have nothing.
func placeholderWord(s string) bool {
	switch strings.ToUpper(s) {
	case "无", "没有", "暂无", "不详", "不祥", "未知", "未填", "未填写", "空", "待补", "待定", "(空)", "（空）", "无名", "无名氏",
		"/", "//", "\\", "-", "--", "—", "——", ".", "*", "NULL", "<NULL>", "(NULL)", "NONE", "NIL", "N/A", "NA", "UNDEFINED":
		return true
	}
	return false
}

// halfWidth folds compatibility forms, blanks and invisible characters: for
// values that are numbers, not words.
func halfWidth(text string) string {
	clean, _ := tidy(norm.NFKC.String(text))
	return clean
}
