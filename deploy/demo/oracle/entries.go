package oracle

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"heji/deploy/demo/district"
	p "heji/deploy/demo/population"
)

// Entry is one thing that staff save at the desk.
type Entry struct {
	Name string `json:"name"` // what it is, for the report
	// Person is the true person whose resident is changed; 0: a new resident.
	Person int `json:"person,omitempty"`
	// Row is a row of that person, by which the hub finds the resident.
	Row Ref `json:"row,omitzero"`
	// Values are canonical attribute → canonical text, an address with "|"
	// between its parts.
	Values map[string]string `json:"values"`
	// Shows lists, by platform, the rows that must come to show the values that
	// the platform receives; for a new resident the list is empty, and a row must
	// be created.
	Shows map[string][]string `json:"shows"`
}

// New reports whether the entry makes a new resident (POST); else it changes
// one (PATCH).
func (e Entry) New() bool { return e.Person == 0 }

// Entries are the 20 things that staff enter: phones and addresses of residents
// who are on several platforms, a newborn with its mother, a newcomer, a death.
// They concern people whose rows are free of errors and whom no clerk has
// touched, so that it is known which platforms must show them. The list is
// stored with the district: asked again, it is the same.
func Entries(ctx context.Context, d *district.District) ([]Entry, error) {
	var list []Entry
	err := d.Once("entries", &list, func() (err error) {
		list, err = entries(ctx, d)
		return err
	})
	return list, err
}

const (
	phoneEntries   = 9
	addressEntries = 8
)

func entries(ctx context.Context, d *district.District) ([]Entry, error) {
	pop := d.Population()
	c, err := candidates(ctx, d)
	if err != nil {
		return nil, err
	}
	if need := phoneEntries + addressEntries + 1; len(c.people) < need {
		return nil, fmt.Errorf("entries: only %d residents are known without errors on several platforms, %d are needed; use more residents", len(c.people), need)
	}
	var list []Entry
	for i := range phoneEntries {
		list = append(list, c.change(fmt.Sprintf("phone %d", i+1), c.people[i], map[string]string{p.Phone: pop.SparePhone(90_000 + i)}))
	}
	empty := pop.EmptyDwellings()
	for i := range addressEntries {
		home := empty[(i*11+5)%len(empty)].Address.Text()
		list = append(list, c.change(fmt.Sprintf("address %d", i+1), c.people[phoneEntries+i], map[string]string{p.Residence: home}))
	}
	rest := c.people[phoneEntries+addressEntries:]
	old := slices.IndexFunc(rest, func(q *p.Person) bool { return q.Age(pop.Today) >= 65 && c.keys[q.ID][p.Pension] != "" })
	if old < 0 {
		return nil, fmt.Errorf("entries: nobody old enough for the death; use more residents")
	}
	dead := pop.Today.AddDate(0, 0, -1).Format("2006-01-02")
	list = append(list, c.change("death", rest[old], map[string]string{p.LifeStatus: p.Dead, p.DeathDate: dead}))
	mother := slices.IndexFunc(rest, func(q *p.Person) bool {
		return q.Facts[p.Sex] == "2" && q.Age(pop.Today) >= 22 && q.Age(pop.Today) <= 40 && q.Facts[p.MaternalStatus] == "" && !c.mothers[q.ID]
	})
	if mother < 0 {
		return nil, fmt.Errorf("entries: no mother for the newborn; use more residents")
	}
	return append(list, newborn(pop, rest[mother]), newcomer(pop)), nil
}

// newborn has no number yet, so that only 妇幼, which knows children by their
// mother, can be given a row.
func newborn(pop *p.Population, mother *p.Person) Entry {
	return Entry{Name: "newborn", Values: map[string]string{
		p.Name: string([]rune(mother.Facts[p.Name])[:1]) + "沐阳", p.Sex: "1", p.BirthDate: pop.Today.AddDate(0, 0, -2).Format("2006-01-02"),
		p.Ethnicity: mother.Facts[p.Ethnicity], p.MotherName: mother.Facts[p.Name], p.MotherID: mother.Facts[p.IDNumber], p.BirthOrder: "1",
		p.Phone: mother.Facts[p.Phone], p.Residence: mother.Facts[p.Residence], p.LifeStatus: p.Living,
	}, Shows: map[string][]string{p.Maternal: nil}}
}

func newcomer(pop *p.Population) Entry {
	first := "19010219950505979"
	return Entry{Name: "newcomer", Values: map[string]string{
		p.Name: "钱远航", p.IDNumber: first + string(p.CheckDigit(first)), p.Sex: "1", p.BirthDate: "1995-05-05", p.Ethnicity: "01",
		p.Phone: pop.SparePhone(99_999), p.Residence: pop.EmptyDwellings()[1].Address.Text(), p.ResidenceType: p.ResidentFloating, p.LifeStatus: p.Living,
	}, Shows: map[string][]string{p.Floating: nil, p.Medical: nil}}
}

// chosen are the people whom an entry may concern, those on most platforms first.
type chosen struct {
	pop     *p.Population
	people  []*p.Person
	keys    map[int]map[string]string // person → platform → key of the one row
	mothers map[int]bool              // of children in the register
}

func candidates(ctx context.Context, d *district.District) (chosen, error) {
	pop := d.Population()
	c := chosen{pop: pop, keys: map[int]map[string]string{}, mothers: map[int]bool{}}
	spoilt := map[int]bool{}
	for _, pl := range d.Platforms() {
		if pl.ID() == p.Marriages {
			continue // it tells of those only about whom it was asked
		}
		edits, err := pl.Edits(ctx)
		if err != nil {
			return c, fmt.Errorf("%s: %w", pl.ID(), err)
		}
		for _, e := range edits {
			spoilt[e.Person] = true
		}
		rows, err := pl.Snapshot(ctx)
		if err != nil {
			return c, fmt.Errorf("%s: %w", pl.ID(), err)
		}
		origins, err := pl.Origins(ctx)
		if err != nil {
			return c, fmt.Errorf("%s: %w", pl.ID(), err)
		}
		for key, person := range origins {
			if c.keys[person] == nil {
				c.keys[person] = map[string]string{}
			}
			if c.keys[person][pl.ID()] != "" || !faultless(pl.ID(), rows[key], pop.Person(person)) {
				spoilt[person] = true // a double, or a row that the hub may not recognise
			}
			c.keys[person][pl.ID()] = key
		}
	}
	for _, person := range pop.Persons {
		c.mothers[person.Mother] = true
		if !spoilt[person.ID] && person.Living() && person.Age(pop.Today) >= 18 && len(c.keys[person.ID]) >= 3 {
			c.people = append(c.people, person)
		}
	}
	slices.SortFunc(c.people, func(a, b *p.Person) int {
		return cmp.Or(-cmp.Compare(len(c.keys[a.ID]), len(c.keys[b.ID])), cmp.Compare(a.ID, b.ID))
	})
	return c, nil
}

// faultless reports whether a row shows a person's true name, number and birth date.
func faultless(platform string, row district.Row, person *p.Person) bool {
	layout := district.LayoutOf(platform)
	for _, fact := range []string{p.Name, p.IDNumber, p.BirthDate} {
		if f, ok := layout.Field(fact); !ok || f.Value(row) != person.Facts[fact] {
			return false
		}
	}
	return true
}

// change is an entry about somebody who is known, with the rows that must show it.
func (c chosen) change(name string, person *p.Person, values map[string]string) Entry {
	after := maps.Clone(map[string]string(person.Facts))
	maps.Copy(after, values)
	e := Entry{Name: name, Person: person.ID, Values: values, Shows: map[string][]string{}}
	for _, platform := range p.Platforms {
		key := c.keys[person.ID][platform]
		if key == "" {
			continue
		}
		if e.Row.Key == "" {
			e.Row = Ref{platform, key}
		}
		deal := deals[platform]
		for fact := range values {
			if _, kept := district.LayoutOf(platform).Field(fact); kept && deal.modes[fact] == overwrite && deal.scope(after, c.pop.Today) {
				e.Shows[platform] = []string{key}
			}
		}
	}
	return e
}

// Shown reports whether a platform's rows show the entry.
func (e Entry) Shown(platform string, rows map[string]district.Row) bool {
	if keys := e.Shows[platform]; len(keys) > 0 {
		return !slices.ContainsFunc(keys, func(key string) bool { return !e.agrees(platform, rows[key], false) })
	}
	for _, row := range rows {
		if e.agrees(platform, row, true) {
			return true
		}
	}
	return false
}

// Wrote reports whether a write that a platform received is one that this entry
// had to lead to: its journal time is when the platform showed it.
func (e Entry) Wrote(platform string, w district.Write) bool {
	if !w.Applied || w.Create != e.New() || !e.New() && !slices.Contains(e.Shows[platform], w.Key) {
		return false
	}
	return e.agrees(platform, w.Set, e.New())
}

// agrees compares the values that a platform receives; every: those that it
// only fills, too.
func (e Entry) agrees(platform string, row district.Row, every bool) bool {
	compared := false
	for fact, value := range e.Values {
		f, kept := district.LayoutOf(platform).Field(fact)
		how := deals[platform].modes[fact]
		if !kept || how != overwrite && !(every && how == fillEmpty) {
			continue
		}
		want, ok := demanded(f, value)
		if !ok {
			continue
		}
		if f.Value(row) != want {
			return false
		}
		compared = true
	}
	return compared
}

// String names the entry and where it must be seen.
func (e Entry) String() string {
	return e.Name + " → " + strings.Join(slices.Sorted(maps.Keys(e.Shows)), ", ")
}
