package template

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"heji/connectors"
	"heji/connectors/spec"
)

// office is a bureau with an open connector.
type office struct {
	*testing.T
	*bureau
	c   *connector
	dir string
	y   string
}

func newOffice(t *testing.T, change ...string) *office {
	o := &office{T: t, bureau: newBureau(t), dir: t.TempDir()}
	o.y = strings.NewReplacer(change...).Replace(o.yaml())
	o.restart()
	return o
}

// restart opens a new connector over what the old one kept.
func (o *office) restart() {
	o.Helper()
	p, err := spec.Parse("platform.yaml", []byte(o.y), nil)
	require.NoError(o, err)
	c, err := connectors.Open(context.Background(), p, connectors.Environment{Dir: o.dir})
	require.NoError(o, err)
	o.c = c.(*connector)
}

var ctx = context.Background()

func (o *office) push(writes ...connectors.Write) {
	o.Helper()
	out, err := o.c.Push(ctx, writes)
	require.NoError(o, err)
	for _, x := range out {
		require.Equal(o, connectors.Queued, x.Status, x.Reason)
	}
}

func phone(n int) connectors.Write {
	id := fmt.Sprintf("P%d", n)
	return connectors.Write{Intent: fmt.Sprintf("i%d", n), Batch: "b1", Key: id, Set: map[string]string{"sjhm": fmt.Sprintf("1390000%04d", n)},
		Shown: map[string]string{"xm": fmt.Sprint("测试", n), "sfzh": fmt.Sprint("N", n), "sjhm": "old"}}
}

func (o *office) parcels() []connectors.Parcel {
	o.Helper()
	list, err := o.c.Parcels(ctx)
	require.NoError(o, err)
	return list
}

func (o *office) download(i int) connectors.Document {
	o.Helper()
	doc, err := o.c.Document(ctx, o.parcels()[i].ID)
	require.NoError(o, err)
	return doc
}

func (o *office) answers() map[string]connectors.Status {
	o.Helper()
	list, err := o.c.Acknowledged(ctx)
	require.NoError(o, err)
	out := map[string]connectors.Status{}
	for _, x := range list {
		out[x.Intent] = x.Status
	}
	return out
}

// people are rows that the platform has.
func (o *office) people(n int) {
	for i := range n {
		id := fmt.Sprintf("P%d", i)
		o.rows[id] = map[string]string{"id": id, "xm": fmt.Sprint("测试", i), "sfzh": fmt.Sprint("N", i), "sjhm": "old"}
	}
}

// The platform's own sheet is filled, and nothing else of it is touched.
func TestTheTemplateIsFilled(t *testing.T) {
	o := newOffice(t)
	create := connectors.Write{Intent: "c1", Token: "c1", Natural: map[string]string{"sfzh": "N9"}, Set: map[string]string{"xm": "新来的", "sfzh": "N9"}}
	o.push(phone(1), create)
	doc := o.download(0)
	require.Regexp(t, `^奖励扶助_hj-bureau-1-[0-9a-f]{4}\.xlsx$`, doc.Name)
	book, err := excelize.OpenReader(bytes.NewReader(doc.Content))
	require.NoError(t, err)
	defer book.Close()
	rows, err := book.GetRows("导入")
	require.NoError(t, err)
	id := o.parcels()[0].ID
	require.Equal(t, [][]string{{"P1", "测试1", "N1", "13900000001", "修改", id + "/1"}, {"", "新来的", "N9", "", "新增", id + "/2"}}, rows[3:])
	require.Equal(t, "人员信息导入表（请勿改动表头）", rows[0][0])
	merged, err := book.GetMergeCells("导入")
	require.NoError(t, err)
	require.Len(t, merged, 5)
	valid, err := book.GetDataValidations("导入")
	require.NoError(t, err)
	require.Len(t, valid, 1)
	require.Equal(t, "E4:E1000", valid[0].Sqref)
	kind, err := book.GetCellType("导入", "C4")
	require.NoError(t, err)
	require.Contains(t, []excelize.CellType{excelize.CellTypeSharedString, excelize.CellTypeInlineString}, kind, "an ID number stays text")
}

// I5: downloading again gives the same bytes, after a restart too, whatever has
// come since; and no second batch goes out while one is under way.
func TestTheSameBytesAgain(t *testing.T) {
	o := newOffice(t)
	o.people(4)
	o.push(phone(1))
	first := o.download(0)
	o.restart()
	o.push(phone(2))
	require.Equal(t, first, o.download(0))
	list := o.parcels()
	require.Len(t, list, 2)
	require.False(t, list[0].Held)
	require.True(t, list[1].Held)
	_, err := o.c.Document(ctx, list[1].ID)
	require.ErrorIs(t, err, connectors.ErrHeld)
	o.push(phone(3)) // gathers in the batch that waits
	require.Equal(t, 2, o.parcels()[1].Rows)

	name, receipt := o.take(t, first.Name, first.Content)
	r, err := o.c.Receive(ctx, name, receipt)
	require.NoError(t, err)
	require.Equal(t, connectors.Receipt{Parcel: list[0].ID, Applied: 1}, r)
	r, err = o.c.Receive(ctx, name, receipt)
	require.NoError(t, err)
	require.Equal(t, connectors.Receipt{Parcel: list[0].ID, Repeated: 1}, r, "the same receipt again changes nothing")
	require.Equal(t, map[string]connectors.Status{"i1": connectors.Applied}, o.answers())
	require.NotEmpty(t, o.download(0).Content, "now the next may go")
	_, err = o.c.Document(ctx, list[0].ID)
	require.ErrorIs(t, err, connectors.ErrNoParcel, "closed: it keeps no values")
}

// A receipt may come in pieces; what it does not list stays open.
func TestAReceiptInPieces(t *testing.T) {
	o := newOffice(t)
	o.people(3)
	o.rows["P2"]["id"] = "P2"
	o.push(phone(1), phone(2))
	doc := o.download(0)
	o.back = func(t testing.TB, done []upload, name string, book []byte) (string, []byte) {
		return receiptSheet(t, done[:1], name, book)
	}
	name, receipt := o.take(t, doc.Name, doc.Content)
	r, err := o.c.Receive(ctx, name, receipt)
	require.NoError(t, err)
	require.Equal(t, 1, r.Open)
	require.Len(t, o.answers(), 1)
	o.back = receiptSheet
	name, receipt = o.take(t, doc.Name, doc.Content)
	r, err = o.c.Receive(ctx, name, receipt)
	require.NoError(t, err)
	require.Equal(t, connectors.Receipt{Parcel: r.Parcel, Applied: 1, Repeated: 1}, r)
	require.Empty(t, o.parcels())
}

// What matches no batch is noted, shown and never applied.
func TestForeignReceipts(t *testing.T) {
	o := newOffice(t)
	o.people(3)
	o.push(phone(1))
	doc := o.download(0)
	name, receipt := o.take(t, doc.Name, doc.Content)
	id := o.parcels()[0].ID

	other := newOffice(t, "platform: bureau", "platform: other")
	other.people(3)
	other.push(phone(1))
	other.download(0)
	_, err := other.c.Receive(ctx, name, receipt)
	require.ErrorIs(t, err, connectors.ErrForeign)
	list, err := other.c.Strangers(ctx)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "导入结果.xlsx", list[0].Name)
	require.Empty(t, other.answers())
	require.Equal(t, 1, other.parcels()[0].Open)

	for what, token := range map[string]string{
		"another number": strings.Replace(id, "-1-", "-7-", 1) + "/1",
		"another row":    id + "/9",
		"no token":       "备注",
	} {
		_, sheet := receiptSheet(t, []upload{{status: "成功", cells: map[string]string{"bz": token}}}, "", nil)
		_, err = o.c.Receive(ctx, "x.xlsx", sheet)
		require.ErrorIs(t, err, connectors.ErrForeign, what)
	}
	require.Empty(t, o.answers())
	_, err = o.c.Receive(ctx, name, receipt)
	require.NoError(t, err, "and the right one is still taken")
}

// Failures only, by row number, known by the file's name; whoever is not listed
// was taken. The words of the platform lose our values (I9).
func TestFailuresOnly(t *testing.T) {
	o := newOffice(t)
	a, z := strings.Index(o.y, "  token:"), strings.Index(o.y, "  export:")
	o.y = o.y[:a] + "  receipt: {row_column: 行号, row_counts: sheet, reason_column: 失败原因, absent: ok}\n" + o.y[z:]
	o.restart()
	o.people(4)
	o.back = failures
	long := phone(2)
	long.Set["xm"] = strings.Repeat("长", 30)
	o.push(phone(1), long, phone(3))
	doc := o.download(0)
	name, receipt := o.take(t, doc.Name, doc.Content)
	_, err := o.c.Receive(ctx, "失败明细.csv", receipt)
	require.ErrorIs(t, err, connectors.ErrForeign, "without the batch in its name nobody knows whose it is")
	r, err := o.c.Receive(ctx, name, receipt)
	require.NoError(t, err)
	require.Equal(t, connectors.Receipt{Parcel: r.Parcel, Applied: 2, Refused: 1}, r)
	list, err := o.c.Acknowledged(ctx)
	require.NoError(t, err)
	require.Equal(t, "姓名“…”过长，证件…", list[0].Reason+list[1].Reason+list[2].Reason)
}

// An export that shows what was sent closes the row; one that does not proves
// nothing. A create gets the key that the export shows.
func TestTheNextExportCloses(t *testing.T) {
	o := newOffice(t, "    key_column: 编号\n", "")
	o.people(3)
	o.back = func(t testing.TB, done []upload, name string, book []byte) (string, []byte) {
		return receiptSheet(t, done[2:], name, book) // of the create alone, and without its key
	}
	pull := func(day time.Time) {
		o.export(t, day)
		require.NoError(t, o.c.Pull(ctx, nil, func(connectors.Batch) error { return nil }))
	}
	create := connectors.Write{Intent: "c1", Natural: map[string]string{"sfzh": "N9"}, Set: map[string]string{"xm": "新来的", "sfzh": "N9"}}
	o.push(phone(1), phone(2), create)
	doc := o.download(0)
	pull(time.Now().Add(time.Hour))
	require.Empty(t, o.answers(), "nobody has uploaded it yet")
	name, receipt := o.take(t, doc.Name, doc.Content)
	o.rows["P2"]["sjhm"] = "a clerk's"
	r, err := o.c.Receive(ctx, name, receipt)
	require.NoError(t, err)
	require.Equal(t, 1, r.Applied)
	require.Empty(t, o.answers(), "taken, and the key of the new row is not known")
	pull(time.Now().Add(2 * time.Hour))
	list, err := o.c.Acknowledged(ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]connectors.Status{"i1": connectors.Applied, "c1": connectors.Applied}, o.answers())
	keys := map[string]string{}
	for _, x := range list {
		keys[x.Intent] = x.Key
	}
	require.Equal(t, map[string]string{"i1": "P1", "c1": "P501"}, keys)
	require.Equal(t, 1, o.parcels()[0].Open)
}

// A person who is there already is not created, as long as nobody has fetched it.
func TestAnExportShowsThatAPersonIsThere(t *testing.T) {
	o := newOffice(t)
	o.people(10)
	o.push(connectors.Write{Intent: "c1", Natural: map[string]string{"sfzh": "N9"}, Set: map[string]string{"xm": "新来的", "sfzh": "N9"}})
	o.export(t, time.Now().Add(-time.Hour))
	require.NoError(t, o.c.Pull(ctx, nil, func(connectors.Batch) error { return nil }))
	require.Equal(t, map[string]connectors.Status{"c1": connectors.Exists}, o.answers())
	require.Empty(t, o.parcels())
}

// Recalled before it was fetched, returned after, handed in without a receipt.
func TestThreeWaysBack(t *testing.T) {
	o := newOffice(t)
	o.push(phone(1), phone(2))
	back, err := o.c.Recall(ctx, []string{"i1", "x"})
	require.NoError(t, err)
	require.Equal(t, []string{"i1"}, back)
	require.Equal(t, 1, o.parcels()[0].Rows)
	id := o.parcels()[0].ID
	require.ErrorIs(t, o.c.Uploaded(ctx, id, "李老师"), connectors.ErrNoParcel, "nobody has it")
	o.download(0)
	back, err = o.c.Recall(ctx, []string{"i2"})
	require.NoError(t, err)
	require.Empty(t, back, "it is in people's hands")
	require.NoError(t, o.c.Return(ctx, id, "李老师"))
	require.Equal(t, map[string]connectors.Status{"i2": connectors.Busy}, o.answers())
	require.Empty(t, o.parcels())

	o.push(phone(3), phone(4))
	id = o.parcels()[0].ID
	o.download(0)
	require.NoError(t, o.c.Uploaded(ctx, id, "李老师"))
	require.Equal(t, connectors.Doubt, o.answers()["i3"])
	require.ErrorIs(t, o.c.Return(ctx, id, "李老师"), connectors.ErrNoParcel, "it was handed in")
	o.push(phone(5))
	require.False(t, o.parcels()[1].Held, "what can get no receipt holds nothing up")
	held, err := o.c.Outstanding(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"i3", "i4", "i5"}, held)
	require.NoError(t, o.c.Forget(ctx, []string{"i3", "i4"}))
	require.Len(t, o.parcels(), 1)
}

// A kill between any two steps loses nothing: the keep is damaged in no way that
// another start cannot read, and the second push of a batch adds nothing.
func TestPushedTwiceIsOnce(t *testing.T) {
	o := newOffice(t)
	o.push(phone(1), phone(2))
	o.restart()
	o.push(phone(1), phone(2), phone(3))
	require.Len(t, o.parcels(), 1)
	require.Equal(t, 3, o.parcels()[0].Rows)
}

func TestBatchesAreBounded(t *testing.T) {
	o := newOffice(t, "rows: 50", "rows: 2")
	o.push(phone(1), phone(2), phone(3))
	list := o.parcels()
	require.Equal(t, []int{2, 1}, []int{list[0].Rows, list[1].Rows})
	o.push(phone(4))
	require.Equal(t, 2, o.parcels()[1].Rows)
}

// What people bring may be anything.
func TestFilesThatAreNoReceipts(t *testing.T) {
	o := newOffice(t)
	o.push(phone(1))
	o.download(0)
	var bomb bytes.Buffer
	z := zip.NewWriter(&bomb)
	f, err := z.Create("xl/worksheets/sheet1.xml")
	require.NoError(t, err)
	zeros := make([]byte, 1<<20)
	for range 600 {
		_, err = f.Write(zeros)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	require.Less(t, bomb.Len(), 1<<20)
	for says, content := range map[string][]byte{
		"it is empty":                      nil,
		"it unpacks into more than 512 MB": bomb.Bytes(),
		"it is an old Excel file":          {0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1},
		"it is a web page and no table":    []byte("<html><table>"),
		"it is no complete XLSX workbook":  []byte("PK\x03\x04rubbish"),
		"it has no column 备注":              []byte("a,b\n1,2\n"),
		"a quotation mark stands alone":    []byte("备注,结果\n\"a\"b,c\n"),
		"it is no text in the encoding":    {0xff, 0xff, 0x00, 0x01},
	} {
		_, err := o.c.Receive(ctx, "x.xlsx", content)
		require.ErrorIs(t, err, connectors.ErrFile, says)
		require.ErrorContains(t, err, says)
	}
	require.Empty(t, o.answers())
}

// An export that staff bring is read like one that lies in the folder.
func TestImportedExport(t *testing.T) {
	o := newOffice(t)
	o.people(2)
	o.export(t, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	path := filepath.Join(o.bureau.dir, "out", "full_20260301080000.csv")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	err = o.c.Import(ctx, "名单.xlsx", time.Now(), content)
	require.ErrorIs(t, err, connectors.ErrFile)
	require.NoError(t, o.c.Import(ctx, "../../名单.csv", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), content))
	rows := 0
	require.NoError(t, o.c.Pull(ctx, nil, func(b connectors.Batch) error {
		rows += len(b.Rows)
		require.Equal(t, "2026-03-01", b.AsOf.In(time.FixedZone("CST", 8*3600)).Format(time.DateOnly))
		return nil
	}))
	require.Equal(t, 2, rows)
}

// FuzzReceive: whatever people bring is answered, and never with a panic; what is
// applied has a row in the batch.
func FuzzReceive(f *testing.F) {
	f.Add("x.csv", []byte("备注,结果\nhj-bureau-1-0000/1,成功\n"))
	f.Add("hj-bureau-1-0000.csv", []byte("备注,结果\n,\n"))
	f.Add("x.xlsx", []byte("PK\x03\x04"))
	dir := f.TempDir()
	b := newBureau(f)
	p, err := spec.Parse("platform.yaml", []byte(b.yaml()), nil)
	require.NoError(f, err)
	c, err := connectors.Open(ctx, p, connectors.Environment{Dir: dir})
	require.NoError(f, err)
	k := c.(*connector)
	_, err = k.Push(ctx, []connectors.Write{phone(1), phone(2)})
	require.NoError(f, err)
	list, err := k.Parcels(ctx)
	require.NoError(f, err)
	_, err = k.Document(ctx, list[0].ID)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		content = bytes.ReplaceAll(content, []byte("hj-bureau-1-0000"), []byte(list[0].ID))
		r, err := k.Receive(ctx, name, content)
		require.True(t, err == nil || errors.Is(err, connectors.ErrFile) || errors.Is(err, connectors.ErrForeign), "%v", err)
		require.LessOrEqual(t, r.Applied+r.Refused, 2)
	})
}
