package writeback

import (
	"context"

	"github.com/google/uuid"

	"heji/schema/clock"
	"heji/services/store"
)

// campaignPage is how many rows of a campaign are looked at at once: many, because
// most of them need nothing, but so many that a step of another platform, which
// waits for it, does not wait long.
const campaignPage = 500

// campaign looks at the next rows of a campaign, and makes the writes that it has
// begun. What is decided here and takes more than that is not done here: the target
// is due, and looked at again under the locks (round).
func (w *worker) campaign(ctx context.Context, lease store.Lease) (seen int, err error) {
	r := &round{w: w, now: clock.Now(), batch: uuid.Must(uuid.NewV7())}
	writes := w.pace.limit
	if w.gate.Failures() > 0 {
		writes = 0 // what is due is tried as often as a platform in trouble is asked
	}
	seen, opened, err := w.o.Store.Campaign(ctx, lease, campaignPage, writes, r.decide)
	if err != nil {
		return 0, err
	}
	return seen, w.push(ctx, lease, opened)
}
