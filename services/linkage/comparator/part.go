package comparator

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkPart returns an error where a model writes a part with a number that it does
// not take, or without one that it needs.
func checkPart(parts []string, part string, n int) error {
	switch {
	case !slices.Contains(parts, part):
		return fmt.Errorf("there is no part %q; there are %s", part, strings.Join(parts, ", "))
	case part == "first" || part == "last":
		if n < 1 {
			return fmt.Errorf("part %q needs how many characters: %s:3", part, part)
		}
	case n != 0:
		return fmt.Errorf("part %q takes no number", part)
	}
	return nil
}

// textParts are the parts of every comparator whose feature is one text.
var textParts = []string{"value", "first", "last", "digits"}

// nameParts are further parts of texts that are names or words.
var nameParts = slices.Concat(textParts, []string{"soundex", "metaphone", "nickname", "tokens", "sorted", "initials"})

// emitPart calls emit with the values that a part of a folded text has.
func emitPart(text []byte, part string, n int, emit func(value []byte)) {
	switch part {
	case "value":
		emit(text)
	case "first":
		emit(text[:runesFront(text, n)])
	case "last":
		emit(text[runesBack(text, n):])
	case "digits":
		emitFull(digitsOf(text), emit)
	case "soundex":
		code := soundex(withoutAccents(string(text)))
		emitFull(code[:], emit)
	case "metaphone":
		first, second := metaphone(withoutAccents(string(text)))
		emitBoth(first, second, emit)
	case "nickname":
		emitNicknames(string(text), emit)
	case "tokens":
		for _, w := range distinct(words(withoutAccents(string(text)))) {
			emit([]byte(w))
		}
	case "sorted":
		list := words(withoutAccents(string(text)))
		slices.Sort(list)
		emitFull([]byte(strings.Join(list, " ")), emit)
	case "initials":
		emitFull(initials(words(withoutAccents(string(text)))), emit)
	}
}

func emitFull(value []byte, emit func(value []byte)) {
	if len(value) > 0 && value[0] != 0 {
		emit(value)
	}
}

func emitBoth(first, second string, emit func(value []byte)) {
	emitFull([]byte(first), emit)
	if second != first {
		emitFull([]byte(second), emit)
	}
}

func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// initials returns the first letters of words, sorted, so that their order does
// not matter.
func initials(list []string) []byte {
	var out []rune
	for _, w := range list {
		r, _ := utf8.DecodeRuneInString(w)
		out = append(out, r)
	}
	slices.Sort(out)
	return []byte(string(out))
}

func digitsOf(text []byte) []byte {
	var out []byte
	for _, r := range string(text) {
		if unicode.IsDigit(r) {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

// runesFront returns how many bytes the first n characters take.
func runesFront(b []byte, n int) int {
	at := 0
	for ; n > 0 && at < len(b); n-- {
		_, size := utf8.DecodeRune(b[at:])
		at += size
	}
	return at
}

// runesBack returns where the last n characters start.
func runesBack(b []byte, n int) int {
	at := len(b)
	for ; n > 0 && at > 0; n-- {
		_, size := utf8.DecodeLastRune(b[:at])
		at -= size
	}
	return at
}
