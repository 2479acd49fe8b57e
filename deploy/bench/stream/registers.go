package stream

import (
	"fmt"
	"strings"

	"heji/connectors/spec"
)

// kind is the connector kind of the platforms here; only the bench registers it.
const kind = "bench"

// register is what one department of a district keeps.
type register struct {
	name  string
	share int // of the residents, per cent; all of a district add up to 400
	// spread says how far apart neighbours of this register are in the others: 0
	// is the order of households, else a share of the district.
	spread float64
	yaml   string
	// columns writes what the register holds about a person, slips included.
	columns func(r *register, p people, i int) map[string]string
}

const header = `
platform: {id}
name: {name}
kind: ` + kind + `
class: B
key: [key]
cadence: 2s
lag: 0s
request_life: 1s
version_column: version
`

var registers = []*register{
	{name: "police", share: 95, spread: 0, yaml: `
fields:
  id_number: {column: id}
  name: {column: name}
  sex: {column: sex}
  ethnicity: {column: ethnicity}
  birth_date: {column: birth, format: yyyyMMdd}
  household_no: {column: household}
  relation: {column: relation}
  hukou_address: {column: hukou}
  marital_status: {column: marital}
  education: {column: education}
agreement:
  authority: [id_number, name, sex, birth_date, ethnicity, household_no, hukou_address, relation]
`, columns: func(r *register, p people, i int) map[string]string {
		c := r.person(p, i)
		c["ethnicity"], c["relation"] = "01", []string{"02", "12", "20"}[i%householdSize]
		c["household"] = fmt.Sprintf("29%08d", p.household(i))
		c["hukou"] = r.address(p, i, "%s%s%s幢%s单元%s室", 10)
		c["marital"], c["education"] = "20", []string{"20", "30", "60", "70"}[p.roll(i, "education", 4)]
		if p.child(i) {
			c["marital"] = "10"
		}
		return c
	}},
	{name: "medical", share: 95, spread: 0.618, yaml: `
fields:
  medical_no: {column: key, read_only: true}
  id_number: {column: id}
  name: {column: name}
  sex: {column: sex}
  ethnicity: {column: ethnicity, codes: ethnicity_nozero}
  birth_date: {column: birth, format: yyyyMMdd}
  phone: {column: phone}
  residence: {column: home, format: "{community}{compound}{building}栋{unit}单元{room}室"}
  medical_status: {column: status}
agreement:
  authority: [medical_no, medical_status]
  receives: {phone: overwrite, residence: overwrite}
`, columns: func(r *register, p people, i int) map[string]string {
		c := r.person(p, i)
		c["ethnicity"], c["status"] = "1", "1"
		c["phone"], c["home"] = r.phone(p, i, 12), r.address(p, i, "%s%s%s栋%s单元%s室", 8)
		return c
	}},
	{name: "pension", share: 75, spread: 0.414, yaml: `
fields:
  id_number: {column: id}
  name: {column: name}
  sex: {column: sex}
  birth_date: {column: birth, format: yyyyMMdd}
  marital_status: {column: marital, codes: marital_1digit}
  education: {column: education}
  phone: {column: phone}
  residence: {column: home, format: "{community}{compound}{building}幢{unit}单元{room}室"}
  pension_status: {column: status}
agreement:
  authority: [pension_status]
  receives: {phone: overwrite, marital_status: fill_empty, education: fill_empty}
`, columns: func(r *register, p people, i int) map[string]string {
		c := r.person(p, i)
		c["status"], c["marital"], c["education"] = "1", "2", ""
		if p.child(i) {
			c["marital"] = "1"
		}
		if p.roll(i, "schooled", 10) > 1 {
			c["education"] = []string{"20", "30", "60", "70"}[p.roll(i, "education", 4)]
		}
		c["phone"], c["home"] = r.phone(p, i, 15), r.address(p, i, "%s%s%s幢%s单元%s室", 10)
		return c
	}},
	{name: "grid", share: 85, spread: 0.732, yaml: `
change_column: changed
clock_trusted: true
fields:
  id_number: {column: id}
  name: {column: name}
  sex: {column: sex}
  birth_date: {column: birth, format: yyyyMMdd}
  phone: {column: phone}
  residence: {column: home}
  relation: {column: relation}
  workplace: {column: work}
agreement:
  authority: [residence]
  receives: {id_number: fill_empty}
`, columns: func(r *register, p people, i int) map[string]string {
		c := r.person(p, i)
		c["phone"], c["home"] = r.phone(p, i, 2), r.address(p, i, "%s%s%s号楼%s单元%s", 1)
		c["relation"], c["work"] = []string{"02", "12", "20"}[i%householdSize], ""
		if i%householdSize == 0 {
			c["work"] = "临江机械厂"
		}
		return c
	}},
	{name: "health", share: 50, spread: 0.236, yaml: `
fields:
  id_number: {column: id}
  name: {column: name}
  sex: {column: sex}
  birth_date: {column: birth, format: yyyyMMdd}
  phone: {column: phone}
  residence: {column: home, format: "{community}{compound}{building}幢{unit}单元{room}室"}
agreement:
  receives: {phone: overwrite, residence: fill_empty, id_number: fill_empty}
`, columns: func(r *register, p people, i int) map[string]string {
		c := r.person(p, i)
		c["phone"], c["home"] = r.phone(p, i, 20), r.address(p, i, "%s%s%s幢%s单元%s室", 10)
		if p.roll(i, "homeless", 10) == 0 {
			c["home"] = ""
		}
		return c
	}},
}

// person is what every register holds. One in a hundred names is misread, three
// in a hundred numbers are missing (the police's never).
func (r *register) person(p people, i int) map[string]string {
	c := map[string]string{"id": p.idNumber(i), "name": p.name(i), "sex": p.sex(i), "birth": p.birth(i)}
	if r.name == "police" {
		return c
	}
	switch k := p.roll(i, "slip "+r.name, 100); {
	case k < 3:
		c["id"] = ""
	case k == 3:
		name := []rune(c["name"])
		name[len(name)-1] = misread[p.roll(i, "misread "+r.name, len(misread))]
		c["name"] = string(name)
	}
	return c
}

// phone is an old number for so many in a hundred people.
func (r *register) phone(p people, i, stale int) string {
	return p.phone(i, p.roll(i, "phone "+r.name, 100) < stale)
}

// address is written in the register's own way, and an old one for so many in a
// hundred people.
func (r *register) address(p people, i int, form string, stale int) string {
	f := p.flat(i, p.roll(i, "home "+r.name, 100) < stale)
	return fmt.Sprintf(form, f.community, f.compound, f.building, f.unit, f.room)
}

// spec is the platform's file.
func (r *register) spec(district int) (*spec.Platform, error) {
	id := fmt.Sprintf("%s%d", r.name, district)
	text := strings.NewReplacer("{id}", id, "{name}", id).Replace(header) + r.yaml
	return spec.Parse(id+".yaml", []byte(text), func(string) (string, bool) { return "", false })
}
