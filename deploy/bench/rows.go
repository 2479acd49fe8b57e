package bench

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"heji/deploy/demo/population"
	"heji/schema"
	"heji/services/linkage/files"
)

// registers are the sources of the records. The first issues numbers and names,
// so its rows are near right; nobody is in it twice, or without a number.
var registers = []string{"gongan", "pension", "floating", "maternal", "medical", "disabled", "lowincome", "veterans"}

// meanRecords is how many records a person has.
const meanRecords = 4

// rates are shares of the rows of a register other than the first, in the ranges
// of population.DefaultRates.
var rates = struct {
	member, babyIDMissing, idMissing, idTypo, idOld, nameTypo, stale, duplicate, blank float64
}{member: (meanRecords/1.01 - 1) / 7, babyIDMissing: 0.6, idMissing: 0.04, idTypo: 0.007, idOld: 0.15, nameTypo: 0.013,
	stale: 0.2, duplicate: 0.012, blank: 0.3}

// fields are the attributes that a row has, in the order in which it is packed.
var fields = []schema.Attribute{schema.Name, schema.FormerName, schema.IDNumber, schema.Sex, schema.BirthDate, schema.Phone,
	schema.Residence, schema.HouseholdNo, schema.Relation, schema.MotherName, schema.MotherID, schema.BirthOrder}

// rows are generated records in memory: the values of each packed into one text,
// in an order that has nothing to do with who they are.
type rows struct {
	packed []string // chunks of many rows
	at     []place  // in the order of reading
	person []uint32
}

// place is where a row's text is, and its source.
type place struct {
	chunk, start, end uint32
	source            uint8
}

const chunkSize = 1 << 20

// generate makes records of so many.
func generate(records int, seed int64) *rows {
	g := &generator{people: newPeople(seed), rows: &rows{}, records: records}
	for number := uint32(0); len(g.rows.at) < records; {
		for _, x := range g.people.next() {
			g.person(x, number)
			number++
		}
	}
	g.flush()
	r := g.rows
	g.people.r.Shuffle(records, func(i, j int) {
		r.at[i], r.at[j] = r.at[j], r.at[i]
		r.person[i], r.person[j] = r.person[j], r.person[i]
	})
	return r
}

type generator struct {
	people  *people
	rows    *rows
	records int
	chunk   strings.Builder
}

// person writes what the registers hold about a person.
func (g *generator) person(x *person, number uint32) {
	for source := range registers {
		if source > 0 && !g.people.chance(rates.member) {
			continue
		}
		n := 1
		if source > 0 && g.people.chance(rates.duplicate) {
			n++
		}
		for range n {
			if len(g.rows.at) < g.records {
				g.row(x, source, number)
			}
		}
	}
}

func (g *generator) row(x *person, source int, number uint32) {
	if source == 0 {
		g.write(source, number, x.name, x.former, x.number, string(x.sex), x.birth, "", "", x.household, x.relation, "", "", "")
		return
	}
	p := g.people
	name, id, phone, home := x.name, x.number, x.phone, x.home
	former, household, relation := "", "", ""
	switch {
	case x.age < 1 && p.chance(rates.babyIDMissing), x.age >= 1 && p.chance(rates.idMissing):
		id = ""
	case p.chance(rates.idTypo):
		id = population.MistypeNumber(p.r, id)
	case x.age >= 60 && x.birth < "2000" && p.chance(rates.idOld):
		id = id[:6] + id[8:17]
	}
	switch {
	case id == "" && x.mother != nil && x.age < 1 && p.chance(0.5):
		name = string([]rune(x.mother.name)[0]) + "某" + map[byte]string{'1': "之子", '2': "之女"}[x.sex]
	case x.former != "" && p.chance(0.3):
		name = x.former
	case p.chance(rates.nameTypo):
		name = population.MistypeName(p.r, name)
	}
	if p.chance(rates.stale) {
		phone = x.oldCall
	}
	if p.chance(rates.stale) {
		home = x.oldHome
	}
	if p.chance(rates.blank) {
		phone = ""
	}
	if p.chance(rates.blank) {
		home = ""
	}
	if source%3 == 0 {
		household, relation = x.household, x.relation
	}
	motherName, motherID, order := "", "", ""
	if x.mother != nil && x.age < 16 && source%2 == 1 {
		motherName, motherID, order = x.mother.name, x.mother.number, x.order
	}
	g.write(source, number, name, former, id, string(x.sex), x.birth, phone, home, household, relation, motherName, motherID, order)
}

// write packs the values of one row, in the order of fields.
func (g *generator) write(source int, number uint32, values ...string) {
	if g.chunk.Len() > chunkSize {
		g.flush()
	}
	start := g.chunk.Len()
	for i, v := range values {
		if i > 0 {
			g.chunk.WriteByte(0)
		}
		g.chunk.WriteString(v)
	}
	g.rows.at = append(g.rows.at, place{uint32(len(g.rows.packed)), uint32(start), uint32(g.chunk.Len()), uint8(source)})
	g.rows.person = append(g.rows.person, number)
}

func (g *generator) flush() {
	g.rows.packed = append(g.rows.packed, strings.Clone(g.chunk.String()))
	g.chunk.Reset()
	g.chunk.Grow(chunkSize + 4096)
}

// feed hands the rows to the linker, values as the hub has them: canonical.
type feed struct {
	rows *rows
	next int
	to   []int // place of each field among the model's attributes; -1: not read
}

func newFeed(r *rows, attributes []string) *feed {
	f := &feed{rows: r}
	for _, a := range fields {
		f.to = append(f.to, slices.Index(attributes, string(a)))
	}
	return f
}

// Sources are the registers.
func (f *feed) Sources() []string { return registers }

// Clean changes nothing.
func (f *feed) Clean(_ int, text string) string { return text }

// Next unpacks a row. Its key is its number.
func (f *feed) Next(values []string) (files.Row, error) {
	if f.next == len(f.rows.at) {
		return files.Row{}, io.EOF
	}
	p := f.rows.at[f.next]
	f.next++
	clear(values)
	rest := f.rows.packed[p.chunk][p.start:p.end]
	for _, to := range f.to {
		v, more, ok := strings.Cut(rest, "\x00")
		if to >= 0 {
			values[to] = v
		}
		if !ok {
			break
		}
		rest = more
	}
	return files.Row{Source: int(p.source), Key: strconv.Itoa(f.next), Line: f.next}, nil
}
