package store

import (
	"encoding/binary"

	"heji/schema"
	"heji/services/linkage"
)

// What is compared is derived once, when a record is taken in, and stored beside
// it: a record is looked at once as itself and several times as somebody's
// candidate. The bytes begin with the generation of the model that derived them;
// under another one they mean nothing, and are derived again from the record's
// own values.

// Derive returns the blocking keys of own values, as Keys does and under the
// same conditions, and what is compared.
func (s *Store) Derive(own schema.Values) (keys []int64, features []byte) {
	s.models.mu.Lock()
	now, secret := s.models.now, s.models.secret
	s.models.mu.Unlock()
	if now == nil || now.force == nil {
		return nil, nil // nothing was held, or it failed: nobody stores these
	}
	keys, features = now.force.derive(own, secret)
	if now.next != nil {
		keys = append(keys, now.next.keys(own, secret)...)
	}
	return keys, features
}

// derive returns the blocking keys of own values, and their features packed.
func (g *Generation) derive(own schema.Values, secret []byte) (keys []int64, packed []byte) {
	f := g.Model.Features(own)
	return g.number(g.Model.Keys(f, secret)), g.pack(f)
}

// pack is the inverse of unpack.
func (g *Generation) pack(f linkage.Features) []byte {
	packed := binary.LittleEndian.AppendUint32(make([]byte, 0, 256), uint32(g.N))
	return append(packed, f...)
}

// number gives keys the generation's parity.
func (g *Generation) number(keys []int64) []int64 {
	for i, k := range keys {
		keys[i] = k&^1 | g.slot()
	}
	return keys
}

// unpack returns stored features; ok is false where another model, or another
// program, derived them.
func (g *Generation) unpack(packed []byte) (f linkage.Features, ok bool) {
	if len(packed) < 4 || binary.LittleEndian.Uint32(packed) != uint32(g.N) {
		return nil, false
	}
	f = packed[4:]
	return f, g.Model.Own(f)
}
