package writeback

import (
	"context"
	"time"

	"heji/services/store"
)

// Most writes are confirmed by the next read that brings changes. A platform that
// says yes and does nothing often does not move the time of the change either, and
// then no such read ever shows the row: somebody has to ask for it.

// confirming follows a platform's reading from one pass to the next.
type confirming struct {
	tried time.Time // when this was last looked into
	idle  bool      // every write that was acknowledged was seen, or asked for
	fence int64
	ended time.Time // of the last pass
	until time.Time // what was acknowledged until then, a pass that has ended was bound to show; zero: there is none
	need  int64     // positions that must be taken in before that can be said
}

// passed takes in how far the reading is, and returns until when all that became of
// writes must have been seen; zero: nothing can be said.
func (c *confirming) passed(now store.Reading, lag time.Duration) (until time.Time) {
	if now.Fence != c.fence {
		c.fence, c.ended, c.until = now.Fence, time.Time{}, time.Time{}
	}
	// The pass that ended last began after the one before it had ended.
	if c.until.IsZero() && !c.ended.IsZero() && now.Ended.After(c.ended) {
		c.until, c.need = c.ended.Add(-lag), now.Published
	}
	c.ended = now.Ended
	if now.Low < c.need {
		return time.Time{}
	}
	until, c.until = c.until, time.Time{}
	return until
}

// confirm has rows asked for whose write was acknowledged and which the reading,
// that has passed it, did not show.
func (w *worker) confirm(ctx context.Context, lease store.Lease) error {
	c := &w.confirming
	if w.looker == nil || w.asks || c.idle || time.Since(c.tried) < w.o.Sweep {
		return nil
	}
	c.tried = time.Now()
	now, err := w.o.Store.Reading(ctx, w.id)
	if err != nil {
		return err
	}
	until := c.passed(now, w.policy.Lag)
	if until.IsZero() {
		return nil
	}
	asked, more, err := w.o.Store.AskUnseen(ctx, lease, until)
	if err != nil {
		return err
	}
	if asked > 0 {
		w.log.Info("writes were acknowledged that no read has shown: asking for their rows", "count", asked)
	}
	c.idle = !more
	return nil
}
