package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"heji/connectors"
	"heji/connectors/kit"
	"heji/schema"
)

type platformDiscover struct {
	asking
	Name string `arg:"" help:"The platform's name or file."`
	Rows int    `help:"How many rows to look at." default:"500"`
	Out  string `help:"Write the proposed file there; - is the terminal. Default: beside the file, as NAME.yaml.proposed." short:"o" placeholder:"FILE"`
	JSON bool   `help:"Print JSON." name:"json"`

	console
}

// Run shows what columns a platform has and what they probably are.
func (c *platformDiscover) Run(ctx context.Context) error {
	p, err := c.open(ctx, c.Name, true)
	if err != nil {
		return err
	}
	defer p.close() //nolint:errcheck // nothing was written
	columns, err := connectors.Describe(ctx, p.conn, c.Rows)
	if err != nil {
		return err
	}
	if len(columns) == 0 {
		return fmt.Errorf("%s: the platform shows no column. Is there any row to look at?", p.path)
	}
	proposals := kit.Propose(columns)
	text, err := kit.Write(p.text, proposals)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(proposals)
	}
	out := c.Out
	if out == "" {
		out = strings.TrimSuffix(strings.TrimSuffix(p.path, ".yml"), ".yaml") + ".yaml.proposed"
	}
	if out == "-" {
		_, err := c.out().Write(text)
		return err
	}
	c.table(proposals)
	if err := os.WriteFile(out, text, 0o640); err != nil {
		return err
	}
	fmt.Fprintf(c.out(), "\n建议已写入 proposal written to %s\n看过、改好后替换 once you have looked it over, put it in place of %s，然后 then  heji platform check %s\n", out, p.path, c.Name)
	return nil
}

func (c *platformDiscover) table(proposals []kit.Proposal) {
	w := newColumns(c.out())
	fmt.Fprintln(w, "列 column\t类型 type\t有值 filled\t样例 samples\t可能是 probably\t依据 because")
	for _, x := range proposals {
		what := "–"
		if def, ok := schema.Lookup(x.Attribute); ok {
			what = fmt.Sprintf("%s %s", x.Attribute, def.Zh)
			if t := kit.TableName(x); t != "" {
				what += " (" + t + ")"
			} else if x.Format != "" {
				what += " (" + x.Format + ")"
			}
		}
		switch x.Role {
		case kit.RoleKey:
			what = strings.TrimPrefix("行号 key, "+what, "–")
		case kit.RoleChange:
			what = "变更时间 change_column"
		}
		filled := "–"
		if n := len(x.Column.Samples); n > 0 {
			filled = fmt.Sprintf("%.0f%%", 100*float64(x.Filled)/float64(n))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", x.Column.Name, x.Column.Type, filled, kit.Samples(x, 3), strings.TrimSuffix(what, ", –"), x.Why)
	}
	w.Flush() //nolint:errcheck // a terminal
	for _, x := range proposals {
		if x.Warning != "" {
			fmt.Fprintf(c.out(), "! %s: %s\n", x.Column.Name, x.Warning)
		}
		if len(x.Left) > 0 {
			fmt.Fprintf(c.out(), "! %s: 有 %d 种取值读不懂，请在 map 中补充 %d texts are not understood: add them with map\n", x.Column.Name, len(x.Left), len(x.Left))
		}
	}
}

func (c *platformDiscover) print(proposals []kit.Proposal) error {
	type line struct {
		Column    string   `json:"column"`
		Type      string   `json:"type,omitempty"`
		Rows      int      `json:"rows"`
		Filled    int      `json:"filled"`
		Samples   string   `json:"samples"`
		Attribute string   `json:"attribute,omitempty"`
		Role      string   `json:"role,omitempty"`
		Codes     string   `json:"codes,omitempty"`
		Also      []string `json:"also,omitempty"`
		Format    string   `json:"format,omitempty"`
		Score     float64  `json:"score"`
		Why       string   `json:"why,omitempty"`
		Warning   string   `json:"warning,omitempty"`
	}
	var out []line
	for _, x := range proposals {
		out = append(out, line{x.Column.Name, x.Column.Type, len(x.Column.Samples), x.Filled, kit.Samples(x, 3), string(x.Attribute), string(x.Role),
			kit.TableName(x), x.Also, x.Format, x.Score, x.Why, x.Warning})
	}
	return c.printJSON(out)
}

type platformPreview struct {
	asking
	Name     string `arg:"" help:"The platform's name or file."`
	Rows     int    `help:"How many rows to show." default:"5" short:"n"`
	Unmasked bool   `help:"Show values in the open. They are personal data: only on a screen that nobody else sees."`
	JSON     bool   `help:"Print JSON." name:"json"`

	console
}

// Run shows the first rows as canonical records.
func (c *platformPreview) Run(ctx context.Context) error {
	p, err := c.open(ctx, c.Name, false)
	if err != nil {
		return err
	}
	defer p.close() //nolint:errcheck // nothing was written
	rows, err := connectors.Sample(ctx, p.conn, c.Rows)
	if err != nil && len(rows) == 0 {
		return err
	}
	shown := kit.Preview(p.mapp, rows, c.Unmasked)
	if c.JSON {
		return c.printJSON(shown)
	}
	states := map[string]string{"blank": "空白 blank", "unknown": "不详 unknown", "default": "平台默认值，不作依据 the platform's default, no evidence", "aside": "未采用 set aside"}
	for _, r := range shown {
		fmt.Fprintf(c.out(), "── %s  %s\n", r.Key, r.Place)
		if r.Dead != "" {
			fmt.Fprintf(c.out(), "   ✗ 整行无法使用 the row cannot be used: %s\n", problem(r.Dead))
			continue
		}
		w := newColumns(c.out())
		for _, v := range r.Values {
			def, _ := schema.Lookup(v.Attribute)
			value := strings.Join(labels(v.Attribute, []string{v.Value}), "")
			if v.State != "" {
				value += "（" + states[v.State] + "）"
			}
			fmt.Fprintf(w, "   %s %s\t%s\t→ %s\n", def.Zh, v.Attribute, v.Raw, value)
		}
		w.Flush() //nolint:errcheck // a terminal
		for _, x := range r.Problems {
			def, _ := schema.Lookup(x.Attribute)
			fmt.Fprintf(c.out(), "   ! %s %s: %s\n", def.Zh, x.Attribute, problem(x.Problem))
		}
	}
	if len(shown) == 0 {
		fmt.Fprintln(c.out(), "平台目前没有可读的记录 the platform shows no row at the moment")
	}
	return err
}

// problem is what is wrong with a value or row, in both languages.
func problem(p schema.Problem) string {
	if s, ok := problems[p]; ok {
		return s + " (" + string(p) + ")"
	}
	return string(p)
}

var problems = map[schema.Problem]string{
	schema.ProblemNoKey: "没有行号 no key", schema.ProblemDate: "日期不存在 no such date", schema.ProblemCheckDigit: "校验位不对，仅作参考 wrong check digit, kept for comparison",
	schema.ProblemIDNumber: "不是证件号码 no ID number", schema.ProblemCode: "代码不认识 unknown code", schema.ProblemControl: "含控制字符 control characters",
	schema.ProblemTooLong: "过长 too long", schema.ProblemColumns: "列数不对 wrong number of columns", schema.ProblemEncoding: "文字编码有误 wrong encoding",
	schema.ProblemUnreadable: "读不懂 cannot be read", schema.ProblemPlaceholder: "占位内容，按空白 a filler, treated as blank",
}

type platformCheck struct {
	asking
	Name string `arg:"" help:"The platform's name or file."`
	Rows int    `help:"How many rows to look at." default:"1000"`

	console
}

// Run looks at everything that can be looked at without writing. It ends with an
// error where something must be mended.
func (c *platformCheck) Run(ctx context.Context) error {
	up := &checkup{out: c.out()}
	path, _, _, err := c.source(c.Name)
	if err != nil {
		return err
	}
	p, err := c.open(ctx, c.Name, false)
	if !up.say("配置与映射 file and mapping: "+path, err, "") {
		return fmt.Errorf("findings: 1; mend the lines named above")
	}
	defer p.close() //nolint:errcheck // nothing was written
	reach, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	up.say("连通、账号、所需列 reached, credentials, columns", p.conn.Check(reach), "")
	rows, err := connectors.Sample(ctx, p.conn, c.Rows)
	if up.say(fmt.Sprintf("读取样本 sample of %d rows", len(rows)), err, "") && len(rows) == 0 {
		fmt.Fprintln(c.out(), "    平台目前没有可读的记录，以下只看配置 no row to read at the moment: only the file is looked at")
	}
	s := kit.Look(p.spec, p.mapp, rows, c.Rows)
	for x, n := range s.Dead {
		up.say("行 rows", fmt.Errorf("%d 行无法使用 cannot be used: %s", n, problem(x)), "请部门改正后重新提供 ask the department to correct them")
	}
	if s.Repeated > 0 {
		up.say("key", fmt.Errorf("%d 行的行号重复 rows share their key with another one", s.Repeated), "key 必须每行唯一；多列合成时写 key: [a, b] the key must be the row's alone")
	}
	for _, f := range s.Fields {
		c.field(up, f, s.Rows)
	}
	if up.bad > 0 {
		return fmt.Errorf("findings: %d; see the lines with ✗", up.bad)
	}
	fmt.Fprintln(c.out(), "没有问题 all is well.  下一步 next: heji platform preview "+c.Name)
	return nil
}

func (c *platformCheck) field(up *checkup, f kit.Field, rows int) {
	def, _ := schema.Lookup(f.Attribute)
	what := fmt.Sprintf("%s %s ← %s", def.Zh, f.Attribute, strings.Join(f.Columns, "+"))
	if rows > 0 {
		what += fmt.Sprintf("  有值 known %d, 空白 blank %d", f.Known, f.Blank)
		for _, x := range []struct {
			word string
			n    int
		}{{"不详 unknown", f.Unknown}, {"平台默认值 defaults", f.Defaults}, {"无此列 not shown", f.Absent}} {
			if x.n > 0 {
				what += fmt.Sprintf(", %s %d", x.word, x.n)
			}
		}
	}
	switch f.Mode {
	case schema.Never:
	default:
		what += fmt.Sprintf("；回写 written back: %s，可双向转换 reversible", f.Mode)
	}
	texts := f.Texts()
	switch {
	case len(texts) > 0:
		var shown []string
		for i, s := range texts {
			if i == 8 {
				shown = append(shown, "…")
				break
			}
			shown = append(shown, fmt.Sprintf("%q×%d", kit.Mask(f.Attribute, s), f.Uncovered[s]))
		}
		up.say(what, fmt.Errorf("代码表没有覆盖 not covered by any code table: %s", strings.Join(shown, " ")),
			fmt.Sprintf("在 fields.%s.map 里写上它们的代码，或列入 blank  add them to fields.%s.map, or to blank. 代码 codes: %s", f.Attribute, f.Attribute, codesOf(def)))
	case rows > 0 && f.Absent == rows:
		up.say(what, fmt.Errorf("样本中没有这一列 no sampled row shows it"), "核对列名 check the column's name: heji platform discover "+c.Name)
	default:
		up.say(what, nil, "")
	}
	for x, n := range f.Aside {
		if x == schema.ProblemCode {
			continue
		}
		note := fmt.Sprintf("    ! %d 个值 values: %s", n, problem(x))
		if rows > 0 && n*2 > rows {
			up.say("   "+string(f.Attribute), fmt.Errorf("%d of %d: %s", n, rows, problem(x)), "超过一半读不懂，多半是列或格式写错了 more than half: the column or the format is probably wrong")
			continue
		}
		fmt.Fprintln(c.out(), note)
	}
	if len(f.NoText) > 0 {
		fmt.Fprintf(c.out(), "    ! 平台没有对应写法、遇到时转人工 the platform has no text for, so a person decides: %s\n", strings.Join(labels(f.Attribute, f.NoText), " "))
	}
	if len(f.Lossy) > 0 {
		fmt.Fprintf(c.out(), "    ! 平台的代码较粗，写回后变为上一级（不算差异） coarser there, and known to be: %s\n", strings.Join(labels(f.Attribute, f.Lossy), " "))
	}
}
