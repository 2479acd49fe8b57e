package roster

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/schema"
	"heji/schema/idnum"
)

func number(t *testing.T, order int) string {
	t.Helper()
	n, err := idnum.Make("391234", "1980-05-01", order)
	require.NoError(t, err)
	return n
}

// workbook writes rows, and merges ranges.
func workbook(t *testing.T, rows [][]any, merged ...string) []byte {
	t.Helper()
	book := excelize.NewFile()
	for i, row := range rows {
		require.NoError(t, book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row))
	}
	for _, m := range merged {
		a, b, _ := strings.Cut(m, ":")
		require.NoError(t, book.MergeCell("Sheet1", a, b))
	}
	var out bytes.Buffer
	require.NoError(t, book.Write(&out))
	require.NoError(t, book.Close())
	return out.Bytes()
}

func meant(r Roster) map[string]schema.Attribute {
	out := map[string]schema.Attribute{}
	for _, c := range r.Columns {
		if c.Attribute != "" {
			out[c.Name] = c.Attribute
		}
	}
	return out
}

// As communities keep them: a title, a header of two rows with merged cells, an
// address merged over a household, a sum and a signature below.
func TestALedgerAsItIsKept(t *testing.T) {
	content := workbook(t, [][]any{
		{"安宁里社区居民台账（2026年）"},
		{"序号", "姓 名", "公民身份号码", "联系方式", "", "现住址", "备注"},
		{"", "", "", "手机", "座机", "", ""},
		{1, "王建国", number(t, 1), "13800001111", "0871-6123456", "幸福小区3号楼2单元301室", ""},
		{2, "李桂兰", number(t, 2), "13800002222", "", "", "独居"},
		{3, "赵小宝", number(t, 3), "无", "", "幸福小区3号楼2单元302室", ""},
		{},
		{"合计", 3},
		{"填表人：李红", "", "", "", "", "2026年11月"},
	}, "A1:G1", "A2:A3", "B2:B3", "C2:C3", "D2:E2", "F2:F3", "G2:G3", "F4:F5")
	r, err := Read(content)
	require.NoError(t, err)
	require.Equal(t, 3, r.Header)
	require.Equal(t, map[string]schema.Attribute{"姓名": schema.Name, "公民身份号码": schema.IDNumber, "联系方式.手机": schema.Phone, "现住址": schema.Residence}, meant(r))
	require.Len(t, r.Rows, 3)
	require.Equal(t, 2, r.Left)
	require.Equal(t, 5, r.Rows[1].Line)
	require.Equal(t, map[string]string{"name": "李桂兰", "id_number": number(t, 2), "phone": "13800002222", "residence": "幸福小区3号楼2单元301室"}, Texts(r.Rows[1], r.Columns))
	require.NotContains(t, Texts(r.Rows[2], r.Columns), "phone", "无 says nothing")
}

func TestOtherLayouts(t *testing.T) {
	gbk, err := simplifiedchinese.GB18030.NewEncoder().String("姓名,性别,出生日期,联系电话\n王建国,男,1980-05-01,13800001111\n姓名,性别,出生日期,联系电话\n李桂兰,女,1981-05-01,13800002222\n")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		content string
		columns []schema.Attribute
		rows    int
	}{
		"GBK, the header once more on the second page": {gbk, []schema.Attribute{"name", "sex", "birth_date", "phone"}, 2},
		"no header":                               {"王建国," + number(t, 1) + ",13800001111\n李桂兰," + number(t, 2) + ",13800002222\n", []schema.Attribute{"name", "id_number", "phone"}, 2},
		"tabs, as copied out of Excel":            {"姓名\t身份证号\n王建国\t" + number(t, 1) + "\n", []schema.Attribute{"name", "id_number"}, 1},
		"two rows, not merged":                    {",,联系方式,\n姓名,民族,手机,邮箱\n王建国,汉族,13800001111,x\n", []schema.Attribute{"name", "ethnicity", "phone", ""}, 1},
		"a row without a name is kept to be told": {"姓名,身份证号,联系电话\n," + number(t, 1) + ",13800001111\n", []schema.Attribute{"name", "id_number", "phone"}, 1},
	} {
		r, err := Read([]byte(c.content))
		require.NoError(t, err, name)
		var got []schema.Attribute
		for _, column := range r.Columns {
			got = append(got, column.Attribute)
		}
		require.Equal(t, c.columns, got, name)
		require.Len(t, r.Rows, c.rows, name)
	}
}

func TestNoRoster(t *testing.T) {
	var bomb bytes.Buffer
	z := zip.NewWriter(&bomb)
	f, err := z.Create("xl/worksheets/sheet1.xml")
	require.NoError(t, err)
	_, err = io.CopyN(f, zeros{}, 600<<20)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.Less(t, bomb.Len(), 1<<20)
	for code, content := range map[string][]byte{
		"empty":      {},
		"large":      make([]byte, MaxBytes+1),
		"bomb":       bomb.Bytes(),
		"cut":        workbook(t, [][]any{{"姓名"}})[:500],
		"old":        {0xD0, 0xCF, 0x11, 0xE0, 0, 0},
		"page":       []byte("<html><table>"),
		"encoding":   []byte("\x00\x01姓名,\x00"),
		"no_rows":    []byte("姓名,身份证号\n"),
		"no_columns": []byte("a,b\nx,y\n"),
		"people":     []byte("姓名,身份证号\n" + strings.Repeat("王建国,1\n", MaxRows+1)),
	} {
		_, err := Read(content)
		var bad *Error
		require.True(t, errors.As(err, &bad), "%s: %v", code, err)
		require.Equal(t, code, bad.Code)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func FuzzRead(f *testing.F) {
	f.Add([]byte("姓名,身份证号\n王建国,391234198005010017\n"))
	f.Add([]byte("表\n姓名,联系方式,\n,手机,座机\n\"王\n国\",1,2\n合计,1\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := Read(content)
		if err != nil {
			return
		}
		for _, row := range r.Rows {
			Texts(row, r.Columns)
		}
	})
}
