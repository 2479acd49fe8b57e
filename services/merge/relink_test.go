package merge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/embedded/pgtest"
	"heji/services/lineage"
	"heji/services/linkage"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/telemetry"
)

// file is the residents' model under another version and with other settings.
func file(t *testing.T, version string, settings map[string]int) string {
	t.Helper()
	data, err := os.ReadFile("../linkage/residents.yaml")
	require.NoError(t, err)
	text := regexp.MustCompile(`(?m)^version: .*$`).ReplaceAllString(string(data), "version: "+version)
	for name, v := range settings {
		setting := regexp.MustCompile(`\b` + name + `: -?\d+`)
		require.Len(t, setting.FindAllString(text, -1), 1, "one setting %s", name)
		text = setting.ReplaceAllString(text, fmt.Sprintf("%s: %d", name, v))
	}
	return text
}

func modelOf(t *testing.T, text string) *linkage.Model {
	t.Helper()
	m, err := linkage.Load(strings.NewReader(text))
	require.NoError(t, err)
	return m
}

// relinks is a world in which the model changes. The first model is installed,
// as the hub does it.
type relinks struct {
	*world
	dsn string
}

func newRelinks(t *testing.T, first string) *relinks {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	w := &relinks{world: &world{t: t, ctx: ctx, model: modelOf(t, first), fence: map[string]int64{}, pos: map[string]int64{},
		clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
	w.dsn = pgtest.DSNFrom(t, "hub", func(ctx context.Context, dsn string) error {
		st, err := store.Open(ctx, dsn, 2)
		if err == nil {
			st.Close()
		}
		return err
	})
	w.store, w.service = w.process()
	require.NoError(t, w.store.InstallModel(ctx, []byte(first)))
	for _, id := range platformNames {
		require.NoError(t, w.store.RegisterPlatform(ctx, store.Platform{ID: id, Name: id, Kind: "test", Class: schema.ClassB}))
		lease, ok, err := w.store.TakePullLease(ctx, id, "test", time.Hour)
		require.NoError(t, err)
		require.True(t, ok)
		w.fence[id] = lease.Fence
	}
	return w
}

// process is a merge of its own, with nothing remembered.
func (w *relinks) process() (*store.Store, *Service) {
	st, err := store.Open(w.ctx, w.dsn, 12)
	require.NoError(w.t, err)
	w.t.Cleanup(st.Close)
	reg, err := registry.New(w.ctx, nil, func(string) string { return "" })
	require.NoError(w.t, err)
	require.NoError(w.t, reg.Register(w.ctx, st))
	s, err := New(w.ctx, Options{Store: st, Registry: reg, Metrics: telemetry.NewMetrics(), Logger: slog.New(slog.DiscardHandler), Batch: 5, Eager: true})
	require.NoError(w.t, err)
	return st, s
}

// sql runs a statement beside the program.
func (w *relinks) sql(statement string, into ...any) {
	conn, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(w.t, err)
	defer conn.Close(w.ctx) //nolint:errcheck // the test's own
	if len(into) > 0 {
		require.NoError(w.t, conn.QueryRow(w.ctx, statement).Scan(into...))
		return
	}
	_, err = conn.Exec(w.ctx, statement)
	require.NoError(w.t, err)
}

// kill ends every connection at once, wherever its transaction was.
func (w *relinks) kill() {
	w.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
}

// settle works until nothing is left and no relink runs.
func (w *relinks) settle() {
	for {
		n, err := w.service.Resolve(w.ctx)
		require.NoError(w.t, err)
		if n > 0 {
			continue
		}
		n, err = w.service.Relink(w.ctx)
		require.NoError(w.t, err)
		if n > 0 {
			continue
		}
		st, err := w.store.RelinkStatus(w.ctx)
		require.NoError(w.t, err)
		if !st.Running() {
			left, err := w.store.Unresolved(w.ctx)
			require.NoError(w.t, err)
			require.Zero(w.t, left)
			return
		}
	}
}

// check compares what is stored with the batch engine under a model: the groups,
// and the review queue with its weights.
func (w *relinks) check(m *linkage.Model, decisions []linkage.Decision) {
	w.t.Helper()
	w.model = m
	secret, err := w.store.BlockingSecret(w.ctx)
	require.NoError(w.t, err)
	w.service.secret = secret
	require.Equal(w.t, w.batch(decisions), w.partition())
	require.Equal(w.t, w.reviews(decisions), w.queue(), "no weight of another model is left")
	var foreign int
	w.sql(`SELECT count(*) FROM models WHERE phase = 'cancelled'`, &foreign)
	if foreign > 0 {
		return // it leaves keys behind, until the next relink
	}
	w.sql(`SELECT count(*) FROM records r, unnest(keys) k WHERE k & 1 <> (SELECT generation & 1 FROM models WHERE phase = 'in_force')`, &foreign)
	require.Zero(w.t, foreign, "keys of another model are gone")
	w.sql(`SELECT count(*) FROM hot_keys WHERE key & 1 <> (SELECT generation & 1 FROM models WHERE phase = 'in_force')`, &foreign)
	require.Zero(w.t, foreign, "hot keys of another model are gone")
}

// queue is what is stored for review.
func (w *relinks) queue() (out []string) {
	conn, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(w.t, err)
	defer conn.Close(w.ctx) //nolint:errcheck // the test's own
	rows, err := conn.Query(w.ctx, `SELECT a.platform || '/' || a.key, b.platform || '/' || b.key, weight, reason
		FROM edges e JOIN records a ON a.id = e.a JOIN records b ON b.id = e.b`)
	require.NoError(w.t, err)
	var a, b, reason string
	var weight int
	_, err = pgx.ForEachRow(rows, []any{&a, &b, &weight, &reason}, func() error {
		out = append(out, fmt.Sprintf("%s %s %d %s", min(a, b), max(a, b), weight, reason))
		return nil
	})
	require.NoError(w.t, err)
	slices.Sort(out)
	return out
}

// reviews is the batch engine's review queue.
func (w *relinks) reviews(decisions []linkage.Decision) (out []string) {
	var items []linkage.Item
	require.NoError(w.t, w.store.EachRecord(w.ctx, func(rec store.Record) error {
		if rec.Deleted {
			return nil
		}
		var row lineage.Row
		if err := json.Unmarshal(rec.State, &row); err != nil {
			return err
		}
		f := w.model.Features(row.Own)
		items = append(items, linkage.Item{Ref: rec.Ref, F: f, Keys: w.model.Keys(f, w.service.secret)})
		return nil
	}))
	for _, e := range linkage.Batch(w.model, items, decisions, linkage.HotKeys(w.model.Limits().HotKey, items)).Edges {
		a, b := e.A.Platform+"/"+e.A.Key, e.B.Platform+"/"+e.B.Key
		out = append(out, fmt.Sprintf("%s %s %d %s", min(a, b), max(a, b), e.Weight, e.Reason))
	}
	slices.Sort(out)
	return out
}

// feed takes in lists of messages, whatever happens to the connections.
func (w *relinks) feed(wg *sync.WaitGroup, r *rand.Rand, each func()) {
	for _, p := range platformNames {
		var list []schema.Record
		for range 4 + r.IntN(8) {
			key := fmt.Sprint(r.IntN(6))
			if r.IntN(5) == 0 {
				list = append(list, w.message(p, key, schema.OpDelete, nil))
			} else {
				list = append(list, w.message(p, key, schema.OpPut, person(r)))
			}
		}
		wg.Go(func() {
			for len(list) > 0 && w.ctx.Err() == nil {
				n := min(3, len(list))
				in := store.Intake{Platform: p, Fence: list[0].Version.Fence, Messages: slices.Clone(list[:n])}
				if _, _, err := w.service.intake(w.ctx, in); err != nil {
					continue // killed, or another one's lock: a repeated message counts once
				}
				list = list[n:]
				each()
			}
		})
	}
}

// I2: while the model changes, with messages arriving, decisions, two processes
// that resolve, connections killed anywhere, a relink cancelled and one started
// before the last was finished, the partition ends as the Batch of the model in
// force.
func TestRelinkEqualsBatch(t *testing.T) {
	histories := 16
	if testing.Short() {
		histories = 6
	}
	for h := range histories {
		t.Run(fmt.Sprintf("seed %d", h), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(h), 11))
			settings := func() map[string]int {
				link := 1500 + 100*r.IntN(12)
				return map[string]int{"link": link, "review": link - 400 - 100*r.IntN(5), "group": 100 * r.IntN(12),
					"hot_key": 2 + r.IntN(4), "keys": 4 + r.IntN(7)}
			}
			first := file(t, "model-0", settings())
			w := newRelinks(t, first)
			var wg sync.WaitGroup
			w.feed(&wg, r, func() {})
			wg.Wait()
			a, b := schema.RecordRef{Platform: "alpha", Key: "1"}, schema.RecordRef{Platform: "beta", Key: "2"}
			_, err := w.store.Decide(w.ctx, store.Choice{Kind: []string{"same", "not_same"}[h%2], A: a, B: b, Who: "steward"})
			require.NoError(t, err)
			decisions := []linkage.Decision{{A: a, B: b, Same: h%2 == 0}}
			if h%3 > 0 {
				w.settle()
				w.check(modelOf(t, first), decisions)
			}
			last := first
			for round := range 2 {
				text := file(t, fmt.Sprintf("model-%d", round+1), settings())
				_, err := w.store.StartRelink(w.ctx, []byte(text), "steward")
				require.NoError(t, err)
				_, err = w.store.StartRelink(w.ctx, []byte(text), "steward")
				require.ErrorIs(t, err, store.ErrRelinkRuns)
				cancelled := h%4 == round
				w.storm(r, func(step int) {
					if step == 5 && cancelled {
						cancelled = w.store.CancelRelink(w.ctx) == nil
					}
				})
				if !cancelled {
					last = text
				}
				if h%5 > 0 || round == 1 { // else: the next one starts wherever this one is
					w.settle()
					w.check(modelOf(t, last), decisions)
				} else if st, err := w.store.RelinkStatus(w.ctx); err != nil || st.Next != nil {
					require.NoError(t, err)
					require.NoError(t, w.store.CancelRelink(w.ctx))
					last = first
				}
			}
		})
	}
}

// storm lets messages arrive while two processes resolve and relink, and kills
// them at some of the steps that they have made.
func (w *relinks) storm(r *rand.Rand, at func(step int)) {
	steps := make(chan struct{}, 1000)
	done := make(chan struct{})
	var feeders, workers sync.WaitGroup
	w.feed(&feeders, r, func() { steps <- struct{}{} })
	for range 2 {
		_, s := w.process()
		workers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				n, err := s.Resolve(w.ctx)
				if err == nil && n == 0 {
					_, _ = s.Relink(w.ctx) // killed: the next round goes on
				}
				select {
				case steps <- struct{}{}:
				default:
				}
			}
		})
	}
	kills := map[int]bool{2 + r.IntN(10): true, 12 + r.IntN(20): true}
	for step := range 40 {
		<-steps
		at(step)
		if kills[step] {
			w.kill()
		}
	}
	fed := make(chan struct{})
	go func() { feeders.Wait(); close(fed) }()
	for open := true; open; {
		select {
		case <-steps:
		case <-fed:
			open = false
		}
	}
	close(done)
	workers.Wait()
	w.store, w.service = w.process()
}

// While a relink runs, nobody is split off from himself and joined again: to a
// model with the same answers but other blocking keys, no resident changes,
// nothing joins or leaves, no platform's row becomes due.
func TestRelinkLeavesAloneWhatStays(t *testing.T) {
	first := file(t, "model-0", map[string]int{"hot_key": 100, "keys": 10})
	w := newRelinks(t, first)
	r := rand.New(rand.NewPCG(5, 5))
	for _, p := range platformNames {
		var list []schema.Record
		for key := range 40 {
			list = append(list, w.message(p, fmt.Sprint(key), schema.OpPut, schema.Values{
				schema.Name: []string{"欧阳沐辰", "司马青禾", "上官子墨", "诸葛明月"}[key%4], schema.Sex: "1",
				schema.BirthDate: fmt.Sprintf("19%02d-0%d-1%d", 50+key, 1+key%9, key%9), schema.Phone: fmt.Sprintf("154000000%02d", key)}))
		}
		r.Shuffle(len(list), func(i, j int) { list[i].Key, list[j].Key = list[j].Key, list[i].Key })
		w.takeIn(list)
	}
	w.settle()
	before := w.partition()
	var revs, events int
	w.sql(`SELECT (SELECT sum(rev) FROM residents), (SELECT count(*) FROM history)`, &revs, &events)
	members, err := w.store.Memberships(w.ctx)
	require.NoError(t, err)

	second := file(t, "model-1", map[string]int{"hot_key": 100, "keys": 5})
	_, err = w.store.StartRelink(w.ctx, []byte(second), "steward")
	require.NoError(t, err)
	w.settle()
	w.check(modelOf(t, second), nil)
	require.Equal(t, before, w.partition())
	after, err := w.store.Memberships(w.ctx)
	require.NoError(t, err)
	require.Equal(t, members, after, "everybody kept his id")
	var revsAfter, eventsAfter int
	w.sql(`SELECT (SELECT sum(rev) FROM residents), (SELECT count(*) FROM history)`, &revsAfter, &eventsAfter)
	require.Equal(t, revs, revsAfter)
	require.Equal(t, events, eventsAfter)
	st, err := w.store.RelinkStatus(w.ctx)
	require.NoError(t, err)
	require.Equal(t, store.PhaseInForce, st.Force.Phase)
	require.Equal(t, "model-1", st.Force.Version)

	// The way back is another relink.
	text, err := w.store.PreviousModel(w.ctx)
	require.NoError(t, err)
	require.Equal(t, first, string(text))
	require.ErrorIs(t, w.store.CancelRelink(w.ctx), store.ErrRelinkNone)
	_, err = w.store.StartRelink(w.ctx, text, "steward")
	require.NoError(t, err)
	w.settle()
	w.check(modelOf(t, first), nil)
}

// Fresh evidence is resolved between the steps of a relink, and at once under
// the model in force.
func TestFreshEvidenceGoesFirst(t *testing.T) {
	w := newRelinks(t, file(t, "model-0", map[string]int{"hot_key": 100}))
	r := rand.New(rand.NewPCG(9, 9))
	for key := range 12 {
		w.takeIn([]schema.Record{w.message("alpha", fmt.Sprint(key), schema.OpPut, person(r))})
	}
	w.settle()
	_, err := w.store.StartRelink(w.ctx, []byte(file(t, "model-1", map[string]int{"hot_key": 100, "keys": 5})), "steward")
	require.NoError(t, err)
	for {
		n, err := w.service.Relink(w.ctx)
		require.NoError(t, err)
		require.Positive(t, n)
		if st, err := w.store.RelinkStatus(w.ctx); err != nil || st.Force.Phase == store.PhaseResolving {
			require.NoError(t, err)
			break
		}
	}
	w.takeIn([]schema.Record{w.message("beta", "fresh", schema.OpPut, person(r))})
	n, err := w.service.Resolve(w.ctx)
	require.NoError(t, err)
	require.Equal(t, 1, n, "only what is fresh is claimed first")
	require.NotEmpty(t, w.residentOf(schema.RecordRef{Platform: "beta", Key: "fresh"}))
	st, err := w.store.RelinkStatus(w.ctx)
	require.NoError(t, err)
	require.Equal(t, store.PhaseResolving, st.Force.Phase, "and the relink has still to go on")
	w.settle()
}

// A program of another engine refuses before it has written anything.
func TestAnotherEngineRefuses(t *testing.T) {
	w := newRelinks(t, file(t, "model-0", nil))
	r := rand.New(rand.NewPCG(1, 2))
	w.sql(fmt.Sprintf(`UPDATE models SET engine = %d`, linkage.Engine+1))
	_, _, err := w.service.intake(w.ctx, store.Intake{Platform: "alpha", Fence: w.fence["alpha"],
		Messages: []schema.Record{w.message("alpha", "1", schema.OpPut, person(r))}})
	require.ErrorIs(t, err, store.ErrEngine)
	_, err = w.service.Resolve(w.ctx)
	require.ErrorIs(t, err, store.ErrEngine)
	members, err := w.store.Memberships(w.ctx)
	require.NoError(t, err)
	require.Empty(t, members)
	st, err := w.store.RelinkStatus(w.ctx)
	require.NoError(t, err)
	require.True(t, st.Newer)

	// A relink with this program is the way on.
	_, err = w.store.StartRelink(w.ctx, []byte(file(t, "model-0", nil)), "steward")
	require.NoError(t, err)
	for {
		n, err := w.service.Relink(w.ctx)
		if n == 0 {
			require.NoError(t, err)
			break
		}
	}
	w.takeIn([]schema.Record{w.message("alpha", "1", schema.OpPut, person(r))})
	w.settle()
	require.Len(t, w.partition(), 1)
}

// The model of a store that is there already is not replaced by a program's.
func TestInstallKeepsTheModel(t *testing.T) {
	w := newRelinks(t, file(t, "model-0", nil))
	require.NoError(t, w.store.InstallModel(w.ctx, []byte(file(t, "model-1", nil))))
	st, err := w.store.RelinkStatus(w.ctx)
	require.NoError(t, err)
	require.Equal(t, "model-0", st.Force.Version)
	require.True(t, st.Newer, "the program ships another one")
	require.Contains(t, st.Advice(), "heji relink --dry-run")
	_, err = w.store.StartRelink(w.ctx, []byte(file(t, "model-0", nil)), "steward")
	require.ErrorIs(t, err, store.ErrModelInForce)
	_, err = w.store.StartRelink(w.ctx, bytes.Repeat([]byte("x"), 10), "steward")
	require.Error(t, err)
}
