package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/connectors/spec"
	"heji/schema"
	"heji/schema/idnum"
	"heji/services/hub"
	"heji/services/lineage"
	"heji/services/store"
)

// district is a hub with two real platforms: street hands over full extracts as
// CSV in GBK, clinic is asked over HTTP.
type district struct {
	t      *testing.T
	ctx    context.Context
	hub    *hub.Hub
	folder string
	clinic *clinic
}

const streetFile = `
platform: street
name: 街道台账
department: 街道
kind: files
class: B
connect:
  dir: ${STREET}
  pattern: rk_{date}.csv
  encoding: gbk
  done_marker: rename
  trailer: {starts: 合计, cell: 2}
key: [编号]
cadence: 50ms
lag: 0s
fields:
  name: {column: 姓名}
  id_number: {column: 身份证号}
  birth_date: {column: 出生日期, format: yyyy-MM-dd}
  ethnicity: {column: 民族}
  phone: {column: 电话}
`

const clinicFile = `
platform: clinic
name: 社区门诊
department: 卫健
kind: rest
class: B
connect:
  base_url: ${CLINIC}
  list: {path: /persons, paging: cursor, items: items, next: next, cursor_param: cursor, since_param: since}
  overlap: 1h
key: [id]
change_column: changed
change_format: rfc3339
cadence: 50ms
lag: 0s
request_life: 10s
fields:
  name: {column: name}
  id_number: {column: idn}
  birth_date: {column: born, format: yyyy-MM-dd}
  ethnicity: {column: nation}
  phone: {column: tel}
`

func newDistrict(t *testing.T, clinicLines ...string) *district {
	t.Helper()
	return newDistrictThatWaits(t, 100*time.Millisecond, clinicLines...)
}

// newDistrictThatWaits tries again after longest at the latest.
func newDistrictThatWaits(t *testing.T, longest time.Duration, clinicLines ...string) *district {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	d := &district{t: t, ctx: ctx, folder: t.TempDir(), clinic: newClinic(t)}
	env := map[string]string{"STREET": d.folder, "CLINIC": d.clinic.server.URL}
	text := clinicFile
	for i := 0; i < len(clinicLines); i += 2 {
		text = strings.Replace(text, clinicLines[i], clinicLines[i+1], 1)
	}
	var specs []*spec.Platform
	for name, text := range map[string]string{"street.yaml": streetFile, "clinic.yaml": text} {
		p, err := spec.Parse(name, []byte(text), func(name string) (string, bool) { v, ok := env[name]; return v, ok })
		require.NoError(t, err)
		specs = append(specs, p)
	}
	h, err := hub.New(ctx, hub.Config{Dir: t.TempDir(), DatabaseURL: pgtestDSN(t), Specs: specs, Listen: "127.0.0.1:0",
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), MaxWait: longest})
	require.NoError(t, err)
	d.hub = h
	run, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- h.Run(run) }()
	t.Cleanup(func() {
		d.clinic.answer(nothing)
		stop()
		require.NoError(t, <-done)
		require.NoError(t, h.Close())
		cancel()
	})
	return d
}

// reply is one way to answer; changed is closed when another one is set.
type reply func(w http.ResponseWriter, r *http.Request, changed <-chan struct{})

// clinic answers as a test says.
type clinic struct {
	server *httptest.Server
	mu     sync.Mutex
	how    reply
	change chan struct{} // closed when the answer changes
	asked  int           // since the answer changed
}

func newClinic(t *testing.T) *clinic {
	c := &clinic{how: nothing, change: make(chan struct{})}
	c.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		how, change := c.how, c.change
		c.asked++
		c.mu.Unlock()
		how(w, r, change)
	}))
	t.Cleanup(c.server.Close)
	return c
}

func (c *clinic) answer(how reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.how, c.asked = how, 0
	close(c.change)
	c.change = make(chan struct{})
}

func (c *clinic) requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

func nothing(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
	_, _ = io.WriteString(w, `{"items": [], "next": ""}`)
}

// list answers with items, each written as JSON by the test.
func list(items ...string) reply {
	return func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"items": [`+strings.Join(items, ",")+`], "next": ""}`)
	}
}

func html(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, `<html><body>系统维护中 190101198003070011</body></html>`)
}

func broken(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
	w.WriteHeader(http.StatusInternalServerError)
}

// hangs gives no answer until another one is set, or the asker gives up.
func hangs(_ http.ResponseWriter, r *http.Request, changed <-chan struct{}) {
	select {
	case <-changed:
	case <-r.Context().Done():
	}
}

const header = "编号,姓名,身份证号,出生日期,民族,电话"

// drop puts an extract into the folder: complete from the moment of its name.
func (d *district) drop(name string, text []byte) {
	d.t.Helper()
	part := filepath.Join(d.folder, name+".part")
	require.NoError(d.t, os.WriteFile(part, text, 0o600))
	require.NoError(d.t, os.Rename(part, filepath.Join(d.folder, name)))
}

// extract writes an extract with its counting row, in GBK.
func extract(t *testing.T, rows ...string) []byte {
	t.Helper()
	return gbk(t, strings.Join(append(append([]string{header}, rows...), fmt.Sprintf("合计,%d,,,,", len(rows))), "\n")+"\n")
}

func gbk(t *testing.T, text string) []byte {
	t.Helper()
	out, err := simplifiedchinese.GBK.NewEncoder().String(text)
	require.NoError(t, err)
	return []byte(out)
}

// number makes an ID number of an area that does not exist.
func number(t *testing.T, birth string, order int) string {
	t.Helper()
	s, err := idnum.Make("190101", birth, order)
	require.NoError(t, err)
	return s
}

// wrong gives a number another check digit.
func wrong(number string) string {
	last := byte('0')
	if number[17] == '0' {
		last = '1'
	}
	return number[:17] + string(last)
}

// seen is one record as it is stored, in short.
type seen struct {
	deleted bool
	values  schema.Values // its own evidence
	flags   []schema.ValueProblem
}

// records returns the records of a platform once all of them are in residents.
func (d *district) records(platform string) map[string]seen {
	d.t.Helper()
	out := map[string]seen{}
	require.NoError(d.t, d.hub.Store.EachRecord(d.ctx, func(r store.Record) error {
		if r.Ref.Platform != platform || r.Unresolved {
			return nil
		}
		row, err := lineage.Decode(r.State)
		if err != nil {
			return err
		}
		s := seen{deleted: r.Deleted, values: row.Own}
		if r.Flags != nil {
			if err := json.Unmarshal(r.Flags, &s.flags); err != nil {
				return err
			}
		}
		out[r.Ref.Key] = s
		return nil
	}))
	return out
}

func (d *district) keys(platform string) []string {
	var keys []string
	for k, s := range d.records(platform) {
		if !s.deleted {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// dead lists what was set aside: "place: problem".
func (d *district) dead(platform string) []string {
	d.t.Helper()
	list, err := d.hub.Store.DeadRecords(d.ctx, platform, false, 100)
	require.NoError(d.t, err)
	var out []string
	for _, x := range list {
		require.Equal(d.t, "pull", x.Stage)
		out = append(out, x.Place+": "+string(x.Problem))
	}
	slices.Sort(out)
	return out
}

func (d *district) within(what string, ok func() bool) {
	d.t.Helper()
	require.Eventually(d.t, ok, time.Minute, 10*time.Millisecond, what)
}

func (d *district) shows(platform string, keys ...string) {
	d.t.Helper()
	d.within(fmt.Sprintf("%s shows %v", platform, keys), func() bool { return slices.Equal(d.keys(platform), keys) })
}

func (d *district) trouble(platform string) string {
	d.t.Helper()
	platforms, err := d.hub.Store.Platforms(d.ctx)
	require.NoError(d.t, err)
	for _, p := range platforms {
		if p.ID == platform {
			return p.PullError
		}
	}
	return "not registered"
}

func (d *district) get(path string) (int, string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.ctx, http.MethodGet, "http://"+d.hub.Addr()+path, nil)
	require.NoError(d.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(d.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(d.t, err)
	return res.StatusCode, string(body)
}

// balance holds I1, by position in the store and by the counters that anybody
// may read: pulled = merged + unchanged + dead.
func (d *district) balance() {
	d.t.Helper()
	var runs []store.Conservation
	d.within("everything published is taken in", func() bool {
		var err error
		runs, err = d.hub.Store.Conservations(d.ctx)
		require.NoError(d.t, err)
		return !slices.ContainsFunc(runs, func(c store.Conservation) bool { return c.Published != c.Positions })
	})
	for _, c := range runs {
		require.Equal(d.t, c.Positions, c.Merged+c.Unchanged+c.Dead+c.Marks, "%+v", c)
	}
	d.within("pulled = merged + unchanged + dead", func() bool {
		_, text := d.get("/metrics")
		for _, platform := range []string{"street", "clinic"} {
			pulled, sum := figure(text, "heji_records_pulled_total", platform), 0.0
			for _, outcome := range []string{"merged", "unchanged", "dead"} {
				sum += figure(text, "heji_records_merged_total", platform, outcome)
			}
			if pulled != sum {
				return false
			}
		}
		return true
	})
}

// figure reads one sample; 0 where there is none.
func figure(text, name string, labels ...string) float64 {
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, name+"{") || slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(line, `"`+l+`"`) }) {
			continue
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err == nil {
			return v
		}
	}
	return 0
}
