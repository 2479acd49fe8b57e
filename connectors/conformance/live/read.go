package live

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"maps"
	"slices"
	"time"

	"go.uber.org/goleak"

	"heji/connectors"
	"heji/schema"
)

// samples is how many rows are kept whole for the checks of values.
const samples = 500

// reading is what one pass showed. Of each row only a fingerprint is kept: a
// platform may be large, and a report holds no values.
type reading struct {
	rows     map[string]uint64 // key → fingerprint; deleted rows are out
	order    []string          // keys as they were given out
	sample   []connectors.Row
	row      connectors.Row // the row asked for
	marks    []mark
	dead     int
	full     bool // it was a full read, at least in part
	complete bool
}

// mark is a resume point and how many keys came before it.
type mark struct {
	cursor connectors.Cursor
	keys   int
}

// read makes one pass with a fresh connector and holds it to the contract.
func (x *session) read(ctx context.Context, from connectors.Cursor) (*reading, error) {
	c, err := x.open(ctx)
	if err != nil {
		return nil, err
	}
	r := &reading{rows: map[string]uint64{}}
	latest := time.Now().Add(time.Minute)
	err = c.Pull(ctx, from, func(b connectors.Batch) error {
		switch {
		case b.AsOf.IsZero():
			return fail("有一批记录没有说明是什么时间的", "a batch does not say what time it is of")
		case b.AsOf.After(latest):
			return fail("有一批记录的时间在将来，请检查双方时钟", "a batch is of the future: compare the clocks of both sides")
		case b.Complete && !b.Full:
			return fail("只有完整读取才能宣布读全", "only a full read can be complete")
		}
		for _, row := range b.Rows {
			if err := r.take(row, x.Key); err != nil {
				return err
			}
		}
		r.full = r.full || b.Full
		r.complete = r.complete || b.Complete
		if b.Cursor != nil {
			r.marks = append(r.marks, mark{b.Cursor, len(r.order)})
		}
		return ctx.Err()
	})
	x.heard(err)
	return r, err
}

func (r *reading) take(row connectors.Row, wanted string) error {
	switch row.Op {
	case schema.OpDead:
		if row.Problem == "" || row.Place == "" {
			return fail("有一行无法使用，却没有说明原因和位置", "a row cannot be used, and neither reason nor place is given")
		}
		r.dead++
		return nil
	case schema.OpDelete:
		delete(r.rows, row.Key)
		return nil
	}
	if row.Key == "" {
		return fail("有一行没有行号", "a row has no key")
	}
	r.rows[row.Key] = fingerprint(row.Columns)
	r.order = append(r.order, row.Key)
	if len(r.sample) < samples {
		r.sample = append(r.sample, row)
	}
	if row.Key == wanted {
		r.row = row
	}
	return nil
}

var seed = maphash.MakeSeed()

func fingerprint(columns map[string]string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		for _, s := range []string{name, columns[name]} {
			var n [8]byte
			binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
			h.Write(n[:])    //nolint:errcheck // a hash cannot fail
			h.WriteString(s) //nolint:errcheck // a hash cannot fail
		}
	}
	return h.Sum64()
}

func wholeRead(ctx context.Context, x *session) (Text, error) {
	r, err := x.read(ctx, nil)
	if err != nil {
		return Text{}, err
	}
	x.whole = r
	if x.AnyRow && x.Key == "" {
		x.choose()
	}
	if len(r.rows) == 0 {
		return Text{}, leave("平台目前没有可读的记录（两次交换之间的文件夹就是这样）。有数据后请再验证一次。",
			"the platform shows no row at the moment, as a folder does between two deliveries. Verify again when there is something to read.")
	}
	return say("读到 %d 行，另有 %d 行无法使用", "%d rows read, %d more cannot be used", len(r.rows), r.dead), nil
}

// something ends a check where nothing was read.
func (x *session) something() error {
	if x.whole == nil || len(x.whole.rows) == 0 {
		return leave("没有读到记录", "nothing was read")
	}
	return nil
}

// tries is how often two reads of a platform at work are compared: its clerks
// may change a row between them.
const tries = 3

func twoReads(ctx context.Context, x *session) (Text, error) {
	if err := x.something(); err != nil {
		return Text{}, err
	}
	before, differ := x.whole, 0
	for n := range tries {
		again, err := x.read(ctx, nil)
		if err != nil {
			return Text{}, err
		}
		differ = differences(before.rows, again.rows)
		if differ == 0 {
			if n == 0 {
				return say("%d 行完全相同", "%d rows, all the same", len(again.rows)), nil
			}
			return say("第 %d 次比对时完全相同；之前有人在平台上修改", "the same at comparison %d; before that, somebody was changing rows there", n+1), nil
		}
		before = again
	}
	return Text{}, fail("连续 %d 次读取都不一致，最后一次相差 %d 行。若此刻无人在平台上修改，说明读取不稳定。",
		"%d reads in a row did not agree; the last one differed in %d rows. If nobody was changing rows there, reading is not stable.", tries+1, differ)
}

func differences(a, b map[string]uint64) int {
	n := 0
	for key, hash := range a {
		if other, ok := b[key]; !ok || other != hash {
			n++
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			n++
		}
	}
	return n
}

// resume goes on from the first, the middle and the last resume point.
func resume(ctx context.Context, x *session) (Text, error) {
	if err := x.something(); err != nil {
		return Text{}, err
	}
	marks := x.whole.marks
	if len(marks) == 0 {
		return Text{}, fail("整读结束后没有给出断点，下次只能从头再读", "a whole read ended without a resume point, so the next one starts again from the beginning")
	}
	tried := map[int]bool{0: true, len(marks) / 2: true, len(marks) - 1: true}
	again := 0
	for at := range tried {
		m := marks[at]
		rest, err := x.read(ctx, m.cursor)
		if err != nil {
			return Text{}, err
		}
		if at == len(marks)-1 {
			again = len(rest.order)
		}
		had := map[string]bool{}
		for _, key := range x.whole.order[:m.keys] {
			had[key] = true
		}
		for _, key := range rest.order {
			had[key] = true
		}
		lost := map[string]bool{}
		for key := range x.whole.rows {
			if !had[key] {
				lost[key] = true
			}
		}
		if len(lost) == 0 {
			continue
		}
		now, err := x.read(ctx, nil) // deleted meanwhile?
		if err != nil {
			return Text{}, err
		}
		maps.DeleteFunc(lost, func(key string, _ bool) bool { _, there := now.rows[key]; return !there })
		if len(lost) > 0 {
			return Text{}, fail("从断点续读时少了 %d 行", "%d rows were lost after going on from a resume point", len(lost))
		}
	}
	return say("共 %d 个断点，抽查 %d 个，无丢失；读完后再读给出 %d 行", "%d resume points, %d tried, nothing lost; after the last one %d rows came again", len(marks), len(tried), again), nil
}

// stopTime is how soon a stopped read must have ended.
const stopTime = 10 * time.Second

func stop(ctx context.Context, x *session) (Text, error) {
	c, err := x.open(ctx)
	if err != nil {
		return Text{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- c.Pull(ctx, nil, func(connectors.Batch) error {
			cancel()
			return ctx.Err()
		})
	}()
	select {
	case err = <-ended: // also where there was nothing to read
	case <-ctx.Done():
		select {
		case err = <-ended:
		case <-time.After(stopTime):
			return Text{}, fail("中断后 %s 内没有返回", "it did not end within %s after it was stopped", stopTime)
		}
	}
	x.heard(err)
	if err != nil && !errors.Is(err, context.Canceled) {
		return Text{}, err
	}
	cancel()
	err = c.Pull(ctx, nil, func(connectors.Batch) error { return nil })
	x.heard(err)
	if !errors.Is(err, context.Canceled) {
		return Text{}, fail("已中断的读取没有报告中断", "a read that was stopped before it began does not say so")
	}
	halt := errors.New("the stream is full")
	calls := 0
	err = c.Pull(context.WithoutCancel(ctx), nil, func(connectors.Batch) error { calls++; return halt })
	if calls > 1 || calls == 1 && !errors.Is(err, halt) {
		return Text{}, fail("下游说停之后仍继续读取", "it went on reading after it was told that nobody can take more")
	}
	return Text{}, nil
}

// quiet closes everything and looks whether anything goes on.
func quiet(_ context.Context, x *session) (Text, error) {
	if err := x.closeAll(); err != nil {
		return Text{}, err
	}
	if goleak.Find(x.before) != nil { // its text is a stack, for programmers
		return Text{}, fail("连接已关闭，仍有后台任务没有结束", "everything is closed, and something still goes on in the background")
	}
	return Text{}, nil
}
