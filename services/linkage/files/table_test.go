package files

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// write puts a file into a folder of the test's own and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func readAll(path, encoding string) (header []string, rows [][]string, err error) {
	table, err := Open(path, encoding)
	if err != nil {
		return nil, nil, err
	}
	defer table.Close()
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			return table.Header, rows, nil
		}
		if err != nil {
			return table.Header, rows, err
		}
		rows = append(rows, append([]string(nil), row...))
	}
}

func encoded(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	s, err := e.NewEncoder().String(text)
	require.NoError(t, err)
	return s
}

func TestTableReadsWhatProgramsWrite(t *testing.T) {
	t.Parallel()
	const chinese = "编号,姓名,住址\n1,欧阳沐辰,槐荫小区3栋501室\n2,张𠮷,安宁花园1栋\n"
	want := [][]string{{"1", "欧阳沐辰", "槐荫小区3栋501室"}, {"2", "张𠮷", "安宁花园1栋"}}
	plain := [][]string{{"1", "a", "b"}, {"2", "", "d"}}
	for name, c := range map[string]struct {
		text, encoding string
		header         []string
		rows           [][]string
	}{
		"UTF-8":              {text: chinese, header: []string{"编号", "姓名", "住址"}, rows: want},
		"UTF-8 with a mark":  {text: "\ufeff" + chinese, header: []string{"编号", "姓名", "住址"}, rows: want},
		"GB18030":            {text: encoded(t, simplifiedchinese.GB18030, chinese), header: []string{"编号", "姓名", "住址"}, rows: want},
		"UTF-16 with a mark": {text: encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), chinese), header: []string{"编号", "姓名", "住址"}, rows: want},
		"UTF-16, named": {text: encoded(t, unicode.UTF16(unicode.BigEndian, unicode.UseBOM), chinese), encoding: "utf-16be",
			header: []string{"编号", "姓名", "住址"}, rows: want},
		"named encoding": {text: encoded(t, charmap.Windows1252, "id,name,town\n1,José,Köln\n"), encoding: "windows-1252",
			header: []string{"id", "name", "town"}, rows: [][]string{{"1", "José", "Köln"}}},
		"comma":                 {text: "id,x,y\n1,a,b\n2,,d\n", header: []string{"id", "x", "y"}, rows: plain},
		"semicolon":             {text: "id;x;y\n1;a;b\n2;;d\n", header: []string{"id", "x", "y"}, rows: plain},
		"tab, with empty field": {text: "id\tx\ty\n1\ta\tb\n2\t\td\n", header: []string{"id", "x", "y"}, rows: plain},
		"bar":                   {text: "id|x|y\n1|a|b\n2||d\n", header: []string{"id", "x", "y"}, rows: plain},
		"blanks":                {text: "id, x , y\n1, a, b \n2 , , d\n", header: []string{"id", "x", "y"}, rows: plain},
		"line ends of Windows":  {text: "id,x,y\r\n1,a,b\r\n2,,d\r\n", header: []string{"id", "x", "y"}, rows: plain},
		"no end of the last":    {text: "id,x,y\n1,a,b\n2,,d", header: []string{"id", "x", "y"}, rows: plain},
		"empty lines":           {text: "\n\nid,x,y\n\n1,a,b\n\n2,,d\n\n", header: []string{"id", "x", "y"}, rows: plain},
		"quotes": {text: "id,\"x, or so\"\n1,\"a \"\"b\"\"\nc\"\n", header: []string{"id", "x, or so"},
			rows: [][]string{{"1", "a \"b\"\nc"}}},
		"one column":              {text: "id\n1\n2\n", header: []string{"id"}, rows: [][]string{{"1"}, {"2"}}},
		"separator inside quotes": {text: "\"id;;;\",x\n1,2\n", header: []string{"id;;;", "x"}, rows: [][]string{{"1", "2"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header, rows, err := readAll(write(t, "people.csv", c.text), c.encoding)
			require.NoError(t, err)
			require.Equal(t, c.header, header)
			require.Equal(t, c.rows, rows)
		})
	}
}

func TestTableSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, encoding, want string }{
		"empty":                 {text: "", want: "people.csv is empty: there is not even a header"},
		"blank":                 {text: "\n\n \n", want: ""},
		"only ends":             {text: "\n\n", want: "people.csv is empty: there is not even a header"},
		"short row":             {text: "id,x,y\n1,a,b\n\n2,c\n", want: "people.csv, line 4: the row is too short: 2 fields, but the header has 3 columns; a field that holds a comma must be in quotes"},
		"long row":              {text: "id;x\n1;a;b\n", want: "people.csv, line 2: the row is too long: 3 fields, but the header has 2 columns; a field that holds a semicolon must be in quotes"},
		"after lines in quotes": {text: "id,x\n1,\"a\n\nb\"\n2\n", want: "people.csv, line 5: the row is too short: 1 field, but the header has 2 columns; a field that holds a comma must be in quotes"},
		"bare quote":            {text: "id,x\n1,a\"b\n", want: `people.csv, line 2: a quote (") in the middle of a field: put the field in quotes and double the quote inside it`},
		"open quote":            {text: "id,x\n1,\"a\n2,b\n", want: `people.csv, line 2: a field that starts with a quote (") is not closed`},
		"odd quote":             {text: "id,x\n1,\"a\"b\n", want: `people.csv, line 2: a quote (") that is neither the end of its field nor doubled`},
		"workbook":              {text: "PK\x03\x04\x14\x00", want: "people.csv is a workbook or an archive, not CSV: open it in a spreadsheet program and save it as CSV"},
		"zeros":                 {text: "i\x00d\x00\n\x00", want: "people.csv holds bytes of zero, so it is not CSV in UTF-8 or GB18030: save it as CSV in UTF-8"},
		"damaged UTF-8":         {text: "编号,姓名\n1,王小明\n2,李\xff\n", want: "people.csv, line 3: bytes that are not UTF-8, in a file that otherwise is: mend that line, or name the encoding with --encoding"},
		"another encoding":      {text: "id,name\n1,Jos\xe9 Mart\xedn\n", want: "people.csv, line 2: the text is neither UTF-8 nor GB18030: save it as CSV in UTF-8, or name the encoding with --encoding, for example --encoding windows-1252"},
		"damaged GB18030": {text: "id,name\n1,\xcd\xf5\xd0\xa1\xc3\xf7\xcd\xf5\xd0\xa1\n2,\xcd\xf5\xff\xff\n",
			want: "people.csv, line 3: bytes that are no character in this file's encoding"},
		"unknown encoding": {text: "id\n1\n", encoding: "latin-99", want: `there is no encoding "latin-99"; there are for example utf-8, gb18030`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := readAll(write(t, "people.csv", c.text), c.encoding)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, _, err := readAll(filepath.Join(t.TempDir(), "nowhere.csv"), Auto)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, _, err = readAll(t.TempDir(), Auto)
	require.ErrorContains(t, err, "is not a file")
}

func TestEncodingIsFoundAcrossBlocks(t *testing.T) {
	t.Parallel()
	// Characters of three bytes lie across every end of a block, whatever it is.
	text := "编号,姓名\n1," + strings.Repeat("王小明", blockSize) + "\n"
	_, rows, err := readAll(write(t, "big.csv", text), Auto)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("王小明", blockSize), rows[0][1])
	_, rows, err = readAll(write(t, "big.csv", encoded(t, simplifiedchinese.GBK, text)), Auto)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("王小明", blockSize), rows[0][1])
}

func TestSourceOf(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"a/b/people.csv": "people", "people": "people", "x.y.csv": "x.y", "公安.csv": "公安"} {
		require.Equal(t, want, SourceOf(path))
	}
}

// FuzzTable: any bytes give rows as wide as the header, or an error.
func FuzzTable(f *testing.F) {
	for _, seed := range []string{"id,x\n1,a\n", "\ufeffid;x\n\"1\";\"a\nb\"\n", "id\tx\n1\t\n", "\xb1\xe0\xba\xc5,x\n1,\xcd\xf5\n", "\xff\xfei\x00d\x00\n\x00", "\"", "a\"b\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "any.csv")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		table, err := Open(path, Auto)
		if err != nil {
			return
		}
		defer table.Close()
		line := 0
		for {
			row, err := table.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					require.Contains(t, err.Error(), path)
				}
				return
			}
			require.Len(t, row, len(table.Header))
			require.Greater(t, table.Line(), line)
			line = table.Line()
		}
	})
}
