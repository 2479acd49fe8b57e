package lineage

import (
	"slices"
	"time"

	"heji/schema"
)

// Written is one field of one entry of the write journal, which outlives the
// store. Leave out what is known not to have happened (missed, refused, busy).
type Written struct {
	Intent    string
	At        time.Time
	Attribute schema.Attribute
	Text
	Source string
	// Base is what the field showed; BaseOurs: because of us, and BaseSource
	// whose evidence that was.
	Base       Text
	BaseOurs   bool
	BaseSource string
	// Over is the row version that was written over.
	Over string
	// Create: the row was created by this write.
	Create bool
	// Applied: the platform is known to have taken it.
	Applied bool
}

// Journal lists the fields of a row's open write, as Restore will want them.
func Journal(row Row) []Written {
	w := row.Lineage.Write
	if w == nil {
		return nil
	}
	list := make([]Written, 0, len(w.Before))
	for _, a := range sortedKeys(w.Before) {
		f := row.field(a)
		if f.sent == nil {
			continue
		}
		base, ours := (field{ours: w.Before[a].Ours}).inOurs(f.sent.Base)
		list = append(list, Written{
			Intent: w.Intent, At: w.At, Attribute: a, Text: f.sent.Text, Source: f.sent.Source,
			Base: f.sent.Base, BaseOurs: ours, BaseSource: base.Source, Over: f.sent.Over,
			Create: row.Lineage.Shadow && row.Seen.IsZero(),
		})
	}
	return list
}

// Restore brings a row of a restored store up to what the write journal knows:
// "every value in the write journal joins `ours` (also for rows the backup
// lacks), its last write is in doubt, and no field is written before a read made
// after the restore". For a row that the backup lacks, pass the zero Row.
func Restore(row Row, journal []Written, at time.Time) Row {
	journal = slices.Clone(journal)
	slices.SortStableFunc(journal, func(x, y Written) int { return x.At.Compare(y.At) })

	next := row.clone()
	next.Lineage.Hold = trim(at)
	w := Write{Before: map[schema.Attribute]Before{}}
	if open := row.Lineage.Write; open != nil {
		w.Intent, w.At = open.Intent, open.At
		for a := range open.Before {
			w.Before[a] = Before{}
		}
	}
	for _, j := range journal {
		t := trim(j.At)
		f := next.field(j.Attribute)
		if j.Create && row.Seen.IsZero() {
			next.Lineage.Shadow = true
		}
		if !t.After(row.Lineage.LastOutcome) {
			// The backup knows how this write ended.
			f.join(Ours{Text: j.Text, Source: j.Source})
			next.put(j.Attribute, f)
			continue
		}
		f.recall(j, t)
		next.put(j.Attribute, f)
		w.Intent, w.At = j.Intent, t
		w.Before[j.Attribute] = Before{}
	}
	if len(w.Before) > 0 {
		// An outcome that still arrives says nothing about the state that was
		// lost, and when the write took effect is not known either: only a read
		// made after the restore ends this doubt.
		w.Intent = "restored:" + w.Intent
		next.doubt(&w, next.Lineage.Hold)
	}
	if len(next.Lineage.Fields) > 0 {
		next.Lineage.Look = true
	}
	return next
}

// OpenRow makes what has no known lineage the platform's own: a person has said
// that the platform may be believed again after a restore. It reports whether
// there was anything.
func OpenRow(row Row) (Row, bool) {
	opened := false
	for _, a := range sortedKeys(row.Lineage.Fields) {
		if f := row.Lineage.Fields[a].Flag; f == nil || f.Reason != ReasonUnknown {
			continue
		}
		next, _, err := Resolve(row, a, AsTheirs)
		if err != nil {
			continue // not shown any more: a read has settled it
		}
		row, opened = next, true
	}
	return row, opened
}

// recall takes a lost write from the journal into a field.
func (f *field) recall(j Written, t time.Time) {
	_, ours := f.inOurs(j.Base)
	switch {
	case j.Create:
	case ours:
	case j.BaseOurs:
		f.join(Ours{Text: j.Base, Source: j.BaseSource})
	case f.mapped && !f.shown.Same(j.Base) && t.After(f.seen):
		// The store had learnt a value of the platform's own, and forgot it.
		if f.own != nil {
			f.remember(f.own.Text)
		}
		f.own = &ownText{Text: j.Base, Interval: Interval{f.seen, t}}
		f.shown = j.Base
	}
	f.flag = nil
	f.send(Due{Text: j.Text, Source: j.Source}, j.Base, j.Over, t)
	if j.Applied || j.Create {
		f.sent.Retried = true // not taken is then not taken, and no reason to try again
	}
}
