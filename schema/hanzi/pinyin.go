package hanzi

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxKeys bounds what is called plausible: more keys of one name would make it a
// key of everybody.
const maxKeys = 8

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
func PinyinKeys(name string) []string { return combine(syllables(name), maxKeys) }

// Initials returns the first letters of the plausible spellings, zw for 张伟, the
// most plausible first and at most eight.
func Initials(name string) []string {
	of := syllables(name)
	for i, list := range of {
		var letters []string
		for _, s := range list {
			if s == string(Wildcard) {
				return nil
			}
			if !slices.Contains(letters, s[:1]) {
				letters = append(letters, s[:1])
			}
		}
		of[i] = letters
	}
	return combine(of, maxKeys)
}

// combine joins one reading of each syllable, by increasing sum of ranks, so
// that the most plausible spellings come first and the order is always the same.
func combine(of [][]string, limit int) []string {
	most := 0
	for _, list := range of {
		if len(list) == 0 || list[0] == string(Wildcard) {
			return nil
		}
		most += len(list) - 1
	}
	if len(of) == 0 {
		return nil
	}
	c := combination{of: of, ranks: make([]byte, len(of)), keys: make([]string, 0, min(limit, most+1)), limit: limit}
	for sum := 0; sum <= most && len(c.keys) < limit; sum++ {
		c.extend(0, sum, most)
	}
	return c.keys
}

type combination struct {
	of    [][]string
	ranks []byte // which reading of each syllable
	keys  []string
	limit int
}

// extend appends the spellings that begin with ranks[:i] and whose remaining
// ranks add up to left; room is what the ranks from i on can add up to.
func (c *combination) extend(i, left, room int) {
	if left > room || len(c.keys) == c.limit {
		return
	}
	if i == len(c.of) {
		var buf [64]byte
		key := buf[:0]
		for i, list := range c.of {
			key = append(key, list[c.ranks[i]]...)
		}
		if k := string(key); !slices.Contains(c.keys, k) {
			c.keys = append(c.keys, k)
		}
		return
	}
	room -= len(c.of[i]) - 1
	for rank := 0; rank < len(c.of[i]) && rank <= left; rank++ {
		c.ranks[i] = byte(rank)
		c.extend(i+1, left-rank, room)
	}
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
			all = append(all, unread)
		case describes(r):
			all = append(all, unread)
			i = described(runes, i) - 1
		case unicode.IsLetter(r):
			all = append(all, readings(r))
		}
	}
	return all
}

func fold(s string) string { return strings.Map(simplified, s) }

// readings returns the toneless readings of a character, the usual one first.
func readings(r rune) []string {
	if list := sounds.of(simplified(r)); len(list) > 0 {
		return list
	}
	if list := sounds.of(r); len(list) > 0 {
		return list
	}
	return unread
}

var unread = []string{string(Wildcard)}

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
