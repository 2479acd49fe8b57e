package sealed_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/idnum"
	"heji/services/embedded/pgtest"
	"heji/services/hub"
	"heji/services/sealed"
	"heji/services/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const password = "the-satellite's-own"

func nobody(string) (string, bool) { return "", false }

// preparing: the role is one for all databases of the test's server.
var preparing sync.Mutex

// world is a hub with two open platforms and, when it is asked for, a satellite
// with two sealed ones, on one database.
type world struct {
	t            *testing.T
	ctx          context.Context
	dsn          string
	hub, moon    *hub.Hub
	police, rent *board // open
	jail, ward   *board // sealed
	log          *safeBuffer
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

const openFields = `
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
  residence: {column: addr}
`

const sealedFields = `class: D
key: [id]
natural: [id_number]
cadence: 50ms
lag: 0s
request_life: 200ms
fields:
  name: {column: name}
  id_number: {column: idn}
  phone: {column: tel}
  residence: {column: addr}
  corrections: {column: state}
agreement:
  authority: [corrections]
  receives: {phone: overwrite, residence: fill_empty}
`

func parse(t *testing.T, read func(string, []byte, spec.Environment) (*spec.Platform, error), id, rest string) *spec.Platform {
	t.Helper()
	p, err := read(id+".yaml", []byte("platform: "+id+"\nname: "+id+"\ndepartment: 测试\nkind: board\nconnect: {}\n"+rest), nobody)
	require.NoError(t, err)
	return p
}

// newWorld starts the hub, and the satellite where it is wanted.
func newWorld(t *testing.T, satellite bool) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	w := &world{t: t, ctx: ctx, dsn: pgtest.DSN(t), log: &safeBuffer{}}
	suffix := fmt.Sprintf("%x", time.Now().UnixNano())
	// The same names in every world: what is compared must not differ by them.
	boardsOf := map[string]**board{"police": &w.police, "rent": &w.rent, "jail": &w.jail, "ward": &w.ward}
	for id, b := range boardsOf {
		*b = newBoard(id, suffix)
	}
	open := []*spec.Platform{
		parse(t, spec.Parse, "police", openFields+"agreement:\n  authority: [name, id_number]\n"),
		parse(t, spec.Parse, "rent", openFields+"agreement:\n  receives: {phone: overwrite, residence: fill_empty}\n"),
	}
	for _, p := range open {
		boardFor(p, suffix)
	}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	var err error
	w.hub, err = hub.New(ctx, hub.Config{Dir: t.TempDir(), DatabaseURL: w.dsn, Specs: open, Logger: log,
		Listen: "127.0.0.1:0", MaxWait: 50 * time.Millisecond})
	require.NoError(t, err)
	hubs := []*hub.Hub{w.hub}
	if satellite {
		preparing.Lock()
		require.NoError(t, sealed.Prepare(ctx, w.dsn, password))
		require.NoError(t, sealed.Prepare(ctx, w.dsn, password), "a second start")
		preparing.Unlock()
		dsn, err := sealed.DSN(w.dsn, password)
		require.NoError(t, err)
		shut := []*spec.Platform{parse(t, spec.ParseSealed, "jail", sealedFields), parse(t, spec.ParseSealed, "ward", sealedFields)}
		for _, p := range shut {
			boardFor(p, suffix)
		}
		w.moon, err = sealed.New(ctx, sealed.Config{Dir: t.TempDir(), DatabaseURL: dsn, Specs: shut, Logger: slog.New(slog.NewTextHandler(testLog{t}, nil)), MaxWait: 50 * time.Millisecond})
		require.NoError(t, err)
		for _, id := range []string{"jail", "ward"} {
			_, err := w.moon.Store.Step(ctx, id, schema.Live, "owner", "test")
			require.NoError(t, err)
		}
		hubs = append(hubs, w.moon)
	}
	_, err = w.hub.Store.Step(ctx, "rent", schema.Live, "admin", "test")
	require.NoError(t, err)
	run, stop := context.WithCancel(ctx)
	done := make(chan error, len(hubs))
	for _, h := range hubs {
		go func() { done <- h.Run(run) }()
	}
	t.Cleanup(func() {
		stop()
		for range hubs {
			require.NoError(t, <-done)
		}
		for _, h := range hubs {
			require.NoError(t, h.Close())
		}
		cancel()
	})
	return w
}

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	require.Eventually(w.t, ok, 60*time.Second, 20*time.Millisecond, what)
}

// quiet waits until every hub has read everything once more, with nothing left
// to do before and after.
func (w *world) quiet() {
	w.t.Helper()
	hubs := []*hub.Hub{w.hub}
	if w.moon != nil {
		hubs = append(hubs, w.moon) // after the hub: it reads what the hub has finished
	}
	for _, h := range hubs {
		var since time.Time
		var published map[string]int64 // by what was read since then
		w.until("quiet", func() bool {
			st, err := h.Store.Stats(w.ctx)
			require.NoError(w.t, err)
			idle := st.Unresolved == 0
			taken := published != nil
			for id, p := range st.Platforms {
				idle = idle && p.Due == 0
				taken = taken && p.Low >= published[id]
			}
			switch {
			case !idle || since.IsZero():
				since, published = time.Now(), nil
				return false
			case published != nil:
				return taken
			}
			list, err := h.Store.Platforms(w.ctx)
			require.NoError(w.t, err)
			for _, p := range list {
				if p.PulledAt == nil || p.ID != "desk" && p.PulledAt.Before(since.Add(100*time.Millisecond)) {
					return false
				}
			}
			published = map[string]int64{}
			for id, p := range st.Platforms {
				published[id] = p.Published
			}
			return false
		})
	}
}

func idOf(t *testing.T, birth string, order int) string {
	t.Helper()
	n, err := idnum.Make("190102", birth, order)
	require.NoError(t, err)
	return n
}

// person is one row of an open platform.
func person(t *testing.T, n int) map[string]string {
	t.Helper()
	birth := fmt.Sprintf("19%02d-0%d-1%d", 50+n%40, 1+n%9, n%9)
	names := []string{"欧阳沐辰", "司马青岚", "诸葛听雨", "慕容望舒", "上官怀瑾", "尉迟松年", "公孙知秋", "轩辕若谷"}
	return map[string]string{"name": names[n%len(names)], "idn": idOf(t, birth, 100+n), "born": strings.ReplaceAll(birth, "-", ""),
		"sex": "2", "tel": fmt.Sprintf("1540000%04d", n), "addr": fmt.Sprintf("柳荫社区%d幢1单元%d01室", n, n)}
}

// A sealed record is put to its resident and receives what was agreed, also
// after the hub has learnt something new; the hub learns nothing from it.
func TestSealedRecordsReceive(t *testing.T) {
	w := newWorld(t, true)
	a, b := person(t, 1), person(t, 2)
	w.police.set("p1", a)
	w.police.set("p2", b)
	w.jail.set("s1", map[string]string{"name": a["name"], "idn": a["idn"], "tel": "15499999999", "addr": "", "state": "在矫"})
	w.ward.set("m1", map[string]string{"name": a["name"], "idn": a["idn"], "tel": "", "addr": "", "state": "三级"})
	w.ward.set("m2", map[string]string{"name": "查无此人", "idn": idOf(t, "1977-03-03", 7), "tel": "15498888888", "addr": "", "state": "二级"})
	w.until("the sealed row shows the resident's phone", func() bool { return w.jail.shows("s1", "tel") == a["tel"] })
	w.until("and so does the other one", func() bool { return w.ward.shows("m1", "tel") == a["tel"] && w.ward.shows("m1", "addr") != "" })
	w.police.set("p1", map[string]string{"tel": "15400007777"})
	w.until("a change arrives", func() bool { return w.jail.shows("s1", "tel") == "15400007777" })
	w.quiet()
	require.Equal(t, "15498888888", w.ward.shows("m2", "tel"), "nobody in the register is this person")
	require.Equal(t, "在矫", w.jail.shows("s1", "state"))
	writes := w.jail.count() + w.ward.count()
	w.quiet()
	require.Equal(t, writes, w.jail.count()+w.ward.count(), "nothing flows while nothing changes")
	w.ownChain()
	st, err := w.hub.Store.Stats(w.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 2, st.Residents)
	require.Equal(t, []string{"desk", "police", "rent"}, platformsOf(st))
}

// ownChain: what the satellite does is in a chain of its own, which holds, and the
// hub's says nothing of it.
func (w *world) ownChain() {
	w.t.Helper()
	said := map[*hub.Hub]map[string]bool{}
	for _, h := range []*hub.Hub{w.hub, w.moon} {
		w.until("every note is in the chain", func() bool {
			r, err := h.Store.VerifyAudit(w.ctx, nil)
			require.NoError(w.t, err)
			return r.Waiting == 0
		})
		list, err := h.Store.AuditRows(w.ctx, store.AuditQuery{Limit: 10000})
		require.NoError(w.t, err)
		said[h] = map[string]bool{}
		for _, r := range list {
			said[h][r.Did+" "+r.Platform] = true
			for _, text := range []string{r.What, r.Why, r.Detail} {
				require.NotRegexp(w.t, "1540000|15499|15498|在矫|欧阳", text, "no value of anybody")
			}
		}
	}
	for _, what := range []string{"platform.step jail", "write jail", "write ward", "merge "} {
		require.True(w.t, said[w.moon][what], what)
	}
	for what := range said[w.hub] {
		require.NotRegexp(w.t, "jail|ward|register", what)
	}
	require.True(w.t, said[w.hub]["platform.step rent"])
}

func platformsOf(st store.Stats) []string {
	var out []string
	for id := range st.Platforms {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// The role reads the register and nothing else, and changes nothing outside its
// own schema.
func TestRoleIsShutIn(t *testing.T) {
	ctx := t.Context()
	dsn := pgtest.DSN(t)
	st, err := store.Open(ctx, dsn, 2)
	require.NoError(t, err)
	defer st.Close()
	require.NoError(t, sealed.Prepare(ctx, dsn, password))
	as, err := sealed.DSN(dsn, password)
	require.NoError(t, err)
	conn, err := pgx.Connect(ctx, as)
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the test is over
	_, err = conn.Exec(ctx, "SELECT id FROM sealed.register")
	require.NoError(t, err)
	rows, err := conn.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, tables, "residents")
	for _, name := range tables {
		for _, sql := range []string{"SELECT 1 FROM public.%s", "DELETE FROM public.%s", "TRUNCATE public.%s"} {
			_, err := conn.Exec(ctx, fmt.Sprintf(sql, pgx.Identifier{name}.Sanitize()))
			require.ErrorContains(t, err, "permission denied", "%s", name)
		}
	}
	_, err = conn.Exec(ctx, "CREATE TABLE public.mine ()")
	require.ErrorContains(t, err, "permission denied")
	_, err = conn.Exec(ctx, "DELETE FROM sealed.register")
	require.Error(t, err)
}

// What every value of the register says is what the hub has said: it goes
// through a platform's mapping and must come out the same.
func TestRegisterKeepsValues(t *testing.T) {
	w := newWorld(t, true)
	for n := range 12 {
		w.police.set(fmt.Sprint("p", n), person(t, n))
	}
	w.quiet()
	read := func(table string) map[string]string {
		conn, err := pgx.Connect(w.ctx, w.dsn)
		require.NoError(t, err)
		defer conn.Close(context.WithoutCancel(w.ctx)) //nolint:errcheck // read only
		rows, err := conn.Query(w.ctx, `SELECT master->'id_number'->>'v', (SELECT string_agg(k || '=' || (v->>'v'), ';' ORDER BY k) FROM jsonb_each(master) AS e(k, v)) FROM `+table)
		require.NoError(t, err)
		out := map[string]string{}
		var id, all string
		_, err = pgx.ForEachRow(rows, []any{&id, &all}, func() error { out[id] = all; return nil })
		require.NoError(t, err)
		return out
	}
	require.Len(t, read("public.residents"), 12)
	require.Equal(t, read("public.residents"), read("sealed.residents"))
}

// I7: with and without a satellite, whatever anybody else can see is the same:
// what platforms show and received, every page and answer of the desk, metrics,
// health, log, and every table of the hub.
func TestNobodySeesIt(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("history ", seed), func(t *testing.T) {
			t.Parallel()
			with, without := play(t, seed, true), play(t, seed, false)
			for name, seen := range without {
				require.Equal(t, seen, with[name], name)
			}
			require.Len(t, with, len(without))
		})
	}
}

// play plays one history and returns everything that can be seen at its end.
func play(t *testing.T, seed uint64, satellite bool) map[string]string {
	w := newWorld(t, satellite)
	rng := rand.New(rand.NewPCG(seed, 7))
	boards := []*board{w.police, w.rent}
	for range 4 {
		for range 4 {
			n := rng.IntN(9)
			row := person(t, n)
			b := boards[rng.IntN(2)]
			key := fmt.Sprint(b.id, n)
			switch rng.IntN(6) {
			case 0:
				b.remove(key)
			case 1:
				row["tel"] = fmt.Sprintf("1541000%04d", rng.IntN(9000))
				b.set(key, row)
			case 2: // looks like somebody else: something for the review queue
				row["idn"] = ""
				b.set(key, row)
			default:
				b.set(key, row)
			}
			// The sealed platforms know the same people, and some whom nobody knows.
			secret := person(t, rng.IntN(12))
			w.jail.set(fmt.Sprint("s", rng.IntN(5)), map[string]string{"name": secret["name"], "idn": secret["idn"], "tel": "15499990000", "addr": "", "state": "在矫"})
			w.ward.set(fmt.Sprint("m", rng.IntN(5)), map[string]string{"name": secret["name"], "idn": secret["idn"], "tel": "", "addr": "", "state": "三级"})
		}
		w.quiet()
	}
	if satellite {
		st, err := w.moon.Store.Stats(w.ctx)
		require.NoError(t, err)
		require.NotZero(t, st.Platforms["jail"].Records)
		require.NotZero(t, w.jail.count()+w.ward.count(), "the satellite did something that could be seen")
	}
	seen := map[string]string{"log": volatile(w.log.String())}
	for _, b := range boards {
		seen["rows of "+b.id], seen["writes to "+b.id] = b.dump()
	}
	for _, path := range []string{"/", "/platforms", "/reviews", "/api/v1/platforms", "/api/v1/dead", "/api/v1/reviews", "/readyz", "/metrics"} {
		seen[path] = volatile(w.get(path))
	}
	for n := range 12 {
		seen[fmt.Sprint("search ", n)] = volatile(w.get("/api/v1/residents?q=" + person(t, n)["idn"]))
	}
	w.tables(seen)
	return seen
}

func (w *world) get(path string) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodGet, "http://"+w.hub.Addr()+path, nil)
	require.NoError(w.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer res.Body.Close() //nolint:errcheck // read whole
	body, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return fmt.Sprint(res.StatusCode, "\n", string(body))
}

// tables dumps the hub's schema, what chance decides left out.
func (w *world) tables(seen map[string]string) {
	w.t.Helper()
	conn, err := pgx.Connect(w.ctx, w.dsn)
	require.NoError(w.t, err)
	defer conn.Close(context.WithoutCancel(w.ctx)) //nolint:errcheck // read only
	for name, sql := range map[string]string{
		"table platforms":   `SELECT id || ' ' || kind || ' ' || class || ' ' || stage FROM platforms ORDER BY 1`,
		"table agreements":  `SELECT platform || body::text FROM agreements ORDER BY 1`,
		"table records":     `SELECT platform || ' ' || key || ' ' || deleted || ' ' || unresolved || ' ' || cardinality(keys) FROM records ORDER BY 1`,
		"table residents":   `SELECT string_agg(k || '=' || (v->>'v'), ';' ORDER BY k) FROM residents r, jsonb_each(r.master) AS e(k, v) WHERE redirect_to IS NULL AND ended_at IS NULL GROUP BY r.id ORDER BY 1`,
		"table partition":   `SELECT string_agg(platform || '/' || key, ' ' ORDER BY platform, key) FROM records WHERE NOT deleted GROUP BY resident_id ORDER BY 1`,
		"table edges":       `SELECT x.platform || x.key || y.platform || y.key || e.reason || e.weight FROM edges e JOIN records x ON x.id = e.a JOIN records y ON y.id = e.b ORDER BY 1`,
		"table targets":     `SELECT platform || ' ' || coalesce(key, '-') || ' ' || state FROM targets ORDER BY 1`,
		"table dead":        `SELECT platform || stage || place || problem FROM dead_records ORDER BY 1`,
		"table hot keys":    `SELECT count(*)::text FROM hot_keys`,
		"table bodies":      `SELECT id FROM bodies ORDER BY 1`,
		"table settings":    `SELECT name FROM settings ORDER BY 1`,
		"names in the hub":  `SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND relname <> 'residents_updated' ORDER BY 1`,
		"table audit":       `SELECT DISTINCT who || did || platform FROM (SELECT who, did, platform FROM audit UNION ALL SELECT who, did, platform FROM audit_notes) a ORDER BY 1`,
		"table of counters": `SELECT name || platform FROM counters ORDER BY 1`,
	} {
		rows, err := conn.Query(w.ctx, sql)
		require.NoError(w.t, err, name)
		list, err := pgx.CollectRows(rows, pgx.RowTo[*string])
		require.NoError(w.t, err, name)
		var lines []string
		for _, l := range list {
			if l != nil {
				lines = append(lines, *l)
			}
		}
		slices.SortFunc(lines, cmp.Compare)
		seen[name] = strings.Join(lines, "\n")
	}
}

// What differs between any two runs: ids, times, durations, and how often
// something was read meanwhile.
var chance = []*regexp.Regexp{
	regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
	regexp.MustCompile(`\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?`),
	regexp.MustCompile(`"(pulled|unchanged|published)": ?\d+`), // how often full reads came round
	regexp.MustCompile(`(path|seconds)=\S+`),
	regexp.MustCompile(`(?m)^(go|process|promhttp)_.*$`),
	regexp.MustCompile(`(?m)^heji_desk_request_seconds.*$`), // of the test's own questions
	regexp.MustCompile(`(?m)^(heji_[a-z_]+(_seconds(_bucket|_sum|_count)?|_total)(\{[^}]*\})?) .*$`),
	regexp.MustCompile(`\d+ ?(秒|分钟|s|ms|second|minute)s?( ago|前)?`),
}

func volatile(text string) string {
	for _, c := range chance {
		text = c.ReplaceAllStringFunc(text, func(hit string) string {
			if name, _, ok := strings.Cut(hit, " "); ok && strings.HasPrefix(name, "heji_") && !strings.HasPrefix(name, "heji_desk_request") {
				return name // the name and labels stay: only the figure is chance
			}
			return "~"
		})
	}
	return text
}
