package live

import (
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

// words of an outcome.
func (o Outcome) words() Text {
	switch o {
	case Passed:
		return Text{"通过", "passed"}
	case Failed:
		return Text{"未通过", "failed"}
	}
	return Text{"不适用", "left out"}
}

// Mark is the outcome as one character.
func (o Outcome) Mark() string {
	switch o {
	case Passed:
		return "✓"
	case Failed:
		return "✗"
	}
	return "–"
}

// Verdict is the report in one sentence.
func (r Report) Verdict() Text {
	passed, failed, out := r.Count(Passed), r.Count(Failed), r.Count(Left)
	switch {
	case failed > 0:
		return say("未通过：%d 项通过，%d 项未通过，%d 项不适用", "Not passed: %d checks passed, %d failed, %d left out", passed, failed, out)
	case r.Rows == 0:
		return say("通过，但平台目前没有可读的记录：%d 项通过，%d 项不适用", "Passed, though there was no row to read: %d checks passed, %d left out", passed, out)
	}
	return say("通过：%d 项通过，%d 项不适用", "Passed: %d checks passed, %d left out", passed, out)
}

// page is what the templates see.
type page struct {
	Version string
	At      time.Time
	Reports []Report
}

// Markdown writes reports that an IT department can file. version is the
// program's.
func Markdown(w io.Writer, version string, reports []Report) error {
	var b strings.Builder
	b.WriteString("# 平台接入验证报告 / Platform verification report\n\n")
	fmt.Fprintf(&b, "合籍 Heji %s · %s\n\n", version, time.Now().Format("2006-01-02 15:04 MST"))
	b.WriteString("本报告不含任何居民信息。 This report holds no resident's data.\n")
	if len(reports) > 1 {
		b.WriteString("\n| 平台 platform | 种类 kind | 结论 verdict | 行 rows |\n| --- | --- | --- | --- |\n")
		for _, r := range reports {
			fmt.Fprintf(&b, "| %s %s | %s | %s | %d |\n", cell(r.Platform), cell(r.Title), cell(r.Kind), cell(r.Verdict().Zh), r.Rows)
		}
	}
	for _, r := range reports {
		v := r.Verdict()
		fmt.Fprintf(&b, "\n## %s（%s）\n\n", cell(r.Title), cell(r.Platform))
		fmt.Fprintf(&b, "**%s** / %s\n\n", v.Zh, v.En)
		fmt.Fprintf(&b, "- 部门 department：%s\n- 接入方式 kind：%s\n- 时间 time：%s\n- 读到 read：%d 行 rows，另有 %d 行无法使用 cannot be used\n- 试写 written：%d 次，均为原值 times, each with what the row showed already\n",
			cell(r.Department), cell(r.Kind), r.At.Format("2006-01-02 15:04:05 MST"), r.Rows, r.Dead, r.Written)
		b.WriteString("\n| 结果 | 检查项 check | 说明 note | 用时 took |\n| --- | --- | --- | --- |\n")
		for _, x := range r.Results {
			fmt.Fprintf(&b, "| %s %s | %s<br>%s | %s | %s |\n", x.Outcome.Mark(), x.Outcome.words().Zh, cell(x.What.Zh), cell(x.What.En),
				cell(both(x.Note)), x.Took.Round(time.Millisecond))
		}
	}
	b.WriteString("\n签字 signature：＿＿＿＿＿＿　日期 date：＿＿＿＿＿＿\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// both is a text in both languages, once where they are the same.
func both(t Text) string {
	if t.Zh == t.En || t.En == "" {
		return t.Zh
	}
	return t.Zh + "\n" + t.En
}

// cell makes a text fit for a cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", "<br>", "<", "&lt;", "&", "&amp;").Replace(s)
}

// HTML writes the same report as one page without scripts, fit for printing.
func HTML(w io.Writer, version string, reports []Report) error {
	return htmlPage.Execute(w, page{version, time.Now(), reports})
}

var htmlPage = template.Must(template.New("report").Funcs(template.FuncMap{
	"word":  func(o Outcome) string { return o.words().Zh },
	"round": func(d time.Duration) time.Duration { return d.Round(time.Millisecond) },
	"lines": func(t Text) []string { return strings.Split(both(t), "\n") },
}).Parse(`<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><title>平台接入验证报告</title>
<style>
body{font:15px/1.6 "Noto Sans CJK SC","Microsoft YaHei",sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;width:100%;margin:.6em 0}th,td{border:1px solid #999;padding:.25em .6em;text-align:left;vertical-align:top}
.failed{background:#fde8e8}.left{color:#666}small{color:#555;display:block}@media print{h2{break-before:page}}
</style></head><body>
<h1>平台接入验证报告 <small>Platform verification report</small></h1>
<p>合籍 Heji {{.Version}} · {{.At.Format "2006-01-02 15:04 MST"}}<br>本报告不含任何居民信息。 This report holds no resident's data.</p>
{{if gt (len .Reports) 1}}<table><tr><th>平台<th>种类<th>结论<th>行</tr>
{{range .Reports}}<tr{{if not .OK}} class="failed"{{end}}><td>{{.Platform}} {{.Title}}<td>{{.Kind}}<td>{{.Verdict.Zh}}<td>{{.Rows}}</tr>
{{end}}</table>{{end}}
{{range .Reports}}<h2>{{.Title}}（{{.Platform}}）</h2>
<p><strong>{{.Verdict.Zh}}</strong><small>{{.Verdict.En}}</small></p>
<p>部门 department：{{.Department}}　接入方式 kind：{{.Kind}}　时间 time：{{.At.Format "2006-01-02 15:04:05 MST"}}<br>
读到 read：{{.Rows}} 行 rows，另有 {{.Dead}} 行无法使用 cannot be used；试写 written：{{.Written}} 次，均为原值 each with what the row showed already</p>
<table><tr><th>结果<th>检查项<th>说明<th>用时</tr>
{{range .Results}}<tr class="{{.Outcome}}"><td>{{.Outcome.Mark}} {{word .Outcome}}<td>{{.What.Zh}}<small>{{.What.En}}</small><td>{{range lines .Note}}{{.}}<br>{{end}}<td>{{round .Took}}</tr>
{{end}}</table>
{{end}}<p>签字 signature：＿＿＿＿＿＿　日期 date：＿＿＿＿＿＿</p></body></html>
`))
