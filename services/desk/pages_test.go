package desk_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

func (w *world) form(path string, values url.Values, header ...string) reply {
	w.t.Helper()
	return w.do("POST", path, values.Encode(), header...)
}

var hidden = regexp.MustCompile(`name="request" value="([^"]+)"`)

func requestOf(t *testing.T, r reply) string {
	t.Helper()
	m := hidden.FindStringSubmatch(r.text)
	require.NotNil(t, m, "the form has an idempotency key")
	return m[1]
}

func TestStartPage(t *testing.T) {
	w := newWorld(t)
	id, number := w.wang()
	r := w.get("/")
	require.Equal(t, 200, r.status)
	for _, want := range []string{"查找", "今日录入", "少录了多少", "常住人口（公安）", `lang="zh-CN"`, "autofocus"} {
		require.Contains(t, r.text, want)
	}
	require.NotContains(t, r.text, "不可见的平台")

	r = w.get("/?q=" + urlEscape("王建国"))
	require.Contains(t, r.text, "/residents/"+id.String())
	require.NotContains(t, r.text, number, "numbers in a list are masked")
	require.Contains(t, w.get("/?q="+urlEscape("没有这个人")).text, "/residents/new")

	r = w.get("/?q=" + urlEscape(`"><script>alert(1)</script>`))
	require.NotContains(t, r.text, "<script>alert")
}

func TestLanguageSwitch(t *testing.T) {
	w := newWorld(t)
	r := w.get("/?lang=en", "Accept-Language", "zh")
	require.Contains(t, r.text, "Find a resident")
	require.Contains(t, r.header.Get("Set-Cookie"), "lang=en")
	require.Contains(t, w.get("/platforms", "Cookie", "lang=en").text, "Police register")
	require.Contains(t, w.get("/", "Accept-Language", "en").text, "查找", "Chinese first")
	require.Contains(t, w.get("/?q=a", "Cookie", "lang=en").text, `href="/?lang=zh&amp;q=a"`)
}

func TestEnterByForm(t *testing.T) {
	w := newWorld(t)
	r := w.get("/residents/new")
	require.Equal(t, 200, r.status)
	require.NotContains(t, r.text, "矫正")
	require.Contains(t, r.text, `<option value="21">大学本科毕业</option>`)
	request := requestOf(t, r)

	values := url.Values{"request": {request}, "who": {"李老师"}, "name": {"陈秀英"}, "phone": {"13700001111"}, "education": {"21"},
		"residence.community": {"阳光社区"}, "residence.compound": {"幸福家园"}, "residence.building": {"三号楼"}, "residence.unit": {"02单元"}, "residence.room": {"１８０１室"}}
	r = w.form("/residents/new", values)
	require.Equal(t, 200, r.status, r.text)
	require.Contains(t, r.text, "谁会收到")
	require.Contains(t, r.text, "该平台还没有此人的登记")
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`), "nothing is saved before it was seen")
	values = filledForm(r.text)
	values.Set("step", "back")
	back := filledForm(w.form("/residents/new", values).text)
	require.Equal(t, []string{"陈秀英", "21", "阳光社区幸福家园3号楼2单元1801室", request}, []string{back.Get("name"), back.Get("education"), back.Get("residence"), back.Get("request")})
	values.Set("step", "save")
	r = w.form("/residents/new", values)
	require.Equal(t, 303, r.status, r.text)
	require.Equal(t, "/entries/"+request, r.header.Get("Location"))
	e, err := w.store.EntryState(context.Background(), request)
	require.NoError(t, err)
	require.Equal(t, schema.Values{"name": "陈秀英", "phone": "13700001111", "education": "21", "residence": "||||阳光社区||幸福家园|3|2|1801|"}, e.Record.Values)

	r = w.get("/entries/" + request)
	require.Contains(t, r.text, "正在合并")
	require.Contains(t, r.text, `<noscript><meta http-equiv="refresh" content="1"></noscript>`)
	id := w.merge(request)
	r = w.get("/entries/" + request)
	require.Equal(t, "/residents/"+id.String()+"?entry="+request, r.header.Get("Location"))
	r = w.get(r.header.Get("Location"), "Cookie", "who="+url.QueryEscape("李老师"))
	require.Contains(t, r.text, "已保存")
	require.Contains(t, r.text, "阳光社区幸福家园3号楼2单元1801室")

	// The same form sent again, by a double click or a reload.
	r = w.form("/residents/new", values)
	require.Equal(t, 303, r.status)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries`))
	require.Contains(t, w.get("/").text, "陈秀英")
}

func TestFormComesBackWithWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	r := w.form("/residents/new", url.Values{"request": {"k"}, "name": {"<b>王</b>"}, "phone": {"不详"}, "sex": {"2"}, "residence.room": {"9"}})
	require.Equal(t, 422, r.status)
	require.Contains(t, r.text, "&lt;b&gt;王&lt;/b&gt;")
	require.NotContains(t, r.text, "<b>王")
	require.Contains(t, r.text, `<option value="2" selected>`)
	require.Contains(t, r.text, `name="residence.room" value="9"`)
	require.Contains(t, r.text, "请填写经办人姓名")
	require.Contains(t, r.text, `aria-invalid="true"`)
	require.Equal(t, "k", requestOf(t, r))
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`))
}

func TestKnownNumberIsSaidBeforeSaving(t *testing.T) {
	w := newWorld(t)
	id, number := w.wang()
	values := url.Values{"request": {"k"}, "who": {"李老师"}, "name": {"王建国"}, "id_number": {number}}
	r := w.form("/residents/new", values)
	require.Equal(t, 200, r.status)
	require.Contains(t, r.text, "/residents/"+id.String())
	require.Contains(t, r.text, "仍然保存")
	require.Contains(t, r.text, "就是他")
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`))
	values.Set("step", "save")
	require.Equal(t, 303, w.form("/residents/new", values).status)
}

var input = regexp.MustCompile(`<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"`)
var selected = regexp.MustCompile(`(?s)<select name="([^"]+)".*?</select>`)
var chosen = regexp.MustCompile(`<option value="([^"]*)" selected>`)

// filledForm reads a form as a browser would send it.
func filledForm(text string) url.Values {
	values := url.Values{}
	for _, m := range input.FindAllStringSubmatch(text, -1) {
		values.Set(m[1], strings.NewReplacer("&amp;", "&", "&#39;", "'", "&#34;", `"`, "&#43;", "+").Replace(m[2]))
	}
	for _, s := range selected.FindAllStringSubmatch(text, -1) {
		values.Set(s[1], "")
		if m := chosen.FindStringSubmatch(s[0]); m != nil {
			values.Set(s[1], m[1])
		}
	}
	return values
}

func TestEditByForm(t *testing.T) {
	w := newWorld(t)
	w.live("pension")
	id := w.resident(rec{platform: "pension", key: "P1", values: schema.Values{"name": "王建国", "phone": "13800001111", "education": "61",
		"life_status": "alive", "disability": "4-2", "hukou_address": schema.Address{Province: "山东省", Community: "张家村", Rest: "村东头"}.Canonical(),
		"residence": schema.Address{Community: "阳光社区", Compound: "幸福家园", Building: "A", Unit: "甲", Room: "东"}.Canonical()}},
		rec{platform: "gongan", key: "G1", values: schema.Values{"name": "王建国"}})
	path := "/residents/" + id.String() + "/edit"
	form := filledForm(w.get(path).text)
	form.Set("who", "李老师")
	r := w.form(path, form)
	require.Equal(t, 422, r.status)
	require.Contains(t, r.text, "没有改动任何内容", "a form that is sent back untouched changes nothing")

	// Somebody else changes the phone meanwhile: it is not put back.
	w.exec(`UPDATE residents SET master = jsonb_set(master, '{phone,v}', '"13100000000"') WHERE id = $1`, id)
	form.Set("name", "王建军")
	form.Set("education", "70")
	form.Set("residence.room", "西")
	r = w.form(path, form)
	require.Equal(t, 200, r.status, r.text)
	require.Contains(t, r.text, "谁会收到")
	require.Contains(t, r.text, "常住人口（公安）登记的是“王建国”")
	require.Contains(t, r.text, "协议只允许填补空白")
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`), "nothing is saved before it was seen")

	save := filledForm(r.text)
	require.Equal(t, url.Values{"since": {"0"}, "request": form["request"], "who": {"李老师"}, "set.name": {"王建军"}, "set.education": {"70"},
		"set.residence": {schema.Address{Community: "阳光社区", Compound: "幸福家园", Building: "A", Unit: "甲", Room: "西"}.Canonical()}}, save)
	save.Set("step", "save")
	r = w.form(path, save)
	require.Equal(t, 303, r.status, r.text)
	require.True(t, strings.HasPrefix(r.header.Get("Location"), "/residents/"+id.String()+"?entry="))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries`))
	require.Contains(t, w.get(r.header.Get("Location")).text, "正在合并")
	w.form(path, save)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries`))

	// What a confirmed form brings is checked again.
	save.Set("set.name", "")
	save.Set("request", "other")
	require.Equal(t, 422, w.form(path, save).status)
	save.Set("set.corrections", "1")
	require.Equal(t, 422, w.form(path, save).status)
}

// 就是他: what was entered for somebody new goes into the form of who was there.
func TestThisIsTheOne(t *testing.T) {
	w := newWorld(t)
	id, number := w.wang()
	typed := url.Values{"request": {"k"}, "who": {"李老师"}, "name": {"王建国"}, "id_number": {number}, "phone": {"13900002222"}, "step": {"take"}}
	r := w.form("/residents/"+id.String()+"/edit", typed)
	require.Equal(t, 200, r.status)
	require.Contains(t, r.text, "已有的登记")
	form := filledForm(r.text)
	require.Equal(t, "13900002222", form.Get("phone"))
	require.Equal(t, "1380*******", form.Get("was.phone"))
	require.Equal(t, "61", form.Get("education"))
	require.NotEqual(t, "k", form.Get("request"), "it is another entry")
	form.Set("step", "next")
	r = w.form("/residents/"+id.String()+"/edit", form)
	require.Equal(t, 200, r.status)
	changes := filledForm(r.text)
	require.Equal(t, "13900002222", changes.Get("set.phone"))
	require.Len(t, changes, 5, "nothing else changes: set.phone, what the number says of itself, request, since, who")

	// Back with a value that was taken out: it stays out.
	changes.Set("set.education", "")
	changes.Set("step", "back")
	form = filledForm(w.form("/residents/"+id.String()+"/edit", changes).text)
	require.Equal(t, []string{"13900002222", "", "61"}, []string{form.Get("phone"), form.Get("education"), form.Get("was.education")})
}

func TestPastedLineFillsTheForm(t *testing.T) {
	w := newWorld(t)
	n := number(t, "1980-05-01", 7)
	r := w.form("/residents/new", url.Values{"request": {"k"}, "paste": {"张三 男 " + n + " 13900001111 幸福家园3号楼2单元1801室 什么"}, "phone": {"13700000000"}, "step": {"read"}})
	require.Equal(t, 200, r.status)
	form := filledForm(r.text)
	require.Equal(t, []string{"张三", n, "1", "13700000000", "幸福家园3号楼2单元1801室"},
		[]string{form.Get("name"), form.Get("id_number"), form.Get("sex"), form.Get("phone"), form.Get("residence")}, "what was typed stays")
	require.Contains(t, r.text, "没看懂：什么")
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`))
}

func TestRiskyChangeSaysWhatItStops(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	r := w.form("/residents/"+id.String()+"/edit", url.Values{"who": {"李老师"}, "life_status": {"dead"}, "death_date": {"2026-11-01"}, "was.life_status": {"alive"}, "step": {"next"}})
	require.Equal(t, 200, r.status, r.text)
	require.Contains(t, r.text, "这是重大变更")
	require.Contains(t, r.text, "30 分钟")
	require.Contains(t, r.text, "可能影响的待遇")
	require.NotContains(t, w.form("/residents/"+id.String()+"/edit", url.Values{"who": {"李老师"}, "phone": {"13900002222"}, "step": {"next"}}).text, "重大变更")
}

// Who may be the same, with the reasons in words, while the form is being filled.
func TestAlikeWhileTyping(t *testing.T) {
	w := newWorld(t)
	id := w.resident(rec{platform: "pension", key: "P1", values: schema.Values{"name": "张秀英", "sex": "2", "birth_date": "1980-05-01", "phone": "13800001111"}})
	w.resident(rec{platform: "sealed", key: "S1", values: schema.Values{"name": "李不可见", "birth_date": "1980-05-01", "phone": "13800001111"}})
	r := w.form("/residents/alike", url.Values{"name": {"张秀英"}, "birth_date": {"1980-05-01"}, "phone": {"13800001112"}})
	require.Equal(t, 200, r.status)
	require.Contains(t, r.text, "/residents/"+id.String()+"/edit")
	require.Regexp(t, "姓名相同，出生日期相同，联系电话差一位", r.text)
	require.Contains(t, r.text, `data-same="1"`)
	require.NotContains(t, r.text, "<html")
	require.Contains(t, w.form("/residents/alike", url.Values{"name": {"张秀英"}}).text, id.String(), "a namesake")
	require.NotContains(t, w.form("/residents/alike", url.Values{"name": {"赵无人"}, "birth_date": {"1980-05-01"}}).text, "<li>")
	require.NotContains(t, w.form("/residents/alike", url.Values{"name": {"李不可现"}, "birth_date": {"1980-05-01"}, "phone": {"13800001111"}}).text, "李不可见", "what a sealed platform knows is no hint")
}

func TestWatchPlatforms(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	w.live("pension")
	path := "/residents/" + id.String()
	r := w.get(path)
	require.Contains(t, r.text, `http-equiv="refresh"`)
	require.Contains(t, r.text, `data-poll="/api/v1/residents/`+id.String()+`/targets?lang=zh"`)
	require.Contains(t, r.text, "排队中")
	w.exec(`UPDATE targets SET state = 'green', due_at = NULL`)
	r = w.get(path)
	require.NotContains(t, r.text, `http-equiv="refresh"`, "nothing moves any more")
	require.Contains(t, r.text, "已同步")
	require.NotContains(t, r.text, "不可见的平台")
	require.Contains(t, r.text, "王建囯", "the losing value stays visible")
}

func TestDecideByForm(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	back := "/residents/" + id.String()
	r := w.form("/decisions", url.Values{"kind": {"keep"}, "a.platform": {"pension"}, "a.key": {"P1"}, "attribute": {"name"},
		"value": {"王建囯"}, "who": {"赵主任"}, "back": {back}})
	require.Equal(t, 303, r.status, r.text)
	require.Equal(t, back, r.header.Get("Location"))
	require.Contains(t, w.get(back).text, "姓名固定为“王建囯”")
	n := w.count(`SELECT id FROM decisions`)
	require.Equal(t, 303, w.form("/decisions/"+jsonNumber(float64(n))+"/revoke", url.Values{"who": {"赵主任"}, "back": {back}}).status)
	require.Equal(t, 422, w.form("/decisions/1/revoke", url.Values{"back": {back}}).status)
	r = w.form("/decisions", url.Values{"kind": {"same"}, "who": {"赵主任"}})
	require.Equal(t, 422, r.status)
	require.Contains(t, r.text, "两条登记是同一条")

	// A form leads back into the desk and nowhere else.
	for _, evil := range []string{"http://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", ""} {
		require.Equal(t, "/", w.form("/writes/resume", url.Values{"back": {evil}}).header.Get("Location"), evil)
	}
}

func TestPlatformsPage(t *testing.T) {
	w := newWorld(t)
	r := w.get("/platforms")
	require.Contains(t, r.text, "停止全部回写")
	require.NotContains(t, r.text, "不可见的平台")
	w.wang()
	r = w.form("/platforms/pension/stage", url.Values{"stage": {"live"}, "who": {"赵主任"}})
	require.Equal(t, 409, r.status)
	require.Contains(t, r.text, "请先看过试算结果")
	r = w.get("/platforms/pension/effect?stage=canary&community=" + url.QueryEscape("阳光社区"))
	require.Contains(t, r.text, "只算试点社区：阳光社区")
	digest := regexp.MustCompile(`name="digest" value="([0-9a-f]+)"`).FindStringSubmatch(r.text)[1]
	require.Equal(t, 303, w.form("/platforms/pension/stage", url.Values{"stage": {"canary"}, "community": {"阳光社区"}, "rows": {"5"}, "digest": {digest}, "who": {"赵主任"}, "back": {"/platforms"}}).status)
	require.Contains(t, w.get("/platforms").text, "试点范围：阳光社区，每天最多 5 行")
	r = w.form("/platforms/pension/stage", url.Values{"stage": {"live"}, "who": {"赵主任"}, "digest": {digest}})
	require.Equal(t, 409, r.status)
	require.Contains(t, r.text, "情况已经变了", "a canary's report does not approve the whole platform")
	r = w.get("/platforms/pension/effect")
	digest = regexp.MustCompile(`name="digest" value="([0-9a-f]+)"`).FindStringSubmatch(r.text)[1]
	require.Equal(t, 303, w.form("/platforms/pension/stage", url.Values{"stage": {"live"}, "who": {"赵主任"}, "why": {"已核对"}, "digest": {digest}, "rate": {"20"}, "back": {"/platforms"}}).status)
	require.Equal(t, 303, w.form("/platforms/pension/pause", url.Values{"back": {"/platforms"}}).status)
	require.Equal(t, 404, w.form("/platforms/sealed/pause", url.Values{"back": {"/platforms"}}).status)
	require.Equal(t, 303, w.form("/writes/stop", url.Values{"back": {"/platforms"}}).status)
	r = w.get("/platforms")
	require.Contains(t, r.text, "全部回写已停止")
	require.Contains(t, r.text, "赵主任 于")
	require.Contains(t, r.text, "已暂停")
}

func TestReviewsPage(t *testing.T) {
	w := newWorld(t)
	require.Contains(t, w.get("/reviews").text, "没有需要核对的")
	w.wang()
	w.resident(rec{platform: "volunteers", key: "V1", values: schema.Values{"name": "王建国", "birth_date": "1980-05-01"}})
	w.exec(`INSERT INTO edges (a, b, weight, reason) SELECT a.id, b.id, 900, 'same_id' FROM records a, records b
		WHERE a.platform = 'gongan' AND b.platform = 'volunteers'`)
	r := w.get("/reviews")
	require.Contains(t, r.text, "明显像两个人")
	require.Contains(t, r.text, "是同一个人")
}

func TestPagesOfNobody(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/residents/17", "/residents/" + uuid.NewString(), "/residents/" + uuid.NewString() + "/edit", "/entries/none", "/nowhere"} {
		r := w.get(path)
		require.Equal(t, 404, r.status, path)
		require.Contains(t, r.text, "<h1>")
	}
	require.Equal(t, 404, w.form("/residents/17/edit", url.Values{"who": {"李"}}).status)
}

func TestPlatformNeverHoldsTheDeskUp(t *testing.T) {
	w := newWorld(t)
	w.exec(`UPDATE platforms SET pull_error = '连接超时', complete_at = now() WHERE id = 'pension'`)
	r := w.get("/platforms")
	require.Contains(t, r.text, "有故障")
	require.Contains(t, r.text, "连接超时")
	require.NoError(t, w.store.SetAside(context.Background(), []store.Dead{{Platform: "pension", Stage: "pull", Problem: schema.ProblemNoKey}}))
	require.Equal(t, 200, w.get("/").status)
}

// Two workers change one resident at once: the second sees what changed, and by
// whom, and chooses. What only one of them touched is nobody's business.
func TestTwoWorkersAtOnce(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	path := "/residents/" + id.String() + "/edit"
	confirm := func(who string, change url.Values) url.Values {
		form := filledForm(w.get(path).text)
		form.Set("who", who)
		form.Set("step", "next")
		for name, v := range change {
			form[name] = v
		}
		r := w.form(path, form)
		require.Equal(t, 200, r.status, r.text)
		save := filledForm(r.text)
		save.Set("step", "save")
		return save
	}
	first := confirm("李老师", url.Values{"phone": {"13900001111"}, "education": {"70"}})
	second := confirm("周老师", url.Values{"phone": {"13900002222"}, "workplace": {"二小"}})
	third := confirm("吴老师", url.Values{"former_name": {"王小国"}})
	require.Equal(t, 303, w.form(path, first).status)
	require.Equal(t, 303, w.form(path, third).status, "nobody else touched that")

	r := w.form(path, second)
	require.Equal(t, 200, r.status)
	require.Contains(t, r.text, "改了同样的内容")
	require.Contains(t, r.text, "用对方的：1390*******")
	require.Contains(t, r.text, "用我的：13900002222")
	require.Equal(t, 2, w.count(`SELECT count(*) FROM desk_entries`), "nothing is saved before it is chosen")
	again := filledForm(r.text)
	again.Set("step", "save")
	again.Del("clash.phone")
	require.Equal(t, 422, w.form(path, again).status, "not chosen")
	again.Set("clash.phone", "theirs")
	require.Equal(t, 303, w.form(path, again).status)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE id = (SELECT max(id) FROM desk_entries)
		AND record->'values' = '{"phone": "13900001111", "education": "70", "workplace": "二小", "former_name": "王小国"}'`))

	// Mine, this time; and a third change in between is asked about again.
	mine := confirm("周老师", url.Values{"phone": {"13900003333"}})
	require.Equal(t, 303, w.form(path, confirm("李老师", url.Values{"phone": {"13900004444"}})).status)
	asked := filledForm(w.form(path, mine).text)
	require.Equal(t, 303, w.form(path, confirm("李老师", url.Values{"phone": {"13900005555"}})).status)
	asked.Set("step", "save")
	asked.Set("clash.phone", "mine")
	r = w.form(path, asked)
	require.Equal(t, 200, r.status, "it has changed once more")
	asked = filledForm(r.text)
	asked.Set("step", "save")
	asked.Set("clash.phone", "mine")
	require.Equal(t, 303, w.form(path, asked).status)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE id = (SELECT max(id) FROM desk_entries) AND record->'values'->>'phone' = '13900003333'`))
}

// A newborn without a name and without a number, from the mother's page.
func TestNewbornOfAMother(t *testing.T) {
	w := newWorld(t)
	n := number(t, "1996-05-01", 8)
	home := schema.Address{Community: "阳光社区", Compound: "幸福家园", Building: "3", Unit: "2", Room: "1801"}.Canonical()
	mother := w.resident(rec{platform: "pension", key: "M", values: schema.Values{"name": "张敏", "sex": "2", "birth_date": "1996-05-01", "id_number": n, "residence": home, "household_no": "290000000001"}})
	require.Contains(t, w.get("/residents/"+mother.String()).text, "/residents/new?mother="+mother.String())
	page := w.get("/residents/new?mother=" + mother.String())
	require.NotContains(t, page.text, n, "her number is not shown")
	form := filledForm(page.text)
	require.Equal(t, []string{"张敏", "阳光社区幸福家园3号楼2单元1801室", "290000000001"}, []string{form.Get("mother_name"), form.Get("residence"), form.Get("household_no")})
	for name, v := range map[string]string{"who": "李老师", "sex": "2", "birth_date": "2026-11-20", "step": "next"} {
		form.Set(name, v)
	}
	r := w.form("/residents/new", form)
	require.Equal(t, 200, r.status, r.text)
	require.Contains(t, r.text, "张敏之女")
	require.NotContains(t, r.text, n)
	save := filledForm(r.text)
	save.Set("step", "save")
	r = w.form("/residents/new", save)
	require.Equal(t, 303, r.status, r.text)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE record->'values' @> jsonb_build_object('name', '张敏之女', 'mother_name', '张敏', 'mother_id', $1::text, 'birth_date', '2026-11-20')`, n))
	require.Equal(t, 404, w.get("/residents/new?mother="+uuid.NewString()).status)
}

// A connection that is lost while saving: the same form sent again makes one.
func TestLostConnectionWhileSaving(t *testing.T) {
	w := newWorld(t)
	values := url.Values{"request": {"once"}, "who": {"李老师"}, "name": {"陈秀英"}, "step": {"save"}}
	for try := range 6 {
		ctx, lost := context.WithCancel(context.Background())
		if try%2 == 0 { // cut before, during or after: the answer is never read
			go lost()
		}
		req, err := http.NewRequestWithContext(ctx, "POST", w.url+"/residents/new", strings.NewReader(values.Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if resp, err := noRedirect.Do(req); err == nil {
			require.NoError(t, resp.Body.Close())
		}
		lost()
	}
	require.Equal(t, 303, w.form("/residents/new", values).status)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE record->'values' = '{"name": "陈秀英"}'`))
}
