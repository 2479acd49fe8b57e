package merge

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
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
	"heji/services/survivorship"
	"heji/services/telemetry"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// smallModel is the residents' model with caps so low that small histories cross
// them.
func smallModel(t *testing.T) *linkage.Model {
	t.Helper()
	data, err := os.ReadFile("../linkage/residents.yaml")
	require.NoError(t, err)
	text := strings.Replace(string(data), "hot_key: 60", "hot_key: 3", 1)
	require.NotEqual(t, string(data), text)
	m, err := linkage.Load(bytes.NewReader([]byte(text)))
	require.NoError(t, err)
	return m
}

// world is a merge service on a database of its own, fed without a bus.
type world struct {
	t       *testing.T
	ctx     context.Context
	service *Service
	store   *store.Store
	dsn     string
	model   *linkage.Model
	fence   map[string]int64
	pos     map[string]int64
	clock   time.Time
}

var platformNames = []string{"alpha", "beta", "gamma"}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	t.Cleanup(cancel)
	dsn := pgtest.DSNFrom(t, "hub", func(ctx context.Context, dsn string) error {
		st, err := store.Open(ctx, dsn, 2) // migrated once, copied for each test
		if err == nil {
			st.Close()
		}
		return err
	})
	st, err := store.Open(ctx, dsn, 12)
	require.NoError(t, err)
	t.Cleanup(st.Close)
	reg, err := registry.New(ctx, nil, func(string) string { return "" })
	require.NoError(t, err)
	require.NoError(t, reg.Register(ctx, st))
	w := &world{t: t, ctx: ctx, store: st, dsn: dsn, model: smallModel(t), fence: map[string]int64{}, pos: map[string]int64{},
		clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.service, err = New(ctx, Options{Store: st, Registry: reg, Metrics: telemetry.NewMetrics(), Logger: slog.New(slog.DiscardHandler),
		Model: w.model, Batch: 5, Eager: true})
	require.NoError(t, err)
	for _, id := range platformNames {
		require.NoError(t, st.RegisterPlatform(ctx, store.Platform{ID: id, Name: id, Kind: "test", Class: schema.ClassB}))
		lease, ok, err := st.TakePullLease(ctx, id, "test", time.Hour)
		require.NoError(t, err)
		require.True(t, ok)
		w.fence[id] = lease.Fence
	}
	return w
}

// person says something about somebody, from so few values that collisions,
// namesakes and shared phones are frequent.
func person(r *rand.Rand) schema.Values {
	ids := []string{"", "", "190102198003070018", "190102198003070034", "190102199012120026"}
	v := schema.Values{
		schema.Name:      []string{"欧阳沐辰", "欧阳沐晨", "司马青禾", "上官子墨"}[r.IntN(4)],
		schema.BirthDate: []string{"1980-03-07", "1980-07-03", "1990-12-12"}[r.IntN(3)],
		schema.Sex:       []string{"1", "2"}[r.IntN(2)],
		schema.Phone:     []string{"", "15400000001", "15400000002"}[r.IntN(3)],
	}
	if id := ids[r.IntN(len(ids))]; id != "" {
		v[schema.IDNumber] = id
	}
	return v
}

// message is the next message of a platform.
func (w *world) message(platform, key string, op schema.Op, v schema.Values) schema.Record {
	w.pos[platform]++
	w.clock = w.clock.Add(time.Minute)
	raw := map[schema.Attribute]string{}
	for a, s := range v {
		raw[a] = s
	}
	return schema.Record{Platform: platform, Key: key, Op: op, Values: v, Raw: raw, AsOf: w.clock,
		Version: schema.Version{Fence: w.fence[platform], Position: w.pos[platform]}}
}

func (w *world) takeIn(list []schema.Record) {
	for try := 0; ; try++ {
		_, _, err := w.service.intake(w.ctx, store.Intake{Platform: list[0].Platform, Fence: list[0].Version.Fence, Messages: slices.Clone(list)})
		if store.Conflict(err) && try < 50 {
			continue
		}
		require.NoError(w.t, err)
		return
	}
}

// drain resolves until nothing is left.
func (w *world) drain() {
	for {
		n, err := w.service.Resolve(w.ctx)
		require.NoError(w.t, err)
		if n == 0 {
			left, err := w.store.Unresolved(w.ctx)
			require.NoError(w.t, err)
			require.Zero(w.t, left)
			return
		}
	}
}

// partition is the stream's answer: groups of record names, ids left out.
func (w *world) partition() [][]string {
	members, err := w.store.Memberships(w.ctx)
	require.NoError(w.t, err)
	by := map[string][]string{}
	for _, m := range members {
		if !m.Deleted {
			by[m.Resident] = append(by[m.Resident], m.Ref.Platform+"/"+m.Ref.Key)
		}
	}
	require.NotContains(w.t, by, "", "a resolved record has a resident")
	return sorted(by)
}

func sorted(by map[string][]string) [][]string {
	var out [][]string
	for _, g := range by {
		slices.Sort(g)
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return out
}

// edges is the review queue as it is stored, in the batch engine's order.
func (w *world) edges() []linkage.Edge {
	conn, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(w.t, err)
	defer conn.Close(w.ctx) //nolint:errcheck // the test is over it
	rows, err := conn.Query(w.ctx, `SELECT a.platform, a.key, b.platform, b.key, e.weight, e.reason
		FROM edges e JOIN records a ON a.id = e.a JOIN records b ON b.id = e.b`)
	require.NoError(w.t, err)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x linkage.Edge, err error) {
		err = row.Scan(&x.A.Platform, &x.A.Key, &x.B.Platform, &x.B.Key, &x.Weight, &x.Reason)
		if linkage.CompareRefs(x.A, x.B) > 0 {
			x.A, x.B = x.B, x.A
		}
		return x, err
	})
	require.NoError(w.t, err)
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(x, y linkage.Edge) int {
		return cmp.Or(linkage.CompareRefs(x.A, y.A), linkage.CompareRefs(x.B, y.B))
	})
	return list
}

// batch is the batch engine's answer on the final evidence and decisions.
func (w *world) batch(decisions []linkage.Decision) [][]string {
	by := map[string][]string{}
	for i, g := range w.whole(decisions).Groups {
		for _, ref := range g {
			by[fmt.Sprint(i)] = append(by[fmt.Sprint(i)], ref.Platform+"/"+ref.Key)
		}
	}
	return sorted(by)
}

func (w *world) whole(decisions []linkage.Decision) linkage.Result {
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
	return linkage.Batch(w.model, items, decisions, linkage.HotKeys(w.model.Limits().HotKey, items))
}

// I2: through real PostgreSQL, with concurrent take-ins, resolvers, updates,
// deletes, returns, decisions, revocations and keys that cross the cap, the
// partition equals the batch engine's.
func TestStreamEqualsBatch(t *testing.T) {
	histories := 200
	if testing.Short() {
		histories = 8
	}
	const databases = 4 // at once; most of a small history is waiting
	for part := range databases {
		t.Run(fmt.Sprintf("database %d", part), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for h := part; h < histories; h += databases {
				t.Run(fmt.Sprintf("seed %d", h), func(t *testing.T) {
					w.t = t
					w.wipe()
					w.history(rand.New(rand.NewPCG(uint64(h), 7)))
				})
			}
		})
	}
}

// wipe empties the store, except for the runs: positions go on counting.
func (w *world) wipe() {
	w.t.Helper()
	conn, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(w.t, err)
	defer conn.Close(w.ctx) //nolint:errcheck // the test is over it
	for _, table := range []string{"edges", "hot_keys", "targets", "decisions", "actions", "history", "record_keys", "records", "residents"} {
		_, err := conn.Exec(w.ctx, "DELETE FROM "+table)
		require.NoError(w.t, err)
	}
}

// history plays a random history and compares its end with the batch engine.
func (w *world) history(r *rand.Rand) {
	t := w.t
	var active []int64
	decided := map[int64]linkage.Decision{}
	for range 3 {
		w.burst(r)
		for range r.IntN(3) {
			a := schema.RecordRef{Platform: platformNames[r.IntN(3)], Key: fmt.Sprint(r.IntN(6))}
			b := schema.RecordRef{Platform: platformNames[r.IntN(3)], Key: fmt.Sprint(r.IntN(6))}
			if a == b {
				continue
			}
			kind := []string{"same", "not_same"}[r.IntN(2)]
			id, err := w.store.Decide(w.ctx, store.Choice{Kind: kind, A: a, B: b, Who: "steward"})
			if err != nil {
				require.ErrorContains(t, err, "revoke it first") // I4
				continue
			}
			active = append(active, id)
			decided[id] = linkage.Decision{A: a, B: b, Same: kind == "same"}
		}
		if len(active) > 0 && r.IntN(2) == 0 {
			i := r.IntN(len(active))
			require.NoError(t, w.store.Revoke(w.ctx, active[i], "steward"))
			delete(decided, active[i])
			active = slices.Delete(active, i, i+1)
		}
	}
	w.drain()
	var decisions []linkage.Decision
	for _, d := range decided {
		decisions = append(decisions, d)
	}
	require.Equal(t, w.batch(decisions), w.partition())
	require.Equal(t, w.whole(decisions).Edges, w.edges(), "the review queue")
}

// burst lets every platform send a few messages while two resolvers work.
func (w *world) burst(r *rand.Rand) {
	var lists [][]schema.Record
	for _, p := range platformNames {
		var list []schema.Record
		for range 2 + r.IntN(7) {
			key := fmt.Sprint(r.IntN(6))
			if r.IntN(5) == 0 {
				list = append(list, w.message(p, key, schema.OpDelete, nil))
			} else {
				list = append(list, w.message(p, key, schema.OpPut, person(r)))
			}
		}
		lists = append(lists, list)
	}
	var wg sync.WaitGroup
	for _, list := range lists {
		wg.Go(func() {
			for len(list) > 0 {
				n := min(3, len(list))
				w.takeIn(list[:n])
				list = list[n:]
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for range 4 {
				_, err := w.service.Resolve(w.ctx)
				if err != nil {
					w.t.Errorf("resolve: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// I1: a repeated message counts once, a stale fence is refused, and every
// position has exactly one outcome.
func TestPositionsCountOnce(t *testing.T) {
	w := newWorld(t)
	r := rand.New(rand.NewPCG(1, 1))
	var list []schema.Record
	for i := range 20 {
		list = append(list, w.message("alpha", fmt.Sprint(i%7), schema.OpPut, person(r)))
	}
	w.pos["alpha"]++
	list = append(list, schema.Record{Platform: "alpha", Op: schema.OpDead, Problem: schema.ProblemColumns, Place: "a.csv:3",
		Version: schema.Version{Fence: w.fence["alpha"], Position: w.pos["alpha"]}})
	w.pos["alpha"]++
	list = append(list, schema.Record{Platform: "alpha", Op: schema.OpMark, Cursor: []byte(`{"n":1}`), Complete: true, AsOf: w.clock,
		Version: schema.Version{Fence: w.fence["alpha"], Position: w.pos["alpha"]}})
	w.takeIn(list[5:12]) // out of order
	cursor, low, err := w.store.MergedMark(w.ctx, "alpha", w.fence["alpha"])
	require.NoError(t, err)
	require.Nil(t, cursor)
	require.Zero(t, low)
	w.takeIn(list) // the same again, and the rest
	w.takeIn(list)
	cursor, low, err = w.store.MergedMark(w.ctx, "alpha", w.fence["alpha"])
	require.NoError(t, err)
	require.JSONEq(t, `{"n":1}`, string(cursor))
	require.EqualValues(t, len(list), low)
	all, err := w.store.Conservations(w.ctx)
	require.NoError(t, err)
	for _, c := range all {
		if c.Platform != "alpha" {
			continue
		}
		require.EqualValues(t, len(list), c.Positions)
		require.EqualValues(t, len(list)-2, c.Merged+c.Unchanged)
		require.EqualValues(t, 1, c.Dead)
		require.EqualValues(t, 1, c.Marks)
	}
	dead, err := w.store.DeadRecords(w.ctx, "alpha", false, 10)
	require.NoError(t, err)
	require.Len(t, dead, 1)
	require.Equal(t, "a.csv:3", dead[0].Place)

	// A new lease: what the old run still sends is refused.
	_, ok, err := w.store.TakePullLease(w.ctx, "alpha", "test", time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	counts, _, err := w.service.intake(w.ctx, store.Intake{Platform: "alpha", Fence: w.fence["alpha"],
		Messages: []schema.Record{w.message("alpha", "x", schema.OpPut, person(r))}})
	require.NoError(t, err)
	require.True(t, counts.Stale)
}

// I4, I8: keep this value outranks every register; a merge and its undoing leave
// history, and an old id leads to the resident who lives on.
func TestKeepAndUnmerge(t *testing.T) {
	w := newWorld(t)
	same := schema.Values{schema.Name: "欧阳沐辰", schema.BirthDate: "1980-03-07", schema.Sex: "1", schema.IDNumber: "190102198003070018", schema.Phone: "15400000001"}
	other := schema.Values{schema.Name: "司马青禾", schema.BirthDate: "1990-12-12", schema.Sex: "2", schema.Phone: "15400000002"}
	w.takeIn([]schema.Record{w.message("alpha", "1", schema.OpPut, same)})
	w.takeIn([]schema.Record{w.message("beta", "1", schema.OpPut, other)})
	w.drain()
	require.Len(t, w.partition(), 2)
	a, b := schema.RecordRef{Platform: "alpha", Key: "1"}, schema.RecordRef{Platform: "beta", Key: "1"}
	before := w.residentOf(a)
	gone := w.residentOf(b)
	id, err := w.store.Decide(w.ctx, store.Choice{Kind: "same", A: a, B: b, Who: "steward", Why: "a wrong merge"})
	require.NoError(t, err)
	w.drain()
	require.Len(t, w.partition(), 1)
	require.NoError(t, w.store.Revoke(w.ctx, id, "steward"))
	w.drain()
	require.Len(t, w.partition(), 2)
	require.ElementsMatch(t, []string{before, gone}, []string{w.residentOf(a), w.residentOf(b)}, "both live again under the ids they had")

	_, err = w.store.Decide(w.ctx, store.Choice{Kind: "keep", A: a, Attribute: schema.Phone, Value: "15400000009", Who: "steward"})
	require.NoError(t, err)
	w.drain()
	require.NoError(t, w.store.EachResident(w.ctx, func(r store.Resident) error {
		if r.ID.String() == w.residentOf(a) {
			require.Equal(t, "15400000009", r.Master[schema.Phone].Value)
			require.Equal(t, survivorship.Decision, r.Master[schema.Phone].Rule)
		}
		return nil
	}))
}

func (w *world) residentOf(ref schema.RecordRef) string {
	members, err := w.store.Memberships(w.ctx)
	require.NoError(w.t, err)
	for _, m := range members {
		if m.Ref == ref {
			return m.Resident
		}
	}
	return ""
}
