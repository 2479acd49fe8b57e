package writeback

import (
	"strconv"
	"strings"
	"time"

	"heji/connectors/mapping"
	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
	"heji/services/survivorship"
)

// sourceOf names whose evidence a surviving value is, in the form that lineage
// keeps beside what we wrote.
func sourceOf(s survivorship.Survivor) string {
	if s.Decision != 0 {
		return "decision/" + strconv.FormatInt(s.Decision, 10)
	}
	return s.Source.Platform + "/" + s.Source.Key
}

// fromDesk reports whether a value was entered by staff.
func fromDesk(source string) bool { return strings.HasPrefix(source, "desk/") }

// resident says what lineage must know: what the row should show by the
// agreement in force, and whose evidence is still part of this resident.
//
// I7: only attributes that the agreement names, in its mode, and only while the
// resident is in the platform's scope. Out of scope nothing new is written; what
// a wrong merge wrote is still taken back.
func resident(p store.Platform, m *mapping.Map, t store.Target, today time.Time) (lineage.Resident, []string) {
	inScope := p.Agreement.InScope(t.Resident.Values(), today)
	wanted := map[schema.Attribute]lineage.Wanted{}
	var impossible []string
	for _, a := range m.Attributes() {
		s, ok := t.Resident.Master[a]
		if !ok || !inScope || p.Agreement.Mode(a) == schema.Never || !m.Writable(a) {
			continue
		}
		wire, err := m.Wire(a, s.Value)
		if err != nil {
			impossible = append(impossible, err.Error()) // names the field, never the value
			continue
		}
		wanted[a] = lineage.Wanted{Value: s.Value, Wire: wire, Since: s.Upto, Decision: s.Decision != 0,
			Source: sourceOf(s), Disputed: s.Disputed}
	}
	decisions := map[string]bool{}
	for _, s := range t.Resident.Master {
		if s.Decision != 0 {
			decisions[sourceOf(s)] = true
		}
	}
	return lineage.Resident{
		Wanted: wanted,
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
			return t.Members[schema.RecordRef{Platform: platform, Key: key}]
		},
		Read: func(a schema.Attribute, raw string) (string, bool) {
			v, problem := m.Value(a, raw)
			return v, v != "" || problem == "" || problem == schema.ProblemPlaceholder
		},
	}, impossible
}

// created is what a new row is given: every attribute that the agreement lets
// this platform receive in any way, and that the master knows.
func created(p store.Platform, m *mapping.Map, t store.Target) (map[schema.Attribute]lineage.Due, []string) {
	due := map[schema.Attribute]lineage.Due{}
	var impossible []string
	for _, a := range m.Attributes() {
		s, ok := t.Resident.Master[a]
		if !ok || s.Disputed || p.Agreement.Mode(a) == schema.Never || !m.Writable(a) {
			continue
		}
		wire, err := m.Wire(a, s.Value)
		if err != nil {
			impossible = append(impossible, err.Error())
			continue
		}
		due[a] = lineage.Due{Text: lineage.Say(wire, s.Value), Source: sourceOf(s)}
	}
	return due, impossible
}
