package hanzi

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mozillazg/go-pinyin"
	"golang.org/x/text/unicode/norm"
)

// Bounds of what is called plausible: more readings of one character are
// literary, and more keys of one name would make it a key of everybody.
const (
	maxReadings = 3
	maxKeys     = 8
)

// Pinyin returns one toneless reading for each character, the one that is most
// usual in a name: a surname is read as a surname (单 shan, 万俟 mo qi). ü is
// written v. A character without a reading is returned as Wildcard.
func Pinyin(name string) []string {
	var one []string
	for _, readings := range syllables(name) {
		one = append(one, readings[0])
	}
	return one
}

// PinyinKeys returns the plausible toneless spellings of the whole name, joined,
// the most plausible first and at most eight. A name with a character that has
// no reading has no key.
func PinyinKeys(name string) []string {
	return combine(syllables(name), func(s string) string { return s })
}

// Initials returns the first letters of the plausible spellings, zw for 张伟, the
// most plausible first and at most eight.
func Initials(name string) []string {
	return combine(syllables(name), func(s string) string { return s[:1] })
}

// combine joins one reading of each syllable, by increasing sum of ranks, so
// that the most plausible spellings come first and the order is always the same.
// part says how much of a reading is used.
func combine(of [][]string, part func(string) string) []string {
	parts := make([][]string, len(of))
	most := 0
	for i, readings := range of {
		for _, r := range readings {
			if r == string(Wildcard) {
				return nil
			}
			if p := part(r); !slices.Contains(parts[i], p) {
				parts[i] = append(parts[i], p)
			}
		}
		most += len(parts[i]) - 1
	}
	var keys []string
	// extend appends the spellings that begin with prefix and whose remaining
	// ranks add up to left; room is what the ranks of parts[i:] can add up to.
	var extend func(prefix string, i, left, room int)
	extend = func(prefix string, i, left, room int) {
		if left > room || len(keys) == maxKeys {
			return
		}
		if i == len(parts) {
			if prefix != "" && !slices.Contains(keys, prefix) {
				keys = append(keys, prefix)
			}
			return
		}
		room -= len(parts[i]) - 1
		for rank := 0; rank < len(parts[i]) && rank <= left; rank++ {
			extend(prefix+parts[i][rank], i+1, left-rank, room)
		}
	}
	for sum := 0; sum <= most && len(keys) < maxKeys; sum++ {
		extend("", 0, sum, most)
	}
	return keys
}

// syllables returns the readings of each syllable of a name. A surname has its
// surname reading and no other, or a search for zw would find every 丁婉清 for the
// sake of a reading (zheng) that no surname has; only surnames.csv gives two.
func syllables(name string) [][]string {
	surname, given := Surname(unbracket(norm.NFKC.String(name)))
	var all [][]string
	if listed, ok := surnames[fold(surname)]; ok {
		split := make([][]string, len(strings.Fields(listed[0])))
		for _, r := range listed {
			for i, syllable := range strings.Fields(r) {
				if !slices.Contains(split[i], syllable) {
					split[i] = append(split[i], syllable)
				}
			}
		}
		all, name = split, given
	} else if r, size := utf8.DecodeRuneInString(surname); han(r) && unicode.IsLetter(r) && size == len(surname) {
		all, name = [][]string{readings(r)[:1]}, given
	} else {
		name = surname + " " + given
	}
	runes := []rune(name)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case latin(r):
			j := i
			for j < len(runes) && (latin(runes[j]) || unicode.Is(unicode.Mn, runes[j])) {
				j++
			}
			for _, syllable := range latinSyllables(string(runes[i:j])) {
				all = append(all, []string{syllable})
			}
			i = j - 1
		case unwritable(r):
			all = append(all, []string{string(Wildcard)})
		case unicode.IsLetter(r):
			all = append(all, readings(r))
		}
	}
	return all
}

func fold(s string) string { return strings.Map(simplified, s) }

// readings returns the toneless readings of a character, the usual one first.
func readings(r rune) []string {
	if list, ok := inNames[string(simplified(r))]; ok {
		return list
	}
	text, ok := pinyin.PinyinDict[int(simplified(r))]
	if !ok {
		if text, ok = pinyin.PinyinDict[int(r)]; !ok {
			return []string{string(Wildcard)}
		}
	}
	var list []string
	for reading := range strings.SplitSeq(text, ",") {
		if s := toneless(reading); s != "" && !slices.Contains(list, s) && len(list) < maxReadings {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return []string{string(Wildcard)}
	}
	return list
}

// toneless drops the marks of a reading; ü becomes v.
func toneless(reading string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(reading)) {
		switch {
		case r >= 'a' && r <= 'z':
			b.WriteRune(r)
		case r == 0x0308 && strings.HasSuffix(b.String(), "u"): // the dots of ü
			s := strings.TrimSuffix(b.String(), "u")
			b.Reset()
			b.WriteString(s + "v")
		}
	}
	return b.String()
}
