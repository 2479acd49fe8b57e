package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/services/linkage"
)

// folder writes files and returns their paths, in the order of the names given.
func folder(t testing.TB, named ...string) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i := 0; i < len(named); i += 2 {
		path := filepath.Join(dir, named[i])
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(named[i+1]), 0o600))
		paths = append(paths, path)
	}
	return paths
}

func TestInputSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const good = "id,number,name,town\n1,A1,anna,ulm\n"
	for name, c := range map[string]struct {
		mode  string
		files []string
		want  string
	}{
		"no file":      {want: "there is no input: name one CSV file or several"},
		"empty file":   {files: []string{"a.csv", good, "b.csv", ""}, want: "b.csv is empty: there is not even a header"},
		"no records":   {files: []string{"a.csv", "id,number,name,town\n"}, want: "a.csv: there are columns and no records"},
		"no key":       {files: []string{"a.csv", "nr,number,name\n1,A1,anna\n"}, want: `a.csv: there is no column "id" for the key of a record (files: key in the model); the columns are "nr", "number", "name"`},
		"no column":    {files: []string{"a.csv", good, "b.csv", "id,number\n1,A1\n"}, want: `b.csv: there is no column "name" for the attribute name; the columns are "id", "number"; name the column in the model under files: columns, or list name under files: optional`},
		"two columns":  {files: []string{"a.csv", "id,number,name,name\n1,A1,anna,bert\n"}, want: `a.csv: two columns are called "name": rename one of them`},
		"short row":    {files: []string{"a.csv", good + "2,A2\n"}, want: "a.csv, line 3: the row is too short: 2 fields, but the header has 4 columns"},
		"long row":     {files: []string{"a.csv", good + "2,A2,bert,ulm,\n"}, want: "a.csv, line 3: the row is too long: 5 fields, but the header has 4 columns"},
		"empty key":    {files: []string{"a.csv", good + ",A2,bert,ulm\n"}, want: `a.csv, line 3: the key is empty (column "id")`},
		"same key":     {files: []string{"a.csv", good + "2,A2,bert,ulm\n1,A3,carl,kiel\n"}, want: `a.csv: lines 2 and 4 both have key "1" (column "id"): a key must be a record's own`},
		"empty column": {files: []string{"a.csv", "id,number,name\n1,,anna\n", "b.csv", "id,number,name\n1,,bert\n"}, want: `b.csv: attribute number (column "number") is empty in all records: take it out of the model, or list it under files: optional`},
		"same source":  {files: []string{"a.csv", good, "x/a.csv", good}, want: `would both be the source "a": rename one of them`},
		"one source":   {mode: "link_only", files: []string{"a.csv", good}, want: "the model links records of different sources only (mode: link_only), and there is one file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mode := c.mode
			if mode == "" {
				mode = "dedupe"
			}
			in, err := OpenInput(people(t, mode, 60), folder(t, c.files...), Auto)
			if err == nil {
				_, err = in.Records(t.Context())
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestSameKeyFarApart: the first pair of lines is named, wherever the two are.
func TestSameKeyFarApart(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("id,number,name\n")
	for i := range 2 * chunkRecords {
		b.WriteString(strings.Repeat("9", i%7) + "x" + strings.Repeat("8", i/7) + ",A1,anna\n")
		if i == chunkRecords+5 {
			b.WriteString("x,A1,anna\n")
		}
	}
	in, err := OpenInput(people(t, "dedupe", 60), folder(t, "a.csv", b.String()), Auto)
	require.NoError(t, err)
	_, err = in.Records(t.Context())
	require.ErrorContains(t, err, `lines 2 and 4104 both have key "x"`)
}

func TestInputIsTheSameKeyInTwoSources(t *testing.T) {
	t.Parallel()
	in, err := OpenInput(people(t, "dedupe", 60), folder(t,
		"a.csv", "id,number,name,town\n1,A1,anna,ulm\n2,,bert,\n",
		"b.csv", "town;name;number;id;more\nULM; Anna ;a1;1;x\n"), Auto)
	require.NoError(t, err)
	r, err := in.Records(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, r.Sources())
	require.Equal(t, []string{"a/1", "a/2", "b/1"}, []string{r.Label(0), r.Label(1), r.Label(2)})
	require.Equal(t, []int{2, 3, 2}, []int{r.Line(0), r.Line(1), r.Line(2)})
	result, err := r.Link(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []uint32{0, 1, 0}, result.First)
	require.Empty(t, in.Notes())
}

func TestNotes(t *testing.T) {
	t.Parallel()
	in, err := OpenInput(linkage.Default(), folder(t, "a.csv", "编号,姓名,出生日期,性别\n1,王小明,1990-02-30,男\n2,李芳,1991-02-03,女\n3,张三,不详,女\n"), Auto)
	require.NoError(t, err)
	_, err = in.Records(t.Context())
	require.NoError(t, err)
	notes := in.Notes()
	require.Equal(t, `column "出生日期": 2 values could not be read and count as empty`, notes[0])
	require.Contains(t, notes[1], "nothing is said about")
	require.Contains(t, notes[1], "phone")
	require.NotContains(t, notes[1], "birth_date")
}

func TestClean(t *testing.T) {
	t.Parallel()
	paths := folder(t, "a.csv", "id,number,name,town\n1,A1,anna,ulm\n")
	text := `
version: clean-1
files: {key: [id], missing: [NA, 'n/a']}
prior: 0.001
thresholds: {link: 1000, review: 400, group: 300}
comparisons:
  - {name: name, comparator: text, attributes: [name], levels: {identical: 700, different: -500}}
blocking: [name.value]
`
	m, err := linkage.Load(strings.NewReader(text))
	require.NoError(t, err)
	in, err := OpenInput(m, paths, Auto)
	require.NoError(t, err)
	for raw, want := range map[string]string{"": "", "NA": "", "n/a": "", "Na": "Na", "ａｎｎａ": "anna", "anna  lena\tmaria": "anna lena maria",
		"a\u0301": "á", "\u00a0x\u00a0": "x"} {
		require.Equal(t, want, in.Clean(0, raw), "%q", raw)
	}
	residents, err := OpenInput(linkage.Default(), paths, Auto)
	require.NoError(t, err)
	at := -1
	for i, a := range linkage.Default().Attributes() {
		if a == "birth_date" {
			at = i
		}
	}
	require.Equal(t, "1990-03-02", residents.Clean(at, "1990年3月2日"))
	require.Empty(t, residents.Clean(at, "1990-02-30"), "no such day")
}

func TestChineseRegisters(t *testing.T) {
	t.Parallel()
	// One person in two registers, in two encodings, with each one's columns.
	police, err := simplifiedchinese.GB18030.NewEncoder().String("id,GMSFHM,XM,XB,CSRQ\nR1,290105199001011235,单雨桐,2,19900101\n")
	require.NoError(t, err)
	insurance := "编号,身份证号,姓名,性别,出生日期\n7,290105900101123,單雨桐,女,1990/1/1\n8,,王芳,女,1990/1/1\n"
	in, err := OpenInput(linkage.Default(), folder(t, "公安.csv", police, "医保.csv", insurance), Auto)
	require.NoError(t, err)
	r, err := in.Records(t.Context())
	require.NoError(t, err)
	result, err := r.Link(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []uint32{0, 0, 2}, result.First)
}
