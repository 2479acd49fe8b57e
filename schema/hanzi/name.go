package hanzi

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Wildcard stands in a normalised name for a character that the register could
// not write: ？, □, a private-use code, pinyin in its place. Compatible takes it
// for any character; it is evidence for none.
const Wildcard = '□'

// Separator is what stands between the parts of a name that is emitted,
// U+00B7 MIDDLE DOT: of all the dots in use it survives GBK.
const Separator = '·'

// Normalise returns the form of a name that is compared and never shown: half
// width, lower case, simplified characters, no separators, blanks, digits or
// remarks in brackets, and Wildcard for what the register could not write.
func Normalise(name string) string {
	var plain [maxPlain]rune
	if runes := plainRunes(name, plain[:0]); runes != nil {
		if slices.Equal(runes, []rune(name)) {
			return name
		}
		return string(runes)
	}
	s := norm.NFKC.String(name)
	if s = unbracket(s); Romanised(s) {
		return strings.Join(latinSyllables(s), "")
	}
	var b strings.Builder
	runs := []rune(s)
	for i := 0; i < len(runs); i++ {
		r := runs[i]
		switch {
		case unwritable(r):
			b.WriteRune(Wildcard)
		case describes(r):
			b.WriteRune(Wildcard)
			i = described(runs, i) - 1
		case latin(r):
			// Pinyin in the place of characters: as many as it has syllables.
			j := i
			for j < len(runs) && (latin(runs[j]) || unicode.Is(unicode.Mn, runs[j])) {
				j++
			}
			for range latinSyllables(string(runs[i:j])) {
				b.WriteRune(Wildcard)
			}
			i = j - 1
		case unicode.IsLetter(r) || unicode.IsMark(r):
			b.WriteRune(simplified(unicode.ToLower(r)))
		}
	}
	return b.String()
}

// unbracket drops remarks in brackets, 张伟(大), and opens brackets that hold what
// belongs into the name, 张(wei), 张(?).
func unbracket(s string) string {
	open := strings.IndexAny(s, "([{【〔〈《")
	if open < 0 {
		return s
	}
	length := strings.IndexAny(s[open:], ")]}】〕〉》")
	if length < 0 {
		return s
	}
	_, size := utf8.DecodeRuneInString(s[open:])
	_, last := utf8.DecodeRuneInString(s[open+length:])
	before, inside, after := s[:open], s[open+size:open+length], s[open+length+last:]
	characters := 0
	for _, r := range before + after {
		if unicode.Is(unicode.Han, r) {
			characters++
		}
	}
	switch {
	case strings.TrimSpace(inside) == "" && characters == 1:
		inside = string(Wildcard)
	case characters != 1 || strings.IndexFunc(inside, han) >= 0:
		inside = ""
	}
	return before + inside + unbracket(after)
}

// Canonical returns the form of a name that is kept and emitted: NFC, radicals
// and full-width letters as the ordinary characters they look like, parts
// separated by U+00B7, no blanks between Chinese characters. The characters
// themselves stay as the register wrote them.
func Canonical(name string) string {
	var in []rune
	for _, r := range norm.NFC.String(name) {
		if r >= 0x2E80 && r <= 0x2FDF || r >= 0xFF01 && r <= 0xFF5E {
			in = append(in, []rune(norm.NFKC.String(string(r)))...)
			continue
		}
		in = append(in, r)
	}
	characters := 0
	for _, r := range in {
		if han(r) {
			characters++
		}
	}
	var out []rune
	for i := 0; i < len(in); {
		if !dot(in[i]) && !unicode.IsSpace(in[i]) {
			out = append(out, in[i])
			i++
			continue
		}
		j, dotted := i, false
		for j < len(in) && (dot(in[j]) || unicode.IsSpace(in[j])) {
			dotted = dotted || dot(in[j])
			j++
		}
		if len(out) > 0 && j < len(in) {
			out = append(out, between(out[len(out)-1], in[i:j], in[j], dotted, characters)...)
		}
		i = j
	}
	return norm.NFC.String(string(out))
}

// between returns what is kept of the dots and blanks between two characters.
// A blank alone stretches a short name (张 伟) and separates the parts of a long
// one (阿布都 热合曼).
func between(left rune, gap []rune, right rune, dotted bool, characters int) []rune {
	switch {
	case !han(left) && !han(right):
		if !dotted {
			return []rune{' '}
		}
		var kept []rune
		for _, r := range gap {
			if unicode.IsSpace(r) {
				r = ' '
			}
			kept = append(kept, r)
		}
		return kept
	case dotted || characters > 4:
		return []rune{Separator}
	}
	return nil
}

// dot reports whether r is one of the signs that registers put between the
// parts of a name.
func dot(r rune) bool {
	switch r {
	case '·', '•', '.', '．', '・', '･', '‧', '∙', '⋅', '●', '﹒', '。', '-', '－', '—', '–', '‐':
		return true
	}
	return false
}

func han(r rune) bool { return unicode.Is(unicode.Han, r) }

func latin(r rune) bool { return unicode.Is(unicode.Latin, r) }

// unwritable reports whether r stands for a character that an encoding did not
// have.
func unwritable(r rune) bool {
	switch r {
	case '?', '？', Wildcard, '■', '▢', '▯', '☐', '◇', '◆', '〓', '〇', '○', '◯', '×', '*', '＊', '＿', '_',
		unicode.ReplacementChar:
		return true
	}
	return unicode.Is(unicode.Co, r)
}

// describes reports whether r begins a description of a character by its parts:
// ⿰王韦 in the place of 玮.
func describes(r rune) bool { return r >= 0x2FF0 && r <= 0x2FFB }

// described returns where the description that begins at i ends.
func described(runes []rune, i int) int {
	for parts := 1; i < len(runes) && parts > 0; i++ {
		switch r := runes[i]; {
		case r == '⿲' || r == '⿳':
			parts += 2
		case describes(r):
			parts++
		default:
			parts--
		}
	}
	return i
}

// HasWildcard reports whether a normalised name holds an unknown character.
func HasWildcard(normalised string) bool { return strings.ContainsRune(normalised, Wildcard) }

// Compatible reports whether two normalised names are equal wherever both are
// known. Of several wildcards in a row all but the first may stand for nothing:
// one character of two bytes often became ??.
func Compatible(a, b string) bool {
	if a == b {
		return true
	}
	if !HasWildcard(a) && !HasWildcard(b) {
		return false
	}
	x, y := []rune(a), []rune(b)
	// row[j]: x[:i] and y[:j] can be the same.
	row := make([]bool, len(y)+1)
	next := make([]bool, len(y)+1)
	for i := 0; i <= len(x); i++ {
		for j := 0; j <= len(y); j++ {
			next[j] = i == 0 && j == 0 ||
				i > 0 && j > 0 && row[j-1] && (x[i-1] == y[j-1] || x[i-1] == Wildcard || y[j-1] == Wildcard) ||
				i > 0 && spare(x, i-1) && row[j] ||
				j > 0 && spare(y, j-1) && next[j-1]
		}
		row, next = next, row
	}
	return row[len(y)]
}

// spare reports whether the rune at i is a wildcard after a wildcard.
func spare(s []rune, i int) bool { return i > 0 && s[i] == Wildcard && s[i-1] == Wildcard }

// Romanised reports whether a name is written in Latin letters alone.
func Romanised(name string) bool {
	letters := false
	for _, r := range name {
		switch {
		case latin(r):
			letters = true
		case unicode.IsLetter(r) || unwritable(r):
			return false
		}
	}
	return letters
}

// Surname splits a name into surname and given name. Names in parts (阿布都·热合曼)
// and of five characters or more without a surname of two have none.
func Surname(name string) (surname, given string) {
	name = Canonical(name)
	if Romanised(name) {
		surname, given, _ = strings.Cut(name, " ")
		return surname, given
	}
	runes := []rune(name)
	if strings.ContainsRune(name, Separator) {
		return "", name
	}
	if len(runes) >= 3 {
		two := string([]rune{simplified(runes[0]), simplified(runes[1])})
		if _, ok := surnames[two]; ok {
			return string(runes[:2]), string(runes[2:])
		}
	}
	switch {
	case len(runes) == 0 || len(runes) > 4 || !han(runes[0]):
		return "", name
	default:
		return string(runes[:1]), string(runes[1:])
	}
}
