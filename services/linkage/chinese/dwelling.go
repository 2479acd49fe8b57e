package chinese

import (
	"bytes"
	"encoding/binary"
	"strings"

	"heji/schema"
	"heji/services/linkage/comparator"
)

// dwelling compares where people live and where they are registered: the
// closest of the pairs counts.
//
// Attributes: residence, hukou_address, as schema.Address.Canonical writes them.
// Feature: one or two homes, each behind its length as community, compound,
// building, unit and room.
type dwelling struct{}

// Levels of dwelling.
const (
	sameRoom = iota
	sameBuilding
	samePlace // one compound or community, another building
	otherDwelling
)

var dwellingLevels = []string{"same_room", "same_building", "same_place", "different"}

func newDwelling(o comparator.Options) (comparator.Comparator, error) {
	return dwelling{}, plain(o, dwellingLevels, "residence", "registered address")
}

func (dwelling) Levels() []string { return dwellingLevels }

func (dwelling) Append(dst []byte, r *comparator.Record) []byte {
	first := readHome(value(r, 0))
	dst = first.append(dst)
	if second := readHome(value(r, 1)); second != first {
		dst = second.append(dst)
	}
	return dst
}

// home is a dwelling as its register writes it.
type home struct {
	community, compound string
	building            string // where there is no building, the road with its door
	unit, room          string
}

// readHome takes a home from an address. Without the place it is none: "3栋201"
// is in every compound.
func readHome(canonical string) home {
	a := schema.AddressFromCanonical(canonical)
	h := home{community: a.Community, compound: a.Compound, building: a.Building, unit: a.Unit, room: a.Room}
	door := strings.HasSuffix(a.Road, "号") || strings.HasSuffix(a.Road, "院")
	if h.community == "" && h.compound == "" {
		if !door {
			return home{}
		}
		h.community = a.Road
	}
	if door && h.building == "" && h.compound == "" {
		h.building = a.Road // 石桥村12号, 解放路12号101室
		if h.room == "" && strings.HasSuffix(h.community, "村") {
			h.room = wholeHouse
		}
	}
	return h
}

// wholeHouse is the room of a house in a village: it has one family as a rule.
const wholeHouse = "*"

func (h home) append(dst []byte) []byte {
	if h == (home{}) {
		return dst
	}
	dst = append(dst, 0, 0)
	at := len(dst)
	for _, s := range [...]string{h.community, h.compound, h.building, h.unit, h.room} {
		dst = appendText(dst, s)
	}
	binary.LittleEndian.PutUint16(dst[at-2:], uint16(len(dst)-at))
	return dst
}

// cutHome returns the first home of a feature, and the others.
func cutHome(b []byte) (home, rest []byte) {
	if len(b) < 2 {
		return nil, nil
	}
	n := min(int(binary.LittleEndian.Uint16(b)), len(b)-2)
	return b[2 : 2+n], b[2+n:]
}

func (dwelling) Level(a, b []byte) int {
	best := comparator.Missing
	for x, moreX := cutHome(a); x != nil; x, moreX = cutHome(moreX) {
		for y, moreY := cutHome(b); y != nil; y, moreY = cutHome(moreY) {
			// Levels are in order, the closest first.
			if l := levelOfHomes(x, y); best == comparator.Missing || l != comparator.Missing && l < best {
				best = l
			}
		}
	}
	return best
}

func levelOfHomes(a, b []byte) int {
	communityA, a := cutText(a)
	communityB, b := cutText(b)
	compoundA, a := cutText(a)
	compoundB, b := cutText(b)
	x, y := communityA, communityB
	oneCompound := (len(compoundA) == 0) == (len(compoundB) == 0)
	if len(compoundA) > 0 && len(compoundB) > 0 {
		x, y = compoundA, compoundB
	}
	switch {
	case len(x) == 0 || len(y) == 0:
		return comparator.Missing
	case !bytes.Equal(x, y):
		return otherDwelling
	}
	buildingA, a := cutText(a)
	buildingB, b := cutText(b)
	if len(buildingA) == 0 || !bytes.Equal(buildingA, buildingB) {
		return samePlace
	}
	unitA, a := cutText(a)
	unitB, b := cutText(b)
	if !compatible(unitA, unitB) {
		return samePlace
	}
	roomA, _ := cutText(a)
	roomB, _ := cutText(b)
	if len(roomA) > 0 && bytes.Equal(roomA, roomB) && oneCompound {
		return sameRoom
	}
	return sameBuilding // a community has several compounds
}

// compatible reports whether two units can be one: some registers do not write
// it.
func compatible(a, b []byte) bool { return len(a) == 0 || len(b) == 0 || bytes.Equal(a, b) }

func (dwelling) Parts() []string { return []string{"room"} }

// Keys emits for room each dwelling whose building and room are known, without
// the unit: some registers do not write it.
func (dwelling) Keys(feature []byte, part string, _ int, emit func([]byte)) {
	if part != "room" {
		return
	}
	var buf [128]byte
	for h, rest := cutHome(feature); h != nil; h, rest = cutHome(rest) {
		community, h := cutText(h)
		place, h := cutText(h)
		if len(place) == 0 {
			place = community
		}
		building, h := cutText(h)
		_, h = cutText(h)
		room, _ := cutText(h)
		if len(place) == 0 || len(building) == 0 || len(room) == 0 {
			continue
		}
		key := append(append(buf[:0], place...), '|')
		key = append(append(append(key, building...), '|'), room...)
		emit(key)
	}
}
