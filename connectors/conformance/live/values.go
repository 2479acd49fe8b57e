package live

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"heji/connectors"
	"heji/schema"
)

// values reads sampled rows through the mapping, and writes each value that is
// brought back as the platform would write it: read again it must be the same,
// or what this platform makes of it.
func values(_ context.Context, x *session) (Text, error) {
	if err := x.something(); err != nil {
		return Text{}, err
	}
	if x.mapped == nil {
		return Text{}, leave("字段映射有误", "the mapping is wrong")
	}
	received, bad, aside, silent := x.received(), map[schema.Attribute]int{}, 0, 0
	for _, row := range x.whole.sample {
		read, _, problems := x.mapped.Read(row)
		aside += len(problems)
		for _, a := range received {
			value := read[a]
			if value == "" {
				continue
			}
			wire, err := x.mapped.Wire(a, value)
			if err != nil {
				silent++ // half a date, a code of no text: held when it comes up
				continue
			}
			if !x.mapped.Shows(a, wire, value) {
				bad[a]++
			}
		}
	}
	if len(bad) > 0 {
		var which []string
		for a, n := range bad {
			which = append(which, fmt.Sprintf("%s (%d)", a, n))
		}
		slices.Sort(which)
		list := strings.Join(which, ", ")
		return Text{}, fail("以下字段写回后读出的不是原值：%s", "these fields do not come out as they went in: %s", list)
	}
	n := len(x.whole.sample)
	note := say("抽样 %d 行", "%d rows were sampled", n)
	if aside > 0 {
		note.Zh += fmt.Sprintf("；有 %d 个值读不懂（heji platform check 会列出）", aside)
		note.En += fmt.Sprintf("; %d values are not understood (heji platform check lists them)", aside)
	}
	if silent > 0 {
		note.Zh += fmt.Sprintf("；%d 个值平台写不出，遇到时转人工", silent)
		note.En += fmt.Sprintf("; %d values have no text of the platform: a person decides when they come up", silent)
	}
	return note, nil
}

// noSuchRow is a key that no platform gives.
const noSuchRow = "heji0no0such0row"

func look(ctx context.Context, x *session) (Text, error) {
	c, err := x.open(ctx)
	if err != nil {
		return Text{}, err
	}
	l, ok := c.(connectors.Looker)
	if !ok {
		return Text{}, leave("该平台不能按行查询", "this platform cannot be asked for a single row")
	}
	if err := x.something(); err != nil {
		return Text{}, err
	}
	want := x.whole.sample[0]
	for n := range tries {
		rows, err := l.Look(ctx, connectors.Query{Key: want.Key})
		x.heard(err)
		if err != nil {
			return Text{}, err
		}
		if len(rows) == 1 && rows[0].Key == want.Key && agree(rows[0], want) {
			break
		}
		if len(rows) > 0 && rows[0].Key != want.Key {
			return Text{}, fail("查询一行，平台返回了另一行", "the platform was asked for one row and answered with another")
		}
		if n == tries-1 {
			return Text{}, fail("单行查询与整读结果不一致", "a single row does not agree with the whole read")
		}
		again, err := x.read(ctx, nil) // changed meanwhile?
		if err != nil {
			return Text{}, err
		}
		if err := x.something(); err != nil || len(again.sample) == 0 {
			return Text{}, err
		}
		want = again.sample[0]
	}
	rows, err := l.Look(ctx, connectors.Query{Key: noSuchRow})
	x.heard(err)
	if err != nil && !strings.Contains(err.Error(), noSuchRow) {
		return Text{}, fail("查询不存在的行时报错，而不是返回空", "asking for a row that is not there is an error instead of an empty answer")
	}
	if len(rows) > 0 {
		return Text{}, fail("查询不存在的行，平台返回了别的行", "a row that is not there was answered with another one")
	}
	return Text{}, nil
}

// agree reports whether two views of a row show the same in the columns that
// both have.
func agree(a, b connectors.Row) bool {
	for column, text := range a.Columns {
		if other, ok := b.Columns[column]; ok && other != text {
			return false
		}
	}
	return true
}
