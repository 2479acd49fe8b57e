package connectors

import (
	"context"
	"fmt"
	"slices"

	contract "heji/connectors"
)

// Case is one kind against one platform.
type Case struct {
	// Name is the kind and what it meets: table/MariaDB.
	Name string
	// Open starts the platform and fills it with people(rows).
	Open func(ctx context.Context, rows int, dir string) (*Platform, error)
}

// Platform is a running platform with its people. Everything that is not the
// transfer itself (starting, filling, settling) is not measured.
type Platform struct {
	YAML string            // the file by which a connector is opened
	Env  map[string]string // what its ${NAME} stand for

	// Pull is the bare driver: it reads every column of every row, as text, and
	// counts the rows.
	Pull func(ctx context.Context) (int, error)
	// Push is the bare driver: it gives the rows another phone, in the way in
	// which somebody would who needs no more than that. Nil: the kind cannot write.
	Push func(ctx context.Context, rows []Changed) error
	// Settle lets the platform work on what was handed over, and answer. Nil:
	// what Push returned is the outcome.
	Settle func(ctx context.Context) error
	// Carry does what staff do with what lies in the connector: download, upload,
	// bring the receipt. Nil: nobody carries anything.
	Carry func(ctx context.Context, c contract.Courier) error
	Close func() error
}

// Changed is a row and its new phone.
type Changed struct{ ID, Phone string }

// Person is one row of every platform here.
type Person struct {
	ID      string `json:"id"`
	Name    string `json:"xm"`
	Phone   string `json:"sjhm"`
	IDNo    string `json:"sfzh"`
	Changed string `json:"gxsj"`
}

// Columns of every platform here, in order.
var Columns = []string{"id", "xm", "sjhm", "sfzh", "gxsj"}

// Texts are a person's texts, in the order of Columns.
func (p Person) Texts() []string { return []string{p.ID, p.Name, p.Phone, p.IDNo, p.Changed} }

// people are invented: no operator has their phones, no place their numbers.
func people(rows int) []Person {
	out := make([]Person, rows)
	for i := range out {
		out[i] = Person{ID: fmt.Sprintf("P%08d", i), Name: fmt.Sprintf("测试%d", i), Phone: fmt.Sprintf("1000%07d", i), IDNo: fmt.Sprintf("N%017d", i), Changed: fmt.Sprintf("2026-01-01 %02d:%02d:%02d", i/3600%24, i/60%60, i%60)}
	}
	return out
}

// fields is what every file here ends with.
const fields = `
key: [id]
cadence: 1m
limits: {concurrency: 4}
fields:
  name: {column: xm}
  phone: {column: sjhm}
  id_number: {column: sfzh}
agreement:
  receives: {phone: overwrite}
`

var cases []Case

// register adds a case. A kind's file calls it from its init.
func register(c Case) { cases = append(cases, c) }

// Names are the cases, in order.
func Names() []string {
	var names []string
	for _, c := range cases {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}
