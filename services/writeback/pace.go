package writeback

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
	"heji/services/lineage"
	"heji/services/store"
)

// pace is how fast and when a platform may be written to, as its file says. All of
// it is here: the time for which changes settle, the hours, and the rate.
type pace struct {
	settle  time.Duration
	window  spec.Window
	limiter *rate.Limiter
	limit   int // rows evaluated at once
}

// newPace makes a platform's pace; batch is how many rows are evaluated at once
// where the platform sets no limit.
func newPace(p *spec.Platform, batch int) pace {
	out := pace{settle: p.Settle.D(), window: p.Window, limiter: rate.NewLimiter(rate.Inf, 1), limit: batch}
	if n := p.Limits.Batch; n > 0 {
		out.limit = min(n, batch)
	}
	if r := p.Limits.RowsPerSecond; r > 0 {
		out.limiter = rate.NewLimiter(rate.Limit(r), max(1, min(out.limit, int(r))))
		out.limit = min(out.limit, max(1, int(r)))
	}
	return out
}

// Reasons of a row that waits by the pace of its platform.
const (
	settling = "changes are gathered into one write"
	closed   = "the platform is written to at its own hours"
)

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// shut reports whether the platform may not be written to at this hour.
func (p pace) shut(now time.Time) bool { return p.window.Next(now).After(now) }

// ready says from when what is due to a row may be written, and why not before;
// now itself: at once. settles is until when it is gathered, which the row keeps:
// the first change begins it, and what comes meanwhile does not prolong it, so that
// a row that changes without end is written all the same.
func (p pace) ready(settles time.Time, due map[schema.Attribute]lineage.Due, now time.Time) (at time.Time, why string, until time.Time) {
	switch {
	case p.settle <= 0 || staffEntry(due):
		until = now
	case settles.IsZero():
		until = now.Add(p.settle)
	default:
		// Not later than from now: the clock may have been put back, the time shortened.
		until = settles
		if latest := now.Add(p.settle); until.After(latest) {
			until = latest
		}
	}
	at, why = now, ""
	if until.After(now) {
		at, why = until, settling
	}
	if opens := p.window.Next(at); opens.After(at) {
		at, why = opens, closed
	}
	return at, why, until
}

// staffEntry reports whether something of it is what staff have entered: they wait
// for it. What is risky waits elsewhere (demand.Hold) and is not due before it may go.
func staffEntry(due map[schema.Attribute]lineage.Due) bool {
	for _, d := range due {
		if fromDesk(d.Source) {
			return true
		}
	}
	return false
}

// paces reports whether a row waits by the pace of its platform, and says so. What a
// person must look at anyway stays in front.
func (r *round) paces(t store.Target, due map[schema.Attribute]lineage.Due, v *store.Verdict) bool {
	at, why, settles := r.w.pace.ready(t.Settles, due, r.now)
	v.Settles = settles
	if why == "" {
		return false
	}
	v.DueAt, v.Refused = at, t.Refused
	if v.State != store.TargetRefused && v.State != store.TargetContested {
		v.State, v.Reason = store.TargetDue, why
	}
	return true
}

// wait lets so many rows through within the platform's rate. A halt ends it.
func (w *worker) wait(ctx context.Context, n int) error {
	if err := connectors.Halt(ctx); err != nil {
		return err
	}
	until, done := connectors.UntilHalt(ctx)
	defer done()
	err := w.pace.limiter.WaitN(until, min(n, w.pace.limiter.Burst()))
	if halted := connectors.Halt(ctx); halted != nil {
		return halted
	}
	return err
}
