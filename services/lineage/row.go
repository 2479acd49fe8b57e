package lineage

import (
	"slices"
	"time"

	"heji/schema"
)

// Own is the source of a value that was given back: the platform's own text,
// written again after a wrong merge was taken apart. It is always "in" the
// resident, whichever one the row belongs to.
const Own = "own"

// Row is what the hub knows of one row of one platform. Almost all rows were
// never written by us: for these, Raw and Own hold each value once, After and
// Upto the one interval of all of them, and Lineage is empty. Store the six
// parts as columns, or the whole as JSON.
//
// Rows are values: no function of this package changes the maps of a row it was
// given.
type Row struct {
	// Seen is the as-of time of the last accepted read; zero: never read.
	Seen time.Time `json:"seen,omitzero"`
	// After and Upto bound the time in which the row's own values appeared,
	// except where Lineage says otherwise for a field. A zero After means that
	// the value was there when we first looked.
	After time.Time `json:"after,omitzero"`
	Upto  time.Time `json:"upto,omitzero"`
	// Version is the platform's own row version as last seen; empty: it has none.
	Version string `json:"version,omitempty"`
	// Deleted: the platform no longer shows the row. Everything else is kept, so
	// that an echo is still an echo when the row comes back.
	Deleted bool `json:"deleted,omitempty"`
	// Raw is what each field shows (shown in RULES B), whoever it came from.
	Raw map[schema.Attribute]string `json:"raw,omitempty"`
	// Own is the platform's own evidence in canonical form: the only thing that
	// matching and survivorship may see (I6). A field whose own text could not be
	// read, or that merely mirrors another platform, is in Raw and not in Own.
	Own schema.Values `json:"own,omitempty"`
	// Lineage holds what is exceptional about this row.
	Lineage Lineage `json:"lineage,omitzero"`
}

// Lineage is the exceptional part of a row's state; empty for a row that we
// never wrote and whose values all appeared together.
type Lineage struct {
	// LastOutcome is when the last write to this row ended. A read that is not
	// newer says nothing about the written fields.
	LastOutcome time.Time `json:"outcome,omitzero"`
	// Hold: nothing is written before a read whose as-of time lies after it.
	Hold time.Time `json:"hold,omitzero"`
	// Look: a read was set aside or is outstanding; the row should be asked for.
	// LookAt says from when the answer can settle it.
	Look bool `json:"look,omitempty"`
	// Fallen is the as-of time of the first read with a row version lower than
	// seen before. Nothing is written until it is explained: by a look, or, where
	// the platform cannot be asked, by a later read that agrees.
	Fallen time.Time `json:"fallen,omitzero"`
	// Shadow: we created this row, so it has no weight in matching and follows
	// the record it was created from.
	Shadow bool `json:"shadow,omitempty"`
	// Wrote is the row version that our last write made, until the next read.
	Wrote string `json:"wrote,omitempty"`
	// Made is the row version that our create made.
	Made string `json:"made,omitempty"`
	// Last is the as-of time of the last read that showed the row, while it is
	// Deleted.
	Last time.Time `json:"last,omitzero"`
	// Write is the one open or doubtful write to this row.
	Write *Write `json:"write,omitempty"`
	// Fields holds the fields that are not simply their own.
	Fields map[schema.Attribute]Field `json:"fields,omitempty"`
}

// IsZero reports whether there is nothing exceptional to store.
func (l Lineage) IsZero() bool {
	return l.LastOutcome.IsZero() && l.Hold.IsZero() && !l.Look && l.Fallen.IsZero() && !l.Shadow && l.Wrote == "" && l.Made == "" &&
		l.Last.IsZero() && l.Write == nil && len(l.Fields) == 0
}

// Text is a text of the platform and what the mapping reads in it.
type Text struct {
	Raw string `json:"r"`
	// Value is the canonical meaning; nil where the mapping cannot read Raw.
	Value *string `json:"v,omitempty"`
}

// Say makes a Text whose meaning is known.
func Say(raw, value string) Text { return Text{Raw: raw, Value: &value} }

// Same reports whether two texts are equal or mean the same.
func (t Text) Same(o Text) bool {
	return t.Raw == o.Raw || t.Value != nil && o.Value != nil && *t.Value == *o.Value
}

// Blank reports whether the text means that nothing is there. A text that
// cannot be read is not blank.
func (t Text) Blank() bool {
	if t.Value != nil {
		return *t.Value == ""
	}
	return t.Raw == ""
}

// Interval bounds the time in which a value appeared.
type Interval struct {
	After time.Time `json:"after,omitzero"`
	Upto  time.Time `json:"upto,omitzero"`
}

// Field is the stored form of one exceptional field.
type Field struct {
	// Bare: the platform never had a value of its own here.
	Bare bool `json:"bare,omitempty"`
	// OwnRaw is the own text where the field shows something else.
	OwnRaw *string `json:"own,omitempty"`
	// Reading is the meaning of what is shown, where that is not the own value.
	Reading *string `json:"reading,omitempty"`
	// When is the own value's interval where it is not the row's.
	When *Interval `json:"when,omitempty"`
	// Seen is the field's own Seen where the row's last reads did not speak
	// about this field.
	Seen time.Time `json:"seen,omitzero"`
	// Sent is the last value that we wrote, until a clerk's own value replaces it.
	Sent *Sent `json:"sent,omitempty"`
	// Ours is everything that we ever sent here and everything it became.
	Ours []Ours `json:"ours,omitempty"`
	// Began is when we first sent anything here.
	Began time.Time `json:"began,omitzero"`
	// Past holds earlier own texts, the newest last, at most pastLimit.
	Past []Text `json:"past,omitempty"`
	Flag *Flag  `json:"flag,omitempty"`
	// Back is what a person has had brought back here ([RollBack]).
	Back *Back `json:"back,omitempty"`
}

// Back is what a field showed before writes that a person has rolled back. As
// long as it is there, nothing else is written to the field.
type Back struct {
	Text
	// Source is whose evidence the text was, Own where it was the platform's.
	Source string `json:"source"`
	// Wrote are the texts that are to give way: only over one of them it is written.
	Wrote []string `json:"wrote"`
}

// Sent is the last value that we wrote to a field.
type Sent struct {
	Text
	Source string `json:"source,omitempty"` // whose evidence it was
	// Base is what the field showed when we wrote.
	Base Text `json:"base"`
	// Over is the row version that we wrote over, Version the one we made.
	Over    string `json:"over,omitempty"`
	Version string `json:"version,omitempty"`
	// Conditional: the platform compared before it wrote.
	Conditional bool `json:"conditional,omitempty"`
	// Settled: a read has shown what became of it.
	Settled bool `json:"settled,omitempty"`
	// Doubted: nobody knows whether it arrived, and no read has said so yet.
	Doubted bool `json:"doubted,omitempty"`
	// Retry: it certainly did not arrive, and may be written once more.
	Retry bool `json:"retry,omitempty"`
	// Retried: this is the second attempt already.
	Retried bool `json:"retried,omitempty"`
	// Answered is the flag that a later decision got past with this write.
	Answered *Flag `json:"answered,omitempty"`
	// Asked: a person asked to write it again.
	Asked bool `json:"asked,omitempty"`
}

// Ours is a text that the platform shows because of us.
type Ours struct {
	Text
	// Source names the record whose evidence it was; empty: nobody's (what the
	// platform itself put into a row that we created).
	Source string `json:"source,omitempty"`
	// Of is the text we sent, where this one is what the platform makes of it.
	Of *string `json:"of,omitempty"`
}

// FlagKind says why a field waits for a person.
type FlagKind string

// The flags of RULES B.
const (
	Contested FlagKind = "contested" // somebody there changed or reverted what we wrote
	NotTaken  FlagKind = "not_taken" // the platform took the write and shows the old value
	Refused   FlagKind = "refused"   // the platform said no
	// RolledBack is no flag of the rules: a person has taken back what we wrote.
	RolledBack FlagKind = "rolled_back"
)

// Flag stops all writing to a field until a person decides.
type Flag struct {
	Kind   FlagKind `json:"kind"`
	Reason Reason   `json:"reason"`
	// Words are the platform's own, where it refused.
	Words string `json:"words,omitempty"`
	// When the flagged text appeared, as far as reads can tell.
	When Interval `json:"when"`
}

// Reason says what exactly raised a flag.
type Reason string

// The reasons, one for each line of the table that flags.
const (
	ReasonReverted Reason = "reverted" // an earlier value, theirs or ours, is back
	ReasonAltered  Reason = "altered"  // neither what we wrote nor what was there
	ReasonReset    Reason = "reset"    // the platform put its default over what we wrote
	ReasonRestored Reason = "restored" // the platform went back to an older state
	ReasonMass     Reason = "mass"     // many rows changed to the same at once
	ReasonIgnored  Reason = "ignored"  // the write ended well and changed nothing
	ReasonUnsure   Reason = "unsure"   // in doubt, and the agreement prefers to hold
	ReasonRefused  Reason = "refused"
	ReasonUnknown  Reason = "unknown" // our own store was restored, and does not know it
)

// Write is an intent that was made durable before the call, until its outcome
// is known.
type Write struct {
	Intent      string    `json:"intent"`
	At          time.Time `json:"at"`
	Conditional bool      `json:"conditional,omitempty"`
	// Queued: handed over; the acknowledgement is the outcome.
	Queued bool `json:"queued,omitempty"`
	// Doubt is since when nobody knows whether the write arrived; zero: open.
	Doubt time.Time `json:"doubt,omitzero"`
	// Before holds what a write that did not happen gives back.
	Before map[schema.Attribute]Before `json:"before"`
}

// Before is the write state of one field before the open write.
type Before struct {
	Sent  *Sent     `json:"sent,omitempty"`
	Ours  []Ours    `json:"ours,omitempty"`
	Began time.Time `json:"began,omitzero"`
	Flag  *Flag     `json:"flag,omitempty"`
}

// Claim is one own value with the interval in which it appeared.
type Claim struct {
	Attribute schema.Attribute
	Value     string
	After     time.Time
	Upto      time.Time
}

// Evidence returns what this platform itself says about the person, sorted by
// attribute; nothing for a row that is gone.
//
// I6: this is the only door through which a row reaches matching and
// survivorship. What we wrote, and what became of it, never passes it.
func (r Row) Evidence() []Claim {
	if r.Deleted {
		return nil
	}
	claims := make([]Claim, 0, len(r.Own))
	for _, a := range sortedKeys(r.Own) {
		c := Claim{Attribute: a, Value: r.Own[a], After: r.After, Upto: r.Upto}
		if w := r.Lineage.Fields[a].When; w != nil {
			c.After, c.Upto = w.After, w.Upto
		}
		claims = append(claims, c)
	}
	return claims
}

// Match returns the row version that a conditional write should ask for: the
// one that our last write made, else the one last seen.
func (r Row) Match() string {
	if r.Lineage.Wrote != "" {
		return r.Lineage.Wrote
	}
	return r.Version
}

// Open reports whether a write to this row is under way, in doubt included.
func (r Row) Open() bool { return r.Lineage.Write != nil }

// InDoubt reports whether nobody knows if the last write arrived.
func (r Row) InDoubt() bool { return r.Lineage.Write != nil && !r.Lineage.Write.Doubt.IsZero() }

// Flags returns the fields that wait for a person.
func (r Row) Flags() map[schema.Attribute]Flag {
	var flags map[schema.Attribute]Flag
	for a, f := range r.Lineage.Fields {
		if f.Flag == nil && f.Back == nil {
			continue
		}
		if flags == nil {
			flags = map[schema.Attribute]Flag{}
		}
		if f.Flag == nil {
			flags[a] = Flag{Kind: RolledBack}
			continue
		}
		flags[a] = *f.Flag
	}
	return flags
}

// Unsettled returns, sorted, the fields that we wrote and no read has confirmed.
func (r Row) Unsettled() []schema.Attribute {
	var list []schema.Attribute
	for a, f := range r.Lineage.Fields {
		if f.Sent != nil && !f.Sent.Settled {
			list = append(list, a)
		}
	}
	slices.Sort(list)
	return list
}

// Unseen reports whether a write to the row ended well and no read has shown what
// became of it. What a read has flagged, or may be tried again, was shown.
func (r Row) Unseen() bool {
	if r.Open() {
		return false
	}
	for _, f := range r.Lineage.Fields {
		if s := f.Sent; s != nil && !s.Settled && !s.Doubted && !s.Retry && !s.Asked && f.Flag == nil {
			return true
		}
	}
	return false
}

// LookAt returns from when on a look can say something new about the row. It is
// zero while a write is open: then its outcome comes first.
func (r Row) LookAt(p Policy) time.Time {
	ends := []time.Time{r.Lineage.LastOutcome, r.Lineage.Hold}
	if w := r.Lineage.Write; w != nil {
		if w.Doubt.IsZero() {
			return time.Time{}
		}
		ends = append(ends, w.Doubt.Add(p.RequestLife))
	}
	at := r.Seen
	for _, end := range ends {
		if end = end.Add(tick); end.After(at) {
			at = end
		}
	}
	if !p.Primary {
		at = at.Add(p.Lag)
	}
	return at
}

func sortedKeys[V any](m map[schema.Attribute]V) []schema.Attribute {
	keys := make([]schema.Attribute, 0, len(m))
	for a := range m {
		keys = append(keys, a)
	}
	slices.Sort(keys)
	return keys
}
