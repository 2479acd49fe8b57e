package lineage

import (
	"maps"
	"slices"
	"time"

	"heji/schema"
)

// tick is the resolution of all times here: PostgreSQL's, so that a time that
// went through the store still equals itself.
const tick = time.Microsecond

func trim(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(tick)
}

// pastLimit bounds the earlier own texts that are kept for a field.
const pastLimit = 8

// field is the working form of one field: everything spelt out, nothing shared
// with the row.
type field struct {
	mapped bool // the platform has shown this field at least once
	shown  Text
	seen   time.Time
	own    *ownText // nil: the platform never had a value of its own here

	sent  *Sent
	ours  []Ours
	began time.Time
	past  []Text
	flag  *Flag
	back  *Back
}

type ownText struct {
	Text
	Interval
}

// field unpacks one field of a row.
func (r Row) field(a schema.Attribute) field {
	raw, mapped := r.Raw[a]
	x := r.Lineage.Fields[a]
	f := field{mapped: mapped, seen: r.lastShown(), sent: x.Sent, ours: x.Ours, began: x.Began, past: x.Past, flag: x.Flag, back: x.Back}
	if !x.Seen.IsZero() {
		f.seen = x.Seen
	}
	f.shown = Text{Raw: raw, Value: x.Reading}
	if mapped && !x.Bare {
		own := &ownText{Text: Text{Raw: raw}, Interval: Interval{r.After, r.Upto}}
		if v, ok := r.Own[a]; ok {
			own.Value = &v
		}
		if x.OwnRaw != nil {
			own.Raw = *x.OwnRaw
		} else {
			f.shown.Value = own.Value
		}
		if x.When != nil {
			own.Interval = *x.When
		}
		f.own = own
	}
	if x.Reading != nil {
		f.shown.Value = x.Reading
	}
	return f
}

// lastShown is the as-of time of the last read that showed the row. That it was
// not there for a while says nothing about when its texts changed.
func (r Row) lastShown() time.Time {
	if r.Deleted {
		return r.Lineage.Last
	}
	return r.Seen
}

// put packs one field into the row, whose maps must be the caller's own.
func (r *Row) put(a schema.Attribute, f field) {
	x := Field{Sent: f.sent, Ours: f.ours, Began: f.began, Past: f.past, Flag: f.flag, Back: f.back}
	delete(r.Own, a)
	if f.mapped {
		r.Raw[a] = f.shown.Raw
		if !f.seen.Equal(r.lastShown()) {
			x.Seen = f.seen
		}
	}
	switch {
	case f.own == nil:
		x.Bare = f.mapped
		x.Reading = f.shown.Value
	default:
		if f.own.Value != nil {
			r.Own[a] = *f.own.Value
		}
		if f.own.Raw != f.shown.Raw {
			x.OwnRaw = &f.own.Raw
			x.Reading = f.shown.Value
		} else if !equalValue(f.own.Value, f.shown.Value) {
			x.Reading = f.shown.Value
		}
		if !f.own.After.Equal(r.After) || !f.own.Upto.Equal(r.Upto) {
			w := f.own.Interval
			x.When = &w
		}
	}
	if x.plain() {
		delete(r.Lineage.Fields, a)
		return
	}
	r.Lineage.Fields[a] = x
}

func (x Field) plain() bool {
	return !x.Bare && x.OwnRaw == nil && x.Reading == nil && x.When == nil && x.Seen.IsZero() &&
		x.Sent == nil && len(x.Ours) == 0 && x.Began.IsZero() && len(x.Past) == 0 && x.Flag == nil && x.Back == nil
}

func equalValue(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// clone returns a row whose maps may be written.
func (r Row) clone() Row {
	r.Raw = maps.Clone(r.Raw)
	if r.Raw == nil {
		r.Raw = map[schema.Attribute]string{}
	}
	r.Own = maps.Clone(r.Own)
	if r.Own == nil {
		r.Own = schema.Values{}
	}
	r.Lineage.Fields = maps.Clone(r.Lineage.Fields)
	if r.Lineage.Fields == nil {
		r.Lineage.Fields = map[schema.Attribute]Field{}
	}
	return r
}

// written reports whether we ever sent anything here.
func (f field) written() bool { return f.sent != nil || len(f.ours) > 0 }

// inOurs finds a text among what the field showed because of us; the same
// spelling before the same meaning.
func (f field) inOurs(t Text) (Ours, bool) {
	for _, o := range f.ours {
		if o.Raw == t.Raw {
			return o, true
		}
	}
	for _, o := range f.ours {
		if o.Same(t) {
			return o, true
		}
	}
	return Ours{}, false
}

// join adds a text to ours; the latest source of the same text wins.
func (f *field) join(o Ours) {
	ours := slices.Clone(f.ours)
	for i := range ours {
		if ours[i].Raw == o.Raw {
			if o.Of == nil {
				o.Of = ours[i].Of
			}
			ours[i] = o
			f.ours = ours
			return
		}
	}
	f.ours = append(ours, o)
}

// leave removes a text from ours: a person said that it is the clerk's.
func (f *field) leave(t Text) {
	f.ours = slices.DeleteFunc(slices.Clone(f.ours), func(o Ours) bool { return o.Same(t) })
}

func (f field) inPast(t Text) bool {
	return slices.ContainsFunc(f.past, func(p Text) bool { return p.Same(t) })
}

// remember moves an own text into the past.
func (f *field) remember(t Text) {
	past := append(slices.Clone(f.past), t)
	if len(past) > pastLimit {
		past = past[len(past)-pastLimit:]
	}
	f.past = past
}

// setSent replaces the write state by a changed copy: states are shared between
// versions of a row.
func (f *field) setSent(change func(*Sent)) {
	s := *f.sent
	change(&s)
	f.sent = &s
}

// ownBlank reports whether the platform has nothing of its own here.
func (f field) ownBlank() bool { return f.own == nil || f.own.Blank() }
