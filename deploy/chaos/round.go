package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"heji/deploy/demo/district"
	"heji/deploy/demo/examine"
	p "heji/deploy/demo/population"
	"heji/schema"
	"heji/services/embedded"
	"heji/services/fault"
	"heji/services/lineage"
	"heji/services/store"
)

// phase is a stretch of a round that ends quiet.
type phase int

const (
	loading phase = iota
	working
)

// round is one district and one hub, from an empty store to the last check.
type round struct {
	lab  *lab
	ctx  context.Context
	n    int
	rnd  *rand.Rand
	dir  string
	name string // of its database
	res  *result

	people   *p.Population
	ids      []string
	lag      map[string]time.Duration
	district *district.District
	store    *store.Store // past every fault
	conn     *pgxpool.Pool
	links    map[string]*link
	liars    []*liar
	lies     *lies
	env      map[string]string
	config   child

	mu     sync.Mutex // one strike at a time
	hub    *process
	faults []*armed
	phase  phase
	resync []string       // platforms that were restored from a backup, and are read whole
	whole  []string       // others that are read whole
	backup map[string]int // by platform: writes in its journal when a backup was put in
	err    error
	edits  atomic.Int64
	heals  sync.WaitGroup
	healMu sync.Mutex
	opened []func() error
}

func newRound(l *lab, ctx context.Context, n int) *round {
	return &round{lab: l, ctx: ctx, n: n, rnd: rand.New(rand.NewPCG(uint64(l.o.Seed), uint64(n))), res: &result{Seed: l.o.Seed, Round: n},
		dir: filepath.Join(l.dir, fmt.Sprint("r", n)), name: fmt.Sprint("hub_", n), lag: map[string]time.Duration{}, links: map[string]*link{}, backup: map[string]int{},
		lies: &lies{next: map[string][]lie{}}}
}

// play plays one round. What went wrong stands in the result.
func (l *lab) play(ctx context.Context, n int) result {
	began := time.Now()
	r := newRound(l, ctx, n)
	l.skew.Store(0)
	if err := r.run(); err != nil {
		r.wrong("%v", err)
	}
	if err := r.end(); err != nil {
		r.wrong("at the end: %v", err)
	}
	for _, f := range r.faults {
		if f.struck {
			r.res.Faults = append(r.res.Faults, f.kind.name)
		} else {
			r.res.Missed = append(r.res.Missed, f.kind.name)
		}
	}
	r.res.Took = time.Since(began)
	return *r.res
}

func (r *round) wrong(format string, a ...any) {
	r.res.Wrong = append(r.res.Wrong, fmt.Sprintf(format, a...))
}

func (r *round) run() error {
	r.draw()
	if f := r.lab.o.quietly; f != nil {
		f(r)
	}
	if err := r.open(); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	if err := r.startHub(); err != nil {
		return err
	}
	if err := r.quiet("loading"); err != nil {
		return err
	}
	r.mu.Lock()
	r.phase = working
	r.mu.Unlock()
	if err := r.approve(); err != nil {
		return err
	}
	if err := r.work(); err != nil {
		return err
	}
	if err := r.peace(); err != nil {
		return err
	}
	if err := r.quiet("working"); err != nil {
		return err
	}
	if f := r.lab.o.sabotage; f != nil {
		if err := f(r); err != nil {
			return err
		}
	}
	return r.check()
}

// onPlatform runs a statement in a platform's own database.
func (r *round) onPlatform(id string) func(sql string) error {
	return func(sql string) error {
		conn, err := pgx.Connect(r.ctx, r.lab.theirs.DSN(fmt.Sprintf("r%d_%s", r.n, id)))
		if err != nil {
			return err
		}
		defer conn.Close(r.ctx)
		_, err = conn.Exec(r.ctx, sql)
		return err
	}
}

// draw decides everything that chance decides.
func (r *round) draw() {
	pick := func(list []string) string { return list[r.rnd.IntN(len(list))] }
	n := 1 + r.rnd.IntN(5)
	need := map[string]bool{p.Pension: r.rnd.IntN(2) == 0, p.Medical: r.rnd.IntN(2) == 0}
	for i := range n {
		k := catalogue[r.rnd.IntN(len(catalogue))]
		switch {
		case i == 0 && r.lab.o.Only != "":
			k = catalogue[slices.IndexFunc(catalogue, func(k *kind) bool { return k.name == r.lab.o.Only })]
		case i == 0: // so that each comes equally often
			k = catalogue[r.n%len(catalogue)]
		}
		f := &armed{kind: k, place: k.at[r.rnd.IntN(len(k.at))], phase: working,
			chance: [3]int{r.rnd.IntN(1 << 20), r.rnd.IntN(1 << 20), r.rnd.IntN(1 << 20)}}
		if k.on != nil {
			f.platform = pick(k.on)
			need[f.platform] = true
		}
		switch f.place {
		case "published", "taken_in", "resolved":
			f.nth = r.rnd.IntN(2)
			if k.on == nil && f.place != fault.Resolved && r.rnd.IntN(3) > 0 { // while loading nothing is due
				f.phase = loading
			}
		default:
			f.nth = r.rnd.IntN(2)
		}
		if k.name == "platform:lagging_replica" {
			r.lag[f.platform] = declaredLag
		}
		r.faults = append(r.faults, f)
	}
	all := []string{p.Gongan, p.Pension, p.Medical, p.OldAge, p.LowIncomes, p.Safety, p.Floating, p.Disabled}
	total := 3 + r.rnd.IntN(3)
	order := r.rnd.Perm(len(all))
	for i := 0; len(chosen(need)) < total; i++ {
		need[all[order[i]]] = true
	}
	r.ids = slices.DeleteFunc(all, func(id string) bool { return !need[id] })
	r.res.IDs = r.ids
	r.people = p.GenerateAt(30+r.rnd.IntN(31), int64(r.rnd.IntN(1<<30)), p.Reference)
	for _, who := range r.people.Persons { // of so few people, enough are on the small lists
		if who.ID%3 == 0 {
			who.Facts[p.LowIncome], who.Member[p.LowIncomes] = "1", true
		}
		if who.ID%3 == 1 && who.Facts[p.IDNumber] != "" {
			who.Facts[p.Disability], who.Member[p.Disabled] = "1-2", true
			who.Facts[p.DisabilityNo] = who.Facts[p.IDNumber] + "12"
		}
		if who.ID%2 == 0 && who.Age(r.people.Today) >= 60 {
			who.Facts[p.OldAgeAllowance], who.Member[p.OldAge] = "1", true
		}
	}
}

func chosen(need map[string]bool) (list []string) {
	for id, yes := range need {
		if yes {
			list = append(list, id)
		}
	}
	return list
}

// open makes the district, the links and an empty store.
func (r *round) open() (err error) {
	ctx := r.ctx
	if err := os.RemoveAll(r.dir); err != nil { // of an earlier run
		return err
	}
	if err := r.lab.fresh(ctx, r.name); err != nil {
		return err
	}
	r.dropAtEnd(func() *embedded.Postgres { return r.lab.hubs }, r.name)
	if r.store, err = store.Open(ctx, r.lab.hubs.DSN(r.name), 3); err != nil {
		return err
	}
	r.onEnd(func() error { r.store.Close(); return nil })
	if r.conn, err = pgxpool.New(ctx, r.lab.hubs.DSN(r.name)); err != nil {
		return err
	}
	r.onEnd(func() error { r.conn.Close(); return nil })
	if err := r.store.SetRiskWindow(ctx, 0); err != nil { // a round has not half an hour
		return err
	}
	theirs := r.lab.theirs
	r.district, err = district.Start(ctx, district.Options{Dir: filepath.Join(r.dir, "d"), Platforms: r.ids, Population: r.people,
		Seed: r.lab.o.Seed, Now: r.lab.now, Poll: 40 * time.Millisecond, Echoes: echoes, Listen: r.listenSafety, Tamper: r.tamper,
		Database: func(ctx context.Context, id string) (string, error) {
			name := fmt.Sprintf("r%d_%s", r.n, id)
			if err := drop(ctx, theirs, name); err != nil { // of an earlier run
				return "", err
			}
			r.dropAtEnd(func() *embedded.Postgres { return theirs }, name)
			return theirs.DSNAs(name, id, "chaos"), theirs.CreateDatabase(ctx, name, id, "chaos")
		}})
	if err != nil {
		return err
	}
	r.onEnd(r.district.Close)
	r.env = r.district.Env()
	if err := r.connect("postgres", r.lab.dialPostgres); err != nil {
		return err
	}
	if err := r.connect("nats", r.lab.dialNATS); err != nil {
		return err
	}
	for _, id := range r.ids {
		if err := r.reach(id); err != nil {
			return err
		}
	}
	r.config = child{Role: roleHub, Dir: r.dir, Env: r.env, IDs: r.ids, Lag: r.lag, Workers: 1 + r.rnd.IntN(2), Batch: 5 + r.rnd.IntN(40),
		Database: fmt.Sprintf("postgres://heji@%s/%s?sslmode=disable", r.links["postgres"].address(), r.name),
		NATS:     "nats://" + r.links["nats"].address()}
	return nil
}

func (r *round) onEnd(f func() error) { r.opened = append(r.opened, f) }

// dropAtEnd drops a database, unless something was wrong and somebody wants to
// look at it: PostgreSQL starts on the kept folder.
func (r *round) dropAtEnd(server func() *embedded.Postgres, name string) {
	r.onEnd(func() error {
		if len(r.res.Wrong) > 0 {
			return nil
		}
		return drop(context.WithoutCancel(r.ctx), server(), name)
	})
}

func (r *round) connect(name string, dial func() (net.Conn, error)) error {
	l, err := newLink(name, dial)
	if err != nil {
		return err
	}
	r.links[name] = l
	r.onEnd(l.close)
	return nil
}

// listenSafety opens the port of the Kafka broker with a link before it. The broker
// tells its clients the link's address, and goes through it itself.
func (r *round) listenSafety(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	if err := r.connect(p.Safety, func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	told, err := net.ResolveTCPAddr("tcp", r.links[p.Safety].address())
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return known{l, told}, nil
}

// known is a listener that is known by another address.
type known struct {
	net.Listener
	told net.Addr
}

func (k known) Addr() net.Addr { return k.told }

// reach puts a link, and a liar where the platform speaks HTTP, before a platform.
func (r *round) reach(id string) error {
	switch id {
	case p.Pension:
		if err := r.connect(id, r.lab.dialTheirs); err != nil {
			return err
		}
		if err := r.watchPension(); err != nil {
			return err
		}
		r.env["PENSION_DSN"] = fmt.Sprintf("postgres://%s:chaos@%s/r%d_%s?sslmode=disable", id, r.links[id].address(), r.n, id)
	case p.Medical, p.OldAge:
		name := strings.ToUpper(id) + "_URL"
		x, err := newLiar(id, r.env[name], r.lies, r.at)
		if err != nil {
			return err
		}
		r.onEnd(x.close)
		if err := r.connect(id, func() (net.Conn, error) { return net.Dial("tcp", x.addr) }); err != nil {
			return err
		}
		r.env[name] = "http://" + r.links[id].address()
	case p.Floating:
		u, err := url.Parse(r.env["FLOATING_WSDL"])
		if err != nil {
			return err
		}
		at := u.Host
		if err := r.connect(id, func() (net.Conn, error) { return net.Dial("tcp", at) }); err != nil {
			return err
		}
		u.Host = r.links[id].address()
		r.env["FLOATING_WSDL"] = u.String()
	case p.Disabled:
		at := r.env["DISABLED_SFTP"]
		if err := r.connect(id, func() (net.Conn, error) { return net.Dial("tcp", at) }); err != nil {
			return err
		}
		r.env["DISABLED_SFTP"] = r.links[id].address()
	}
	return nil
}

// tamper is called by the platforms with their register locked.
func (r *round) tamper(platform string, w *district.Write) string { return r.lies.tamper(platform, w) }

// startHub starts the hub as a supervisor would: again when it ends before it
// listens, because a part that it needs is not there.
func (r *round) startHub() error {
	ctx, cancel := context.WithTimeout(r.ctx, r.lab.o.Patience)
	defer cancel()
	for {
		hub, err := start(r.lab.o.Self, r.config, filepath.Join(r.lab.dir, "hub.log"), r.at)
		if err != nil {
			return err
		}
		r.hub = hub
		if _, err := hub.address(ctx); err == nil {
			return nil
		} else if ctx.Err() != nil {
			return errors.Join(fmt.Errorf("start the hub: %w", err), hub.kill())
		}
	}
}

// skewHub sets the hub's clock, also of the process that follows. The caller holds
// mu.
func (r *round) skewHub(by time.Duration) {
	r.config.Skew = by
	r.hub.tell("skew " + by.String())
}

// at lets the faults strike whose boundary this is.
func (r *round) at(h hit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.faults {
		if f.struck || f.phase != r.phase || f.place != h.place || f.platform != "" && f.platform != h.platform {
			continue
		}
		if f.seen++; f.seen <= f.nth {
			continue
		}
		err := f.kind.strike(r, f, h)
		if errors.Is(err, errNotYet) {
			continue
		}
		f.struck = true
		if err != nil {
			r.err = errors.Join(r.err, fmt.Errorf("%s: %w", f.kind.name, err))
		}
	}
}

// later heals something after a while.
func (r *round) later(after time.Duration, heal func() error) {
	r.heals.Add(1)
	time.AfterFunc(after, func() {
		defer r.heals.Done()
		if err := heal(); err != nil {
			r.healMu.Lock()
			r.err = errors.Join(r.err, err)
			r.healMu.Unlock()
		}
	})
}

// approve takes every platform that can be written to up the ladder, as a person
// would: again when the hub was not there.
func (r *round) approve() error {
	var list []store.Platform
	if err := r.insist("read the platforms", func() (err error) {
		list, err = r.store.Platforms(r.ctx)
		return err
	}); err != nil {
		return err
	}
	for _, pl := range list {
		if !pl.Writable {
			continue
		}
		if err := r.insist("approve "+pl.ID, func() error {
			now, err := r.store.Platforms(r.ctx)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(now, func(x store.Platform) bool { return x.ID == pl.ID && x.Stage == schema.Live }) {
				return nil
			}
			var effect struct{ Digest string }
			if err := r.call(http.MethodGet, "/api/v1/platforms/"+pl.ID+"/effect", "", nil, &effect); err != nil {
				return err
			}
			return r.call(http.MethodPost, "/api/v1/platforms/"+pl.ID+"/stage", "",
				map[string]string{"stage": string(schema.Live), "who": "chaos", "why": "chaos", "digest": effect.Digest}, nil)
		}); err != nil {
			return err
		}
	}
	return nil
}

// work lets clerks edit and staff enter while the faults strike.
func (r *round) work() error {
	for i := range 3 + r.rnd.IntN(4) {
		id := r.ids[r.rnd.IntN(len(r.ids))]
		fact := []string{p.Phone, p.Residence}[r.rnd.IntN(2)]
		value := r.otherValue(fact, r.rnd.IntN(1<<20))
		if id != p.Gongan && r.rnd.IntN(2) == 0 {
			rows, err := r.district.Platform(id).Origins(r.ctx)
			if err != nil {
				return err
			}
			key := r.oneOf(keysOf(rows))
			field, ok := district.LayoutOf(id).Field(fact)
			if key == "" || !ok {
				continue
			}
			if err := r.clerk(id, key, district.LayoutOf(id).Set(field, value)); err != nil {
				return err
			}
			continue
		}
		if err := r.enter(i, fact, value); err != nil {
			return err
		}
	}
	return nil
}

// enter saves one change at the desk, once, however often it has to be asked.
func (r *round) enter(i int, fact, value string) error {
	var members []store.Membership
	if err := r.insist("read who is whose", func() (err error) {
		members, err = r.store.Memberships(r.ctx)
		return err
	}); err != nil {
		return err
	}
	var residents []string
	for _, m := range members {
		if !m.Deleted && m.Resident != "" {
			residents = append(residents, m.Resident)
		}
	}
	slices.Sort(residents)
	who := r.oneOf(residents)
	if err := r.insist("enter", func() error {
		return r.call(http.MethodPatch, "/api/v1/residents/"+who, fmt.Sprintf("chaos-%d-%d", r.n, i),
			map[string]any{"who": "chaos", "values": map[string]string{fact: value}}, nil)
	}); err != nil {
		return err
	}
	r.res.Entries++
	return nil
}

// peace ends every fault and puts right what a person would put right.
func (r *round) peace() error {
	if err := r.settleDown(); err != nil {
		return err
	}
	r.mu.Lock()
	for _, f := range r.faults {
		f.phase = -1
	}
	resync := slices.Concat(r.resync, r.whole)
	r.mu.Unlock()
	r.heals.Wait()
	r.lies.stop()
	r.conn.Reset() // PostgreSQL may have been killed
	r.lab.skew.Store(0)
	r.mu.Lock()
	r.skewHub(0)
	r.mu.Unlock()
	for _, l := range r.links {
		if err := l.heal(); err != nil {
			return err
		}
	}
	for _, id := range r.ids {
		if t, ok := r.district.Platform(id).(interface{ Lag(time.Duration) }); ok {
			t.Lag(0)
		}
	}
	for _, id := range resync {
		if err := r.insist("read "+id+" again", func() error {
			return r.call(http.MethodPost, "/api/v1/platforms/"+id+"/resync", "", map[string]string{"who": "chaos", "why": "as every night"}, nil)
		}); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// settleDown waits until the faults have struck and the hub has done what it could
// meanwhile; not for ever, because some of it cannot be done before they end.
func (r *round) settleDown() error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	longest := time.Now().Add(6 * time.Second)
	var idleSince time.Time
	for time.Now().Before(longest) {
		_, idle, err := examine.Look(r.ctx, r.store)
		switch {
		case err != nil || !idle:
			idleSince = time.Time{}
		case idleSince.IsZero():
			idleSince = time.Now()
		case time.Since(idleSince) > 3*cadence:
			return nil
		}
		select {
		case <-r.ctx.Done():
			return r.ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// quiet waits until nothing moves.
func (r *round) quiet(what string) error {
	c := examine.Calm{Settle: 150 * time.Millisecond}
	deadline := time.NewTimer(r.lab.o.Patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last string
	for {
		now, idle, err := examine.Look(r.ctx, r.store)
		if err != nil {
			idle, last = false, err.Error() // PostgreSQL was just killed
		} else {
			last = now.Waiting()
			if c.Add(now, idle && r.extracted(), time.Now()) {
				aside, err := r.aside()
				if err == nil && aside == 0 {
					return nil
				}
				last = fmt.Sprintf("%d rows wait to be read again; %v", aside, err)
				r.extract() // of an export that is newer than the last answer
			}
		}
		select {
		case <-r.ctx.Done():
			return r.ctx.Err()
		case <-r.hubEnded():
			// Killed and started again under the lock; or it has given up.
			r.mu.Lock()
			hub := r.hub
			r.mu.Unlock()
			select {
			case <-hub.ended:
				return fmt.Errorf("%s: the hub ended by itself: %w; it said:\n%s", what, hub.err, hub.said())
			default:
			}
		case <-deadline.C:
			return fmt.Errorf("%s: never quiet: %s\n%s", what, last, r.hub.said())
		case <-tick.C:
		}
	}
}

// echoes is how soon after a change a platform of files exports once more.
var echoes = []time.Duration{200 * time.Millisecond, 700 * time.Millisecond}

// extracted reports whether no platform will put out a file by itself any more.
func (r *round) extracted() bool {
	return !slices.ContainsFunc(r.district.Platforms(), func(pl district.Platform) bool {
		x, ok := pl.(district.Extracts)
		return ok && !x.Extracted()
	})
}

// extract has every platform of files put out what it shows once more, as one
// does every night.
func (r *round) extract() {
	for _, pl := range r.district.Platforms() {
		if x, ok := pl.(district.Extracts); ok {
			x.Extract()
		}
	}
}

// aside counts the rows that were read while a write was on its way, and are to be
// read again: a hub whose clock was put back waits until it shows what it showed
// before. A row in doubt that cannot be asked for is not among them: a person
// decides. It counts those, too, of which a write was acknowledged and no read has
// shown what became of it: the hub asks for them when the reading has passed.
func (r *round) aside() (n int, err error) {
	if err := r.store.EachRecord(r.ctx, func(rec store.Record) error {
		if rec.Deleted || !slices.Contains(asked, rec.Ref.Platform) {
			return nil
		}
		row, err := lineage.Decode(rec.State)
		if err == nil && row.Unseen() {
			n++
		}
		return err
	}); err != nil || n > 0 {
		return n, err
	}
	err = r.conn.QueryRow(r.ctx, `SELECT count(*) FROM records r JOIN targets t ON t.record_id = r.id
		WHERE r.look AND NOT r.deleted AND t.state NOT IN ('open', 'queued', 'doubt', 'hold', 'withdrawn')`).Scan(&n)
	return n, err
}

func (r *round) hubEnded() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hub.ended
}

// end gives everything back.
func (r *round) end() error {
	r.mu.Lock()
	for _, f := range r.faults {
		f.phase = -1
	}
	r.mu.Unlock()
	r.heals.Wait()
	var errs []error
	if r.hub != nil {
		errs = append(errs, r.hub.kill())
	}
	for _, f := range slices.Backward(r.opened) {
		errs = append(errs, f())
	}
	if len(r.res.Wrong) == 0 {
		errs = append(errs, os.RemoveAll(r.dir))
	}
	return errors.Join(errs...)
}

// insist repeats what a person would repeat.
func (r *round) insist(what string, f func() error) error {
	deadline := time.Now().Add(r.lab.o.Patience)
	for {
		err := f()
		if err == nil || r.ctx.Err() != nil {
			return errors.Join(err, r.ctx.Err())
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: %w", what, err)
		}
		time.Sleep(30 * time.Millisecond) // between two tries of a person
	}
}

// call makes one request to the hub that runs now.
func (r *round) call(method, path, request string, body, out any) error {
	ctx, cancel := context.WithTimeout(r.ctx, 5*time.Second)
	defer cancel()
	r.mu.Lock()
	hub := r.hub
	r.mu.Unlock()
	at, err := hub.address(ctx)
	if err != nil {
		return err
	}
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(data)
	}
	u := url.URL{Scheme: "http", Host: at, Path: path}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), reader)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if request != "" {
		req.Header.Set("Idempotency-Key", request)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, bytes.TrimSpace(data))
	}
	if out != nil {
		return json.Unmarshal(data, out)
	}
	return nil
}

// clerk has a platform's clerk change a row.
func (r *round) clerk(id, key string, set district.Row) error {
	origins, err := r.district.Platform(id).Origins(r.ctx)
	if err != nil {
		return err
	}
	_, err = r.district.Platform(id).Clerk(r.ctx, district.Edit{ID: fmt.Sprintf("chaos-%d", r.edits.Add(1)), Round: 9, Platform: id,
		Op: district.EditUpdate, Key: key, Set: set, Person: origins[key], Note: "chaos"})
	return err
}

// otherValue is a phone or an address that nobody has.
func (r *round) otherValue(fact string, n int) string {
	if fact == p.Phone {
		return r.people.SparePhone(n % 50_000)
	}
	empty := r.people.EmptyDwellings()
	return empty[n%len(empty)].Address.Text()
}

func (r *round) oneOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[r.rnd.IntN(len(list))]
}

func keysOf(m map[string]int) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
