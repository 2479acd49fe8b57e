package comparator

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"
)

// text compares one value as it is written, sounds, or is shortened to.
type text struct {
	ladder
	extras []extra // what features carry besides the value, in this order
}

// extra is something derived from a value that a level asks for.
type extra uint8

const (
	extraOther    extra = iota // the second attribute
	extraPlain                 // without accents; empty: as the value
	extraLetters               // letters and digits without accents; empty: as the value
	extraTokens                // a set
	extraSound                 // a set of metaphone codes
	extraSoundex               // its code
	extraNickname              // two bytes for each group of names
	extras
)

// extraOf says what a condition needs.
var extraOf = map[op]extra{
	opSwapped: extraOther, opSameWithoutAccents: extraPlain, opSameLetters: extraLetters, opTokenOverlap: extraTokens,
	opSameSound: extraSound, opSameSoundex: extraSoundex, opNickname: extraNickname,
}

var textWords = slices.Concat([]word{
	{name: "identical", op: opIdentical},
	{name: "same_without_accents", op: opSameWithoutAccents},
	{name: "same_letters", op: opSameLetters},
}, spellings, []word{
	{name: "contains", op: opContains, form: count},
	{name: "same_sound", op: opSameSound},
	{name: "same_soundex", op: opSameSoundex},
	{name: "nickname", op: opNickname},
	{name: "swapped", op: opSwapped, form: lead},
	{name: "token_overlap", op: opTokenOverlap, form: share},
})

func newText(o Options) (Comparator, error) {
	if err := o.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	own := []string{"identical", "same_letters", "jaro_winkler >= 0.92", "jaro_winkler >= 0.8", "different"}
	l, err := newLadder(o.Levels, own, "different", textWords)
	if err != nil {
		return nil, err
	}
	t := &text{ladder: l}
	for e := range extras {
		for o, needs := range extraOf {
			if needs == e && l.uses(o) {
				t.extras = append(t.extras, e)
			}
		}
	}
	return t, t.checkAttributes(o.Attributes)
}

func (t *text) checkAttributes(attributes []string) error {
	swapped := slices.Contains(t.extras, extraOther)
	switch {
	case swapped && len(attributes) != 2:
		return fmt.Errorf("level \"swapped\" needs two attributes, the value and the one that it may have been exchanged with; there are %d", len(attributes))
	case !swapped && len(attributes) > 1:
		return fmt.Errorf("attribute %q is read by the level \"swapped\" alone, which is not there", attributes[1])
	}
	return nil
}

// Append implements Comparator.
func (t *text) Append(dst []byte, r *Record) []byte {
	value := fold(r.Values[0])
	if value == "" {
		return dst
	}
	for _, e := range t.extras {
		dst = appendExtra(dst, e, value, r)
	}
	return append(dst, value...)
}

func appendExtra(dst []byte, e extra, value string, r *Record) []byte {
	switch e {
	case extraOther:
		return appendField(dst, fold(r.Values[1]))
	case extraPlain:
		return appendUnless(dst, withoutAccents(value), value)
	case extraLetters:
		return appendUnless(dst, onlyWord(withoutAccents(value)), value)
	case extraTokens:
		return appendField(dst, appendSet(nil, words(withoutAccents(value))))
	case extraSound:
		return appendField(dst, appendSounds(nil, withoutAccents(value)))
	case extraSoundex:
		code := soundex(withoutAccents(value))
		if code[0] == 0 {
			return appendField(dst, "")
		}
		return appendField(dst, code[:])
	default:
		return appendField(dst, appendGroups(nil, value))
	}
}

// appendUnless appends a field that is empty where it says the same as the value.
func appendUnless(dst []byte, s, value string) []byte {
	if s == value {
		s = ""
	}
	return appendField(dst, s)
}

// textView is a feature taken apart.
type textView struct {
	value []byte
	extra [extras][]byte
}

func (t *text) view(v *textView, feature []byte) {
	for _, e := range t.extras {
		v.extra[e], feature = cutField(feature)
	}
	v.value = feature
}

// or returns an extra, and the value where they are the same.
func (v *textView) or(e extra) []byte {
	if len(v.extra[e]) == 0 {
		return v.value
	}
	return v.extra[e]
}

// textPair is two features while they are compared.
type textPair struct {
	a, b  textView
	alike likeness
}

// Level implements Comparator.
func (t *text) Level(a, b []byte) int {
	var p textPair
	t.view(&p.a, a)
	t.view(&p.b, b)
	return t.level(func(c *clause) bool { return p.holds(c) })
}

func (p *textPair) holds(c *clause) bool {
	a, b := &p.a, &p.b
	switch c.op {
	case opIdentical:
		return bytes.Equal(a.value, b.value)
	case opSameWithoutAccents:
		return bytes.Equal(a.or(extraPlain), b.or(extraPlain))
	case opSameLetters:
		return bytes.Equal(a.or(extraLetters), b.or(extraLetters))
	case opContains:
		return contains(a.value, b.value, c.n)
	case opSameSound:
		return shareMember(a.extra[extraSound], b.extra[extraSound])
	case opSameSoundex:
		return len(a.extra[extraSoundex]) > 0 && bytes.Equal(a.extra[extraSoundex], b.extra[extraSoundex])
	case opNickname:
		return shareGroup(a.extra[extraNickname], b.extra[extraNickname])
	case opSwapped:
		return p.swapped(c.of)
	case opTokenOverlap:
		x, y, both := sizes(a.extra[extraTokens], b.extra[extraTokens])
		return both > 0 && float64(both) >= c.x*float64(min(x, y))
	default:
		return p.alike.holds(c, a.value, b.value)
	}
}

// swapped reports whether each value is the other's second. Two records of which
// both attributes are equal are not swapped.
func (p *textPair) swapped(of *clause) bool {
	x, y := p.a.extra[extraOther], p.b.extra[extraOther]
	if len(x) == 0 || len(y) == 0 {
		return false
	}
	var one, two likeness
	return one.holds(of, p.a.value, y) && two.holds(of, p.b.value, x)
}

// contains reports whether one text is part of the other and has at least n
// characters.
func contains(a, b []byte, n int) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return utf8.RuneCount(a) >= n && bytes.Contains(b, a)
}

func shareMember(a, b set) bool {
	_, _, both := sizes(a, b)
	return both > 0
}

// Parts implements Keyer.
func (t *text) Parts() []string { return slices.Clone(nameParts) }

// CheckPart implements PartChecker.
func (t *text) CheckPart(part string, n int) error { return checkPart(nameParts, part, n) }

// Keys implements Keyer.
func (t *text) Keys(feature []byte, part string, n int, emit func(value []byte)) {
	var v textView
	t.view(&v, feature)
	if len(v.value) > 0 {
		emitPart(v.value, part, n, emit)
	}
}

// Terms implements Termer.
func (t *text) Terms() []string { return []string{"value"} }

// Term implements Termer.
func (t *text) Term(feature []byte, _ int) (string, bool) {
	var v textView
	t.view(&v, feature)
	return string(v.value), len(v.value) > 0
}
