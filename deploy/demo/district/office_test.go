package district

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	p "heji/deploy/demo/population"
)

// folder is what a sender sees of a file platform.
type folder struct {
	t     *testing.T
	dir   string
	sheet sheet
}

func folderOf(t *testing.T, d *District, platform string) folder {
	o := d.Platform(platform).(*office)
	return folder{t: t, dir: o.dir, sheet: o.sheet}
}

func (f folder) drop(batch string, lines ...[]string) {
	f.t.Helper()
	b, err := f.sheet.write(lines)
	require.NoError(f.t, err)
	drop(f.t, filepath.Join(f.dir, importFolder, "heji_"+batch+f.sheet.ext()), b)
}

// receipt waits for a batch's receipt and takes it away.
func (f folder) receipt(batch string) []Row {
	f.t.Helper()
	path := filepath.Join(f.dir, receiptFolder, "receipt_heji_"+batch+f.sheet.ext())
	within(f.t, "the receipt of "+batch, func() bool { _, err := os.Stat(path); return err == nil })
	b, err := os.ReadFile(path)
	require.NoError(f.t, err)
	require.NoError(f.t, os.Remove(path))
	lines, err := f.sheet.read(b)
	require.NoError(f.t, err)
	_, rows := table(lines)
	return rows
}

// exports lists the exports, oldest first.
func (f folder) exports() []string {
	f.t.Helper()
	list, err := os.ReadDir(filepath.Join(f.dir, exportFolder))
	require.NoError(f.t, err)
	var names []string
	for _, e := range list {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

func (f folder) read(name string) map[string]Row {
	f.t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, exportFolder, name))
	require.NoError(f.t, err)
	lines, err := f.sheet.read(b)
	require.NoError(f.t, err)
	header, rows := table(lines)
	out := map[string]Row{}
	for _, row := range rows {
		out[row[header[0]]] = row
	}
	return out
}

func TestOfficesTakeBatchesAndAnswer(t *testing.T) {
	t.Parallel()
	for platform, column := range map[string]string{p.Disabled: "lxdh", p.LowIncomes: "联系电话", p.Veterans: "电话"} {
		t.Run(platform, func(t *testing.T) {
			t.Parallel()
			d := running(t)
			pl, f := d.Platform(platform), folderOf(t, d, platform)
			key, before := anyRow(t, pl)
			id := LayoutOf(platform).Key
			f.drop("b1",
				[]string{batchID, batchOp, id, column},
				[]string{"w1", batchEdit, key, "15400009999"},
				[]string{"w2", batchEdit, key, "12"},
				[]string{"w3", batchEdit, "nobody", "15400009999"},
				[]string{"w4", "新增", "", "15400009999"},
				[]string{"w5", batchEdit, key, ""})
			got := map[string]string{}
			for _, row := range f.receipt("b1") {
				got[row[batchID]] = row[receiptStatus]
			}
			require.Equal(t, map[string]string{"w1": statusDone, "w2": statusRefused, "w3": statusGone, "w4": statusRefused, "w5": statusDone}, got)
			after := snapshot(t, pl)[key]
			require.Equal(t, "15400009999", after[column])
			name, _ := LayoutOf(platform).Field(p.Name)
			require.Equal(t, name.Value(before), name.Value(after), "an empty cell leaves the field alone")

			within(t, "an export with the new phone", func() bool {
				names := f.exports()
				return f.read(names[len(names)-1])[key][column] == "15400009999"
			})
			f.drop("b2", []string{batchID, batchOp, id, column}, []string{"w6", batchEdit, key, "15400009999"})
			f.receipt("b2")
			f.drop("b3", []string{batchID, batchOp, id, column}, []string{"w7", batchEdit, key, batchErase})
			f.receipt("b3")
			require.Empty(t, snapshot(t, pl)[key][column])

			j := journal(t, pl)
			byIntent := map[string]Write{}
			for _, w := range j {
				byIntent[w.Intent] = w
			}
			require.True(t, byIntent["w1"].Applied && !byIntent["w1"].Repeated)
			require.False(t, byIntent["w2"].Applied)
			require.False(t, byIntent["w4"].Applied)
			require.True(t, byIntent["w6"].Repeated)
		})
	}
}

func TestTheSameBatchAgainIsAReplay(t *testing.T) {
	t.Parallel()
	d := running(t)
	pl, f := d.Platform(p.Disabled), folderOf(t, d, p.Disabled)
	key, _ := anyRow(t, pl)
	for range 2 {
		f.drop("b1", []string{batchID, batchOp, "rybh", "lxdh"}, []string{"w1", batchEdit, key, "15400009999"}, []string{"w2", batchEdit, key, "1"})
		rows := f.receipt("b1")
		require.Len(t, rows, 2)
		require.Equal(t, statusDone, rows[0][receiptStatus])
		require.Equal(t, statusRefused, rows[1][receiptStatus])
	}
	j := journal(t, pl)
	require.Len(t, j, 4)
	require.False(t, j[0].Replay || j[1].Replay)
	require.True(t, j[2].Replay && j[3].Replay)
}

func TestAHalfWrittenBatchIsLeftAlone(t *testing.T) {
	t.Parallel()
	d := running(t)
	pl, f := d.Platform(p.Disabled), folderOf(t, d, p.Disabled)
	key, _ := anyRow(t, pl)
	half := filepath.Join(f.dir, importFolder, ".heji_b0.csv.tmp")
	require.NoError(t, os.WriteFile(half, []byte("x"), 0o600))
	f.drop("b1", []string{batchID, batchOp, "rybh", "lxdh"}, []string{"w1", batchEdit, key, "15400009999"})
	f.receipt("b1")
	require.FileExists(t, half)
}

func TestExportsCarryTheirMomentAndComeAgain(t *testing.T) {
	t.Parallel()
	o := options(t)
	d := begin(t, o)
	defer func() { require.NoError(t, d.Close()) }()
	f := folderOf(t, d, p.Veterans)
	before := time.Now().Add(-time.Minute)
	names := f.exports()
	require.NotEmpty(t, names)
	require.Regexp(t, `^veterans_\d{17}\.xlsx$`, names[0])
	stamp := strings.TrimSuffix(strings.TrimPrefix(names[0], "veterans_"), ".xlsx")
	at, err := time.ParseInLocation(asOfPattern, stamp[:14]+"."+stamp[14:], china)
	require.NoError(t, err)
	require.True(t, at.After(before))
	within(t, "one more export although nothing changed", func() bool { return len(f.exports()) >= 2 })
	require.Equal(t, f.read(f.exports()[0]), f.read(f.exports()[1]))
}

func TestABatchThatIsNoWorkbookIsPutAway(t *testing.T) {
	t.Parallel()
	d := running(t)
	f := folderOf(t, d, p.Veterans)
	path := filepath.Join(f.dir, importFolder, "heji_b1.xlsx")
	drop(t, path, []byte("no workbook"))
	bad := filepath.Join(f.dir, importFolder, doneFolder, "heji_b1.xlsx.bad")
	within(t, "the batch to be put away", func() bool { _, err := os.Stat(bad); return err == nil })
	require.NoFileExists(t, path)
	require.Empty(t, journal(t, d.Platform(p.Veterans)))
}

// An office puts out its export a few times more after a change, and once more
// whenever it is asked to.
func TestAnExportOnceMore(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Echoes = []time.Duration{time.Millisecond}
	d := begin(t, o)
	x := d.Platform(p.LowIncomes).(*office)
	files := func() int {
		list, err := os.ReadDir(filepath.Join(x.dir, exportFolder))
		require.NoError(t, err)
		return len(list)
	}
	settled := func(more int) int {
		require.Eventually(t, func() bool { return x.Extracted() && files() >= more }, time.Minute, 5*time.Millisecond)
		return files()
	}
	n := settled(1)
	x.Extract()
	require.Greater(t, settled(n+1), n)
	require.NoError(t, d.Close())
}
