package files

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"heji/connectors/conformance"
)

// office is a department that works with files. Its reading and writing shares
// no code with the connector.
type office struct {
	dir    string
	format string // csv or xlsx
	drops  bool   // incremental drops after the first extract

	rows    map[string]map[string]string
	changed map[string]string // id → U or D, since the last file
	day     int
	taken   map[string]bool
	writes  int
	last    int
}

var header = []string{"id", "xm", "sjhm", "sfzh"}

func newOffice(t testing.TB, format string, drops bool) *office {
	o := &office{dir: t.TempDir(), format: format, drops: drops, rows: map[string]map[string]string{}, changed: map[string]string{}, taken: map[string]bool{}}
	for _, d := range []string{"in", "out", "acks"} {
		require.NoError(t, os.Mkdir(filepath.Join(o.dir, d), 0o755))
	}
	return o
}

func (o *office) yaml() string {
	y := "platform: disabled\nname: 残联\nkind: files\nclass: C\nkey: [id]\ncadence: 24h\nnatural: [id_number]\nconnect:\n" +
		"  dir: ${DIR}/in\n  pattern: full_{date}." + o.format + "\n  format: " + o.format + "\n  encoding: gbk\n  done_marker: .ok\n  page: 7\n"
	if o.drops {
		y += "  incremental_pattern: drop_{date}." + o.format + "\n  delete_column: zt\n  delete_value: D\n"
	} else {
		y += "  trailer: {starts: 合计}\n"
	}
	y = strings.ReplaceAll(y, "${DIR}", o.dir)
	return y + "  outbox: {dir: " + o.dir + "/out, prefix: heji_, format: " + o.format + ", encoding: gbk, columns: [nr, op, id, xm, sjhm, sfzh], id_column: nr, operation_column: op}\n" +
		"  acks: {dir: " + o.dir + "/acks, pattern: ack_*." + o.format + ", format: " + o.format + ", encoding: gbk, id_column: nr, status_column: jg, ok: [成功], exists: [已有], gone: [查无], reason_column: yy, column_column: zd, key_column: id}\n" +
		"fields:\n  name: {column: xm}\n  phone: {column: sjhm}\n  id_number: {column: sfzh}\n" +
		"agreement:\n  receives: {phone: overwrite, name: overwrite, id_number: overwrite}\n  creates: true\n"
}

func (o *office) Insert(_ testing.TB, rows ...map[string]string) {
	for _, r := range rows {
		o.rows[r["id"]] = maps.Clone(r)
		o.changed[r["id"]] = "U"
	}
}

func (o *office) Update(t testing.TB, rows ...map[string]string) { o.Insert(t, rows...) }

func (o *office) Delete(_ testing.TB, ids ...string) {
	for _, id := range ids {
		delete(o.rows, id)
		o.changed[id] = "D"
	}
}

func (o *office) Row(_ testing.TB, id string) (map[string]string, bool) {
	r, ok := o.rows[id]
	return r, ok
}

func (o *office) Writes(testing.TB) int { return o.writes }

// Publish writes the next extract, or what has changed since the last file.
func (o *office) Publish(t testing.TB) {
	t.Helper()
	name, columns := "full", header
	var ids []string
	if o.drops && o.day > 0 {
		name, columns = "drop", append(append([]string{}, header...), "zt")
		for id := range o.changed {
			ids = append(ids, id)
		}
	} else {
		for id := range o.rows {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	table := [][]string{columns}
	for _, id := range ids {
		line := []string{id}
		for _, c := range columns[1:] {
			text := o.rows[id][c]
			if c == "zt" {
				text = o.changed[id]
			}
			line = append(line, text)
		}
		table = append(table, line)
	}
	if !o.drops {
		table = append(table, []string{"合计", fmt.Sprint(len(ids)), "", ""})
	}
	o.day++
	o.changed = map[string]string{}
	file := fmt.Sprintf("%s_%s.%s", name, time.Date(2026, 1, o.day, 0, 0, 0, 0, time.UTC).Format("20060102"), o.format)
	o.save(t, filepath.Join(o.dir, "in", file), table)
	require.NoError(t, os.WriteFile(filepath.Join(o.dir, "in", file+".ok"), nil, 0o644))
}

func (o *office) save(t testing.TB, path string, table [][]string) {
	t.Helper()
	if o.format == "xlsx" {
		book := excelize.NewFile()
		for i, line := range table {
			for j, text := range line {
				cell, err := excelize.CoordinatesToCellName(j+1, i+1)
				require.NoError(t, err)
				if len([]rune(text)) > 32000 {
					text = string([]rune(text)[:32000]) // Excel's own limit of a cell
				}
				require.NoError(t, book.SetCellStr("Sheet1", cell, text))
			}
		}
		require.NoError(t, book.SaveAs(path))
		require.NoError(t, book.Close())
		return
	}
	var text strings.Builder
	for _, line := range table {
		text.WriteString(strings.Join(line, ",") + "\r\n")
	}
	data, err := simplifiedchinese.GBK.NewEncoder().String(text.String())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(data), 0o644))
}

func (o *office) load(t testing.TB, path string) [][]string {
	t.Helper()
	if o.format == "xlsx" {
		book, err := excelize.OpenFile(path)
		require.NoError(t, err)
		rows, err := book.GetRows(book.GetSheetName(0))
		require.NoError(t, err)
		require.NoError(t, book.Close())
		for i := range rows {
			for len(rows[i]) < len(rows[0]) {
				rows[i] = append(rows[i], "")
			}
		}
		return rows
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data, err = simplifiedchinese.GBK.NewDecoder().Bytes(data)
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	require.NoError(t, err)
	return rows
}

// Process fetches the batches from the outbox, carries them out and answers.
func (o *office) Process(t testing.TB) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(o.dir, "out", "heji_*"))
	require.NoError(t, err)
	for _, path := range found {
		rows := o.load(t, path)
		answer := [][]string{{"nr", "jg", "yy", "zd", "id"}}
		for _, line := range rows[1:] {
			row := map[string]string{}
			for i, c := range rows[0] {
				row[c] = line[i]
			}
			status, reason, column := o.carry(row)
			answer = append(answer, []string{row["nr"], status, reason, column, row["id"]})
		}
		require.NoError(t, os.Remove(path))
		name := strings.Replace(filepath.Base(path), "heji_", "ack_", 1)
		o.save(t, filepath.Join(o.dir, name), answer)
		require.NoError(t, os.Rename(filepath.Join(o.dir, name), filepath.Join(o.dir, "acks", name)))
	}
}

func (o *office) carry(row map[string]string) (status, reason, column string) {
	if len([]rune(row["xm"])) > 20 {
		return "失败", "姓名“" + strings.Repeat("长", 3) + "”过长 190000199001011234", "xm"
	}
	if row["op"] == "A" {
		for id, have := range o.rows {
			if have["sfzh"] == row["sfzh"] {
				row["id"] = id
				return "已有", "身份证号已登记", ""
			}
		}
		o.last++
		row["id"] = fmt.Sprintf("F%03d", o.last)
		o.rows[row["id"]] = map[string]string{"id": row["id"]}
	}
	have, ok := o.rows[row["id"]]
	if !ok {
		return "查无", "", ""
	}
	for _, c := range header[1:] {
		if row[c] != "" {
			have[c] = row[c]
		}
	}
	o.changed[row["id"]] = "U"
	o.writes++
	return "成功", "", ""
}

func TestConformance(t *testing.T) {
	swap := func(from, to string) func(string) string {
		return func(y string) string { return strings.Replace(y, from, to, 1) }
	}
	bad := []conformance.Bad{
		{Name: "NoFolder", YAML: swap("/in\n", "/inn\n"), Says: "cannot be read"},
		{Name: "NoOutbox", YAML: swap("/out,", "/outt,"), Says: "nothing can be written into the folder"},
		{Name: "NoColumn", YAML: swap("column: sjhm", "column: sjh"), Says: "has no column sjh"},
		{Name: "UnknownKey", YAML: swap("done_marker", "donemarker"), Says: `Did you mean "done_marker"?`},
		{Name: "Encoding", YAML: swap("encoding: gbk", "encoding: gb"), Says: "connect.encoding must be"},
		{Name: "Variable", YAML: swap("  dir: ", "  dir: ${NOWHERE}"), Says: "NOWHERE is not set"},
	}
	harness := conformance.Harness{Env: func(string) (string, bool) { return "", false }, Bad: bad, Queued: true, Batched: true, Refuses: true}
	t.Run("WholeExtractsCSV", func(t *testing.T) {
		h := harness
		h.Vanishing = true
		h.New = func(t *testing.T) (conformance.Platform, string) {
			o := newOffice(t, "csv", false)
			return o, o.yaml()
		}
		conformance.Run(t, h)
	})
	t.Run("IncrementalDropsCSV", func(t *testing.T) {
		h := harness
		h.Incremental, h.Vanishing, h.MidCursors = true, true, true
		h.Bad = bad[:4]
		h.New = func(t *testing.T) (conformance.Platform, string) {
			o := newOffice(t, "csv", true)
			return o, o.yaml()
		}
		conformance.Run(t, h)
	})
	t.Run("WholeExtractsXLSX", func(t *testing.T) {
		h := harness
		h.Vanishing, h.ShortCells = true, true
		h.Bad = bad[:4]
		h.New = func(t *testing.T) (conformance.Platform, string) {
			o := newOffice(t, "xlsx", false)
			return o, o.yaml()
		}
		conformance.Run(t, h)
	})
}
