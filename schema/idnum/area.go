package idnum

import (
	_ "embed"
	"encoding/csv"
	"strings"
)

//go:embed areas.csv
var areasCSV string

// Region is an administrative region of the area table.
type Region struct {
	Code string // the prefix of an area code
	Zh   string
	En   string
}

var regions = func() map[string]Region {
	r := csv.NewReader(strings.NewReader(areasCSV))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		panic("idnum: areas.csv: " + err.Error())
	}
	m := make(map[string]Region, len(rows))
	for _, row := range rows[1:] {
		m[row[0]] = Region{row[0], row[1], row[2]}
	}
	return m
}()

// LookupArea returns the narrowest region of the table that an area code lies
// in. The table holds provinces: finer codes are renamed and withdrawn so often
// that a number's area says where it was given out, not where that place is now.
func LookupArea(code string) (Region, bool) {
	for n := min(len(code), 6); n >= 2; n -= 2 {
		if r, ok := regions[code[:n]]; ok {
			return r, true
		}
	}
	return Region{}, false
}

// areaKnown looks up the area of a number that has one; a foreigner's card
// names the province that received the application in its second and third
// digit.
func areaKnown(n Number) bool {
	area := n.Area()
	if n.Type == Foreign {
		area = n.Text[1:3]
	}
	_, ok := LookupArea(area)
	return ok
}
