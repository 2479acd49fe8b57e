package merge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"heji/schema"
	"heji/services/bus"
	"heji/services/fault"
	"heji/services/linkage"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/survivorship"
	"heji/services/telemetry"
)

// Options say what merge works with and how broadly.
type Options struct {
	Store    *store.Store
	Bus      *bus.Bus
	Registry *registry.Registry
	Metrics  *telemetry.Metrics
	Logger   *slog.Logger
	Model    *linkage.Model     // of a store in which none is installed; nil: linkage.Default
	Rules    survivorship.Rules // zero: survivorship.DefaultRules

	// Workers resolve at the same time; 0: 2.
	Workers int
	// Eager resolves records at once even while their platform is read for the
	// first time (Resolution.Claim): for tests.
	Eager bool
	Batch int           // messages taken in at once, records claimed at once; 0: 400
	Sweep time.Duration // how often the store is asked for unresolved records; 0: 1s
}

// Service is the merge.
type Service struct {
	o       Options
	secret  []byte
	wake    chan struct{}
	entered chan struct{} // wakes whoever resolves what staff entered
}

// New prepares a merge service.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Model != nil {
		o.Store.UseModel(o.Model)
	}
	if o.Rules.Version == 0 {
		o.Rules = survivorship.DefaultRules()
	}
	if o.Workers == 0 {
		o.Workers = 2
	}
	if o.Batch == 0 {
		o.Batch = 400
	}
	if o.Sweep == 0 {
		o.Sweep = time.Second
	}
	secret, err := o.Store.BlockingSecret(ctx)
	if err != nil {
		return nil, err
	}
	return &Service{o: o, secret: secret, wake: make(chan struct{}, o.Workers), entered: make(chan struct{}, 1)}, nil
}

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.consume(ctx, g) })
	for i := range s.o.Workers {
		share := store.Share{Mine: i, Of: s.o.Workers}
		g.Go(func() error {
			return s.resolveLoop(ctx, s.wake, func(ctx context.Context) (int, error) { return s.next(ctx, share) })
		})
	}
	// Whoever types waits for no batch of hundreds that is in hand.
	g.Go(func() error { return s.resolveLoop(ctx, s.entered, s.resolveEntries) })
	return g.Wait()
}

// takers is how many platforms are taken in at once, the desk not counted.
const takers = 2

// consume takes in every platform that the store knows, those that are
// registered later included.
func (s *Service) consume(ctx context.Context, g *errgroup.Group) error {
	free := make(chan struct{}, takers)
	known := map[string]bool{}
	again := time.NewTicker(2 * time.Second)
	defer again.Stop()
	for {
		list, err := s.o.Store.Platforms(ctx)
		if err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("the platforms cannot be read; trying again", "error", err)
		}
		for _, p := range list {
			if known[p.ID] {
				continue
			}
			known[p.ID] = true
			handler := s.takeIn
			if p.ID != registry.Desk { // whoever types waits for nobody
				handler = func(ctx context.Context, b *bus.Batch[schema.Record]) error {
					select {
					case free <- struct{}{}:
					case <-ctx.Done():
						return ctx.Err()
					}
					defer func() { <-free }()
					return s.takeIn(ctx, b)
				}
			}
			g.Go(func() error {
				return s.o.Bus.ConsumeRecords(ctx, p.ID, bus.ConsumeOptions{Size: 2 * s.o.Batch, MaxWait: 5 * time.Millisecond, Dead: s.poison}, handler)
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}

// poison keeps a message that is no record at all.
//
// I1: where it is known which position of which run it was, that position is taken
// in as dead. Otherwise it would be missing for good, and whoever reads would begin
// again at the merged mark, and again.
func (s *Service) poison(ctx context.Context, p bus.Poison) error {
	s.o.Logger.Error("a message that cannot be read is set aside", "platform", p.Platform, "subject", p.Subject,
		"sequence", p.Sequence, "reason", p.Reason)
	place := fmt.Sprintf("message %d of %s", p.Sequence, p.Subject)
	if p.Line > 0 {
		place = fmt.Sprintf("line %d of %s", p.Line, place)
	}
	if p.Version.Position > 0 {
		return s.takeInRun(ctx, store.Intake{Platform: p.Platform, Fence: p.Version.Fence, Messages: []schema.Record{{Platform: p.Platform,
			Op: schema.OpDead, Version: p.Version, Problem: schema.ProblemUnreadable, Place: place}}}, nil)
	}
	return s.o.Store.SetAside(ctx, []store.Dead{{Platform: p.Platform, Stage: "merge", Place: place, Problem: schema.ProblemUnreadable}})
}

// takeIn stores one batch, one transaction for each platform and fence.
func (s *Service) takeIn(ctx context.Context, b *bus.Batch[schema.Record]) error {
	type run struct {
		platform string
		fence    int64
	}
	index := map[run][]int{}
	var order []run
	for i, m := range b.Items {
		r := run{m.Platform, m.Version.Fence}
		if _, ok := index[r]; !ok {
			order = append(order, r)
		}
		index[r] = append(index[r], i)
	}
	for _, r := range order {
		in := store.Intake{Platform: r.platform, Fence: r.fence}
		for _, i := range index[r] {
			in.Messages = append(in.Messages, b.Items[i])
		}
		if err := s.takeInRun(ctx, in, func(later map[int64]bool) {
			for _, i := range index[r] {
				if later[b.Items[i].Version.Position] {
					b.Retry(i, 200*time.Millisecond)
				}
			}
		}); err != nil {
			return err
		}
	}
	s.signal()
	if len(b.Items) > 0 && b.Items[0].Platform == registry.Desk { // each platform has a queue of its own
		select {
		case s.entered <- struct{}{}:
		default: // it is awake
		}
	}
	return nil
}

// takeInRun stores what came of one run. back is told the positions that are to
// come again; nil: none can.
func (s *Service) takeInRun(ctx context.Context, in store.Intake, back func(positions map[int64]bool)) error {
	counts, echoes, err := s.intake(ctx, in)
	for try := 0; store.Conflict(err) && try < 10; try++ {
		if err := jitter(ctx, try); err != nil {
			return err
		}
		counts, echoes, err = s.intake(ctx, in)
	}
	if err != nil {
		return err
	}
	s.count(in.Platform, counts, echoes)
	if len(counts.Later) == 0 || back == nil {
		return nil
	}
	later := map[int64]bool{}
	for _, p := range counts.Later {
		later[p] = true
	}
	back(later)
	return nil
}

func (s *Service) count(platform string, c store.IntakeCounts, echoes int) {
	m := s.o.Metrics
	m.RecordsMerged.WithLabelValues(platform, telemetry.OutcomeMerged).Add(float64(c.Merged))
	m.RecordsMerged.WithLabelValues(platform, telemetry.OutcomeUnchanged).Add(float64(c.Unchanged))
	m.RecordsMerged.WithLabelValues(platform, telemetry.OutcomeDead).Add(float64(c.Dead))
	m.Echoes.WithLabelValues(platform).Add(float64(echoes))
}

// signal wakes the resolvers; a full channel means that they are awake.
func (s *Service) signal() {
	for range s.o.Workers {
		select {
		case s.wake <- struct{}{}:
		default:
			return
		}
	}
}

// resolveLoop resolves while there is something to resolve, then waits for a
// signal or the sweep.
func (s *Service) resolveLoop(ctx context.Context, wake <-chan struct{}, resolve func(context.Context) (int, error)) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		for ctx.Err() == nil {
			n, err := resolve(ctx)
			if err != nil {
				if ctx.Err() != nil {
					return nil
				}
				s.o.Logger.Error("resolving records failed; trying again", "error", err)
				break
			}
			if n == 0 {
				break
			}
		}
		timer.Reset(s.o.Sweep)
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-timer.C:
		}
	}
}

// next is the next batch of anything.
func (s *Service) next(ctx context.Context, share store.Share) (int, error) {
	n, err := s.resolveShare(ctx, share)
	if n == 0 && err == nil {
		n, err = s.Relink(ctx) // never before what is fresh
	}
	return n, err
}

// resolveEntries is the next batch of what staff entered.
func (s *Service) resolveEntries(ctx context.Context) (int, error) {
	return s.resolve(ctx, (*store.Resolution).ClaimEntries, s.o.Batch)
}

// Resolve claims one batch and resolves it, and returns how many records were
// claimed. RULES D: on a lost lock roll back, halve the batch, wait a little;
// after four tries stand in line for the locks.
func (s *Service) Resolve(ctx context.Context) (claimed int, err error) {
	return s.resolveShare(ctx, store.Share{})
}

func (s *Service) resolveShare(ctx context.Context, share store.Share) (claimed int, err error) {
	claim := func(tx *store.Resolution, ctx context.Context, limit int) ([]int64, error) {
		return tx.ClaimLane(ctx, limit, share)
	}
	if s.o.Eager {
		claim = (*store.Resolution).ClaimAll
	}
	return s.resolve(ctx, claim, s.o.Batch)
}

func (s *Service) resolve(ctx context.Context, claim claim, batch int) (claimed int, err error) {
	started := time.Now()
	limit := batch
	for try := 0; ; try++ {
		var out resolution
		out, err = s.resolveOnce(ctx, claim, limit, try >= 4)
		switch {
		case err == nil:
			if out.claimed > 0 {
				s.o.Metrics.MergeBatch.Observe(time.Since(started).Seconds())
			}
			if len(out.due) > 0 {
				fault.At(fault.Resolved, "")
				if err := s.o.Bus.PublishChanges(ctx, out.due); err != nil && ctx.Err() == nil {
					// The sweep of writeback finds them: time is lost, no data.
					s.o.Logger.Warn("changes could not be announced", "error", err)
				}
			}
			return out.claimed, nil
		case errors.As(err, new(*flipped)):
			// Noted by resolveOnce; claim again with the new answer.
			limit = batch
		case store.Conflict(err) && try < 20:
			limit = max(limit/2, 1)
			if err := jitter(ctx, try); err != nil {
				return 0, err
			}
		default:
			return 0, err
		}
	}
}

// jitter spreads workers that ran into one another.
func jitter(ctx context.Context, try int) error {
	d := time.Duration(1+rand.IntN(3*(min(try, 6)+1))) * time.Millisecond
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
