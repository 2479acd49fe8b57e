package writeback

import (
	"context"
	"time"

	"heji/services/store"
)

// The outgoing brake. What a person has not approved as a whole (a campaign, a
// version of the agreement) comes in small numbers: people's days. Where more of
// a platform's rows would be written than that, something else has happened
// upstream, and it stops before it has gone through the whole register.

// counted says how long a platform's rows are taken to be as many as they were.
const counted = time.Minute

// allowance is what may still be written to a platform within its window.
type allowance struct {
	left   int64
	brake  store.Braking
	fresh  bool // the platform's rows were counted just now
	braked bool
}

// allow works out how many rows may be written now that nobody has approved.
func (w *worker) allow(ctx context.Context) (*allowance, error) {
	window := w.brake.Window.D()
	written, err := w.o.Store.Written(ctx, w.id, window)
	if err != nil {
		return nil, err
	}
	a := &allowance{left: int64(w.brake.WrittenRows) - written, brake: store.Braking{Written: written, Limit: int64(w.brake.WrittenRows), Hours: window.Hours()}}
	if a.left > 0 && !w.recount {
		return a, nil // as many as any platform may have written to it: nobody needs to count the rows
	}
	if w.recount || time.Since(w.countedAt) > counted {
		if w.rows, err = w.o.Store.LiveRows(ctx, w.id); err != nil {
			return nil, err
		}
		w.countedAt, w.recount, a.fresh = time.Now(), false, true
	}
	a.brake.Rows = w.rows
	a.brake.Limit = w.brake.Most(w.rows)
	a.left = a.brake.Limit - written
	return a, nil
}

// may takes one row from the allowance. The first one too many stops the platform.
func (r *round) may(p store.Platform, t store.Target, v *store.Verdict) bool {
	if r.allowed == nil || p.Approved(t.Since) { // the first: a campaign, which writes only what was approved with it
		return true
	}
	if v.Counts = true; r.allowed.left > 0 {
		r.allowed.left--
		return true
	}
	v.State, v.DueAt = store.TargetDue, r.now
	if !r.allowed.fresh {
		r.w.recount = true // so many rows may be few of it: counted first
		return false
	}
	v.Reason = "too many rows of this platform would be written at once: a person looks first"
	if !r.allowed.braked {
		r.allowed.braked = true
		b := r.allowed.brake
		b.Written = b.Limit + 1
		v.Brake = &b
	}
	return false
}
