package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/clock"
	"heji/services/hub"
	"heji/services/store"
)

// board is a department platform in memory whose answers a test can spoil. It
// stands for platforms that lie: those that behave are tested with real ones.
type board struct {
	mu      sync.Mutex
	rows    map[string]map[string]string
	version int
	next    int
	writes  []connectors.Write // that reached the platform
	spoil   func(w connectors.Write, do func()) (connectors.Outcome, bool)
	look    func(q connectors.Query) ([]connectors.Row, bool)
	down    bool // it answers nothing
	still   bool // it passes on changes only, and says that there are none
}

var boards sync.Map // platform id → *board

func init() {
	connectors.Register("board", func(_ context.Context, p *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
		b, _ := boards.Load(p.ID)
		return &boardConnector{board: b.(*board), key: p.Key[0]}, nil
	})
}

type boardConnector struct {
	*board
	key string
}

func (b *boardConnector) Check(context.Context) error { return nil }
func (b *boardConnector) Close() error                { return nil }
func (b *boardConnector) Conditional() bool           { return true }

func (b *boardConnector) Pull(_ context.Context, _ connectors.Cursor, emit func(connectors.Batch) error) error {
	at := clock.Now()
	b.mu.Lock()
	if b.down {
		b.mu.Unlock()
		return connectors.ErrUnreachable
	}
	if b.still {
		b.mu.Unlock()
		return emit(connectors.Batch{AsOf: at, Cursor: json.RawMessage(strconv.Quote(at.String()))})
	}
	var rows []connectors.Row
	for _, k := range slices.Sorted(maps.Keys(b.rows)) {
		rows = append(rows, connectors.Row{Key: k, Op: schema.OpPut, Columns: maps.Clone(b.rows[k])})
	}
	b.mu.Unlock()
	return emit(connectors.Batch{Rows: rows, AsOf: at, Full: true, Complete: true, Cursor: json.RawMessage(strconv.Quote(at.String()))})
}

func (b *boardConnector) Look(_ context.Context, q connectors.Query) ([]connectors.Row, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return nil, connectors.ErrUnreachable
	}
	if b.look != nil {
		if rows, ok := b.look(q); ok {
			return rows, nil
		}
	}
	var out []connectors.Row
	for k, r := range b.rows {
		hit := k == q.Key
		if q.Key == "" {
			hit = true
			for c, v := range q.Natural {
				hit = hit && r[c] == v
			}
		}
		if hit {
			out = append(out, connectors.Row{Key: k, Op: schema.OpPut, Columns: maps.Clone(r)})
		}
	}
	return out, nil
}

func (b *boardConnector) Push(_ context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return nil, connectors.ErrUnreachable
	}
	var out []connectors.Outcome
	for _, w := range writes {
		o := connectors.Outcome{Intent: w.Intent, Status: connectors.Applied, Key: w.Key}
		do := func() {
			if w.Key == "" {
				b.next++
				o.Key = fmt.Sprintf("made-%d", b.next)
				b.rows[o.Key] = map[string]string{b.key: o.Key}
			}
			maps.Copy(b.rows[o.Key], w.Set)
		}
		b.writes = append(b.writes, w)
		if b.spoil != nil {
			if spoilt, ok := b.spoil(w, do); ok {
				spoilt.Intent = w.Intent
				out = append(out, spoilt)
				continue
			}
		}
		for c, v := range w.If {
			if w.Key != "" && b.rows[w.Key][c] != v {
				o.Status = connectors.Missed
			}
		}
		if o.Status == connectors.Applied {
			do()
		}
		out = append(out, o)
	}
	return out, nil
}

// set is a clerk's work.
func (b *board) set(key string, columns map[string]string) {
	b.setAll(map[string]map[string]string{key: columns})
}

// setAll changes rows at once: no read sees some of them only.
func (b *board) setAll(rows map[string]map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, columns := range rows {
		if b.rows[key] == nil {
			b.rows[key] = map[string]string{"id": key}
		}
		maps.Copy(b.rows[key], columns)
	}
}

func (b *board) shows(key, column string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rows[key][column]
}

func (b *board) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.writes)
}

func (b *board) spoilWith(f func(w connectors.Write, do func()) (connectors.Outcome, bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spoil = f
}

func (b *board) lookWith(f func(q connectors.Query) ([]connectors.Row, bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look = f
}

// road is a hub with two boards: 公安-like gives, 民政-like receives.
type road struct {
	t           *testing.T
	ctx         context.Context
	hub         *hub.Hub
	gives, gets *board
	getsID      string
	dir         string // the hub's data folder
	specs       []*spec.Platform
}

const fields = `
key: [id]
natural: [id_number]
cadence: 50ms
lag: 0s
request_life: 200ms
fields:
  name: {column: name}
  id_number: {column: idn}
  birth_date: {column: born, format: yyyyMMdd}
  sex: {column: sex}
  phone: {column: tel}
  education: {column: edu}
  residence: {column: addr}
`

func newRoad(t *testing.T, agreement string) *road { return newRoadOf(t, "", agreement) }

// newRoadOf also says more about the platform that gives.
func newRoadOf(t *testing.T, giver, agreement string) *road {
	t.Helper()
	return newRoadWith(t, giver, agreement, func(*hub.Config) {})
}

// newRoadWith also says more about the hub.
func newRoadWith(t *testing.T, giver, agreement string, more func(*hub.Config)) *road {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	name := fmt.Sprintf("%x", time.Now().UnixNano())
	r := &road{t: t, ctx: ctx, gives: &board{rows: map[string]map[string]string{}}, gets: &board{rows: map[string]map[string]string{}}, getsID: "gets" + name, dir: t.TempDir()}
	boards.Store("gives"+name, r.gives)
	boards.Store(r.getsID, r.gets)
	var specs []*spec.Platform
	for id, rest := range map[string]string{"gives" + name: giver, r.getsID: agreement} {
		p, err := spec.Parse(id+".yaml", []byte("platform: "+id+"\nname: "+id+"\ndepartment: 测试\nkind: board\nclass: B\nconnect: {}\n"+fields+rest),
			func(string) (string, bool) { return "", false })
		require.NoError(t, err)
		specs = append(specs, p)
	}
	c := hub.Config{Dir: r.dir, DatabaseURL: pgtestDSN(t), Specs: specs, Logger: slog.New(slog.DiscardHandler), MaxWait: 50 * time.Millisecond}
	more(&c)
	h, err := hub.New(ctx, c)
	require.NoError(t, err)
	r.hub = h
	done := make(chan error, 1)
	run, stop := context.WithCancel(ctx)
	go func() { done <- h.Run(run) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
		require.NoError(t, h.Close())
		cancel()
	})
	return r
}

const receives = `
agreement:
  creates: true
  receives: {phone: overwrite, education: fill_empty, name: propose, id_number: fill_empty, birth_date: fill_empty, sex: fill_empty}
`

var zhang = map[string]string{"name": "欧阳沐辰", "idn": "190102198003070018", "born": "19800307", "sex": "1"}

func with(m map[string]string, more ...string) map[string]string {
	out := maps.Clone(m)
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

func (r *road) live() {
	r.t.Helper()
	_, err := r.hub.Store.Step(r.ctx, r.getsID, schema.Live, "admin", "test")
	require.NoError(r.t, err)
}

// until waits for a condition with a deadline.
func (r *road) until(what string, ok func() bool) {
	r.t.Helper()
	require.Eventually(r.t, ok, 40*time.Second, 20*time.Millisecond, what)
}

// quiet waits until nothing is due and everything that was read is resolved,
// over a few more reads, what these brought included.
func (r *road) quiet() {
	r.t.Helper()
	var since time.Time
	var read map[string]int64 // how far each platform was read, some time after since
	r.until("quiet", func() bool {
		// In this order: a pass that has ended has published all it will.
		list, err := r.hub.Store.Platforms(r.ctx)
		require.NoError(r.t, err)
		st, err := r.hub.Store.Stats(r.ctx)
		require.NoError(r.t, err)
		idle := st.Unresolved == 0 && st.Records > 0
		for _, p := range st.Platforms {
			idle = idle && p.Due == 0
		}
		if !idle {
			since, read = time.Time{}, nil
			return false
		}
		if since.IsZero() {
			since = time.Now()
		}
		if read == nil {
			for _, p := range list {
				if p.PulledAt == nil || p.ID != "desk" && p.PulledAt.Before(since.Add(200*time.Millisecond)) {
					return false
				}
			}
			read = map[string]int64{}
			for id, p := range st.Platforms {
				read[id] = p.Published
			}
		}
		for id, p := range st.Platforms {
			if p.Low < min(read[id], p.Published) { // Published is less where a new run has begun
				return false
			}
		}
		return true
	})
}

func (r *road) targets() map[store.TargetState]int64 {
	st, err := r.hub.Store.Stats(r.ctx)
	require.NoError(r.t, err)
	return st.Platforms[r.getsID].Targets
}

// twoPhones is a road on which one person has an old phone number at one
// platform and a newer one at the other; the campaign is not approved yet.
func twoPhones(t *testing.T) *road {
	t.Helper()
	r := newRoad(t, receives)
	r.gets.set("g1", with(zhang, "tel", "15400000001"))
	r.quiet()
	r.gives.set("a1", with(zhang, "tel", "15400000002"))
	r.quiet()
	return r
}

// contested goes on until a clerk has put the old number back.
func contested(t *testing.T) *road {
	t.Helper()
	r := twoPhones(t)
	r.live()
	r.until("the phone is overwritten", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.quiet()
	r.gets.set("g1", map[string]string{"tel": "15400000001"})
	r.until("contested", func() bool { return r.targets()[store.TargetContested] == 1 })
	return r
}

// I7: modes, and nothing before the campaign is approved.
func TestModes(t *testing.T) {
	r := newRoad(t, receives)
	r.gets.set("g1", with(zhang, "tel", "15400000001", "edu", "60", "name", "欧阳沐晨"))
	r.quiet()
	r.gives.set("a1", with(zhang, "tel", "15400000002", "edu", "21"))
	r.quiet()
	require.Zero(t, r.gets.count(), "nothing leaves before the campaign is approved")
	require.Empty(t, r.targets())
	r.live()
	r.until("the phone is overwritten", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.quiet()
	require.Equal(t, "60", r.gets.shows("g1", "edu"), "fill_empty leaves what the platform has")
	require.Equal(t, "欧阳沐晨", r.gets.shows("g1", "name"), "propose does not write")
	require.Equal(t, 1, r.gets.count(), "one write, and its echo brings no other")
	require.EqualValues(t, 1, r.targets()[store.TargetGreen])
}

// I5: the platform did the write and its answer was lost. A look says so.
func TestAnswerLostButDone(t *testing.T) {
	r := twoPhones(t)
	r.gets.spoilWith(func(_ connectors.Write, do func()) (connectors.Outcome, bool) {
		do()
		return connectors.Outcome{Status: connectors.Doubt, Reason: "timeout"}, true
	})
	r.live()
	r.until("the write arrived", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.quiet()
	require.Equal(t, 1, r.gets.count())
	require.EqualValues(t, 1, r.targets()[store.TargetGreen])
}

// I5: the answer was lost and so was the write: exactly one more attempt.
func TestAnswerLostAndNotDone(t *testing.T) {
	r := twoPhones(t)
	first := true
	r.gets.spoilWith(func(connectors.Write, func()) (connectors.Outcome, bool) {
		defer func() { first = false }()
		return connectors.Outcome{Status: connectors.Doubt, Reason: "timeout"}, first
	})
	r.live()
	r.until("the second attempt arrived", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.quiet()
	require.Equal(t, 2, r.gets.count())
}

// A refusal keeps the platform's words and is tried again only when something
// changed.
func TestRefused(t *testing.T) {
	r := twoPhones(t)
	r.gets.spoilWith(func(w connectors.Write, _ func()) (connectors.Outcome, bool) {
		return connectors.Outcome{Status: connectors.Refused, Column: "tel", Reason: "号码已停用"}, w.Set["tel"] == "15400000002"
	})
	r.live()
	r.until("refused", func() bool { return r.targets()[store.TargetRefused] == 1 })
	r.quiet()
	require.Equal(t, 1, r.gets.count())
	r.gives.set("a1", map[string]string{"tel": "15400000003"})
	r.until("the new value arrives", func() bool { return r.gets.shows("g1", "tel") == "15400000003" })
	r.quiet()
	require.Equal(t, 2, r.gets.count())
}

// A refusal that names no field concerns all that were sent, and each of them is
// listed as waiting.
func TestRefusedWhole(t *testing.T) {
	r := twoPhones(t)
	r.gets.spoilWith(func(connectors.Write, func()) (connectors.Outcome, bool) {
		return connectors.Outcome{Status: connectors.Refused, Reason: "系统维护"}, true
	})
	r.live()
	var waits []string
	r.until("the field is listed", func() bool {
		waits = nil
		require.NoError(t, r.hub.Store.EachHeld(r.ctx, func(h store.HeldTarget) error {
			waits = append(waits, h.Key+" "+string(h.State)+" "+string(h.Held))
			return nil
		}))
		return len(waits) > 0
	})
	require.Equal(t, []string{`g1 refused {"phone": "refused"}`}, waits)
	r.quiet()
	require.Equal(t, 1, r.gets.count())

	// The platform is well again, and nothing has changed here: a person asks.
	r.gets.spoilWith(nil)
	pool, err := pgxpool.New(r.ctx, r.hub.DatabaseURL())
	require.NoError(t, err)
	defer pool.Close()
	var target int64
	var resident uuid.UUID
	require.NoError(t, pool.QueryRow(r.ctx, `SELECT id, resident_id FROM targets WHERE state = 'refused'`).Scan(&target, &resident))
	all := func(schema.Attribute) bool { return true }
	require.NoError(t, r.hub.Store.Retry(r.ctx, target, resident, "李红", all, r.hub.Keys))
	r.until("the same value arrives", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.quiet()
	require.Equal(t, 2, r.gets.count())
	require.ErrorIs(t, r.hub.Store.Retry(r.ctx, target, resident, "李红", all, r.hub.Keys), store.ErrNoRetry)
}

// I6: a clerk puts the old value back. It is contested, not written again, and
// no evidence; a person's decision releases it.
func TestContested(t *testing.T) {
	r := contested(t)
	r.quiet()
	require.Equal(t, 1, r.gets.count())
	require.Equal(t, "15400000001", r.gets.shows("g1", "tel"))
	_, err := r.hub.Store.Decide(r.ctx, store.Choice{Kind: "keep", A: schema.RecordRef{Platform: r.getsID, Key: "g1"},
		Attribute: schema.Phone, Value: "15400000002", Who: "steward", Why: "居民确认"})
	require.NoError(t, err)
	r.until("the decision is written", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.quiet()
	require.Equal(t, 2, r.gets.count())
}

// I8: an unmerge takes back what the wrong merge wrote, byte for byte.
func TestUnmergeTakesBack(t *testing.T) {
	r := newRoad(t, receives)
	other := map[string]string{"name": "司马青禾", "born": "19901212", "sex": "2", "tel": " 15400000007", "edu": "", "idn": ""}
	r.gets.set("g1", other)
	r.gets.set("g2", with(other, "name", "上官子墨", "born", "19710505", "tel", "15400000008"))
	r.quiet()
	r.gives.set("a1", with(zhang, "tel", "15400000002", "edu", "21"))
	r.quiet()
	r.live()
	r.quiet()
	before := r.gets.rowsOf("g1")
	made := r.gets.count() // the person at "gives" is created at "gets"
	id, err := r.hub.Store.Decide(r.ctx, store.Choice{Kind: "same", Who: "steward", Why: "a mistake",
		A: schema.RecordRef{Platform: r.givesID(), Key: "a1"}, B: schema.RecordRef{Platform: r.getsID, Key: "g1"}})
	require.NoError(t, err)
	r.until("the wrong merge writes", func() bool { return r.gets.count() > made && r.gets.shows("g1", "edu") == "21" })
	r.quiet()
	require.NotEqual(t, before, r.gets.rowsOf("g1"))
	require.NoError(t, r.hub.Store.Revoke(r.ctx, id, "steward"))
	r.until("taken back", func() bool { return maps.Equal(before, r.gets.rowsOf("g1")) })
	r.quiet()
	require.Equal(t, before, r.gets.rowsOf("g1"))
}

func (b *board) rowsOf(key string) map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.rows[key])
}

func (r *road) givesID() string { return "gives" + r.getsID[len("gets"):] }

// RULES C: a create whose answer was lost is found by its natural key, bound,
// and never made twice; its row is a shadow and no evidence (I6).
func TestCreateAnswerLost(t *testing.T) {
	r := newRoad(t, receives)
	r.gets.set("g9", with(zhang, "name", "司马青禾", "idn", "190102199012120026", "born", "19901212", "sex", "2"))
	r.quiet()
	r.gives.set("a1", with(zhang, "tel", "15400000002"))
	r.quiet()
	r.gets.spoilWith(func(_ connectors.Write, do func()) (connectors.Outcome, bool) {
		do()
		return connectors.Outcome{Status: connectors.Doubt, Reason: "timeout"}, true
	})
	r.live()
	r.until("the row is there", func() bool { return r.gets.shows("made-1", "tel") == "15400000002" })
	r.quiet()
	require.Equal(t, 1, r.gets.count())
	members, err := r.hub.Store.Memberships(r.ctx)
	require.NoError(t, err)
	shadows := 0
	for _, m := range members {
		if m.Shadow {
			shadows++
			require.True(t, m.Anchored)
			require.Equal(t, "made-1", m.Ref.Key)
		}
	}
	require.Equal(t, 1, shadows)
}

// The switch: everything outgoing halts, intake goes on, and what waited leaves
// when it is released.
func TestWritesStopped(t *testing.T) {
	r := newRoad(t, receives)
	r.gets.set("g1", with(zhang, "tel", "15400000001"))
	r.quiet()
	r.live()
	r.quiet()
	require.NoError(t, r.hub.Store.SetSetting(r.ctx, "writes_stopped", true))
	r.gives.set("a1", with(zhang, "tel", "15400000002"))
	r.until("the change is taken in and waits", func() bool {
		st, err := r.hub.Store.Stats(r.ctx)
		require.NoError(t, err)
		return st.Records == 2 && st.Unresolved == 0 && st.Platforms[r.getsID].Due == 1
	})
	require.Zero(t, r.gets.count())
	require.NoError(t, r.hub.Store.SetSetting(r.ctx, "writes_stopped", false))
	r.until("released", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.quiet()
	require.Equal(t, 1, r.gets.count())
}

// A person says that a clerk's value is the clerk's: it becomes evidence and
// wins where it is the latest; or asks to write again.
func TestFieldVerdict(t *testing.T) {
	r := contested(t)
	verdict := store.Choice{A: schema.RecordRef{Platform: r.getsID, Key: "g1"}, Attribute: schema.Phone, Value: "again", Who: "steward", Why: "居民确认"}

	_, err := r.hub.Store.FieldVerdict(r.ctx, verdict, r.hub.Keys)
	require.NoError(t, err)
	r.until("written again", func() bool { return r.gets.shows("g1", "tel") == "15400000002" })
	r.quiet()
	require.Equal(t, 2, r.gets.count())
	_, err = r.hub.Store.FieldVerdict(r.ctx, verdict, r.hub.Keys)
	require.ErrorContains(t, err, "does not wait for a person")
}
