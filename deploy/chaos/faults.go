package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heji/deploy/demo/district"
	p "heji/deploy/demo/population"
	"heji/services/fault"
)

// kind is one kind of fault.
type kind struct {
	name   string
	at     []fault.Place // where it strikes; one of them is drawn
	on     []string      // platforms that it needs, any one of them; nil: none in particular
	strike func(r *round, f *armed, h hit) error
}

// armed is a fault that waits in a round.
type armed struct {
	kind     *kind
	place    fault.Place
	platform string // that it strikes; "": whichever comes to the boundary
	nth      int    // the boundary is passed so often before
	seen     int
	phase    phase
	chance   [3]int // drawn in advance, so that nothing is drawn while the hub runs
	struck   bool
}

// errNotYet says that there is nothing to strike at this moment: the fault waits
// for the next one.
var errNotYet = errors.New("not yet")

// overHTTP are the platforms behind a liar; called those whose calls can be seen
// from inside; ledgers those that keep a ledger and are written to; asked those that
// can be asked for single rows; written all that are written to.
var (
	overHTTP = []string{p.Medical, p.OldAge}
	ledgers  = []string{p.Medical, p.OldAge, p.LowIncomes, p.Safety, p.Floating, p.Disabled}
	called   = []string{p.Medical, p.OldAge, p.Pension}
	asked    = []string{p.Medical, p.OldAge, p.Pension, p.Floating} // for single rows
	written  = []string{p.Medical, p.OldAge, p.LowIncomes, p.Safety, p.Floating, p.Disabled, p.Pension}
)

// catalogue are all faults.
var catalogue = []*kind{
	{name: "kill:published", at: []fault.Place{fault.Published}, strike: killHub},
	{name: "kill:taken_in", at: []fault.Place{fault.TakenIn}, strike: killHub},
	{name: "kill:resolved", at: []fault.Place{fault.Resolved}, strike: killHub},
	{name: "kill:intended", at: []fault.Place{fault.Intended}, on: written, strike: killHub},
	{name: "kill:in_call", at: []fault.Place{inCall}, on: called, strike: killHub},
	{name: "kill:done", at: []fault.Place{done}, on: called, strike: killHub},
	{name: "kill:called", at: []fault.Place{fault.Called}, on: written, strike: killHub},
	{name: "kill:postgres", at: fault.Places, strike: func(r *round, _ *armed, _ hit) error {
		r.res.Kills++
		return r.lab.killPostgres()
	}},
	{name: "kill:nats", at: fault.Places, strike: func(r *round, _ *armed, _ hit) error {
		r.res.Kills++
		return r.lab.killNATS(r.ctx, false)
	}},
	{name: "messages:lost", at: []fault.Place{fault.Published}, strike: messages(lose)},
	{name: "messages:repeated", at: []fault.Place{fault.Published}, strike: messages(repeat)},
	{name: "messages:reordered", at: []fault.Place{fault.Published}, strike: messages(reorder)},
	{name: "jetstream:thrown_away", at: []fault.Place{fault.Published, fault.TakenIn, fault.Resolved}, strike: throwAway},
	{name: "net:platform:cut", at: []fault.Place{fault.Intended, inCall}, on: overHTTP, strike: network("", cut)},
	{name: "net:platform:slow", at: []fault.Place{fault.Intended, fault.Published}, on: []string{p.Medical, p.OldAge, p.Pension}, strike: network("", slow)},
	{name: "net:platform:reset", at: []fault.Place{fault.Intended, fault.Published}, on: []string{p.Medical, p.OldAge, p.Pension}, strike: network("", reset)},
	{name: "net:soap:cut", at: []fault.Place{fault.Intended, fault.Published}, on: []string{p.Floating}, strike: network("", cut)},
	{name: "net:soap:slow", at: []fault.Place{fault.Intended, fault.Published}, on: []string{p.Floating}, strike: network("", slow)},
	{name: "net:soap:reset", at: []fault.Place{fault.Intended, fault.Published}, on: []string{p.Floating}, strike: network("", reset)},
	{name: "net:kafka:cut", at: []fault.Place{fault.Intended, fault.Called}, on: []string{p.Safety}, strike: network("", cut)},
	{name: "net:kafka:slow", at: []fault.Place{fault.Intended, fault.Published}, on: []string{p.Safety}, strike: network("", slow)},
	{name: "net:kafka:reset", at: []fault.Place{fault.Intended, fault.Published}, on: []string{p.Safety}, strike: network("", reset)},
	{name: "net:sftp:cut", at: []fault.Place{fault.Intended, fault.Called}, on: []string{p.Disabled}, strike: network("", cut)},
	{name: "net:sftp:slow", at: []fault.Place{fault.Intended, fault.Published}, on: []string{p.Disabled}, strike: network("", slow)},
	{name: "net:sftp:reset", at: []fault.Place{fault.Intended, fault.Published}, on: []string{p.Disabled}, strike: network("", reset)},
	{name: "net:postgres:cut", at: fault.Places, strike: network("postgres", cut)},
	{name: "net:postgres:slow", at: fault.Places, strike: network("postgres", slow)},
	{name: "net:postgres:reset", at: fault.Places, strike: network("postgres", reset)},
	{name: "net:nats:cut", at: fault.Places, strike: network("nats", cut)},
	{name: "net:nats:slow", at: fault.Places, strike: network("nats", slow)},
	{name: "net:nats:reset", at: fault.Places, strike: network("nats", reset)},
	{name: "platform:late_answer", at: []fault.Place{fault.Intended}, on: overHTTP, strike: lying(late)},
	{name: "platform:500_though_done", at: []fault.Place{fault.Intended}, on: overHTTP, strike: lying(broken)},
	{name: "platform:half_done", at: []fault.Place{fault.Intended}, on: ledgers, strike: lying(half)},
	{name: "platform:value_cut", at: []fault.Place{fault.Intended}, on: ledgers, strike: lying(cutting)},
	{name: "platform:ignored", at: []fault.Place{fault.Intended}, on: ledgers, strike: lying(nothing)},
	{name: "platform:read_only", at: []fault.Place{fault.Intended}, on: written, strike: readOnly},
	{name: "platform:restored", at: []fault.Place{fault.Called}, on: written, strike: restored},
	{name: "platform:lagging_replica", at: []fault.Place{fault.Intended}, on: overHTTP, strike: lagging},
	{name: "clerk:edits_and_reverts", at: []fault.Place{fault.Intended, fault.Called}, on: []string{p.Medical, p.OldAge, p.Pension, p.Floating}, strike: editAndRevert},
	{name: "files:half_extract", at: []fault.Place{fault.Intended, fault.Called}, on: []string{p.LowIncomes, p.Disabled}, strike: halfExtract},
	{name: "clock:hub", at: []fault.Place{fault.Intended, fault.Called, fault.Published, fault.TakenIn}, strike: jumpHub},
	{name: "clock:platform", at: []fault.Place{fault.Intended, fault.Published}, strike: jump},
}

func killHub(r *round, f *armed, _ hit) error {
	r.res.Kills++
	if err := r.hub.kill(); err != nil {
		return err
	}
	if f.chance[0]%8 == 0 { // all at once
		r.res.Kills += 2
		if err := errors.Join(r.lab.killPostgres(), r.lab.killNATS(r.ctx, false)); err != nil {
			return err
		}
	}
	return r.startHub()
}

// throwAway empties JetStream: the whole folder with the server dead, with the hub
// alive or dead.
func throwAway(r *round, f *armed, _ hit) error {
	r.res.Kills++
	with := f.chance[0]%2 == 0
	if with {
		r.res.Kills++
		if err := r.hub.kill(); err != nil {
			return err
		}
	}
	if err := r.lab.killNATS(r.ctx, true); err != nil {
		return err
	}
	if with {
		return r.startHub()
	}
	return nil
}

// message is one that waits in RECORDS.
type message struct {
	sequence uint64
	subject  string
	data     []byte
}

// messages strikes what waits in RECORDS.
func messages(do func(ctx context.Context, r *round, f *armed, s jetstream.Stream, list []message) error) func(*round, *armed, hit) error {
	return func(r *round, f *armed, _ hit) error {
		ctx, cancel := context.WithTimeout(r.ctx, 10*time.Second)
		defer cancel()
		s, err := r.lab.js.Stream(ctx, "RECORDS")
		if err != nil {
			return errNotYet // being made again after another fault
		}
		is, err := s.Info(ctx)
		if err != nil {
			return errNotYet
		}
		var list []message
		for n := is.State.FirstSeq; n <= is.State.LastSeq && len(list) < 60; n++ {
			m, err := s.GetMsg(ctx, n)
			if err == nil {
				list = append(list, message{n, m.Subject, m.Data})
			} // else: acknowledged meanwhile
		}
		if len(list) < 2 {
			return errNotYet
		}
		return do(ctx, r, f, s, list)
	}
}

func lose(ctx context.Context, r *round, f *armed, s jetstream.Stream, list []message) error {
	for i, m := range list {
		if (i+f.chance[1])%2 == 0 {
			if err := s.DeleteMsg(ctx, m.sequence); err != nil && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
				return fmt.Errorf("lose a message: %w", err)
			}
		}
	}
	// Hints get lost, too.
	hints, err := r.lab.js.Stream(ctx, "CHANGES")
	if err != nil {
		return nil //nolint:nilerr // being made again: then they are lost already
	}
	return hints.Purge(ctx)
}

func repeat(ctx context.Context, r *round, _ *armed, _ jetstream.Stream, list []message) error {
	for _, m := range list {
		if _, err := r.lab.js.Publish(ctx, m.subject, m.data); err != nil {
			return fmt.Errorf("repeat a message: %w", err)
		}
	}
	return nil
}

func reorder(ctx context.Context, r *round, f *armed, s jetstream.Stream, list []message) error {
	for _, m := range list {
		if err := s.DeleteMsg(ctx, m.sequence); err != nil && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
			return fmt.Errorf("take a message out: %w", err)
		}
	}
	if f.chance[1]%2 == 0 {
		slices.Reverse(list)
	} else {
		n := f.chance[2]%(len(list)-1) + 1
		list = append(slices.Clone(list[n:]), list[:n]...)
	}
	return repeat(ctx, r, f, s, list)
}

func cut(l *link, _ *armed) error { return l.cut() }
func slow(l *link, f *armed) error {
	return l.slow(20 + f.chance[1]%80)
}
func reset(l *link, f *armed) error {
	return l.breakOff(200 + f.chance[1]%3000)
}

// network strikes the link between the hub and a part, and heals it after a while.
func network(part string, do func(*link, *armed) error) func(*round, *armed, hit) error {
	return func(r *round, f *armed, _ hit) error {
		name := part
		if name == "" {
			name = f.platform
		}
		l := r.links[name]
		if err := do(l, f); err != nil {
			return err
		}
		r.later(time.Duration(100+f.chance[0]%500)*time.Millisecond, l.heal)
		return nil
	}
}

func lying(what lie) func(*round, *armed, hit) error {
	return func(r *round, f *armed, _ hit) error {
		r.lies.tell(f.platform, what, 1+f.chance[0]%3)
		if what == nothing && !slices.Contains(asked, f.platform) {
			// Where not even the time of the change moves, and the platform cannot be
			// asked, a whole read finds it out.
			r.whole = append(r.whole, f.platform)
		}
		return nil
	}
}

// readOnly: a platform takes no writes for a while.
func readOnly(r *round, f *armed, h hit) error {
	if f.platform != p.Pension {
		return lying(shut)(r, f, h)
	}
	if err := r.onPlatform(p.Pension)(shutSQL); err != nil {
		return err
	}
	r.later(time.Duration(100+f.chance[0]%500)*time.Millisecond, func() error {
		return r.onPlatform(p.Pension)(`DROP TRIGGER IF EXISTS aa_shut ON cbry`)
	})
	return nil
}

// restored: an administrator plays in a backup, and has the hub read the platform
// whole, as operating.md says.
func restored(r *round, f *armed, _ hit) error {
	list, err := r.district.Platform(f.platform).Journal(r.ctx)
	if err != nil {
		return err
	}
	r.backup[f.platform] = len(list)
	if err := r.district.Platform(f.platform).(interface{ Restore(changes int) error }).Restore(1 + f.chance[0]%8); err != nil {
		return err
	}
	r.resync = append(r.resync, f.platform)
	return nil
}

// replicaLag is how late a replica is; the platforms that have one declare more.
const (
	replicaLag  = 250 * time.Millisecond
	declaredLag = 400 * time.Millisecond
)

func lagging(r *round, f *armed, _ hit) error {
	r.district.Platform(f.platform).(district.Troubled).Lag(replicaLag)
	return nil
}

// editAndRevert: a clerk changes a field of a row to which a write is under way,
// and puts it back.
func editAndRevert(r *round, f *armed, _ hit) error {
	var key string
	var fields []byte
	err := r.conn.QueryRow(r.ctx, `SELECT key, fields FROM intents
		WHERE platform = $1 AND state = 'open' AND key IS NOT NULL ORDER BY key LIMIT 1`, f.platform).Scan(&key, &fields)
	if err != nil {
		return errNotYet // there is none, or PostgreSQL was just killed
	}
	sent := map[string]json.RawMessage{}
	if err := json.Unmarshal(fields, &sent); err != nil {
		return err
	}
	pl, layout := r.district.Platform(f.platform), district.LayoutOf(f.platform)
	rows, err := pl.Snapshot(r.ctx)
	if err != nil {
		return err
	}
	fact := p.Phone
	if _, ok := sent[p.Residence]; ok {
		fact = p.Residence
	}
	field, _ := layout.Field(fact)
	was := district.Row{}
	for _, c := range field.Columns {
		was[c] = rows[key][c]
	}
	other := r.otherValue(fact, f.chance[0])
	if err := r.clerk(f.platform, key, layout.Set(field, other)); err != nil {
		return err
	}
	return r.clerk(f.platform, key, was)
}

// halfExtract: an export of half the rows, whole in form. The next real one, a
// moment later, shows everybody again.
func halfExtract(r *round, f *armed, _ hit) error {
	x, ok := r.district.Platform(f.platform).(district.Extracts)
	if !ok {
		return fmt.Errorf("%s makes no extracts", f.platform)
	}
	return x.HalfExtract()
}

// jump moves the platforms' clocks, and back at the end of the phase.
func jump(r *round, f *armed, _ hit) error {
	by := time.Duration(1+f.chance[0]%200) * time.Second
	if f.chance[1]%2 == 0 {
		by = -by
	}
	r.lab.skew.Store(int64(by))
	return nil
}

// jumpHub moves the hub's clock by up to three seconds, and back at the end of the
// phase, as when a machine's time is put right twice.
func jumpHub(r *round, f *armed, _ hit) error {
	by := time.Duration(200+f.chance[0]%2800) * time.Millisecond
	if f.chance[1]%2 == 0 {
		by = -by
	}
	r.skewHub(by)
	return nil
}
