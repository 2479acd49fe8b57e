package comparator

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxValue bounds a value in bytes before anything is derived from it. A longer
// one is cut: nobody's name is that long, and a feature must stay small.
const maxValue = 1000

// fold returns the form in which values are compared: NFKC, case folded, spaces
// at the ends dropped and runs of them made one, typographic quotes and dashes
// plain. Accents stay. It is idempotent.
func fold(s string) string {
	s = bound(s)
	if printableASCII(s) {
		s = strings.ToLower(s)
		if tidy(s) {
			return s
		}
		return strings.Join(strings.Fields(s), " ")
	}
	// Some punctuation is plain only before, some only after compatible characters
	// are made one.
	s = norm.NFKC.String(strings.Map(plainPunctuation, strings.ToValidUTF8(s, "")))
	s = norm.NFKC.String(caseFolds.Replace(strings.ToLower(strings.Map(plainPunctuation, s))))
	return strings.TrimSpace(bound(strings.Join(strings.Fields(s), " ")))
}

// printableASCII reports whether small letters are all that folding makes. Most
// values of most files are so, and making features is a hot path.
func printableASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '`' {
			return false
		}
	}
	return true
}

// tidy reports whether no space is too many.
func tidy(s string) bool {
	return !strings.HasPrefix(s, " ") && !strings.HasSuffix(s, " ") && !strings.Contains(s, "  ")
}

func plainPunctuation(r rune) rune {
	switch r {
	case '‘', '’', 'ʼ', 'ʹ', '′', '`', '´', '‛':
		return '\''
	case '‐', '‑', '‒', '–', '—', '−':
		return '-'
	}
	if unicode.IsControl(r) && !unicode.IsSpace(r) {
		return -1
	}
	return r
}

// caseFolds are the small letters that have another small form.
var caseFolds = strings.NewReplacer("ß", "ss", "ς", "σ")

// bound cuts a value at maxValue bytes, between characters.
func bound(s string) string {
	if len(s) <= maxValue {
		return s
	}
	end := maxValue
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// withoutAccents drops the marks of Latin, Greek and Cyrillic letters and writes
// the letters that have no decomposition with those people write instead. Marks
// of other scripts are vowels or make another letter, and stay.
func withoutAccents(folded string) string {
	if isASCII(folded) {
		return folded
	}
	var b strings.Builder
	b.Grow(len(folded))
	drop := false
	for _, r := range norm.NFD.String(folded) {
		if unicode.Is(unicode.Mn, r) {
			if !drop {
				b.WriteRune(r)
			}
			continue
		}
		drop = unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic)
		if s, ok := undecomposed[r]; ok {
			b.WriteString(s)
		} else {
			b.WriteRune(r)
		}
	}
	return bound(norm.NFC.String(b.String()))
}

// undecomposed are the letters that Unicode does not take apart.
var undecomposed = map[rune]string{
	'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'æ': "ae", 'œ': "oe", 'ı': "i", 'ħ': "h", 'ŧ': "t", 'ŋ': "n",
}

func isASCII[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isWord reports whether a character belongs to a word. Marks do: they are the
// vowels of many scripts.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z'
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

// onlyWord keeps letters and digits.
func onlyWord(folded string) string {
	return strings.Map(func(r rune) rune {
		if isWord(r) {
			return r
		}
		return -1
	}, folded)
}

// words returns the words of a folded text: runs of letters and digits, in
// their order. An apostrophe joins (o'brien is obrien), all else separates.
func words(folded string) []string {
	list := strings.FieldsFunc(folded, func(r rune) bool { return r != '\'' && !isWord(r) })
	kept := list[:0]
	for _, w := range list {
		if w = strings.ReplaceAll(w, "'", ""); w != "" {
			kept = append(kept, w)
		}
	}
	return kept
}
