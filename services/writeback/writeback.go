package writeback

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"heji/connectors"
	"heji/connectors/mapping"
	"heji/connectors/spec"
	"heji/schema"
	"heji/services/bus"
	"heji/services/journal"
	"heji/services/lineage"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/telemetry"
)

// Options say what writeback works with.
type Options struct {
	Store    *store.Store
	Bus      *bus.Bus
	Registry *registry.Registry
	Metrics  *telemetry.Metrics
	Logger   *slog.Logger
	Holder   string // names this process in leases
	// Keys makes the blocking keys of a row whose own values a look has changed.
	Keys func(schema.Values) []int64
	// Journal is told of every write before the platform is.
	Journal *journal.Journal

	Sweep  time.Duration // how often the store is asked for due targets; 0: 1s
	Acks   time.Duration // how often acknowledgements are looked for; 0: 200ms
	Lease  time.Duration // 0: 15s
	Counts time.Duration // how often residents are counted for platforms that are told numbers; 0: a minute
	Batch  int           // targets evaluated at once; 0: 200
}

// Service writes to every platform of its registry that can be written to.
type Service struct {
	o       Options
	workers []*worker
}

// New prepares a writeback service.
func New(o Options) *Service {
	if o.Sweep == 0 {
		o.Sweep = time.Second
	}
	if o.Acks == 0 {
		o.Acks = 200 * time.Millisecond
	}
	if o.Lease == 0 {
		o.Lease = 15 * time.Second
	}
	if o.Batch == 0 {
		o.Batch = 200
	}
	if o.Counts == 0 {
		o.Counts = time.Minute
	}
	s := &Service{o: o}
	for _, id := range o.Registry.IDs() {
		p, _ := o.Registry.Get(id)
		writer, ok := p.Connector.(connectors.Writer)
		if !ok {
			continue // no way to write: that is normal
		}
		w := &worker{o: o, id: id, mapping: p.Map, policy: p.Policy, writer: writer, keys: o.Keys,
			trusted: p.Spec.ClockTrusted, conditional: p.Conditional, log: o.Logger.With("platform", id),
			pace: newPace(p.Spec, o.Batch), wake: make(chan struct{}, 1),
			brake: p.Spec.Braking(), halt: newHalt(), gate: registry.NewGate(60 * o.Sweep)}
		w.gate.Trip, w.gate.Pause = p.Spec.Limits.Trips(), backoff
		w.looker, _ = p.Connector.(connectors.Looker)
		if a, ok := p.Connector.(connectors.Asker); ok {
			w.asks = a.Asks()
		}
		w.acks, _ = p.Connector.(connectors.Acknowledger)
		if x, ok := p.Connector.(connectors.Repeater); ok {
			w.repeats = x.Repeats()
		}
		w.courier, _ = p.Connector.(connectors.Courier)
		if x, ok := p.Connector.(interface{ Exports() bool }); ok && w.courier != nil {
			w.blind = !x.Exports()
		}
		if w.counts = p.Spec.Counts; w.counts != nil {
			w.reporter, _ = p.Connector.(connectors.Reporter)
		}
		w.need = p.Required()
		s.workers = append(s.workers, w)
	}
	return s
}

// Run writes until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, w := range s.workers {
		g.Go(func() error { return w.run(ctx) })
		g.Go(func() error {
			return s.o.Bus.ConsumeChanges(ctx, w.id, bus.ConsumeOptions{MaxWait: time.Millisecond}, func(context.Context, *bus.Batch[schema.Change]) error {
				w.signal()
				return nil
			})
		})
	}
	g.Go(func() error { return s.release(ctx) })
	g.Go(func() error { return s.watch(ctx) })
	return g.Wait()
}

// release lets go the risky changes that have waited long enough.
func (s *Service) release(ctx context.Context) error {
	t := time.NewTicker(s.o.Sweep)
	defer t.Stop()
	for {
		due, err := s.o.Store.ReleaseRisks(ctx)
		if err == nil && len(due) > 0 {
			err = s.o.Bus.PublishChanges(ctx, due)
		}
		if err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("risky changes could not be released; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// worker writes to one platform, alone: it holds the write lease.
type worker struct {
	o           Options
	id          string
	mapping     *mapping.Map
	policy      lineage.Policy
	writer      connectors.Writer
	looker      connectors.Looker // nil: single rows cannot be asked for
	asks        bool              // it can only be asked person by person: every read is a question
	confirming  confirming
	acks        connectors.Acknowledger // nil: outcomes come with the call
	courier     connectors.Courier      // nil: nobody carries its writes
	carried     time.Time               // when the courier was last compared with the store
	blind       bool                    // the platform never shows what it holds
	counts      *spec.Counts            // nil: it is told of people
	reporter    connectors.Reporter
	reported    time.Time
	repeats     bool // the same write handed over again is a second one
	keys        func(schema.Values) []int64
	need        []schema.Attribute
	trusted     bool
	conditional bool
	pace        pace
	log         *slog.Logger
	wake        chan struct{}
	deaf        bool // acknowledgements could not be asked for the last time
	brake       spec.Brake
	rows        int64 // of the platform, when they were last counted
	countedAt   time.Time
	recount     bool           // they are wanted now: more would be written than any platform may have written to it
	halt        *halt          // ends when nothing may leave
	pushFails   bool           // the last push that was made
	gate        *registry.Gate // shut while the platform does not accept our credentials, or is left alone after failures
}

func (w *worker) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// required returns the attributes that the platform needs and due lacks.
func (w *worker) required(due map[schema.Attribute]lineage.Due) []schema.Attribute {
	var missing []schema.Attribute
	for _, a := range w.need {
		if _, ok := due[a]; !ok {
			missing = append(missing, a)
		}
	}
	return missing
}

var errLease = errors.New("another process holds the write lease")

func (w *worker) run(ctx context.Context) error {
	wait := time.Second
	for ctx.Err() == nil {
		lease, ok, err := w.o.Store.TakeWriteLease(ctx, w.id, w.o.Holder, w.o.Lease)
		if err == nil && ok {
			err = w.hold(ctx, lease)
		}
		if err != nil && ctx.Err() == nil {
			w.log.Warn("writing was interrupted; trying again", "error", err, "retry_after", wait)
		}
		w.pause(ctx, wait)
	}
	return nil
}

// hold works under one lease until it is lost or the store fails.
func (w *worker) hold(ctx context.Context, lease store.Lease) error {
	ctx, stop := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { w.renew(ctx, lease, stop) })
	defer renewing.Wait()
	defer stop(nil)

	if err := w.barred(ctx); err != nil {
		return err
	}
	if err := w.recover(ctx, lease); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := w.barred(ctx); err != nil {
			return err
		}
		if err := w.acknowledge(ctx, lease); err != nil {
			return err
		}
		if err := w.carry(ctx, lease); err != nil {
			return err
		}
		if err := w.confirm(ctx, lease); err != nil {
			return err
		}
		if err := w.report(ctx, lease); err != nil {
			return err
		}
		before := w.gate.Failures()
		looked, err := w.campaign(ctx, lease)
		if err != nil {
			return err
		}
		seen, err := w.round(ctx, lease)
		if err != nil {
			return err
		}
		failures := w.gate.Failures()
		if seen+looked > 0 && failures <= before {
			continue // the platform was not asked, or it answered
		}
		wait := w.o.Sweep
		if failures > before || failures > 0 && !w.gate.Tripped() {
			wait = max(backoff(failures), w.gate.Closed()) // I10: a platform that is down is asked less and less
		} else if at, ok, err := w.o.Store.NextDue(ctx, w.id); err != nil {
			return err
		} else if ok {
			wait = min(wait, max(time.Until(at), 20*time.Millisecond))
		}
		if w.acks != nil {
			wait = min(wait, w.o.Acks)
		}
		w.pause(ctx, wait)
	}
	return context.Cause(ctx)
}

// barred waits as long as the platform does not accept our credentials, or is left
// alone because too many calls in a row have failed. A person
// who pauses the platform and lets it go on has it tried at once.
func (w *worker) barred(ctx context.Context) error {
	for paused := false; w.gate.Closed() > 0; {
		list, err := w.o.Store.Platforms(ctx)
		if err != nil {
			return err
		}
		for _, p := range list {
			if p.ID != w.id {
				continue
			}
			if paused && !p.Paused {
				w.gate.Open()
			}
			paused = p.Paused
		}
		if wait := w.gate.Closed(); wait > 0 {
			w.pause(ctx, min(wait, 2*w.o.Sweep))
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
	}
	return nil
}

func (w *worker) renew(ctx context.Context, lease store.Lease, stop context.CancelCauseFunc) {
	t := time.NewTicker(w.o.Lease / 3)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			ok, err := w.o.Store.RenewWriteLease(ctx, lease, w.o.Holder, w.o.Lease)
			if err != nil && ctx.Err() == nil {
				w.log.Warn("the write lease could not be renewed; trying again", "error", err)
			} else if err == nil && !ok {
				stop(errLease)
				return
			}
		}
	}
}

func (w *worker) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-w.wake:
	}
}
