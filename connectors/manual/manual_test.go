package manual

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/conformance"
	"heji/connectors/spec"
)

const file = `platform: home
name: 妇女儿童之家
kind: manual
class: B
key: [id]
cadence: 24h
natural: [id_number]
connect:
  page: https://home.example/people
  card:
    - {column: xm, label: 姓名, find: yes}
    - {column: sfzh, label: 身份证号, find: yes}
    - {column: sjhm, label: 联系电话}
  export: {dir: DIR, pattern: "full_{date}.csv", page: 7}
fields:
  name: {column: xm}
  phone: {column: sjhm}
  id_number: {column: sfzh}
agreement:
  receives: {phone: overwrite, name: overwrite, id_number: overwrite}
  creates: true
`

// form is a web form that somebody types into.
type form struct {
	dir    string
	rows   map[string]map[string]string
	day    int
	writes int
}

func (f *form) Insert(_ testing.TB, rows ...map[string]string) {
	for _, r := range rows {
		f.rows[r["id"]] = maps.Clone(r)
	}
}
func (f *form) Update(t testing.TB, rows ...map[string]string) { f.Insert(t, rows...) }
func (f *form) Delete(_ testing.TB, ids ...string) {
	for _, id := range ids {
		delete(f.rows, id)
	}
}
func (f *form) Row(_ testing.TB, id string) (map[string]string, bool) {
	r, ok := f.rows[id]
	return r, ok
}
func (f *form) Writes(testing.TB) int { return f.writes }
func (f *form) Process(testing.TB)    {}
func (f *form) Publish(t testing.TB) {
	f.day++
	f.export(t, time.Date(2026, 1, f.day, 0, 0, 0, 0, time.UTC))
}

func (f *form) export(t testing.TB, day time.Time) {
	text := "id,xm,sjhm,sfzh\n"
	for _, id := range slices.Sorted(maps.Keys(f.rows)) {
		r := f.rows[id]
		text += strings.Join([]string{id, r["xm"], r["sjhm"], r["sfzh"]}, ",") + "\n"
	}
	name := "full_" + day.In(time.FixedZone("CST", 8*3600)).Format("20060102150405") + ".csv"
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o644))
}

// Carry types every card off. What the form does not take is said in the form's
// own words.
func (f *form) Carry(t testing.TB, c connectors.Courier) {
	ctx := context.Background()
	list, err := c.Parcels(ctx)
	require.NoError(t, err)
	for _, p := range list {
		card, err := c.Parcel(ctx, p.ID)
		require.NoError(t, err)
		if !card.Carried.IsZero() && p.Carried.IsZero() {
			f.typed(t, c, card)
		}
	}
}

func (f *form) typed(t testing.TB, c connectors.Courier, card connectors.Parcel) {
	said := map[string]string{}
	for _, x := range card.Card {
		said[x.Label] = x.Text
	}
	if len([]rune(said["姓名"])) > 20 {
		require.NoError(t, c.Typed(context.Background(), card.ID, "李老师", false, "姓名“"+said["姓名"]+"”太长"))
		return
	}
	for _, r := range f.rows {
		if r["sfzh"] == said["身份证号"] {
			f.writes++
			if phone, ok := said["联系电话"]; ok {
				r["sjhm"] = phone
			}
			require.NoError(t, c.Typed(context.Background(), card.ID, "李老师", true, ""))
			return
		}
	}
	require.NoError(t, c.Typed(context.Background(), card.ID, "李老师", false, "查无此人"))
}

func TestConformanceOfWhatIsRead(t *testing.T) {
	conformance.Run(t, conformance.Harness{
		New: func(t *testing.T) (conformance.Platform, string) {
			f := &form{dir: t.TempDir(), rows: map[string]map[string]string{}}
			return f, strings.Replace(file, "DIR", f.dir, 1)
		},
		Env:       func(string) (string, bool) { return "", false },
		Vanishing: true, Queued: true, Batched: true, Typed: true,
		Bad: []conformance.Bad{
			{Name: "no card", YAML: func(y string) string {
				a, z := strings.Index(y, "  card:"), strings.Index(y, "  export:")
				return y[:a] + y[z:]
			}, Says: "connect.card is missing"},
			{Name: "nobody to find", YAML: func(y string) string { return strings.ReplaceAll(y, ", find: yes", "") }, Says: "nobody could tell whose card it is"},
			{Name: "no line for what is received", YAML: func(y string) string { return strings.Replace(y, "    - {column: sjhm, label: 联系电话}\n", "", 1) }, Says: "connect.card does not hold sjhm"},
			{Name: "an outbox", YAML: func(y string) string { return strings.Replace(y, "page: 7", "outbox: {dir: /x}", 1) }, Says: "connect.export has an outbox"},
			{Name: "misspelt", YAML: func(y string) string { return strings.Replace(y, "label: 姓名", "lable: 姓名", 1) }, Says: `Did you mean "label"?`},
		},
	})
}

var ctx = context.Background()

func open(t *testing.T, y, dir string) *connector {
	t.Helper()
	p, err := spec.Parse("platform.yaml", []byte(y), nil)
	require.NoError(t, err)
	c, err := connectors.Open(ctx, p, connectors.Environment{Dir: dir})
	require.NoError(t, err)
	return c.(*connector)
}

func phone(intent, text string) connectors.Write {
	return connectors.Write{Intent: intent, Key: "P1", Set: map[string]string{"sjhm": text}, Shown: map[string]string{"xm": "测试1", "sfzh": "N1", "sjhm": "old"}}
}

// A card shows who it is and what to type, in the form's own order; once opened
// it stays as it is.
func TestCards(t *testing.T) {
	dir := t.TempDir()
	c := open(t, strings.Replace(file, "DIR", t.TempDir(), 1), dir)
	out, err := c.Push(ctx, []connectors.Write{phone("i1", "13900000001")})
	require.NoError(t, err)
	require.Equal(t, connectors.Queued, out[0].Status)
	back, err := c.Recall(ctx, []string{"i1"})
	require.NoError(t, err)
	require.Len(t, back, 1)
	_, err = c.Push(ctx, []connectors.Write{phone("i2", "13900000002")})
	require.NoError(t, err)
	list, err := c.Parcels(ctx)
	require.NoError(t, err)
	require.Len(t, list, 1)
	card, err := c.Parcel(ctx, list[0].ID)
	require.NoError(t, err)
	require.Equal(t, []connectors.CardField{{Label: "姓名", Text: "测试1", Find: true}, {Label: "身份证号", Text: "N1", Find: true}, {Label: "联系电话", Text: "13900000002"}}, card.Card)
	require.Equal(t, "https://home.example/people", card.Page)
	back, err = c.Recall(ctx, []string{"i2"})
	require.NoError(t, err)
	require.Empty(t, back)
	_, err = c.Document(ctx, card.ID)
	require.ErrorIs(t, err, connectors.ErrNoDocument)
	require.NoError(t, c.Typed(ctx, card.ID, "李老师", false, "号码 13900000002 已停用"))
	require.NoError(t, c.Typed(ctx, card.ID, "李老师", true, ""), "a second click")
	answers, err := open(t, strings.Replace(file, "DIR", t.TempDir(), 1), dir).Acknowledged(ctx)
	require.NoError(t, err)
	require.Equal(t, []connectors.Outcome{{Intent: "i2", Status: connectors.Refused, Key: "P1", Reason: "号码 … 已停用"}}, answers)
	require.ErrorIs(t, c.Typed(ctx, "hj-home-9-0000", "李老师", true, ""), connectors.ErrNoParcel)
}

const counts = `platform: oversight
name: 社区监督
kind: manual
class: A
cadence: 24h
connect: {page: "https://oversight.example"}
counts:
  period: month
  list:
    - {label: 常住人口}
    - {label: 低保对象, where: [{attribute: low_income, in: ["1", "2"]}]}
`

func lines(texts ...string) []connectors.Line {
	return []connectors.Line{{Label: "常住人口", Text: texts[0]}, {Label: "低保对象", Text: texts[1]}}
}

// Counts: one card at most for each period, always the latest until somebody
// opens it, none where nothing has changed.
func TestCountsAreReportedWhenTheyChange(t *testing.T) {
	c := open(t, counts, t.TempDir())
	report := func(period string, texts ...string) []connectors.Parcel {
		t.Helper()
		require.NoError(t, c.Report(ctx, period, time.Now(), lines(texts...)))
		list, err := c.Parcels(ctx)
		require.NoError(t, err)
		return list
	}
	list := report("2026-10", "100", "7")
	require.Len(t, list, 1)
	list = report("2026-10", "101", "7")
	require.Len(t, list, 1)
	require.Equal(t, []connectors.CardField{{Label: "常住人口", Text: "101"}, {Label: "低保对象", Text: "7"}}, list[0].Card)
	card, err := c.Parcel(ctx, list[0].ID)
	require.NoError(t, err)
	list = report("2026-10", "102", "7")
	require.Equal(t, "101", list[0].Card[0].Text, "it does not change under the hands of whoever types it")
	require.NoError(t, c.Typed(ctx, card.ID, "李老师", true, ""))
	require.Empty(t, report("2026-10", "102", "7"), "one for each period")
	require.Empty(t, report("2026-11", "101", "7"), "nothing has changed since")
	require.Len(t, report("2026-11", "102", "7"), 1)
	require.Empty(t, report("2026-11", "101", "7"), "as it was entered: there is nothing to type")
	none, err := c.Outstanding(ctx)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestCountsOfThePlatformsFile(t *testing.T) {
	p, err := spec.Parse("platform.yaml", []byte(counts), nil)
	require.NoError(t, err)
	for n, want := range map[int64]string{0: "0", 1: "<3", 2: "<3", 3: "3", 40: "40"} {
		require.Equal(t, want, p.Counts.Text(n))
	}
	for period, want := range map[string]string{"week": "2026-W48", "month": "2026-11", "quarter": "2026-Q4", "year": "2026"} {
		p.Counts.Period = period
		require.Equal(t, want, p.Counts.PeriodOf(time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)))
	}
	for says, y := range map[string]string{
		"only a platform of kind manual receives counts":     strings.Replace(counts, "kind: manual", "kind: files", 1),
		`Did you mean "month"?`:                              strings.Replace(counts, "period: month", "period: mounth", 1),
		"counts.list is missing":                             counts[:strings.Index(counts, "  list:")],
		"a platform that receives counts receives no person": counts + "fields: {name: {column: xm}}\n",
		"older_than are for dates":                           strings.Replace(counts, `in: ["1", "2"]`, "older_than: 60", 1),
		"a count has no label":                               strings.Replace(counts, "label: 常住人口", "", 1),
	} {
		_, err := spec.Parse("platform.yaml", []byte(y), nil)
		require.ErrorContains(t, err, says)
	}
	_, err = spec.Parse("platform.yaml", []byte(strings.Replace(counts, "low_income", "corrections", 1)), nil)
	require.Error(t, err, "I7: what is sealed is counted nowhere")
}
