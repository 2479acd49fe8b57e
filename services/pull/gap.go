package pull

import (
	"context"
	"errors"
	"time"
)

// errGap says that something that was published will never arrive.
var errGap = errors.New("JetStream has lost what it had acknowledged: reading starts again at the merged mark")

// rest waits until the next pass, and looks meanwhile whether what was published
// can still arrive.
func (r *run) rest(ctx context.Context, wait time.Duration) error {
	for end := time.Now().Add(wait); ; {
		left := time.Until(end)
		piece := min(left, r.service.o.MaxWait)
		awake := r.service.pause(ctx, r.id, max(piece, 0))
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the caller says why
		}
		if err := r.arrives(ctx); err != nil {
			return err
		}
		if awake || left <= piece {
			return nil
		}
	}
}

// arrives fails when a position is neither taken in nor on its way: JetStream was
// thrown away, or lost a part (I1). A message goes from the stream after its
// position is committed; so when none is left, whatever is missing in the store is
// missing for good, and a new fence starts again at the merged mark.
func (r *run) arrives(ctx context.Context) error {
	if r.low == r.position {
		return nil
	}
	o := r.service.o
	// In this order: what is taken in between the two questions is seen.
	waiting, err := o.Bus.Waiting(ctx, r.id)
	if err != nil {
		return nil //nolint:nilerr // NATS is out of reach: whoever publishes says so
	}
	_, low, err := o.Store.MergedMark(ctx, r.id, r.lease.Fence)
	if err != nil {
		return err
	}
	r.low = low
	if waiting == 0 && low < r.position {
		return errGap
	}
	return nil
}
