package pull

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"heji/connectors"
	"heji/schema"
	"heji/schema/clock"
	"heji/services/bus"
	"heji/services/fault"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/telemetry"
)

// Options say what pull works with.
type Options struct {
	Store    *store.Store
	Bus      *bus.Bus
	Registry *registry.Registry
	Metrics  *telemetry.Metrics
	Logger   *slog.Logger
	Holder   string // names this process in leases

	// MaxWait caps the pause between two looks into a folder, whatever the
	// cadence says (a monthly extract is looked for more often than once a
	// month), and the backoff after failures. 0: one minute.
	MaxWait time.Duration
	// Lease is how long a lease holds without renewal; 0: 15s.
	Lease time.Duration
}

// Service pulls every platform of its registry, and the desk.
type Service struct {
	o     Options
	mu    sync.Mutex
	wakes map[string]chan struct{}
}

// New prepares a pull service.
func New(o Options) *Service {
	if o.MaxWait == 0 {
		o.MaxWait = time.Minute
	}
	if o.Lease == 0 {
		o.Lease = 15 * time.Second
	}
	s := &Service{o: o, wakes: map[string]chan struct{}{}}
	for _, id := range append(o.Registry.IDs(), registry.Desk) {
		s.wakes[id] = make(chan struct{}, 1)
	}
	return s
}

// Wake asks for a pass over a platform now: the desk after an entry, a person
// who pressed "pull now".
func (s *Service) Wake(platform string) {
	select {
	case s.wakes[platform] <- struct{}{}:
	default: // unknown, or awake already
	}
}

// Run pulls until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, id := range s.o.Registry.IDs() {
		p, _ := s.o.Registry.Get(id)
		g.Go(func() error { return s.loop(ctx, id, p.Connector, s.every(p)) })
	}
	g.Go(func() error { return s.loop(ctx, registry.Desk, nil, time.Second) })
	g.Go(func() error { return s.listen(ctx) })
	return g.Wait()
}

// every is the pause between two passes: the platform's cadence. Only a folder
// is looked into more often than a new file is expected.
func (s *Service) every(p *registry.Platform) time.Duration {
	d := p.Spec.Cadence.D()
	if folder(p) {
		d = min(d, s.o.MaxWait)
	}
	return max(d, 10*time.Millisecond)
}

// folder reports whether a platform is a folder in which files appear.
func folder(p *registry.Platform) bool {
	f, ok := p.Connector.(interface{ Folder() bool })
	return p.Spec.Kind == "files" || ok && f.Folder()
}

// loop keeps one platform's lease and makes one pass after the other.
func (s *Service) loop(ctx context.Context, id string, c connectors.Connector, every time.Duration) error {
	log := s.o.Logger.With("platform", id)
	backoff, gate := time.Second, registry.NewGate(s.o.MaxWait)
	for ctx.Err() == nil {
		lease, ok, err := s.o.Store.TakePullLease(ctx, id, s.o.Holder, s.o.Lease)
		if err != nil || !ok {
			if err != nil && ctx.Err() == nil {
				log.Warn("the pull lease cannot be taken; trying again", "error", err)
			}
			s.pause(ctx, id, backoff)
			continue
		}
		err = s.hold(ctx, id, c, lease, every, gate, log)
		if err != nil && ctx.Err() == nil {
			log.Warn("pulling was interrupted; trying again", "error", err, "retry_after", backoff)
			if noteErr := s.o.Store.PullResult(ctx, id, registry.Trouble(err, telemetry.ErrorText(err))); noteErr != nil {
				log.Warn("the result could not be noted", "error", noteErr)
			}
		}
		s.pause(ctx, id, backoff)
		backoff = min(2*backoff, time.Minute)
		if err == nil {
			backoff = time.Second
		}
	}
	return nil
}

// errLease ends a run whose lease another process has taken.
var errLease = errors.New("another process holds the lease")

// hold makes passes under one fence until something goes wrong.
func (s *Service) hold(ctx context.Context, id string, c connectors.Connector, lease store.Lease, every time.Duration, gate *registry.Gate, log *slog.Logger) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var renewing sync.WaitGroup
	renewing.Go(func() { s.renew(ctx, lease, stop, log) })
	defer renewing.Wait()
	defer stop(nil)

	r := &run{service: s, id: id, connector: c, lease: lease, cursor: lease.Cursor, confirmed: lease.Cursor, log: log}
	if p, ok := s.o.Registry.Get(id); ok && p.Map != nil {
		r.platform = p
		r.read, r.lag, r.trusted, r.files = p.Map.Read, p.Spec.ReadLag(), p.Spec.ClockTrusted, folder(p)
		r.again = newAgain(p, lease.Cursor, s.o.MaxWait)
		if a, ok := c.(connectors.Asker); ok && a.Asks() {
			if err := r.prepareAsking(ctx, p, a); err != nil {
				return err
			}
		}
	}
	failures, damaged := 0, ""
	for {
		if err := r.barred(ctx, gate); err != nil {
			return err
		}
		requests, err := r.requested(ctx)
		if err == nil {
			err = r.decided(ctx)
		}
		if err == nil {
			err = r.pass(ctx)
		}
		r.held = nil
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		gate.Note(err)
		sentence := ""
		if !r.emitted {
			sentence = damaged // nothing new was read: what was wrong with the last file still is
		}
		wait := every
		switch {
		case err == nil:
			failures = 0
			if r.emitted {
				damaged = ""
			}
			s.o.Metrics.LastSuccess.WithLabelValues(id, telemetry.DirectionPull).SetToCurrentTime()
		case waits(err):
			failures = 0
			sentence, damaged = telemetry.ErrorText(err), ""
		case errors.Is(err, errPublish):
			return err // the sequence has a gap: a new fence starts at the merged mark
		default:
			failures++
			sentence, damaged = telemetry.ErrorText(err), ""
			if r.files && errors.Is(err, connectors.ErrLayout) {
				damaged = sentence
			}
			wait = max(min(every<<min(failures, 6), s.o.MaxWait), connectors.RetryAfter(err), gate.Closed())
			// A pass that broke off may have published rows; the next one starts
			// again at the last resume point, under the same fence.
			log.Warn("a pass failed; the others go on", "error", err, "retry_after", wait)
		}
		if err := r.done(ctx, requests, err); err != nil {
			return err
		}
		if err := s.o.Store.PullResult(ctx, id, registry.Trouble(err, sentence)); err != nil {
			return err
		}
		if err := r.confirm(ctx); err != nil {
			log.Warn("what is merged could not be confirmed to the platform; trying again", "error", err)
		}
		if err := r.rest(ctx, wait+time.Duration(rand.Int64N(int64(wait)/20+1))); err != nil {
			return err
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
	}
}

func (s *Service) renew(ctx context.Context, lease store.Lease, stop context.CancelCauseFunc, log *slog.Logger) {
	t := time.NewTicker(s.o.Lease / 3)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			ok, err := s.o.Store.RenewPullLease(ctx, lease, s.o.Holder, s.o.Lease)
			if err != nil && ctx.Err() == nil {
				log.Warn("the pull lease could not be renewed; trying again", "error", err)
			} else if err == nil && !ok {
				stop(errLease)
				return
			}
		}
	}
}

// pause waits, and reports whether somebody asked for a pass now.
func (s *Service) pause(ctx context.Context, id string, d time.Duration) (awake bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-s.wakes[id]:
		return true
	}
	return false
}

// run is the sequence of one fence.
type run struct {
	service   *Service
	id        string
	connector connectors.Connector // nil: the desk
	lease     store.Lease
	position  int64
	cursor    connectors.Cursor // the last resume point that was published
	confirmed connectors.Cursor
	log       *slog.Logger

	// read is the platform's mapping.
	read    func(connectors.Row) (schema.Values, map[schema.Attribute]string, []schema.ValueProblem)
	lag     time.Duration
	trusted bool
	files   bool // a folder: between two files nothing is read, and nothing is mended

	again *again // nil: nothing of this platform needs to be read once more
	low   int64  // positions that were seen to be taken in without a gap

	heard time.Time // when the newest request for a whole read was made that was seen

	platform *registry.Platform // nil: the desk
	held     *held              // a read of everything that is under way, not published yet

	// One pass.
	emitted bool            // it read something
	full    map[string]bool // keys seen in the full read that is under way
	source  string          // the extract that it reads
	from    int64           // the position before the full read that is under way
	whole   bool            // it read everything there is

	// A platform that can only be asked person by person.
	asker  connectors.Asker // nil: it lists its rows
	asking asking
}

// errPublish says that the sequence may have a gap.
var errPublish = errors.New("publishing failed")

// pass makes one pass over what is new.
func (r *run) pass(ctx context.Context) error {
	if r.connector == nil {
		return r.deskPass(ctx)
	}
	if r.asker != nil {
		return r.askPass(ctx)
	}
	r.full, r.source, r.emitted, r.whole = nil, "", false, false
	from, asks, err := r.begin(ctx)
	if err != nil {
		return err
	}
	first, before := from == nil, r.position
	r.again.note(before, from)
	started := clock.Now()
	var last connectors.Batch
	err = r.connector.Pull(ctx, from, func(b connectors.Batch) error {
		last = b
		return r.batch(ctx, b)
	})
	if ctx.Err() == nil && !waits(err) {
		// Of a read that broke off, too, what was read is true.
		if late := r.letGo(ctx); late != nil {
			return late
		}
	}
	if err != nil {
		return err
	}
	if len(asks) > 0 {
		maps.Copy(r.again.asked, asks)
		r.log.Debug("rows of which a read was set aside are read again", "count", len(asks))
	}
	// An incremental platform's first pass from the beginning is a whole read,
	// too: nothing is deleted by it, but creates may begin.
	if first && !last.Full && r.cursor != nil && !last.Complete {
		if last.AsOf.IsZero() {
			last.AsOf = started
		}
		return r.publish(ctx, []schema.Record{{Op: schema.OpMark, AsOf: last.AsOf.Add(-r.lag), Cursor: r.cursor, Complete: true, WholeFrom: &before}})
	}
	return nil
}

// batch publishes one piece, the deletions that a complete read implies, and a
// mark with the resume point.
func (r *run) batch(ctx context.Context, b connectors.Batch) error {
	r.emitted = true
	asOf := b.AsOf.Add(-r.lag)
	if b.Full && (r.full == nil || b.Source != r.source) {
		if err := r.letGo(ctx); err != nil { // of the extract before
			return err
		}
		r.full, r.source, r.from = map[string]bool{}, b.Source, r.position // another extract begins
		r.again.note(r.position, nil)                                      // only another whole read tells the same again
		if err := r.holdBack(ctx, b, asOf); err != nil {
			return err
		}
	}
	if b.Full && !b.Complete {
		b.Cursor = nil // resumed half way, a full read would take what it had already seen for deleted
	}
	var wholeFrom *int64
	if b.Complete || r.full != nil && !b.Full && b.Cursor != nil {
		// The second: a resume point outside the full read that was under way. It
		// went through to its end, though it proves nothing about who is gone.
		from := r.from
		wholeFrom, r.whole = &from, true
	}
	var list []schema.Record
	for _, row := range b.Rows {
		list = append(list, r.record(row, asOf))
		if r.full != nil && row.Key != "" {
			r.full[row.Key] = true
		}
	}
	if b.Complete {
		// A verified complete read: what it does not show is gone.
		err := r.service.o.Store.LiveKeys(ctx, r.id, func(key string) error {
			if !r.full[key] {
				list = append(list, schema.Record{Op: schema.OpDelete, Key: key, AsOf: asOf})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if wholeFrom != nil {
		r.full = nil
	}
	if b.Cursor != nil || b.Complete {
		list = append(list, schema.Record{Op: schema.OpMark, AsOf: asOf, Cursor: b.Cursor, Complete: b.Complete, WholeFrom: wholeFrom})
	}
	if r.held != nil {
		if err := r.keepBack(list, b); err != nil || wholeFrom == nil {
			return err
		}
		return r.letGo(ctx)
	}
	if len(list) == 0 {
		return nil
	}
	if err := r.publish(ctx, list); err != nil {
		return err
	}
	if b.Cursor != nil {
		r.cursor = b.Cursor
		r.again.note(r.position, b.Cursor)
	}
	return nil
}

// record maps one row.
func (r *run) record(row connectors.Row, asOf time.Time) schema.Record {
	m := schema.Record{Key: row.Key, Op: row.Op, AsOf: asOf, RowVersion: row.RowVersion, Token: row.Token,
		Problem: row.Problem, Place: row.Place}
	if r.trusted && !row.ChangedAt.IsZero() {
		at := row.ChangedAt
		m.ChangedAt = &at
	}
	if m.Op == "" {
		m.Op = schema.OpPut
	}
	if m.Key == "" && (m.Op == schema.OpPut || m.Op == schema.OpDelete) {
		m.Op, m.Problem = schema.OpDead, schema.ProblemNoKey
	}
	if m.Op == schema.OpPut {
		m.Values, m.Raw, m.Flags = r.read(row)
	}
	return m
}

// publish gives the messages their positions and sends them in chunks. A
// message that is too large becomes a dead row in its own position.
func (r *run) publish(ctx context.Context, list []schema.Record) error {
	for i := range list {
		r.position++
		list[i].Platform = r.id
		list[i].Version = schema.Version{Fence: r.lease.Fence, Position: r.position}
	}
	o := r.service.o
	for retried := false; ; {
		err := o.Bus.PublishRecords(ctx, list)
		var large *bus.TooLargeError
		if errors.As(err, &large) && !retried {
			for _, i := range large.Indexes {
				list[i] = schema.Record{Platform: r.id, Key: short(list[i].Key), Op: schema.OpDead, Version: list[i].Version,
					AsOf: list[i].AsOf, Problem: schema.ProblemTooLong, Place: list[i].Place}
			}
			retried = true
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errPublish, err)
		}
		break
	}
	fault.At(fault.Published, r.id)
	records := 0
	for _, m := range list {
		if m.Op != schema.OpMark {
			records++
		}
	}
	o.Metrics.RecordsPulled.WithLabelValues(r.id).Add(float64(records))
	return o.Store.Published(ctx, r.id, r.lease.Fence, r.position)
}

func short(key string) string {
	if len(key) > 200 {
		return key[:200]
	}
	return key
}

// confirm tells the platform what is safe in Postgres.
func (r *run) confirm(ctx context.Context) error {
	c, ok := r.connector.(connectors.Confirmer)
	if !ok {
		return nil
	}
	merged, _, err := r.service.o.Store.MergedMark(ctx, r.id, r.lease.Fence)
	if err != nil || merged == nil || string(merged) == string(r.confirmed) {
		return err
	}
	if err := c.Confirm(ctx, merged); err != nil {
		return err
	}
	r.confirmed = merged
	return nil
}
