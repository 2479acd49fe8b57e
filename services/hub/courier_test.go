package hub_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/hub"
	"heji/services/store"
)

const rewardFile = `
platform: reward
name: 奖励扶助
department: 卫健
kind: template
class: C
connect:
  columns: [{column: 证号}, {column: 姓名}, {column: 电话}, {column: 操作}, {column: 备注}]
  operation: {column: 操作, update: 修改, create: 新增}
  token: {column: 备注}
  receipt: {token_column: 备注, status_column: 结果, ok: [成功], reason_column: 原因}
key: [证号]
natural: [id_number]
cadence: 100ms
lag: 0s
request_life: 200ms
fields:
  id_number: {column: 证号, required: yes}
  name: {column: 姓名, required: yes}
  phone: {column: 电话}
agreement: {creates: yes, receives: {id_number: fill_empty, name: fill_empty, phone: overwrite}}
`

const homeFile = `
platform: home
name: 妇女儿童之家
department: 妇联
kind: manual
connect:
  card: [{column: xm, label: 姓名, find: yes}, {column: sfzh, label: 身份证号, find: yes}, {column: dh, label: 电话}]
  export: {pattern: "list_{date}.csv"}
key: [bh]
natural: [id_number]
cadence: 100ms
lag: 0s
request_life: 200ms
fields: {id_number: {column: sfzh}, name: {column: xm}, phone: {column: dh}}
agreement: {creates: yes, receives: {id_number: fill_empty, name: fill_empty, phone: overwrite}}
`

const oversightFile = `
platform: oversight
name: 社区监督
department: 纪检
kind: manual
class: A
connect: {page: "https://oversight.example"}
cadence: 100ms
counts: {list: [{label: 常住人口}, {label: 二十岁以上, where: [{attribute: birth_date, older_than: 20}]}]}
`

// errands is a hub whose platforms are all carried to by people.
type errands struct {
	*testing.T
	ctx  context.Context
	hub  *hub.Hub
	dir  string
	dsn  string
	stop func()
}

func newErrands(t *testing.T) *errands {
	e := &errands{T: t, dir: t.TempDir(), dsn: pgtestDSN(t)}
	var cancel context.CancelFunc
	e.ctx, cancel = context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	e.start()
	t.Cleanup(func() { e.stop() })
	e.wait("read for the first time", func() bool {
		list, err := e.hub.Store.Platforms(e.ctx)
		require.NoError(t, err)
		for _, p := range list {
			if p.ID == "reward" && p.CompleteAt == nil {
				return false
			}
		}
		return true
	})
	for _, id := range []string{"reward", "home"} {
		_, err := e.hub.Store.Step(e.ctx, id, schema.Live, "admin", "test")
		require.NoError(t, err)
	}
	return e
}

// start is a start on the same database and folder.
func (e *errands) start() {
	e.Helper()
	var specs []*spec.Platform
	for _, text := range []string{rewardFile, homeFile, oversightFile} {
		p, err := spec.Parse("platform.yaml", []byte(text), nil)
		require.NoError(e, err)
		specs = append(specs, p)
	}
	h, err := hub.New(e.ctx, hub.Config{Dir: e.dir, DatabaseURL: e.dsn, Specs: specs, Listen: "127.0.0.1:0",
		Logger: slog.New(slog.DiscardHandler), MaxWait: 50 * time.Millisecond})
	require.NoError(e, err)
	e.hub = h
	run, stop := context.WithCancel(e.ctx)
	done := make(chan error, 1)
	go func() { done <- h.Run(run) }()
	e.stop = func() {
		stop()
		require.NoError(e, <-done)
		require.NoError(e, h.Close())
		e.stop = func() {}
	}
}

func (e *errands) wait(what string, ok func() bool) {
	e.Helper()
	require.Eventually(e, ok, 40*time.Second, 30*time.Millisecond, what)
}

// ask calls the API.
func (e *errands) ask(method, path string, body any) (status int, raw []byte, reply map[string]any) {
	e.Helper()
	var in io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case string:
		in, kind = strings.NewReader(b), "text/csv"
	default:
		text, err := json.Marshal(b)
		require.NoError(e, err)
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(e.ctx, method, "http://"+e.hub.Addr()+path, in)
	require.NoError(e, err)
	req.Header.Set("Content-Type", kind)
	res, err := http.DefaultClient.Do(req)
	require.NoError(e, err)
	defer res.Body.Close()
	raw, err = io.ReadAll(res.Body)
	require.NoError(e, err)
	_ = json.Unmarshal(raw, &reply) // a workbook is no JSON
	return res.StatusCode, raw, reply
}

// enter saves an entry at the desk and returns the resident.
func (e *errands) enter(values map[string]string) string {
	e.Helper()
	status, raw, reply := e.ask("POST", "/api/v1/residents?wait=20&until=merged", map[string]any{"values": values, "who": "李老师"})
	require.Less(e, status, 300, string(raw))
	id, ok := reply["resident"].(string)
	require.True(e, ok, string(raw))
	return id
}

func (e *errands) change(id string, values map[string]string) {
	e.Helper()
	status, raw, _ := e.ask("PATCH", "/api/v1/residents/"+id+"?wait=20&until=merged", map[string]any{"values": values, "who": "李老师"})
	require.Less(e, status, 300, string(raw))
}

// parcels lists what is to be carried to a platform.
func (e *errands) parcels(platform string) []map[string]any {
	e.Helper()
	_, raw, reply := e.ask("GET", "/api/v1/parcels", nil)
	for _, p := range reply["platforms"].([]any) {
		if p := p.(map[string]any); p["platform"] == platform {
			var out []map[string]any
			for _, x := range p["parcels"].([]any) {
				out = append(out, x.(map[string]any))
			}
			return out
		}
	}
	e.Fatal(string(raw))
	return nil
}

// sheet waits for a batch of so many rows and downloads it.
func (e *errands) sheet(rows int) (id string, content []byte, cells [][]string) {
	e.Helper()
	e.wait("a batch", func() bool {
		list := e.parcels("reward")
		return len(list) > 0 && int(list[0]["rows"].(float64)) == rows
	})
	id = e.parcels("reward")[0]["id"].(string)
	status, content, _ := e.ask("GET", "/api/v1/parcels/reward/"+id+"/document", nil)
	require.Equal(e, http.StatusOK, status, string(content))
	book, err := excelize.OpenReader(bytes.NewReader(content))
	require.NoError(e, err)
	defer book.Close()
	all, err := book.GetRows("Sheet1")
	require.NoError(e, err)
	return id, content, all[1:]
}

func (e *errands) target(id string) store.TargetView {
	e.Helper()
	for _, t := range e.view(id).Targets {
		if t.Platform == "reward" {
			return t
		}
	}
	return store.TargetView{}
}

func (e *errands) view(id string) store.View {
	e.Helper()
	u, err := uuid.Parse(id)
	require.NoError(e, err)
	v, err := e.hub.Store.View(e.ctx, u)
	require.NoError(e, err)
	return v
}

// An entry at the desk becomes a row of the platform's sheet; the receipt refuses
// one of two; the desk shows why; the correction is in the next batch.
func TestFromTheDeskToTheSheetAndBack(t *testing.T) {
	e := newErrands(t)
	first, second := number(t, "1980-03-07", 1), number(t, "1990-12-12", 2)
	a := e.enter(map[string]string{"name": "欧阳沐辰", "id_number": first, "phone": "13900000001"})
	b := e.enter(map[string]string{"name": "司马青禾", "id_number": second, "phone": "13900000002"})
	e.wait("both wait to be carried", func() bool { l := e.parcels("reward"); return len(l) == 1 && l[0]["rows"].(float64) == 2 })
	_, page, _ := e.ask("GET", "/residents/"+a, nil)
	require.Contains(t, string(page), "待上传")

	// It changes before anybody has fetched it: the sheet shows what is right now.
	e.change(b, map[string]string{"phone": "13900000003"})
	e.wait("the batch shows the new number", func() bool {
		states := e.target(b).State
		list := e.parcels("reward")
		return states == store.TargetQueued && len(list) == 1 && list[0]["rows"].(float64) == 2 && e.queued(b) == "13900000003"
	})
	id, content, rows := e.sheet(2)
	byNumber := map[string][]string{rows[0][0]: rows[0], rows[1][0]: rows[1]}
	require.Equal(t, []string{first, "欧阳沐辰", "13900000001", "新增"}, byNumber[first][:4])
	require.Equal(t, []string{second, "司马青禾", "13900000003", "新增"}, byNumber[second][:4])

	// A crash and a start: the same batch, the same bytes, nothing twice.
	e.stop()
	e.start()
	_, again, _ := e.ask("GET", "/api/v1/parcels/reward/"+id+"/document", nil)
	require.Equal(t, content, again)

	receipt := "备注,结果,原因\n" + byNumber[first][4] + ",成功,\n" + byNumber[second][4] + ",失败,手机号已被他人使用\n"
	status, raw, reply := e.ask("POST", "/api/v1/parcels/reward/receipts?name=x.csv", receipt)
	require.Equal(t, http.StatusOK, status, string(raw))
	require.EqualValues(t, 1, reply["applied"])
	require.EqualValues(t, 1, reply["refused"])
	e.wait("the first is in step", func() bool { return e.target(a).State == store.TargetGreen })
	e.wait("the second is refused", func() bool { return e.target(b).State == store.TargetRefused })
	_, page, _ = e.ask("GET", "/residents/"+b, nil)
	require.Contains(t, string(page), "手机号已被他人使用")
	_, _, reply = e.ask("POST", "/api/v1/parcels/reward/receipts?name=x.csv", receipt)
	require.EqualValues(t, 2, reply["repeated"], "the same receipt again changes nothing")
	require.Empty(t, e.parcels("reward"))

	e.change(b, map[string]string{"phone": "13900000004"})
	_, _, rows = e.sheet(1)
	require.Equal(t, []string{second, "司马青禾", "13900000004", "新增"}, rows[0][:4])
	status, raw, _ = e.ask("POST", "/api/v1/parcels/reward/receipts?name=x.csv", "备注,结果\n"+rows[0][4]+",成功\n")
	require.Equal(t, http.StatusOK, status, string(raw))
	e.wait("in step", func() bool { return e.target(b).State == store.TargetGreen })

	// And a change of the row that is there now holds the whole row.
	e.change(a, map[string]string{"phone": "13900000005"})
	_, _, rows = e.sheet(1)
	// A receipt of another batch, or of somebody else's, is refused with words; the
	// writes that are open stay so.
	status, raw, _ = e.ask("POST", "/api/v1/parcels/reward/receipts?name=x.csv", "备注,结果\n"+uuid.NewString()+",成功\n390102198003070018,失败\n")
	require.NotEqual(t, http.StatusOK, status, string(raw))
	require.NotContains(t, string(raw), "390102198003070018", "what it calls its rows may be anything")
	require.Equal(t, "13900000005", e.queued(a))
	require.Equal(t, []string{first, "欧阳沐辰", "13900000005", "修改"}, rows[0][:4])
}

// A row that Heji made at a platform without exports, before the phone was known:
// the phone follows.
func TestWhatBecomesKnownLater(t *testing.T) {
	e := newErrands(t)
	n := number(t, "1980-03-07", 1)
	a := e.enter(map[string]string{"name": "欧阳沐辰", "id_number": n})
	_, _, rows := e.sheet(1)
	require.Equal(t, []string{n, "欧阳沐辰", "", "新增"}, rows[0][:4])
	status, raw, _ := e.ask("POST", "/api/v1/parcels/reward/receipts?name=x.csv", "备注,结果\n"+rows[0][4]+",成功\n")
	require.Equal(t, http.StatusOK, status, string(raw))
	e.wait("in step", func() bool { return e.target(a).State == store.TargetGreen })
	e.change(a, map[string]string{"phone": "13900000005"})
	_, _, rows = e.sheet(1)
	require.Equal(t, []string{n, "欧阳沐辰", "13900000005", "修改"}, rows[0][:4])
}

// queued is the phone number in the open write of a resident.
func (e *errands) queued(resident string) string {
	open, err := e.hub.Store.OpenIntents(e.ctx, "reward")
	require.NoError(e, err)
	for _, in := range open {
		if in.Target == e.target(resident).ID {
			return in.Fields[schema.Phone].Value
		}
	}
	return ""
}

// A card, ticked by staff and confirmed by an export that they bring.
func TestFromTheDeskToACardAndBack(t *testing.T) {
	e := newErrands(t)
	n := number(t, "1980-03-07", 1)
	day := func(ago int) string { return time.Now().AddDate(0, 0, -ago).Format(time.DateOnly) }
	status, raw, _ := e.ask("POST", "/api/v1/parcels/home/exports?name=a.csv&day="+day(3), "bh,xm,sfzh,dh\nB1,欧阳沐辰,"+n+",13900000001\n")
	require.Equal(t, http.StatusAccepted, status, string(raw))
	var id string
	e.wait("the export is merged", func() bool {
		found, err := e.hub.Store.Search(e.ctx, "欧阳沐辰", 2)
		require.NoError(t, err)
		if len(found.Residents) == 1 {
			id = found.Residents[0].ID.String()
		}
		return len(found.Residents) == 1
	})
	e.change(id, map[string]string{"phone": "13900000002"})
	e.wait("a card", func() bool { return len(e.parcels("home")) == 1 })
	card := e.parcels("home")[0]["id"].(string)
	_, raw, reply := e.ask("GET", "/api/v1/parcels/home/"+card, nil)
	require.Equal(t, []any{map[string]any{"label": "姓名", "text": "欧阳沐辰", "find": true}, map[string]any{"label": "身份证号", "text": n, "find": true},
		map[string]any{"label": "电话", "text": "13900000002"}}, reply["card"], string(raw))
	status, raw, _ = e.ask("POST", "/api/v1/parcels/home/"+card+"/typed", map[string]any{"taken": true, "who": "李老师"})
	require.Equal(t, http.StatusOK, status, string(raw))
	green := func() bool {
		for _, x := range e.view(id).Targets {
			if x.Platform == "home" {
				return x.State == store.TargetGreen
			}
		}
		return false
	}
	e.wait("in step", green)
	require.Empty(t, e.parcels("home"))
}

// A create waits on a card; an export shows that the person is there already, and
// nobody is asked to type a second row. A new row gets its key from the export
// that shows it first.
func TestExportsSayWhoIsThere(t *testing.T) {
	e := newErrands(t)
	day := func(ago int) string { return time.Now().AddDate(0, 0, -ago).Format(time.DateOnly) }
	bring := func(day, text string) {
		t.Helper()
		status, raw, _ := e.ask("POST", "/api/v1/parcels/home/exports?name=a.csv&day="+day, "bh,xm,sfzh,dh\n"+text)
		require.Equal(t, http.StatusAccepted, status, string(raw))
	}
	first, second := number(t, "1980-03-07", 1), number(t, "1990-12-12", 2)
	bring(day(9), "B9,诸葛明月,"+number(t, "1970-01-01", 3)+",\n")
	a := e.enter(map[string]string{"name": "欧阳沐辰", "id_number": first})
	e.wait("a card for a new row", func() bool { return len(e.parcels("home")) == 1 })
	bring(day(5), "B9,诸葛明月,"+number(t, "1970-01-01", 3)+",\nB1,欧阳沐辰,"+first+",\n")
	home := func(id string) (keys []string, state store.TargetState) {
		for _, x := range e.view(id).Targets {
			if x.Platform == "home" {
				keys, state = append(keys, x.Key), x.State
			}
		}
		return keys, state
	}
	e.wait("the row that was there is the resident's, and in step", func() bool {
		keys, state := home(a)
		return len(keys) == 1 && keys[0] == "B1" && state == store.TargetGreen && len(e.parcels("home")) == 0
	})

	b := e.enter(map[string]string{"name": "司马青禾", "id_number": second})
	e.wait("a card for a new row", func() bool { return len(e.parcels("home")) == 1 })
	card := e.parcels("home")[0]["id"].(string)
	e.ask("GET", "/api/v1/parcels/home/"+card, nil)
	status, raw, _ := e.ask("POST", "/api/v1/parcels/home/"+card+"/typed", map[string]any{"taken": true, "who": "李老师"})
	require.Equal(t, http.StatusOK, status, string(raw))
	bring(day(0), "B9,诸葛明月,"+number(t, "1970-01-01", 3)+",\nB1,欧阳沐辰,"+first+",\nB2,司马青禾,"+second+",\n")
	e.wait("bound to the row that the export shows", func() bool {
		keys, state := home(b)
		return len(keys) == 1 && keys[0] == "B2" && state == store.TargetGreen
	})
	require.Empty(t, e.parcels("home"))
}

// Numbers and nobody: a card in this period, none again after it was entered.
func TestCountsAreCarried(t *testing.T) {
	e := newErrands(t)
	for i, birth := range []string{"1980-03-07", "1990-12-12", "1991-01-01", time.Now().AddDate(-3, 0, 0).Format(time.DateOnly)} {
		e.enter(map[string]string{"name": []string{"欧阳沐辰", "司马青禾", "上官子墨", "诸葛明月"}[i], "id_number": number(t, birth, i+1)})
	}
	dead := e.enter(map[string]string{"name": "东方既白", "id_number": number(t, "1950-01-01", 9)})
	e.change(dead, map[string]string{"life_status": "dead", "death_date": time.Now().AddDate(0, 0, -1).Format(time.DateOnly)})
	numbers, err := e.hub.Store.CountResidents(e.ctx, [][]schema.Condition{nil, {{Attribute: schema.BirthDate, OlderThan: 20}}, {{Attribute: schema.BirthDate, YoungerThan: 20}},
		{{Attribute: schema.LifeStatus, In: []string{"dead"}}}}, time.Now())
	require.NoError(t, err)
	require.Equal(t, []int64{4, 3, 1, 0}, numbers)
	_, err = e.hub.Store.Step(e.ctx, "oversight", schema.Live, "admin", "test") // not before everybody is there
	require.NoError(t, err)
	e.stop()
	e.start() // counts at once after a start
	e.wait("a card", func() bool { return len(e.parcels("oversight")) == 1 })
	card := e.parcels("oversight")[0]
	require.Equal(t, time.Now().Format("2006-01"), card["period"])
	_, _, reply := e.ask("GET", "/api/v1/parcels/oversight/"+card["id"].(string), nil)
	require.Equal(t, []any{map[string]any{"label": "常住人口", "text": "4"}, map[string]any{"label": "二十岁以上", "text": "3"}}, reply["card"])
	status, raw, _ := e.ask("POST", "/api/v1/parcels/oversight/"+card["id"].(string)+"/typed", map[string]any{"taken": true, "who": "李老师"})
	require.Equal(t, http.StatusOK, status, string(raw))
	require.Empty(t, e.parcels("oversight"))
}
