package population

import "fmt"

// The invented street: two communities with their compounds.
var communities = []struct {
	name, road string
	compounds  []string
}{
	{"安宁里社区", "槐荫路12号", []string{"槐荫小区", "安宁花园", "槐荫嘉苑"}},
	{"永福里社区", "柳岸路7号", []string{"永福家园", "柳岸小区"}},
}

const (
	floors      = 6
	doors       = 2 // flats on one landing
	unitsEach   = 3
	flatsABlock = floors * doors * unitsEach
)

// dwell builds the flats and moves the households in. One flat in ten stays
// empty; people who are registered elsewhere in the street and households with
// an old address take those and each other's.
func (g *generator) dwell() {
	g.build(len(g.pop.Households) + len(g.pop.Households)/9 + 1)
	order := g.r.Perm(len(g.pop.Dwellings))
	for i, h := range g.pop.Households {
		home := g.pop.Dwellings[order[i]]
		home.Household = h.ID
		former := g.pop.Dwellings[order[(i+7)%len(order)]]
		registered, kind := home.Address, ResidentHukou
		switch {
		case h.Floating:
			kind = ResidentFloating
			registered = Address{Province: "远山省", City: "北渡市", County: "石门县", Street: "柳河镇",
				Community: pick(g.r, []string{"王家村", "李家村", "石桥村", "东河村"})}
		case g.chance(shareSeparated):
			kind = ResidentSeparated
			registered = g.pop.Dwellings[order[(i+3)%len(order)]].Address
		}
		for _, id := range h.Members {
			p := g.pop.Persons[id-1]
			p.Facts[Residence], p.Past[Residence] = home.Address.Text(), former.Address.Text()
			p.Facts[HukouAddress], p.Facts[ResidenceType] = registered.Text(), kind
		}
	}
}

// build makes at least n flats, block by block over all compounds.
func (g *generator) build(n int) {
	for block := 1; ; block++ {
		for _, c := range communities {
			for _, compound := range c.compounds {
				if len(g.pop.Dwellings) >= n {
					return
				}
				for flat := range flatsABlock {
					unit, floor, door := flat/(floors*doors)+1, flat/doors%floors+1, flat%doors+1
					g.pop.Dwellings = append(g.pop.Dwellings, &Dwelling{Address: Address{
						Province: "云川省", City: "临江市", County: "青河区", Street: "柳营街道",
						Community: c.name, Road: c.road, Compound: compound,
						Building: fmt.Sprint(block), Unit: fmt.Sprint(unit), Room: fmt.Sprintf("%d%02d", floor, door),
					}})
				}
			}
		}
	}
}
