package lineage

import (
	"maps"
	"slices"
	"time"

	"heji/schema"
)

// Observe takes one read into account. Every read of a row passes through it
// before it may be dropped as unchanged.
//
// I6: what comes out of Evidence afterwards contains neither what we wrote, nor
// what the platform made of it, nor anything from a read that is not newer than
// what we know.
func Observe(row Row, read Read, p Policy) (Row, Report) {
	read = read.clean()
	asOf := read.AsOf
	upto := asOf
	switch {
	case !read.Look:
		upto = read.notAfterNow(asOf.Add(p.Lag))
	case !p.Primary:
		asOf = asOf.Add(-p.Lag)
	}
	if row.unremarkable() && row.repeats(read, asOf, p) {
		changed := read.Version != "" && read.Version != row.Version || p.first(row.Seen, asOf)
		row.Seen = asOf
		if changed {
			row.Version = read.Version
		}
		return row, Report{Changed: changed}
	}
	o := &observer{row: row, read: read, p: p, asOf: asOf, upto: upto}
	next := o.run()
	return next, o.report
}

// first reports whether a read is the first of a row since the store was restored:
// that it was made must be stored, since writing waits for it.
func (p Policy) first(seen, asOf time.Time) bool {
	return !p.Restored.IsZero() && !seen.After(p.Restored) && asOf.After(p.Restored)
}

// unremarkable rows hold nothing that a repeated read could settle.
func (r Row) unremarkable() bool {
	return !r.Deleted && len(r.Lineage.Fields) == 0 && r.Lineage.Write == nil && !r.Lineage.Look && !r.Seen.IsZero()
}

// repeats reports whether a newer read shows exactly what we know: by far the
// most frequent case, so it copies nothing.
func (r Row) repeats(read Read, asOf time.Time, p Policy) bool {
	if read.Deleted || !asOf.After(r.Seen) || p.lower(read.Version, r.Version) || !maps.Equal(r.Raw, read.Raw) {
		return false
	}
	for a := range r.Raw {
		own, had := r.Own[a]
		v, has := read.Values[a]
		if has && (p.Mirrors[a] || slices.Contains(p.Defaults[a], read.Raw[a])) {
			has = false
		}
		if had != has || has && own != v {
			return false
		}
	}
	return true
}

// observer carries one read through the rules that concern the row; table.go
// has those that concern a field.
type observer struct {
	row      Row
	read     Read
	p        Policy
	asOf     time.Time // what is shown was there at this time or later,
	upto     time.Time // and at this time at the latest
	changed  int       // fields that show something else than before
	restored bool
	report   Report
}

func (o *observer) run() Row {
	row := o.row
	w := row.Lineage.Write

	// "a write is open; or asof is not after seen (a look excepted) → ignore;
	// look". An open write shuts out only the fields that it writes: that half
	// of the line, and the last outcome, are judged for each field.
	late := o.asOf.After(row.Seen) || o.read.Look && !o.asOf.Before(row.Seen)
	if !late && !row.Seen.IsZero() {
		return o.ignore(o.differs())
	}

	// "row version lower than seen before → look; if the look agrees, the
	// platform was restored".
	if o.p.lower(o.read.Version, row.Version) {
		if row.Open() && !o.conclusive() || !o.agrees() {
			return o.ignore(true)
		}
		o.restored, o.report.Restored = true, true
	}

	if o.read.Deleted {
		return o.vanish()
	}

	next := row.clone()
	next.Deleted = false
	o.report.EvidenceChanged = row.Deleted
	next.Seen = o.asOf
	if o.read.Version != "" {
		next.Version = o.read.Version
	}
	next.Lineage.Wrote, next.Lineage.Fallen, next.Lineage.Last = "", time.Time{}, time.Time{}
	o.changed = o.changes()
	if row.Upto.IsZero() {
		next.After, next.Upto = o.interval(time.Time{})
	}
	// The doubt ends with the first conclusive read of the row.
	if row.InDoubt() && o.conclusive() {
		next.Lineage.Write = nil
	}

	skipped := false
	for _, a := range union(row.Raw, o.read.Raw, row.Lineage.Fields) {
		f := row.field(a)
		if _, there := o.read.Raw[a]; there {
			if o.shut(a, f, w) {
				skipped = true
			} else {
				o.judge(a, &f)
				f.mapped, f.seen = true, o.asOf
			}
		}
		next.put(a, f)
	}
	next.Lineage.Look = skipped
	o.report.NeedLook = skipped
	o.ordinary(&next)
	o.report.EvidenceChanged = o.report.EvidenceChanged || !maps.Equal(row.Own, next.Own) || len(o.report.Own) > 0
	o.report.Changed = o.report.EvidenceChanged || row.Version != next.Version || !sameState(row, next) || o.p.first(row.Seen, next.Seen)
	return next
}

// shut reports whether the first two lines of the table keep this read from a
// field.
func (o *observer) shut(a schema.Attribute, f field, w *Write) bool {
	if w != nil {
		if _, in := w.Before[a]; in {
			// "a write is open → ignore; look"
			if w.Doubt.IsZero() {
				return true
			}
			// "in doubt: only a look after the lag plus the longest life of a
			// request ends the doubt and goes on below; others are ignored".
			if !o.conclusive() {
				return true
			}
		}
	}
	// "asof is not after the last outcome → ignore; look". Nothing was ever
	// written to the other fields: what we did says nothing about them.
	if f.written() && !o.asOf.After(o.row.Lineage.LastOutcome) {
		return true
	}
	return o.older(a, f)
}

// older reports whether this read may well be older than the one that showed
// what the field shows now, although its as-of time is not: two reads within one
// lag can overtake each other. Only where it shows something that was there
// before; something new has to come from somewhere.
func (o *observer) older(a schema.Attribute, f field) bool {
	var first time.Time // when what is shown was first seen, as far as that matters
	switch {
	case f.flag != nil && f.flag.Kind == Contested:
		first = f.flag.When.Upto
	case f.own != nil && f.shown.Same(f.own.Text):
		first = f.own.Upto
	}
	if o.asOf.After(first) {
		return false
	}
	s := o.text(a)
	if s.Same(f.shown) {
		return false
	}
	_, ours := f.inOurs(s)
	// Every field that we do not send is blank in a row that we created.
	return ours || f.inPast(s) || f.own != nil && f.own.Same(s) || o.row.Lineage.Shadow && s.Blank()
}

// conclusive reports whether this read can end a doubt: nothing that was sent
// can still be on its way at its as-of time.
func (o *observer) conclusive() bool {
	w := o.row.Lineage.Write
	if w == nil || w.Doubt.IsZero() {
		return false
	}
	if o.p.Looks && !o.read.Look {
		return false
	}
	if o.p.Queue && !o.moved(w) {
		return false
	}
	return o.asOf.After(w.Doubt.Add(o.p.RequestLife))
}

// moved reports whether the row shows anything else than it did before a write to
// it in what was written, or is gone.
func (o *observer) moved(w *Write) bool {
	for a := range w.Before {
		f := o.row.field(a)
		if s, shown := o.read.Raw[a]; shown && f.sent != nil && s != f.sent.Base.Raw && !o.text(a).Same(f.sent.Base) {
			return true
		}
	}
	return o.read.Deleted
}

// agrees reports whether a read with a lower version confirms an earlier one. A
// platform that cannot be asked is believed when a later read says the same.
func (o *observer) agrees() bool {
	if o.read.Look {
		return true
	}
	fallen := &o.row.Lineage.Fallen
	if fallen.IsZero() {
		*fallen = o.asOf
		o.report.Changed = true
		return false
	}
	return !o.p.Looks && o.asOf.After(*fallen) && !o.asOf.Before(fallen.Add(o.p.Lag))
}

// ignore sets the whole read aside.
func (o *observer) ignore(look bool) Row {
	o.report.Ignored = true
	row := o.row
	if look && !row.Lineage.Look {
		row.Lineage.Look = true
		o.report.Changed = true
	}
	o.report.NeedLook = look
	return row
}

// vanish takes in that the platform does not show the row. What we know stays:
// when it comes back, an echo must still be an echo.
func (o *observer) vanish() Row {
	row := o.row
	if w := row.Lineage.Write; w != nil && !o.conclusive() {
		return o.ignore(true)
	}
	o.report.EvidenceChanged = !row.Deleted
	o.report.Changed = !row.Deleted || row.Lineage.Look
	if !row.Deleted {
		row.Lineage.Last = row.Seen
	}
	row.Deleted = true
	row.Seen = o.asOf
	row.Lineage.Look = false
	return row
}

// differs reports whether a read that is set aside says anything that we do not
// know already; only then is it worth a look.
func (o *observer) differs() bool {
	if o.read.Deleted != o.row.Deleted {
		return true
	}
	for a, raw := range o.read.Raw {
		if known, ok := o.row.Raw[a]; !ok || known != raw {
			return true
		}
	}
	return false
}

// ordinary ends the shadow of a row whose person a clerk has changed.
func (o *observer) ordinary(row *Row) {
	if !row.Lineage.Shadow {
		return
	}
	for _, a := range []schema.Attribute{schema.Name, schema.IDNumber, schema.BirthDate} {
		if slices.Contains(o.report.Own, a) {
			row.Lineage.Shadow = false
			o.report.Ordinary = true
			return
		}
	}
}

// interval is the time in which a text appeared that was not there at after.
//
// The upper end is when the platform was asked, not the as-of time: what a
// lagging read shows may have been entered between the two, and evidence that
// claims to be older than it is loses in silence.
func (o *observer) interval(after time.Time) (time.Time, time.Time) {
	c := o.read.ChangedAt
	if c == nil || !c.After(after) {
		return after, o.upto
	}
	// "a trusted change clock gives after = upto". The clock is the row's: where
	// several fields changed between two reads, or we wrote in between, or the row
	// was away, it is not known to be this field's.
	alone := o.changed <= 1 && !o.row.Open() && !o.row.Lineage.LastOutcome.After(after) && !o.row.Deleted
	if after.IsZero() || alone {
		return *c, *c
	}
	return after, *c
}

// changes counts the fields that show something else than before.
func (o *observer) changes() int {
	n := 0
	for a, raw := range o.read.Raw {
		if known, ok := o.row.Raw[a]; ok && known != raw {
			n++
		}
	}
	return n
}

// sameState compares everything but Seen.
func sameState(a, b Row) bool {
	if a.Deleted != b.Deleted || !a.After.Equal(b.After) || !a.Upto.Equal(b.Upto) || !maps.Equal(a.Raw, b.Raw) {
		return false
	}
	x, y := a.Lineage, b.Lineage
	if x.Look != y.Look || x.Shadow != y.Shadow || x.Wrote != y.Wrote || !x.Fallen.Equal(y.Fallen) || x.Write != y.Write || len(x.Fields) != len(y.Fields) {
		return false
	}
	for k, f := range x.Fields {
		if g, ok := y.Fields[k]; !ok || !sameField(f, g) {
			return false
		}
	}
	return true
}

// sameField compares two packed fields. Parts that changed were replaced, never
// written in place, so pointers tell.
func sameField(a, b Field) bool {
	return a.Bare == b.Bare && equalValue(a.OwnRaw, b.OwnRaw) && equalValue(a.Reading, b.Reading) &&
		a.Seen.Equal(b.Seen) && a.Sent == b.Sent && a.Began.Equal(b.Began) && a.Flag == b.Flag && a.Back == b.Back &&
		(a.When == b.When || a.When != nil && b.When != nil && *a.When == *b.When) &&
		sameSlice(a.Ours, b.Ours) && sameSlice(a.Past, b.Past)
}

func sameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func union(shown, read map[schema.Attribute]string, fields map[schema.Attribute]Field) []schema.Attribute {
	all := make([]schema.Attribute, 0, len(shown)+len(fields))
	for a := range shown {
		all = append(all, a)
	}
	for a := range read {
		all = append(all, a)
	}
	for a := range fields {
		all = append(all, a)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
