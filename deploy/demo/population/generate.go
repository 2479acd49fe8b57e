package population

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// Reference is the day that ages count from when none is given.
var Reference = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// Generate makes a population of n residents as of Reference.
func Generate(n int, seed int64) *Population { return GenerateAt(n, seed, Reference) }

// GenerateAt makes a population of n residents as of a day. Equal input gives
// an equal population.
func GenerateAt(n int, seed int64, today time.Time) *Population {
	g := &generator{
		r:       rand.New(rand.NewPCG(uint64(seed), 0x9e3779b97f4a7c15)),
		pop:     &Population{Seed: seed, Today: today.UTC().Truncate(24 * time.Hour), Rates: maps.Clone(DefaultRates)},
		numbers: numbers{next: map[string]int{}},
		n:       max(1, n),
	}
	for len(g.pop.Persons) < max(1, n) {
		g.household()
	}
	g.trim()
	g.dwell()
	g.benefits()
	g.departments()
	g.membership()
	return g.pop
}

// trim cuts the last household to the number asked for.
func (g *generator) trim() {
	n, last := g.n, g.pop.Households[len(g.pop.Households)-1]
	g.pop.Persons = g.pop.Persons[:n]
	last.Members = slices.DeleteFunc(last.Members, func(id int) bool { return id > n })
	for _, p := range g.pop.Persons {
		if p.Twin > n {
			p.Twin = 0
		}
	}
}

type generator struct {
	r       *rand.Rand
	pop     *Population
	numbers numbers
	phones  int
	n       int
}

func (g *generator) chance(p float64) bool { return g.r.Float64() < p }

// birth returns a birthday of a person of an age from lo to hi. Birthdays
// within four days of today are moved, so that nobody crosses an age limit
// while a demo runs, whatever the time zone.
func (g *generator) birth(lo, hi int) string {
	span := max(1, (hi-lo+1)*365-10)
	day := g.pop.Today.AddDate(-lo, 0, -5-g.r.IntN(span))
	today := g.pop.Today
	same := time.Date(today.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
	if gap := same.Sub(today).Hours() / 24; gap >= -4 && gap <= 4 {
		day = day.AddDate(0, 0, -9)
	}
	return day.Format(time.DateOnly)
}

func (g *generator) phone() string {
	g.phones++
	// A permutation of the numbers below 10^8, so that neighbours do not look alike.
	return fmt.Sprintf("154%08d", (uint64(g.phones)*61_803_399+uint64(g.pop.Seed)%99991)%100_000_000)
}

// add makes one person of a household.
func (g *generator) add(h *Household, sex, birth, name, relation string, floating bool) *Person {
	area := homeArea
	if floating || g.chance(0.25) {
		area = pick(g.r, farAreas)
	}
	return g.addFrom(area, h, sex, birth, name, relation)
}

// addFrom is add for a person whose first registration was in a known area.
func (g *generator) addFrom(area string, h *Household, sex, birth, name, relation string) *Person {
	p := &Person{ID: len(g.pop.Persons) + 1, Household: h.ID, Facts: Facts{}, Past: Facts{}, Member: map[string]bool{}}
	p.Facts[Name], p.Facts[Sex], p.Facts[BirthDate] = name, sex, birth
	p.Facts[Ethnicity] = "01"
	p.Facts[Relation], p.Facts[LifeStatus] = relation, Living
	p.Facts[IDNumber] = g.numbers.take(area, birth, sex, g.r.IntN(400))
	p.Spellings = spellings(name)
	g.pop.Persons = append(g.pop.Persons, p)
	h.Members = append(h.Members, p.ID)
	g.circumstances(p)
	return p
}

// circumstances fills what depends on age alone.
func (g *generator) circumstances(p *Person) {
	age, r := p.Age(g.pop.Today), g.r
	f := p.Facts
	f[MaritalStatus] = "10"
	switch {
	case age < 6:
	case age < 12:
		f[Education] = "80"
	case age < 15:
		f[Education] = "70"
	case age < 18:
		f[Education] = "60"
	case age < 45:
		f[Education] = pick(r, []string{"10", "20", "20", "20", "30", "30", "40", "60", "70"})
	case age < 65:
		f[Education] = pick(r, []string{"20", "30", "40", "60", "60", "70", "70", "80"})
	default:
		f[Education] = pick(r, []string{"30", "60", "70", "70", "80", "80"})
	}
	if age >= 16 {
		f[Phone], p.Past[Phone] = g.phone(), g.phone()
	}
	if age >= 22 && age < 60 && g.chance(0.7) {
		f[Workplace] = pick(r, []string{"临江机械厂", "青河第一小学", "柳营菜市场", "临江公交公司", "安和物业", "青河区医院", "柳营快递站", "明发餐饮店"})
	}
	if age >= 60 && number15able(f[BirthDate]) {
		p.Old15 = number15(f[IDNumber])
	}
	if age >= 60 && g.chance(shareDead) {
		f[LifeStatus] = Dead
		f[DeathDate] = g.pop.Today.AddDate(0, 0, -20-r.IntN(700)).Format(time.DateOnly)
	}
	if age >= 22 && g.chance(shareNameChange) {
		runes := []rune(f[Name])
		if len(runes) <= 4 {
			f[FormerName] = string(runes[:1]) + given(r, f[Sex], birthYear(f))
			if f[FormerName] == f[Name] {
				delete(f, FormerName)
			} else {
				p.Past[Name] = f[FormerName]
			}
		}
	}
}

func number15able(birth string) bool { return birth < "2000" }

func birthYear(f Facts) int {
	var y int
	fmt.Sscanf(f[BirthDate], "%4d", &y)
	return y
}

// household makes one family or flat-share.
func (g *generator) household() {
	r := g.r
	h := &Household{ID: len(g.pop.Households) + 1, Floating: g.chance(shareFloating)}
	g.pop.Households = append(g.pop.Households, h)
	family := g.naming()
	switch kind := r.Float64(); {
	case h.Floating && kind < 0.4: // flat-share
		for range 1 + r.IntN(3) {
			other := g.naming()
			sex := pick(r, []string{"1", "2"})
			birth := g.birth(18, 45)
			relation := "99"
			if len(h.Members) == 0 {
				relation = "02"
			}
			g.add(h, sex, birth, other.name(r, sex, birth, ""), relation, true)
		}
	case h.Floating:
		g.couple(h, family, 23, 45, g.children(0.5))
	case kind < 0.20: // an old couple
		g.couple(h, family, 60, 86, 0)
	case kind < 0.28: // old and alone
		sex := pick(r, []string{"1", "2", "2"})
		birth := g.birth(65, 92)
		p := g.add(h, sex, birth, family.name(r, sex, birth, ""), "02", false)
		p.Facts[MaritalStatus] = "30"
	case kind < 0.36: // alone
		sex := pick(r, []string{"1", "2"})
		birth := g.birth(22, 58)
		p := g.add(h, sex, birth, family.name(r, sex, birth, ""), "02", false)
		p.Facts[MaritalStatus] = pick(r, []string{"10", "10", "40"})
	case kind < 0.52: // three generations
		g.couple(h, family, 28, 46, g.children(0.9))
		head := g.pop.Persons[h.Members[0]-1]
		g.parents(h, family, head)
	default:
		g.couple(h, family, 26, 56, g.children(0.8))
	}
	g.familyFacts(h)
}

// children returns how many children a couple has; -2 are twins.
func (g *generator) children(p float64) int {
	switch {
	case !g.chance(p):
		return 0
	case g.chance(shareTwins):
		return -2
	case g.chance(0.3):
		return 2
	}
	return 1
}

// couple adds a man, a woman and their children.
func (g *generator) couple(h *Household, family naming, lo, hi, children int) {
	r := g.r
	birthM := g.birth(lo, hi)
	age := ageAt(birthM, g.pop.Today)
	birthF := g.birth(max(lo-2, age-4), max(lo, age+1))
	man := g.add(h, "1", birthM, family.name(r, "1", birthM, ""), "02", h.Floating)
	wife := g.naming()
	if family.people.code != "01" {
		wife.people = family.people
	}
	woman := g.add(h, "2", birthF, wife.name(r, "2", birthF, ""), "12", h.Floating)
	for _, p := range []*Person{man, woman} {
		p.Facts[MaritalStatus], p.Facts[Ethnicity] = "20", family.people.code
	}
	woman.Facts[Ethnicity] = wife.people.code
	if woman.Facts[LifeStatus] == Dead {
		man.Facts[MaritalStatus] = "30"
	}
	if man.Facts[LifeStatus] == Dead {
		woman.Facts[MaritalStatus] = "30"
	}
	if children == 0 {
		return
	}
	motherAge := woman.Age(g.pop.Today)
	oldest := min(17, max(0, motherAge-22))
	twins := children < 0
	birth := ""
	var before *Person
	for i := range max(children, -children) {
		if birth == "" || !twins {
			birth = g.birth(0, oldest)
		}
		sex := pick(r, []string{"1", "2"})
		father := ""
		if sex == "1" && g.chance(shareNearName) && len([]rune(man.Facts[Name])) == 3 && family.people.code == "01" {
			father = man.Facts[Name]
		}
		name := family.name(r, sex, birth, father)
		for tries := 0; i > 0 && before != nil && name == before.Facts[Name] && tries < 20; tries++ {
			name = family.name(r, sex, birth, "")
		}
		relation := map[string]string{"1": "20", "2": "30"}[sex]
		area := homeArea
		if h.Floating {
			area = woman.Facts[IDNumber][:6]
		}
		child := g.addFrom(area, h, sex, birth, name, relation)
		child.Mother, child.Father = woman.ID, man.ID
		child.Facts[Ethnicity] = man.Facts[Ethnicity]
		child.Facts[MotherName], child.Facts[MotherID] = woman.Facts[Name], woman.Facts[IDNumber]
		child.Facts[Guardian] = woman.Facts[Name]
		child.Facts[BirthOrder] = "1"
		if twins && before != nil {
			child.Facts[BirthOrder] = "2"
			child.Twin, before.Twin = before.ID, child.ID
		}
		before = child
	}
}

// parents adds one or two parents of the head.
func (g *generator) parents(h *Household, family naming, head *Person) {
	age := head.Age(g.pop.Today)
	for i, sex := range []string{"2", "1"} {
		if i == 1 && g.chance(0.4) {
			continue
		}
		birth := g.birth(age+23, age+30)
		of := family
		if sex == "2" {
			of = g.naming()
		}
		p := g.add(h, sex, birth, of.name(g.r, sex, birth, ""), map[string]string{"1": "51", "2": "52"}[sex], h.Floating)
		p.Facts[MaritalStatus] = "20"
		if i == 0 && len(h.Members) > 0 {
			p.Facts[Ethnicity] = of.people.code
		}
	}
}

// familyFacts sets what the family shares: phones of the old and the young.
func (g *generator) familyFacts(h *Household) {
	var adult *Person
	for _, id := range h.Members {
		p := g.pop.Persons[id-1]
		if age := p.Age(g.pop.Today); age >= 18 && age < 60 {
			adult = p
		}
	}
	for _, id := range h.Members {
		p := g.pop.Persons[id-1]
		age := p.Age(g.pop.Today)
		switch {
		case p.Mother != 0 && age < 16:
			m := g.pop.Persons[p.Mother-1]
			p.Facts[Phone], p.Past[Phone] = m.Facts[Phone], m.Past[Phone]
		case age >= 65 && adult != nil && g.chance(shareSharedPhone):
			p.Facts[Phone] = adult.Facts[Phone]
		}
	}
	if !h.Floating {
		for _, id := range h.Members {
			g.pop.Persons[id-1].Facts[HouseholdNo] = fmt.Sprintf("29010500%06d", h.ID)
		}
	}
}

// naming is how one family names its members.
type naming struct {
	surname string
	people  minority
}

func (g *generator) naming() naming {
	n := naming{surname: pick(g.r, surnames), people: minority{code: "01"}}
	if g.chance(shareMinority) {
		n.people = pick(g.r, minorities)
	}
	return n
}

func (n naming) name(r *rand.Rand, sex, birth, father string) string {
	if n.people.male != nil {
		first := n.people.male
		if sex == "2" {
			first = n.people.female
		}
		if n.people.dotted {
			return pick(r, first) + "·" + pick(r, n.people.fathers)
		}
		return pick(r, first)
	}
	if father != "" {
		return nearName(r, father)
	}
	if r.Float64() < shareNamesake && birth < "2008" {
		return pick(r, commonest[sex])
	}
	var year int
	fmt.Sscanf(birth, "%4d", &year)
	return n.surname + given(r, sex, year)
}

func ageAt(birth string, today time.Time) int {
	return (&Person{Facts: Facts{BirthDate: birth}}).Age(today)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}

// SparePhone is the k-th phone number that nobody in the population has.
func (p *Population) SparePhone(k int) string {
	g := generator{pop: p, phones: 40_000_000 + k}
	return g.phone()
}

// EmptyDwellings are the flats where nobody lives.
func (p *Population) EmptyDwellings() []*Dwelling {
	var list []*Dwelling
	for _, d := range p.Dwellings {
		if d.Household == 0 {
			list = append(list, d)
		}
	}
	return list
}
