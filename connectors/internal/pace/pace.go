// Package pace keeps what we send to a platform within what it can bear (I10
// seen from the other side: we are nobody else's trouble either).
package pace

import (
	"context"

	"golang.org/x/time/rate"

	"heji/connectors"
	"heji/connectors/spec"
)

// Limiter lets so many rows a second through. The nil Limiter lets all through.
type Limiter struct{ l *rate.Limiter }

// New makes the limiter of a platform: rows_per_second, nil where there is none.
func New(p *spec.Platform) *Limiter {
	perSecond := p.Limits.RowsPerSecond
	if perSecond <= 0 {
		return nil
	}
	return &Limiter{rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))}
}

// Wait blocks until one more row may be sent, and refuses once the push was
// halted.
func (l *Limiter) Wait(ctx context.Context) error {
	if err := connectors.Halt(ctx); err != nil {
		return err
	}
	if l == nil {
		return ctx.Err()
	}
	wait, done := connectors.UntilHalt(ctx)
	defer done()
	if err := l.l.Wait(wait); err != nil {
		if halted := connectors.Halt(ctx); halted != nil {
			return halted
		}
		return err
	}
	return nil
}

// Concurrency is how many requests the platform takes at the same time.
func Concurrency(p *spec.Platform) int { return max(1, p.Limits.Concurrency) }
