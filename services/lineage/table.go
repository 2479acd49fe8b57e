package lineage

import (
	"slices"
	"time"

	"heji/schema"
)

// judge carries one field of one accepted read through the table of RULES B.
// The lines stand in the rule's order; the first that fits wins. The lines
// about open writes, doubt and stale reads come before it, in shut and run.
func (o *observer) judge(a schema.Attribute, f *field) {
	s := o.text(a)
	if o.restored && f.sent != nil && f.sent.Version != "" {
		f.setSent(func(x *Sent) { x.Version = "" }) // the number will be used again
	}
	if o.restored && f.mapped {
		if open := f.sent != nil && !f.sent.Settled; open || !s.Same(f.shown) {
			o.restore(a, f, s)
			return
		}
	}
	if f.sent != nil && !f.sent.Settled {
		o.unsettled(a, f, s)
		return
	}
	o.otherwise(a, f, s)
}

// text is what the read shows for a, with its meaning where it has one. A
// mirrored text has none: it can then never become a value of this platform's
// own.
func (o *observer) text(a schema.Attribute) Text {
	s := Text{Raw: o.read.Raw[a]}
	if v, ok := o.read.Values[a]; ok && !o.p.Mirrors[a] {
		s.Value = &v
	}
	return s
}

// restore: "if the look agrees, the platform was restored: shown = S, contested".
func (o *observer) restore(a schema.Attribute, f *field, s Text) {
	if f.sent != nil {
		if f.sent.Doubted || f.sent.Retry {
			f.setSent(func(x *Sent) { x.Doubted, x.Retry = false, false })
		}
		// What was there before us may be what was restored, even if it is also
		// what we sent.
		if o.becomes(a, f, s) && !f.inPast(s) && (f.own == nil || !f.own.Same(s)) {
			o.settle(a, f, s)
			return
		}
	}
	o.contest(a, f, s, ReasonRestored)
}

// unsettled is the block "sent, not settled".
func (o *observer) unsettled(a schema.Attribute, f *field, s Text) {
	doubted, retried := f.sent.Doubted, f.sent.Retried
	if doubted {
		f.setSent(func(x *Sent) { x.Doubted = false })
	}
	switch {
	// "S = sent, or a declared prediction, or a known rendition → settled; S
	// joins ours; flag cleared if S is new"
	case o.becomes(a, f, s):
		o.settle(a, f, s)

	// "S = base, was in doubt, not retried yet, version (if any) unchanged →
	// shown = S; one retry (or hold, if the agreement prefers)"
	case s.Same(f.sent.Base) && doubted && !retried && o.unmoved(f):
		f.shown = s
		if o.p.Hold {
			o.flag(a, f, NotTaken, ReasonUnsure)
			return
		}
		f.setSent(func(x *Sent) { x.Retry = true })
		f.flag = f.sent.Answered // what was flagged is still shown
		o.report.Retry = append(o.report.Retry, a)

	// A retry that was granted and not begun yet: nothing new.
	case s.Same(f.sent.Base) && f.sent.Retry && o.unmoved(f):
		f.shown = s

	// "S = base → not_taken: a person"
	case s.Same(f.sent.Base):
		f.shown = s
		f.setSent(func(x *Sent) { x.Retry = false })
		o.flag(a, f, NotTaken, ReasonIgnored)

	// "the version is the one that our conditional write made → S is learnt as a
	// rendition; settled"
	case f.sent.Conditional && f.sent.Version != "" && f.sent.Version == o.read.Version:
		o.report.Renditions = append(o.report.Renditions, Rendition{a, f.sent.Raw, s.Raw})
		o.settle(a, f, s)

	// "anything else → altered: contested, S joins ours; never evidence"
	default:
		// It joins without a source: if it is a clerk's after all, no unmerge may
		// take it back.
		f.join(Ours{Text: s})
		f.setSent(func(x *Sent) { x.Retry = false })
		if o.contest(a, f, s, ReasonAltered) {
			o.report.Altered = append(o.report.Altered, a)
		}
	}
}

// otherwise is the rest of the table: nothing is under way here.
func (o *observer) otherwise(a schema.Attribute, f *field, s Text) {
	isDefault := slices.Contains(o.p.Defaults[a], s.Raw)
	switch {
	// "S = shown → shown = S". A new spelling of the same is no news either: it
	// belongs to whoever the old one belonged to.
	case f.mapped && s.Same(f.shown):
		o.respell(a, f, s, isDefault)

	// "or a declared default → shown = S". Over something that we wrote, it would
	// undo us in silence, and writing again is not ours to decide: contested.
	case isDefault && f.sent != nil && !o.becomes(a, f, s):
		o.contest(a, f, s, ReasonReset)
	case isDefault:
		if f.own == nil && !f.mapped {
			f.own = &ownText{Text: Text{Raw: s.Raw}}
			f.own.After, f.own.Upto = o.interval(time.Time{})
			s.Value = nil
		}
		f.shown = s

	// "S = sent again while flagged, or a later rendition of it → settled; flag
	// cleared"
	case f.sent != nil && o.becomes(a, f, s):
		o.settle(a, f, s)

	// "S in ours; or something was sent and S is in past or = own.raw → shown = S,
	// contested; own untouched"
	case o.returns(a, f, s):
		o.report.Echoes++
		o.contest(a, f, s, ReasonReverted)

	// "many rows of one read change to the same S, or go back to past → mass:
	// contested, the platform is held"
	case f.mapped && f.own != nil && o.p.Mass.has(o.move(a, f, s)):
		o.contest(a, f, s, ReasonMass)

	// What our own create made of a field that we did not send: as long as the
	// row is at the version that we made, no clerk has been there.
	case o.row.Lineage.Shadow && !f.mapped && (s.Blank() || o.row.Lineage.Made != "" && o.read.Version == o.row.Lineage.Made):
		if !s.Blank() {
			f.join(Ours{Text: s})
		}
		f.shown = s

	// After a restore of the store: "values that differ from the backup and are not
	// in the journal have lineage unknown and neither match nor survive until a
	// steward opens the platform".
	case o.p.Unknown:
		o.unknown(a, f, s)

	// "anything else, blank included → own = {S, after: previous seen, upto:
	// asof}; shown = S; sent = none"
	default:
		o.adopt(a, f, s)
	}
}

// becomes reports whether s is what was sent, or what this platform is known to
// make of it.
func (o *observer) becomes(a schema.Attribute, f *field, s Text) bool {
	if s.Same(f.sent.Text) || o.p.makes(a, f.sent.Raw, s.Raw) {
		return true
	}
	return slices.ContainsFunc(f.ours, func(x Ours) bool {
		return x.Of != nil && *x.Of == f.sent.Raw && x.Raw == s.Raw
	})
}

// makes reports whether the platform is declared, or known from other rows, to
// make shown of sent.
func (p Policy) makes(a schema.Attribute, sent, shown string) bool {
	return p.Predict != nil && slices.Contains(p.Predict(a, sent), shown) ||
		p.Rendition != nil && p.Rendition(a, sent, shown)
}

// unmoved reports whether the row version, where there is one, is still the one
// that we wrote over.
func (o *observer) unmoved(f *field) bool {
	return o.read.Version == "" || f.sent.Over == "" || o.read.Version == f.sent.Over
}

// returns reports whether s is something that was here before because of us, or
// before us.
func (o *observer) returns(a schema.Attribute, f *field, s Text) bool {
	if _, ok := f.inOurs(s); ok {
		return true
	}
	// What an earlier write was bound to become is ours too, although no read has
	// shown it in time.
	if slices.ContainsFunc(f.ours, func(x Ours) bool { return o.p.makes(a, x.Raw, s.Raw) }) {
		return true
	}
	return f.sent != nil && (f.inPast(s) || f.own != nil && f.own.Same(s))
}

func (o *observer) settle(a schema.Attribute, f *field, s Text) {
	fresh := !f.mapped || !s.Same(f.shown)
	x := Ours{Text: s, Source: f.sent.Source}
	if s.Raw != f.sent.Raw {
		of := f.sent.Raw
		x.Of = &of
	}
	if old, ok := f.inOurs(s); !ok || old.Raw != s.Raw || old.Source != x.Source {
		f.join(x)
	}
	if !f.sent.Settled || f.sent.Retry || f.sent.Asked {
		f.setSent(func(x *Sent) { x.Settled, x.Retry, x.Asked = true, false, false })
		o.report.Settled = append(o.report.Settled, a)
	}
	// A text that a person has meanwhile accepted for the column is no longer
	// altered, new or not.
	if fresh || f.flag != nil && f.flag.Reason == ReasonAltered {
		f.flag = nil
	}
	o.report.Echoes++
	f.shown = s
}

// respell takes in another spelling, or another reading, of what is shown.
func (o *observer) respell(a schema.Attribute, f *field, s Text, isDefault bool) {
	if isDefault || o.p.Mirrors[a] {
		s.Value = nil
	}
	if f.own != nil && f.own.Raw == f.shown.Raw {
		own := *f.own
		own.Text = s
		f.own = &own
	}
	if old, ok := f.inOurs(f.shown); ok && old.Raw != s.Raw {
		old.Text = s
		f.join(old)
	}
	f.shown = s
}

// contest shows s and stops the field, unless it already waits with the same.
func (o *observer) contest(a schema.Attribute, f *field, s Text, why Reason) bool {
	fresh := f.flag == nil || !f.mapped || !s.Same(f.shown)
	if fresh {
		o.flag(a, f, Contested, why)
	}
	f.shown = s
	return fresh
}

// flag stops the field for a person. A flag that says the same already stays as
// it is: it has its own time.
func (o *observer) flag(a schema.Attribute, f *field, kind FlagKind, why Reason) {
	if f.flag != nil && f.flag.Kind == kind && f.flag.Reason == why && kind == NotTaken {
		return
	}
	f.flag = &Flag{Kind: kind, Reason: why, When: o.since(f)}
	if kind == NotTaken {
		o.report.NotTaken = append(o.report.NotTaken, a)
	} else {
		o.report.Contested = append(o.report.Contested, a)
	}
}

// adopt takes s as the platform's own evidence.
func (o *observer) adopt(a schema.Attribute, f *field, s Text) {
	if f.mapped {
		o.report.Moves = append(o.report.Moves, o.move(a, f, s))
	}
	own := &ownText{Text: s, Interval: o.since(f)}
	if f.own != nil {
		f.remember(f.own.Text)
	} else if _, ours := f.inOurs(f.shown); f.mapped && !ours {
		f.remember(f.shown) // what a row that we created showed on its own
	}
	f.own, f.shown, f.sent = own, s, nil
	o.report.Own = append(o.report.Own, a)
}

// unknown shows s and waits until a person has opened the platform.
func (o *observer) unknown(a schema.Attribute, f *field, s Text) {
	if f.own != nil && f.own.Same(s) { // as the backup has it, after all
		f.flag, f.shown = nil, s
		return
	}
	if f.flag == nil || f.flag.Reason != ReasonUnknown || !s.Same(f.shown) {
		f.flag = &Flag{Kind: Contested, Reason: ReasonUnknown, When: o.since(f)}
		o.report.Contested = append(o.report.Contested, a)
	}
	f.shown = s
}

// since is the time in which what the field shows now appeared: after the last
// read that showed something else. What was there when we first looked may have
// been there for ever.
func (o *observer) since(f *field) Interval {
	var after time.Time
	if f.mapped {
		after = f.seen
	}
	after, upto := o.interval(after)
	return Interval{after, upto}
}

func (o *observer) move(a schema.Attribute, f *field, s Text) Move {
	return Move{Attribute: a, To: s.Raw, Back: f.inPast(s)}
}
