package hanzi

import (
	"slices"
	"unicode/utf8"
)

// suffixKeys bounds the spellings that a part of a name is stored under: people
// look for 建国 as jianguo, seldom by a rare reading of it.
const suffixKeys = 2

// misread are surnames whose other reading is not the usual one of the character
// either, and is read for it all the same.
var misread = map[rune]string{'曾': "ceng", '任': "ren", '翟': "di", '乐': "le"}

// Spellings returns everything in letters under which staff may look for a name:
// its toneless spellings and initials, of the whole (zhangwei, zw) and of what is
// left from each later syllable on (wei, w).
//
// A surname is looked for both ways: as the name is called (单 shan), and as the
// character is read elsewhere by whoever does not know (dan).
func Spellings(name string) []string {
	of := syllables(name)
	if len(of) == 0 {
		return nil
	}
	if r, _ := utf8.DecodeRuneInString(name); han(r) {
		for _, s := range []string{readings(r)[0], misread[r]} {
			if s != "" && s != string(Wildcard) && !slices.Contains(of[0], s) {
				of[0] = append(slices.Clone(of[0]), s)
			}
		}
	}
	letters := make([][]string, len(of))
	for i, list := range of {
		for _, s := range list {
			if s != string(Wildcard) && !slices.Contains(letters[i], s[:1]) {
				letters[i] = append(letters[i], s[:1])
			}
		}
	}
	var out []string
	for i := range of {
		limit := maxKeys
		if i > 0 {
			limit = suffixKeys
		}
		for _, key := range append(combine(of[i:], limit), combine(letters[i:], limit)...) {
			if !slices.Contains(out, key) {
				out = append(out, key)
			}
		}
	}
	return out
}

// Fold writes traditional and variant characters as the simplified ones.
func Fold(s string) string { return fold(s) }
