package live

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"

	"heji/connectors"
	"heji/schema"
)

// target is a row that may be written, and one field of it as it stands.
type target struct {
	writer  connectors.Writer
	looker  connectors.Looker // nil: it cannot be asked
	row     connectors.Row
	columns map[string]string
	queued  bool // outcomes come later
	compare bool // it compares before it writes
}

// target finds the row and a field that the platform receives. What is written
// is what the row shows, so that nothing changes whatever the platform does.
func (x *session) target(ctx context.Context) (target, error) {
	var t target
	c, err := x.open(ctx)
	if err != nil {
		return t, err
	}
	var ok bool
	if t.writer, ok = c.(connectors.Writer); !ok {
		return t, leave("该平台没有写入通道", "this platform has no way to write")
	}
	if _, carried := c.(connectors.Courier); carried {
		return t, leave("该平台由人工上传或录入，不做试写", "people carry what is written to this platform, so nothing is tried")
	}
	_, t.queued = c.(connectors.Acknowledger)
	if x, ok := c.(interface{ Conditional() bool }); ok {
		t.compare = x.Conditional()
	}
	if x.Key == "" {
		return t, leave("没有给出可以试写的行（--key 行号）", "no row was given that may be written (--key ROW)")
	}
	if t.looker, ok = c.(connectors.Looker); ok {
		rows, err := t.looker.Look(ctx, connectors.Query{Key: x.Key})
		x.heard(err)
		if err != nil {
			return t, err
		}
		if len(rows) == 1 {
			t.row = rows[0]
		}
	} else if x.whole != nil {
		t.row = x.whole.row
	}
	if t.row.Key == "" {
		return t, fail("平台没有 --key 给出的行", "the platform has no row with the key that --key names")
	}
	_, raw, _ := x.mapped.Read(t.row)
	for _, a := range x.received() {
		if mode := x.spec.Agreement.Mode(a); raw[a] != "" && mode != schema.Propose {
			t.columns = x.mapped.Columns(a, raw[a])
			return t, nil
		}
	}
	return t, leave("该行没有可以试写的非空字段", "the row has no field with a value that the platform receives")
}

func (x *session) push(ctx context.Context, t target, condition map[string]string) (connectors.Outcome, error) {
	return x.hand(ctx, t, connectors.Write{Intent: uuid.NewString(), Batch: uuid.NewString(), Key: t.row.Key,
		Set: t.columns, If: condition, Shown: t.row.Columns, RowVersion: t.row.RowVersion})
}

// hand hands one write over.
func (x *session) hand(ctx context.Context, t target, w connectors.Write) (connectors.Outcome, error) {
	out, err := t.writer.Push(ctx, []connectors.Write{w})
	x.heard(err)
	if err != nil {
		return connectors.Outcome{}, err
	}
	if len(out) != 1 {
		return connectors.Outcome{}, fail("一次写入应有一个结果，实际 %d 个", "one write has one outcome, not %d", len(out))
	}
	if s := out[0].Status; s == connectors.Applied || s == connectors.Queued {
		x.written++
	}
	if out[0].Reason != "" {
		x.said = append(x.said, out[0].Reason)
	}
	return out[0], nil
}

func writeAsItStands(ctx context.Context, x *session) (Text, error) {
	t, err := x.target(ctx)
	if err != nil {
		return Text{}, err
	}
	out, err := x.push(ctx, t, t.columns)
	if err != nil {
		return Text{}, err
	}
	switch {
	case out.Status == connectors.Queued:
		return say("已递交，等平台回执", "handed over; the platform's answer will come"), nil
	case out.Status != connectors.Applied:
		return Text{}, fail("写入未完成：%s %s", "the write was not made: %s %s", string(out.Status), x.spec.Redact(out.Reason))
	case t.looker == nil:
		return say("平台确认写入", "the platform confirmed it"), nil
	}
	rows, err := t.looker.Look(ctx, connectors.Query{Key: t.row.Key})
	x.heard(err)
	if err != nil {
		return Text{}, err
	}
	if len(rows) != 1 {
		return Text{}, fail("写入后查不到这一行", "the row is not there after the write")
	}
	for column, text := range t.columns {
		if rows[0].Columns[column] != text {
			return Text{}, fail("写入后平台显示的与写入的不同，列 %s。请在 fields 中声明（max、pad、defaults）", "the platform shows something else than what was written, in the column %s. Declare it in fields (max, pad, defaults)", column)
		}
	}
	return say("写入并复核一致", "written, and seen to be the same"), nil
}

// conditionMisses asks for the write of what is shown, on the condition that
// something else is shown: whatever the platform does, nothing changes.
func conditionMisses(ctx context.Context, x *session) (Text, error) {
	t, err := x.target(ctx)
	if err != nil {
		return Text{}, err
	}
	if t.queued || !t.compare {
		return Text{}, leave("该平台写入前不做比对，由合籍事后复读判断", "this platform does not compare before it writes; Heji reads again instead")
	}
	condition := map[string]string{}
	for column, text := range t.columns {
		condition[column] = text + "~"
	}
	t.row.RowVersion = "" // only the texts are the condition here
	out, err := x.push(ctx, t, condition)
	if err != nil {
		return Text{}, err
	}
	if out.Status != connectors.Missed {
		return Text{}, fail("条件不符仍然写入（%s）", "it was written although the condition did not hold (%s)", string(out.Status))
	}
	return Text{}, nil
}

// mostWrites is how many writes the check of the rate makes at most.
const mostWrites = 10

func rateKept(ctx context.Context, x *session) (Text, error) {
	rate := 0.0
	if x.spec != nil {
		rate = x.spec.Limits.RowsPerSecond
	}
	if rate <= 0 {
		return Text{}, leave("未约定速率", "no rate was agreed")
	}
	if rate > mostWrites {
		return Text{}, leave("约定每秒 %g 行，需大量试写才能测出，未测", "%g rows a second: measuring that would take too many writes", rate)
	}
	t, err := x.target(ctx)
	if err != nil {
		return Text{}, err
	}
	if t.queued {
		return Text{}, leave("该平台成批递交，不按行计速", "this platform takes batches, which are not paced by row")
	}
	n := int(math.Ceil(rate)) + 2
	began := time.Now()
	for range n {
		if out, err := x.push(ctx, t, t.columns); err != nil || out.Status != connectors.Applied {
			return Text{}, fail("试写未完成", "a write was not made")
		}
	}
	took := time.Since(began)
	// The first second's worth may go at once.
	if least := time.Duration(float64(n-int(math.Ceil(rate))-1) / rate * float64(time.Second)); took < least*9/10 {
		return Text{}, fail("%d 次写入只用了 %s，快于约定的每秒 %g 行", "%d writes took %s only, faster than %g rows a second", n, took.Round(time.Millisecond), rate)
	}
	return say("%d 次写入用时 %s", "%d writes took %s", n, took.Round(time.Millisecond)), nil
}
