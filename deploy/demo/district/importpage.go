package district

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// importPage is a platform with an import page for Excel files and no other way
// in: 奖励扶助, 困境儿童, 党员管理. It reads an upload at the places of its own
// template and answers each row; it exports everybody into a folder, as an office
// does, or onto a stick where its machine has no network.
type importPage struct {
	*office
	form importForm
}

// importForm is how one page wants its sheet, and how it answers.
type importForm struct {
	title   string
	headers int      // rows of headings
	columns []string // in the page's order: columns of the layout, and what is the page's own
	remark  string   // column that comes back as it was
	hidden  bool     // it gives the whole workbook back, whatever else is in it
	// answer writes what became of each row.
	answer func(f importForm, uploaded string, book []byte, done []importRow) (name string, content []byte, err error)
}

// importRow is one row of an upload and what the page made of it.
type importRow struct {
	number                     int // in the sheet, from 1
	cells                      Row
	status, reason, column, id string
}

// start is the first row of people, from 1.
func (f importForm) start() int { return 2 + f.headers }

func newImportPage(l *ledger, dir string, s sheet, form importForm, opts Options) *importPage {
	return &importPage{office: newOffice(l, dir, s, opts), form: form}
}

// start writes the page's blank template beside the exports.
func (i *importPage) start() error {
	if err := i.office.start(); err != nil {
		return err
	}
	blank, err := i.form.blank()
	if err != nil {
		return err
	}
	return writeFile(i.Template(), blank)
}

// Template is where the blank template is that the page offers for download.
func (i *importPage) Template() string { return filepath.Join(i.dir, "template.xlsx") }

// Exported returns the newest export, as somebody carries it on a stick.
func (i *importPage) Exported() (name string, content []byte, err error) {
	list, err := os.ReadDir(filepath.Join(i.dir, exportFolder))
	if err != nil {
		return "", nil, err
	}
	for _, f := range slices.Backward(list) {
		if f.IsDir() || strings.HasPrefix(f.Name(), ".") {
			continue
		}
		content, err = os.ReadFile(filepath.Join(i.dir, exportFolder, f.Name()))
		return f.Name(), content, err
	}
	return "", nil, nil
}

// blank draws the template: a title, headings with merged cells, one example.
func (f importForm) blank() ([]byte, error) {
	example := make([]string, len(f.columns))
	for i := range example {
		example[i] = "示例"
	}
	return mergedSheet{name: "导入", title: f.title, rows: f.headers}.write([][]string{f.columns, example})
}

// Upload is what the page does with a file: every row is checked and taken or
// not, and the answer lists them. A file that is not of its template is refused
// whole.
func (i *importPage) Upload(name string, content []byte) (receipt string, answer []byte, err error) {
	book, err := excelize.OpenReader(bytes.NewReader(content))
	if err != nil {
		return "", nil, fmt.Errorf("%s: 文件不是 Excel 工作簿: %w", i.id, err)
	}
	lines, err := book.GetRows(book.GetSheetName(0))
	if err = errors.Join(err, book.Close()); err != nil {
		return "", nil, err
	}
	if len(lines) < i.form.start()-1 || len(lines[0]) == 0 || lines[0][0] != i.form.title {
		return "", nil, fmt.Errorf("%s: 不是本系统的导入模板", i.id)
	}
	last := lines[i.form.start()-2]
	for at, c := range i.form.columns {
		if want := c[strings.LastIndex(c, "/")+1:]; i.form.headers == 1 && (at >= len(last) || last[at] != want) {
			return "", nil, fmt.Errorf("%s: 表头第 %d 列应为“%s”", i.id, at+1, want)
		}
	}
	var done []importRow
	for at, line := range lines[i.form.start()-1:] {
		row := importRow{number: i.form.start() + at, cells: Row{}}
		for j, c := range i.form.columns {
			if j < len(line) {
				row.cells[c] = line[j]
			}
		}
		token := row.cells[i.form.remark]
		if i.form.hidden && len(line) > len(i.form.columns) {
			token = line[len(i.form.columns)]
		}
		if token == "" {
			token = fmt.Sprintf("%s#%d", strings.TrimSuffix(name, ".xlsx"), row.number)
		}
		if err := i.take(&row, token); err != nil {
			return "", nil, err
		}
		done = append(done, row)
	}
	return i.form.answer(i.form, name, content, done)
}

// take does one row. An empty cell leaves the field alone.
func (i *importPage) take(row *importRow, token string) error {
	key, set := row.cells[i.layout.Key], Row{}
	for c, v := range row.cells {
		if c != i.form.remark && c != i.layout.Key && c != i.layout.Changed && v != "" {
			set[c] = v
		}
		if v == batchErase {
			set[c] = ""
		}
	}
	row.id, row.status = key, statusDone
	q := request{Write: Write{Intent: token, Key: key, Set: set}, token: "row " + token}
	q.reply = func(*stored) json.RawMessage { return mustJSON([]string{statusDone, "", ""}) }
	q.refusal = func(column, reason string) json.RawMessage { return mustJSON([]string{statusRefused, column, reason}) }
	out, err := i.accept(q)
	switch {
	case err != nil:
		return err
	case out.replay != nil:
		var was []string
		if err := json.Unmarshal(out.replay, &was); err != nil {
			return err
		}
		row.status, row.column, row.reason = was[0], was[1], was[2]
	case out.gone:
		row.status, row.reason = statusGone, "没有该人员"
	case out.reason != "":
		row.status, row.column, row.reason = statusRefused, out.column, out.reason
	}
	return nil
}

// remarks answers with a sheet of its own that repeats the remark.
func remarks(f importForm, _ string, _ []byte, done []importRow) (string, []byte, error) {
	lines := [][]string{{"人员编号", "导入结果", "失败原因", "问题列", f.remark}}
	for _, row := range done {
		lines = append(lines, []string{row.id, row.status, row.reason, row.column, row.cells[f.remark]})
	}
	b, err := xlsxSheet{name: "导入结果"}.write(lines)
	return "导入结果.xlsx", b, err
}

// failures answers with what went wrong only, by row number, in GBK.
func failures(_ importForm, uploaded string, _ []byte, done []importRow) (string, []byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	lines := [][]string{{"行号", "失败原因", "字段"}}
	for _, row := range done {
		if row.status != statusDone {
			lines = append(lines, []string{fmt.Sprint(row.number), row.reason, row.column})
		}
	}
	err := w.WriteAll(lines)
	return strings.TrimSuffix(uploaded, ".xlsx") + "_失败明细.csv", toGBK(b.String()), err
}

// sameBook gives the workbook back with the outcome at the end of each row.
func sameBook(f importForm, _ string, content []byte, done []importRow) (name string, out []byte, err error) {
	book, err := excelize.OpenReader(bytes.NewReader(content))
	if err != nil {
		return "", nil, err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	sheet, first := book.GetSheetName(0), len(f.columns)+2
	put := func(x, y int, text string) {
		cell, cellErr := excelize.CoordinatesToCellName(x, y)
		err = errors.Join(err, cellErr)
		if err == nil {
			err = book.SetCellStr(sheet, cell, text)
		}
	}
	for i, text := range []string{"导入结果", "失败原因", "问题列"} {
		put(first+i, f.start()-1, text)
	}
	for _, row := range done {
		for i, text := range []string{row.status, row.reason, row.column} {
			put(first+i, row.number, text)
		}
	}
	if err != nil {
		return "", nil, err
	}
	var b bytes.Buffer
	err = book.Write(&b)
	return "党员信息_已导入.xlsx", b.Bytes(), err
}
