package linkage

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"

	"heji/services/linkage/comparator"
)

// keyScheme is hashed into every key. Count it up when the meaning of a key
// changes: keys of two schemes must not meet.
const keyScheme = "heji/linkage/2"

// Keys returns the blocking keys of a record: two records that share one are
// compared. They are 64 bits of HMAC-SHA-256 under the installation's secret:
// a bare hash of an ID number or a phone could be enumerated.
//
// At most "limits: keys" of the model, from its first rules on; sorted, no
// duplicates.
func (m *Model) Keys(f Features, secret []byte) []int64 {
	d := m.borrow()
	defer m.giveBack(d)
	mac := hmac.New(sha256.New, secret)
	var sum [sha256.Size]byte
	keys := m.keysOf(make([]int64, 0, m.maxKeys), f, &d.keys, m.rules, m.maxKeys, func(text []byte) uint64 {
		mac.Reset()
		mac.Write(text)
		return binary.BigEndian.Uint64(mac.Sum(sum[:0]))
	})
	slices.Sort(keys)
	return keys
}

// AppendKeys appends the blocking keys of a record as plain 64-bit hashes, in
// the order of the rules, no duplicates: for files, whose keys nobody stores.
func (m *Model) AppendKeys(dst []int64, f Features) []int64 {
	d := m.borrow()
	dst = m.keysOf(dst, f, &d.keys, m.rules, m.maxKeys, xxhash.Sum64)
	m.giveBack(d)
	return dst
}

// KeysOfRule appends the keys that one rule makes, as AppendKeys would, however
// many they are. Rules are counted as Rules lists them.
func (m *Model) KeysOfRule(dst []int64, f Features, rule int) []int64 {
	d := m.borrow()
	dst = m.keysOf(dst, f, &d.keys, m.rules[rule:rule+1], maxKeysOfRule, xxhash.Sum64)
	m.giveBack(d)
	return dst
}

// maxKeysOfRule bounds what a list of many values can make.
const maxKeysOfRule = 1000

// keysOf appends the keys of some rules, at most so many.
func (m *Model) keysOf(dst []int64, f Features, k *keying, rules []rule, most int, hash func([]byte) uint64) []int64 {
	k.reset()
	start := len(dst)
	for i := range rules {
		for j := range rules[i].ways {
			w := &rules[i].ways[j]
			if !k.begin(m, f, w) {
				continue
			}
			for more := true; more; more = k.next() {
				if len(dst)-start == most {
					return dst
				}
				if key := int64(hash(k.spell(w))); !slices.Contains(dst[start:], key) {
					dst = append(dst, key)
				}
			}
		}
	}
	return dst
}

// keying works out the values of terms, each at most once for a record, and
// walks through their combinations.
type keying struct {
	buf   []byte
	spans []span // of values in buf
	terms []termValues
	emit  func([]byte) // bound once: a closure for each term would be allocated

	way  []int // terms of the way under way
	pick [maxTermsOfWay]int
	text []byte
}

type span struct{ from, to int32 }

// termValues are the values of one term, a run of spans.
type termValues struct {
	known    bool
	from, to int32
}

func (k *keying) init(terms int) {
	k.terms = make([]termValues, terms)
	k.emit = k.take
}

func (k *keying) reset() {
	k.buf, k.spans = k.buf[:0], k.spans[:0]
	clear(k.terms)
}

func (k *keying) take(value []byte) {
	if len(value) == 0 || len(k.buf) > maxFeatures {
		return
	}
	from := int32(len(k.buf))
	k.buf = append(k.buf, value...)
	k.spans = append(k.spans, span{from, int32(len(k.buf))})
}

// begin starts with the first combination of a way; false where one of its terms
// says nothing.
func (k *keying) begin(m *Model, f Features, w *way) bool {
	for _, t := range w.terms {
		v := &k.terms[t]
		if !v.known {
			v.known, v.from = true, int32(len(k.spans))
			term := &m.terms[t]
			if s := m.feature(f, term.at); len(s) > 0 {
				m.comparisons[term.at].comparator.(comparator.Keyer).Keys(s, term.part, term.n, k.emit)
			}
			v.to = int32(len(k.spans))
		}
		if v.from == v.to {
			return false
		}
	}
	k.way = w.terms
	clear(k.pick[:])
	return true
}

// next goes on to the next combination; false after the last. The first term
// turns fastest.
func (k *keying) next() bool {
	for i, t := range k.way {
		k.pick[i]++
		if k.pick[i] < int(k.terms[t].to-k.terms[t].from) {
			return true
		}
		k.pick[i] = 0
	}
	return false
}

// spell writes the combination as it is hashed.
func (k *keying) spell(w *way) []byte {
	k.text = append(k.text[:0], w.prefix...)
	for i, t := range w.terms {
		s := k.spans[int(k.terms[t].from)+k.pick[i]]
		k.text = appendPart(k.text, k.buf[s.from:s.to])
	}
	return k.text
}

// appendPart writes a part behind its length, so that no two lists of parts are
// spelled alike.
func appendPart[T string | []byte](dst []byte, part T) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(part)))
	return append(dst, part...)
}
