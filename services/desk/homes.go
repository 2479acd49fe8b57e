package desk

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/schema/canon"
	"heji/services/store"
)

// staleHome is after how long nobody has confirmed where somebody lives: then it
// counts as not verified.
const staleHome = 365 * 24 * time.Hour

// The states of a dwelling, by the order in which they are asked for.
const (
	dwellingEmpty      = "empty"      // nobody is registered there
	dwellingUnverified = "unverified" // disputed, or not confirmed for a year
	dwellingRented     = "rented"     // the landlord lives elsewhere, or who lives here is from elsewhere
	dwellingOccupied   = "occupied"
)

// dwellingSign is how a state looks: never by colour alone.
var dwellingSign = map[string]string{dwellingEmpty: "空", dwellingUnverified: "?", dwellingRented: "租", dwellingOccupied: "●"}

// Member is one person of a household.
type Member struct {
	Hit
	Relation string `json:"relation,omitempty"`
	Head     bool   `json:"head"`
	Age      string `json:"age,omitempty"`
}

// HomeHousehold is a household of a dwelling.
type HomeHousehold struct {
	Number  string   `json:"number,omitempty"`
	Head    string   `json:"head,omitempty"`
	Members []Member `json:"members"`
}

// DwellingBody is the page of one dwelling: its households.
type DwellingBody struct {
	Key        string          `json:"at"`
	Address    string          `json:"address"`
	State      string          `json:"state"` // empty, unverified, rented, occupied
	Sign       string          `json:"-"`
	Households []HomeHousehold `json:"households"`
	Absent     []Member        `json:"absent"` // registered here, living elsewhere
	Landlords  []string        `json:"landlords"`
	Chart      string          `json:"-"` // where the chart of the building is
	Enter      string          `json:"-"` // where somebody who lives here is entered
}

// dwellingState says how a dwelling stands.
func dwellingState(list []store.Resident, now time.Time) string {
	state := dwellingEmpty
	var names []string
	for _, r := range list {
		names = append(names, r.Master[schema.Name].Value)
	}
	for _, r := range list {
		home := r.Master[schema.Residence]
		landlord := r.Master[schema.Landlord].Value
		switch {
		case home.Disputed || !home.Upto.IsZero() && now.Sub(home.Upto) > staleHome:
			return dwellingUnverified
		case landlord != "" && !slices.Contains(names, landlord) || r.Master[schema.ResidenceType].Value == "3":
			state = dwellingRented
		case state == dwellingEmpty:
			state = dwellingOccupied
		}
	}
	return state
}

// gone reports whether somebody no longer lives where the register has him.
func gone(r store.Resident) bool {
	status := r.Master[schema.LifeStatus].Value
	return status == "dead" || status == "moved_out"
}

func (l Lang) member(r store.Resident, now time.Time) Member {
	v := r.Values()
	m := Member{Hit: l.hit(r), Relation: l.Value(schema.Relation, v[schema.Relation]), Head: isHead(v[schema.Relation])}
	if years, ok := schema.AgeAt(v[schema.BirthDate], now); ok {
		m.Age = l.T("age", "years", years)
	}
	return m
}

// isHead: 户主, or 本人, which registers write for the head.
func isHead(relation string) bool { return relation == "02" || relation == "01" }

// households groups who lives at a dwelling by household, the head first.
func (l Lang) households(list []store.Resident, now time.Time) []HomeHousehold {
	var out []HomeHousehold
	for _, r := range list {
		number := r.Master[schema.HouseholdNo].Value
		i := slices.IndexFunc(out, func(h HomeHousehold) bool { return h.Number == number })
		if i < 0 {
			i = len(out)
			out = append(out, HomeHousehold{Number: number})
		}
		out[i].Members = append(out[i].Members, l.member(r, now))
	}
	for i := range out {
		slices.SortStableFunc(out[i].Members, func(a, b Member) int {
			switch {
			case a.Head != b.Head:
				return map[bool]int{true: -1, false: 1}[a.Head]
			}
			return cmp.Compare(a.BirthDate, b.BirthDate)
		})
		if m := out[i].Members[0]; m.Head {
			out[i].Head = m.Name
		}
	}
	slices.SortStableFunc(out, func(a, b HomeHousehold) int { return cmp.Compare(b.Number, a.Number) })
	return out
}

// asked is a part of an address's query as text: no database takes a NUL, or half
// a character.
func asked(r *http.Request, name string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(r.URL.Query().Get(name), ""), "\x00", "")
}

// dwellingPage answers GET /dwellings?at= and ?household=.
func (d *Desk) dwellingPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "buildings")
	body, err := d.dwelling(r, p.L)
	if err != nil {
		return err
	}
	p.Title, p.Body = body.Address, body
	d.render(w, r, http.StatusOK, "dwelling", p)
	return nil
}

// dwelling reads the one that an address asks for.
func (d *Desk) dwelling(r *http.Request, l Lang) (DwellingBody, error) {
	ctx, key, now := r.Context(), asked(r, "at"), d.o.Today()
	var list []store.Resident
	var err error
	if number := asked(r, "household"); number != "" && key == "" {
		if list, err = d.o.Store.OfHousehold(ctx, number); err != nil {
			return DwellingBody{}, err
		}
		for _, m := range list {
			if key = schema.AddressFromCanonical(m.Master[schema.Residence].Value).Dwelling(); key != "" {
				break
			}
		}
	}
	if strings.Count(key, "|") != 3 {
		if len(list) == 0 {
			return DwellingBody{}, store.ErrNotFound
		}
	} else if list, err = d.o.Store.AtDwellings(ctx, []string{key}); err != nil {
		return DwellingBody{}, err
	}
	body := DwellingBody{Key: key}
	var here []store.Resident
	ids := map[uuid.UUID]bool{}
	for _, x := range list {
		ids[x.ID] = true
		if gone(x) {
			body.Absent = append(body.Absent, l.member(x, now))
			continue
		}
		here = append(here, x)
		if landlord := x.Master[schema.Landlord].Value; landlord != "" && !slices.Contains(body.Landlords, landlord) {
			body.Landlords = append(body.Landlords, landlord)
		}
	}
	registered, err := d.o.Store.WithHukouAt(ctx, key)
	if err != nil {
		return DwellingBody{}, err
	}
	for _, x := range registered {
		if !ids[x.ID] && !gone(x) {
			body.Absent = append(body.Absent, l.member(x, now))
		}
	}
	body.State = dwellingState(here, now)
	body.Sign, body.Households = dwellingSign[body.State], l.households(here, now)
	home := d.addressAt(asked(r, "community"), key, list)
	body.Address = l.Value(schema.Residence, home.Canonical())
	if home.Community != "" && home.Building != "" {
		body.Chart = chartAddress(home)
	}
	body.Enter = "/residents/new?" + url.Values{"at": {key}, "community": {home.Community}}.Encode()
	return body, nil
}

// addressAt is the whole address of a dwelling: that of somebody who lives there
// or in the same building, else what its name says.
func (d *Desk) addressAt(community, key string, neighbours []store.Resident) schema.Address {
	part := strings.SplitN(key, "|", 4)
	for len(part) < 4 {
		part = append(part, "")
	}
	a := schema.Address{Community: community, Compound: part[0]}
	if part[0] == community {
		a.Compound = ""
	}
	if len(neighbours) > 0 {
		a = schema.AddressFromCanonical(neighbours[0].Master[schema.Residence].Value)
		a.Rest = ""
	}
	if key != "" {
		a.Building, a.Unit, a.Room = part[1], part[2], part[3]
	}
	return a
}

func chartAddress(a schema.Address) string {
	compound := a.Compound
	if compound == "" {
		compound = a.Community
	}
	return "/buildings/chart?" + url.Values{"community": {a.Community}, "compound": {compound}, "building": {a.Building}}.Encode()
}

// BuildingsBody lists the buildings of a community, or the communities.
type BuildingsBody struct {
	Community   string           `json:"community"`
	Communities []string         `json:"communities"`
	Buildings   []store.Building `json:"buildings"`
}

// Few says that the communities are offered to click, not to type.
func (b BuildingsBody) Few() bool { return len(b.Communities) > 1 && len(b.Communities) <= 40 }

// List is the address of the list of another community.
func (b BuildingsBody) List(community string) string {
	return "/buildings?" + url.Values{"community": {community}}.Encode()
}

func (b BuildingsBody) Chart(x store.Building) string {
	return "/buildings/chart?" + url.Values{"community": {b.Community}, "compound": {x.Compound}, "building": {x.Building}}.Encode()
}

// buildingsPage answers GET /buildings?community=.
func (d *Desk) buildingsPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "buildings")
	body, err := d.buildings(r)
	if err != nil {
		return err
	}
	p.Title, p.Body = p.T("buildings.title"), body
	d.render(w, r, http.StatusOK, "buildings", p)
	return nil
}

func (d *Desk) buildings(r *http.Request) (BuildingsBody, error) {
	body := BuildingsBody{Community: strings.TrimSpace(asked(r, "community"))}
	var err error
	if body.Communities, err = d.o.Store.Communities(r.Context()); err != nil {
		return body, err
	}
	// Whoever answers for a community begins there.
	if body.Community == "" && (len(body.Communities) == 1 || len(body.Communities) > 1 && store.Limited(r.Context())) {
		body.Community = body.Communities[0]
	}
	if body.Community != "" {
		if body.Buildings, err = d.o.Store.BuildingsOf(r.Context(), body.Community); err != nil {
			return body, err
		}
	}
	return body, nil
}

// Cell is one door of the chart.
type Cell struct {
	Room    string `json:"room"`
	State   string `json:"state"`
	Sign    string `json:"-"`
	Word    string `json:"word"`
	Count   int    `json:"count"`
	Names   string `json:"name,omitempty"` // whose household it is
	Address string `json:"-"`              // of the dwelling's page
	First   string `json:"-"`              // the unit whose first door this is: a phone shows the doors one below the other
}

// ChartBody is 爬杆图: floors down the side, units and doors across.
type ChartBody struct {
	Community string       `json:"community"`
	Compound  string       `json:"compound"`
	Building  string       `json:"building"`
	Units     []ChartUnit  `json:"units"`
	Floors    []ChartFloor `json:"floors"` // the highest first
	Counts    []ChartCount `json:"counts"`
	People    int          `json:"people"`
}

// ChartUnit is a unit and how many doors it has on a floor.
type ChartUnit struct {
	Unit  string `json:"unit"`
	Doors int    `json:"doors"`
}

// ChartFloor is one line of the chart.
type ChartFloor struct {
	Floor string `json:"floor"`
	Cells []Cell `json:"cells"` // an empty Room: there is no such door
}

// ChartCount is how many dwellings stand so.
type ChartCount struct {
	State string `json:"state"`
	Sign  string `json:"-"`
	Word  string `json:"word"`
	N     int    `json:"count"`
}

// doorOf splits a room number into floor and door: 1801 is door 01 of floor 18. A
// room that is no such number is a floor of its own.
func doorOf(room string) (floor, door string) {
	if n, err := strconv.Atoi(room); err == nil && n > 100 && len(room) <= 4 {
		return room[:len(room)-2], room[len(room)-2:]
	}
	return room, ""
}

// chartPage answers GET /buildings/chart: who lives behind each door. A door is
// there when somebody lives behind it, or behind the same door of another floor:
// nobody keeps a list of empty rooms.
func (d *Desk) chartPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "buildings")
	body, err := d.chart(r, p.L)
	if err != nil {
		return err
	}
	p.Title, p.Body = p.T("chart.title", "compound", body.Compound, "building", body.Building), body
	d.render(w, r, http.StatusOK, "chart", p)
	return nil
}

func (d *Desk) chart(r *http.Request, l Lang) (ChartBody, error) {
	body := ChartBody{Community: asked(r, "community"), Compound: asked(r, "compound"), Building: asked(r, "building")}
	list, err := d.o.Store.InBuilding(r.Context(), body.Community, body.Compound, body.Building)
	if err != nil {
		return body, err
	}
	if len(list) == 0 {
		return body, store.ErrNotFound
	}
	body.draw(l, d.o.Today(), list)
	return body, nil
}

func (b *ChartBody) draw(l Lang, now time.Time, list []store.Resident) {
	type place struct{ unit, room string }
	who := map[place][]store.Resident{}
	doors, floors := map[string][]string{}, []string{}
	for _, r := range list {
		a := schema.AddressFromCanonical(r.Master[schema.Residence].Value)
		at := place{a.Unit, a.Room}
		if who[at] = append(who[at], r); len(who[at]) > 1 {
			continue
		}
		floor, door := doorOf(a.Room)
		if !slices.Contains(doors[a.Unit], door) {
			doors[a.Unit] = append(doors[a.Unit], door)
		}
		if !slices.Contains(floors, floor) {
			floors = append(floors, floor)
		}
	}
	byNumber := func(x, y string) int {
		i, errX := strconv.Atoi(x)
		j, errY := strconv.Atoi(y)
		if errX == nil && errY == nil {
			return cmp.Compare(i, j)
		}
		return cmp.Compare(x, y)
	}
	// Floors between those that are known are there too.
	for n := 1; n < 60; n++ {
		if slices.ContainsFunc(floors, func(f string) bool { m, err := strconv.Atoi(f); return err == nil && m > n && m < 60 }) && !slices.Contains(floors, strconv.Itoa(n)) {
			floors = append(floors, strconv.Itoa(n))
		}
	}
	slices.SortFunc(floors, func(x, y string) int { return byNumber(y, x) })
	for unit, list := range doors {
		slices.SortFunc(list, byNumber)
		b.Units = append(b.Units, ChartUnit{unit, len(list)})
	}
	slices.SortFunc(b.Units, func(x, y ChartUnit) int { return byNumber(x.Unit, y.Unit) })
	counts := map[string]int{}
	for _, floor := range floors {
		line := ChartFloor{Floor: floor}
		for _, u := range b.Units {
			for i, door := range doors[u.Unit] {
				cell := Cell{Room: floor + door}
				if i == 0 {
					cell.First = u.Unit
				}
				here := slices.DeleteFunc(slices.Clone(who[place{u.Unit, cell.Room}]), gone)
				if _, err := strconv.Atoi(floor); (err != nil || door == "") && len(who[place{u.Unit, cell.Room}]) == 0 {
					line.Cells = append(line.Cells, Cell{First: cell.First})
					continue
				}
				cell.State, cell.Count = dwellingState(here, now), len(here)
				cell.Sign, cell.Word = dwellingSign[cell.State], l.T("dwelling."+cell.State)
				if h := l.households(here, now); len(h) > 0 {
					cell.Names = h[0].Members[0].Name
				}
				cell.Address = "/dwellings?" + url.Values{"at": {b.Compound + "|" + b.Building + "|" + u.Unit + "|" + cell.Room}, "community": {b.Community}}.Encode()
				counts[cell.State]++
				b.People += len(here)
				line.Cells = append(line.Cells, cell)
			}
		}
		b.Floors = append(b.Floors, line)
	}
	for _, state := range []string{dwellingOccupied, dwellingRented, dwellingUnverified, dwellingEmpty} {
		b.Counts = append(b.Counts, ChartCount{state, dwellingSign[state], l.T("dwelling." + state), counts[state]})
	}
}

// Pick is a dwelling that somebody may mean, with one of its households.
type Pick struct {
	Address   string `json:"address"` // as it is shown, and read again
	Household string `json:"household,omitempty"`
	Head      string `json:"head"`
	Count     int    `json:"count"`
}

// picks finds the dwellings that a text may mean.
func (d *Desk) picks(ctx context.Context, l Lang, text string) ([]Pick, error) {
	found, err := d.o.Store.Namesakes(ctx, text, 60)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, r := range found.Residents {
		if k := schema.AddressFromCanonical(r.Master[schema.Residence].Value).Dwelling(); k != "" && !slices.Contains(keys, k) && len(keys) < 8 {
			keys = append(keys, k)
		}
	}
	list, err := d.o.Store.AtDwellings(ctx, keys)
	if err != nil {
		return nil, err
	}
	var out []Pick
	var shown []uuid.UUID
	for _, k := range keys {
		var here []store.Resident
		for _, r := range list {
			if schema.AddressFromCanonical(r.Master[schema.Residence].Value).Dwelling() == k && !gone(r) {
				here = append(here, r)
				shown = append(shown, r.ID)
			}
		}
		if len(here) == 0 {
			continue
		}
		address := schema.AddressFromCanonical(here[0].Master[schema.Residence].Value)
		address.Rest = ""
		for _, h := range l.households(here, d.o.Today()) {
			p := Pick{Address: l.Value(schema.Residence, address.Canonical()), Household: h.Number, Head: h.Head, Count: len(h.Members)}
			if p.Head == "" {
				p.Head = h.Members[0].Name
			}
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, d.noteFound(ctx, shown, false, true)
}

// whichDwelling completes a short address, 3-2-1801, where one dwelling alone can
// be meant. It returns those to choose from where there are several.
func (d *Desk) whichDwelling(ctx context.Context, l Lang, values schema.Values) ([]Pick, error) {
	a := schema.AddressFromCanonical(values[schema.Residence])
	if a.Building == "" || a.Room == "" || a.Compound+a.Community+a.Road != "" {
		return nil, nil
	}
	return d.theDwelling(ctx, l, a, values)
}

// theDwelling completes an address by the dwellings that people are known to live in.
func (d *Desk) theDwelling(ctx context.Context, l Lang, a schema.Address, values schema.Values) ([]Pick, error) {
	short := strings.Trim(a.Building+"-"+a.Unit+"-"+a.Room, "-")
	list, err := d.picks(ctx, l, strings.TrimSpace(a.Compound+" "+strings.ReplaceAll(short, "--", "-")))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	for _, p := range list {
		if p.Address != list[0].Address {
			return list, nil
		}
	}
	if v, problem := canon.Value(schema.Residence, list[0].Address); problem == "" {
		values[schema.Residence] = v
	}
	return nil, nil
}

// picksPart answers GET /dwellings/pick?q=: what the address box offers while
// somebody types.
func (d *Desk) picksPart(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "new")
	list, err := d.picks(r.Context(), p.L, r.URL.Query().Get("q"))
	if err != nil {
		return err
	}
	p.Body = list
	d.renderPart(w, r, http.StatusOK, "form", "picks", p)
	return nil
}
