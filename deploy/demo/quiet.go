package demo

import (
	"context"
	"fmt"
	"time"

	"heji/deploy/demo/examine"
)

// quiet waits until nothing is left to do anywhere: everything taken in is
// resolved, no target is due or under way, and that stays so while every
// platform is read once more, from the beginning to the end of a pass, and what
// that read brought is taken in.
func (d *demo) quiet(ctx context.Context, what string) error {
	patience := time.NewTimer(d.o.Patience)
	defer patience.Stop()
	least := int64(-1) // targets that wait, at the best moment so far
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	c := examine.Calm{Settle: settle}
	for {
		now, idle, err := examine.Look(ctx, d.hub.Store, d.satellite.Store)
		if err != nil {
			return err
		}
		d.progress.show(what, now)
		if left := now.Left(); least < 0 || left < least {
			least = left // it gets on, on however slow a machine
			patience.Reset(d.o.Patience)
		}
		if c.Add(now, idle, time.Now()) {
			d.progress.done(what, now)
			d.quietSince = c.Since
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-d.failed:
			return err
		case <-patience.C:
			return fmt.Errorf("%s: not quiet after %s: %s", what, d.o.Patience, now.Waiting())
		case <-tick.C:
		}
	}
}

// settle is longer than the platforms take to put a write into an export.
const settle = 700 * time.Millisecond
