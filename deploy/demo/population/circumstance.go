package population

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// departments fills what only one department decides or writes down. Each fact
// of each person has a source of chance of its own, so that one department more
// leaves the others as they were.
func (g *generator) departments() {
	for _, p := range g.pop.Persons {
		d := &dossier{pop: g.pop, p: p, f: p.Facts, age: p.Age(g.pop.Today)}
		d.residence()
		d.family()
		d.health()
		d.work()
		d.old()
		d.young()
		d.society()
	}
}

// dossier is one person under the eyes of the departments.
type dossier struct {
	pop *Population
	p   *Person
	f   Facts
	age int
}

// draw is the source of chance of one fact.
func (d *dossier) draw(fact string) *rand.Rand { return d.pop.chance("fact "+fact, d.p.ID, 0) }

// hit reports whether a fact applies to this person, and returns its source.
func (d *dossier) hit(fact string, share float64) (*rand.Rand, bool) {
	r := d.draw(fact)
	return r, r.Float64() < share
}

// ago is a day between so many days ago.
func (d *dossier) ago(r *rand.Rand, least, most int) string {
	return d.pop.Today.AddDate(0, 0, -least-r.IntN(most-least)).Format(time.DateOnly)
}

func (d *dossier) living() bool { return d.f[LifeStatus] == Living }

// homeRegion is the twelve digits of the street's first community.
const homeRegion = homeArea + "004001"

func (d *dossier) residence() {
	d.f[HukouRegion] = homeRegion
	home := ParseAddress(d.f[Residence])
	// One grid for each compound: the community and the compound's building.
	d.f[Grid] = fmt.Sprintf("%s%s", homeRegion, gridOf(home))
	if d.f[ResidenceType] != ResidentFloating {
		return
	}
	r := d.draw(ResidencePass)
	d.f[HukouRegion] = fmt.Sprintf("%s104%03d", d.f[IDNumber][:6], 200+r.IntN(20))
	d.f[Registered] = d.ago(r, 20, 1200)
	if d.age >= 16 && r.Float64() < 0.8 {
		d.f[ResidencePass] = fmt.Sprintf("2901050%08d", d.p.ID*7+1000)
		d.f[PassUntil] = d.pop.Today.AddDate(0, 0, 30+r.IntN(330)).Format(time.DateOnly)
	}
	d.f[Landlord] = pick(r, []string{"陈国强", "周丽华", "吴建民", "徐秀珍", "孙志明", "何美英"})
	if d.age >= 18 && d.age < 50 && r.Float64() < 0.5 {
		d.f[MigrationNotice] = "1"
	}
}

// gridOf is three digits: the compound's place in the street, and its half.
func gridOf(home Address) string {
	n := 0
	for _, c := range communities {
		for _, compound := range c.compounds {
			n++
			if compound == home.Compound {
				half := 1
				if len(home.Building) > 0 && (home.Building[len(home.Building)-1]-'0')%2 == 0 {
					half = 2
				}
				return fmt.Sprintf("%02d%d", n, half)
			}
		}
	}
	return "990"
}

func (d *dossier) family() {
	f := d.f
	for _, id := range d.pop.Households[d.p.Household-1].Members {
		other := d.pop.Persons[id-1]
		if other.ID != d.p.ID && f[MaritalStatus] == "20" && other.Facts[MaritalStatus] == "20" &&
			(f[Relation] == "02" && other.Facts[Relation] == "12" || f[Relation] == "12" && other.Facts[Relation] == "02") {
			f[SpouseName] = other.Facts[Name]
		}
	}
	if f[Sex] == "2" && d.age >= 20 && d.age < 50 && f[MaritalStatus] == "20" {
		r := d.draw(Contraception)
		f[Contraception] = pick(r, []string{"10", "12", "21", "21", "21", "23", "24", "24", "24"})
		f[PregnancyCheck] = d.ago(r, 10, 200)
	}
	if d.age < 7 && d.p.Mother != 0 {
		f[BirthCertNo] = fmt.Sprintf("Y290%06d", 100000+d.p.ID)
	}
	if r, ok := d.hit(FamilyReward, 0.10); ok && d.age >= 60 && d.living() && f[ResidenceType] != ResidentFloating {
		f[FamilyReward] = pick(r, []string{"1", "1", "1", "1", "1", "2", "3"})
	}
}

func (d *dossier) health() {
	share := 0.65
	if d.age >= 60 || d.age < 7 {
		share = 0.9
	}
	if _, ok := d.hit(HealthFileNo, share); !ok {
		return
	}
	d.f[HealthFileNo] = fmt.Sprintf("290105004001%05d", d.p.ID)
	r := d.draw(ChronicDisease)
	if d.age >= 60 && r.Float64() < 0.45 || d.age >= 45 && d.age < 60 && r.Float64() < 0.12 {
		d.f[ChronicDisease] = pick(r, []string{"1", "1", "1", "2", "2", "3", "4", "5"})
	}
	if d.f[ChronicDisease] != "" || d.age < 7 || r.Float64() < 0.3 {
		d.f[FamilyDoctor] = pick(r, []string{"柳营一团队", "柳营二团队", "柳营三团队"})
	}
	if r, ok := d.hit(MentalDisorder, 0.0045); ok && d.age >= 18 {
		d.f[MentalDisorder] = fmt.Sprint(r.IntN(4)) // 危险性评估等级 0–3
	}
}

func (d *dossier) work() {
	if d.age < 16 || d.age >= 62 {
		return
	}
	r, ok := d.hit(JobStatus, 0.62)
	switch {
	case !ok:
	case d.f[Workplace] != "":
		d.f[JobStatus] = "1"
	case d.age < 23:
		d.f[JobStatus] = "5"
	case d.age >= 60:
		d.f[JobStatus] = "4"
	default:
		d.f[JobStatus] = pick(r, []string{"2", "2", "3", "3", "6"})
	}
}

func (d *dossier) old() {
	if !d.living() {
		return
	}
	switch {
	case d.age >= 100:
		d.f[OldAgeAllowance] = "3"
	case d.age >= 90:
		d.f[OldAgeAllowance] = "2"
	case d.age >= 80:
		d.f[OldAgeAllowance] = "1"
	}
	if r, ok := d.hit(CareLevel, 0.25); ok && d.age >= 65 {
		d.f[CareLevel] = pick(r, []string{"0", "0", "1", "1", "2", "3", "4"})
	}
}

func (d *dossier) young() {
	r, ok := d.hit(ChildCategory, 0.06)
	if ok && d.age < 18 {
		d.f[ChildCategory] = pick(r, []string{"2", "3", "3", "4", "4"})
		if d.f[Guardian] == "" {
			d.f[Guardian] = "陈秀珍"
		}
	}
}

func (d *dossier) society() {
	if r, ok := d.hit(PartyMember, 0.075); ok && d.age >= 20 && d.f[ResidenceType] != ResidentFloating {
		d.f[PartyMember] = pick(r, []string{"1", "1", "1", "1", "1", "1", "1", "2"})
		d.f[PartyBranch] = pick(r, []string{"安宁里社区第一党支部", "安宁里社区第二党支部", "永福里社区党支部"})
	}
	if r, ok := d.hit(VolunteerNo, 0.07); ok && d.age >= 16 && d.age < 76 && d.living() {
		d.f[VolunteerNo] = fmt.Sprintf("290105%08d", 20_000_000+d.p.ID)
		d.f[Interests] = pick(r, []string{"书法", "广场舞", "戏曲", "摄影", "助老", "助学", "环保"})
	}
	share := 0.0
	switch {
	case d.age < 14:
		share = 0.08
	case d.f[Sex] == "2" && d.age >= 18 && d.age < 60:
		share = 0.06
	}
	if r, ok := d.hit(ServiceDate, share); ok {
		d.f[ServiceDate] = d.ago(r, 5, 300)
	}
	if r, ok := d.hit(Corrections, 0.003); ok && d.age >= 18 && d.living() {
		d.f[Corrections] = pick(r, []string{"严管", "普管", "普管", "宽管"})
		d.f[CorrectionUntil] = d.pop.Today.AddDate(0, 2+r.IntN(30), 0).Format("2006-01") + "-15"
	}
}
