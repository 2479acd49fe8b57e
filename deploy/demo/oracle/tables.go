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
	p.Marriages: {scope: everybody}, // answers, and takes nothing
	p.Notices:   {scope: everybody, modes: events(map[string]mode{p.MaritalStatus: fillEmpty, p.SpouseName: fillEmpty, p.IDNumber: fillEmpty})},
	p.Rewards:   {scope: everybody, modes: events(map[string]mode{p.MaritalStatus: fillEmpty, p.SpouseName: fillEmpty, p.IDNumber: fillEmpty})},
	p.Children: {scope: func(m map[string]string, today time.Time) bool { return youngerThan(m[p.BirthDate], 18, today) },
		modes: events(map[string]mode{p.IDNumber: fillEmpty, p.Ethnicity: fillEmpty, p.ResidenceType: fillEmpty})},
	p.Party:      {scope: everybody, modes: events(map[string]mode{p.IDNumber: fillEmpty, p.Workplace: fillEmpty, p.Education: fillEmpty, p.Ethnicity: fillEmpty})},
	p.WomensHome: {scope: everybody, modes: events(map[string]mode{p.Guardian: fillEmpty, p.ResidenceType: fillEmpty})},
	p.Jobs: {scope: everybody, modes: events(map[string]mode{p.IDNumber: fillEmpty, p.Ethnicity: fillEmpty, p.Education: fillEmpty,
		p.MaritalStatus: fillEmpty, p.Workplace: fillEmpty})},
	p.HealthFiles: {scope: everybody, modes: events(map[string]mode{p.IDNumber: fillEmpty, p.Ethnicity: fillEmpty,
		p.MaritalStatus: fillEmpty, p.Education: fillEmpty, p.Guardian: fillEmpty})},
	p.Safety: {scope: everybody, modes: events(map[string]mode{p.IDNumber: fillEmpty, p.Ethnicity: fillEmpty, p.MaritalStatus: fillEmpty,
		p.Education: fillEmpty, p.Workplace: fillEmpty, p.ResidenceType: fillEmpty})},
	p.OldAge: {scope: func(m map[string]string, today time.Time) bool { return atLeast(m[p.BirthDate], 60, today) },
		modes: events(map[string]mode{p.IDNumber: fillEmpty, p.Ethnicity: fillEmpty, p.BirthDate: propose})},
	p.Mental:     {scope: everybody, modes: map[string]mode{p.Phone: overwrite, p.Residence: overwrite}}, // sealed
	p.Correction: {scope: everybody, modes: map[string]mode{p.Phone: overwrite, p.Residence: overwrite}}, // sealed
	p.Volunteers: {scope: everybody, modes: events(map[string]mode{p.Sex: fillEmpty, p.BirthDate: fillEmpty, p.Education: fillEmpty})},
}

// told is what 社区监督 is told, written out again: how many residents in force a
// line counts. One or two are told as few.
var told = []struct {
	label string
	of    func(map[string]string) bool
}{
	{"常住人口", func(map[string]string) bool { return true }},
	{"低保特困对象", func(m map[string]string) bool { return slices.Contains([]string{"1", "2", "3", "4"}, m[p.LowIncome]) }},
	{"持证残疾人", func(m map[string]string) bool { return m[p.Disability] != "" }},
	{"享受高龄津贴老人", func(m map[string]string) bool { return slices.Contains([]string{"1", "2", "3"}, m[p.OldAgeAllowance]) }},
	{"优抚对象", func(m map[string]string) bool { return m[p.VeteranCategory] != "" }},
}

const few = "少于3"

// atLeast reports whether a birth date is so many years ago.
func atLeast(birth string, years int, today time.Time) bool {
	return birth != "" && !youngerThan(birth, years, today)
}

// youngerThan reports whether a birth date is less than so many years ago.
func youngerThan(birth string, years int, today time.Time) bool {
	b, err := time.Parse(time.DateOnly, birth)
	return err == nil && b.AddDate(years, 0, 0).After(today)
}
