package live

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"heji/connectors"
	"heji/schema"
)

// trial is a row for trials with one field of it: what it shows, and another value.
type trial struct {
	target
	others    []candidate
	attribute schema.Attribute
	other     string            // canonical
	texts     map[string]string // how the platform writes it
}

// candidate is a field with a value that it may be given for a moment.
type candidate struct {
	attribute schema.Attribute
	value     string
}

// others are the fields of a row that may be given another value: those that the
// platform receives, that tell nobody apart, on which nothing hangs (who is declared
// dead for a second may lose a pension), and that show something.
func (x *session) others(row connectors.Row) []candidate {
	var out []candidate
	shown, raw, _ := x.mapped.Read(row)
	for _, a := range x.received() {
		def, _ := schema.Lookup(a)
		if slices.Contains([]schema.Attribute{schema.Name, schema.IDNumber, schema.BirthDate}, a) || def.Risky || def.Benefit ||
			x.spec.Agreement.Mode(a) == schema.Propose || raw[a] == "" {
			continue
		}
		for _, v := range x.mapped.Samples(a) {
			if _, err := x.mapped.Wire(a, v); err == nil && v != shown[a] {
				out = append(out, candidate{a, v})
			}
		}
	}
	return out
}

// choose takes the first row of a simulator that suits.
func (x *session) choose() {
	if x.mapped == nil {
		return
	}
	for _, row := range x.whole.sample {
		if len(x.others(row)) > 0 {
			x.Key, x.whole.row = row.Key, row
			return
		}
	}
}

// trial opens a row for trials, or says why nothing is tried.
func (x *session) trial(ctx context.Context) (trial, error) {
	t, err := x.target(ctx)
	out := trial{target: t}
	switch {
	case err != nil:
		return out, err
	case !x.Probe:
		return out, leave("未声明该行可供试验（--probe）", "nobody said that the row is one for trials (--probe)")
	case t.queued:
		return out, leave("该平台事后才答复，不能当场核对，未试", "the platform answers later, so nothing could be seen at once: not tried")
	case t.looker == nil:
		return out, leave("该平台不能按行查询，写入后无法核对，未试", "the platform cannot be asked for a single row, so nothing could be seen afterwards: not tried")
	}
	if out.others = x.others(t.row); len(out.others) == 0 {
		return out, leave("该行没有可以改成另一个值的字段", "the row has no field that could be given another value")
	}
	return x.with(out, out.others[0])
}

// with says which value of which field is tried.
func (x *session) with(t trial, c candidate) (trial, error) {
	_, raw, _ := x.mapped.Read(t.row)
	t.attribute, t.other = c.attribute, c.value
	t.columns = x.mapped.Columns(c.attribute, raw[c.attribute])
	wire, err := x.mapped.Wire(c.attribute, c.value)
	t.texts = x.mapped.Columns(c.attribute, wire)
	return t, err
}

// shown asks for the row again.
func (x *session) shown(ctx context.Context, t target) (connectors.Row, error) {
	rows, err := t.looker.Look(ctx, connectors.Query{Key: t.row.Key})
	x.heard(err)
	if err != nil {
		return connectors.Row{}, err
	}
	if len(rows) != 1 || rows[0].Key != t.row.Key {
		return connectors.Row{}, fail("写入后查不到这一行", "the row is not there after the write")
	}
	return rows[0], nil
}

// give writes texts over what a row shows now.
func (x *session) give(ctx context.Context, t target, now connectors.Row, texts map[string]string) (connectors.Outcome, error) {
	over := map[string]string{}
	for column := range texts {
		over[column] = now.Columns[column]
	}
	t.row, t.columns = now, texts
	return x.push(ctx, t, over)
}

// restore gives a row for trials back what it showed. It runs to its end.
func (x *session) restore(ctx context.Context, t trial) error {
	ctx = context.WithoutCancel(ctx)
	now, err := x.shown(ctx, t.target)
	if err == nil && !differ(now, t.columns) {
		return nil
	}
	if err == nil {
		var out connectors.Outcome
		if out, err = x.give(ctx, t.target, now, t.columns); err == nil && out.Status == connectors.Applied {
			if now, err = x.shown(ctx, t.target); err == nil && !differ(now, t.columns) {
				return nil
			}
		}
	}
	which := strings.Join(sorted(t.columns), "、")
	return fail("试验后没能恢复原值，请手工恢复该行的列 %s", "the row could not be given back what it showed: put its column %s right by hand", which)
}

func differ(row connectors.Row, texts map[string]string) bool {
	for column, text := range texts {
		if row.Columns[column] != text {
			return true
		}
	}
	return false
}

func sorted(texts map[string]string) []string {
	var out []string
	for column := range texts {
		out = append(out, column)
	}
	slices.Sort(out)
	return out
}

// repeated hands the same write over a second time, as after a lost answer.
func repeated(ctx context.Context, x *session) (Text, error) {
	t, err := x.target(ctx)
	if err != nil {
		return Text{}, err
	}
	if r, ok := t.writer.(connectors.Repeater); ok && r.Repeats() {
		return Text{}, leave("该平台认不出重复提交，合籍不确定时不重发，转人工", "the platform cannot tell a repeated write, so Heji sends none in doubt and asks a person")
	}
	w := connectors.Write{Intent: uuid.NewString(), Batch: uuid.NewString(), Key: t.row.Key, Set: t.columns, If: t.columns, Shown: t.row.Columns, RowVersion: t.row.RowVersion}
	var out connectors.Outcome
	for n := range 2 {
		if out, err = x.hand(ctx, t, w); err != nil {
			return Text{}, err
		}
		// The second one may find that the row has moved on: by the first.
		if out.Status != connectors.Applied && out.Status != connectors.Queued && (n == 0 || out.Status != connectors.Missed) {
			return Text{}, fail("写入未完成：%s %s", "the write was not made: %s %s", string(out.Status), x.spec.Redact(out.Reason))
		}
	}
	switch {
	case out.Status == connectors.Queued:
		return say("两次递交的是同一批，等平台回执", "both times the same batch was handed over; the platform's answer will come"), nil
	case t.looker == nil:
		return say("平台两次答复一致", "the platform gave the same answer twice"), nil
	}
	now, err := x.shown(ctx, t)
	if err != nil {
		return Text{}, err
	}
	if differ(now, t.columns) {
		return Text{}, fail("重复提交后平台显示的变了", "the platform shows something else after the second time")
	}
	return say("重复提交后显示不变", "handed over twice, and the row shows the same"), nil
}

// tooLong is longer than any column that holds what people type.
var tooLong = strings.Repeat("9", 4000)

func refused(ctx context.Context, x *session) (Text, error) {
	t, err := x.trial(ctx)
	if err != nil {
		return Text{}, err
	}
	long := map[string]string{}
	for column := range t.columns {
		long[column] = tooLong
	}
	out, err := x.give(ctx, t.target, t.row, long)
	if back := x.restore(ctx, t); back != nil {
		return Text{}, back
	}
	switch {
	case err != nil:
		return Text{}, err
	case out.Status == connectors.Applied:
		return Text{}, leave("平台收下了过长的值（截短或照存），没有可退回的；已恢复原值。请在 fields 中用 max 声明长度",
			"the platform takes a value that is too long, so it refuses nothing here; the row has its own back. Declare the length with max in fields")
	case out.Status != connectors.Refused:
		return Text{}, fail("写不下的值应当退回，实际为 %s", "a value that does not fit should be refused, and ended as %s", string(out.Status))
	case strings.TrimSpace(out.Reason) == "":
		return Text{}, fail("平台退回，却没有说明原因", "it was refused without a reason")
	case strings.Contains(out.Reason, tooLong):
		return Text{}, fail("退回的原因里重复了所写的值", "the reason repeats what was written")
	case out.Column == "":
		return say("已退回并说明原因，但没有指出是哪一列；原值不变", "refused with a reason that names no column; the row stays"), nil
	}
	return say("已退回，指出了列 %s 和原因；原值不变", "refused, with the column %s and the reason; the row stays", out.Column), nil
}

// mostTrials is how many values are tried until the platform takes one.
const mostTrials = 6

func rendition(ctx context.Context, x *session) (Text, error) {
	t, err := x.trial(ctx)
	if err != nil {
		return Text{}, err
	}
	out, err := x.give(ctx, t.target, t.row, t.texts)
	// What the platform does not take says nothing about its form: the next one.
	for n := 1; err == nil && out.Status == connectors.Refused && n < min(len(t.others), mostTrials); n++ {
		if t, err = x.with(t, t.others[len(t.others)-n]); err == nil {
			out, err = x.give(ctx, t.target, t.row, t.texts)
		}
	}
	var now connectors.Row
	if err == nil && out.Status == connectors.Applied {
		now, err = x.shown(ctx, t.target)
	}
	if back := x.restore(ctx, t); back != nil {
		return Text{}, back
	}
	switch {
	case err != nil:
		return Text{}, err
	case out.Status == connectors.Refused:
		return Text{}, leave("平台不收这个试验值，原值不变：%s", "the platform does not take this trial value, and the row stays: %s", x.spec.Redact(out.Reason))
	case out.Status != connectors.Applied:
		return Text{}, fail("写入未完成：%s %s", "the write was not made: %s %s", string(out.Status), x.spec.Redact(out.Reason))
	}
	_, raw, _ := x.mapped.Read(now)
	which := strings.Join(sorted(t.texts), "、")
	switch {
	case !differ(now, t.texts):
		return say("列 %s 照原样显示，已恢复原值", "the column %s shows it as written; the row has its own back", which), nil
	case x.mapped.Shows(t.attribute, raw[t.attribute], t.other):
		return say("列 %s 显示为平台自己的写法，与所写同义，已恢复原值", "the column %s shows it in the platform's own form, which means the same; the row has its own back", which), nil
	}
	return Text{}, fail("写入后平台显示的与写入的不同，列 %s（已恢复原值）。请在 fields 中声明（max、pad、defaults）",
		"the platform shows something else than what was written, in the column %s (the row has its own back). Declare it in fields (max, pad, defaults)", which)
}

// nobody is a person whom no register knows: an area code that is not assigned.
var nobody = schema.Values{schema.Name: "查无此人", schema.IDNumber: "190101190001010018", schema.BirthDate: "1900-01-01"}

// quota asks about one person whom nobody knows: a question that costs one of the
// day's, so that it is asked only where writing is allowed.
func quota(ctx context.Context, x *session) (Text, error) {
	c, err := x.open(ctx)
	if err != nil {
		return Text{}, err
	}
	asker, ok := c.(connectors.Asker)
	if !ok || !asker.Asks() {
		return Text{}, leave("该平台不是逐人查询", "this platform is not asked person by person")
	}
	day := x.spec.Limits.QuestionsPerDay
	if !x.Write {
		return Text{}, leave("每日 %d 次；试问要用掉一次，未允许（--write）", "%d questions a day; trying would use up one of them, which was not allowed (--write)", day)
	}
	natural := x.mapped.Natural(nobody)
	if natural == nil {
		return Text{}, leave("查询条件里有合籍编不出的内容，未试", "the question needs something that Heji cannot invent: not tried")
	}
	rows, err := asker.Ask(ctx, natural)
	x.heard(err)
	if err != nil {
		return Text{}, err
	}
	for _, row := range rows {
		if row.Op != schema.OpDead {
			return Text{}, fail("查询不存在的人，平台返回了别人", "asked about a person whom nobody knows, the platform answered with somebody")
		}
	}
	return say("用掉今日 %d 次中的 1 次，如实答复查无此人。运行时每问先记一次，记满即停，次日再问", "one of today's %d questions was used, and the answer was that nobody is known. The hub counts each question before it is asked, stops when the day's are used up, and goes on the next day", day), nil
}
