package files

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
)

const fixedShape = "  pattern: rk_{date}.txt\n  done_marker: rename\n  format: fixed\n  encoding: gbk\n" +
	"  layout: [{column: id, width: 6, align: right, fill: \"0\"}, {column: 姓名, width: 10}, {column: 电话, width: 11}]\n"

// A line is cut by bytes of its encoding: a name of three characters fills six.
func TestFixedWidth(t *testing.T) {
	for _, test := range []struct {
		name, connect, text string
		want                []string // key, name, phone of the rows that are right, in one text each
		dead                []schema.Problem
		says                string
	}{
		{name: "bytes", text: "000012张三      139        \r\n000345欧阳修远  13900000001\r\n",
			want: []string{"12 张三 139", "345 欧阳修远 13900000001"}},
		{name: "characters", connect: "  count: characters\n", text: "000012张三        139        \n",
			want: []string{"12 张三 139"}},
		{name: "full-width blanks", text: "000012张三　　  139        \n", want: []string{"12 张三 139"}},
		{name: "a character cut in two", text: "000012甲乙丙丁 戊          \n", dead: []schema.Problem{schema.ProblemEncoding}},
		{name: "too short", text: "000012张三      139\n000013李四      138        \n", want: []string{"13 李四 138"}, dead: []schema.Problem{schema.ProblemColumns}},
		{name: "too long", text: "000012张三      139          \n", dead: []schema.Problem{schema.ProblemColumns}},
		{name: "ragged", connect: "  ragged: true\n", text: "000012张三      139\n", want: []string{"12 张三 139"}},
		{name: "no key", text: "000000张三      139        \n", dead: []schema.Problem{schema.ProblemNoKey}},
		{name: "lines above", connect: "  header_row: 2\n", text: "常住人口 2026\nid 姓名\n000012张三      139        \n", want: []string{"12 张三 139"}},
		{name: "DOS end of file", text: "000012张三      139        \r\n\x1a", want: []string{"12 张三 139"}},
		{name: "cut off", text: "000012张三      139        \n000013李", says: "ends in the middle of a row"},
		{name: "trailer", connect: "  trailer: {starts: T}\n", text: "000012张三      139        \nT000001\n", want: []string{"12 张三 139"}},
		{name: "trailer of full width", connect: "  trailer: {starts: T}\n", text: "000012张三      139        \nT000001" + strings.Repeat(" ", 20) + "\n", want: []string{"12 张三 139"}},
		{name: "trailer counts more", connect: "  trailer: {starts: T}\n", text: "000012张三      139        \nT000002\n", says: "it counts 2 rows but holds 1"},
		{name: "no trailer", connect: "  trailer: {starts: T}\n", text: "000012张三      139        \n", says: "is not the counting row"},
		{name: "trailer without a number", connect: "  trailer: {starts: T}\n", text: "000012张三      139        \nTx\n", says: "holds no number"},
		{name: "UTF-8 instead", text: "", says: "it is in UTF-8"},
		{name: "one endless line", text: strings.Repeat("9", maxLine+1), says: "it is no file of fixed width"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, c := folderOf(t, fixedShape+test.connect)
			data := gbk(t, test.text)
			if test.name == "UTF-8 instead" {
				data = []byte("000012张三      139        \n000012李四      139        \n")
			}
			put(t, dir, "rk_20260101.txt", data)
			batches, _, err := read(c, nil)
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
				require.ErrorContains(t, err, "rk_20260101.txt")
				require.Empty(t, rowsOf(batches))
				return
			}
			var got []string
			var dead []schema.Problem
			for _, row := range rowsOf(batches) {
				if row.Op == schema.OpDead {
					dead = append(dead, row.Problem)
					require.Contains(t, row.Place, "rk_20260101.txt:")
					continue
				}
				got = append(got, row.Key+" "+row.Columns["姓名"]+" "+row.Columns["电话"])
			}
			require.Equal(t, test.want, got)
			require.Equal(t, test.dead, dead)
		})
	}
}

// What is written is never cut in silence, and lies in the file byte by byte.
func TestFixedWidthOutbox(t *testing.T) {
	dir := t.TempDir()
	p, err := spec.Parse("platform.yaml", []byte(strings.Replace(base, "%s", dir, 1)+fixedShape+
		"  outbox: {dir: "+dir+", prefix: h_, format: fixed, encoding: gbk, columns: [nr, id, 电话, 姓名], id_column: nr,\n"+
		"    layout: [{column: nr, width: 4}, {column: id, width: 6, align: right, fill: \"0\"}, {column: 电话, width: 11}, {column: 姓名, width: 8}]}\n"+
		"  acks: {dir: "+dir+", pattern: a_*.txt, format: fixed, encoding: gbk, id_column: nr, status_column: jg, ok: [\"1\"], layout: [{column: nr, width: 4}, {column: jg, width: 1}]}\n"),
		func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	opened, err := Open(context.Background(), p, connectors.Environment{Dir: t.TempDir()})
	require.NoError(t, err)
	c := opened.(*acknowledger)
	out, err := c.Push(context.Background(), []connectors.Write{
		{Intent: "i1", Batch: "b1", Key: "12", Set: map[string]string{"姓名": "张三", "电话": "139"}},
		{Intent: "i2", Batch: "b1", Key: "13", Set: map[string]string{"姓名": "五个字名字", "电话": "138"}},
	})
	require.NoError(t, err)
	require.Equal(t, connectors.Queued, out[0].Status)
	require.Equal(t, connectors.Refused, out[1].Status)
	require.Equal(t, "姓名", out[1].Column)
	require.NotContains(t, out[1].Reason, "五个字名字")
	data, err := os.ReadFile(filepath.Join(dir, "h_b1.txt"))
	require.NoError(t, err)
	require.Equal(t, gbk(t, "i1  000012139        张三    \r\n"), data)

	put(t, dir, "a_b1.txt", []byte("i1  1\r\n"))
	answers, err := c.Acknowledged(context.Background())
	require.NoError(t, err)
	require.Equal(t, []connectors.Outcome{{Intent: "i1", Status: connectors.Applied}}, answers)
}

func TestFixedWidthSettings(t *testing.T) {
	for connect, says := range map[string]string{
		"format: fixed": "connect.layout is missing",
		"format: csv, layout: [{column: id, width: 3}]":                           "layout is for format: fixed",
		"format: fixed, layout: [{column: id}]":                                   "entry 1 needs column and width",
		"format: fixed, layout: [{column: id, width: 3}, {column: id, width: 3}]": "has the column id twice",
		"format: fixed, layout: [{column: id, width: 3, align: up}]":              "must be left or right",
		"format: fixed, layout: [{column: id, width: 3, fill: 字}]":                "one ASCII character",
		"format: fixed, count: words, layout: [{column: id, width: 3}]":           "count must be bytes or characters",
		"format: fixed, header_rows: 2, layout: [{column: id, width: 3}]":         "header_rows",
	} {
		p, err := spec.Parse("platform.yaml", []byte("platform: police\nname: 常住人口\nkind: files\nkey: [id]\ncadence: 24h\nfields: {phone: {column: id}}\nconnect: {dir: /x, pattern: y, "+connect+"}\n"), nil)
		require.NoError(t, err)
		_, err = Open(context.Background(), p, connectors.Environment{Dir: t.TempDir()})
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, "platform.yaml:7")
	}
}

func FuzzFixed(f *testing.F) {
	f.Add([]byte("000012张三      139        \n"), "T", true)
	f.Add([]byte("T1\n\x1a"), "T", false)
	f.Fuzz(func(t *testing.T, data []byte, trailer string, bytes bool) {
		path := filepath.Join(t.TempDir(), "x.txt")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		shape := Shape{Format: fixedFormat, Encoding: "auto", HeaderRow: 1, HeaderRows: 1, Count: inChars, Layout: []Slot{{"id", 6, "", " "}, {"xm", 10, "right", "0"}}}
		if bytes {
			shape.Count = inBytes
		}
		src, err := open(path, shape, trailer)
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
