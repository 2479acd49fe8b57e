package desk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/idnum"
	"heji/services/crypt"
	"heji/services/desk"
	"heji/services/embedded/pgtest"
	"heji/services/lineage"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/survivorship"
	"heji/services/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(refereed{pgtest.Runner{M: m}}) }

// The platforms of these tests: an authority that can only be read, one that is
// written to, one that makes rows, and a sealed one that nobody may notice.
var platformFiles = []string{`
platform: gongan
name: 常住人口（公安）
name_en: Police register
department: 公安
kind: paper
connect: {writes: false}
key: [id]
cadence: 24h
fields: {name: {column: xm}, id_number: {column: sfzh}, sex: {column: xb}, birth_date: {column: csrq}}
agreement: {authority: [name, id_number, sex, birth_date]}
`, `
platform: pension
name: 居民养老
name_en: Pension
department: 人社
kind: paper
connect: {writes: true}
key: [id]
natural: [id_number]
cadence: 5m
fields:
  name: {column: xm}
  id_number: {column: sfzh}
  phone: {column: dh}
  education: {column: whcd, codes: education_1984}
  life_status: {column: zt, codes: life_status_zh}
  pension_status: {column: cbzt}
agreement:
  authority: [pension_status]
  receives: {name: propose, phone: overwrite, education: fill_empty, life_status: overwrite}
`, `
platform: volunteers
name: 志愿者
name_en: Volunteers
department: 文化
kind: paper
connect: {writes: true}
key: [id]
natural: [name, birth_date]
cadence: 5m
fields: {name: {column: xm}, birth_date: {column: csrq}, phone: {column: dh}}
agreement:
  creates: true
  receives: {name: overwrite, birth_date: overwrite, phone: overwrite}
  scope: [{attribute: life_status, not_in: [dead, moved_out]}]
`, `
platform: sealed
name: 不可见的平台
name_en: Invisible
department: 司法
kind: paper
connect: {writes: true}
key: [id]
cadence: 24h
fields: {name: {column: xm}}
agreement: {receives: {name: overwrite}}
`}

// paper is a kind without any I/O: the desk asks no platform anything.
type paper struct{ writes bool }

func (paper) Check(context.Context) error { return nil }
func (paper) Pull(context.Context, connectors.Cursor, func(connectors.Batch) error) error {
	return nil
}
func (paper) Close() error     { return nil }
func (p paper) Writable() bool { return p.writes }
func (paper) Push(context.Context, []connectors.Write) ([]connectors.Outcome, error) {
	panic("the desk never writes to a platform")
}

func init() {
	connectors.Register("paper", func(_ context.Context, p *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
		var c struct {
			Writes bool `yaml:"writes"`
		}
		err := spec.DecodeConnect(p, &c)
		return paper{c.Writes}, err
	})
}

var today = time.Date(2026, 11, 23, 10, 0, 0, 0, time.FixedZone("CST", 8*3600))

// world is one test's own database, desk and server.
type world struct {
	t        *testing.T
	store    *store.Store
	db       *pgxpool.Pool
	url      string
	log      *safeBuffer
	metrics  *telemetry.Metrics
	registry *registry.Registry
	ring     *crypt.Ring
	options  desk.Options
	desk     *desk.Desk
	mu       sync.Mutex
	woken    []string
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

func newWorld(t *testing.T) *world { return newWorldOf(t, platformFiles) }

// newWorldOf is a world with other platforms.
func newWorldOf(t *testing.T, platformFiles []string) *world {
	t.Helper()
	ctx := context.Background()
	dsn := pgtest.DSNFrom(t, "store", func(ctx context.Context, dsn string) error {
		st, err := store.Open(ctx, dsn, 2)
		if err == nil {
			st.Close()
		}
		return err
	})
	w := &world{t: t, log: &safeBuffer{}, metrics: telemetry.NewMetrics()}
	var err error
	w.store, err = store.Open(ctx, dsn, 4)
	require.NoError(t, err)
	t.Cleanup(w.store.Close)
	_, err = w.store.Model(ctx) // from now on the store knows how keys are made
	require.NoError(t, err)
	w.db, err = pgxpool.New(ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(w.db.Close)

	var specs []*spec.Platform
	for _, text := range platformFiles {
		p, err := spec.Parse("test.yaml", []byte(text), func(string) (string, bool) { return "", false })
		require.NoError(t, err)
		if p.ID == "sealed" {
			// No file can say so yet; the desk hides such platforms all the same.
			p.Class = schema.ClassD
		}
		specs = append(specs, p)
	}
	reg, err := registry.New(ctx, specs, func(string) string { return t.TempDir() })
	require.NoError(t, err)
	require.NoError(t, reg.Register(ctx, w.store))
	w.registry = reg
	logger, err := telemetry.NewLogger(w.log, "json", slog.LevelDebug)
	require.NoError(t, err)
	w.ring, err = crypt.OpenRing(filepath.Join(t.TempDir(), "keys.json"), crypt.International)
	require.NoError(t, err)
	w.options = desk.Options{Store: w.store, Ring: w.ring, Registry: reg, Metrics: w.metrics, Logger: logger, Keys: w.store.Keys,
		Wake: func(p string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.woken = append(w.woken, p)
		},
		Today: func() time.Time { return today }}
	w.serve()
	return w
}

// serve makes the desk of the options, which a test may have changed.
func (w *world) serve() {
	w.t.Helper()
	d, err := desk.New(w.options)
	require.NoError(w.t, err)
	w.desk = d
	server := httptest.NewServer(d.Handler())
	w.t.Cleanup(server.Close)
	w.url = server.URL
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.db.Exec(context.Background(), sql, args...)
	require.NoError(w.t, err)
}

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	require.NoError(w.t, w.db.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

// rec is one record of a resident.
type rec struct {
	platform, key string
	values        schema.Values
	at            time.Time // when its values appeared; zero: a first load
	anchors       []int64
}

func (w *world) record(id uuid.UUID, r rec) (recID int64) {
	w.t.Helper()
	row := lineage.Row{Seen: today.Add(-time.Hour), Upto: today.Add(-time.Hour), Raw: map[schema.Attribute]string{}, Own: r.values}
	if !r.at.IsZero() {
		row.After, row.Upto = r.at, r.at
	}
	for a, v := range r.values {
		row.Raw[a] = v
	}
	state, err := json.Marshal(row)
	require.NoError(w.t, err)
	keys := []int64{}
	if r.anchors == nil {
		r.anchors, keys = []int64{}, append(keys, w.store.Keys(r.values)...)
	}
	require.NoError(w.t, w.db.QueryRow(context.Background(), `INSERT INTO records (platform, key, fence, position, unresolved, resident_id, state, anchors, keys)
		VALUES ($1, $2, 1, 1, false, $3, $4, $5, $6) RETURNING id`, r.platform, r.key, id, state, r.anchors, keys).Scan(&recID))
	return recID
}

// resident stores a resident with records, merged as merge would.
func (w *world) resident(records ...rec) uuid.UUID {
	w.t.Helper()
	id := uuid.New()
	w.exec(`INSERT INTO residents (id) VALUES ($1)`, id)
	for _, r := range records {
		w.record(id, r)
	}
	w.master(id)
	return id
}

// master computes the master record from what the records say.
func (w *world) master(id uuid.UUID) {
	w.t.Helper()
	view, err := w.store.View(context.Background(), id)
	require.NoError(w.t, err)
	platforms, err := w.store.Platforms(context.Background())
	require.NoError(w.t, err)
	authority := map[string]map[schema.Attribute]bool{}
	for _, p := range platforms {
		authority[p.ID] = map[schema.Attribute]bool{}
		for _, a := range p.Agreement.Authority {
			authority[p.ID][a] = true
		}
	}
	var claims []survivorship.Claim
	for _, r := range view.Records {
		var row lineage.Row
		require.NoError(w.t, json.Unmarshal(r.State, &row))
		for _, c := range row.Evidence() {
			claims = append(claims, survivorship.Claim{Attribute: c.Attribute, Value: c.Value, Record: r.Ref, After: c.After, Upto: c.Upto,
				Authority: authority[r.Ref.Platform][c.Attribute]})
		}
	}
	master := survivorship.Master(survivorship.DefaultRules(), claims, nil)
	raw, err := json.Marshal(master)
	require.NoError(w.t, err)
	name := master[schema.Name].Value
	search := store.SearchText(master)
	w.exec(`UPDATE residents SET master = $2, name = $3, search = $4 WHERE id = $1`, id, raw, name, search)
}

// merge does what pull and merge do with an entry: its record, its resident,
// and the desk's mark behind it.
func (w *world) merge(request string) uuid.UUID {
	w.t.Helper()
	e, err := w.store.EntryState(context.Background(), request)
	require.NoError(w.t, err)
	id := e.Entry.Resident
	if id == uuid.Nil {
		id = w.resident(rec{platform: "desk", key: e.Key, values: e.Record.Values, at: e.At})
	} else {
		w.exec(`DELETE FROM records WHERE platform = 'desk' AND key = $1`, e.Key)
		w.record(id, rec{platform: "desk", key: e.Key, values: e.Record.Values, at: e.At, anchors: []int64{1}})
		w.master(id)
	}
	w.exec(`UPDATE platforms SET cursor = to_jsonb($1::bigint) WHERE id = 'desk'`, e.ID)
	return id
}

// wang is a resident whom three registers know, one of them sealed.
func (w *world) wang() (id uuid.UUID, idNumber string) {
	idNumber = number(w.t, "1980-05-01", 7)
	id = w.resident(
		rec{platform: "gongan", key: "G1", values: schema.Values{"name": "王建国", "id_number": idNumber, "sex": "1", "birth_date": "1980-05-01"}},
		rec{platform: "pension", key: "P1", at: today.Add(-48 * time.Hour),
			values: schema.Values{"name": "王建囯", "id_number": idNumber, "phone": "13800001111", "education": "61", "life_status": "alive", "pension_status": "1"}},
		rec{platform: "sealed", key: "S1", values: schema.Values{"name": "王建国", "corrections": "1"}})
	return id, idNumber
}

func (w *world) target(resident uuid.UUID, platform, key string, state store.TargetState, more string, args ...any) {
	w.t.Helper()
	w.exec(`INSERT INTO targets (platform, key, record_id, resident_id, state, since)
		VALUES ($1, nullif($2, ''), (SELECT id FROM records WHERE platform = $1 AND key = $2), $3, $4, now())`, platform, key, resident, state)
	if more != "" {
		w.exec(`UPDATE targets SET `+more+` WHERE platform = $1 AND resident_id = $2`, append([]any{platform, resident}, args...)...)
	}
}

// live takes a platform to the top of the ladder, where every row is due.
func (w *world) live(platforms ...string) {
	w.t.Helper()
	ctx := context.Background()
	for _, p := range platforms {
		_, err := w.store.Step(ctx, p, schema.Live, "测试", "")
		require.NoError(w.t, err)
		lease, ok, err := w.store.TakeWriteLease(ctx, p, "test", time.Hour)
		require.NoError(w.t, err)
		require.True(w.t, ok)
		_, _, err = w.store.Campaign(ctx, lease, 1000, 0, func(_ store.Platform, list []store.Target) ([]store.Verdict, error) {
			verdicts := make([]store.Verdict, len(list))
			for i := range verdicts {
				verdicts[i] = store.Verdict{State: store.TargetDue, DueAt: time.Now()}
			}
			return verdicts, nil
		})
		require.NoError(w.t, err)
	}
}

func (w *world) wakes() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.woken)
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

// noRedirect shows redirects instead of following them.
var noRedirect = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport: &http.Transport{DisableKeepAlives: true}}

func (w *world) do(method, path, body string, header ...string) reply {
	w.t.Helper()
	req, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	require.NoError(w.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
		if !strings.HasPrefix(path, "/api/") {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := noRedirect.Do(req)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	r := reply{status: resp.StatusCode, header: resp.Header, text: string(text)}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		require.NoError(w.t, json.Unmarshal(text, &r.json), r.text)
	}
	require.Empty(w.t, theReferee().check(req, body, r.status, resp.Header.Get("Content-Type"), r.text), "the API and its description differ")
	return r
}

func (w *world) get(path string, header ...string) reply { return w.do("GET", path, "", header...) }

// post sends JSON and expects a status.
func (w *world) send(status int, method, path string, body any, header ...string) reply {
	w.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(w.t, err)
	r := w.do(method, path, string(raw), header...)
	require.Equal(w.t, status, r.status, r.text)
	return r
}

func entry(values map[string]string) map[string]any {
	return map[string]any{"values": values, "who": "李老师"}
}

// problems returns the attribute and problem of each problem of an answer.
func (r reply) problems() map[string]string {
	out := map[string]string{}
	list, _ := r.json["problems"].([]any)
	for _, p := range list {
		m := p.(map[string]any)
		out[m["attribute"].(string)] = m["problem"].(string)
	}
	return out
}

// number makes an ID number of nobody: its area is not assigned.
func number(t *testing.T, birth string, order int) string {
	t.Helper()
	n, err := idnum.Make("391234", birth, order)
	require.NoError(t, err)
	return n
}
