package comparator

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// fullName compares names of persons that stand in one field, or given name and
// surname in two, whatever the order of their words. Its feature is the letters
// of the whole name, then each word with the groups of its short forms.
type fullName struct {
	ladder
	ignored map[string]bool // titles
}

// maxNameWords bounds what of a name is compared word by word.
const maxNameWords = 8

var fullNameWords = slices.Concat([]word{
	{name: "identical", op: opIdentical},
	{name: "same_tokens", op: opSameTokens},
	{name: "subset", op: opSubset},
	{name: "initials", op: opInitials},
	{name: "nickname", op: opNickname},
	{name: "token_similarity", op: opTokenSimilarity, form: share},
	{name: "shared_tokens", op: opSharedTokens, form: atLeast},
}, spellings)

// titles are passed over where a model does not say what to ignore. Jr and Sr
// are not among them: they tell a father from his son.
var titles = []string{"mr", "mrs", "ms", "miss", "dr", "prof", "rev", "sir"}

func newFullName(o Options) (Comparator, error) {
	var s struct {
		Ignore []string `yaml:"ignore"`
	}
	if err := o.Decode(&s); err != nil {
		return nil, err
	}
	if len(o.Attributes) > 2 {
		return nil, errors.New("a full name is one attribute, or two: given name and surname")
	}
	own := []string{
		"identical", "same_tokens", "subset", "nickname", "initials",
		"token_similarity >= 0.92", "token_similarity >= 0.8", "shared_tokens >= 1", "different",
	}
	l, err := newLadder(o.Levels, own, "different", fullNameWords)
	if err != nil {
		return nil, err
	}
	if s.Ignore == nil {
		s.Ignore = titles
	}
	f := &fullName{ladder: l, ignored: map[string]bool{}}
	for _, t := range s.Ignore {
		for _, w := range words(withoutAccents(fold(t))) {
			f.ignored[w] = true
		}
	}
	return f, nil
}

// Append implements Comparator. Of "Surname, Given" the comma turns the order.
func (f *fullName) Append(dst []byte, r *Record) []byte {
	list := f.words(strings.Join(r.Values, " "))
	if len(r.Values) == 1 {
		if surname, given, ok := strings.Cut(r.Values[0], ","); ok {
			list = append(f.words(given), f.words(surname)...)
		}
	}
	if len(list) == 0 {
		return dst
	}
	dst = appendField(dst, strings.Join(list, ""))
	for _, w := range list[:min(len(list), maxNameWords)] {
		dst = appendField(dst, w)
		dst = appendField(dst, appendGroups(nil, w))
	}
	return dst
}

// words returns the words of a name. A name of titles alone keeps them: Miss is
// somebody's surname.
func (f *fullName) words(name string) []string {
	list := words(withoutAccents(fold(name)))
	kept := slices.DeleteFunc(slices.Clone(list), func(w string) bool { return f.ignored[w] })
	if len(kept) == 0 {
		return list
	}
	return kept
}

// nameView is a feature taken apart.
type nameView struct {
	letters []byte
	n       int
	word    [maxNameWords][]byte
	groups  [maxNameWords][]byte
}

func (v *nameView) read(feature []byte) {
	v.letters, feature = cutField(feature)
	for v.n < maxNameWords && len(feature) > 0 {
		v.word[v.n], feature = cutField(feature)
		v.groups[v.n], feature = cutField(feature)
		v.n++
	}
}

// namePair is two names while they are compared, the one with fewer words first.
type namePair struct {
	a, b nameView
	same [maxNameWords]uint8 // words of b that are word i of a, as bits
	like likeness
	// Similarity is worked out once; below zero: not yet.
	similarity float64
}

// Level implements Comparator.
func (f *fullName) Level(a, b []byte) int {
	var p namePair
	p.a.read(a)
	p.b.read(b)
	if p.a.n > p.b.n {
		p.a, p.b = p.b, p.a
	}
	p.similarity = -1
	for i := range p.a.n {
		for j := range p.b.n {
			if bytes.Equal(p.a.word[i], p.b.word[j]) {
				p.same[i] |= 1 << j
			}
		}
	}
	return f.level(func(c *clause) bool { return p.holds(c) })
}

func (p *namePair) holds(c *clause) bool {
	switch c.op {
	case opIdentical:
		return bytes.Equal(p.a.letters, p.b.letters)
	case opSameTokens:
		return p.a.n == p.b.n && p.matched(&p.same) == p.a.n
	case opSubset:
		return p.a.n >= 2 && p.matched(&p.same) == p.a.n
	case opSharedTokens:
		return p.sharedWords() >= c.n
	case opInitials:
		return p.covered(opInitials)
	case opNickname:
		return p.covered(opNickname)
	case opTokenSimilarity:
		return p.tokenSimilarity() >= c.x-1e-12
	default:
		return p.like.holds(c, p.a.letters, p.b.letters)
	}
}

// sharedWords counts the words of two letters and more that both names have.
func (p *namePair) sharedWords() int {
	long := p.same
	for i := range p.a.n {
		if utf8.RuneCount(p.a.word[i]) < 2 {
			long[i] = 0
		}
	}
	return p.matched(&long)
}

// covered reports whether each word of the shorter name has its own word in the
// other that is the same, or an initial or short form of it. At least one must be
// the same and two letters long, and one name must have two words: "J S" is
// anybody.
func (p *namePair) covered(how op) bool {
	if p.a.n < 2 || p.sharedWords() == 0 {
		return false
	}
	near := p.same
	for i := range p.a.n {
		for j := range p.b.n {
			if how == opNickname && shareGroup(p.a.groups[i], p.b.groups[j]) ||
				how == opInitials && initialOf(p.a.word[i], p.b.word[j]) {
				near[i] |= 1 << j
			}
		}
	}
	return p.matched(&near) == p.a.n
}

// initialOf reports whether one word is the first letter of the other.
func initialOf(a, b []byte) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	_, size := utf8.DecodeRune(a)
	return len(a) > 0 && size == len(a) && bytes.HasPrefix(b, a)
}

// matched returns the size of the largest matching of words, each with one of
// its own (augmenting paths). The size does not depend on the order of words.
func (p *namePair) matched(near *[maxNameWords]uint8) int {
	var owner [maxNameWords]int8 // of words of b: word of a, counted from 1
	n := 0
	for i := range p.a.n {
		var seen uint8
		if near[i] != 0 && augment(near, &owner, &seen, i) {
			n++
		}
	}
	return n
}

func augment(near *[maxNameWords]uint8, owner *[maxNameWords]int8, seen *uint8, i int) bool {
	for j := range maxNameWords {
		if near[i]&(1<<j) == 0 || *seen&(1<<j) != 0 {
			continue
		}
		*seen |= 1 << j
		if owner[j] == 0 || augment(near, owner, seen, int(owner[j])-1) {
			owner[j] = int8(i) + 1
			return true
		}
	}
	return false
}

// tokenSimilarity is the mean, over the words of the shorter name, of the
// Jaro-Winkler similarity to the nearest word of the other. Of names with as many
// words the lower of both directions counts, so that it is symmetric. A name of
// one word is at most half of one with more.
func (p *namePair) tokenSimilarity() float64 {
	if p.similarity >= 0 {
		return p.similarity
	}
	var best [2][maxNameWords]float64
	for i := range p.a.n {
		for j := range p.b.n {
			var s float64 = 1
			if p.same[i]&(1<<j) == 0 {
				s = jaroWinkler(p.a.word[i], p.b.word[j])
			}
			best[0][i] = max(best[0][i], s)
			best[1][j] = max(best[1][j], s)
		}
	}
	p.similarity = mean(best[0][:p.a.n])
	switch {
	case p.a.n == p.b.n:
		p.similarity = min(p.similarity, mean(best[1][:p.b.n]))
	case p.a.n == 1:
		p.similarity /= 2
	}
	return p.similarity
}

// mean does not depend on the order of the values: it adds them from the
// smallest up.
func mean(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

var fullNameParts = []string{"value", "first", "last", "tokens", "sorted", "initials", "soundex", "metaphone", "nickname"}

// Parts implements Keyer.
func (f *fullName) Parts() []string { return slices.Clone(fullNameParts) }

// CheckPart implements PartChecker.
func (f *fullName) CheckPart(part string, n int) error { return checkPart(fullNameParts, part, n) }

// Keys implements Keyer. Of the parts that sound and short forms make, each word
// of two letters and more has its own.
func (f *fullName) Keys(feature []byte, part string, n int, emit func(value []byte)) {
	var v nameView
	v.read(feature)
	switch part {
	case "value", "first", "last":
		if len(v.letters) > 0 {
			emitPart(v.letters, part, n, emit)
		}
	case "sorted", "initials":
		all := v.words()
		slices.Sort(all)
		emitPart([]byte(strings.Join(all, " ")), part, n, emit)
	default:
		for _, w := range distinct(v.words()) {
			if utf8.RuneCountInString(w) > 1 {
				emitPart([]byte(w), part, n, emit)
			}
		}
	}
}

func (v *nameView) words() []string {
	all := make([]string, v.n)
	for i := range all {
		all[i] = string(v.word[i])
	}
	return all
}

// Terms implements Termer.
func (f *fullName) Terms() []string { return []string{"value"} }

// Term implements Termer: the words in alphabetical order.
func (f *fullName) Term(feature []byte, _ int) (string, bool) {
	var v nameView
	v.read(feature)
	all := v.words()
	slices.Sort(all)
	return strings.Join(all, " "), len(all) > 0
}
