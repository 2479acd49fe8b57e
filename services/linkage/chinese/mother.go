package chinese

import (
	"bytes"
	"strings"

	"heji/schema/hanzi"
	"heji/services/linkage/comparator"
)

// mother compares mothers by their attributes: which resident she is at the
// moment would make the partition depend on itself (I2).
//
// Attributes: mother_id, mother_name, name (张丽之女 names her). Settings: shared,
// a list of stand-ins for a name.
// Feature: flags; her number as in idNumber; her name; its sounds.
type mother struct{ shared map[string]bool }

// Levels of mother.
const (
	motherSameID = iota
	motherSameName
	motherSameSurname
	motherDifferent
)

var motherLevels = []string{"same_id", "same_name", "same_surname", "different"}

func newMother(o comparator.Options) (comparator.Comparator, error) {
	shared, err := withShared(o, motherLevels, "mother's ID number", "mother's name", "name")
	return mother{shared}, err
}

func (mother) Levels() []string { return motherLevels }

// Flags of a feature of mother.
const (
	childUnnamed = 1 << iota // the child's name is a stand-in
	surnameOnly              // only her surname is known
)

func (c mother) Append(dst []byte, r *comparator.Record) []byte {
	name := readParent(value(r, 1), value(r, 2), c.shared)
	id, _ := readIdentity(value(r, 0))
	if id.text == "" && name.Text == "" {
		return dst
	}
	dst = append(dst, name.flags, 0)
	at := len(dst)
	dst = appendIdentity(dst, &id)
	dst[at-1] = byte(len(dst) - at)
	dst = appendWord(dst, name.Text)
	return appendTexts(dst, name.Sounds)
}

// parent is what a child's record says about its mother's name.
type parent struct {
	hanzi.Name
	flags byte
}

// readParent takes a mother's name from its own attribute, or from a newborn's
// stand-in name.
func readParent(motherName, childName string, shared map[string]bool) (p parent) {
	p.Name = readParentName(motherName, shared)
	b, ok := parseNewborn(childName)
	if !ok {
		return p
	}
	p.flags |= childUnnamed
	if p.Text == "" && b.parent != "" {
		p.Name = readParentName(b.parent, shared)
		if b.surnameOnly {
			p.flags |= surnameOnly
		}
	}
	return p
}

func readParentName(name string, shared map[string]bool) hanzi.Name {
	name = strings.TrimSpace(name)
	if name == "" || shared[name] {
		return hanzi.Name{}
	}
	return hanzi.Read(name)
}

type motherFeature struct {
	flags  byte
	id     []byte
	name   word
	sounds texts
}

func cutMother(b []byte) (f motherFeature) {
	if len(b) == 0 {
		return f
	}
	f.flags, b = b[0], b[1:]
	f.id, b = cutText(b)
	f.name, b = cutWord(b)
	f.sounds, _ = cutTexts(b)
	return f
}

func (mother) Level(a, b []byte) int {
	x, y := cutMother(a), cutMother(b)
	switch levelOfNumbers(x.id, y.id) {
	case idIdentical, idSameCore, idInvalid, idNear:
		return motherSameID
	case idContradicts:
		return motherDifferent
	}
	switch {
	case len(x.name) == 0 || len(y.name) == 0:
		return comparator.Missing
	case (x.flags|y.flags)&surnameOnly != 0:
		if x.name.at(0) == y.name.at(0) {
			return motherSameSurname
		}
		return comparator.Missing // the surname may be the father's
	case bytes.Equal(x.name, y.name), x.sounds.meets(y.sounds), x.name.compatible(y.name):
		return motherSameName
	}
	return motherDifferent
}

func (mother) Parts() []string { return []string{"id", "sound"} }

// Keys says nothing about the mother of a grown-up who is known by his own name
// and of whom no mother's name is known: only children are found by her.
func (mother) Keys(feature []byte, part string, _ int, emit func([]byte)) {
	f := cutMother(feature)
	if f.flags&childUnnamed == 0 && len(f.name) == 0 {
		return
	}
	switch part {
	case "id":
		idNumber{}.Keys(f.id, "text", 0, emit)
	case "sound":
		if s := f.sounds.first(); f.flags&surnameOnly == 0 && keyable(s) {
			emit(s)
		}
	}
}
