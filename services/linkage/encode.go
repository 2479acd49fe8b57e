package linkage

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrEncoding is what Decode answers for bytes that Encode of this version did
// not write. Derive the features from the record's values again.
var ErrEncoding = errors.New("these bytes are no features of this version")

// encodingVersion counts up whenever the fields of Features change.
const encodingVersion = 1

// Encode packs features into some hundred bytes, for a store that keeps them:
// reading them back costs a fraction of deriving them, and a resolution reads
// many candidates for each record that changed. They belong to one model
// version and are personal data like the values they came from.
func (f *Features) Encode() []byte {
	c := coder{buf: make([]byte, 0, 256)}
	version := byte(encodingVersion)
	c.byte(&version)
	c.features(f)
	return c.buf
}

// Decode is the inverse of Encode.
func Decode(b []byte) (*Features, error) {
	c := coder{rest: string(b), reading: true}
	var version byte
	c.byte(&version)
	if c.short || version != encodingVersion {
		return nil, ErrEncoding
	}
	f := &Features{}
	c.features(f)
	if c.short || c.rest != "" {
		return nil, ErrEncoding
	}
	return f, nil
}

// coder walks the fields of Features in one order, writing or reading, so that
// the two directions cannot disagree.
type coder struct {
	buf     []byte // written so far
	rest    string // still to be read; the features' strings are parts of it
	reading bool
	short   bool // read past the end
}

func (c *coder) features(f *Features) {
	c.identity(&f.id)
	c.name(&f.name)
	c.name(&f.former)
	c.number(&f.rarity)
	c.flag(&f.latin)
	c.texts(&f.sounds)
	c.texts(&f.formerBy)
	c.text(&f.surname)
	c.text(&f.given)
	c.date(&f.birth)
	c.date(&f.altBirth)
	c.byte(&f.sex)
	c.flag(&f.birthFromID)
	c.flag(&f.sexFromID)
	c.text(&f.phone)
	for i := range f.homes {
		h := &f.homes[i]
		for _, s := range []*string{&h.place, &h.building, &h.unit, &h.room} {
			c.text(s)
		}
	}
	c.text(&f.house)
	c.byte(&f.role)
	c.flag(&f.newborn)
	c.text(&f.mother)
	c.texts(&f.motherSounds)
	c.flag(&f.motherSurname)
	c.identity(&f.motherID)
	c.byte(&f.order)
	c.byte(&f.rank)
	for i := range f.numbers {
		c.text(&f.numbers[i])
	}
}

func (c *coder) identity(id *identity) {
	c.text(&id.text)
	c.text(&id.core)
	c.text(&id.valid)
}

func (c *coder) name(n *nameFeature) {
	c.text(&n.raw)
	c.text(&n.text)
	split := int32(n.split)
	c.number(&split)
	if !c.reading {
		return
	}
	if n.split = int(split); n.text != "" {
		n.runes = []rune(n.text)
	}
	if n.split < 0 || n.split > len(n.runes) {
		n.split, c.short = 0, true
	}
}

func (c *coder) date(d *date) {
	year := int32(d.year)
	c.number(&year)
	d.year = uint16(year)
	c.byte(&d.month)
	c.byte(&d.day)
}

func (c *coder) byte(b *byte) {
	switch {
	case !c.reading:
		c.buf = append(c.buf, *b)
	case c.rest == "":
		c.short = true
	default:
		*b, c.rest = c.rest[0], c.rest[1:]
	}
}

func (c *coder) flag(f *bool) {
	var b byte
	if *f {
		b = 1
	}
	c.byte(&b)
	*f = b != 0
}

func (c *coder) number(n *int32) {
	if !c.reading {
		c.buf = binary.AppendVarint(c.buf, int64(*n))
		return
	}
	v, size := binary.Varint([]byte(c.rest[:min(len(c.rest), binary.MaxVarintLen32)]))
	if size <= 0 || v < math.MinInt32 || v > math.MaxInt32 {
		c.short = true
		return
	}
	*n, c.rest = int32(v), c.rest[size:]
}

func (c *coder) text(s *string) {
	n := int32(len(*s))
	c.number(&n)
	switch {
	case !c.reading:
		c.buf = append(c.buf, *s...)
	case c.short || n < 0 || int(n) > len(c.rest):
		c.short = true
	default:
		*s, c.rest = c.rest[:n], c.rest[n:]
	}
}

func (c *coder) texts(list *[]string) {
	n := int32(len(*list))
	c.number(&n)
	if c.reading {
		if c.short || n < 0 || int(n) > len(c.rest) {
			c.short = true
			return
		}
		if n > 0 {
			*list = make([]string, n)
		}
	}
	for i := range *list {
		c.text(&(*list)[i])
	}
}
