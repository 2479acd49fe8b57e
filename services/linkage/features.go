package linkage

import (
	"slices"
	"strings"

	"heji/schema"
	"heji/schema/hanzi"
	"heji/schema/idnum"
)

// Features is what Compare and Keys need of a record, derived once from its
// values. It is read-only; any number of goroutines may compare it.
type Features struct {
	id       identity // the person's own number
	name     nameFeature
	former   nameFeature
	rarity   int32    // what name frequency takes off an equal name, at most 0
	latin    bool     // the name is in Latin letters, so its frequency is not known
	sounds   []string // toneless spellings of name, the plainest first
	formerBy []string // of former
	surname  string   // toneless, as far as the name could be split
	given    string
	birth    date
	altBirth date // of a valid ID number, where it says something else
	sex      byte // '1', '2', or 0
	// What the record itself does not say and its ID number does.
	birthFromID, sexFromID bool
	phone                  string
	homes                  [2]home // residence, hukou
	house                  string  // household number
	role                   byte    // relation to the head, by class

	newborn       bool   // the name is no name yet: "child of …"
	mother        string // normalised name
	motherSounds  []string
	motherSurname bool // only the surname of mother is known
	motherID      identity
	order         byte // within a multiple birth
	rank          byte // "second daughter": tells two newborns apart, no more

	numbers [numNumbers]string // departments' own numbers of the person
}

// identity is an ID number, of which only a valid one identifies anybody.
type identity struct {
	text  string // 18 characters where the upgrade from 15 is sure
	core  string // 15 digits
	valid string // what I3 compares: equal exactly for one number; empty when it is not valid
}

type nameFeature struct {
	raw   string // as given, to tell identical from equal after variants
	text  string // normalised
	runes []rune
	// split is the number of runes of the surname.
	split int
}

type home struct {
	place, building, unit, room string
}

// numberAttributes are departments' own numbers of a person. Two different
// ones speak against one person only weakly.
var numberAttributes = [...]schema.Attribute{
	schema.BirthCertNo, schema.MedicalNo, schema.PensionNo, schema.HealthFileNo, schema.ResidencePass, schema.VeteranNo,
	schema.DisabilityNo,
}

const numNumbers = len(numberAttributes)

// Features derives what Compare and Keys need. Values that cannot serve as
// evidence (blank, unknown, placeholders, shared by strangers) are left out.
func (m *Model) Features(v schema.Values) *Features {
	id, parsed := readIdentity(v[schema.IDNumber])
	if id.text == "" {
		id, parsed = identityInCard(v[schema.DisabilityNo])
	}
	motherID, _ := readIdentity(v[schema.MotherID])
	f := &Features{
		id:       id,
		motherID: motherID,
		birth:    parseDate(v[schema.BirthDate]),
		phone:    m.phone(v[schema.Phone]),
		house:    plain(v[schema.HouseholdNo]),
		role:     roleClass(v[schema.Relation]),
		order:    digit(v[schema.BirthOrder]),
	}
	for i, a := range numberAttributes {
		f.numbers[i] = plain(v[a])
	}
	if s := v[schema.Sex]; s == "1" || s == "2" {
		f.sex = s[0]
	}
	f.homes[0] = readHome(v[schema.Residence])
	if h := readHome(v[schema.HukouAddress]); h != f.homes[0] {
		f.homes[1] = h
	}
	m.readNames(f, v)
	if f.id.valid != "" {
		f.fromID(parsed)
	}
	return f
}

// fromID fills birth date and sex from a valid number. Where the record itself
// says otherwise, both birth dates are kept: one of the two is a slip, and it
// is not known which.
func (f *Features) fromID(n idnum.Number) {
	if s, ok := n.Birth(); ok {
		switch d := parseDate(s); {
		case f.birth.zero(), f.birth != d && f.birth.fits(d):
			f.birth, f.birthFromID = d, true
		case f.birth != d:
			f.altBirth = d
		}
	}
	if s, ok := n.Sex(); ok && f.sex == 0 {
		f.sex, f.sexFromID = s[0], true
	}
}

func (m *Model) readNames(f *Features, v schema.Values) {
	f.mother, f.motherSounds = m.parent(v[schema.MotherName])
	name := strings.TrimSpace(v[schema.Name])
	if b, ok := parseNewborn(name); ok {
		f.newborn, f.rank = true, b.rank
		if f.sex == 0 {
			f.sex = b.sex
		}
		if f.mother == "" && b.parent != "" {
			f.motherSurname = b.surnameOnly
			f.mother, f.motherSounds = m.parent(b.parent)
		}
		return
	}
	if name == "" || m.sharedNames[name] {
		return
	}
	f.name = readName(name)
	f.sounds = sounds(name, f.name.text)
	f.surname, f.given = f.name.halves(f.sounds)
	f.rarity = m.rarity(f.name)
	f.latin = hanzi.Romanised(name)
	if former := strings.TrimSpace(v[schema.FormerName]); former != "" && !m.sharedNames[former] {
		if n := readName(former); n.text != f.name.text {
			f.former, f.formerBy = n, sounds(former, n.text)
		}
	}
}

func (m *Model) parent(name string) (text string, by []string) {
	name = strings.TrimSpace(name)
	if name == "" || m.sharedNames[name] {
		return "", nil
	}
	text = hanzi.Normalise(name)
	return text, sounds(name, text)
}

// rarity is what a common name takes off the weight of an equal name.
func (m *Model) rarity(n nameFeature) int32 {
	if n.text == "" {
		return 0
	}
	return -m.surnameLess[string(n.runes[:n.split])] - m.givenLess[string(n.runes[n.split:])]
}

func (m *Model) phone(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "+86"), "+")
	if len(s) < 7 || m.sharedPhones[s] || strings.Count(s[1:], s[1:2]) == len(s)-1 {
		return ""
	}
	return s
}

func readName(name string) nameFeature {
	n := nameFeature{raw: name, text: hanzi.Normalise(name)}
	n.runes = []rune(n.text)
	surname, _ := hanzi.Surname(n.text)
	if strings.HasPrefix(n.text, surname) {
		n.split = len([]rune(surname))
	}
	return n
}

// halves spells surname and given name without tones, as the plainest spelling
// of the whole name has them.
func (n nameFeature) halves(sounds []string) (surname, given string) {
	if len(sounds) == 0 {
		return "", ""
	}
	surname = strings.Join(hanzi.Pinyin(string(n.runes[:n.split])), "")
	if given, ok := strings.CutPrefix(sounds[0], surname); ok {
		return surname, given
	}
	return surname, string(n.runes[n.split:]) // a character without a reading
}

// maxSounds bounds the readings of a name with characters of several sounds.
const maxSounds = 2

// sounds spells a name without tones. A name that has no reading stands for
// itself, so that it still finds its equal.
func sounds(name, normalised string) []string {
	if normalised == "" {
		return nil
	}
	keys := hanzi.PinyinKeys(name)
	if len(keys) == 0 {
		return []string{normalised}
	}
	return keys[:min(len(keys), maxSounds)]
}

func readIdentity(text string) (identity, idnum.Number) {
	if text == "" {
		return identity{}, idnum.Number{}
	}
	n := idnum.Parse(text)
	if n.Text == "" {
		return identity{}, n // no form of a number, or a placeholder: evidence for nothing
	}
	id := identity{text: n.Text, core: idnum.Core15(n.Text)}
	sure := n.Valid
	if n.Type == idnum.Resident15 {
		// The orders that 15 digits kept for people born before 1900 leave the
		// century open: such a number is compared, but is not sure enough for I3.
		id.text, sure = upgrade(n.Text)
	}
	switch {
	case !sure:
	case len(id.text) == 18:
		id.valid = id.text[:17] // the check character adds nothing
	default:
		id.valid = id.text
	}
	return id, n
}

func upgrade(fifteen string) (text string, sure bool) {
	if s, ok := idnum.Upgrade15(fifteen); ok {
		return s, true
	}
	return fifteen, false
}

// identityInCard finds the ID number that a disability card's number starts
// with: number, category, grade.
func identityInCard(card string) (identity, idnum.Number) {
	if len(card) == 20 {
		if id, n := readIdentity(card[:18]); id.valid != "" {
			return id, n
		}
	}
	return identity{}, idnum.Number{}
}

func readHome(canonical string) home {
	a := schema.AddressFromCanonical(canonical)
	h := home{place: a.Compound, building: a.Building, unit: a.Unit, room: a.Room}
	if h.place == "" {
		h.place = a.Community
	}
	if h.place == "" {
		return home{} // "3栋201" without the place is in every compound
	}
	return h
}

// whole reports whether h names one dwelling.
func (h home) whole() bool { return h.building != "" && h.room != "" }

// plain drops what stands for "no number".
func plain(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || idnum.Placeholder(s) {
		return ""
	}
	return s
}

func digit(s string) byte {
	if len(s) == 1 && s[0] >= '1' && s[0] <= '9' {
		return s[0] - '0'
	}
	return 0
}

// roleClass is the first digit of GB/T 4761, with 本人 and 户主 as one, and
// 0 where the relation says nothing that excludes another.
func roleClass(code string) byte {
	if len(code) != 2 {
		return 0
	}
	switch code[0] {
	case '0':
		return 'h'
	case '1':
		return 's'
	case '2', '3':
		return 'c'
	case '4', '5', '6', '7':
		return code[0]
	}
	return 0
}

// HasValidID reports whether the record shows an ID number that can be right.
func (f *Features) HasValidID() bool { return f.id.valid != "" }

// sameSound reports whether two names have a reading in common.
func sameSound(a, b []string) bool {
	for _, s := range a {
		if slices.Contains(b, s) {
			return true
		}
	}
	return false
}
