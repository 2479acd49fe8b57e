package clicks

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"heji/deploy/demo/population"
	"heji/schema"
	"heji/schema/idnum"
)

// person is one resident of the benchmark.
type person struct {
	name, sex, birth, number, phone, household, relation string
	home                                                 schema.Address
}

func (p person) values() schema.Values {
	return schema.Values{schema.Name: p.name, schema.Sex: p.sex, schema.BirthDate: p.birth, schema.IDNumber: p.number, schema.Phone: p.phone,
		schema.HouseholdNo: p.household, schema.Relation: p.relation, schema.Residence: p.home.Canonical(), schema.Ethnicity: "01", schema.LifeStatus: "alive"}
}

// Sizes of the town: three to a flat, communities of some four thousand.
const (
	perFlat      = 3
	perFloor     = 4 // flats of one unit
	floors       = 18
	units        = 2
	buildings    = 10 // of a compound
	perCommunity = perFlat * perFloor * floors * units * buildings
)

// people draws residents one after the other.
type people struct {
	r       *rand.Rand
	n       int
	surname string
}

func newPeople(seed uint64) *people { return &people{r: rand.New(rand.NewPCG(seed, 7))} }

func (p *people) next() (person, error) {
	i := p.n
	p.n++
	flat := i / perFlat
	if i%perFlat == 0 {
		p.surname = population.DrawSurname(p.r)
	}
	x := person{sex: strconv.Itoa(1 + i%2), household: fmt.Sprintf("29%010d", flat), relation: []string{"02", "12", "20"}[i%perFlat]}
	surname := p.surname
	if i%perFlat == 1 {
		surname = population.DrawSurname(p.r)
	}
	year := 1945 + p.r.IntN(55)
	if i%perFlat == 2 {
		year = 2003 + p.r.IntN(20)
	}
	given := []rune(population.DrawGiven(p.r, x.sex, year))
	other := []rune(population.DrawGiven(p.r, x.sex, year)) // the tables alone have too few names for a million
	x.name = surname + string(given[0])
	if p.r.IntN(5) > 0 {
		x.name += string(other[len(other)-1])
	}
	x.birth = time.Date(year, 1, 1+p.r.IntN(365), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	order := (p.r.IntN(490) + 1) * 2
	if x.sex == "1" {
		order--
	}
	var err error
	if x.number, err = idnum.Make(fmt.Sprintf("%d9%04d", 1+p.r.IntN(4), p.r.IntN(10000)), x.birth, order); err != nil {
		return x, err
	}
	x.phone = fmt.Sprintf("154%08d", p.r.IntN(100_000_000))
	in := flat % (perCommunity / perFlat)
	community := i / perCommunity
	x.home = schema.Address{Community: place(community) + "社区", Compound: place(community*7+3) + "家园",
		Building: strconv.Itoa(in/(perFloor*floors*units)%buildings + 1), Unit: strconv.Itoa(in/(perFloor*floors)%units + 1),
		Room: strconv.Itoa((in/perFloor%floors+1)*100 + in%perFloor + 1)}
	return x, nil
}

// place is an invented name for a number.
func place(n int) string {
	chars := []rune("青柳安和明临新长平东南西北春秋金银云山水")
	n %= len(chars) * len(chars)
	return string([]rune{chars[n/len(chars)], chars[n%len(chars)]})
}
