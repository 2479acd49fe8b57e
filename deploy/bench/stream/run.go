package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/embedded"
	"heji/services/hub"
)

// Options say what to measure.
type Options struct {
	Residents int
	Seed      uint64
	Dir       string // data folder; must not hold data
	Workers   int    // merge workers; 0: the hub's default
	Batch     int    // 0: the hub's default
	Entries   bool   // make entries at the desk while districts load
	Report    string // file for the figures as JSON; "" means none
	// Statements prints so many of the statements that took PostgreSQL longest.
	Statements int
	Out        io.Writer
	Logger     *slog.Logger
	Patience   time.Duration // longest wait for quiet; 0: an hour
}

// parts are the districts' shares of the residents, in tenths.
var parts = []int{1, 8, 1}

type bench struct {
	o         Options
	engines   *embedded.Engines
	hub       *hub.Hub
	meter     *meter
	platforms []*platform
	failed    chan error
	report    Report
}

// Run measures and prints. The error says, too, when something did not arrive.
func Run(ctx context.Context, o Options) (report Report, err error) {
	if o.Patience == 0 {
		o.Patience = time.Hour
	}
	if o.Residents < 30 {
		return report, fmt.Errorf("%d residents are too few to measure anything: 30 at least", o.Residents)
	}
	b := &bench{o: o, failed: make(chan error, 1), report: Report{Residents: o.Residents}}
	engines := embedded.Options{Dir: o.Dir, Logger: o.Logger}
	if o.Statements > 0 {
		engines.PostgresSettings = map[string]string{"shared_preload_libraries": "pg_stat_statements"}
	}
	b.engines, err = embedded.Start(context.WithoutCancel(ctx), engines)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, b.engines.Stop()) }()
	dsn := b.engines.Postgres.DSN(embedded.DefaultDatabase)
	if b.meter, err = newMeter(ctx, dsn, b.engines.Postgres.PID()); err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, b.meter.close(context.WithoutCancel(ctx))) }()
	specs, err := b.connect()
	if err != nil {
		return report, err
	}
	b.hub, err = hub.New(ctx, hub.Config{Dir: filepath.Join(o.Dir, "hub"), Specs: specs, Logger: o.Logger,
		Workers: o.Workers, Batch: o.Batch, Engines: b.engines})
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, b.hub.Close()) }()
	if n, err := b.meter.count(ctx, `SELECT count(*) FROM records`); err != nil || n > 0 {
		return report, errors.Join(err, fmt.Errorf("the data folder %s holds %d records already: name an empty one with --data", o.Dir, n))
	}

	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.hub.Run(ctx); err != nil {
			b.failed <- fmt.Errorf("the hub stopped: %w", err)
		}
	})
	defer running.Wait()
	defer stop()
	if err := b.measure(ctx); err != nil {
		return report, err
	}
	b.report.print(o.Out)
	if o.Report != "" {
		if err := b.report.write(o.Report); err != nil {
			return b.report, err
		}
	}
	return b.report, b.report.verdict()
}

// connect makes the platforms of all districts.
func (b *bench) connect() ([]*spec.Platform, error) {
	registerKind()
	var list []*spec.Platform
	first := 0
	for d, part := range parts {
		n := b.o.Residents * part / 10
		for _, r := range registers {
			s, err := r.spec(d + 1)
			if err != nil {
				return nil, err
			}
			p := newPlatform(s.ID, r, people{b.o.Seed}, first, n)
			simulated.Store(s, p)
			b.platforms = append(b.platforms, p)
			list = append(list, s)
		}
		first += n
	}
	return list, nil
}

func (b *bench) measure(ctx context.Context) error {
	fmt.Fprintf(b.o.Out, "合籍 Heji bench stream: %d residents, %d districts of %d registers\n", b.o.Residents, len(parts), len(registers))
	if b.o.Statements > 0 {
		if err := b.meter.watchStatements(ctx); err != nil {
			return err
		}
	}
	began, err := b.meter.read(ctx)
	if err != nil {
		return err
	}
	stopEntries := b.enter(ctx)
	var stored int64
	var taken time.Duration
	for d := range parts {
		load, err := b.load(ctx, d, stored)
		if err != nil {
			return err
		}
		stored += load.Records
		taken += time.Duration(load.TakenInSeconds * float64(time.Second))
		load.print(b.o.Out, fmt.Sprintf("district %d", d+1))
		if err := b.statements(ctx, load.Records); err != nil {
			return err
		}
		b.report.Loads = append(b.report.Loads, load)
	}
	if err := stopEntries(); err != nil {
		return err
	}
	end, err := b.meter.read(ctx)
	if err != nil {
		return err
	}
	b.report.All = newLoad(0, stored, began.at, began.at.Add(taken), end.since(began))
	loads := b.report.Loads
	b.report.Slowdown = 1 - loads[len(loads)-1].RecordsPerSecond/loads[0].RecordsPerSecond
	if err := b.campaign(ctx); err != nil {
		return err
	}
	if end, err = b.meter.read(ctx); err != nil {
		return err
	}
	b.report.Whole = newLoad(0, stored, began.at, began.at.Add(taken), end.since(began))
	if err := b.statements(ctx, int64(b.report.Writes)); err != nil {
		return err
	}
	return b.finish(ctx)
}

// statements prints which statements took PostgreSQL longest since it was last
// called, by the piece: a record, or a write.
func (b *bench) statements(ctx context.Context, pieces int64) error {
	if b.o.Statements == 0 {
		return nil
	}
	return b.meter.statements(ctx, b.o.Out, b.o.Statements, pieces)
}

// load opens one district's registers and waits until all that they show is
// stored and resolved.
func (b *bench) load(ctx context.Context, district int, stored int64) (Load, error) {
	before, err := b.meter.read(ctx)
	if err != nil {
		return Load{}, err
	}
	var want int64
	for _, p := range b.platforms[district*len(registers) : (district+1)*len(registers)] {
		want += int64(p.Rows())
		p.Open()
	}
	var taken time.Time
	err = b.wait(ctx, func() (bool, error) {
		merged, unchanged, dead, err := b.meter.taken(ctx)
		if err != nil || merged+unchanged+dead < stored+want {
			return false, err
		}
		if taken.IsZero() {
			taken = time.Now()
		}
		resolved, _, err := b.meter.settled(ctx)
		return resolved, err
	})
	if err != nil {
		return Load{}, fmt.Errorf("district %d: %w", district+1, err)
	}
	after, err := b.meter.read(ctx)
	return newLoad(stored, want, before.at, taken, after.since(before)), err
}

// campaign approves every platform and waits until nothing is due and all that
// was written has been read back.
func (b *bench) campaign(ctx context.Context) error {
	before, err := b.meter.read(ctx)
	if err != nil {
		return err
	}
	for _, p := range b.platforms {
		if !p.Writable() {
			continue
		}
		if _, err := b.hub.Store.Step(ctx, p.id, schema.Live, "bench", "bench"); err != nil {
			return err
		}
	}
	err = b.wait(ctx, func() (bool, error) {
		_, green, err := b.meter.settled(ctx)
		if err != nil || !green {
			return false, err
		}
		return b.readBack(ctx)
	})
	if err != nil {
		return fmt.Errorf("write-back: %w", err)
	}
	after, err := b.meter.read(ctx)
	if err != nil {
		return err
	}
	for _, p := range b.platforms {
		p.mu.Lock()
		b.report.Writes += p.Writes
		b.report.Repeated += p.Repeated
		p.mu.Unlock()
	}
	used := after.since(before)
	b.report.WriteSeconds = after.at.Sub(before.at).Seconds()
	b.report.WritesPerSec = float64(b.report.Writes) / b.report.WriteSeconds
	b.report.WriteMicros = float64((used.own + used.postgres).Microseconds()) / float64(max(b.report.Writes, 1))
	return nil
}

// readBack reports whether the reads of everything that was written are taken
// in: what a platform changed last lies behind its merged mark.
func (b *bench) readBack(ctx context.Context) (bool, error) {
	list, err := b.hub.Store.Platforms(ctx)
	if err != nil {
		return false, err
	}
	fences := map[string]int64{}
	for _, p := range list {
		fences[p.ID] = p.Fence
	}
	for _, p := range b.platforms {
		mark, _, err := b.hub.Store.MergedMark(ctx, p.id, fences[p.id])
		if err != nil {
			return false, err
		}
		var at cursor
		if err := json.Unmarshal(mark, &at); err != nil {
			return false, fmt.Errorf("read the merged mark of %s: %w", p.id, err)
		}
		p.mu.Lock()
		behind := at.Change < len(p.changes)
		p.mu.Unlock()
		if behind {
			return false, nil
		}
	}
	return true, nil
}

func (b *bench) finish(ctx context.Context) error {
	var err error
	if b.report.Missing, err = b.missing(ctx); err != nil {
		return err
	}
	st, err := b.hub.Store.Stats(ctx)
	if err != nil {
		return err
	}
	b.report.Found, b.report.Reviews = st.Residents, st.ReviewsOpen
	b.report.DatabaseBytes, err = b.meter.count(ctx, `SELECT pg_database_size(current_database())`)
	return err
}

// wait asks again and again until done, the hub fails or patience ends.
func (b *bench) wait(ctx context.Context, done func() (bool, error)) error {
	patience := time.NewTimer(b.o.Patience)
	defer patience.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-b.failed:
			return err
		case <-patience.C:
			return fmt.Errorf("not quiet after %s", b.o.Patience)
		case <-tick.C:
		}
	}
}

// enter saves a new resident at the desk every two seconds, and measures how
// long each waits until it is resolved. The returned function stops it.
func (b *bench) enter(ctx context.Context) (stop func() error) {
	if !b.o.Entries {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	var waits []time.Duration
	var failed error
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			wait, err := b.entry(ctx, i)
			if err != nil {
				if ctx.Err() == nil {
					failed = err
				}
				return
			}
			waits = append(waits, wait)
			select {
			case <-ctx.Done():
			case <-time.After(2 * time.Second):
			}
		}
	})
	return func() error {
		cancel()
		running.Wait()
		if len(waits) > 0 {
			slices.Sort(waits)
			b.report.EntryP50, b.report.EntryMax = waits[len(waits)/2].Seconds(), waits[len(waits)-1].Seconds()
		}
		return failed
	}
}

func (b *bench) entry(ctx context.Context, i int) (time.Duration, error) {
	p := people{b.o.Seed}
	who := b.o.Residents + 100 + i
	e, _, err := b.hub.Store.SaveNew(ctx, uuid.NewString(), "bench", schema.Values{
		schema.Name: p.name(who), schema.IDNumber: p.idNumber(who), schema.Sex: p.sex(who), schema.Phone: p.phone(who, false)})
	if err != nil {
		return 0, err
	}
	b.hub.Wake("desk")
	started := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		state, err := b.hub.Store.EntryState(ctx, e.Request)
		if err != nil || state.Merged() {
			return time.Since(started), err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
	}
}
