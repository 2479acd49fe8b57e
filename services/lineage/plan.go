package lineage

import (
	"slices"
	"time"

	"heji/schema"
)

// Wanted is what a row should come to show in one field, as survivorship or a
// decision has it. It depends on own evidence, decisions and agreements, never
// on what a platform shows because of us.
type Wanted struct {
	Value string // canonical
	Wire  string // as this platform writes it
	// Since is the time of the evidence or decision behind the value.
	Since time.Time
	// Decision: a person said so ("keep this value").
	Decision bool
	// Source names the record whose evidence it is.
	Source string
	// Disputed: the order of the winner and a loser is unknown; a person decides.
	Disputed bool
}

// Resident is what Plan must know about the resident that a row belongs to now.
type Resident struct {
	Wanted map[schema.Attribute]Wanted
	// Mode is the agreement's mode for an attribute.
	Mode func(schema.Attribute) schema.Mode
	// Has reports whether the record named by a source still belongs to this
	// resident and is still there.
	Has func(source string) bool
	// Nobody: no record of a platform of its own stands behind the resident any
	// more. A row that we made is then closed by Close, if that says how; else it
	// stays as it is, for a person.
	Nobody bool
	Close  map[schema.Attribute]Wanted
	// Read is the mapping's reading of a text; false: it cannot be read.
	Read func(a schema.Attribute, raw string) (string, bool)
}

// Due is one field to be written.
type Due struct {
	Text
	Source string
	// If is what the field is believed to show: a conditional write must find it.
	If Text
	// Retract: a value whose source has left this resident is taken back.
	Retract bool
	// Back: a person has had our write rolled back; also a Retract.
	Back bool
}

// Plan is the difference between what a row shows and what it should show.
type Plan struct {
	Due     map[schema.Attribute]Due // to be written
	Propose map[schema.Attribute]Due // to be proposed to the owner
	// Contested: the platform's own value is newer than the evidence behind what
	// is wanted, or it did not keep what we wrote. Released by a later decision.
	Contested []schema.Attribute
	// Disputed: survivorship does not know which value is the newest.
	Disputed []schema.Attribute
	// Flagged: would be written, but waits for a person.
	Flagged []schema.Attribute
	// Waiting: would be written, or was, and waits for a read or an outcome.
	Waiting []schema.Attribute
}

// Set returns the texts to write, by attribute.
func (p Plan) Set() map[schema.Attribute]string {
	return texts(p.Due, func(d Due) string { return d.Raw })
}

// If returns what the fields to write are believed to show, by attribute.
func (p Plan) If() map[schema.Attribute]string {
	return texts(p.Due, func(d Due) string { return d.If.Raw })
}

func texts(due map[schema.Attribute]Due, of func(Due) string) map[schema.Attribute]string {
	m := make(map[schema.Attribute]string, len(due))
	for a, d := range due {
		m[a] = of(d)
	}
	return m
}

// Settled reports whether nothing is left to do or to wait for, and no person
// is needed.
func (p Plan) Settled() bool {
	return len(p.Due)+len(p.Propose)+len(p.Contested)+len(p.Disputed)+len(p.Flagged)+len(p.Waiting) == 0
}

// Make computes what is due on a row. It is level-triggered: it looks only at
// the state, so asking twice gives the same answer and nothing is queued twice.
func Make(row Row, resident Resident, p Policy) Plan {
	var plan Plan
	if row.Deleted {
		return plan
	}
	if Abandoned(row, resident) {
		resident = resident.closing()
	}
	for _, a := range attributes(row, resident) {
		f := row.field(a)
		// I5: a field that the platform has never shown us may hold anything.
		if !f.mapped {
			continue
		}
		if f.shown.Value == nil {
			f.shown = resident.reading(a, f.shown.Raw)
		}
		planner{row: row, resident: resident, p: p, plan: &plan}.field(a, f)
	}
	return plan
}

// Abandoned reports whether nobody stands behind a row that we made: the last
// record that it followed is gone.
func Abandoned(row Row, resident Resident) bool { return row.Lineage.Shadow && resident.Nobody }

// closing is what a row that we made should show when "the last anchor is gone,
// withdrawn as the agreement says, never silently deleted". Its values are not
// taken back one by one: half a person helps nobody, and the platform may require
// them. What a person has rolled back still is.
func (r Resident) closing() Resident {
	closes := r.Close
	r.Wanted = closes
	r.Mode = func(a schema.Attribute) schema.Mode {
		if _, ok := closes[a]; ok {
			return schema.Overwrite
		}
		return schema.Never
	}
	r.Has = func(string) bool { return true }
	return r
}

type planner struct {
	row      Row
	resident Resident
	p        Policy
	plan     *Plan
}

// field applies "a field is due exactly when …" to one field.
func (x planner) field(a schema.Attribute, f field) {
	d, want, ok := x.candidate(a, f)
	if f.back != nil {
		if d, ok = x.rollback(a, f, d, ok); !ok {
			return
		}
	}
	if !ok {
		return
	}
	note := func(list *[]schema.Attribute) { *list = append(*list, a) }

	// "`read(shown) ≠ wanted` (compared as canonical values, so synonyms and
	// lossy codes are equal)"
	if x.shows(a, f, d.Text) {
		return
	}
	// "no open write, no doubt": of the whole row, since writes to one target
	// never run at the same time. "the next attempt waits for a read after the
	// miss" and, after a restore, for a read made after it. A row version that
	// fell says that we do not know what the row shows.
	if x.row.Open() || !x.row.Lineage.Fallen.IsZero() || f.sent != nil && f.sent.Doubted || !f.seen.After(x.row.Lineage.Hold) ||
		!x.p.Restored.IsZero() && !f.seen.After(x.p.Restored) {
		note(&x.plan.Waiting)
		return
	}
	if !d.Retract && want.Disputed {
		note(&x.plan.Disputed)
		return
	}
	// "no flag". A decision that is later than what is contested releases it, as
	// long as the agreement lets us write over the platform's own values: under
	// fill_empty, whether this is one is the very question.
	asked := f.sent != nil && (f.sent.Retry || f.sent.Asked)
	if f.flag != nil {
		if d.Retract || f.flag.Kind != Contested || !want.Decision || !want.Since.After(f.flag.When.Upto) ||
			x.resident.Mode(a) == schema.FillEmpty {
			note(&x.plan.Flagged)
			return
		}
		asked = true
	}
	if !d.Retract && newerOwn(f, want) {
		note(&x.plan.Contested)
		return
	}
	// "`wire(wanted) ≠ sent` (except the one retry, or a person asks)"
	// I5: the platform was seen to hold it, or may still come to show it.
	if f.sent != nil && f.sent.Raw == d.Raw && !asked {
		if f.sent.Settled {
			note(&x.plan.Contested)
		} else {
			note(&x.plan.Waiting)
		}
		return
	}
	d.If = x.believed(f)
	if !d.Retract && x.resident.Mode(a) == schema.Propose {
		put(&x.plan.Propose, a, d)
		return
	}
	put(&x.plan.Due, a, d)
}

// candidate is what the field should show by the agreement, if anything.
func (x planner) candidate(a schema.Attribute, f field) (Due, Wanted, bool) {
	want, ok := x.resident.Wanted[a]
	mode := x.resident.Mode(a)
	origin, ours := f.inOurs(f.shown)
	orphan := ours && origin.Source != "" && origin.Source != Own && !x.resident.Has(origin.Source)

	allowed := ok && allows(mode, f, ours)
	if orphan {
		// "while shown is in `ours` and its source is no longer in this resident,
		// the field is due with wanted, else with own.raw (blank included),
		// whatever the mode". I8: a wrong merge is taken back. Wanted goes out
		// only where the agreement lets it stand here (I7); otherwise the
		// platform gets its own text back.
		// Where what is wanted is the platform's own value, it is given back to the
		// byte, not in our spelling of it.
		same := f.own != nil && f.own.Value != nil && *f.own.Value == want.Value
		if !allowed || same || mode == schema.Propose || want.Disputed || newerOwn(f, want) {
			return Due{Text: x.giveBack(a, f), Source: Own, Retract: true}, Wanted{}, true
		}
	}
	if !allowed {
		return Due{}, want, false
	}
	return Due{Text: Say(want.Wire, want.Value), Source: want.Source, Retract: orphan}, want, true
}

// allows: "the mode allows". "`fill_empty` allows when own is blank and shown is
// blank or in `ours`".
func allows(mode schema.Mode, f field, shownOurs bool) bool {
	switch mode {
	case schema.Overwrite, schema.Propose:
		return true
	case schema.FillEmpty:
		return f.ownBlank() && (f.shown.Blank() || shownOurs)
	default:
		return false // I7: only what was agreed
	}
}

// newerOwn: "if `ours` is not empty and `own.upto` is later than the evidence or
// decision behind wanted: contested, not written; a later decision releases it".
// An own value from before our first write cannot be an answer to it.
func newerOwn(f field, want Wanted) bool {
	return len(f.ours) > 0 && f.own != nil && f.own.Upto.After(want.Since) && f.own.Upto.After(f.began)
}

// shows reports whether the field already shows t as well as this platform can.
func (x planner) shows(a schema.Attribute, f field, t Text) bool {
	if f.shown.Same(t) || f.shown.Same(x.resident.reading(a, t.Raw)) || x.p.makes(a, t.Raw, f.shown.Raw) {
		return true
	}
	return slices.ContainsFunc(f.ours, func(o Ours) bool {
		return o.Of != nil && *o.Of == t.Raw && o.Raw == f.shown.Raw
	})
}

// believed is what the field shows as far as we know: what we sent, once the
// write has ended and no newer read has said otherwise.
func (x planner) believed(f field) Text { return believed(x.row, f) }

func believed(row Row, f field) Text {
	if f.sent != nil && !f.sent.Settled && !f.sent.Doubted && !f.seen.After(row.Lineage.LastOutcome) {
		return f.sent.Text
	}
	return f.shown
}

// giveBack is the platform's own text; blank where it never had one.
func (x planner) giveBack(a schema.Attribute, f field) Text {
	if f.own == nil {
		return x.resident.reading(a, "")
	}
	return f.own.Text
}

func (r Resident) reading(a schema.Attribute, raw string) Text {
	if r.Read != nil {
		if v, ok := r.Read(a, raw); ok {
			return Say(raw, v)
		}
	}
	return Text{Raw: raw}
}

// attributes are the wanted ones and those that show something of ours.
func attributes(row Row, resident Resident) []schema.Attribute {
	all := sortedKeys(resident.Wanted)
	for a, f := range row.Lineage.Fields {
		if len(f.Ours) > 0 {
			all = append(all, a)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func put(m *map[schema.Attribute]Due, a schema.Attribute, d Due) {
	if *m == nil {
		*m = map[schema.Attribute]Due{}
	}
	(*m)[a] = d
}
