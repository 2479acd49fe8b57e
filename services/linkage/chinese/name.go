package chinese

import (
	"bytes"
	"encoding/binary"
	"strings"

	"heji/schema/hanzi"
	"heji/services/linkage/comparator"
)

// name compares personal names. Jaro-Winkler is no use here: its window is zero
// for two and three characters.
//
// Attributes: name, former_name, mother_name (张丽之女 is not 张丽). Settings: shared,
// a list of stand-ins for a name.
// Feature: flags; for a newborn's stand-in its mother's name, for a name where
// its surname ends, a hash of its spelling, its characters, those of the former
// name, the sounds of both, and those of surnames and given names.
type name struct{ shared map[string]bool }

// Levels of name.
const (
	nameIdentical = iota
	nameVariant   // the same after variants and separators
	nameUnknown   // the same where both could be written
	nameFormer    // the other's former name
	nameSound     // the same toneless pinyin
	nameShape     // a character that is easily mistaken
	nameReordered // the same characters in another order
	nameOneCharLong
	nameOneChar
	nameSurname
	nameNewborn     // one is "child of …", the other a name
	nameNewbornBoth // both are "child of …"
	nameDifferent
)

var nameLevels = []string{"identical", "variant", "unknown_char", "former", "same_sound", "similar_shape", "reordered",
	"one_char_long", "one_char", "same_surname", "newborn", "newborn_both", "different"}

func newName(o comparator.Options) (comparator.Comparator, error) {
	shared, err := withShared(o, nameLevels, "name", "former name", "mother's name")
	return name{shared}, err
}

func (name) Levels() []string { return nameLevels }

// Flags of a feature of name.
const (
	nameStandIn     = 1 << iota // a newborn's stand-in
	nameSurnameOnly             // of a stand-in: 张某之女
	nameLatin                   // written in Latin letters
	nameSpelt                   // pinyin stands in the place of a character
	nameWild                    // holds a character that the register could not write
)

func (c name) Append(dst []byte, r *comparator.Record) []byte {
	full := strings.TrimSpace(value(r, 0))
	if _, ok := parseNewborn(full); ok {
		p := readParent(value(r, 2), full, c.shared)
		flags := byte(nameStandIn)
		if p.flags&surnameOnly != 0 {
			flags |= nameSurnameOnly
		}
		return appendWord(append(dst, flags), p.Text)
	}
	if full == "" || c.shared[full] {
		return dst
	}
	n := hanzi.Read(full)
	if n.Text == "" {
		return dst
	}
	flags := byte(0)
	if n.Latin {
		flags |= nameLatin
	}
	if n.Spelt {
		flags |= nameSpelt
	}
	if hanzi.HasWildcard(n.Text) {
		flags |= nameWild
	}
	var former hanzi.Name
	if f := strings.TrimSpace(value(r, 1)); f != "" && !c.shared[f] {
		if former = hanzi.Read(f); former.Text == n.Text {
			former = hanzi.Name{}
		}
	}
	dst = append(dst, flags, byte(min(n.Surname, maxRunes)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(hash64(full)))
	dst = appendWord(dst, n.Text)
	dst = appendWord(dst, former.Text)
	dst = appendTexts(dst, n.Sounds)
	dst = appendTexts(dst, n.Surnames)
	dst = appendTexts(dst, former.Sounds)
	return appendTexts(dst, n.Givens)
}

// nameFeature is a feature taken apart, as far as nearly every comparison needs
// it.
type nameFeature struct {
	flags  byte
	split  int // runes of the surname
	raw    []byte
	name   word // of a stand-in: the mother's
	former word
	rest   []byte // what nameSounds holds
}

// nameSounds is the rest of a feature.
type nameSounds struct{ whole, surnames, former, givens texts }

func cutName(b []byte) (f nameFeature) {
	if len(b) == 0 {
		return f
	}
	f.flags, b = b[0], b[1:]
	if f.flags&nameStandIn != 0 {
		f.name, _ = cutWord(b)
		return f
	}
	if len(b) < 5 {
		return f
	}
	f.split, f.raw, b = int(b[0]), b[1:5], b[5:]
	f.name, b = cutWord(b)
	f.former, f.rest = cutWord(b)
	f.split = min(f.split, f.name.len())
	return f
}

// sounds returns the spellings of the whole name.
func (f *nameFeature) sounds() texts {
	list, _ := cutTexts(f.rest)
	return list
}

func (f *nameFeature) allSounds() (s nameSounds) {
	rest := f.rest
	s.whole, rest = cutTexts(rest)
	s.surnames, rest = cutTexts(rest)
	s.former, rest = cutTexts(rest)
	s.givens, _ = cutTexts(rest)
	return s
}

func (f *nameFeature) standIn() bool { return f.flags&nameStandIn != 0 }

func (name) Level(a, b []byte) int {
	x, y := cutName(a), cutName(b)
	switch {
	case x.standIn() && y.standIn():
		return nameNewbornBoth
	case x.standIn() && len(y.name) > 0:
		return levelOfStandIn(&x, &y)
	case y.standIn() && len(x.name) > 0:
		return levelOfStandIn(&y, &x)
	case len(x.name) == 0 || len(y.name) == 0:
		return comparator.Missing
	case (x.flags|y.flags)&nameWild != 0 && x.name.compatible(y.name) && !x.soundsOtherwise(&y):
		return nameUnknown
	case bytes.Equal(x.name, y.name):
		if bytes.Equal(x.raw, y.raw) {
			return nameIdentical
		}
		return nameVariant
	case x.wasNamed(&y) || y.wasNamed(&x):
		return nameFormer
	case x.sounds().meets(y.sounds()):
		return nameSound
	}
	return closeness(&x, &y)
}

// levelOfStandIn compares "child of …" with a name. The parent is not the child:
// some registers enter a newborn under its mother's number.
func levelOfStandIn(child, named *nameFeature) int {
	if child.flags&nameSurnameOnly == 0 && bytes.Equal(child.name, named.name) {
		return nameDifferent
	}
	return nameNewborn
}

// soundsOtherwise reports whether pinyin in the place of a character says that it
// is another one: 王jie is no 王伟.
func (f *nameFeature) soundsOtherwise(o *nameFeature) bool {
	return f.readable() && o.readable() && !f.sounds().meets(o.sounds())
}

// readable reports whether every character of a name has a sound.
func (f *nameFeature) readable() bool { return f.flags&(nameWild|nameSpelt) != nameWild }

// wasNamed reports whether f once had the name that o has, or had.
func (f *nameFeature) wasNamed(o *nameFeature) bool {
	return len(f.former) > 0 && (bytes.Equal(f.former, o.name) || bytes.Equal(f.former, o.former))
}

func (name) Parts() []string { return []string{"sounds", "sound", "surname", "given", "former"} }

// maxSounds bounds the spellings of a Chinese name that make keys; more are
// compared.
const maxSounds = 2

// Keys emits toneless spellings without blanks: for sounds the plausible ones of
// the whole name, for sound the plainest of them, for former those of the former
// name, for surname and given their part of the plainest. Of a name in Latin
// letters any order of the two is plausible. What holds an unknown character
// makes no key.
func (name) Keys(feature []byte, part string, _ int, emit func([]byte)) {
	f := cutName(feature)
	many := maxSounds
	if f.flags&nameLatin != 0 {
		many = hanzi.MaxSounds
	}
	s := f.allSounds()
	switch part {
	case "sounds":
		emitSounds(s.whole, many, emit)
	case "sound":
		emitSounds(s.whole, 1, emit)
	case "former":
		emitSounds(s.former, maxSounds, emit)
	case "surname":
		emitSounds(s.surnames, many, emit)
	case "given":
		emitSounds(s.givens, many, emit)
	}
}

// emitSounds emits the first texts of a list that can be part of a key.
func emitSounds(list texts, many int, emit func([]byte)) {
	var s []byte
	for range min(list.n, many) {
		if s, list.b = cutText(list.b); keyable(s) {
			emit(s)
		}
	}
}

var wildcard = []byte(string(hanzi.Wildcard))

// keyable reports whether a sound can be part of a key: one with an unknown
// character would be everybody's.
func keyable(s []byte) bool { return len(s) > 0 && !bytes.Contains(s, wildcard) }

func (name) Terms() []string { return []string{"surname", "given"} }

// Term returns the characters of surname or given name, simplified. A name
// without a surname (阿布都·热合曼) has an empty one. How common a name in Latin
// letters is cannot be known: it stands for many.
func (name) Term(feature []byte, table int) (string, bool) {
	f := cutName(feature)
	if f.standIn() || len(f.name) == 0 || f.flags&nameLatin != 0 {
		return "", false
	}
	at := f.split * runeSize
	if table == 0 {
		return f.name[:at].String(), true
	}
	return f.name[at:].String(), true
}
