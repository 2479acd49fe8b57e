package hanzi

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Name is a name as it is compared and found.
type Name struct {
	Text    string // as Normalise writes it
	Surname int    // runes of Text that are the surname, 0 where it cannot be told
	Latin   bool   // written in Latin letters alone
	// Spelt: pinyin stands in the place of a character, so that Text has a
	// Wildcard there and Sounds say what it is.
	Spelt bool
	// Sounds are the plausible toneless spellings, the most plausible first, as
	// PinyinKeys gives them; of a name in Latin letters also with the surname in
	// front, and with ü where it may have lost its dots. A name that has no reading
	// stands for itself. At most MaxSounds.
	Sounds []string
	// Surnames and Givens are the spellings of surname and given name, one of each
	// for a Chinese name; a name in Latin letters may start with either.
	Surnames, Givens []string
}

// MaxSounds bounds the spellings of one name.
const MaxSounds = 4

// maxPlain is the length, in characters, up to which a name is read the short
// way.
const maxPlain = 16

// Read does for one name what Normalise, Surname, Romanised and PinyinKeys do, at
// a fraction of the cost for the names that nearly everybody has: ordinary
// characters and nothing else.
func Read(name string) Name {
	var buf [maxPlain]rune
	if runes := plainRunes(name, buf[:0]); runes != nil {
		return readPlain(name, runes)
	}
	inner := strings.TrimFunc(name, dot)
	if runes := plainRunes(inner, buf[:0]); runes != nil {
		return readPlain(inner, runes)
	}
	if runes := plainRunes(withoutDots(inner), buf[:0]); runes != nil {
		return readParts(runes)
	}
	n := Name{Text: Normalise(name)}
	if n.Text == "" {
		return n
	}
	if n.Latin = Romanised(name); n.Latin {
		n.readLatin(name)
		return n
	}
	surname, _ := Surname(n.Text)
	if strings.HasPrefix(n.Text, surname) {
		n.Surname = utf8.RuneCountInString(surname)
	}
	n.Sounds = bounded(PinyinKeys(name))
	n.Spelt = HasWildcard(n.Text) && len(n.Sounds) > 0
	n.halves(surname)
	return n
}

func bounded(list []string) []string { return list[:min(len(list), MaxSounds)] }

// halves fills Surnames and Givens of a Chinese name from its first spelling.
func (n *Name) halves(surname string) {
	if len(n.Sounds) == 0 {
		n.Sounds = []string{n.Text} // it still finds its equal
		n.Surnames, n.Givens = []string{soundOfSurname(surname)}, []string{n.Text[len(surname):]}
		return
	}
	sound := soundOfSurname(surname)
	given, ok := strings.CutPrefix(n.Sounds[0], sound)
	if !ok {
		given = n.Text[len(surname):]
	}
	n.Surnames, n.Givens = []string{sound}, []string{given}
}

func soundOfSurname(surname string) string {
	if listed, ok := surnames[fold(surname)]; ok {
		return strings.ReplaceAll(listed[0], " ", "")
	}
	return strings.Join(Pinyin(surname), "")
}

// plainRunes returns the simplified characters of a name that is made of
// ordinary characters alone, nil for any other.
func plainRunes(name string, buf []rune) []rune {
	if len(name) > maxPlain*3 {
		return nil
	}
	for _, r := range name {
		if r < 0x4E00 || r > 0x9FA5 {
			return nil
		}
		buf = append(buf, simplified(r))
	}
	if len(buf) == 0 {
		return nil
	}
	return buf
}

// withoutDots takes the separators out of a name in parts.
func withoutDots(name string) string {
	return strings.Map(func(r rune) rune {
		if dot(r) {
			return -1
		}
		return r
	}, name)
}

// readParts reads a name in parts, 阿布都·热合曼, which has no surname to be read
// as one.
func readParts(runes []rune) Name {
	n := Name{Text: string(runes)}
	var space [maxPlain][]string
	of := space[:0]
	for _, r := range runes {
		of = append(of, readings(r))
	}
	n.Sounds = combine(slices.Clone(of), MaxSounds)
	n.Surname, _ = plainSurname(runes)
	n.halves(string(runes[:n.Surname]))
	return n
}

func readPlain(name string, runes []rune) Name {
	n := Name{Text: name}
	if !slices.Equal(runes, []rune(name)) {
		n.Text = string(runes)
	}
	var space [maxPlain][]string
	of := space[:0]
	var listed []string
	n.Surname, listed = plainSurname(runes)
	switch {
	case n.Surname == 1 && listed != nil:
		of = append(of, listed)
	case n.Surname == 1:
		of = append(of, readings(runes[0])[:1])
	case n.Surname == 2:
		first, second, _ := strings.Cut(listed[0], " ")
		of = append(of, []string{first}, []string{second})
	}
	for _, r := range runes[len(of):] {
		of = append(of, readings(r))
	}
	if sound := joined(of); sound != "" {
		n.Sounds = []string{sound}
	} else {
		n.Sounds = combine(slices.Clone(of), MaxSounds) // a copy: of stays off the heap
	}
	surname := 0
	for _, list := range of[:n.Surname] {
		surname += len(list[0])
	}
	if len(n.Sounds) == 0 {
		n.Sounds = []string{n.Text}
		n.Surnames, n.Givens = []string{joined(of[:n.Surname])}, []string{string(runes[n.Surname:])}
		return n
	}
	n.Surnames, n.Givens = []string{n.Sounds[0][:surname]}, []string{n.Sounds[0][surname:]}
	return n
}

// plainSurname returns how many of simplified characters are the surname, and
// its listed readings.
func plainSurname(runes []rune) (length int, listed []string) {
	if len(runes) >= 3 {
		if list, ok := twoSurnames[[2]rune{runes[0], runes[1]}]; ok {
			return 2, list
		}
	}
	if len(runes) > 4 {
		return 0, nil
	}
	return 1, oneSurnames[runes[0]]
}

// joined is the spelling of a name of which each character has one reading;
// empty where one has several, or none.
func joined(of [][]string) string {
	size := 0
	for _, list := range of {
		if len(list) != 1 || list[0] == string(Wildcard) {
			return ""
		}
		size += len(list[0])
	}
	var b strings.Builder
	b.Grow(size)
	for _, list := range of {
		b.WriteString(list[0])
	}
	return b.String()
}

// readLatin spells a name in Latin letters in the order that it is written in,
// and with the last part in front: the surname may stand there.
func (n *Name) readLatin(name string) {
	var words [][]string
	for _, w := range strings.FieldsFunc(name, func(r rune) bool { return r == ',' || r == '，' || unicode.IsSpace(r) }) {
		if s := latinSyllables(w); len(s) > 0 {
			words = append(words, s)
		}
	}
	if len(words) == 1 { // wangwei: each syllable may be a part
		for _, s := range words[0][1:] {
			words = append(words, []string{s})
		}
		words[0] = words[0][:1]
	}
	if len(words) == 0 {
		n.Sounds = []string{n.Text}
		return
	}
	first, last := 1, 1
	if k := len(words); k >= 3 {
		if twoSounds[spell(words[:2])] {
			first = 2
		}
		if twoSounds[spell(words[k-2:])] {
			last = 2
		}
	}
	back := len(words) - last
	n.add(spell(words[:first]), spell(words[first:]))
	n.add(spell(words[back:]), spell(words[:back]))
	for i := range len(n.Surnames) {
		n.add(dotted(n.Surnames[i]), dotted(n.Givens[i]))
	}
}

// add keeps one more way to read a name in Latin letters.
func (n *Name) add(surname, given string) {
	if sound := surname + given; !slices.Contains(n.Sounds, sound) && len(n.Sounds) < MaxSounds {
		n.Sounds = append(n.Sounds, sound)
		n.Surnames = append(n.Surnames, surname)
		n.Givens = append(n.Givens, given)
	}
}

func spell(words [][]string) string {
	var b strings.Builder
	for _, w := range words {
		for _, s := range w {
			b.WriteString(s)
		}
	}
	return b.String()
}

// dotted gives lu and nu the dots back that passports and keyboards drop.
func dotted(sound string) string {
	var b strings.Builder
	for _, s := range split(sound) {
		switch s {
		case "lu", "nu", "lue", "nue":
			s = s[:1] + "v" + s[2:]
		}
		b.WriteString(s)
	}
	return b.String()
}
