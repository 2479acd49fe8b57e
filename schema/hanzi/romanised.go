package hanzi

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// maxSyllable is the length of the longest syllable: zhuang.
const maxSyllable = 6

// Passports write ü as yu after l and n; keyboards as u:.
var umlauts = strings.NewReplacer("u:", "v", "lyu", "lv", "nyu", "nv")

// latinSyllables takes romanised text apart into toneless syllables: by blanks,
// hyphens and apostrophes, then each word into as few syllables as possible, the
// longer one first. A word that is no pinyin stays whole.
func latinSyllables(s string) []string {
	s = umlauts.Replace(strings.ToLower(norm.NFC.String(s)))
	words := strings.FieldsFunc(s, func(r rune) bool { return !latin(r) && (r < 0x0300 || r > 0x036F) })
	var all []string
	for _, word := range words {
		if word = toneless(word); word != "" {
			all = append(all, split(word)...)
		}
	}
	return all
}

// split takes one word apart into the fewest syllables.
func split(word string) []string {
	return splitBy(word, func(s string) bool { return sounds.known[s] })
}

// Typed takes a word of toneless letters apart as people type names: whole
// syllables, and single letters for the rest of them (zhangjg is zhang, j and g).
func Typed(word string) []string {
	return splitBy(word, func(s string) bool { return len(s) == 1 || sounds.known[s] })
}

func splitBy(word string, known func(string) bool) []string {
	const never = 1 << 20
	fewest := make([]int, len(word)+1) // syllables that word[i:] needs
	length := make([]int, len(word))   // of the first of them
	for i := len(word) - 1; i >= 0; i-- {
		fewest[i] = never
		for n := min(maxSyllable, len(word)-i); n >= 1; n-- {
			if known(word[i:i+n]) && fewest[i+n]+1 < fewest[i] {
				fewest[i], length[i] = fewest[i+n]+1, n
			}
		}
	}
	if fewest[0] >= never {
		return []string{word}
	}
	var list []string
	for i := 0; i < len(word); i += length[i] {
		list = append(list, word[i:i+length[i]])
	}
	return list
}
