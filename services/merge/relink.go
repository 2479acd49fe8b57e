package merge

import (
	"context"

	"heji/services/linkage"
	"heji/services/store"
)

// relinkBatch is how many records one step of a relink takes: a desk entry that
// arrives meanwhile waits for one step and no more.
const relinkBatch = 200

// Relink does one step of a relink, if one has been asked for: makes the next
// model's keys of some records, or resolves some that were last resolved under
// the model before (package store says why in this order). It returns how many
// records it took; 0: there is nothing to do.
func (s *Service) Relink(ctx context.Context) (n int, err error) {
	for try := 0; ; try++ {
		var switched bool
		n, switched, err = s.o.Store.PrepareRelink(ctx, relinkBatch)
		if switched {
			s.o.Logger.Warn("a new model is in force; every record is resolved again in the background: heji relink --status")
		}
		if store.Conflict(err) && try < 20 {
			if err := jitter(ctx, try); err != nil {
				return 0, err
			}
			continue
		}
		if err != nil || n > 0 {
			return n, err
		}
		return s.resolve(ctx, (*store.Resolution).ClaimStale, min(relinkBatch, s.o.Batch))
	}
}

// countFlips tells of keys that crossed the cap (RULES A): each crossing is
// counted, and their holders are resolved again.
func (s *Service) countFlips(flips []linkage.Flip) {
	up := 0
	for _, f := range flips {
		if f.Hot {
			up++
		}
	}
	down := len(flips) - up
	s.o.Metrics.HotKeyFlips.WithLabelValues("up").Add(float64(up))
	s.o.Metrics.HotKeyFlips.WithLabelValues("down").Add(float64(down))
	s.o.Logger.Warn("blocking keys crossed the cap: their holders are resolved again; heji doctor says which values they are made of",
		"count", len(flips), "total", up)
}
