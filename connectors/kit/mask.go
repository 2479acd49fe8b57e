package kit

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"heji/schema"
	"heji/schema/hanzi"
)

// Mask hides a value of an attribute as the pages of the desk do: 张**,
// 138****1234, the first four digits of an ID number. Codes stay: they name
// nobody. a may be "" where nobody knows what the value is.
func Mask(a schema.Attribute, text string) string {
	text = strings.TrimSpace(text)
	def, _ := schema.Lookup(a)
	n := utf8.RuneCountInString(text)
	switch {
	case text == "":
		return ""
	case def.Kind == schema.KindCode:
		return show(text, 12)
	case def.Kind == schema.KindName:
		return maskName(text)
	case def.Kind == schema.KindDate:
		return head(text, 4) + strings.Repeat("*", max(0, n-4))
	case def.Kind == schema.KindPhone && n >= 7:
		return head(text, 3) + "****" + tail(text, 4)
	case def.Kind == schema.KindIDNumber:
		return head(text, 4) + strings.Repeat("*", max(0, n-4))
	case def.Kind == schema.KindAddress:
		return head(text, min(6, n/2)) + "…"
	case isHan(text) && n <= 4:
		return maskName(text)
	case digits(text) >= 6:
		return head(text, 4) + strings.Repeat("*", max(0, n-4))
	case n <= 2:
		return text
	}
	return head(text, min(3, n/2)) + strings.Repeat("*", min(6, n-min(3, n/2)))
}

func maskName(name string) string {
	surname, given := hanzi.Surname(name)
	if surname == "" || surname+given != name {
		surname, given = head(name, 1), string([]rune(name)[1:])
	}
	return surname + strings.Repeat("*", utf8.RuneCountInString(given))
}

func head(s string, n int) string {
	r := []rune(s)
	return string(r[:min(n, len(r))])
}

func tail(s string, n int) string {
	r := []rune(s)
	return string(r[max(0, len(r)-n):])
}

func show(s string, n int) string {
	if utf8.RuneCountInString(s) > n {
		return head(s, n) + "…"
	}
	return s
}

func isHan(s string) bool {
	for _, r := range s {
		if !unicode.Is(unicode.Han, r) && r != '·' {
			return false
		}
	}
	return s != ""
}

func digits(s string) int {
	n := 0
	for _, r := range s {
		if r >= '0' && r <= '9' {
			n++
		}
	}
	return n
}
