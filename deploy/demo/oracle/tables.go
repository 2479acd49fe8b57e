package oracle

import (
	"slices"
	"time"

	p "heji/deploy/demo/population"
)

// mode is what the agreement lets us do to one attribute of one platform.
type mode int

const (
	never     mode = iota
	fillEmpty      // only where the platform has nothing of its own
	overwrite
	propose // to the owner, never into the row
)

// deal is one platform's agreement, written out again by hand from what the
// department signed, not read from the hub's file.
type deal struct {
	modes   map[string]mode
	creates bool
	// natural must be known before a row may be created.
	natural []string
	// scope is who the platform is for. A row whose resident is out of scope is
	// left as it is.
	scope func(master map[string]string, today time.Time) bool
}

func everybody(map[string]string, time.Time) bool { return true }

// events are what goes to everyone: a phone, an address, a death.
func events(more map[string]mode) map[string]mode {
	m := map[string]mode{p.Phone: overwrite, p.Residence: overwrite, p.LifeStatus: overwrite, p.DeathDate: overwrite}
	for a, how := range more {
		m[a] = how
	}
	return m
}

var deals = map[string]deal{
	p.Gongan: {scope: everybody}, // read only
	p.Pension: {scope: everybody, modes: events(map[string]mode{
		p.MaritalStatus: fillEmpty, p.Education: fillEmpty, p.Ethnicity: fillEmpty, p.Name: propose, p.IDNumber: propose})},
	p.Floating: {creates: true, natural: []string{p.IDNumber},
		scope: func(m map[string]string, _ time.Time) bool { return m[p.ResidenceType] == p.ResidentFloating },
		modes: map[string]mode{p.Phone: overwrite, p.Residence: overwrite, p.ResidenceType: fillEmpty, p.Name: fillEmpty,
			p.IDNumber: fillEmpty, p.Sex: fillEmpty, p.BirthDate: fillEmpty, p.Ethnicity: fillEmpty, p.MaritalStatus: fillEmpty,
			p.Education: fillEmpty, p.Workplace: fillEmpty}},
	p.Maternal: {creates: true, natural: []string{p.MotherID, p.BirthDate, p.BirthOrder},
		scope: func(m map[string]string, today time.Time) bool { return youngerThan(m[p.BirthDate], 7, today) },
		modes: events(map[string]mode{p.Name: fillEmpty, p.IDNumber: fillEmpty, p.Sex: fillEmpty, p.BirthDate: fillEmpty,
			p.Ethnicity: fillEmpty, p.MotherName: fillEmpty, p.MotherID: fillEmpty, p.BirthOrder: fillEmpty})},
	p.Medical: {creates: true, natural: []string{p.IDNumber},
		scope: func(m map[string]string, _ time.Time) bool {
			return !slices.Contains([]string{p.Dead, p.MovedOut}, m[p.LifeStatus])
		},
		modes: events(map[string]mode{p.ResidenceType: fillEmpty, p.Name: fillEmpty, p.IDNumber: fillEmpty, p.Sex: fillEmpty,
			p.BirthDate: fillEmpty, p.Ethnicity: fillEmpty})},
	p.Disabled: {scope: everybody, modes: events(map[string]mode{
		p.MaritalStatus: fillEmpty, p.Education: fillEmpty, p.Ethnicity: fillEmpty})},
	p.LowIncomes: {scope: everybody, modes: events(map[string]mode{
		p.IDNumber: fillEmpty, p.Disability: fillEmpty, p.Ethnicity: fillEmpty})},
	p.Veterans: {scope: everybody, modes: events(map[string]mode{
		p.Ethnicity: fillEmpty, p.Name: propose, p.IDNumber: propose})},
	p.Women: {scope: everybody, modes: events(map[string]mode{p.MaritalStatus: fillEmpty, p.Education: fillEmpty,
		p.Ethnicity: fillEmpty, p.SpouseName: fillEmpty, p.IDNumber: propose})},
	p.Everybody: {scope: everybody}, // a view
	p.HealthFiles: {scope: everybody, modes: events(map[string]mode{p.IDNumber: fillEmpty, p.Ethnicity: fillEmpty,
		p.MaritalStatus: fillEmpty, p.Education: fillEmpty, p.Guardian: fillEmpty})},
	p.OldAge: {scope: func(m map[string]string, today time.Time) bool { return atLeast(m[p.BirthDate], 60, today) },
		modes: events(map[string]mode{p.IDNumber: fillEmpty, p.Ethnicity: fillEmpty, p.BirthDate: propose})},
	p.Volunteers: {scope: everybody, modes: events(map[string]mode{p.Sex: fillEmpty, p.BirthDate: fillEmpty, p.Education: fillEmpty})},
}

// atLeast reports whether a birth date is so many years ago.
func atLeast(birth string, years int, today time.Time) bool {
	return birth != "" && !youngerThan(birth, years, today)
}

// youngerThan reports whether a birth date is less than so many years ago.
func youngerThan(birth string, years int, today time.Time) bool {
	b, err := time.Parse(time.DateOnly, birth)
	return err == nil && b.AddDate(years, 0, 0).After(today)
}
