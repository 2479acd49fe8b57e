package template

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/connectors"
	"heji/connectors/conformance"
)

// bureau is a department whose platform has an import page and nothing else. It
// reads an upload at the places of its own template, with none of our code.
type bureau struct {
	dir    string
	drawn  bool // it has no template: it takes any sheet with its headers in its order
	rows   map[string]map[string]string
	day    int
	writes int
	next   int
	back   func(t testing.TB, uploaded []upload, name string, book []byte) (string, []byte) // how it answers
}

// upload is one row that it read, and what it made of it.
type upload struct {
	row                             int // in the sheet
	cells                           map[string]string
	status, reason, column, id, key string
}

func newBureau(t testing.TB) *bureau {
	b := &bureau{dir: t.TempDir(), rows: map[string]map[string]string{}, next: 500}
	b.back = receiptSheet
	require.NoError(t, os.Mkdir(filepath.Join(b.dir, "out"), 0o755))
	b.blank(t)
	return b
}

// blank writes the platform's own template: a title, headers in two rows with
// merged cells, a required column with a star, a list of permitted values, an
// example that must not be uploaded.
func (b *bureau) blank(t testing.TB) {
	t.Helper()
	book := excelize.NewFile()
	require.NoError(t, book.SetSheetName("Sheet1", "导入"))
	set := func(cell, text string) { require.NoError(t, book.SetCellStr("导入", cell, text)) }
	set("A1", "人员信息导入表（请勿改动表头）")
	require.NoError(t, book.MergeCell("导入", "A1", "F1"))
	for cell, text := range map[string]string{"A2": "编号", "B2": "基本信息", "B3": "*姓 名", "C3": "*公民身份\n号码", "D2": "联系方式", "D3": "手机", "E2": "操作", "F2": "备注"} {
		set(cell, text)
	}
	for _, m := range [][2]string{{"A2", "A3"}, {"B2", "C2"}, {"E2", "E3"}, {"F2", "F3"}} {
		require.NoError(t, book.MergeCell("导入", m[0], m[1]))
	}
	for i, text := range []string{"例", "张三", "190101199003070018", "13900000000", "修改", "示例，请删除"} {
		cell, err := excelize.CoordinatesToCellName(i+1, 4)
		require.NoError(t, err)
		set(cell, text)
	}
	v := excelize.NewDataValidation(true)
	v.Sqref = "E4:E1000"
	require.NoError(t, v.SetDropList([]string{"新增", "修改"}))
	require.NoError(t, book.AddDataValidation("导入", v))
	require.NoError(t, book.SaveAs(filepath.Join(b.dir, "blank.xlsx")))
	require.NoError(t, book.Close())
}

func (b *bureau) yaml() string {
	return `platform: bureau
name: 奖励扶助
kind: template
class: C
key: [id]
cadence: 24h
natural: [id_number]
connect:
  template: ` + b.dir + `/blank.xlsx
  start_row: 4
  headers: 2
  rows: 50
  columns:
    - {column: id, header: 编号}
    - {column: xm, header: 基本信息/姓名}
    - {column: sfzh, header: 公民身份号码}
    - {column: sjhm, header: 联系方式/手机}
    - {column: cz, header: 操作}
    - {column: bz, at: F}
  operation: {column: cz, update: 修改, create: 新增}
  token: {column: bz}
  receipt:
    token_column: 备注
    status_column: 结果
    ok: [成功]
    exists: [已存在]
    gone: [查无此人]
    reason_column: 原因
    column_column: 问题列
    key_column: 编号
  export: {dir: ` + b.dir + `/out, pattern: "full_{date}.csv", encoding: gbk, page: 7}
fields:
  name: {column: xm}
  phone: {column: sjhm}
  id_number: {column: sfzh}
agreement:
  receives: {phone: overwrite, name: overwrite, id_number: overwrite}
  creates: true
`
}

func (b *bureau) Insert(_ testing.TB, rows ...map[string]string) {
	for _, r := range rows {
		b.rows[r["id"]] = maps.Clone(r)
	}
}
func (b *bureau) Update(t testing.TB, rows ...map[string]string) { b.Insert(t, rows...) }
func (b *bureau) Delete(_ testing.TB, ids ...string) {
	for _, id := range ids {
		delete(b.rows, id)
	}
}
func (b *bureau) Row(_ testing.TB, id string) (map[string]string, bool) {
	r, ok := b.rows[id]
	return r, ok
}
func (b *bureau) Writes(testing.TB) int { return b.writes }
func (b *bureau) Process(testing.TB)    {}

// Publish exports everybody.
func (b *bureau) Publish(t testing.TB) {
	b.day++
	b.export(t, time.Date(2026, 1, b.day, 0, 0, 0, 0, time.UTC))
}

func (b *bureau) export(t testing.TB, day time.Time) {
	t.Helper()
	table := [][]string{{"id", "xm", "sjhm", "sfzh"}}
	for _, id := range slices.Sorted(maps.Keys(b.rows)) {
		table = append(table, []string{id, b.rows[id]["xm"], b.rows[id]["sjhm"], b.rows[id]["sfzh"]})
	}
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "out", "full_"+day.In(time.FixedZone("CST", 8*3600)).Format("20060102150405")+".csv"), []byte(gbk(t, table)), 0o644))
}

func gbk(t testing.TB, table [][]string) string {
	var text bytes.Buffer
	require.NoError(t, csv.NewWriter(&text).WriteAll(table))
	out, err := simplifiedchinese.GBK.NewEncoder().String(text.String())
	require.NoError(t, err)
	return out
}

// Carry is what staff do: download each batch, upload it, bring the receipt.
func (b *bureau) Carry(t testing.TB, c connectors.Courier) {
	ctx := context.Background()
	parcels, err := c.Parcels(ctx)
	require.NoError(t, err)
	for _, p := range parcels {
		doc, err := c.Document(ctx, p.ID)
		if errors.Is(err, connectors.ErrHeld) {
			continue
		}
		require.NoError(t, err)
		name, receipt := b.take(t, doc.Name, doc.Content)
		_, err = c.Receive(ctx, name, receipt)
		require.NoError(t, err)
	}
}

// take is the platform's import page.
func (b *bureau) take(t testing.TB, name string, content []byte) (string, []byte) {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(content))
	require.NoError(t, err)
	defer book.Close()
	rows, err := book.GetRows(book.GetSheetName(0))
	require.NoError(t, err)
	columns, from := []string{"id", "xm", "sfzh", "sjhm", "cz", "bz"}, 3
	if b.drawn {
		from = 2
	}
	var done []upload
	for i, cells := range rows[from:] {
		u := upload{row: from + 1 + i, cells: map[string]string{}}
		for j, c := range columns {
			if j < len(cells) {
				u.cells[c] = cells[j]
			}
		}
		b.carry(&u)
		done = append(done, u)
	}
	return b.back(t, done, name, content)
}

func (b *bureau) carry(u *upload) {
	c := u.cells
	u.status = "成功"
	switch {
	case len([]rune(c["xm"])) > 20:
		u.status, u.reason, u.column = "失败", "姓名“"+c["xm"]+"”过长，证件190000199001011234", "姓名"
		return
	case c["cz"] == "新增":
		for id, r := range b.rows {
			if r["sfzh"] == c["sfzh"] {
				u.status, u.reason, u.id = "已存在", "重复", id
				return
			}
		}
		b.next++
		u.id = fmt.Sprintf("P%d", b.next)
		b.rows[u.id] = map[string]string{"id": u.id}
	default:
		u.id = c["id"]
		if b.rows[u.id] == nil {
			u.status, u.reason = "查无此人", "编号不存在"
			return
		}
	}
	b.writes++
	for _, column := range []string{"xm", "sfzh", "sjhm"} {
		if c[column] != "" { // it leaves what is empty
			b.rows[u.id][column] = c[column]
		}
	}
}

// receiptSheet is the receipt of most platforms: its remark column comes back.
func receiptSheet(t testing.TB, done []upload, _ string, _ []byte) (string, []byte) {
	t.Helper()
	book := excelize.NewFile()
	table := [][]any{{"编号", "结果", "原因", "问题列", "备注"}}
	for _, u := range done {
		table = append(table, []any{u.id, u.status, u.reason, u.column, u.cells["bz"]})
	}
	for i, line := range table {
		require.NoError(t, book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &line))
	}
	var out bytes.Buffer
	require.NoError(t, book.Write(&out))
	require.NoError(t, book.Close())
	return "导入结果.xlsx", out.Bytes()
}

// failures is the receipt of those that list only what went wrong, by row number,
// under the name of the file that was uploaded.
func failures(t testing.TB, done []upload, name string, _ []byte) (string, []byte) {
	table := [][]string{{"行号", "失败原因", "编号"}}
	for _, u := range done {
		if u.status != "成功" {
			table = append(table, []string{fmt.Sprint(u.row), u.reason, u.id})
		}
	}
	return strings.TrimSuffix(name, ".xlsx") + "_失败明细.csv", []byte(gbk(t, table))
}

// sameBook gives the workbook back with columns at its end.
func sameBook(t testing.TB, done []upload, _ string, content []byte) (string, []byte) {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(content))
	require.NoError(t, err)
	sheet := book.GetSheetName(0)
	rows, err := book.GetRows(sheet)
	require.NoError(t, err)
	x := len(rows[len(rows)-1]) + 1
	put := func(dx, y int, text string) {
		cell, err := excelize.CoordinatesToCellName(x+dx, y)
		require.NoError(t, err)
		require.NoError(t, book.SetCellStr(sheet, cell, text))
	}
	for i, text := range []string{"结果", "原因", "问题列", "新编号"} {
		put(i, done[0].row-1, text)
	}
	for _, u := range done {
		for i, text := range []string{u.status, u.reason, u.column, u.id} {
			put(i, u.row, text)
		}
	}
	var out bytes.Buffer
	require.NoError(t, book.Write(&out))
	require.NoError(t, book.Close())
	return "result.xlsx", out.Bytes()
}

func harness(change func(t *testing.T, b *bureau, yaml string) string) conformance.Harness {
	return conformance.Harness{
		New: func(t *testing.T) (conformance.Platform, string) {
			b := newBureau(t)
			return b, change(t, b, b.yaml())
		},
		Env: func(string) (string, bool) { return "", false },
		Bad: []conformance.Bad{
			{Name: "no template", YAML: func(y string) string { return strings.Replace(y, "/blank.xlsx", "/none.xlsx", 1) }, Says: "Download it from the platform's import page"},
			{Name: "another header", YAML: func(y string) string { return strings.Replace(y, "header: 公民身份号码", "header: 证件号", 1) }, Says: "it has no header 证件号 in the rows 2 to 3"},
			{Name: "no way to know", YAML: func(y string) string { return y[:strings.Index(y, "  receipt:")] + y[strings.Index(y, "fields:"):] }, Says: "nobody could ever know what became of an upload"},
			{Name: "no such column", YAML: func(y string) string { return strings.Replace(y, "token: {column: bz}", "token: {column: bza}", 1) }, Says: "token needs either column, one of columns"},
			{Name: "no column for what is received", YAML: func(y string) string {
				return strings.Replace(y, "    - {column: sjhm, header: 联系方式/手机}\n", "", 1)
			}, Says: "connect.columns does not hold sjhm"},
			{Name: "misspelt", YAML: func(y string) string { return strings.Replace(y, "start_row", "start_rwo", 1) }, Says: `Did you mean "start_row"?`},
		},
		Vanishing: true, Queued: true, Batched: true,
	}
}

func TestConformance(t *testing.T) {
	t.Run("receipt with tokens", func(t *testing.T) {
		conformance.Run(t, harness(func(_ *testing.T, _ *bureau, y string) string { return y }))
	})
	t.Run("the same workbook back", func(t *testing.T) {
		h := harness(func(_ *testing.T, b *bureau, y string) string {
			b.drawn, b.back = true, sameBook
			a, z := strings.Index(y, "  template:"), strings.Index(y, "  operation:")
			y = y[:a] + "  title: [人员信息导入表]\n  columns: [{column: id}, {column: xm, header: 姓名}, {column: sfzh}, {column: sjhm}, {column: cz}, {column: bz}]\n" + y[z:]
			a, z = strings.Index(y, "  receipt:"), strings.Index(y, "  export:")
			return strings.Replace(y[:a], "{column: bz}\n  receipt", "x", 1) +
				"  receipt: {header_row: 2, token_column: 批次标识, status_column: 结果, ok: [成功], exists: [已存在], gone: [查无此人], reason_column: 原因, column_column: 问题列, key_column: 新编号}\n" + y[z:]
		})
		h.Bad = nil
		good := h.New
		h.New = func(t *testing.T) (conformance.Platform, string) {
			p, y := good(t)
			return p, strings.Replace(y, "token: {column: bz}", "token: {hidden: yes}", 1)
		}
		conformance.Run(t, h)
	})
}
