package kit

import (
	"maps"
	"slices"
	"strings"

	"heji/connectors"
	"heji/connectors/mapping"
	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/canon"
	"heji/schema/codes"
)

// Field is what a sample shows of one mapped field, and whether the way back
// exists.
type Field struct {
	Attribute schema.Attribute
	Columns   []string
	Mode      schema.Mode // how the platform receives it
	Known     int         // rows with a value that is understood
	Blank     int
	Unknown   int // rows with the code table's own "unknown"
	Absent    int // rows that do not show the column at all
	Aside     map[schema.Problem]int
	Uncovered map[string]int // texts of a coded field that no code is known for
	Defaults  int            // rows with a text that the platform fills in by itself
	// NoText are codes of ours that the platform has no text for: a write of one
	// is held for a person.
	NoText []string
	// Lossy are codes that come back as another, coarser one.
	Lossy []string
}

// Survey is what a sample of a platform's rows shows through its mapping.
type Survey struct {
	Rows     int
	Dead     map[schema.Problem]int
	Fields   []Field
	TooFew   bool // the platform showed fewer rows than asked for
	Repeated int  // keys that came more than once
}

// Look puts rows through a mapping and counts. It is a function of its
// arguments.
func Look(p *spec.Platform, m *mapping.Map, rows []connectors.Row, asked int) Survey {
	s := Survey{Dead: map[schema.Problem]int{}, TooFew: len(rows) < asked}
	for _, a := range m.Attributes() {
		s.Fields = append(s.Fields, Field{Attribute: a, Columns: p.Fields[a].ColumnNames(), Mode: p.Agreement.Mode(a),
			Aside: map[schema.Problem]int{}, Uncovered: map[string]int{}})
	}
	keys := map[string]bool{}
	for _, row := range rows {
		if row.Op == schema.OpDead {
			s.Dead[row.Problem]++
			continue
		}
		s.Rows++
		if keys[row.Key] {
			s.Repeated++
		}
		keys[row.Key] = true
		values, raw, problems := m.Read(row)
		trouble := map[schema.Attribute]schema.Problem{}
		for _, x := range problems {
			trouble[x.Attribute] = x.Problem
		}
		for i := range s.Fields {
			f := &s.Fields[i]
			wire, shown := raw[f.Attribute]
			problem, bad := trouble[f.Attribute]
			switch {
			case !shown:
				f.Absent++
			case m.IsDefault(f.Attribute, wire):
				f.Defaults++
			case bad:
				f.Aside[problem]++
				if problem == schema.ProblemCode {
					f.Uncovered[strings.TrimSpace(wire)]++
				}
				if values[f.Attribute] != "" {
					f.Known++
				}
			case values[f.Attribute] == "":
				f.Blank++
			case schema.IsUnknown(f.Attribute, values[f.Attribute]):
				f.Unknown++
			default:
				f.Known++
			}
		}
	}
	for i := range s.Fields {
		s.Fields[i].back(m)
	}
	return s
}

// back looks at the way back of a coded field.
func (f *Field) back(m *mapping.Map) {
	def, _ := schema.Lookup(f.Attribute)
	table, ok := codes.LookupTable(def.Codes)
	if f.Mode == schema.Never || !m.Writable(f.Attribute) || !ok {
		return
	}
	for _, code := range table.Codes() {
		wire, err := m.Wire(f.Attribute, code)
		if err != nil {
			f.NoText = append(f.NoText, code)
			continue
		}
		if value, _ := m.Value(f.Attribute, wire); value != code {
			f.Lossy = append(f.Lossy, code)
		}
	}
}

// Texts are the uncovered texts, the most frequent first.
func (f Field) Texts() []string {
	return slices.SortedFunc(maps.Keys(f.Uncovered), func(a, b string) int {
		if f.Uncovered[a] != f.Uncovered[b] {
			return f.Uncovered[b] - f.Uncovered[a]
		}
		return strings.Compare(a, b)
	})
}

// Shown is a row as the hub would take it in.
type Shown struct {
	Place    string
	Key      string
	Dead     schema.Problem // set: the row cannot be used at all
	Values   []Value
	Problems []schema.ValueProblem
}

// Value is one attribute of a shown row.
type Value struct {
	Attribute schema.Attribute
	Raw       string
	Value     string
	State     string // "", blank, unknown, default, aside: three different nothings, and more
}

// Preview puts rows through a mapping, one by one. Values are masked unless open
// is set.
func Preview(m *mapping.Map, rows []connectors.Row, open bool) []Shown {
	hide := func(a schema.Attribute, s string) string {
		if open {
			return s
		}
		return Mask(a, s)
	}
	var out []Shown
	for _, row := range rows {
		r := Shown{Place: row.Place, Key: row.Key, Dead: row.Problem}
		if !open {
			r.Key = Mask("", row.Key)
		}
		if row.Op == schema.OpDead {
			out = append(out, r)
			continue
		}
		values, raw, problems := m.Read(row)
		r.Problems = problems
		for _, a := range m.Attributes() {
			wire, shown := raw[a]
			if !shown {
				continue
			}
			v := Value{Attribute: a, Raw: hide(a, wire), Value: hide(a, readable(a, values[a]))}
			_, kept := values[a]
			switch {
			case !kept:
				v.State = "aside"
			case m.IsDefault(a, wire):
				v.State = "default"
			case values[a] == "":
				v.State = "blank"
			case schema.IsUnknown(a, values[a]):
				v.State = "unknown"
			}
			r.Values = append(r.Values, v)
		}
		out = append(out, r)
	}
	return out
}

const onePlace = "{province}{city}{county}{street}{community}{road}{compound}[{building}幢][{unit}单元][{room}室]{rest}"

// readable is a canonical value for people: an address in one line.
func readable(a schema.Attribute, v string) string {
	if def, _ := schema.Lookup(a); def.Kind == schema.KindAddress && v != "" {
		return canon.FormatAddress(schema.AddressFromCanonical(v), onePlace)
	}
	return v
}
