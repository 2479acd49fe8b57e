package bench

import (
	"math/rand/v2"
	"strconv"
	"time"

	"heji/deploy/demo/population"
)

// today is the day that ages count from.
var today = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// person is the truth about one invented resident.
type person struct {
	name, former   string
	number         string // 18 characters, of an area that no place has
	sex            byte   // '1' or '2'
	birth          string // yyyy-mm-dd
	age            int
	phone, oldCall string
	home, oldHome  string // canonical addresses
	household      string
	relation       string
	mother         *person // nil: not known
	order          string  // among twins
}

// people makes households one after the other. Nothing of an earlier household
// is needed for the next, so that ten million records take no more memory than
// their values.
type people struct {
	r      *rand.Rand
	seed   uint64
	homes  int
	phones int
	issued []uint16 // ID numbers given out, by area, day and sex
}

// days bounds the days that people are born on, from epoch on.
const days = 44_000

var epoch = today.AddDate(-120, 0, 0)

// areas are codes that no place has.
var areas = func() (list []string) {
	for _, province := range []string{"19", "29", "39", "49"} {
		for county := range 24 {
			list = append(list, province+[]string{"01", "02", "03"}[county%3]+two(1+county))
		}
	}
	return list
}()

func newPeople(seed int64) *people {
	return &people{r: rand.New(rand.NewPCG(uint64(seed), 0x6a09e667f3bcc908)), seed: uint64(seed), issued: make([]uint16, len(areas)*days*2)}
}

func (p *people) chance(share float64) bool { return p.r.Float64() < share }

// next returns the members of one more household: a couple with children and
// perhaps a grandmother, or somebody alone.
func (p *people) next() []*person {
	home, old := p.dwelling(p.homes), p.dwelling(p.r.IntN(p.homes+1))
	p.homes++
	household := "29" + pad(p.homes, 8)
	area := p.r.IntN(len(areas))
	surname := population.DrawSurname(p.r)
	var list []*person
	add := func(surname string, area int, sex string, birth time.Time, relation string) *person {
		x := &person{sex: sex[0], birth: birth.Format(time.DateOnly), home: home, oldHome: old, household: household, relation: relation,
			age: int(today.Sub(birth).Hours() / 24 / 365.25)}
		x.name = surname + p.given(sex, birth.Year())
		x.number = p.number(area, birth, sex)
		if x.age >= 16 {
			x.phone, x.oldCall = p.phone(), p.phone()
		}
		if x.age >= 22 && p.chance(0.01) {
			x.former = surname + p.given(sex, birth.Year())
		}
		list = append(list, x)
		return x
	}
	age := 24 + p.r.IntN(60)
	if p.chance(0.25) {
		sex := []string{"1", "2"}[p.r.IntN(2)]
		add(surname, area, sex, p.birth(age), "02")
		return list
	}
	add(surname, area, "1", p.birth(age), "02")
	wife := add(population.DrawSurname(p.r), p.r.IntN(len(areas)), "2", p.birth(max(20, age-2+p.r.IntN(4))), "12")
	if p.chance(0.2) && age < 60 {
		add(population.DrawSurname(p.r), area, "2", p.birth(age+24+p.r.IntN(6)), "52")
	}
	oldest := min(age, wife.age) - 21
	if oldest < 1 || oldest > 22 {
		return list
	}
	var day time.Time
	for i := range p.r.IntN(3) {
		sex := p.r.IntN(2)
		if i == 0 || !p.chance(0.04) {
			day = p.birth(p.r.IntN(oldest))
		}
		child := add(surname, area, []string{"1", "2"}[sex], day, []string{"20", "30"}[sex])
		child.mother = wife
		child.order = "1"
		if before := list[len(list)-2]; before.mother != nil && before.birth == child.birth {
			child.order = "2"
		}
		if child.age < 16 {
			child.phone, child.oldCall = wife.phone, wife.oldCall
		}
	}
	return list
}

// given is a name of the tables, or two characters of two such names: a table of
// two hundred names would make far more namesakes than there are.
func (p *people) given(sex string, year int) string {
	a := population.DrawGiven(p.r, sex, year)
	if p.chance(0.4) {
		return a
	}
	b := []rune(population.DrawGiven(p.r, sex, year))
	return string([]rune(a)[0]) + string(b[len(b)-1])
}

// birth is a day on which somebody was born who now has an age.
func (p *people) birth(age int) time.Time {
	return today.AddDate(-age, 0, -1-p.r.IntN(364))
}

// number gives out an ID number, each once.
func (p *people) number(area int, birth time.Time, sex string) string {
	const orders = 500 // of one area, day and sex: odd ones are male
	cell := (area*days+int(birth.Sub(epoch).Hours()/24))*2 + int(sex[0]-'1')
	n := int(p.issued[cell])
	p.issued[cell]++
	// A walk through all of them, so that neighbours in time are not in number.
	order := 2 * ((n*137 + cell*7) % orders)
	if sex == "1" {
		order++
	}
	first := areas[area] + birth.Format("20060102") + pad(order, 3)
	return first + string(population.CheckDigit(first))
}

// phone is a number of a prefix that no operator has; a permutation of the
// numbers below 10^8, so that neighbours do not look alike.
func (p *people) phone() string {
	p.phones++
	return "154" + pad(int((uint64(p.phones)*61_803_399+p.seed%99_991)%100_000_000), 8)
}

// dwelling is the k-th flat of the invented city, in canonical form.
func (p *people) dwelling(k int) string {
	const rooms, units, blocks, compounds = 12, 3, 20, 5
	room, unit, block := k%rooms, k/rooms%units, k/rooms/units%blocks
	compound := k / rooms / units / blocks
	community := compound / compounds
	return "云川省|临江市|青河区|柳营街道|第" + strconv.Itoa(community+1) + "社区|槐荫路" + strconv.Itoa(compound+1) + "号|" +
		[]string{"槐荫小区", "安宁花园", "永福家园", "柳岸小区", "听松苑"}[compound%compounds] + strconv.Itoa(community+1) + "期|" +
		strconv.Itoa(block+1) + "|" + strconv.Itoa(unit+1) + "|" + strconv.Itoa(101+room/2*100+room%2) + "|"
}

func two(n int) string { return pad(n, 2) }

func pad(n, width int) string {
	s := strconv.Itoa(n)
	for len(s) < width {
		s = "0" + s
	}
	return s
}
