package files

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
)

const base = `platform: police
name: 常住人口
kind: files
class: B
key: [id]
cadence: 24h
fields:
  name: {column: 姓名}
  phone: {column: 电话}
connect:
  dir: %s
`

// folderOf makes a connector on an empty folder.
func folderOf(t *testing.T, connect string) (dir string, c *reader) {
	t.Helper()
	dir = t.TempDir()
	p, err := spec.Parse("platform.yaml", []byte(fmt.Sprintf(base, dir)+connect), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	opened, err := Open(context.Background(), p, connectors.Environment{Dir: t.TempDir()})
	require.NoError(t, err)
	return dir, opened.(*reader)
}

func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
}

func gbk(t *testing.T, text string) []byte {
	t.Helper()
	data, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(text))
	require.NoError(t, err)
	return data
}

// read makes one pass.
func read(c *reader, from connectors.Cursor) (batches []connectors.Batch, cursor connectors.Cursor, err error) {
	cursor = from
	err = c.Pull(context.Background(), from, func(b connectors.Batch) error {
		batches = append(batches, b)
		if b.Cursor != nil {
			cursor = b.Cursor
		}
		return nil
	})
	return batches, cursor, err
}

func rowsOf(batches []connectors.Batch) (rows []connectors.Row) {
	for _, b := range batches {
		rows = append(rows, b.Rows...)
	}
	return rows
}

const good = "id,姓名,电话\n1,张三,138\n2,李四,139\n"

func TestEncodings(t *testing.T) {
	gb18030, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte("id,姓名,电话\n1,张㛃𬱖,1\n"))
	require.NoError(t, err)
	for _, test := range []struct {
		name, encoding string
		data           []byte
		want           string // the first name, or
		says           string // the sentence of the refusal
	}{
		{"UTF-8", "utf-8", []byte(good), "张三", ""},
		{"BOM", "utf-8", []byte("\uFEFF" + good), "张三", ""},
		{"GBK", "gbk", gbk(t, good), "张三", ""},
		{"GB18030", "gb18030", gb18030, "张㛃𬱖", ""},
		{"rare characters in a file called GBK", "gbk", gb18030, "张㛃𬱖", ""},
		{"auto finds UTF-8", "auto", []byte(good), "张三", ""},
		{"auto finds GBK", "auto", gbk(t, good), "张三", ""},
		{"UTF-8 for GBK", "gbk", []byte(good), "", "it is in UTF-8, but the platform's file says gbk"},
		{"GBK for UTF-8", "utf-8", gbk(t, good), "", "not text in the encoding utf-8"},
		{"UTF-16", "utf-8", []byte("\xff\xfei\x00d\x00"), "", "UTF-16"},
		{"not a table", "utf-8", []byte("%PDF-1.7\nxx"), "", "has no column"},
		{"empty", "utf-8", nil, "", "has no header"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, c := folderOf(t, "  pattern: rk_{date}.csv\n  done_marker: rename\n  encoding: "+test.encoding)
			put(t, dir, "rk_20260101.csv", test.data)
			batches, at, err := read(c, nil)
			if test.says != "" {
				require.ErrorIs(t, err, connectors.ErrLayout)
				require.ErrorContains(t, err, test.says)
				require.ErrorContains(t, err, "rk_20260101.csv")
				require.Empty(t, batches)
				require.Nil(t, at, "a refused file is not finished")
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, rowsOf(batches)[0].Columns["姓名"])
			require.True(t, batches[len(batches)-1].Complete)
		})
	}
}

// An ASCII header does not hide that the rest is in another encoding.
func TestWrongEncodingBehindAPlainHeader(t *testing.T) {
	dir, c := folderOf(t, "  pattern: rk_{date}.csv\n  done_marker: rename\n")
	c.columns = []string{"id", "n"}
	put(t, dir, "rk_20260101.csv", gbk(t, "id,n\n1,张三\n2,李四\n3,王五\n"))
	_, _, err := read(c, nil)
	require.ErrorContains(t, err, "3 of its 3 rows are not text in the encoding utf-8")
}

// A bad row is a dead row with its line; the others go on. Where it is not
// certain whose row it was, nobody is taken for deleted.
func TestBadRows(t *testing.T) {
	var many strings.Builder
	for n := range 60 {
		fmt.Fprintf(&many, "g%d,好人,1\n", n)
	}
	for _, test := range []struct {
		name, row string
		problem   schema.Problem
		key       string
		complete  bool
	}{
		{"too few columns", "9,张三", schema.ProblemColumns, "", false},
		{"too many columns", "9,张三,1,2", schema.ProblemColumns, "", false},
		{"no key", " ,张三,1", schema.ProblemNoKey, "", false},
		{"undecodable", "9,\xff\xfe,1", schema.ProblemEncoding, "9", true},
		{"undecodable key", "\xff9,张三,1", schema.ProblemEncoding, "", false},
		{"stray quotation mark", `9,张"三,1`, schema.ProblemUnreadable, "", false},
		{"control character in the key", "9\x00,张三,1", schema.ProblemControl, "", false},
		{"huge key", strings.Repeat("9", 1<<20) + ",张三,1", schema.ProblemTooLong, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, c := folderOf(t, "  pattern: rk_{date}.csv\n  done_marker: rename")
			put(t, dir, "rk_20260101.csv", []byte("id,姓名,电话\n"+many.String()+test.row+"\n8,李四,1\n"))
			batches, at, err := read(c, nil)
			rows := rowsOf(batches)
			require.Len(t, rows, 62, "pulled = read: nothing is dropped in silence")
			bad := rows[60]
			require.Equal(t, schema.OpDead, bad.Op)
			require.Equal(t, test.problem, bad.Problem)
			require.Equal(t, "rk_20260101.csv:62", bad.Place)
			require.Equal(t, test.key, bad.Key)
			require.Nil(t, bad.Columns)
			require.Equal(t, "8", rows[61].Key)
			require.Equal(t, test.complete, batches[len(batches)-1].Complete)
			require.NotNil(t, batches[len(batches)-1].Cursor)
			require.Equal(t, test.complete, err == nil)
			if !test.complete {
				require.ErrorContains(t, err, "nobody who is missing from it was taken for deleted")
			}
			_, _, err = read(c, at)
			require.NoError(t, err, "it is said once")
		})
	}
}

func TestValuesArriveUntouched(t *testing.T) {
	dir, c := folderOf(t, "  pattern: rk_{date}.csv\n  done_marker: rename\n  delimiter: '|'\n  encoding: gbk")
	// The second byte of 韡 in GBK is the bar itself.
	put(t, dir, "rk_20260101.csv", append(gbk(t, "电话|id|姓名\n\" 1\n2\x01 \"|1|韡"), gbk(t, "\n|2|\n\n")...))
	require.Contains(t, string(gbk(t, "韡")), "|")
	batches, _, err := read(c, nil)
	require.NoError(t, err)
	rows := rowsOf(batches)
	require.Len(t, rows, 2)
	require.Equal(t, map[string]string{"id": "1", "姓名": "韡", "电话": " 1\n2\x01 "}, rows[0].Columns)
	require.Equal(t, "", rows[1].Columns["姓名"])
}

// An extract cut off half way never looks like a smaller population.
func TestCutOff(t *testing.T) {
	t.Run("the trailer is missing", func(t *testing.T) {
		dir, c := folderOf(t, "  pattern: rk_{date}.csv\n  done_marker: rename\n  trailer: {starts: 合计}")
		put(t, dir, "rk_20260101.csv", []byte(good))
		batches, _, err := read(c, nil)
		require.ErrorContains(t, err, "was cut off or is not complete yet")
		require.Empty(t, batches)
		put(t, dir, "rk_20260101.csv", []byte(good+"合计,3,\n"))
		_, _, err = read(c, nil)
		require.ErrorContains(t, err, "it counts 3 rows but holds 2")
		put(t, dir, "rk_20260101.csv", []byte(good+"合计 2 人,,\n"))
		batches, _, err = read(c, nil)
		require.NoError(t, err)
		require.Len(t, rowsOf(batches), 2)
		require.True(t, batches[0].Complete)
	})
	t.Run("inside quotation marks", func(t *testing.T) {
		dir, c := folderOf(t, "  pattern: rk_{date}.csv\n  done_marker: rename")
		for _, rest := range []string{`3,"王`, "3,\"王\n4,赵,1\n5,钱,2\n"} {
			put(t, dir, "rk_20260101.csv", []byte(good+rest))
			batches, _, err := read(c, nil)
			require.ErrorContains(t, err, "cut off")
			require.Empty(t, batches)
		}
	})
	t.Run("a workbook", func(t *testing.T) {
		dir, c := folderOf(t, "  pattern: rk_{date}.xlsx\n  format: xlsx\n  done_marker: rename")
		data := workbook(t, [][]any{{"id", "姓名", "电话"}, {"1", "张三", "1"}})
		put(t, dir, "rk_20260101.xlsx", data[:len(data)/2])
		_, _, err := read(c, nil)
		require.ErrorContains(t, err, "no complete XLSX workbook")
	})
	t.Run("others go on", func(t *testing.T) {
		dir, c := folderOf(t, "  pattern: rk_{date}.csv\n  done_marker: rename\n  trailer: {starts: 合计}")
		put(t, dir, "rk_20260101.csv", []byte(good))
		put(t, dir, "rk_20260102.csv", []byte(good+"合计,2,\n"))
		batches, _, err := read(c, nil)
		require.ErrorContains(t, err, "rk_20260101.csv")
		require.Len(t, rowsOf(batches), 2)
	})
}

func TestHalfWrittenFilesAreLeftAlone(t *testing.T) {
	t.Run("marker", func(t *testing.T) {
		dir, c := folderOf(t, "  pattern: rk_{date}*\n  done_marker: .ok")
		put(t, dir, "rk_20260101.csv", []byte(good))
		batches, _, err := read(c, nil)
		require.NoError(t, err)
		require.Empty(t, batches)
		put(t, dir, "rk_20260101.csv.ok", nil)
		batches, at, err := read(c, nil)
		require.NoError(t, err)
		require.Len(t, rowsOf(batches), 2)
		require.NoError(t, c.Confirm(context.Background(), at))
		left, err := filepath.Glob(filepath.Join(dir, "rk*"))
		require.NoError(t, err)
		require.Empty(t, left, "the marker goes with its file")
	})
	t.Run("stable", func(t *testing.T) {
		dir, c := folderOf(t, "  pattern: rk_{date}.csv")
		now := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
		c.folder.now = func() time.Time { return now }
		reads := func() int {
			t.Helper()
			batches, _, err := read(c, nil)
			require.NoError(t, err)
			return len(rowsOf(batches))
		}
		put(t, dir, "rk_20260101.csv", []byte(good[:20]))
		put(t, dir, ".rk_20260102.csv", []byte(good))
		put(t, dir, "rk_20260103.csv.part", []byte(good))
		require.Zero(t, reads())
		now = now.Add(9 * time.Second)
		put(t, dir, "rk_20260101.csv", []byte(good)) // it still grows
		require.Zero(t, reads())
		now = now.Add(9 * time.Second)
		require.Zero(t, reads())
		now = now.Add(2 * time.Second)
		require.Equal(t, 2, reads())
	})
}

func TestOrderConfirmAndReturn(t *testing.T) {
	dir, c := folderOf(t, "  pattern: rk_{date}.csv\n  done_marker: rename\n  timezone: UTC")
	line := func(name string) []byte { return []byte("id,姓名,电话\n1," + name + ",1\n") }
	put(t, dir, "rk_20260301.csv", line("三月"))
	put(t, dir, "rk_2026-02-01_1230.csv", line("二月"))
	batches, at, err := read(c, nil)
	require.NoError(t, err)
	require.Equal(t, "二月", batches[0].Rows[0].Columns["姓名"])
	require.Equal(t, time.Date(2026, 2, 1, 12, 30, 0, 0, time.UTC), batches[0].AsOf.UTC())
	require.Equal(t, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), batches[1].AsOf.UTC())

	quiet, _, err := read(c, at)
	require.NoError(t, err)
	require.Empty(t, quiet, "finished files are not read again while they wait for Confirm")
	require.FileExists(t, filepath.Join(dir, "rk_20260301.csv"), "I1: moved only behind merged")
	require.NoError(t, c.Confirm(context.Background(), batches[0].Cursor))
	require.NoFileExists(t, filepath.Join(dir, "rk_2026-02-01_1230.csv"))
	require.FileExists(t, filepath.Join(dir, "rk_20260301.csv"))
	require.NoError(t, c.Confirm(context.Background(), at))
	require.NoError(t, c.Confirm(context.Background(), at), "again changes nothing")

	// The same name with other content is another delivery.
	put(t, dir, "rk_20260301.csv", line("改过"))
	batches, at, err = read(c, at)
	require.NoError(t, err)
	require.Equal(t, "改过", rowsOf(batches)[0].Columns["姓名"])
	require.NoError(t, c.Confirm(context.Background(), at))
	require.FileExists(t, filepath.Join(dir, "processed", "rk_20260301.csv"))
	require.FileExists(t, filepath.Join(dir, "processed", "rk_20260301-2.csv"))

	// An extract that comes late is read, but proves nothing about who is gone.
	put(t, dir, "rk_20260115.csv", line("一月"))
	batches, _, err = read(c, at)
	require.NoError(t, err)
	require.Len(t, batches, 2)
	require.True(t, batches[0].Full)
	require.False(t, batches[0].Complete)
	require.Empty(t, batches[1].Rows)
	require.NotNil(t, batches[1].Cursor)
}

func TestWorkbooks(t *testing.T) {
	dir, c := folderOf(t, "  pattern: '*.xlsx'\n  format: xlsx\n  header_row: 3\n  as_of: {cell: A1}\n  done_marker: rename\n  timezone: UTC\n  trailer: {starts: 合计}")
	day := time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC)
	put(t, dir, "名册.xlsx", workbook(t, [][]any{
		{"截止日期：2026年3月5日"}, {}, {"姓名", "id", "电话"},
		{"张三", "0001", 13800000000}, {day, "0002"}, {}, {"合计", 2},
	}))
	batches, _, err := read(c, nil)
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC), batches[0].AsOf.UTC())
	rows := rowsOf(batches)
	require.Len(t, rows, 2)
	require.Equal(t, map[string]string{"姓名": "张三", "id": "0001", "电话": "13800000000"}, rows[0].Columns)
	require.Equal(t, "1999-12-31", rows[1].Columns["姓名"][:10], "dates do not depend on the computer")
	require.Equal(t, "名册.xlsx:4", rows[0].Place)
	require.True(t, batches[0].Complete)
}

func workbook(t *testing.T, table [][]any) []byte {
	t.Helper()
	book := excelize.NewFile()
	for i, line := range table {
		for j, v := range line {
			cell, err := excelize.CoordinatesToCellName(j+1, i+1)
			require.NoError(t, err)
			require.NoError(t, book.SetCellValue("Sheet1", cell, v))
			if _, date := v.(time.Time); date {
				style, err := book.NewStyle(&excelize.Style{NumFmt: 14})
				require.NoError(t, err)
				require.NoError(t, book.SetCellStyle("Sheet1", cell, cell, style))
			}
		}
	}
	var out bytes.Buffer
	require.NoError(t, book.Write(&out))
	require.NoError(t, book.Close())
	return out.Bytes()
}

func TestAsOfInTheName(t *testing.T) {
	dir, c := folderOf(t, "  pattern: '*.csv'\n  as_of: {name: '期(\\d+)', format: yyyyMM}\n  done_marker: rename\n  timezone: UTC")
	put(t, dir, "人口期202603.csv", []byte(good))
	put(t, dir, "人口.csv", []byte(good))
	batches, _, err := read(c, nil)
	require.ErrorContains(t, err, "it says nowhere what day it is of")
	require.Equal(t, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), batches[0].AsOf.UTC())
}

func TestStamps(t *testing.T) {
	for text, want := range map[string]string{
		"20260102": "2026-01-02T00:00:00", "2026-01-02": "2026-01-02T00:00:00", "20260102_0304": "2026-01-02T03:04:00",
		"20260102T030405": "2026-01-02T03:04:05", "20260102030405678": "2026-01-02T03:04:05.678", "20261302": "", "2026": "",
	} {
		got, ok := stamp(text, time.UTC)
		require.Equal(t, want != "", ok, text)
		if ok {
			require.Equal(t, want, got.Format("2006-01-02T15:04:05.999"), text)
		}
	}
	require.Equal(t, "20260102_030405", compile("rk_{date}.csv").FindStringSubmatch("rk_20260102_030405.csv")[1])
	require.Nil(t, compile("rk_{date}.csv").FindStringSubmatch("rk_20260102.csvx"))
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(good), ",")
	f.Add([]byte("id,\"姓名\n"), "|")
	f.Fuzz(func(t *testing.T, data []byte, delimiter string) {
		if len(delimiter) != 1 || strings.ContainsAny(delimiter, "\"\r\n\uFFFD") {
			return
		}
		path := filepath.Join(t.TempDir(), "x.csv")
		put(t, filepath.Dir(path), "x.csv", data)
		src, err := open(path, Shape{Format: csvFormat, Encoding: "auto", Delimiter: delimiter}, "")
		if err != nil {
			return
		}
		defer src.close()
		for {
			rec, err := src.next()
			if err != nil {
				return
			}
			require.True(t, rec.unreadable || len(rec.cells) > 0)
		}
	})
}

// A column that a platform renames stops that platform with the column's name.
// It keeps its place, and goes on by itself when the column is back.
func TestRenamedColumn(t *testing.T) {
	dir, c := folderOf(t, "  pattern: rk_{date}.csv\n  mode: incremental\n  done_marker: rename\n")
	put(t, dir, "rk_20260101.csv", []byte(good))
	_, at, err := read(c, nil)
	require.NoError(t, err)
	put(t, dir, "rk_20260102.csv", []byte(strings.Replace(good, "电话", "手机号码", 1)))
	for range 2 {
		batches, still, err := read(c, at)
		require.ErrorIs(t, err, connectors.ErrLayout)
		require.ErrorContains(t, err, "rk_20260102.csv was refused: its header in line 1 has no column 电话")
		require.Empty(t, batches)
		require.Equal(t, at, still)
	}
	put(t, dir, "rk_20260102.csv", []byte(good))
	batches, _, err := read(c, at)
	require.NoError(t, err)
	require.Len(t, rowsOf(batches), 2)
}

// An answer to a change that was never handed over is handed on with its number,
// so that it can be set aside; the file does not come back for ever.
func TestAnswerToNothing(t *testing.T) {
	dir := t.TempDir()
	_, c := folderOf(t, "  pattern: rk_{date}.csv\n")
	p := *c.platform
	s := c.settings
	s.Outbox = &Outbox{Dir: dir, Shape: Shape{Format: csvFormat, Encoding: "utf-8", Delimiter: ","}, Columns: []string{"nr", "id"}, IDColumn: "nr"}
	s.Acks = &Acks{Dir: dir, Pattern: "a_*.csv", Shape: Shape{Format: csvFormat, Encoding: "utf-8", Delimiter: ",", HeaderRow: 1, HeaderRows: 1}, DoneMarker: markerRename,
		IDColumn: "nr", StatusColumn: "jg", OK: []string{"1"}, Processed: filepath.Join(dir, "processed")}
	a := &acknowledger{writer: &writer{reader: &reader{platform: &p, settings: s, drive: disk{}}}, ackMatch: compile(s.Acks.Pattern),
		pending: map[identity]map[string]bool{}, released: map[string]bool{}, acks: &folder{drive: disk{}, dir: dir, marker: markerRename, now: time.Now}}
	put(t, dir, "a_x.csv", []byte("nr,jg\nnever-made,1\n"))
	answers, err := a.Acknowledged(context.Background())
	require.NoError(t, err)
	require.Equal(t, []connectors.Outcome{{Intent: "never-made", Status: connectors.Applied}}, answers)
	require.NoError(t, a.Release(context.Background(), answers))
	require.FileExists(t, filepath.Join(dir, "processed", "a_x.csv"))
}
