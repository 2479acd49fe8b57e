package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os/exec"
	"path"
	"path/filepath"
	"sync"
	"time"

	"heji/connectors/platforms"
	"heji/connectors/spec"
	"heji/deploy/demo/district"
	"heji/deploy/demo/oracle"
	"heji/deploy/demo/population"
	"heji/schema"
	"heji/services/embedded"
	"heji/services/hub"
	"heji/services/store"
)

// Options say what to show.
type Options struct {
	Residents int
	Seed      int64
	Headless  bool
	Report    string // file for the figures as JSON; "" means none
	Dir       string
	Listen    string
	Workers   int
	Batch     int
	Out       io.Writer
	Logger    *slog.Logger
	// Program makes the process that calls Gateway: the volunteers' own program.
	// Nil: it runs in this process.
	Program func() *exec.Cmd
	// Untimed: how long entries take is told and not judged. For tests, which share
	// the machine with others; what is written and found is judged as ever.
	Untimed  bool
	Patience time.Duration // longest wait for quiet while nothing gets less; 0: five minutes
}

// databasePassword guards databases that listen on a private unix socket only;
// it stands for the account that a department would give.
const databasePassword = "demo"

// demo is one run.
type demo struct {
	o         Options
	hub       *hub.Hub
	satellite *hub.Hub         // of the sealed platforms
	programs  *programs        // of departments
	sealed    []*spec.Platform // its files
	district  *district.District
	people    *population.Population
	progress  *progress
	failed    chan error // a service that ended
	token     string     // of the demo itself, where people log in
	started   time.Time
	// quietSince is when the last quiet began: seeing that it lasts takes longer.
	quietSince time.Time
	report     Report
}

// Run shows the whole road and returns nil when it ended well. A second run on
// the same folder goes on where the first one ended, killed or not.
func Run(ctx context.Context, o Options) (err error) {
	if o.Patience == 0 {
		o.Patience = 5 * time.Minute
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	d := &demo{o: o, progress: newProgress(o.Out), failed: make(chan error, 4)}
	d.report.untimed = o.Untimed
	engines, err := d.engines(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engines.Stop()) }()
	specs, err := d.open(ctx, engines)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.district.Close()) }()

	d.hub, err = hub.New(ctx, hub.Config{Dir: filepath.Join(o.Dir, "hub"), Specs: specs, Listen: o.Listen, Logger: o.Logger,
		Workers: o.Workers, Batch: o.Batch, Counts: time.Second, Engines: engines})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.hub.Close()) }()
	// The road has no second person, and not half an hour; whoever looks afterwards has.
	if err := d.hub.Store.SetRiskWindow(ctx, 0); err != nil {
		return err
	}
	if err := d.enterAsProgram(ctx); err != nil {
		return err
	}
	if err := d.seal(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.satellite.Close()) }()

	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.hub.Run(ctx); err != nil {
			d.failed <- fmt.Errorf("the hub stopped: %w", err)
		}
	})
	running.Go(func() {
		if err := d.satellite.Run(ctx); err != nil {
			d.failed <- fmt.Errorf("the satellite stopped: %w", err)
		}
	})
	running.Go(func() {
		if err := d.programs.serve(ctx, engines.NATS.URL(), d.district.Env(), d.o.Program); err != nil {
			d.failed <- err
		}
	})
	running.Go(func() {
		c := &carrier{d: d}
		if err := c.work(ctx); err != nil {
			d.failed <- err
		}
	})
	defer running.Wait()
	defer stop()
	d.started = time.Now()
	if err := d.show(ctx); err != nil {
		return err
	}
	if o.Headless {
		return d.report.verdict()
	}
	fmt.Fprintf(o.Out, "\n核验全部平台 verify every platform: heji platform verify --all --platforms %s\n", filepath.Join(o.Dir, "platforms"))
	if err := d.accounts(ctx); err != nil {
		return err
	}
	if err := d.hub.Store.SetRiskWindow(ctx, store.RiskWindow); err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "桌面 the desk: http://%s/    指标 metrics: http://%s/metrics    (Ctrl-C 结束 stops)\n", d.hub.Addr(), d.hub.Addr())
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.failed:
		return err
	}
}

// engines starts those of the data folder. Programs of departments may connect to
// NATS.
func (d *demo) engines(ctx context.Context) (*embedded.Engines, error) {
	var err error
	if d.programs, err = newPrograms(); err != nil {
		return nil, err
	}
	users, err := d.programs.users()
	if err != nil {
		return nil, err
	}
	engines, err := embedded.Start(context.WithoutCancel(ctx), embedded.Options{Dir: d.o.Dir, Logger: d.o.Logger, NATSListen: "127.0.0.1:0", NATSUsers: users})
	if err != nil {
		return nil, err
	}
	if err := d.programs.started(engines.NATS.URL()); err != nil {
		return nil, errors.Join(err, engines.Stop())
	}
	return engines, nil
}

// open makes the population and the district, and reads the platforms' files
// with the district's addresses.
func (d *demo) open(ctx context.Context, engines *embedded.Engines) ([]*spec.Platform, error) {
	dir := filepath.Join(d.o.Dir, "district")
	if seed, residents, _, err := district.Identity(dir); err == nil && (seed != d.o.Seed || residents != d.o.Residents) {
		return nil, fmt.Errorf("the data folder %s holds a demo of %d residents with seed %d: use --residents %d --seed %d to go on with it, or another --data for a new one",
			d.o.Dir, residents, seed, residents, seed)
	}
	d.people = population.Generate(d.o.Residents, d.o.Seed)
	var err error
	d.district, err = district.Start(ctx, district.Options{Dir: dir, Database: func(ctx context.Context, platform string) (string, error) {
		return engines.Postgres.DSNAs("demo_"+platform, platform, databasePassword), engines.Postgres.CreateDatabase(ctx, "demo_"+platform, platform, databasePassword)
	},
		Population: d.people, Seed: d.o.Seed, Log: d.o.Logger, Sealed: population.Sealed})
	if err != nil {
		return nil, err
	}
	env := d.district.Env()
	maps.Copy(env, d.programs.env)
	if _, err := publish(d.o.Dir, env); err != nil {
		return nil, err
	}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	if d.sealed, err = read(platforms.Sealed, "sealed", spec.ParseSealed, lookup); err != nil {
		return nil, err
	}
	list, err := read(platforms.FS, ".", spec.Parse, lookup)
	if err != nil {
		return nil, err
	}
	through, err := read(platforms.Programs, "programs", spec.Parse, lookup)
	if err != nil {
		return nil, err
	}
	for i, p := range list { // in the place of the file that reaches it directly
		for _, other := range through {
			if p.ID == other.ID {
				list[i] = other
			}
		}
	}
	return list, nil
}

// read reads the platforms' files of a folder.
func read(fsys fs.FS, dir string, parse func(string, []byte, func(string) (string, bool)) (*spec.Platform, error), lookup func(string) (string, bool)) ([]*spec.Platform, error) {
	files, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	var list []*spec.Platform
	for _, f := range files {
		data, err := fs.ReadFile(fsys, path.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		p, err := parse(path.Join("platforms", dir, f.Name()), data, lookup)
		if err != nil {
			return nil, err
		}
		hurry(p)
		list = append(list, p)
	}
	return list, nil
}

// hurry lets a month pass in a third of a second. A platform that offers no way
// to ask for what is new is read whole each time, and so less often.
func hurry(p *spec.Platform) {
	p.Cadence = spec.Duration(300 * time.Millisecond)
	p.Brake.Written = 1 // a month of changes comes within the brake's day
	var whole struct {
		Deletes string `yaml:"deletes"`
	}
	if p.Kind == "rest" && p.Connect.Decode(&whole) == nil && whole.Deletes == "full" {
		p.Cadence = spec.Duration(time.Second)
	}
}

// show runs the phases. Each goes from quiet to quiet, so that what it needed
// can be counted.
func (d *demo) show(ctx context.Context) error {
	fmt.Fprintf(d.o.Out, "合籍 Heji: %d 位居民 residents, %d 个平台 platforms, seed %d\n", d.o.Residents, len(d.district.Platforms()), d.o.Seed)
	if err := d.bodies(ctx); err != nil {
		return err
	}
	clerks := make(chan error, 1)
	go func() { _, err := d.district.Round(ctx, 1, 20*time.Millisecond); clerks <- err }()
	if err := d.quiet(ctx, "读取与归并 pull and merge"); err != nil {
		return err
	}
	if err := d.join(ctx, clerks); err != nil {
		return err
	}
	if err := d.quiet(ctx, "读取与归并 pull and merge"); err != nil {
		return err
	}
	d.report.loaded(d.quietSince.Sub(d.started))

	// The first load never writes by itself: an administrator approves.
	if err := d.phase(ctx, "campaign", "回写 write-back", func() error {
		if err := d.approve(ctx); err != nil {
			return err
		}
		_, err := d.district.Round(ctx, district.WhileWriting, 20*time.Millisecond)
		return err
	}); err != nil {
		return err
	}
	d.report.SecondsToQuiet = d.quietSince.Sub(d.started).Seconds()
	if err := d.phase(ctx, "clerks", "部门日常 clerks at work", func() error {
		_, err := d.district.Round(ctx, 2, 20*time.Millisecond)
		return err
	}); err != nil {
		return err
	}
	if err := d.phase(ctx, "entries", "居民信息录入 entries at the desk", func() error { return d.enter(ctx) }); err != nil {
		return err
	}
	// Nothing changes any more: nothing may be written.
	if err := d.phase(ctx, "echo", "静默 silence", func() error { return d.listen(ctx) }); err != nil {
		return err
	}
	return d.finish(ctx)
}

func (d *demo) join(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// phase marks what the platforms show, lets something happen, waits for quiet,
// and asks the oracle what was needed.
func (d *demo) phase(ctx context.Context, name, what string, act func() error) error {
	before, err := d.district.Mark(ctx, name+"-before")
	if err != nil {
		return err
	}
	if err := act(); err != nil {
		return err
	}
	if err := d.quiet(ctx, what); err != nil {
		return err
	}
	after, err := d.district.Mark(ctx, name+"-after")
	if err != nil {
		return err
	}
	p := oracle.Phase{Name: name, Today: time.Now(), Before: before, After: after,
		Edits: map[string][]district.Edit{}, Writes: map[string][]district.Write{}}
	for _, pl := range d.district.Platforms() {
		id := pl.ID()
		edits, err := pl.Edits(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		writes, err := pl.Journal(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		p.Edits[id] = edits[before.Edits[id]:after.Edits[id]]
		p.Writes[id] = writes[before.Writes[id]:after.Writes[id]]
	}
	if p.Hub, err = d.truthOf(ctx, d.hub.Store, name); err != nil {
		return err
	}
	d.report.phase(name, oracle.Check(p, population.Platforms))
	if p.Hub, err = d.truthOf(ctx, d.satellite.Store, name+"-sealed"); err != nil {
		return err
	}
	d.report.phase(name, oracle.Check(p, population.Sealed))
	return nil
}

// approve takes every platform that can be written to up the ladder, through
// the API.
func (d *demo) approve(ctx context.Context) error {
	list, err := d.hub.Store.Platforms(ctx)
	if err != nil {
		return err
	}
	for _, p := range list {
		if !p.Writable || p.Stage == schema.Live {
			continue
		}
		var effect struct{ Digest string }
		if _, err := d.call(ctx, http.MethodGet, "/api/v1/platforms/"+p.ID+"/effect", "", nil, &effect); err != nil {
			return fmt.Errorf("what writing to %s would do: %w", p.ID, err)
		}
		body := map[string]string{"stage": string(schema.Live), "who": "demo-admin", "why": "演示：回写已批准", "digest": effect.Digest}
		if _, err := d.call(ctx, http.MethodPost, "/api/v1/platforms/"+p.ID+"/stage", "", body, nil); err != nil {
			return fmt.Errorf("approve %s: %w", p.ID, err)
		}
	}
	return d.unseal(ctx)
}

// listen lets every platform be read a few more times.
func (d *demo) listen(ctx context.Context) error {
	t := time.NewTimer(1500 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// finish counts what is left to count and prints it.
func (d *demo) finish(ctx context.Context) error {
	if err := d.totals(ctx); err != nil {
		return err
	}
	d.report.print(d.o.Out)
	if d.o.Report == "" {
		return nil
	}
	if err := d.report.write(d.o.Report); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
