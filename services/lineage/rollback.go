package lineage

import (
	"slices"

	"heji/schema"
)

// Left says why a field is not rolled back; empty: it is.
type Left string

// The reasons.
const (
	LeftChanged Left = "changed" // it no longer shows what we wrote then
	LeftSame    Left = "same"    // it shows what was there before
	LeftWaits   Left = "waits"   // it waits for a person already
	LeftDone    Left = "done"    // it was rolled back before
	LeftGone    Left = "gone"    // the row is not there any more
	LeftCreated Left = "created" // the row was made by us: Heji takes no rows away
)

// RollBack marks a field so that what it showed before some of our writes is
// brought back, and nothing else is written there until a person says so
// ([WriteAgain]). written are the writes that are to be taken back, the oldest
// first, all of this field.
//
// I8: as an unmerge it is a condition on the state and not an event: the value is
// due as long as the field shows one of ours, whatever the mode; over a clerk's
// value nothing is written.
func RollBack(row Row, a schema.Attribute, written []Written) (Row, Left) {
	f := row.field(a)
	base := written[0]
	switch {
	case row.Deleted:
		return row, LeftGone
	case row.Lineage.Shadow && base.Create:
		return row, LeftCreated
	case f.back != nil:
		return row, LeftDone
	case f.flag != nil:
		return row, LeftWaits
	}
	back := &Back{Text: base.Base, Source: Own}
	if base.BaseOurs {
		back.Source = base.BaseSource
	}
	for _, w := range written {
		if !slices.Contains(back.Wrote, w.Raw) {
			back.Wrote = append(back.Wrote, w.Raw)
		}
	}
	shown := believed(row, f)
	if w := row.Lineage.Write; w != nil {
		if _, underway := w.Before[a]; underway {
			shown = f.sent.Text // what will be shown, if it arrives
		}
	}
	switch {
	case !f.shows(back.Wrote, shown):
		return row, LeftChanged
	case shown.Raw == back.Raw:
		return row, LeftSame
	}
	f.back = back
	next := row.clone()
	next.put(a, f)
	return next, ""
}

// shows reports whether a text is one that we wrote, or what the platform made
// of it.
func (f field) shows(wrote []string, t Text) bool {
	if slices.Contains(wrote, t.Raw) {
		return true
	}
	return slices.ContainsFunc(f.ours, func(o Ours) bool {
		if o.Raw != t.Raw && !o.Same(t) {
			return false
		}
		return o.Of != nil && slices.Contains(wrote, *o.Of) || slices.Contains(wrote, o.Raw)
	})
}

// rollback is what a field that was rolled back should show: what was there
// before, as long as it shows what is to give way. Otherwise nothing is written;
// where something would be, it waits for a person.
func (x planner) rollback(a schema.Attribute, f field, d Due, wanted bool) (Due, bool) {
	if f.shows(f.back.Wrote, f.shown) && f.shown.Raw != f.back.Raw {
		return Due{Text: f.back.Text, Source: f.back.Source, Retract: true, Back: true}, true
	}
	if wanted && d.Retract && d.Source == Own {
		return d, true // a wrong merge is taken back all the same
	}
	if wanted && !x.shows(a, f, d.Text) {
		x.plan.Flagged = append(x.plan.Flagged, a)
	}
	return Due{}, false
}
