package population

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// toldOfDeath lists platforms that learn of every death: 公安 strikes the entry,
// and the two insurances stop paying.
var toldOfDeath = map[string]bool{Gongan: true, Pension: true, Medical: true}

// Observe derives the rows that a platform holds: each member's facts with
// that platform's errors, and some members twice. Equal populations give equal
// rows in equal order.
func (p *Population) Observe(platform string) []Observed {
	rates := p.Rates[platform]
	var rows []Observed
	for _, person := range p.Persons {
		if !person.Member[platform] {
			continue
		}
		r := p.chance(platform, person.ID, 0)
		rows = append(rows, p.observe(r, platform, person, rates))
		if r.Float64() < rates.Duplicate {
			again := p.observe(r, platform, person, rates)
			again.Errors = append(again.Errors, Duplicate)
			rows = append(rows, again)
		}
	}
	return rows
}

// Fresh is what a careful clerk would enter about a person today: no errors.
func (p *Population) Fresh(platform string, person *Person) Observed {
	return Observed{Platform: platform, Person: person.ID, Facts: person.Facts.Clone(), ChangedAt: p.Today}
}

// chance is a source of its own for each platform and person, so that one
// platform's rates do not shift another's rows.
func (p *Population) chance(platform string, person, salt int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(platform))
	return rand.New(rand.NewPCG(uint64(p.Seed)^h.Sum64(), uint64(person)<<8|uint64(salt)))
}

func (p *Population) observe(r *rand.Rand, platform string, person *Person, rates Rates) Observed {
	o := Observed{Platform: platform, Person: person.ID, Facts: person.Facts.Clone()}
	hit := func(rate float64, e Error) bool {
		if r.Float64() >= rate {
			return false
		}
		o.Errors = append(o.Errors, e)
		return true
	}
	f, age := o.Facts, person.Age(p.Today)
	p.mistakeNumber(hit, r, person, f, rates, age)
	p.mistakeName(hit, r, person, f, rates)
	stale := false
	if platform == Everybody && person.Past[Name] != "" && r.Float64() < 0.5 {
		f[Name] = person.Past[Name] // it copies 公安, late
		delete(f, FormerName)
	}
	if f[Phone] != "" && person.Past[Phone] != "" && hit(rates.PhoneStale, PhoneStale) {
		f[Phone], stale = person.Past[Phone], true
	}
	if f[Residence] != "" && hit(rates.AddressStale, AddressStale) {
		f[Residence], stale = person.Past[Residence], true
	}
	for _, fact := range []string{MaritalStatus, Education, Ethnicity, Workplace} {
		if f[fact] != "" && hit(rates.Blank, Blank) {
			delete(f, fact)
		}
	}
	if !toldOfDeath[platform] && f[LifeStatus] == Dead && r.Float64() < 0.5 {
		f[LifeStatus] = Living // nobody told this platform
		delete(f, DeathDate)
		stale = true
	}
	o.ChangedAt = p.changed(r, stale)
	return o
}

func (p *Population) mistakeNumber(hit func(float64, Error) bool, r *rand.Rand, person *Person, f Facts, rates Rates, age int) {
	switch {
	case age < 1 && hit(rates.BabyIDMissing, IDMissing), age >= 1 && hit(rates.IDMissing, IDMissing):
		delete(f, IDNumber)
	case hit(rates.IDTypo, IDTypo):
		f[IDNumber] = numberTypo(r, f[IDNumber])
	case person.Old15 != "" && hit(rates.IDOld, IDOld):
		f[IDNumber] = person.Old15
	}
}

func (p *Population) mistakeName(hit func(float64, Error) bool, r *rand.Rand, person *Person, f Facts, rates Rates) {
	switch {
	// A baby without a number is often entered before it has a name.
	case f[IDNumber] == "" && f[MotherName] != "" && person.Age(p.Today) < 1 && hit(0.5, Unnamed):
		kind := map[string]string{"1": "之子", "2": "之女"}[f[Sex]]
		f[Name] = string([]rune(f[MotherName])[:1]) + "某" + kind
	case hit(rates.NameTypo, NameTypo):
		f[Name] = typo(r, f[Name])
	case len(person.Spellings) > 0 && hit(rates.NameVariant, NameVariant):
		f[Name] = pick(r, person.Spellings)
	}
}

// changed is a moment of the last two years, or of the four years before for a
// row with something stale.
func (p *Population) changed(r *rand.Rand, stale bool) time.Time {
	back := time.Duration(2*24+r.IntN(700*24)) * time.Hour
	if stale {
		back += 730 * 24 * time.Hour * time.Duration(1+r.IntN(2))
	}
	return p.Today.Add(-back - time.Duration(r.IntN(3_600_000))*time.Millisecond)
}

func mustDay(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic("population: " + s + " is no day: " + err.Error())
	}
	return t
}
