package table

import (
	"context"
	"fmt"
	"time"

	"heji/connectors"
)

// errSlow is the cause of a context that a silent platform used up.
var errSlow = fmt.Errorf("the database did not answer in time: %w", connectors.ErrUnreachable)

// stallWatch cuts a read during which the platform says nothing for too long.
// The time that we ourselves take to store what we read does not count.
type stallWatch struct {
	timer  *time.Timer
	limit  time.Duration
	cancel context.CancelCauseFunc
}

func watch(ctx context.Context, limit time.Duration) (context.Context, *stallWatch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &stallWatch{limit: limit, cancel: cancel}
	w.timer = time.AfterFunc(limit, func() { cancel(errSlow) })
	return ctx, w
}

func (w *stallWatch) resume() { w.timer.Reset(w.limit) }
func (w *stallWatch) pause()  { w.timer.Stop() }

func (w *stallWatch) end() {
	w.timer.Stop()
	w.cancel(nil)
}
