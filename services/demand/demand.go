package demand

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"heji/connectors/mapping"
	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
	"heji/services/survivorship"
)

// Source names whose evidence a surviving value is, in the form that lineage
// keeps beside what we wrote.
func Source(s survivorship.Survivor) string {
	if s.Decision != 0 {
		return "decision/" + strconv.FormatInt(s.Decision, 10)
	}
	return s.Source.Platform + "/" + s.Source.Key
}

// InScope reports whether a resident is one of those whom the agreement is about.
func InScope(p store.Platform, master store.Survivors, today time.Time) bool {
	return p.Agreement.InScope(store.Resident{Master: master}.Values(), today)
}

// Of says what lineage must know: what a row should show by the agreement in
// force, and whose evidence is still part of the resident. The second answer
// names what the platform has no form for.
//
// I7: only attributes that the agreement names, in its mode, and only while the
// resident is in the platform's scope. Out of scope nothing new is written; what
// a wrong merge wrote is still taken back. members are the living records of the
// resident: true are those that follow no other.
func Of(p store.Platform, m *mapping.Map, master store.Survivors, members map[schema.RecordRef]bool, today time.Time) (lineage.Resident, []string) {
	inScope := InScope(p, master, today)
	wanted := map[schema.Attribute]lineage.Wanted{}
	var impossible []string
	for _, a := range m.Attributes() {
		s, ok := master[a]
		if !ok || !inScope || p.Agreement.Mode(a) == schema.Never || !m.Writable(a) {
			continue
		}
		wire, err := m.Wire(a, s.Value)
		if err != nil {
			impossible = append(impossible, err.Error()) // names the field, never the value
			continue
		}
		wanted[a] = lineage.Wanted{Value: s.Value, Wire: wire, Since: s.Upto, Decision: s.Decision != 0,
			Source: Source(s), Disputed: s.Disputed}
	}
	closes, nobody := map[schema.Attribute]lineage.Wanted{}, true
	for _, own := range members {
		nobody = nobody && !own
	}
	if nobody {
		for a, value := range p.Agreement.Withdraw {
			wire, err := m.Wire(a, value)
			if err != nil {
				impossible = append(impossible, err.Error())
				continue
			}
			closes[a] = lineage.Wanted{Value: value, Wire: wire, Source: "agreement/withdraw"}
		}
	}
	decisions := map[string]bool{}
	for _, s := range master {
		if s.Decision != 0 {
			decisions[Source(s)] = true
		}
	}
	return lineage.Resident{
		Wanted: wanted, Nobody: nobody, Close: closes,
		Mode: func(a schema.Attribute) schema.Mode {
			if !inScope {
				return schema.Never
			}
			return p.Agreement.Mode(a)
		},
		Has: func(source string) bool {
			if decisions[source] {
				return true
			}
			platform, key, _ := strings.Cut(source, "/")
			_, living := members[schema.RecordRef{Platform: platform, Key: key}]
			return living
		},
		Read: func(a schema.Attribute, raw string) (string, bool) {
			v, problem := m.Value(a, raw)
			return v, v != "" || problem == "" || problem == schema.ProblemPlaceholder
		},
	}, impossible
}

// Created is what a new row is given: every attribute that the agreement lets
// this platform receive in any way, and that the master knows.
func Created(p store.Platform, m *mapping.Map, master store.Survivors) (map[schema.Attribute]lineage.Due, []string) {
	due := map[schema.Attribute]lineage.Due{}
	var impossible []string
	for _, a := range m.Attributes() {
		s, ok := master[a]
		if !ok || s.Disputed || p.Agreement.Mode(a) == schema.Never || !m.Writable(a) {
			continue
		}
		wire, err := m.Wire(a, s.Value)
		if err != nil {
			impossible = append(impossible, err.Error())
			continue
		}
		due[a] = lineage.Due{Text: lineage.Say(wire, s.Value), Source: Source(s)}
	}
	return due, impossible
}

// Natural reports whether what a new row would be given has the whole natural
// key: without it nobody could tell whether the person is there already. Of what
// would be written: a look after a lost answer asks with the same.
func Natural(m *mapping.Map, due map[schema.Attribute]lineage.Due) bool {
	known := schema.Values{}
	for a, d := range due {
		known[a] = *d.Value
	}
	return m.Natural(known) != nil
}

// Unflag lets a refused field be tried again when something changed: what would
// be written now is not what was refused.
func Unflag(row lineage.Row, who lineage.Resident, refused map[schema.Attribute]string) (lineage.Row, bool) {
	changed := false
	for a, f := range row.Flags() {
		w, ok := who.Wanted[a]
		if f.Kind != lineage.Refused || !ok || w.Wire == refused[a] || row.Lineage.Fields[a].Back != nil {
			continue
		}
		if next, _, err := lineage.Resolve(row, a, lineage.WriteAgain); err == nil {
			row, changed = next, true
		}
	}
	return row, changed
}

// Hold takes out of a plan what may not leave yet: a death, a move, a new number
// or anything of a merge that touches benefits, until a second person has agreed
// or the time to undo it is over. It returns the attributes.
func Hold(waits store.Waits, plan *lineage.Plan) []schema.Attribute {
	if len(waits) == 0 {
		return nil
	}
	var held []schema.Attribute
	for a, d := range plan.Due {
		if _, wait := waits.For(a); wait && !d.Back {
			held = append(held, a)
			delete(plan.Due, a)
		}
	}
	for a := range plan.Propose {
		if _, wait := waits.For(a); wait {
			held = append(held, a)
			delete(plan.Propose, a)
		}
	}
	slices.Sort(held)
	return held
}
