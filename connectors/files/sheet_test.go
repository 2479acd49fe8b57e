package files

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"heji/connectors"
	"heji/schema"
)

const legacy = "  pattern: tz_{date}.xlsx\n  done_marker: rename\n  format: xlsx\n  header_row: 3\n  header_rows: 2\n  skip: [小计, 备注, 填表人]\n"

// ledger is a workbook as a community office keeps it: a title over all
// columns, a line about who made it, a header of two rows, a merged household, a
// sum, notes.
func ledger(t *testing.T, change func(book *excelize.File)) []byte {
	t.Helper()
	book := excelize.NewFile()
	rows := [][]any{
		{"某某社区人口台账"},
		{"填报单位：某某社区", "", "", "2026年1月"},
		{"序号", "基本信息", "", "联系", "住址"},
		{"", "姓 名", "性别", "电话", ""},
		{"id1", "张三", "男", "138", "1幢"},
		{"id2", "李四", "女", "139", ""},
		{"小计", "", "", "2"},
		{"id3", "王五", "男", "137", "2幢"},
		{"合计", 3},
		{"备注：本表一式两份"},
		{"填表人：某某", "", "审核人："},
	}
	for i, cells := range rows {
		for j, v := range cells {
			cell, err := excelize.CoordinatesToCellName(j+1, i+1)
			require.NoError(t, err)
			require.NoError(t, book.SetCellValue("Sheet1", cell, v))
		}
	}
	for _, m := range [][2]string{{"A1", "E1"}, {"B3", "C3"}, {"A3", "A4"}, {"E3", "E4"}, {"E5", "E6"}, {"A10", "E10"}} {
		require.NoError(t, book.MergeCell("Sheet1", m[0], m[1]))
	}
	if change != nil {
		change(book)
	}
	var out bytes.Buffer
	require.NoError(t, book.Write(&out))
	require.NoError(t, book.Close())
	return out.Bytes()
}

// ledgerOf opens a platform that reads such sheets.
func ledgerOf(t *testing.T, connect string, data []byte) *reader {
	t.Helper()
	dir, c := folderOf(t, connect)
	c.platform.Key = []string{"序号"}
	c.columns = []string{"序号", "基本信息/姓名", "联系/电话", "住址"}
	put(t, dir, "tz_20260101.xlsx", data)
	return c
}

func TestLegacySheet(t *testing.T) {
	c := ledgerOf(t, legacy+"  trailer: {starts: 合计}\n", ledger(t, nil))
	batches, _, err := read(c, nil)
	require.NoError(t, err)
	rows := rowsOf(batches)
	require.Len(t, rows, 3)
	require.Equal(t, map[string]string{"序号": "id1", "基本信息/姓名": "张三", "联系/电话": "138", "住址": "1幢"}, rows[0].Columns)
	require.Equal(t, "1幢", rows[1].Columns["住址"], "a merged household has one address")
	require.Equal(t, "2幢", rows[2].Columns["住址"])
	require.True(t, batches[len(batches)-1].Complete)
}

func TestSheetsThatAreRefused(t *testing.T) {
	set := func(cell string, v any) func(*excelize.File) {
		return func(b *excelize.File) { require.NoError(t, b.SetCellValue("Sheet1", cell, v)) }
	}
	plain := ledger(t, nil)
	for _, test := range []struct {
		name, connect string
		data          []byte
		says          string
	}{
		{"a renamed column", "", ledger(t, set("D4", "手机")), "has no column 联系/电话"},
		{"a column twice", "", ledger(t, func(b *excelize.File) { set("F3", "联系")(b); set("F4", "电话")(b) }), "the column 联系/电话 twice"},
		{"a count that is not right", "  trailer: {starts: 合计}\n", ledger(t, set("B9", 4)), "it counts 4 rows but holds 3"},
		{"a formula for a phone", "", ledger(t, func(b *excelize.File) { require.NoError(t, b.SetCellFormula("Sheet1", "D6", "D5+1")) }),
			"in line 6 the column 联系/电话 is a formula"},
		{"half a workbook", "", plain[:len(plain)/2], "no complete XLSX workbook"},
		{"a zip without its end", "", plain[:len(plain)-30], "no complete XLSX workbook"},
		{"an old workbook", "", append([]byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), make([]byte, 512)...), "save it as .xlsx without a password"},
		{"a page instead", "", []byte("<html><table><tr><td>x</td></tr></table></html>"), "no complete XLSX workbook"},
		{"no such sheet", "  sheet: 台账\n", plain, "it has no sheet 台账"},
		{"a part that unpacks without end", "", bomb(t, plain, func(w io.Writer) {
			for range 100 {
				_, err := w.Write(bytes.Repeat([]byte{' '}, 1<<20))
				require.NoError(t, err)
			}
		}), "unpacks to 300 times its size"},
		{"a million empty rows", "", bomb(t, plain, func(w io.Writer) {
			for n := 20; n < 1_000_000; n++ {
				fmt.Fprintf(w, `<row r="%d" ht="14.25"/>`, n)
			}
		}), "more than 100000 empty rows"},
		{"one cell at the very end", "", bomb(t, plain, func(w io.Writer) {
			fmt.Fprint(w, `<row r="1048576"><c r="A1048576"><v>1</v></c></row>`)
		}), "more than 100000 empty rows"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := ledgerOf(t, legacy+test.connect, test.data)
			batches, at, err := read(c, nil)
			require.ErrorIs(t, err, connectors.ErrLayout)
			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, "tz_20260101.xlsx")
			require.Empty(t, batches)
			require.Nil(t, at)
		})
	}
}

// bomb puts rows at the end of a workbook's sheet.
func bomb(t *testing.T, book []byte, rows func(w io.Writer)) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
	require.NoError(t, err)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, part := range in.File {
		r, err := part.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		to, err := w.Create(part.Name)
		require.NoError(t, err)
		before, after, ok := strings.Cut(string(data), "</sheetData>")
		_, err = io.WriteString(to, before)
		require.NoError(t, err)
		if ok {
			rows(to)
			_, err = io.WriteString(to, "</sheetData>"+after)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// An ID number in a number's cell has lost digits: nobody is made of it.
func TestRoundedNumbers(t *testing.T) {
	c := ledgerOf(t, legacy, ledger(t, func(b *excelize.File) {
		require.NoError(t, b.SetCellValue("Sheet1", "D5", 190101199001010000.0))
		style, err := b.NewStyle(&excelize.Style{NumFmt: 1}) // shows all digits, wrong ones too
		require.NoError(t, err)
		require.NoError(t, b.SetCellStyle("Sheet1", "D5", "D5", style))
		require.NoError(t, b.SetCellInt("Sheet1", "D6", 13900000001))
		require.NoError(t, b.SetCellInt("Sheet1", "A8", 190101199001011234))
	}))
	batches, _, err := read(c, nil)
	require.ErrorContains(t, err, "1 rows could not be read far enough to know whose they are")
	rows := rowsOf(batches)
	require.Len(t, rows, 4) // the counting row has no trailer setting here, and no key of a person
	require.Equal(t, schema.OpDead, rows[0].Op)
	require.Equal(t, schema.ProblemUnreadable, rows[0].Problem)
	require.Equal(t, "tz_20260101.xlsx:5, column 联系/电话: a number that Excel has rounded; the cells must be text", rows[0].Place)
	require.Equal(t, "13900000001", rows[1].Columns["联系/电话"], "eleven digits are whole")
	require.Equal(t, schema.OpDead, rows[2].Op, "the key itself")
	for _, b := range batches {
		require.False(t, b.Complete)
	}
}

func TestIsRounded(t *testing.T) {
	for text, want := range map[string]bool{"1.23E+17": true, "1.23456789012345E+14": false, "1E+15": true, "1.5e300": true, "3.3E-5": false,
		"190101199001011234": true, "123456789012345": false, "13900000001": false, "0.30000000000000004": false, "张三": false, "": false} {
		require.Equal(t, want, isRounded(text), text)
	}
}

func FuzzSheet(f *testing.F) {
	f.Add([]byte(`<worksheet><sheetData><row r="1"><c r="A1"><f>x</f><v>1.2E+17</v></c></row></sheetData><mergeCells><mergeCell ref="A1:B2"/></mergeCells></worksheet>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := scanSheet(bytes.NewReader(data)); err == nil {
			require.LessOrEqual(t, len(s.merged), maxMerged)
		}
	})
}

// A workbook of any bytes is a refused file or rows, never a crash.
func FuzzWorkbook(f *testing.F) {
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.xlsx")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		src, err := open(path, Shape{Format: xlsxFormat, HeaderRow: 1, HeaderRows: 2}, "")
		if err != nil {
			return
		}
		defer src.close()
		for {
			if _, err := src.next(); err != nil {
				return
			}
		}
	})
}
