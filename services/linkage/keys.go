package linkage

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"strconv"

	"heji/schema/hanzi"
)

// minKeys is the fewest that a model may allow: the keys in front of the list
// below, which find nearly everything.
const minKeys = 4

// keyScheme is hashed into every key. Count it up when the meaning of a key
// changes: keys of two schemes must not meet.
const keyScheme = "heji/linkage/1"

// Keys returns the blocking keys of a record: two records that share one are
// compared. They are 64 bits of HMAC-SHA-256 under the installation's secret:
// a bare hash of an ID number or a phone could be enumerated.
//
// At most Model "keys" of them, sorted, no duplicates. What is a placeholder,
// unknown or shared by strangers makes no key.
func (m *Model) Keys(f *Features, secret []byte) []int64 {
	b := keyBuilder{mac: hmac.New(sha256.New, secret), max: m.maxKeys}
	birth := f.birth.key()

	// In order of what they find: the limit drops the last ones.
	b.key("id", f.id.core, orElse(f.id.core, f.id.text))
	for _, s := range f.sounds {
		b.key("name,birth", birth, s)
	}
	if f.newborn || f.mother != "" {
		b.key("mother id,birth", birth, orElse(f.motherID.core, f.motherID.text))
		if !f.motherSurname && len(f.motherSounds) > 0 {
			b.key("mother,birth", birth, f.motherSounds[0])
		}
	}
	b.key("phone,birth", birth, f.phone)
	for i, n := range f.numbers {
		b.key("number", strconv.Itoa(i), n)
	}
	if len(f.sounds) > 0 {
		b.key("name,phone", f.phone, f.sounds[0])
		for _, h := range f.homes {
			b.key("home,given", h.key(), f.given)
		}
		if f.altBirth.full() {
			b.key("name,birth", f.altBirth.key(), f.sounds[0])
		}
	}
	// Day and month in order, so that swapped ones meet.
	b.key("surname,birth", f.birth.unordered(), f.surname)
	for _, h := range f.homes {
		b.key("home,birth", h.key(), birth)
	}
	for _, s := range f.formerBy {
		b.key("name,birth", birth, s)
	}
	// An ID number with a slip in it still has an area and an order; its birth
	// date is in the record as a rule.
	if len(f.id.core) == 15 && len(f.sounds) > 0 {
		b.key("name,id part", f.id.core[:6]+f.id.core[12:], f.sounds[0])
		if f.birth.zero() {
			b.key("name,birth", coreBirth(f.id.text), f.sounds[0])
		}
	}
	slices.Sort(b.keys)
	return b.keys
}

type keyBuilder struct {
	mac  hash.Hash
	keys []int64
	max  int
	buf  [sha256.Size]byte
	text []byte
}

// key adds one key, unless one of its parts says nothing.
// q is the part that may be a name: one with an unknown character finds nobody.
func (b *keyBuilder) key(kind, p, q string) {
	if p == "" || q == "" || len(b.keys) == b.max || hanzi.HasWildcard(q) {
		return
	}
	b.text = append(b.text[:0], keyScheme...)
	for _, part := range [...]string{kind, p, q} {
		b.text = binary.BigEndian.AppendUint32(b.text, uint32(len(part)))
		b.text = append(b.text, part...)
	}
	b.mac.Reset()
	b.mac.Write(b.text)
	k := int64(binary.BigEndian.Uint64(b.mac.Sum(b.buf[:0])))
	if !slices.Contains(b.keys, k) {
		b.keys = append(b.keys, k)
	}
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// key is empty unless the day is known: a year is shared by thousands.
func (d date) key() string {
	if !d.full() {
		return ""
	}
	return strconv.Itoa(d.days())
}

func (d date) unordered() string {
	if !d.full() {
		return ""
	}
	return strconv.Itoa(date{d.year, min(d.month, d.day), max(d.month, d.day)}.days())
}

// key leaves the unit out: some registers do not write it.
func (h home) key() string {
	if !h.whole() {
		return ""
	}
	return h.place + "|" + h.building + "|" + h.room
}

// coreBirth is the birth date inside a number of 18 characters, valid or not.
func coreBirth(id string) string {
	if len(id) != 18 {
		return ""
	}
	return parseDate(id[6:10] + "-" + id[10:12] + "-" + id[12:14]).key()
}
