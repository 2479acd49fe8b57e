package stream

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/embedded"
	"heji/services/hub"
	"heji/services/store"
)

// EntryOptions say what to measure of entries at the desk.
type EntryOptions struct {
	Residents int // of the district that loads meanwhile; they make four records each
	Entries   int
	Seed      uint64
	Dir       string // data folder; must not hold data
	Report    string // file for the figures as JSON; "" means none
	Out       io.Writer
	Logger    *slog.Logger
}

// EntryReport is what one run measured: from the request that saves to the moment
// at which the last of eight platforms has taken the write.
type EntryReport struct {
	Entries int     `json:"entries"` // measured
	Waiting int     `json:"waiting"` // excluded, because a rule has them wait for a person
	P50     float64 `json:"p50_seconds"`
	P99     float64 `json:"p99_seconds"`
	Longest float64 `json:"longest_seconds"`
	// Records that were stored and resolved while the entries were made, and the
	// pace of it.
	Loaded    int64   `json:"records_loaded_meanwhile"`
	PerSecond float64 `json:"records_per_second_meanwhile"`
	Repeated  int     `json:"writes_repeated"`
	// Slowest are the entries that took longest, the longest first.
	Slowest []EntryStages `json:"slowest"`
}

// EntryStages is where the time of one entry went, in seconds since its request.
type EntryStages struct {
	Number  int     `json:"number"` // of the entry, from 1
	Saved   float64 `json:"saved"`
	TakenIn float64 `json:"taken_in"`
	// Intended is when the writes to its rows were begun: the first and the last.
	Intended [2]float64 `json:"intended"`
	Done     float64    `json:"done"` // the last platform has taken it
}

// known is how many people the eight platforms know before the load begins.
const known = 300

// eight are the registers that must show an entry: all of them take phones.
func eight() []*register {
	var list []*register
	for i, name := range []string{"medical", "pension", "health", "medical", "pension", "health", "medical", "pension"} {
		k := slices.IndexFunc(registers, func(r *register) bool { return r.name == name })
		r := *registers[k]
		r.name, r.share, r.spread = fmt.Sprintf("%s_%d_", name, i+1), 100, 0.3+0.05*float64(i)
		list = append(list, &r)
	}
	return list
}

// RunEntries measures and prints.
func RunEntries(ctx context.Context, o EntryOptions) (rep EntryReport, err error) {
	if o.Entries < 1 || o.Entries > known {
		return rep, fmt.Errorf("%d entries: between 1 and %d can be measured, one for each resident", o.Entries, known)
	}
	b := &bench{o: Options{Residents: o.Residents, Seed: o.Seed, Dir: o.Dir, Out: o.Out, Logger: o.Logger, Patience: time.Hour}, failed: make(chan error, 1)}
	if b.engines, err = embedded.Start(context.WithoutCancel(ctx), embedded.Options{Dir: o.Dir, Logger: o.Logger}); err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, b.engines.Stop()) }()
	if b.meter, err = newMeter(ctx, b.engines.Postgres.DSN(embedded.DefaultDatabase), b.engines.Postgres.PID()); err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, b.meter.close(context.WithoutCancel(ctx))) }()
	specs, err := b.entryPlatforms()
	if err != nil {
		return rep, err
	}
	b.hub, err = hub.New(ctx, hub.Config{Dir: filepath.Join(o.Dir, "hub"), Specs: specs, Logger: o.Logger, Listen: "127.0.0.1:0", Engines: b.engines})
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, b.hub.Close()) }()
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.hub.Run(ctx); err != nil {
			b.failed <- fmt.Errorf("the hub stopped: %w", err)
		}
	})
	defer running.Wait()
	defer stop()
	if rep, err = b.entries(ctx, o.Entries); err != nil {
		return rep, err
	}
	rep.print(o.Out)
	if o.Report == "" {
		return rep, nil
	}
	data, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		return rep, err
	}
	if err := os.WriteFile(o.Report, append(data, '\n'), 0o644); err != nil {
		return rep, fmt.Errorf("write the report: %w", err)
	}
	return rep, nil
}

// entryPlatforms are the eight, and the five registers of the district that loads.
func (b *bench) entryPlatforms() ([]*spec.Platform, error) {
	registerKind()
	var list []*spec.Platform
	add := func(r *register, first, n, district int) error {
		s, err := r.spec(district)
		if err != nil {
			return err
		}
		p := newPlatform(s.ID, r, people{b.o.Seed}, first, n)
		simulated.Store(s, p)
		b.platforms = append(b.platforms, p)
		list = append(list, s)
		return nil
	}
	for _, r := range eight() {
		if err := add(r, 0, known, 1); err != nil {
			return nil, err
		}
	}
	for _, r := range registers {
		if err := add(r, known, b.o.Residents, 2); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (b *bench) entries(ctx context.Context, n int) (rep EntryReport, err error) {
	eight, load := b.platforms[:8], b.platforms[8:]
	for _, p := range eight {
		p.Open()
	}
	if err := b.wait(ctx, func() (bool, error) {
		merged, unchanged, dead, err := b.meter.taken(ctx)
		if err != nil || merged+unchanged+dead < 8*known {
			return false, err
		}
		resolved, _, err := b.meter.settled(ctx)
		return resolved, err
	}); err != nil {
		return rep, fmt.Errorf("the eight platforms: %w", err)
	}
	if err := b.hub.Store.SetRiskWindow(ctx, 0); err != nil {
		return rep, err
	}
	for _, p := range eight {
		if _, err := b.hub.Store.Step(ctx, p.id, schema.Live, "bench", "bench"); err != nil {
			return rep, err
		}
	}
	if err := b.wait(ctx, func() (bool, error) {
		_, green, err := b.meter.settled(ctx)
		return green, err
	}); err != nil {
		return rep, fmt.Errorf("the campaign: %w", err)
	}
	members, err := b.hub.Store.Memberships(ctx)
	if err != nil {
		return rep, err
	}
	rows := map[string]map[string]string{} // resident → platform → key
	for _, m := range members {
		if rows[m.Resident] == nil {
			rows[m.Resident] = map[string]string{}
		}
		rows[m.Resident][m.Ref.Platform] = m.Ref.Key
	}
	var whole []string // residents whom all eight know
	for id, of := range rows {
		if len(of) == len(eight) {
			whole = append(whole, id)
		}
	}
	slices.Sort(whole)
	if len(whole) < n {
		return rep, fmt.Errorf("only %d residents are on all eight platforms: %d entries cannot be measured", len(whole), n)
	}
	fmt.Fprintf(b.o.Out, "合籍 Heji bench entry: %d entries at the desk, eight platforms, while %d residents load\n", n, b.o.Residents)
	var want int64
	for _, p := range load {
		want += int64(p.Rows())
		p.Open()
	}
	before, began := int64(8*known), time.Now()
	var took []time.Duration
	type entry struct {
		number int
		asked  time.Time
		took   time.Duration
	}
	var entries []entry
	for i, id := range whole[:n] {
		asked := time.Now()
		wait, shown, err := b.timed(ctx, id, phoneOf(i), rows[id], eight)
		if err != nil {
			return rep, err
		}
		if shown {
			took = append(took, wait)
			entries = append(entries, entry{i + 1, asked, wait})
		} else {
			rep.Waiting++
		}
	}
	merged, unchanged, dead, err := b.meter.taken(ctx)
	if err != nil {
		return rep, err
	}
	rep.Loaded = min(merged+unchanged+dead-before, want)
	rep.PerSecond = float64(rep.Loaded) / time.Since(began).Seconds()
	if rep.Loaded == want {
		return rep, fmt.Errorf("the load was over before the entries were: name more residents, or fewer entries")
	}
	for _, p := range eight {
		p.mu.Lock()
		rep.Repeated += p.Repeated
		p.mu.Unlock()
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(b.took, a.took) })
	for _, e := range entries[:min(slowest, len(entries))] {
		stages, err := b.meter.stages(ctx, requestOf(phoneOf(e.number-1)), e.asked)
		if err != nil {
			return rep, err
		}
		stages.Number, stages.Done = e.number, e.took.Seconds()
		rep.Slowest = append(rep.Slowest, stages)
	}
	slices.Sort(took)
	rep.Entries = len(took)
	if len(took) > 0 {
		at := func(share float64) float64 { return took[min(len(took)-1, int(share*float64(len(took))))].Seconds() }
		rep.P50, rep.P99, rep.Longest = at(0.5), at(0.99), took[len(took)-1].Seconds()
	}
	return rep, nil
}

// slowest is how many of the slowest entries are told of.
const slowest = 3

func phoneOf(i int) string          { return fmt.Sprintf("1549%07d", i) }
func requestOf(phone string) string { return "bench-" + phone }

// stages reads from the store when an entry came how far.
func (m *meter) stages(ctx context.Context, request string, asked time.Time) (s EntryStages, err error) {
	var saved, taken time.Time
	var first, last *time.Time
	err = m.conn.QueryRow(ctx, `SELECT d.at, r.first_seen, min(i.at), max(i.at)
		FROM desk_entries d JOIN records r ON r.platform = 'desk' AND r.key = d.key
			LEFT JOIN targets t ON t.resident_id = r.resident_id LEFT JOIN intents i ON i.target_id = t.id AND i.at >= d.at
		WHERE d.request = $1 GROUP BY d.at, r.first_seen`, request).Scan(&saved, &taken, &first, &last)
	if err != nil {
		return s, fmt.Errorf("read when an entry came how far: %w", err)
	}
	since := func(at time.Time) float64 { return at.Sub(asked).Seconds() }
	s.Saved, s.TakenIn = since(saved), since(taken)
	if first != nil && last != nil {
		s.Intended = [2]float64{since(*first), since(*last)}
	}
	return s, nil
}

// timed saves a phone over HTTP and waits until the last platform has taken it;
// shown is false where a rule has it wait for a person.
func (b *bench) timed(ctx context.Context, resident, phone string, rows map[string]string, eight []*platform) (took time.Duration, shown bool, err error) {
	body, err := json.Marshal(map[string]any{"who": "bench", "values": map[string]string{string(schema.Phone): phone}})
	if err != nil {
		return 0, false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, "http://"+b.hub.Addr()+"/api/v1/residents/"+resident, bytes.NewReader(body))
	if err != nil {
		return 0, false, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", requestOf(phone))
	started := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, false, err
	}
	text, err := io.ReadAll(res.Body)
	res.Body.Close() //nolint:errcheck // read to its end
	if err != nil {
		return 0, false, err
	}
	if res.StatusCode >= 300 {
		return 0, false, fmt.Errorf("save: %s: %s", res.Status, text)
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	asked := time.Now()
	for {
		last, all := time.Time{}, true
		for _, p := range eight {
			at, ok := p.took(rows[p.id], "phone", phone)
			all = all && ok
			if at.After(last) {
				last = at
			}
		}
		if all {
			return last.Sub(started), true, nil
		}
		if time.Since(asked) > 2*time.Second { // seldom: it costs a question
			asked = time.Now()
			waits, err := b.waits(ctx, resident)
			if err != nil || waits {
				return 0, false, err
			}
		}
		select {
		case <-ctx.Done():
			return 0, false, ctx.Err()
		case err := <-b.failed:
			return 0, false, err
		case <-tick.C:
		}
		if time.Since(started) > time.Minute {
			return 0, false, fmt.Errorf("the phone of resident %s did not reach all eight platforms within a minute, and no rule says why", resident)
		}
	}
}

// waits reports whether something of a resident waits for a person.
func (b *bench) waits(ctx context.Context, resident string) (yes bool, err error) {
	err = b.hub.Store.EachHeld(ctx, func(t store.HeldTarget) error {
		yes = yes || t.Resident.String() == resident
		return nil
	})
	return yes, err
}

func (r EntryReport) print(out io.Writer) {
	fmt.Fprintf(out, "  save to the last of eight platforms: p50 %.0f ms, p99 %.0f ms, longest %.0f ms (%d entries; %d more wait for a person by rule)\n",
		1000*r.P50, 1000*r.P99, 1000*r.Longest, r.Entries, r.Waiting)
	for _, e := range r.Slowest {
		fmt.Fprintf(out, "  entry %d: saved after %.0f ms, taken in %.0f, writes begun %.0f to %.0f, taken by the last platform %.0f\n",
			e.Number, 1000*e.Saved, 1000*e.TakenIn, 1000*e.Intended[0], 1000*e.Intended[1], 1000*e.Done)
	}
	fmt.Fprintf(out, "  meanwhile %d records were loaded, %.0f records/s; writes repeated: %d\n", r.Loaded, r.PerSecond, r.Repeated)
}
