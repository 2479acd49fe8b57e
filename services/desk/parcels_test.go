package desk_test

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"heji/connectors"
	_ "heji/connectors/manual"
	_ "heji/connectors/template"
	"heji/schema"
	"heji/services/store"
)

// Two platforms that nothing can be sent to but by people, and one that is told
// numbers.
var carriedFiles = []string{`
platform: reward
name: 奖励扶助
name_en: Family reward
department: 卫健
kind: template
key: [sfzh]
natural: [id_number]
cadence: 24h
connect:
  page: https://reward.example/import
  columns: [{column: sfzh, header: 身份证号}, {column: xm, header: 姓名}, {column: dh, header: 电话}, {column: bz, header: 备注}]
  token: {column: bz}
  receipt: {token_column: 备注, status_column: 结果, ok: [成功], reason_column: 原因}
fields: {id_number: {column: sfzh}, name: {column: xm}, phone: {column: dh}}
agreement: {receives: {phone: overwrite, name: fill_empty, id_number: fill_empty}}
`, `
platform: home
name: 妇女儿童之家
name_en: Home
department: 妇联
kind: manual
key: [sfzh]
natural: [id_number]
cadence: 24h
connect:
  page: https://home.example/new
  card: [{column: xm, label: 姓名, find: yes}, {column: sfzh, label: 身份证号, find: yes}, {column: dh, label: 联系电话}, {column: zz, label: 现住址}]
  export: {pattern: "list_{date}.csv"}
fields: {id_number: {column: sfzh}, name: {column: xm}, phone: {column: dh}, residence: {column: zz}}
agreement: {receives: {phone: overwrite, residence: overwrite}}
`, `
platform: oversight
name: 社区监督
department: 纪检
kind: manual
class: A
cadence: 24h
connect: {page: "javascript:alert(1)"}
counts: {list: [{label: 常住人口}, {label: 低保对象, where: [{attribute: low_income, in: ["1"]}]}]}
`}

// carried is a world with work on its way to all three.
func carried(t *testing.T) *world {
	w := newWorldOf(t, carriedFiles)
	w.live("reward", "home", "oversight")
	for i, name := range []string{"王建国", "上官子墨"} {
		w.push("reward", connectors.Write{Intent: fmt.Sprint("r", i), Key: number(t, "1990-01-01", i+1), Set: map[string]string{"dh": fmt.Sprint("1390000000", i)}, Shown: map[string]string{"xm": name}})
	}
	w.push("home", connectors.Write{Intent: "h1", Key: number(t, "1990-01-01", 1), Set: map[string]string{"dh": "13900000001", "zz": "幸福小区3号楼2单元301室"}, Shown: map[string]string{"xm": "王建国"}})
	reporter := w.connector("oversight").(connectors.Reporter)
	require.NoError(t, reporter.Report(context.Background(), "2026-11", today, []connectors.Line{{Label: "常住人口", Text: "4100"}, {Label: "低保对象", Text: "<3"}}))
	return w
}

func (w *world) connector(platform string) connectors.Connector {
	p, ok := w.registry.Get(platform)
	require.True(w.t, ok)
	return p.Connector
}

func (w *world) push(platform string, write connectors.Write) {
	w.t.Helper()
	out, err := w.connector(platform).(connectors.Writer).Push(context.Background(), []connectors.Write{write})
	require.NoError(w.t, err)
	require.Equal(w.t, connectors.Queued, out[0].Status, out[0].Reason)
}

// outcomes are the answers that writeback would find.
func (w *world) outcomes(platform string) map[string]connectors.Outcome {
	w.t.Helper()
	list, err := w.connector(platform).(connectors.Acknowledger).Acknowledged(context.Background())
	require.NoError(w.t, err)
	out := map[string]connectors.Outcome{}
	for _, o := range list {
		out[o.Intent] = o
	}
	return out
}

// parcel is the first of a platform, as the API lists it.
func (w *world) parcel(platform string) map[string]any {
	w.t.Helper()
	for _, e := range w.get("/api/v1/parcels").json["platforms"].([]any) {
		e := e.(map[string]any)
		if e["platform"] == platform {
			list := e["parcels"].([]any)
			if len(list) == 0 {
				return nil
			}
			return list[0].(map[string]any)
		}
	}
	w.t.Fatal("no such platform")
	return nil
}

// bring sends a file as a browser does.
func (w *world) bring(path, name string, content []byte, fields ...string) reply {
	w.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	f, err := m.CreateFormFile("file", name)
	require.NoError(w.t, err)
	_, err = f.Write(content)
	require.NoError(w.t, err)
	for i := 0; i < len(fields); i += 2 {
		require.NoError(w.t, m.WriteField(fields[i], fields[i+1]))
	}
	require.NoError(w.t, m.Close())
	return w.do("POST", path, body.String(), "Content-Type", m.FormDataContentType())
}

func TestCarryABatch(t *testing.T) {
	w := carried(t)
	p := w.parcel("reward")
	id := p["id"].(string)
	require.Equal(t, "ready", p["state"])
	require.EqualValues(t, 2, p["rows"])
	doc := w.get("/api/v1/parcels/reward/" + id + "/document")
	require.Equal(t, http.StatusOK, doc.status, doc.text)
	require.Contains(t, doc.header.Get("Content-Disposition"), "%E5%A5%96%E5%8A%B1") // 奖励
	require.Equal(t, doc.text, w.get("/parcels/reward/"+id+"/document").text, "the same bytes from the page")
	book, err := excelize.OpenReader(strings.NewReader(doc.text))
	require.NoError(t, err)
	rows, err := book.GetRows("Sheet1")
	require.NoError(t, err)
	require.NoError(t, book.Close())
	require.Equal(t, []string{number(t, "1990-01-01", 2), "上官子墨", "13900000001", id + "/2"}, rows[2])
	require.Equal(t, "out", w.parcel("reward")["state"])

	r := w.bring("/parcels/reward/receipts", "回执.csv", []byte("备注,结果,原因\n"+id+"/1,成功,\n"+id+"/2,失败,号码 13900000001 已停用\n"))
	require.Equal(t, http.StatusSeeOther, r.status, r.text)
	page := w.get(r.header.Get("Location"))
	require.Contains(t, page.text, "奖励扶助：办结 1 行，退回 1 行。")
	require.Nil(t, w.parcel("reward"))
	got := w.outcomes("reward")
	require.Equal(t, connectors.Applied, got["r0"].Status)
	require.Equal(t, connectors.Outcome{Intent: "r1", Status: connectors.Refused, Key: number(t, "1990-01-01", 2), Reason: "号码 … 已停用"}, got["r1"])

	again := w.do("POST", "/api/v1/parcels/reward/receipts?name=r.csv", "备注,结果\n"+id+"/1,成功\n", "Content-Type", "text/csv")
	require.Equal(t, http.StatusOK, again.status, again.text)
	require.EqualValues(t, 1, again.json["repeated"])
	require.EqualValues(t, 0, again.json["applied"])
}

func TestReceiptsOfNobody(t *testing.T) {
	w := carried(t)
	r := w.bring("/api/v1/parcels/reward/receipts?lang=en", "x.csv", []byte("备注,结果\nhj-reward-9-abcd/1,成功\n"))
	require.Equal(t, http.StatusUnprocessableEntity, r.status)
	require.Equal(t, "urn:heji:problem:foreign_receipt", r.json["type"])
	require.Contains(t, w.get("/parcels").text, "1 份回执对不上任何批次")
	require.Empty(t, w.outcomes("reward"))
	r = w.bring("/parcels/reward/receipts", "x.xlsx", []byte("PK\x03\x04 rubbish"))
	require.Equal(t, http.StatusUnprocessableEntity, r.status)
	require.Contains(t, r.text, "什么也没有改动")
	for path, code := range map[string]string{
		"/api/v1/parcels/reward/hj-reward-1-0000/document": "no_parcel",
		"/api/v1/parcels/nobody/x/document":                "not_found",
		"/api/v1/parcels/home/x":                           "no_parcel",
	} {
		r := w.get(path)
		require.Equal(t, "urn:heji:problem:"+code, r.json["type"], r.text)
	}
	r = w.get("/api/v1/parcels/home/" + w.parcel("home")["id"].(string) + "/document")
	require.Equal(t, "urn:heji:problem:no_document", r.json["type"])
	r = w.bring("/api/v1/parcels/home/receipts", "x.csv", []byte("a"))
	require.Equal(t, "urn:heji:problem:no_receipt", r.json["type"])
}

// A file that is too large is refused while it comes, and not read to its end.
func TestUploadIsBounded(t *testing.T) {
	w := carried(t)
	req, err := http.NewRequest("POST", w.url+"/api/v1/parcels/reward/receipts?name=big.csv", zeros(300<<20))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "text/csv")
	resp, err := noRedirect.Do(req)
	if err == nil { // else the connection was closed in the middle: refused as well
		defer resp.Body.Close()
		require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
	}
	require.Empty(t, w.outcomes("reward"))
	require.NotNil(t, w.parcel("reward"))
}

type endless struct{ left int }

func zeros(n int) *endless { return &endless{n} }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, fmt.Errorf("the whole file was read")
	}
	n := min(len(p), e.left)
	clear(p[:n])
	e.left -= n
	return n, nil
}

// The switch, a pause and the ladder stop people, too; what they have already is
// still answered.
func TestNothingIsFetchedWhileWritesAreStopped(t *testing.T) {
	w := carried(t)
	id := w.parcel("reward")["id"].(string)
	w.get("/api/v1/parcels/reward/" + id + "/document")
	w.send(200, "POST", "/api/v1/writes/stop", map[string]any{})
	for _, path := range []string{"/api/v1/parcels/reward/" + id + "/document", "/api/v1/parcels/home/" + w.parcel("home")["id"].(string)} {
		r := w.get(path)
		require.Equal(t, http.StatusConflict, r.status, r.text)
	}
	require.Contains(t, w.get("/parcels").text, "全部回写已停止")
	r := w.bring("/api/v1/parcels/reward/receipts", "x.csv", []byte("备注,结果\n"+id+"/1,成功\n"))
	require.Equal(t, http.StatusOK, r.status, r.text)
	w.send(200, "POST", "/api/v1/writes/resume", map[string]any{})
	w.send(200, "POST", "/api/v1/platforms/home/pause", map[string]any{})
	require.Equal(t, http.StatusConflict, w.get("/parcels/home/"+w.parcel("home")["id"].(string)).status)
}

func TestTypeACard(t *testing.T) {
	w := carried(t)
	id := w.parcel("home")["id"].(string)
	require.Equal(t, "王建国 3912**************", w.parcel("home")["title"])
	card := w.get("/api/v1/parcels/home/" + id)
	require.Equal(t, []any{
		map[string]any{"label": "姓名", "text": "王建国", "find": true}, map[string]any{"label": "身份证号", "text": number(t, "1990-01-01", 1), "find": true},
		map[string]any{"label": "联系电话", "text": "13900000001"}, map[string]any{"label": "现住址", "text": "幸福小区3号楼2单元301室"}}, card.json["card"])
	w.send(422, "POST", "/api/v1/parcels/home/"+id+"/typed", map[string]any{"taken": true})
	w.send(422, "POST", "/api/v1/parcels/home/"+id+"/typed", map[string]any{"taken": false, "who": "李老师"})
	require.Empty(t, w.outcomes("home"))
	w.send(200, "POST", "/api/v1/parcels/home/"+id+"/typed", map[string]any{"taken": false, "who": "李老师", "reason": "系统提示：王建国不在本辖区"})
	require.Equal(t, "系统提示：…不在本辖区", w.outcomes("home")["h1"].Reason)

	w.push("home", connectors.Write{Intent: "h2", Key: number(t, "1990-01-01", 2), Set: map[string]string{"dh": "13900000009"}})
	id = w.parcel("home")["id"].(string)
	w.get("/parcels/home/" + id)
	r := w.do("POST", "/parcels/home/"+id+"/return", "who=%E6%9D%8E")
	require.Equal(t, http.StatusSeeOther, r.status, r.text)
	require.Equal(t, connectors.Busy, w.outcomes("home")["h2"].Status)

	w.push("home", connectors.Write{Intent: "h3", Key: number(t, "1990-01-01", 3), Set: map[string]string{"dh": "13900000008"}})
	id = w.parcel("home")["id"].(string)
	w.get("/parcels/home/" + id)
	w.send(200, "POST", "/api/v1/parcels/home/"+id+"/return", map[string]any{"who": "李老师"})
	require.Equal(t, connectors.Busy, w.outcomes("home")["h3"].Status)
	batch := w.parcel("reward")["id"].(string)
	require.Equal(t, http.StatusOK, w.get("/api/v1/parcels/reward/"+batch+"/document").status)
	w.send(200, "POST", "/api/v1/parcels/reward/"+batch+"/uploaded", map[string]any{"who": "李老师"})
}

func TestBringAnExport(t *testing.T) {
	w := carried(t)
	r := w.bring("/parcels/home/exports", "名单.csv", []byte("sfzh,xm,dh,zz\n"+number(t, "1990-01-01", 1)+",王建国,13900000001,\n"), "day", "2026-11-20")
	require.Equal(t, http.StatusSeeOther, r.status, r.text)
	require.Equal(t, 1, w.wakes())
	require.Contains(t, w.get(r.header.Get("Location")).text, "名单已收下")
	rows := 0
	require.NoError(t, w.connector("home").Pull(context.Background(), nil, func(b connectors.Batch) error {
		rows += len(b.Rows)
		return nil
	}))
	require.Equal(t, 1, rows)
	r = w.do("POST", "/api/v1/parcels/home/exports?name="+urlEscape("名单.csv")+"&day=2026-11-21", "sfzh,xm,dh,zz\n"+number(t, "1990-01-01", 1)+",王建国,13900000001,\n", "Content-Type", "application/octet-stream")
	require.Equal(t, http.StatusAccepted, r.status, r.text)
	for _, bad := range [][]string{{"名单.csv", "2027-01-01"}, {"名单.exe", "2026-11-20"}} {
		r = w.bring("/api/v1/parcels/home/exports", bad[0], []byte("x"), "day", bad[1])
		require.Equal(t, http.StatusUnprocessableEntity, r.status, r.text)
	}
}

// A resident's page says in plain words that somebody has to carry it.
func TestStatusOfWhatPeopleCarry(t *testing.T) {
	w := carried(t)
	id := w.resident(rec{platform: "reward", key: "A", values: schema.Values{"name": "王建国"}}, rec{platform: "home", key: "B", values: schema.Values{"name": "王建国"}})
	w.target(id, "reward", "A", store.TargetQueued, "")
	w.target(id, "home", "B", store.TargetQueued, "")
	page := w.get("/residents/" + id.String()).text
	require.Contains(t, page, "待上传")
	require.Contains(t, page, "待录入")
	require.Contains(t, w.get("/residents/"+id.String()+"?lang=en").text, "To be uploaded")
}

// Staff carry in a real browser: they type a card with its copy buttons, download
// a sheet, bring the receipt; and the same without scripts.
func TestBrowserCarries(t *testing.T) {
	w := carried(t)
	b := newBrowser(t)
	b.do(chromedp.Navigate(w.url + "/parcels"))
	shoot(b, "parcels")
	require.Equal(t, "王建国 3912**************", evaluate[string](b, `document.querySelector("#home .what").firstChild.textContent.trim()`))
	b.do(chromedp.Click(chromedp.CSS(`#home a.button`)), chromedp.WaitVisible(chromedp.CSS(`.typing .copy`)))
	shoot(b, "card")
	b.do(chromedp.Click(chromedp.CSS(`[data-copy=c-2]`)))
	b.eventually(`document.querySelector("[data-copy=c-2]").textContent === "已复制" && document.activeElement.value === "13900000001"`)
	b.do(chromedp.SendKeys(chromedp.CSS(`[name=who]`), "李老师"), chromedp.Click(chromedp.CSS(`button[value=yes]`)), chromedp.WaitVisible(chromedp.CSS(`.notice.good`)))
	require.Equal(t, connectors.Applied, w.outcomes("home")["h1"].Status)

	// The counts: a page that is no web address is no link.
	b.do(chromedp.Click(chromedp.CSS(`#oversight a.button`)), chromedp.WaitVisible(chromedp.CSS(`.typing`)))
	require.Equal(t, "<3", evaluate[string](b, `document.querySelector("#c-1").value`))
	require.False(t, evaluate[bool](b, `document.querySelector(".lead a") !== null`))
	require.Empty(t, b.complaints())

	b.noScripts()
	id := w.parcel("reward")["id"].(string)
	w.get("/parcels/reward/" + id + "/document")
	receipt := filepath.Join(t.TempDir(), "回执.csv")
	require.NoError(t, os.WriteFile(receipt, []byte("备注,结果,原因\n"+id+"/1,成功,\n"+id+"/2,失败,已停用\n"), 0o600))
	b.do(chromedp.Navigate(w.url+"/parcels"), chromedp.SetUploadFiles(chromedp.CSS(`#reward input[type=file]`), []string{receipt}),
		chromedp.Click(chromedp.CSS(`#reward .upload button`)), chromedp.WaitVisible(chromedp.CSS(`.notice.warn`)))
	require.Contains(t, evaluate[string](b, `document.querySelector(".notice").textContent`), "办结 1 行，退回 1 行")
	shoot(b, "receipt")
	require.Equal(t, connectors.Refused, w.outcomes("reward")["r1"].Status)

	b.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile, chromedp.EmulateScale(2)))
	for _, path := range []string{"/parcels", "/parcels?lang=en", "/parcels/oversight/" + w.parcel("oversight")["id"].(string)} {
		b.do(chromedp.Navigate(w.url + path))
		require.LessOrEqual(t, evaluate[int](b, `document.documentElement.scrollWidth`), 360, path)
		require.Empty(t, evaluate[[]string](b, `[...document.querySelectorAll("input:not([type=hidden])")].filter(e => !e.labels.length).map(e => e.name)`), path)
	}
}

// shoot keeps a picture where HEJI_SHOTS names a folder: for people to look at.
func shoot(b *browser, name string) {
	dir := os.Getenv("HEJI_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}
