package lineage

import (
	"errors"
	"maps"
	"slices"
	"time"

	"heji/schema"
)

// ErrOpen means that another write to the row is open or in doubt. I5: writes
// to one target never run at the same time.
var ErrOpen = errors.New("another write to this row is not finished")

// Intent is a write that is about to be made.
type Intent struct {
	ID string
	At time.Time
	// Conditional: the platform compares with Due.If, or the row version, before
	// it writes.
	Conditional bool
	Due         map[schema.Attribute]Due
}

// Status is the outcome of a write. The texts are those of connectors.Status.
type Status string

// The outcomes, and what each means for the row.
const (
	Applied Status = "applied" // done: the next read shows what became of it
	Queued  Status = "queued"  // handed over: still open until acknowledged
	Missed  Status = "missed"  // the condition did not hold: not a write
	Failed  Status = "refused" // the platform said no: not a write, and flagged
	Gone    Status = "gone"    // the row is not there: not a write
	Exists  Status = "exists"  // a create found its key taken: not a write
	Doubt   Status = "doubt"   // nobody knows
	Busy    Status = "busy"    // certainly not done: may be tried again
)

// Outcome is what became of the open write.
type Outcome struct {
	Intent string
	Status Status
	At     time.Time
	// Version is the row version that the write made.
	Version string
	// Attribute is the field that was refused, where the platform says which;
	// empty: all of them.
	Attribute schema.Attribute
	// Words are the platform's own, for the person who looks at a refusal.
	Words string
}

// Begin opens a write. The row that it returns must be durable before the call
// is made (I5): from then on a read of these fields proves nothing until the
// outcome is known.
func Begin(row Row, intent Intent) (Row, error) {
	if row.Open() {
		return row, ErrOpen
	}
	at := trim(intent.At)
	next := row.clone()
	w := &Write{Intent: intent.ID, At: at, Conditional: intent.Conditional, Before: map[schema.Attribute]Before{}}
	for _, a := range sortedKeys(intent.Due) {
		d := intent.Due[a]
		f := row.field(a)
		w.Before[a] = Before{Sent: f.sent, Ours: f.ours, Began: f.began, Flag: f.flag}
		answered := f.flag
		f.flag = nil // only a later decision gets past a flag: it is answered
		f.send(d, believed(row, f), row.Match(), at)
		f.sent.Conditional, f.sent.Answered = intent.Conditional, answered
		next.put(a, f)
	}
	next.Lineage.Write = w
	return next, nil
}

// send notes a text as sent and as ours.
func (f *field) send(d Due, base Text, version string, at time.Time) {
	// The same text a second time, because of a doubt or because a person asked,
	// is the last attempt: what is shown then may already be its result.
	retried := f.sent != nil && f.sent.Raw == d.Raw
	f.sent = &Sent{Text: d.Text, Source: d.Source, Base: base, Over: version, Retried: retried}
	f.join(Ours{Text: d.Text, Source: d.Source})
	if f.began.IsZero() {
		f.began = at
	}
}

// Finish records the outcome of the open write. It reports false, and changes
// nothing, when that write is not open any more: a read has closed it, or it
// was finished before.
func Finish(row Row, out Outcome) (Row, bool) {
	w := row.Lineage.Write
	if w == nil || w.Intent != out.Intent {
		return row, false
	}
	at := trim(out.At)
	next := row.clone()
	switch out.Status {
	case Applied:
		next.apply(w, at, out.Version)
	case Queued:
		open := *w
		// Handed over for certain, perhaps a second time: the answer is the outcome.
		open.Queued, open.Doubt = true, time.Time{}
		next.Lineage.Write = &open
	case Doubt:
		next.doubt(w, at)
	case Busy:
		next.undo(w)
	case Failed:
		next.undo(w)
		next.refuse(w, at, out)
	default: // Missed, Gone, Exists
		// "A conditional write that misses is not a write: sent, base and settled
		// return to what they were, the last outcome does not move, and the next
		// attempt waits for a read after the miss."
		next.undo(w)
		next.Lineage.Hold = at
		next.Lineage.Look = true
	}
	return next, true
}

func (r *Row) apply(w *Write, at time.Time, version string) {
	r.Lineage.Write = nil
	if at.After(r.Lineage.LastOutcome) {
		r.Lineage.LastOutcome = at
	}
	for a := range w.Before {
		f := r.field(a)
		if f.sent == nil {
			continue
		}
		f.setSent(func(s *Sent) { s.Version, s.Doubted = version, false })
		r.put(a, f)
	}
	if version != "" {
		// Row.Version stays what a read has shown: if the platform went back to an
		// older state before our write, the next read must still betray it.
		r.Lineage.Wrote = version
		if r.Lineage.Shadow && r.Seen.IsZero() {
			r.Lineage.Made = version
		}
	}
}

func (r *Row) doubt(w *Write, at time.Time) {
	open := *w
	if open.Doubt.IsZero() {
		open.Doubt = at
	}
	r.Lineage.Write = &open
	r.Lineage.Look = true
	for a := range w.Before {
		f := r.field(a)
		if f.sent == nil {
			continue
		}
		f.setSent(func(s *Sent) { s.Doubted = true })
		r.put(a, f)
	}
}

// undo gives back what the fields were before a write that did not happen.
func (r *Row) undo(w *Write) {
	r.Lineage.Write = nil
	for a, b := range w.Before {
		f := r.field(a)
		f.sent, f.ours, f.began, f.flag = b.Sent, b.Ours, b.Began, b.Flag
		r.put(a, f)
	}
}

func (r *Row) refuse(w *Write, at time.Time, out Outcome) {
	refused := slices.Sorted(maps.Keys(w.Before))
	if _, ok := w.Before[out.Attribute]; ok {
		refused = []schema.Attribute{out.Attribute}
	}
	for _, a := range refused {
		f := r.field(a)
		f.flag = &Flag{Kind: Refused, Reason: ReasonRefused, Words: out.Words, When: Interval{f.seen, at}}
		r.put(a, f)
	}
}

// Created is the state of a row that we are about to create: every field that
// we send is ours, none is own. The create is its open write.
//
// I6: the row is a shadow; it supports nothing until a clerk changes it.
func Created(intent Intent) Row {
	row := Row{Lineage: Lineage{Shadow: true}}
	row, _ = Begin(row, intent) // a new row has no open write
	for a, f := range row.Lineage.Fields {
		// That the row is there proves that the create arrived: what it then does
		// not show was not taken, and is no reason to try again.
		f.Sent.Retried = true
		row.Lineage.Fields[a] = f
	}
	return row
}
