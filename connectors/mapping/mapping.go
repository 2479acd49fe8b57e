package mapping

import (
	"fmt"
	"maps"
	"sort"
	"strings"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
)

// Map is one platform's mapping. It is immutable and safe for concurrent use.
type Map struct {
	fields     map[schema.Attribute]*field
	attributes []schema.Attribute
	natural    []schema.Attribute
	constants  map[string]string // columns that every write carries
}

// New makes the mapping of a platform. Its errors name file, line and field.
func New(p *spec.Platform) (*Map, error) {
	m := &Map{fields: make(map[schema.Attribute]*field, len(p.Fields)), natural: p.Natural, constants: p.WriteWith}
	writers := map[string]schema.Attribute{} // column → the received attribute that writes it
	for a := range p.Fields {
		m.attributes = append(m.attributes, a)
	}
	order := map[schema.Attribute]int{}
	for i, d := range schema.Attributes() {
		order[d.Name] = i
	}
	sort.Slice(m.attributes, func(i, j int) bool { return order[m.attributes[i]] < order[m.attributes[j]] })

	for _, a := range m.attributes {
		f, err := newField(p, a)
		if err != nil {
			return nil, err
		}
		m.fields[a] = f
		if mode := p.Agreement.Mode(a); mode == schema.Never || f.spec.ReadOnly {
			continue
		}
		if err := f.reversible(p); err != nil {
			return nil, err
		}
		for _, column := range f.columns {
			if other, taken := writers[column]; taken {
				return nil, p.Errorf("fields."+string(a), "fields.%s: the column %q is already written by %s, and both are received. One of them must be read_only or not received.", a, column, other)
			}
			writers[column] = a
		}
	}
	for a, value := range p.Agreement.Withdraw {
		path := "agreement.withdraw." + string(a)
		if f, ok := m.fields[a]; ok && f.spec.ReadOnly {
			return nil, p.Errorf(path, "%s: fields.%s is read_only, so no row can be closed with it.", path, a)
		}
		wire, err := m.Wire(a, value)
		if back, _ := m.Value(a, wire); err != nil || back != value {
			return nil, p.Errorf(path, "%s: the platform has no text for %q that is read back as the same. Write one of our codes or values that the field can hold.", path, value)
		}
	}
	return m, nil
}

// Attributes returns the mapped attributes in display order.
func (m *Map) Attributes() []schema.Attribute {
	return append([]schema.Attribute(nil), m.attributes...)
}

// Samples are invented canonical values of a, to try a mapping or a row for trials
// with; none for an address.
func (m *Map) Samples(a schema.Attribute) []string {
	if f, ok := m.fields[a]; ok {
		return f.samples()
	}
	return nil
}

// Writable reports whether the platform takes values for a. Whether it should
// receive them is the agreement's question.
func (m *Map) Writable(a schema.Attribute) bool {
	f, ok := m.fields[a]
	return ok && !f.spec.ReadOnly && f.writable
}

// Read brings one row into canonical form: the values, the raw wire text of
// every mapped attribute that the row shows, and what is wrong. An attribute in
// raw but not in values was set aside; the problems say why. The row's own
// columns may be nil (a delete).
func (m *Map) Read(row connectors.Row) (schema.Values, map[schema.Attribute]string, []schema.ValueProblem) {
	values := schema.Values{}
	raw := map[schema.Attribute]string{}
	var problems []schema.ValueProblem
	for _, a := range m.attributes {
		f := m.fields[a]
		wire, shown := f.wireOf(row.Columns)
		if !shown {
			continue // unmapped in this row, which is not the same as blank
		}
		raw[a] = keepable(wire)
		value, problem := f.value(wire)
		if problem != "" {
			problems = append(problems, schema.ValueProblem{Attribute: a, Problem: problem})
		}
		// I1: a value that cannot be used is set aside, the record goes on. A
		// wrong check digit keeps its value, a placeholder is a blank.
		if problem == "" || value != "" || problem == schema.ProblemPlaceholder {
			values[a] = value
		}
	}
	return values, raw, problems
}

// Value reads one wire text of a. The canonical value is "" for a blank and for
// a value that must be set aside; only then is there a problem. A problem with
// a value (a wrong check digit) is a warning.
func (m *Map) Value(a schema.Attribute, wire string) (string, schema.Problem) {
	f, ok := m.fields[a]
	if !ok {
		return "", schema.ProblemUnreadable
	}
	return f.value(wire)
}

// Wire returns the text that the platform itself would write for a canonical
// value, "" or the platform's word for blank included. The error says why the
// platform has no way to hold it, without the value.
func (m *Map) Wire(a schema.Attribute, canonical string) (string, error) {
	f, ok := m.fields[a]
	if !ok {
		return "", fmt.Errorf("%s: the platform has no such field", a)
	}
	return f.wire(canonical)
}

// Columns spreads a wire text over the attribute's columns.
func (m *Map) Columns(a schema.Attribute, wire string) map[string]string {
	f, ok := m.fields[a]
	if !ok {
		return nil
	}
	return f.spread(wire)
}

// Constants returns the columns that a write carries beside its attributes: what
// the platform wants with every write, and in a new row what says how the
// attributes' columns are meant.
func (m *Map) Constants(attributes []schema.Attribute, create bool) map[string]string {
	out := maps.Clone(m.constants)
	if out == nil {
		out = map[string]string{}
	}
	if !create {
		return out
	}
	for _, a := range attributes {
		if f, ok := m.fields[a]; ok && f.spec.When != nil {
			out[f.spec.When.Column] = f.spec.When.Is[0]
		}
	}
	return out
}

// IsDefault reports whether the platform fills in this text by itself: it is
// never evidence.
func (m *Map) IsDefault(a schema.Attribute, wire string) bool {
	f, ok := m.fields[a]
	if !ok {
		return false
	}
	for _, d := range f.spec.Defaults {
		if strings.TrimSpace(wire) == d || wire == d {
			return true
		}
	}
	return false
}

// Predictions returns what the platform is declared to make of a wire text that
// we send, other than keeping it as it is: trimmed, cut, padded.
func (m *Map) Predictions(a schema.Attribute, wire string) []string {
	f, ok := m.fields[a]
	if !ok {
		return nil
	}
	var out []string
	add := func(s string) {
		if s == wire {
			return
		}
		for _, known := range out {
			if s == known {
				return
			}
		}
		out = append(out, s)
	}
	add(strings.TrimSpace(wire))
	if f.spec.Max > 0 {
		add(cut(wire, f.spec.Max))
		add(strings.TrimSpace(cut(wire, f.spec.Max)))
	}
	if f.spec.Pad > 0 {
		add(pad(strings.TrimRight(wire, " "), f.spec.Pad))
	}
	return out
}

// Shows reports whether a wire text that the platform shows already says what
// is wanted there: the same canonical value, or the value that this platform
// makes of the wanted one where its table is coarser or its column shorter. A
// field that Shows is never due (I5).
func (m *Map) Shows(a schema.Attribute, shown, wanted string) bool {
	f, ok := m.fields[a]
	if !ok {
		return false
	}
	have, problem := f.value(shown)
	if problem != "" && have == "" && problem != schema.ProblemPlaceholder {
		return false
	}
	if have == wanted {
		return true
	}
	wire, err := f.wire(wanted)
	if err != nil {
		return false
	}
	would, _ := f.value(wire)
	return would == have && wanted != ""
}

// Natural returns the natural key of a create, column → wire text, or nil where
// the values do not fill it: a person must not be looked for by half a key.
func (m *Map) Natural(values schema.Values) map[string]string {
	if len(m.natural) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, a := range m.natural {
		f, ok := m.fields[a]
		if !ok || !values.Known(a) {
			return nil
		}
		wire, err := f.wire(values[a])
		if err != nil {
			return nil
		}
		for column, text := range f.spread(wire) {
			out[column] = text
		}
	}
	return out
}
