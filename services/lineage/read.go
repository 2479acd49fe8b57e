package lineage

import (
	"time"

	"heji/schema"
)

// Policy is what a platform declares about itself. The zero Policy is the most
// careful one.
type Policy struct {
	// Lag is how stale a read may be.
	Lag time.Duration
	// RequestLife is how long after its sending a request may still arrive.
	RequestLife time.Duration
	// Looks: the platform can be asked for single rows.
	Looks bool
	// Primary: looks are answered by the place that takes the writes, so that
	// the lag does not apply to them.
	Primary bool
	// Queue: what is sent waits in a queue until the platform comes to it, however
	// long after RequestLife. That a read shows what was there before says nothing.
	Queue bool
	// Hold: the agreement prefers that a write in doubt waits for a person
	// instead of being tried once more.
	Hold bool
	// Older reports whether row version a came before b. Nil: versions cannot be
	// ordered.
	Older func(a, b string) bool
	// Defaults are texts that the platform puts in by itself: never evidence.
	Defaults map[schema.Attribute][]string
	// Mirrors are attributes that it copies from another platform: never evidence.
	Mirrors map[schema.Attribute]bool
	// Predict lists the texts that the platform is declared to make of a text
	// that we send (cut, padded, upper-cased). May be nil.
	Predict func(a schema.Attribute, wire string) []string
	// Rendition reports whether shown is known, from this column of other rows,
	// to be what the platform makes of sent. May be nil.
	Rendition func(a schema.Attribute, sent, shown string) bool
	// Restored is when the store was restored to an older point, last; zero: never.
	// No field is written before a read made after it.
	Restored time.Time
	// Unknown: nobody has opened the platform since. What a read shows and neither
	// the backup nor the journal knows has no known lineage: it may be a clerk's,
	// or ours.
	Unknown bool
	// Mass are changes that FindMass found in the read that this row is part of.
	Mass Mass
}

// Read is one row as one read of the platform showed it.
type Read struct {
	// AsOf is the time that the read speaks for: its start, or the extract's
	// cut-off, minus the lag. For a Look it is the start of the look, nothing
	// taken off: whether the lag applies to looks is in the Policy.
	AsOf time.Time
	// ChangedAt is the row's own change time, where the platform's clock is
	// trusted.
	ChangedAt *time.Time
	// Now clamps times that lie in the future; zero: nothing is clamped.
	Now time.Time
	// Version is the platform's own row version; empty: it has none.
	Version string
	// Raw is each field's text, Values what the mapping reads in it. A field in
	// Raw and not in Values could not be read.
	Raw    map[schema.Attribute]string
	Values schema.Values
	// Look: we asked for this row alone.
	Look bool
	// Deleted: the platform does not show the row.
	Deleted bool
}

// Rendition is a text that a platform makes of one that we sent.
type Rendition struct {
	Attribute   schema.Attribute
	Sent, Shown string
}

// Report says what a read did to a row.
type Report struct {
	// Ignored: the whole read was set aside.
	Ignored bool
	// NeedLook: the read, or a part of it, was set aside and did not simply
	// repeat what we know. The row says so too (Lineage.Look).
	NeedLook bool
	// Changed: something beside Seen is different. A caller may drop a row that
	// is not Changed without storing it: intervals get wider, never wrong.
	Changed bool
	// EvidenceChanged: Evidence gives another answer than before.
	EvidenceChanged bool
	// Ordinary: a clerk changed the name, ID number or birth date of a row that
	// we created. It is an ordinary record from now on, and a person reviews it.
	Ordinary bool
	// Restored: the platform went back to an older state.
	Restored bool
	// Echoes counts the fields in which we recognised our own doing.
	Echoes int

	// What happened to single fields, each list sorted.
	Settled   []schema.Attribute // our write is confirmed
	Altered   []schema.Attribute // it became something else: contested
	NotTaken  []schema.Attribute // it changed nothing
	Contested []schema.Attribute // changed back, reset, restored or mass-changed
	Retry     []schema.Attribute // it certainly did not arrive: once more
	Own       []schema.Attribute // a value of the platform's own appeared

	// Renditions that a conditional write proved for this row. The caller counts
	// them by column: a second row confirms one for the column.
	Renditions []Rendition
	// Moves are the changes of own values, for FindMass.
	Moves []Move
}

// clean brings all times to the store's resolution and none into the future.
func (r Read) clean() Read {
	r.Now = trim(r.Now)
	r.AsOf = r.notAfterNow(trim(r.AsOf))
	if r.ChangedAt != nil {
		if t := r.notAfterNow(trim(*r.ChangedAt)); t.IsZero() {
			r.ChangedAt = nil
		} else {
			r.ChangedAt = &t
		}
	}
	return r
}

func (r Read) notAfterNow(t time.Time) time.Time {
	if !r.Now.IsZero() && t.After(r.Now) {
		return r.Now
	}
	return t
}

// lower reports whether version a came before b, where that can be known.
func (p Policy) lower(a, b string) bool {
	return p.Older != nil && a != "" && b != "" && p.Older(a, b)
}
