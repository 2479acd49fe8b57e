package population

import (
	"fmt"
	"math"
)

// benefits gives out what the departments' own lists hold.
func (g *generator) benefits() {
	g.disabilities()
	g.lowIncome()
	g.veterans()
	for _, p := range g.pop.Persons {
		age := p.Age(g.pop.Today)
		switch {
		case age >= 60:
			p.Facts[PensionStatus] = "4" // 领取待遇
		case age >= 16 && g.chance(0.1):
			p.Facts[PensionStatus] = "2" // 暂停缴费
		case age >= 16:
			p.Facts[PensionStatus] = "1" // 正常缴费
		}
		p.Facts[MedicalStatus] = "1"
		if g.chance(0.05) {
			p.Facts[MedicalStatus] = "2"
		}
		if age < 7 {
			p.Facts[ChildHealth] = "1"
		}
	}
	for _, p := range g.pop.Persons {
		if p.Mother != 0 && p.Age(g.pop.Today) < 7 {
			g.pop.Persons[p.Mother-1].Facts[MaternalStatus] = "4" // 产后
		}
	}
}

// disabilities weighs the old three times.
func (g *generator) disabilities() {
	total := 0
	weight := func(p *Person) int {
		if p.Age(g.pop.Today) >= 60 {
			return 3
		}
		return 1
	}
	for _, p := range g.pop.Persons {
		total += weight(p)
	}
	each := shareDisabled * float64(len(g.pop.Persons)) / float64(total)
	for _, p := range g.pop.Persons {
		if !g.chance(each * float64(weight(p))) {
			continue
		}
		category, grade := 1+g.r.IntN(7), 1+g.r.IntN(4)
		p.Facts[Disability] = fmt.Sprintf("%d-%d", category, grade)
		p.Facts[DisabilityNo] = fmt.Sprintf("%s%d%d", p.Facts[IDNumber], category, grade)
	}
}

func (g *generator) lowIncome() {
	want := int(math.Round(shareLowIncome * float64(len(g.pop.Households))))
	for _, i := range g.r.Perm(len(g.pop.Households)) {
		if want == 0 {
			return
		}
		h := g.pop.Households[i]
		if h.Floating || len(h.Members) == 0 {
			continue
		}
		h.LowIncome = true
		want--
		kind := pick(g.r, []string{"1", "1", "1", "3", "5"})
		until := g.pop.Today.AddDate(0, 1+g.r.IntN(12), 0).Format("2006-01") + "-28"
		for _, id := range h.Members {
			f := g.pop.Persons[id-1].Facts
			f[LowIncome], f[LowIncomeUntil] = kind, until
		}
	}
}

func (g *generator) veterans() {
	var can []*Person
	for _, p := range g.pop.Persons {
		if p.Facts[Sex] == "1" && p.Age(g.pop.Today) >= 22 && p.Facts[ResidenceType] != ResidentFloating {
			can = append(can, p)
		}
	}
	want := int(math.Round(shareVeteran * float64(len(g.pop.Persons))))
	for i, at := range g.r.Perm(len(can)) {
		if i == want {
			return
		}
		f := can[at].Facts
		f[VeteranCategory] = pick(g.r, []string{"01", "02", "05", "07"})
		f[VeteranNo] = fmt.Sprintf("优字第29%06d号", 100+i)
	}
}

// Core are the platforms whose absences are drawn from the population's own
// source of chance; the others have one each, so that a platform more leaves
// the rest as it was.
var Core = []string{Gongan, Pension, Floating, Maternal, Medical, Disabled, LowIncomes, Veterans}

// membership decides who should be in which platform; Rates.Absent then
// leaves some out by accident.
func (g *generator) membership() {
	for _, p := range g.pop.Persons {
		for _, platform := range Core {
			p.Member[platform] = Eligible(platform, p, g.pop) && !g.chance(g.pop.Rates[platform].Absent)
		}
	}
	g.registered()
	for _, p := range g.pop.Persons {
		for platform, rates := range g.pop.Rates {
			if _, done := p.Member[platform]; !done {
				p.Member[platform] = Eligible(platform, p, g.pop) && g.pop.chance(platform, p.ID, 2).Float64() >= rates.Absent
			}
		}
	}
}

// registered makes newborns that 公安 does not know yet: known to 妇幼 and the
// family, without a number anywhere.
func (g *generator) registered() {
	for _, p := range g.pop.Persons {
		days := g.pop.Today.Sub(mustDay(p.Facts[BirthDate])).Hours() / 24
		if p.Member[Gongan] && days < 60 && g.chance(0.7) {
			p.Member[Gongan] = false
		}
	}
}

// Eligible reports whether a platform's own rules cover a person.
func Eligible(platform string, p *Person, pop *Population) bool {
	age := p.Age(pop.Today)
	floating := p.Facts[ResidenceType] == ResidentFloating
	switch platform {
	case Gongan:
		return !floating
	case Pension:
		return age >= 16 && !floating
	case Floating:
		return floating
	case Maternal:
		return p.Facts[MaternalStatus] != "" || p.Mother != 0 && age < 7
	case Medical:
		return true
	case Disabled:
		return p.Facts[Disability] != ""
	case LowIncomes:
		return p.Facts[LowIncome] != ""
	case Veterans:
		return p.Facts[VeteranCategory] != ""
	case Women:
		return p.Facts[Sex] == "2" && age >= 20 && age < 50 && p.Facts[MaritalStatus] != "10"
	case Everybody:
		return true
	case Notices:
		return p.Facts[MigrationNotice] != ""
	case Rewards:
		return p.Facts[FamilyReward] != ""
	case HealthFiles:
		return p.Facts[HealthFileNo] != ""
	case Mental:
		return p.Facts[MentalDisorder] != ""
	case Jobs:
		return p.Facts[JobStatus] != ""
	case Marriages: // whoever married or divorced; it knows no widows
		return age >= 20 && (p.Facts[MaritalStatus] == "20" || p.Facts[MaritalStatus] == "40")
	case OldAge:
		return age >= 80 || p.Facts[CareLevel] != ""
	case Children:
		return p.Facts[ChildCategory] != ""
	case Party:
		return p.Facts[PartyMember] != ""
	case Safety:
		return true
	case Correction:
		return p.Facts[Corrections] != ""
	case WomensHome:
		return p.Facts[ServiceDate] != ""
	case Volunteers:
		return p.Facts[VolunteerNo] != ""
	}
	return false
}
