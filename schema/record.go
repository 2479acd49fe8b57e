package schema

import (
	"encoding/json"
	"time"
)

// Op is what a message says about a record.
type Op string

const (
	OpPut    Op = "put"    // the record is as given
	OpDelete Op = "delete" // the platform no longer shows it
	OpDead   Op = "dead"   // a row was there but cannot be used; Problem says why
	OpMark   Op = "mark"   // no record: everything before this position is covered by Cursor
)

// Version orders what a platform showed us. Postgres issues the fence when a
// process takes a platform's pull lease, the puller counts positions from 1.
type Version struct {
	Fence    int64 `json:"fence"`
	Position int64 `json:"position"`
}

// Newer reports whether v was issued after o.
func (v Version) Newer(o Version) bool {
	if v.Fence != o.Fence {
		return v.Fence > o.Fence
	}
	return v.Position > o.Position
}

// ValueProblem is a value that was set aside while the rest of its record was
// used. It never carries the value itself: I9.
type ValueProblem struct {
	Attribute Attribute `json:"attribute"`
	Problem   Problem   `json:"problem"`
}

// Problem names what is wrong with a value or row.
type Problem string

const (
	ProblemNoKey       Problem = "no_key"        // the row has no key
	ProblemDate        Problem = "bad_date"      // a date that does not exist
	ProblemCheckDigit  Problem = "check_digit"   // an ID number whose check digit is wrong (kept, compared as invalid)
	ProblemIDNumber    Problem = "bad_id_number" // not an ID number in any form
	ProblemCode        Problem = "unknown_code"  // a code that the mapping does not cover
	ProblemControl     Problem = "control_char"  // control characters were in the value
	ProblemTooLong     Problem = "too_long"      // longer than any real value
	ProblemColumns     Problem = "columns"       // the row has too few or too many columns
	ProblemEncoding    Problem = "encoding"      // bytes that are not text in the declared encoding
	ProblemUnreadable  Problem = "unreadable"    // not the format that was promised
	ProblemPlaceholder Problem = "placeholder"   // 000000, 不详 and the like: treated as blank
	ProblemOtherPerson Problem = "other_person"  // an answer about somebody else than was asked for
)

// Record is one message on the RECORDS stream: what one platform says about one
// person, in canonical attributes. Subject: records.<platform>.
type Record struct {
	Platform string  `json:"platform"`
	Key      string  `json:"key,omitempty"` // the platform's own row id; empty for marks and some dead rows
	Op       Op      `json:"op"`
	Version  Version `json:"version"`

	// AsOf is the time that the read is evidence for: the start of the read or
	// the extract's cut-off, minus the platform's declared lag.
	AsOf time.Time `json:"as_of"`
	// ChangedAt is the platform's own change time, where its clock is trusted.
	ChangedAt *time.Time `json:"changed_at,omitempty"`
	// RowVersion is the platform's row version or ETag, opaque.
	RowVersion string `json:"row_version,omitempty"`
	// Token is our create token, where the row carries one.
	Token string `json:"token,omitempty"`

	// Values in canonical form and Raw as the platform showed them, by
	// attribute. An attribute in Raw but not in Values was set aside; Flags
	// says why.
	Values Values               `json:"values,omitempty"`
	Raw    map[Attribute]string `json:"raw,omitempty"`
	Flags  []ValueProblem       `json:"flags,omitempty"`

	// Anchors are desk edits only: the records (platform, key) that the edit was
	// made about, in order; the edit follows the first that lives.
	Anchors []RecordRef `json:"anchors,omitempty"`

	// Dead rows.
	Problem Problem `json:"problem,omitempty"`
	Place   string  `json:"place,omitempty"` // file and line, page, offset; no personal data

	// Judged: the row is part of a read of everything whose changes were looked at
	// together before it was published, or that a person has released.
	Judged bool `json:"judged,omitempty"`

	// Marks.
	Cursor   json.RawMessage `json:"cursor,omitempty"`
	Complete bool            `json:"complete,omitempty"` // a verified complete read ends here
	// WholeFrom is the position after which a read of everything began that ends
	// here, whether or not it proves who is gone: rows that were set aside before
	// and did not come again are mended. Nil where none ends here.
	WholeFrom *int64 `json:"whole_from,omitempty"`
}

// RecordRef names a record by what its platform calls it.
type RecordRef struct {
	Platform string `json:"platform"`
	Key      string `json:"key"`
}

// Change is one message on the CHANGES stream: look at this target now. It
// carries no values: the worker computes the difference from Postgres.
// Subject: changes.<platform>.
type Change struct {
	Platform string `json:"platform"`
	Target   int64  `json:"target"`
}
