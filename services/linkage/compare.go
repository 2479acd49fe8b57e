package linkage

import (
	"heji/schema/hanzi"
	"heji/schema/idnum"
)

// Compare says what two records have in common. It is symmetric, allocates
// nothing, and takes well under a microsecond.
//
// The total is the sum of the levels' weights with two corrections. What a whole
// family shares (phone, dwelling, household number, mother) counts up to a
// limit, so that twins and neighbours are not joined by how they live. And one
// ID number under clearly different people stays below the link threshold,
// flagged for review (I3).
func (m *Model) Compare(a, b *Features) Comparison {
	var c Comparison
	m.set(&c, FactorID, idLevel(a.id, b.id))
	m.compareName(&c, a, b)
	m.set(&c, FactorBirth, birthLevel(a, b, c.sameNumber()))
	m.set(&c, FactorSex, sexLevel(a, b, c.sameNumber()))
	m.set(&c, FactorPhone, phoneLevel(a.phone, b.phone))
	m.set(&c, FactorDwelling, dwellingLevel(a, b))
	m.set(&c, FactorHousehold, householdLevel(a, b))
	m.set(&c, FactorMother, motherLevel(a, b))
	m.set(&c, FactorBirthOrder, orderLevel(a, b))
	m.set(&c, FactorNumber, numberLevel(a, b))
	m.limitShared(&c)
	m.limitConflict(&c)
	return c
}

// Weigh is Compare without the lines.
func (m *Model) Weigh(a, b *Features) Weight {
	c := m.Compare(a, b)
	return Weight{Total: c.Weight, Conflict: c.Conflict}
}

func (m *Model) set(c *Comparison, f Factor, l Level) {
	if l != Missing {
		c.add(f, l, m.weights[f][l])
	}
}

func equal(yes bool) Level {
	if yes {
		return Identical
	}
	return Different
}

// limitShared takes off what family members share beyond the limit. A newborn's
// stand-in name tells nobody apart, so its mother is evidence of its own.
func (m *Model) limitShared(c *Comparison) {
	var sum int32
	for _, f := range [...]Factor{FactorPhone, FactorDwelling, FactorHousehold, FactorMother} {
		if f == FactorMother && (c.level[FactorName] == Newborn || c.level[FactorName] == NewbornBoth) {
			continue
		}
		sum += max(c.weight[f], 0)
	}
	if sum > m.sharedLimit {
		c.add(FactorShared, Applied, m.sharedLimit-sum)
	}
}

// limitConflict enforces the second half of I3: one ID number under clearly
// different people is never evidence enough to join.
func (m *Model) limitConflict(c *Comparison) {
	if !c.conflicting() {
		return
	}
	c.Conflict = true
	if over := c.Weight - (m.limits.Link - 1); over > 0 {
		c.add(FactorConflict, Applied, int32(-over))
	}
}

// conflicting reports whether two records show one ID number and cannot, by
// what else they say, be taken for one person without a look. A new given name
// with everything else equal is a change of name; a new name and a new birth
// date is somebody else's number.
func (c *Comparison) conflicting() bool {
	if !c.sameNumber() {
		return false
	}
	birth := c.level[FactorBirth]
	against := birth == Different || birth == SameYear || birth == CloseBy || c.level[FactorSex] == Different ||
		c.level[FactorBirthOrder] == Different
	lives := c.weight[FactorPhone] > 0 || c.weight[FactorDwelling] > 0 || c.weight[FactorHousehold] > 0
	switch c.level[FactorName] {
	case Identical, Variant, UnknownChar, Former:
		return c.level[FactorSex] == Different && birth == Different
	case OneChar:
		return against || birth == Missing && !lives
	case SameSurname:
		return against || birth != Identical || !lives
	case Different:
		return true
	}
	return against
}

// sameNumber reports whether the two show one ID number.
func (c *Comparison) sameNumber() bool {
	switch c.level[FactorID] {
	case Identical, IdenticalInvalid, SameCore:
		return true
	}
	return false
}

func idLevel(a, b identity) Level {
	switch {
	case a.text == "" || b.text == "":
		return Missing
	case a.text == b.text:
		if a.valid == "" {
			return IdenticalInvalid
		}
		return Identical
	case sameNumber(a, b):
		return SameCore
	case a.valid != "" && b.valid != "":
		return Contradicts
	case oneEdit(a.text, b.text):
		return Near
	}
	return Different
}

// sameNumber reports whether two texts can be spellings of one number: they
// differ in the check character, or in a century that 15 digits leave out.
func sameNumber(a, b identity) bool {
	return a.core != "" && a.core == b.core && idnum.SameCore(a.text, b.text)
}

// birthLevel compares birth dates. Between records of one number, what was read
// out of that number says nothing more.
func birthLevel(a, b *Features, oneNumber bool) Level {
	if oneNumber {
		if a.birthFromID || b.birthFromID {
			return Missing
		}
		return a.birth.level(b.birth)
	}
	best := a.birth.level(b.birth)
	// A record whose ID number and birth date disagree may be right in either.
	for _, p := range [...][2]date{{a.altBirth, b.birth}, {a.birth, b.altBirth}, {a.altBirth, b.altBirth}} {
		if l := p[0].level(p[1]); l == Identical {
			best = l
		}
	}
	return best
}

func sexLevel(a, b *Features, oneNumber bool) Level {
	if a.sex == 0 || b.sex == 0 || oneNumber && (a.sexFromID || b.sexFromID) {
		return Missing
	}
	return equal(a.sex == b.sex)
}

func phoneLevel(a, b string) Level {
	switch {
	case a == "" || b == "":
		return Missing
	case a == b:
		return Identical
	case oneEdit(a, b):
		return Near
	}
	return Different
}

func dwellingLevel(a, b *Features) Level {
	best := Missing
	for _, x := range a.homes {
		for _, y := range b.homes {
			if l := x.level(y); rankDwelling(l) > rankDwelling(best) {
				best = l
			}
		}
	}
	return best
}

// rankDwelling orders what two dwellings have in common, the closest highest.
func rankDwelling(l Level) int {
	switch l {
	case SameRoom:
		return 4
	case SameBuilding:
		return 3
	case SamePlace:
		return 2
	case Different:
		return 1
	}
	return 0
}

func (h home) level(o home) Level {
	switch {
	case h.place == "" || o.place == "":
		return Missing
	case h.place != o.place:
		return Different
	case h.building == "" || o.building == "" || h.building != o.building || !compatible(h.unit, o.unit):
		return SamePlace
	case h.room != "" && h.room == o.room:
		return SameRoom
	}
	return SameBuilding
}

func compatible(a, b string) bool { return a == b || a == "" || b == "" }

func householdLevel(a, b *Features) Level {
	switch {
	case a.house == "" || b.house == "":
		return Missing
	case a.house != b.house:
		return Different
	case a.role == 0 || b.role == 0:
		return SameHousehold
	case a.role == b.role:
		return SameRole
	}
	return OtherRole
}

// motherLevel compares a mother by her attributes: which resident she is at the
// moment would make the partition depend on itself.
func motherLevel(a, b *Features) Level {
	if a.motherID.text != "" && b.motherID.text != "" {
		switch idLevel(a.motherID, b.motherID) {
		case Identical, SameCore, IdenticalInvalid, Near:
			return SameMotherID
		case Contradicts:
			return Different
		}
	}
	switch {
	case a.mother == "" || b.mother == "":
		return Missing
	case a.motherSurname || b.motherSurname:
		if firstRune(a.mother) == firstRune(b.mother) {
			return SameSurname
		}
		return Missing // the surname may be the father's
	case a.mother == b.mother || hanzi.Compatible(a.mother, b.mother) || sameSound(a.motherSounds, b.motherSounds):
		return SameMotherName
	}
	return Different
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

func orderLevel(a, b *Features) Level {
	switch {
	case a.order != 0 && b.order != 0:
		return equal(a.order == b.order)
	case a.rank != 0 && b.rank != 0:
		return equal(a.rank == b.rank)
	case (a.newborn || b.newborn) && max(a.order, b.order) > 1:
		return Unclear
	}
	return Missing
}

func numberLevel(a, b *Features) Level {
	l := Missing
	for i := range a.numbers {
		switch {
		case a.numbers[i] == "" || b.numbers[i] == "":
		case a.numbers[i] == b.numbers[i]:
			return Identical
		default:
			l = Different
		}
	}
	return l
}

// oneEdit reports whether two unequal texts are one substitution, insertion,
// deletion or adjacent swap apart. Bytes: it is for digits.
func oneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	switch {
	case a[i+1:] == b[i+1:]:
		return true
	case i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i]:
		return a[i+2:] == b[i+2:]
	}
	return false
}
