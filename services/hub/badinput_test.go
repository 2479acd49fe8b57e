package hub_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
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
		Logger: slog.New(slog.DiscardHandler), MaxWait: 100 * time.Millisecond})
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
		var row struct {
			Own schema.Values `json:"own"`
		}
		if err := json.Unmarshal(r.State, &row); err != nil {
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
	list, err := d.hub.Store.DeadRecords(d.ctx, platform, 100)
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

// TestBadRowsOfAFile: a bad value is set aside and flagged, a row that cannot be
// used is set aside whole with its place, and everything else is merged.
func TestBadRowsOfAFile(t *testing.T) {
	d := newDistrict(t)
	good, bad := number(t, "1980-03-07", 1), wrong(number(t, "1981-04-08", 3))
	text := extract(t,
		"S1,欧阳沐辰,"+good+",1980-03-07,01,15400000001",
		",司马青禾,"+number(t, "1990-12-12", 2)+",1990-12-12,01,15400000002", // line 3: no key
		"S3,上官子墨,,1999-02-30,01,15400000003",
		"S4,诸葛明月,"+bad+",1981-04-08,01,15400000004",
		"S5,东方既白,,1985-05-05,Z9,15400000005",
		"S6,慕容\x07\x1b雪,,1986-06-06,01,15400000006",
		"S7,"+strings.Repeat("长", 1<<19)+",,1987-07-07,01,15400000007", // 1 MB in GBK
		"S8,令狐少侠",                         // line 9: too few columns
		"S9,#,,1988-08-08,01,15400000009", // line 10: made no text below
		"S10,公孙静好,,1989-09-09,01,15400000010",
	)
	d.drop("rk_20261101.csv", bytes.Replace(text, []byte("S9,#"), []byte("S9,\xff\xff"), 1))

	d.shows("street", "S1", "S10", "S3", "S4", "S5", "S6", "S7")
	require.Equal(t, []string{"rk_20261101.csv:10: encoding", "rk_20261101.csv:3: no_key", "rk_20261101.csv:9: columns"}, d.dead("street"))
	got := d.records("street")
	flag := func(a schema.Attribute, p schema.Problem) []schema.ValueProblem {
		return []schema.ValueProblem{{Attribute: a, Problem: p}}
	}
	require.Empty(t, got["S1"].flags)
	require.Equal(t, good, got["S1"].values[schema.IDNumber])
	require.Equal(t, flag(schema.BirthDate, schema.ProblemDate), got["S3"].flags)
	require.NotContains(t, got["S3"].values, schema.BirthDate)
	require.Equal(t, "上官子墨", got["S3"].values[schema.Name], "the rest of the row is used")
	require.Equal(t, flag(schema.IDNumber, schema.ProblemCheckDigit), got["S4"].flags)
	require.Equal(t, bad, got["S4"].values[schema.IDNumber], "kept, and compared as invalid")
	require.Equal(t, flag(schema.Ethnicity, schema.ProblemCode), got["S5"].flags)
	require.NotContains(t, got["S5"].values, schema.Ethnicity)
	require.Equal(t, flag(schema.Name, schema.ProblemControl), got["S6"].flags)
	require.Equal(t, flag(schema.Name, schema.ProblemTooLong), got["S7"].flags)
	require.NotContains(t, got["S7"].values, schema.Name)
	require.Equal(t, "15400000007", got["S7"].values[schema.Phone])

	d.clinic.answer(list(`{"id": "C1", "name": "欧阳沐辰", "idn": "` + good + `", "changed": "2026-11-01T08:00:00+08:00"}`))
	d.shows("clinic", "C1")
	d.balance()
	st, err := d.hub.Store.Stats(d.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 7, st.Residents, "the clinic's record is S1's person")
	require.EqualValues(t, 3, st.Platforms["street"].DeadRecords["pull"])
	_, metrics := d.get("/metrics")
	require.EqualValues(t, 3, figure(metrics, "heji_dead_records", "street", "pull"))
}

// TestBadItemsOfAnAnswer is the same over HTTP.
func TestBadItemsOfAnAnswer(t *testing.T) {
	d := newDistrict(t)
	bad := wrong(number(t, "1981-04-08", 3))
	at := `, "changed": "2026-11-01T08:00:00+08:00"}`
	d.clinic.answer(list(
		`{"id": "C1", "name": "欧阳沐辰", "born": "1980-03-07"`+at,
		`{"name": "司马青禾"`+at,
		`{"id": null, "name": "司马青禾"`+at,
		`{"id": {"a": 1}, "name": "司马青禾"`+at,
		`"no object at all"`,
		`{"id": "`+strings.Repeat("k", 1<<20)+`"`+at,
		`{"id": "C3", "name": "上官子墨", "born": "1999-02-30"`+at,
		`{"id": "C4", "name": "诸葛明月", "idn": "`+bad+`"`+at,
		`{"id": "C5", "name": "东方既白", "nation": "Z9"`+at,
		`{"id": "C6", "name": "慕容\u0000\u0007雪"`+at,
		`{"id": "C7", "name": "`+strings.Repeat("长", 1<<19)+`", "tel": "15400000007"`+at,
		`{"id": 8, "name": ["令狐少侠"], "born": 19880808, "tel": 15400000008`+at,
	))
	d.shows("clinic", "8", "C1", "C3", "C4", "C5", "C6", "C7")
	require.Equal(t, []string{"/persons, page 1, item 2: no_key", "/persons, page 1, item 3: no_key", "/persons, page 1, item 4: no_key",
		"/persons, page 1, item 5: unreadable", "/persons, page 1, item 6: too_long"}, d.dead("clinic"))
	got := d.records("clinic")
	for key, want := range map[string]schema.ValueProblem{
		"C3": {Attribute: schema.BirthDate, Problem: schema.ProblemDate}, "C4": {Attribute: schema.IDNumber, Problem: schema.ProblemCheckDigit},
		"C5": {Attribute: schema.Ethnicity, Problem: schema.ProblemCode}, "C6": {Attribute: schema.Name, Problem: schema.ProblemControl},
		"C7": {Attribute: schema.Name, Problem: schema.ProblemTooLong},
	} {
		require.Equal(t, []schema.ValueProblem{want}, got[key].flags, key)
	}
	require.Equal(t, "15400000007", got["C7"].values[schema.Phone])
	require.Equal(t, "15400000008", got["8"].values[schema.Phone], "a number is read as it was written")

	d.drop("rk_20261101.csv", extract(t, "S1,欧阳沐辰,,1980-03-07,01,15400000001"))
	d.shows("street", "S1")
	d.balance()
}

// TestBadFiles: a file in the wrong encoding and one that was cut off are
// refused whole and named; nobody is taken for deleted; later files and the
// other platform go on.
func TestBadFiles(t *testing.T) {
	d := newDistrict(t)
	rows := []string{"S1,欧阳沐辰,,1980-03-07,01,15400000001", "S2,上官子墨,,1981-03-07,01,15400000002", "S3,诸葛明月,,1982-03-07,01,15400000003"}
	d.drop("rk_20261001.csv", extract(t, rows...))
	d.shows("street", "S1", "S2", "S3")

	utf8 := strings.Join(append([]string{header}, rows[0], "合计,1,,,,"), "\n")
	d.drop("rk_20261002.csv", []byte(utf8))
	d.within("the encoding is named", func() bool { return strings.Contains(d.trouble("street"), "rk_20261002.csv") })
	require.Contains(t, d.trouble("street"), "UTF-8")
	require.NotContains(t, d.trouble("street"), "欧阳")

	whole := extract(t, rows...)
	d.drop("rk_20261003.csv", whole[:len(whole)*2/3])
	d.within("the cut is named", func() bool { return strings.Contains(d.trouble("street"), "rk_20261003.csv") })
	require.Contains(t, d.trouble("street"), "cut off")
	require.Contains(t, d.trouble("street"), "rk_20261002.csv", "the first is not forgotten")

	d.clinic.answer(list(`{"id": "C1", "name": "司马青禾", "born": "1990-12-12", "changed": "2026-11-01T08:00:00+08:00"}`))
	d.shows("clinic", "C1")
	require.Equal(t, []string{"S1", "S2", "S3"}, d.keys("street"), "nobody was taken for deleted")

	d.drop("rk_20261004.csv", extract(t, rows[0], rows[2]))
	d.shows("street", "S1", "S3")
	d.within("who is missing from a whole extract is gone", func() bool { return d.records("street")["S2"].deleted })
	d.within("what is merged is moved away", func() bool { _, err := os.Stat(filepath.Join(d.folder, "rk_20261004.csv")); return os.IsNotExist(err) })
	require.FileExists(t, filepath.Join(d.folder, "rk_20261002.csv"), "what was refused stays where a person finds it")
	d.balance()
}

// TestPlatformInTrouble: I10. One platform answers HTML, then 500, then nothing
// at all; the other is pulled and merged meanwhile, the hub stays ready and says
// which is in trouble, and afterwards everything is there.
func TestPlatformInTrouble(t *testing.T) {
	d := newDistrict(t, "request_life: 10s", "request_life: 200ms")
	person := func(n int) string {
		return fmt.Sprintf(`{"id": "C%d", "name": "欧阳沐辰", "born": "19%d-03-07", "changed": "2026-11-0%dT08:00:00+08:00"}`, n, 50+n, n)
	}
	d.clinic.answer(list(person(1)))
	d.shows("clinic", "C1")

	row := func(n int) string { return fmt.Sprintf("S%d,上官子墨,,19%d-05-05,01,1540000000%d", n, 60+n, n) }
	rows, street := []string{}, []string{}
	for n, x := range []struct {
		how  reply
		says string
	}{{html, "no JSON"}, {broken, "500"}, {hangs, "no answer within"}} {
		d.clinic.answer(x.how)
		d.within(x.says, func() bool { return strings.Contains(d.trouble("clinic"), x.says) })
		require.NotContains(t, d.trouble("clinic"), "19010119800307", "no answer's content in an error")

		rows, street = append(rows, row(n+1)), append(street, fmt.Sprintf("S%d", n+1))
		d.drop(fmt.Sprintf("rk_2026110%d.csv", n+1), extract(t, rows...))
		d.shows("street", street...)
		// It is asked again and again, and stays in trouble: an hour in short.
		d.within("asked again", func() bool { return d.clinic.requests() >= 6 })
		require.Contains(t, d.trouble("clinic"), x.says)
		require.Empty(t, d.trouble("street"))
		require.Equal(t, []string{"C1"}, d.keys("clinic"), "nobody was taken for deleted")
		status, body := d.get("/readyz")
		require.Equal(t, http.StatusOK, status, "one platform's trouble does not make the hub unready")
		require.Regexp(t, regexp.MustCompile(`"clinic","ok":false`), body)
		require.Regexp(t, regexp.MustCompile(`"street","ok":true`), body)
	}
	d.clinic.answer(list(person(1), person(2)))
	d.shows("clinic", "C1", "C2")
	d.within("well again", func() bool { return d.trouble("clinic") == "" })
	require.Empty(t, d.dead(""))
	d.balance()
}

// TestOneHangs: I10. While a request to one platform has no answer, the other is
// pulled, merged and shown.
func TestOneHangs(t *testing.T) {
	d := newDistrict(t, "request_life: 10s", "request_life: 10m")
	d.clinic.answer(hangs)
	d.within("the request hangs", func() bool { return d.clinic.requests() > 0 })
	d.drop("rk_20261101.csv", extract(t, "S1,欧阳沐辰,,1980-03-07,01,15400000001"))
	d.shows("street", "S1")
	require.Equal(t, 1, d.clinic.requests(), "it hangs still")
	d.clinic.answer(list(`{"id": "C1", "name": "欧阳沐辰", "born": "1980-03-07", "changed": "2026-11-01T08:00:00+08:00"}`))
	d.shows("clinic", "C1")
	d.balance()
}
