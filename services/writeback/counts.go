package writeback

import (
	"context"
	"time"

	"heji/connectors"
	"heji/services/store"
)

// report hands the counts of a platform that is told numbers to whoever types
// them. I7: no person is in it, and none is made out of a small number.
func (w *worker) report(ctx context.Context, lease store.Lease) error {
	if w.reporter == nil || time.Since(w.reported) < w.o.Counts {
		return nil
	}
	writes, err := w.o.Store.MayWrite(ctx, lease.Platform)
	if err != nil {
		return err
	}
	// Numbers of a register that is being read would be wrong, and told for good.
	settled, err := w.o.Store.Settled(ctx)
	if err != nil || !settled {
		return err
	}
	w.reported = time.Now()
	if !writes {
		return nil
	}
	now := time.Now()
	numbers, err := w.o.Store.CountResidents(ctx, w.counts.Conditions(), now)
	if err != nil {
		return err
	}
	lines := make([]connectors.Line, len(numbers))
	for i, n := range numbers {
		lines[i] = connectors.Line{Label: w.counts.List[i].Label, Text: w.counts.Text(n)}
	}
	return w.reporter.Report(ctx, w.counts.PeriodOf(now), now, lines)
}
