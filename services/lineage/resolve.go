package lineage

import (
	"errors"
	"fmt"

	"heji/schema"
)

// Verdict is what a person said about a flagged field.
type Verdict string

// The verdicts.
const (
	// AsRendition: what is shown is this platform's form of what we sent.
	AsRendition Verdict = "rendition"
	// AsTheirs: what is shown is the clerk's own value. It becomes evidence.
	AsTheirs Verdict = "theirs"
	// WriteAgain: the flag is lifted and what is wanted may be written, even if
	// it was written before.
	WriteAgain Verdict = "again"
)

// ErrNotFlagged means that there is nothing to resolve in a field.
var ErrNotFlagged = errors.New("the field does not wait for a person")

// ErrVerdict means that a verdict does not fit the field.
var ErrVerdict = errors.New("the verdict does not fit this field")

// Resolve applies a person's verdict to a flagged field. For AsRendition it
// returns the rendition, which the caller may apply to the whole column.
func Resolve(row Row, a schema.Attribute, v Verdict) (Row, *Rendition, error) {
	f := row.field(a)
	if f.flag == nil && (f.back == nil || v != WriteAgain) {
		return row, nil, fmt.Errorf("%s: %w", a, ErrNotFlagged)
	}
	var learnt *Rendition
	switch v {
	case AsRendition:
		if f.sent == nil || f.flag.Kind != Contested {
			return row, nil, fmt.Errorf("%s: nothing was sent that could have become what is shown: %w", a, ErrVerdict)
		}
		of := f.sent.Raw
		f.join(Ours{Text: f.shown, Source: f.sent.Source, Of: &of})
		f.setSent(func(s *Sent) { s.Settled, s.Retry = true, false })
		learnt = &Rendition{a, of, f.shown.Raw}
	case AsTheirs:
		if !f.mapped {
			return row, nil, fmt.Errorf("%s: the platform has never shown this field: %w", a, ErrVerdict)
		}
		if f.own != nil && !f.own.Same(f.shown) {
			f.remember(f.own.Text)
		}
		f.leave(f.shown)
		f.own = &ownText{Text: f.shown, Interval: f.flag.When}
		f.sent = nil
	case WriteAgain:
		f.back = nil
		if f.sent != nil {
			f.setSent(func(s *Sent) { s.Asked = true })
		}
	default:
		return row, nil, fmt.Errorf("%s: verdict %q is none of rendition, theirs, again: %w", a, v, ErrVerdict)
	}
	f.flag = nil
	next := row.clone()
	next.put(a, f)
	return next, learnt, nil
}
