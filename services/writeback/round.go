package writeback

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"heji/connectors"
	"heji/schema/clock"
	"heji/services/fault"
	"heji/services/journal"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/telemetry"
)

// errNotOpen says that an outcome names a write that is not open.
var errNotOpen = errors.New("the write is not open")

// round evaluates due targets, makes the writes that are due, asks for the rows
// that must be looked at, and stores what came of it all.
func (w *worker) round(ctx context.Context, lease store.Lease) (seen int, err error) {
	creates, err := w.o.Store.CreatesAllowed(ctx, w.id)
	if err != nil {
		return 0, err
	}
	allowed, err := w.allow(ctx)
	if err != nil {
		return 0, err
	}
	r := &round{w: w, now: clock.Now(), creates: creates, allowed: allowed, batch: uuid.Must(uuid.NewV7())}
	limit := w.pace.limit
	if w.gate.Tripped() {
		limit = 1 // one row probes whether the platform is back
	}
	seen, opened, err := w.o.Store.Evaluate(ctx, lease, limit, w.looker != nil, r.decide)
	if err != nil {
		return 0, err
	}
	w.exit(r.ended)
	if w.pushFails && slices.ContainsFunc(r.verdicts, func(v store.Verdict) bool { return v.Ended == string(connectors.Applied) }) {
		w.answered(ctx, true) // a read has shown it
	}
	if err := w.look(ctx, lease, r.looks); err != nil {
		return seen, err
	}
	if err := w.find(ctx, lease, r.finding); err != nil {
		return seen, err
	}
	if err := w.resend(ctx, lease, r.again); err != nil {
		return seen, err
	}
	return seen, w.push(ctx, lease, opened)
}

// resend hands writes in doubt over again, as they were: each batch by itself.
func (w *worker) resend(ctx context.Context, lease store.Lease, intents []store.Intent) error {
	batches := map[uuid.UUID][]store.Intent{}
	var order []uuid.UUID
	for _, in := range intents {
		if _, ok := batches[in.Batch]; !ok {
			order = append(order, in.Batch)
		}
		batches[in.Batch] = append(batches[in.Batch], in)
	}
	for _, id := range order {
		writes := make([]connectors.Write, len(batches[id]))
		for i, in := range batches[id] {
			writes[i] = w.write(in)
		}
		outcomes := w.call(w.halting(ctx), batches[id], writes)
		for i := range outcomes {
			if outcomes[i].Status == connectors.Busy {
				// This try was not made; whether an earlier one arrived is as unknown as before.
				outcomes[i].Status = connectors.Doubt
			}
		}
		if err := w.settle(ctx, lease, batches[id], outcomes); err != nil {
			return err
		}
	}
	return nil
}

// push calls the platform. The intents are durable already.
func (w *worker) push(ctx context.Context, lease store.Lease, intents []store.Intent) error {
	if len(intents) == 0 {
		return nil
	}
	calls := w.halting(ctx)
	var called []store.Intent
	var writes []connectors.Write
	var outcomes []connectors.Outcome
	for _, in := range intents {
		write := w.write(in)
		if in.Key == "" && w.looker != nil {
			// RULES C: before a create, a look by natural key finds nobody.
			rows, err := w.ask(calls, connectors.Query{Natural: write.Natural})
			if errors.Is(err, connectors.ErrHalted) {
				outcomes = append(outcomes, busy([]connectors.Write{write}, err)...)
				continue
			}
			if err != nil {
				outcomes = append(outcomes, connectors.Outcome{Intent: write.Intent, Status: connectors.Busy, Reason: telemetry.ErrorText(err)})
				w.fail(ctx, err)
				continue
			}
			if len(rows) > 0 {
				outcomes = append(outcomes, connectors.Outcome{Intent: write.Intent, Status: connectors.Exists,
					Reason: "the platform has a row with this natural key already"})
				continue
			}
		}
		called, writes = append(called, in), append(writes, write)
	}
	if len(writes) > 0 {
		outcomes = append(outcomes, w.call(calls, called, writes)...)
	}
	return w.settle(ctx, lease, intents, outcomes)
}

// call makes one push within the platform's rate. An error means that nothing
// was attempted; a missing answer means that nobody knows.
func (w *worker) call(ctx context.Context, intents []store.Intent, writes []connectors.Write) []connectors.Outcome {
	if err := w.wait(ctx, len(writes)); err != nil {
		return busy(writes, err)
	}
	if err := w.dress(ctx, writes); err != nil {
		return busy(writes, err)
	}
	if err := w.enter(intents); err != nil {
		w.fail(ctx, err)
		return busy(writes, err)
	}
	fault.At(fault.Intended, w.id)
	outcomes, err := w.writer.Push(ctx, writes)
	fault.At(fault.Called, w.id)
	if halted := connectors.Halt(ctx); halted != nil {
		// What was not begun any more is no trouble of the platform, and goes first
		// when writing resumes.
		if err != nil {
			return busy(writes, err)
		}
		for i := range outcomes {
			outcomes[i].RetryAfter = 0
		}
		return outcomes
	}
	if err != nil {
		w.pushFails = true
		w.fail(ctx, err)
		return busy(writes, err)
	}
	down := 0
	for _, o := range outcomes {
		if o.Status == connectors.Busy || o.Status == connectors.Doubt {
			down++
		}
	}
	if down == len(outcomes) {
		err := errors.New(outcomes[0].Reason)
		if t := outcomes[0].Trouble; t != nil {
			err = t
		}
		w.pushFails = true
		w.fail(ctx, err)
	} else {
		w.pushFails = false
		w.succeed(ctx)
	}
	return outcomes
}

func busy(writes []connectors.Write, err error) []connectors.Outcome {
	out := make([]connectors.Outcome, len(writes))
	for i, x := range writes {
		out[i] = connectors.Outcome{Intent: x.Intent, Status: connectors.Busy, Reason: telemetry.ErrorText(err)}
	}
	return out
}

func (w *worker) fail(ctx context.Context, err error) {
	w.gate.Note(err)
	n := w.gate.Failures()
	if n == 1 || n%20 == 0 {
		w.log.Warn("the platform does not take writes now; they wait", "error", err, "attempts", n)
	}
	c := store.Circuit{Failures: n, Tripped: w.gate.Tripped(), Wait: w.gate.Closed()}
	if err := w.o.Store.WriteResult(ctx, w.id, registry.Trouble(err, telemetry.ErrorText(err)), c); err != nil && ctx.Err() == nil {
		w.log.Warn("the result could not be noted", "error", err)
	}
}

func (w *worker) succeed(ctx context.Context) {
	w.gate.Note(nil)
	w.o.Metrics.LastSuccess.WithLabelValues(w.id, telemetry.DirectionWrite).SetToCurrentTime()
	if err := w.o.Store.WriteResult(ctx, w.id, store.Trouble{}, store.Circuit{}); err != nil && ctx.Err() == nil {
		w.log.Warn("the result could not be noted", "error", err)
	}
}

// settle stores outcomes. It runs to its end even when the process is asked to
// stop: an outcome that we know must not become a doubt.
func (w *worker) settle(ctx context.Context, lease store.Lease, intents []store.Intent, outcomes []connectors.Outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	byIntent := make(map[string]connectors.Outcome, len(outcomes))
	for _, o := range outcomes {
		byIntent[o.Intent] = o
	}
	ids := make([]int64, 0, len(intents))
	for _, in := range intents {
		if _, ok := byIntent[in.ID.String()]; !ok {
			byIntent[in.ID.String()] = connectors.Outcome{Intent: in.ID.String(), Status: connectors.Doubt, Reason: "the connector gave no answer"}
		}
		ids = append(ids, in.Target)
	}
	at := clock.Now()
	var done []finished
	var ends []journal.End
	err := w.o.Store.Settle(ctx, lease, ids, func(_ store.Platform, list []store.Target) ([]store.Verdict, error) {
		done, ends = done[:0], ends[:0]
		var verdicts []store.Verdict
		for _, t := range list {
			if t.Open == nil {
				continue
			}
			o, ok := byIntent[t.Open.ID.String()]
			if !ok {
				continue
			}
			v, err := w.conclude(t, o, at)
			if errors.Is(err, errNotOpen) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("target %d: %w", t.ID, err)
			}
			verdicts = append(verdicts, v)
			done = append(done, finished{target: t, status: o.Status})
			ends = append(ends, endOf(t, v)...)
		}
		return verdicts, nil
	})
	if err != nil {
		return err
	}
	w.exit(ends)
	return w.count(ctx, done)
}

// finished is one write whose outcome is stored.
type finished struct {
	target store.Target
	status connectors.Status
}

// count keeps the figures: writes by outcome, and what a staff entry saved.
func (w *worker) count(ctx context.Context, done []finished) error {
	var waiting []store.Target
	var whose []uuid.UUID
	for _, f := range done {
		w.o.Metrics.Writes.WithLabelValues(w.id, string(f.status)).Inc()
		if f.status != connectors.Applied {
			continue
		}
		w.confirming.idle = false
		for _, field := range f.target.Open.Fields {
			if fromDesk(field.Source) {
				waiting, whose = append(waiting, f.target), append(whose, f.target.Resident.ID)
				break
			}
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	w.o.Metrics.EntriesSaved.Add(float64(len(waiting)))
	if err := w.o.Store.CountSaved(ctx, w.id, time.Now(), whose); err != nil {
		return err
	}
	for _, t := range waiting {
		since, all, err := w.o.Store.EntryDone(ctx, t.Resident.ID)
		if err != nil {
			return err
		}
		if all {
			w.o.Metrics.EntryToWritten.Observe(time.Since(since).Seconds())
		}
	}
	return nil
}

// acknowledge collects outcomes that arrive later than the call.
func (w *worker) acknowledge(ctx context.Context, lease store.Lease) error {
	if w.acks == nil {
		return nil
	}
	outcomes, err := w.acks.Acknowledged(ctx)
	switch {
	case err != nil:
		w.fail(ctx, err) // the platform's trouble is its own: asked again later
		w.deaf = true
	case w.deaf: // it answers again, though perhaps nothing is to be written for long
		w.deaf = false
		w.succeed(ctx)
	}
	if len(outcomes) == 0 {
		return nil // what came beside an error is used all the same
	}
	open, err := w.o.Store.OpenIntents(ctx, w.id)
	if err != nil {
		return err
	}
	known := map[string]store.Intent{}
	for _, in := range open {
		known[in.ID.String()] = in
	}
	var intents []store.Intent
	var mine []connectors.Outcome
	var others []string
	for _, o := range outcomes {
		in, ok := known[o.Intent]
		if !ok {
			others = append(others, o.Intent)
			continue
		}
		intents, mine = append(intents, in), append(mine, o)
	}
	if err := w.strange(ctx, others); err != nil {
		return err
	}
	for chunk := range slices.Chunk(intents, 200) {
		if err := w.settle(ctx, lease, chunk, mine); err != nil {
			return err
		}
	}
	if len(mine) > 0 {
		w.answered(ctx, true)
	}
	return w.acks.Release(ctx, outcomes)
}

// look asks for rows by key, and gives the answers to lineage.
func (w *worker) look(ctx context.Context, lease store.Lease, targets []store.Target) error {
	for _, t := range targets {
		asOf := clock.Now()
		rows, err := w.ask(ctx, connectors.Query{Key: t.Key})
		if isOther(err) {
			if err := w.setAside(ctx, lease, t); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			w.fail(ctx, err)
			return nil // they stay due
		}
		var row *connectors.Row
		if len(rows) > 0 {
			row = &rows[0]
		}
		var ends []journal.End
		arrived := false
		if err := w.o.Store.Settle(ctx, lease, []int64{t.ID}, func(p store.Platform, list []store.Target) ([]store.Verdict, error) {
			v, err := w.looked(p, list[0], row, asOf, clock.Now())
			ends, arrived = endOf(list[0], v), v.Ended == string(connectors.Applied)
			return []store.Verdict{v}, err
		}); err != nil {
			return err
		}
		w.exit(ends)
		w.answered(ctx, arrived)
	}
	return nil
}

// answered notes that a question was answered. Where writes fail that says nothing:
// a platform may be read and not take anything. Unless the answer shows that it took
// the write whose answer was lost.
func (w *worker) answered(ctx context.Context, arrived bool) {
	if arrived {
		w.pushFails = false
	}
	if !w.pushFails {
		w.succeed(ctx)
	}
}

// ask looks at single rows, within the platform's rate: a question is a request
// like a write.
func (w *worker) ask(ctx context.Context, q connectors.Query) ([]connectors.Row, error) {
	if err := w.wait(ctx, 1); err != nil {
		return nil, err
	}
	rows, err := w.looker.Look(ctx, q)
	if err != nil {
		return nil, err
	}
	return w.own(q, rows)
}

// find asks whether a create whose answer was lost has made its row.
func (w *worker) find(ctx context.Context, lease store.Lease, targets []store.Target) error {
	for _, t := range targets {
		write := w.write(*t.Open)
		rows, err := w.ask(ctx, connectors.Query{Natural: write.Natural})
		if isOther(err) {
			if err := w.setAside(ctx, lease, t); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			w.fail(ctx, err)
			return nil
		}
		var ends []journal.End
		arrived := false
		if err := w.o.Store.Settle(ctx, lease, []int64{t.ID}, func(_ store.Platform, list []store.Target) ([]store.Verdict, error) {
			v, err := w.found(list[0], rows, clock.Now())
			ends, arrived = endOf(list[0], v), v.Ended == string(connectors.Applied)
			return []store.Verdict{v}, err
		}); err != nil {
			return err
		}
		w.exit(ends)
		w.answered(ctx, arrived)
		w.confirming.idle = false // a row that is found so was not read yet
	}
	return nil
}

// recover deals with the writes of a process that died between intent and
// outcome. A queued kind hands over the same file under the same name again,
// which is the same write; everything else is in doubt (I5), a message too. While
// writing is stopped nothing is handed over: the file may not have left before.
func (w *worker) recover(ctx context.Context, lease store.Lease) error {
	open, err := w.o.Store.OpenIntents(ctx, w.id)
	if err != nil {
		return err
	}
	writes, err := w.o.Store.MayWrite(ctx, w.id)
	if err != nil {
		return err
	}
	var again, lost []store.Intent
	for _, in := range open {
		switch {
		case in.State != "open":
		case w.acks != nil && !w.repeats && writes && !w.pace.shut(clock.Now()):
			again = append(again, in)
		default:
			lost = append(lost, in)
		}
	}
	if err := w.resend(ctx, lease, again); err != nil {
		return err
	}
	for chunk := range slices.Chunk(lost, 200) {
		outcomes := make([]connectors.Outcome, len(chunk))
		for i, in := range chunk {
			outcomes[i] = connectors.Outcome{Intent: in.ID.String(), Status: connectors.Doubt,
				Reason: "the hub was stopped between the write and its answer"}
		}
		if err := w.settle(ctx, lease, chunk, outcomes); err != nil {
			return err
		}
	}
	return nil
}
