package table

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"heji/connectors"
	"heji/connectors/internal/pace"
	"heji/connectors/internal/timefmt"
	"heji/connectors/table/dialect"
)

// busyAgain is how long to wait for a row or database that is busy.
const busyAgain = 5 * time.Second

// target is one table of one brand, for writing.
type target interface {
	site
	has(column string) bool
	// begin takes the row's lock and opens the write's own transaction.
	begin(ctx context.Context, write connectors.Write) (attempt, error)
}

// attempt is one write in its transaction.
type attempt interface {
	do(ctx context.Context) (connectors.Outcome, error)
	commit(ctx context.Context) error
	// end undoes what was not committed, and gives back connection and lock.
	end(ctx context.Context)
}

// push writes each row in a transaction of its own.
func (c *common) push(ctx context.Context, writes []connectors.Write, open func(context.Context) (target, error)) ([]connectors.Outcome, error) {
	outcomes := make([]connectors.Outcome, len(writes))
	t, err := open(ctx)
	if errors.Is(err, connectors.ErrUnreachable) || errors.Is(err, connectors.ErrThrottled) {
		for i, write := range writes {
			outcomes[i] = busy(write, err)
		}
		return outcomes, nil
	}
	if err != nil {
		return nil, err
	}
	var group errgroup.Group
	group.SetLimit(pace.Concurrency(c.platform))
	for i, write := range writes {
		group.Go(func() error {
			outcomes[i] = c.one(ctx, t, write)
			return nil
		})
	}
	return outcomes, group.Wait()
}

func busy(write connectors.Write, err error) connectors.Outcome {
	return connectors.Outcome{Intent: write.Intent, Status: connectors.Busy, Key: write.Key, Reason: err.Error(), RetryAfter: busyAgain}
}

func refused(write connectors.Write, column, reason string) connectors.Outcome {
	return connectors.Outcome{Intent: write.Intent, Status: connectors.Refused, Key: write.Key, Column: column, Reason: reason}
}

const noColumn = "the platform's table has no such column"

// one writes one row. Everything up to COMMIT that fails was certainly not done;
// a COMMIT without an answer is Doubt, and nothing else is (I5).
func (c *common) one(ctx context.Context, t target, write connectors.Write) connectors.Outcome {
	for _, texts := range []map[string]string{write.Set, write.If} {
		for name := range texts {
			if !t.has(name) {
				return refused(write, name, noColumn)
			}
		}
	}
	if err := c.limit.Wait(ctx); err != nil {
		return busy(write, fmt.Errorf("%s: stopped before the write: %w", c.platform.ID, err))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.platform.Life(), errSlow)
	defer cancel()
	a, err := t.begin(ctx, write)
	if err != nil {
		return busy(write, c.failed(ctx, "connecting", err))
	}
	defer a.end(context.WithoutCancel(ctx))

	outcome, err := a.do(ctx)
	if err != nil {
		if column, reason, ok := c.refusal(ctx, t, write, err); ok {
			return refused(write, column, reason)
		}
		return busy(write, c.failed(ctx, "writing", err))
	}
	if outcome.Status != connectors.Applied {
		return outcome
	}
	if err := a.commit(ctx); err != nil {
		return c.uncommitted(ctx, t, write, err)
	}
	return outcome
}

// uncommitted classifies a COMMIT that failed.
func (c *common) uncommitted(ctx context.Context, t target, write connectors.Write, err error) connectors.Outcome {
	if column, reason, ok := c.refusal(ctx, t, write, err); ok { // a deferred constraint
		return refused(write, column, reason)
	}
	if f := c.fault(err); f.Server && f.Class == dialect.Deadlock {
		return busy(write, c.failed(ctx, "writing", err))
	}
	return connectors.Outcome{Intent: write.Intent, Status: connectors.Doubt, Key: write.Key,
		Reason: "the connection broke while the write was being committed"}
}

// lockNames are the locks of a write: of the row, or, where it has no key yet, of
// everything that makes it one.
func (c *common) lockNames(write connectors.Write) [][]string {
	if write.Key != "" {
		return [][]string{{"key", write.Key}}
	}
	var all [][]string
	for _, guard := range c.guards(write) {
		all = append(all, naturalLock(guard))
	}
	return all
}

// naturalLock is the lock of a row that has no key yet.
func naturalLock(natural map[string]string) []string {
	parts := []string{"natural"}
	for _, name := range sorted(natural) {
		parts = append(parts, name, natural[name])
	}
	return parts
}

// guards are the keys that a create must find free: its natural key and its
// token.
func (c *common) guards(write connectors.Write) []map[string]string {
	var out []map[string]string
	if len(write.Natural) > 0 {
		out = append(out, write.Natural)
	}
	if c.platform.TokenColumn != "" && write.Token != "" {
		out = append(out, map[string]string{c.platform.TokenColumn: write.Token})
	}
	return out
}

// created are the texts of a new row.
func (c *common) created(write connectors.Write) map[string]string {
	values := maps.Clone(c.platform.CreateWith)
	if values == nil {
		values = map[string]string{}
	}
	maps.Copy(values, write.Natural)
	maps.Copy(values, write.Set)
	if c.platform.TokenColumn != "" && write.Token != "" {
		values[c.platform.TokenColumn] = write.Token
	}
	return values
}

// exists names the row that is there, unless there are several: then nobody but
// a person can choose.
func exists(outcome connectors.Outcome, taken []connectors.Row) connectors.Outcome {
	outcome.Status = connectors.Exists
	switch len(taken) {
	case 0:
	case 1:
		outcome.Key, outcome.RowVersion, outcome.Shown = taken[0].Key, taken[0].RowVersion, taken[0].Columns
	default:
		outcome.Reason = fmt.Sprintf("%d rows have the natural key", len(taken))
	}
	return outcome
}

// touches reports whether a write must set the change column, so that the
// platform's own programs, and our next pull, see that the row has changed.
func (c *common) touches(set map[string]string) bool {
	_, ours := set[c.platform.ChangeColumn]
	return c.settings.Touch && !ours
}

// nowText is the time in the form of a change column that holds text, or that
// counts seconds.
func (c *common) nowText() string {
	text, _ := timefmt.Format(c.now(), c.platform.ChangeFormat, "20060102150405", c.zone)
	return text
}
