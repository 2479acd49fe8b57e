package desk_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"heji/connectors/roster"
	"heji/schema"
	"heji/services/store"
)

// works lets the desk enter imports, until the returned function has stopped it.
func (w *world) works() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.desk.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(w.t, <-done)
		}
	}
	w.t.Cleanup(stop)
	return stop
}

// imported waits until an import is in a state.
func (w *world) imported(id, state string, header ...string) map[string]any {
	w.t.Helper()
	var last reply
	require.Eventually(w.t, func() bool {
		last = w.get("/api/v1/imports/"+id, header...)
		return last.json["state"] == state
	}, time.Minute, 50*time.Millisecond, "the import is not %s", state)
	return last.json
}

// ledger is a workbook as communities keep them, with two rows that are wrong.
func ledger(t *testing.T) []byte {
	t.Helper()
	book := excelize.NewFile()
	for i, row := range [][]any{
		{"安宁里社区居民台账"},
		{"序号", "姓名", "身份证号", "性别", "联系方式", "", "现住址"},
		{"", "", "", "", "手机", "座机", ""},
		{1, "王建国", number(t, "1980-05-01", 1), "男", "13800001111", "", "幸福小区3号楼2单元301室"},
		{2, "李桂兰", number(t, "1981-05-01", 2), "女", "13800002222", "", "幸福小区3号楼2单元302室"},
		{3, "赵小宝", "39123419800501999", "男", "13800003333", "", "幸福小区3号楼2单元303室"},
		{4, "", number(t, "1982-05-01", 4), "女", "13800004444", "", "幸福小区3号楼2单元304室"},
		{5, "钱多多", "", "男", "不详", "", "幸福小区3号楼2单元305室"},
		{"合计", 5},
	} {
		require.NoError(t, book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row))
	}
	for _, m := range [][2]string{{"A1", "G1"}, {"A2", "A3"}, {"B2", "B3"}, {"C2", "C3"}, {"D2", "D3"}, {"E2", "F2"}, {"G2", "G3"}} {
		require.NoError(t, book.MergeCell("Sheet1", m[0], m[1]))
	}
	var out bytes.Buffer
	require.NoError(t, book.Write(&out))
	require.NoError(t, book.Close())
	return out.Bytes()
}

// A list is brought, looked at, entered, and its failed rows are corrected and
// brought again; then it is undone as a whole.
func TestImport(t *testing.T) {
	w := newWorld(t)
	r := w.do("POST", "/api/v1/imports?name=%E5%8F%B0%E8%B4%A6.xlsx&who=%E6%9D%8E%E7%BA%A2", string(ledger(t)), "Content-Type", "application/octet-stream")
	require.Equal(t, 201, r.status, r.text)
	id := r.json["id"].(string)
	require.Equal(t, "draft", r.json["state"])
	require.EqualValues(t, 5, r.json["lines"])
	tried := r.json["tried"].(map[string]any)
	require.EqualValues(t, 3, tried["right"])
	require.EqualValues(t, 2, tried["bad"])
	require.NotContains(t, r.text, "13800001111", "numbers are masked")
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`), "nothing is saved before somebody has looked")

	w.works()
	w.send(202, "POST", "/api/v1/imports/"+id+"/start", map[string]any{"who": "李红"})
	done := w.imported(id, "done")
	require.EqualValues(t, 3, done["made"])
	require.EqualValues(t, 2, done["bad"])
	errs := done["errors"].([]any)
	require.Contains(t, fmt.Sprint(errs[0]), "18 位")
	require.Contains(t, fmt.Sprint(errs[1]), "请填写姓名")
	require.Equal(t, 3, w.count(`SELECT count(*) FROM desk_entries WHERE who = '李红'`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE record->'values'->>'name' = '王建国' AND record->'values'->>'birth_date' = '1980-05-01' AND record->'values'->>'sex' = '1'`))
	require.Zero(t, w.count(`SELECT count(*) FROM import_rows WHERE state = 'made' AND cells IS NOT NULL`), "what is entered is not kept twice")
	require.Positive(t, w.wakes())

	// The failed rows, as they stood, with the reason behind each.
	f := w.get("/imports/" + id + "/failed")
	require.Equal(t, 200, f.status, f.text)
	require.Equal(t, f.status, w.get("/api/v1/imports/"+id+"/failed").status)
	book, err := excelize.OpenReader(strings.NewReader(f.text))
	require.NoError(t, err)
	rows, err := book.GetRows("Sheet1")
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.Equal(t, "赵小宝", rows[1][1])
	require.Equal(t, "39123419800501999", rows[1][2], "a number stays a text")
	require.Contains(t, rows[1][7], "第 6 行：")
	// Corrected there and brought again: the reason is no column of a person.
	require.NoError(t, book.SetCellStr("Sheet1", "C2", number(t, "1980-05-01", 9)))
	require.NoError(t, book.SetCellStr("Sheet1", "B3", "孙晓晓"))
	var again bytes.Buffer
	require.NoError(t, book.Write(&again))
	require.NoError(t, book.Close())
	r = w.bring("/imports", "改好.xlsx", again.Bytes(), "who", "李红")
	require.Equal(t, 303, r.status, r.text)
	second := strings.TrimPrefix(r.header.Get("Location"), "/imports/")
	require.Equal(t, 303, w.do("POST", "/imports/"+second+"/start", "who=%E6%9D%8E%E7%BA%A2").status)
	require.EqualValues(t, 2, w.imported(second, "done")["made"])

	// The whole file once more: nobody is entered twice.
	r = w.bring("/imports", "台账.xlsx", ledger(t), "who", "李红")
	third := strings.TrimPrefix(r.header.Get("Location"), "/imports/")
	w.send(202, "POST", "/api/v1/imports/"+third+"/start", map[string]any{"who": "李红"})
	require.EqualValues(t, 3, w.imported(third, "done")["same"])
	require.Equal(t, 5, w.count(`SELECT count(*) FROM desk_entries`))

	// Undone as a whole; what the third says as well is kept until that is undone.
	undone := w.send(200, "POST", "/api/v1/imports/"+id+"/undo", map[string]any{"who": "李红"}).json
	require.EqualValues(t, 3, undone["kept"])
	undone = w.send(200, "POST", "/api/v1/imports/"+third+"/undo", map[string]any{"who": "李红"}).json
	require.EqualValues(t, 3, undone["undone"])
	w.send(200, "POST", "/api/v1/imports/"+third+"/undo", map[string]any{"who": "李红"})
	require.Equal(t, 3, w.count(`SELECT count(*) FROM desk_entries WHERE record->>'op' = 'delete'`), "once, however often it is asked for")
	w.send(409, "POST", "/api/v1/imports/"+third+"/start", map[string]any{"who": "李红"})
	// And brought once more after that, they are there again.
	r = w.bring("/imports", "台账.xlsx", ledger(t), "who", "李红")
	fourth := strings.TrimPrefix(r.header.Get("Location"), "/imports/")
	w.send(202, "POST", "/api/v1/imports/"+fourth+"/start", map[string]any{"who": "李红"})
	require.EqualValues(t, 3, w.imported(fourth, "done")["made"])
	require.Equal(t, 4, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'import'`))
	for _, secret := range []string{"王建国", "13800001111", number(t, "1980-05-01", 1)} {
		require.NotContains(t, w.log.String(), secret)
	}
}

// What somebody has changed since is not undone.
func TestUndoKeepsWhatWasChanged(t *testing.T) {
	w := newWorld(t)
	w.works()
	r := w.do("POST", "/api/v1/imports?name=a.csv&who=x", "姓名,身份证号,电话\n王建国,"+number(t, "1980-05-01", 1)+",13800001111\n李桂兰,"+number(t, "1981-05-01", 2)+",13800002222\n", "Content-Type", "text/csv")
	id := r.json["id"].(string)
	w.send(202, "POST", "/api/v1/imports/"+id+"/start", map[string]any{"who": "李红"})
	w.imported(id, "done")
	var request string
	require.NoError(t, w.db.QueryRow(context.Background(), `SELECT request FROM desk_entries ORDER BY id LIMIT 1`).Scan(&request))
	resident := w.merge(request)
	w.send(202, "PATCH", "/api/v1/residents/"+resident.String(), entry(map[string]string{"phone": "13900009999"}))
	undone := w.send(200, "POST", "/api/v1/imports/"+id+"/undo", map[string]any{"who": "李红"}).json
	require.EqualValues(t, 1, undone["undone"])
	require.EqualValues(t, 1, undone["kept"])
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE record->>'op' = 'delete'`))
}

// The columns as a person says, and what nobody can be entered from.
func TestImportColumns(t *testing.T) {
	w := newWorld(t)
	bring := func(content string) reply {
		return w.do("POST", "/api/v1/imports?name=a.csv&who=x", content, "Content-Type", "text/csv")
	}
	r := bring("姓名,甲,乙\n王建国,13800001111,汉族\n")
	id := r.json["id"].(string)
	start := "/api/v1/imports/" + id + "/start"
	for _, columns := range [][]string{{"name"}, {"name", "name", ""}, {"name", "corrections", ""}, {"name", "nothing", ""}, {"", "phone", ""}} {
		w.send(422, "POST", start, map[string]any{"who": "李红", "columns": columns})
	}
	r = w.send(202, "POST", start, map[string]any{"who": "李红", "columns": []string{"name", "phone", "ethnicity"}, "try": true})
	require.Equal(t, "draft", r.json["state"])
	require.Contains(t, r.text, "民族")
	require.Contains(t, r.text, "1380*******")
	for code, content := range map[string]string{"no_columns": "a,b\nx,y\n", "no_rows": "姓名,身份证号\n", "empty": "", "old": "\xD0\xCF\x11\xE0xx"} {
		r := bring(content)
		require.Equal(t, 422, r.status, code)
		require.Equal(t, "urn:heji:problem:import_"+code, r.json["type"])
		require.NotEmpty(t, r.json["detail"])
	}
	require.Equal(t, 404, w.get("/api/v1/imports/"+id+"/failed").status)
	require.Equal(t, 404, w.get("/imports/7e57ab1e-0000-4000-8000-000000000001").status)
	require.Equal(t, 404, w.get("/imports/x").status)
	// Far too much is refused with a sentence, on the page and by the API.
	large := strings.Repeat("x", roster.MaxBytes+1<<20)
	r = w.bring("/imports", "大.csv", []byte(large), "who", "x")
	require.Equal(t, 413, r.status)
	require.Contains(t, r.text, "不能超过 20 MB")
	r = bring(large)
	require.Equal(t, 413, r.status)
	require.Contains(t, r.json["detail"], "20 MB")
}

// A process that is killed in the middle leaves no line half entered, and the
// next one goes on: 10,000 people, each once.
func TestImportGoesOn(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	b.WriteString("姓名,出生日期,电话\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "王%c%c,1980-05-01,138%08d\n", '一'+rune(i%100), '一'+rune(i/100), i)
	}
	r := w.do("POST", "/api/v1/imports?name=a.csv&who=x", b.String(), "Content-Type", "text/csv")
	require.Equal(t, 201, r.status, r.text)
	id := r.json["id"].(string)
	w.send(202, "POST", "/api/v1/imports/"+id+"/start", map[string]any{"who": "李红"})
	stop := w.works()
	require.Eventually(t, func() bool { return w.get("/api/v1/imports/" + id).json["made"].(float64) > 0 }, time.Minute, 5*time.Millisecond)
	stop()
	half := w.get("/api/v1/imports/" + id).json
	entries := w.count(`SELECT count(*) FROM desk_entries`)
	require.EqualValues(t, entries, half["made"], "what is told is what was entered")
	w.works()
	done := w.imported(id, "done")
	require.EqualValues(t, 10_000, done["made"].(float64)+done["bad"].(float64)+done["same"].(float64))
	require.EqualValues(t, w.count(`SELECT count(*) FROM desk_entries`), done["made"])
	require.Greater(t, done["made"], 9_000.0)
	t.Logf("stopped at %d of 10,000", entries)
}

// A list must not tell who is registered elsewhere, nor bring them over.
func TestImportOfOthersPeople(t *testing.T) {
	w := twoCommunities(t)
	w.works()
	var b strings.Builder
	b.WriteString("姓名,身份证号\n欧阳沐辰," + w.idNumber + "\n王新," + number(t, "1990-05-01", 1) + "\n")
	r := w.do("POST", "/api/v1/imports?name=a.csv", b.String(), append(w.as("yongfu"), "Content-Type", "text/csv")...)
	require.Equal(t, 201, r.status, r.text)
	id := r.json["id"].(string)
	require.NotContains(t, r.text, "申请调入", "looking at it tells nothing")
	w.send(202, "POST", "/api/v1/imports/"+id+"/start", map[string]any{}, w.as("yongfu")...)
	done := w.imported(id, "done", w.as("yongfu")...)
	require.EqualValues(t, 1, done["made"])
	require.Contains(t, fmt.Sprint(done["errors"]), "已在其他社区登记，申请调入")
	require.Equal(t, 404, w.get("/api/v1/imports/"+id, w.as("anning")...).status, "nobody sees another's")
	require.Equal(t, 404, w.get("/imports/"+id, w.as("steward")...).status)
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries WHERE record->'values'->>'name' = '欧阳沐辰'`))

	// Nor without a number: what would be joined with somebody who is not seen.
	w.resident(rec{platform: "volunteers", key: "V-alone", at: today.Add(-48 * time.Hour), values: schema.Values{"name": "司徒映雪", "sex": "2", "birth_date": "1991-04-09",
		"phone": "13700007777", "residence": at(anning, "909"), "hukou_address": at(anning, "909")}})
	r = w.do("POST", "/api/v1/imports?name=c.csv", "姓名,出生日期,性别,电话\n司徒映雪,1991-04-09,女,13700007777\n", append(w.as("yongfu"), "Content-Type", "text/csv")...)
	id = r.json["id"].(string)
	w.send(202, "POST", "/api/v1/imports/"+id+"/start", map[string]any{}, w.as("yongfu")...)
	alone := w.imported(id, "done", w.as("yongfu")...)
	require.EqualValues(t, 1, alone["bad"], "%v", alone)
	require.Contains(t, fmt.Sprint(alone["errors"]), "已在其他社区登记，申请调入")
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries WHERE record->'values'->>'name' = '司徒映雪'`))

	// Many at once: it stops, and tells no more than may be asked for by hand.
	b.Reset()
	b.WriteString("姓名,身份证号\n")
	for i := range store.ClaimHits + 5 {
		n := number(t, "1970-01-01", i+1)
		w.resident(rec{platform: "pension", key: fmt.Sprint("P", i), at: today, values: schema.Values{"name": "某某", "id_number": n, "residence": at(anning, "7")}})
		b.WriteString("某某," + n + "\n")
	}
	r = w.do("POST", "/api/v1/imports?name=b.csv", b.String(), append(w.as("yongfu"), "Content-Type", "text/csv")...)
	id = r.json["id"].(string)
	w.send(202, "POST", "/api/v1/imports/"+id+"/start", map[string]any{}, w.as("yongfu")...)
	stopped := w.imported(id, "stopped", w.as("yongfu")...)
	require.EqualValues(t, store.ClaimHits-2, stopped["bad"], "two were told above")
	require.EqualValues(t, 7, stopped["waiting"])
	require.Equal(t, 429, w.send(429, "POST", "/api/v1/claims", map[string]any{"id_number": w.idNumber}, w.as("yongfu")...).status)
}

func TestBrowserImports(t *testing.T) {
	w := newWorld(t)
	w.works()
	file := filepath.Join(t.TempDir(), "安宁里台账.xlsx")
	require.NoError(t, os.WriteFile(file, ledger(t), 0o600))
	b := newBrowser(t)
	b.do(chromedp.Navigate(w.url+"/imports"), chromedp.SetUploadFiles(chromedp.CSS(`#file`), []string{file}),
		chromedp.SendKeys(chromedp.CSS(`.bring [name=who]`), "李红"), chromedp.Click(chromedp.CSS(`.bring button`)))
	b.eventually(`document.querySelectorAll(".import-columns tbody tr").length === 7 && document.body.textContent.includes("3 行可以导入")`)
	require.Equal(t, "phone", evaluate[string](b, `document.querySelector("[name='column.4']").value`))
	shoot(b, "import-preview")
	b.do(chromedp.Click(chromedp.CSS(`button[value=start]`)))
	b.eventually(`document.querySelector(".counts .proud b") && document.querySelector(".counts .proud b").textContent === "3" && document.body.textContent.includes("第 6 行")`)
	b.eventually(`document.querySelector("a[href$='/failed']") !== null && document.querySelector("[data-import-poll]") === null`)
	shoot(b, "import-done")
	b.do(chromedp.Click(chromedp.CSS(`.undo summary`)), chromedp.Click(chromedp.CSS(`.undo button`)))
	b.eventually(`document.body.textContent.includes("已撤销 3 条")`)
	require.Equal(t, 3, w.count(`SELECT count(*) FROM desk_entries WHERE record->>'op' = 'delete'`))
	require.Empty(t, b.complaints())
}
