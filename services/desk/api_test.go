package desk_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

func TestEnterAResident(t *testing.T) {
	w := newWorld(t)
	id := number(t, "1980-05-01", 7)
	r := w.send(202, "POST", "/api/v1/residents", entry(map[string]string{
		"name": " 欧阳 沐辰 ", "id_number": strings.ToLower(id), "phone": "１３８ 0000 1234", "education": "大专",
		"residence": "阳光社区幸福家园3号楼2单元1801室"}), "Idempotency-Key", "first")
	require.Equal(t, "/api/v1/entries/first", r.header.Get("Location"))
	require.Equal(t, "pending", r.json["state"])
	require.Nil(t, r.json["resident"])
	require.Equal(t, []string{"desk"}, w.woken)

	e, err := w.store.EntryState(context.Background(), "first")
	require.NoError(t, err)
	require.Equal(t, "李老师", e.Who)
	require.Equal(t, schema.Values{"name": "欧阳沐辰", "id_number": id, "phone": "13800001234", "education": "30",
		"residence": "||||阳光社区||幸福家园|3|2|1801|",
		"sex":       "1", "birth_date": "1980-05-01", "id_type": "111"}, e.Record.Values, "what the number says need not be typed")

	resident := w.merge("first")
	w.target(resident, "pension", "", store.TargetDue, "due_at = now(), anchor_id = (SELECT min(id) FROM records)")
	w.live("pension")
	r = w.get("/api/v1/entries/first")
	require.Equal(t, "merged", r.json["state"])
	require.Equal(t, resident.String(), r.json["resident"])
	require.Equal(t, false, r.json["settled"], "a platform is still on its way")

	w.exec(`UPDATE targets SET state = 'green', due_at = NULL`)
	r = w.get("/api/v1/entries/first?wait=5")
	require.Equal(t, true, r.json["settled"])
}

func TestSendingTwiceMakesOne(t *testing.T) {
	w := newWorld(t)
	body := entry(map[string]string{"name": "王芳"})
	for range 3 {
		w.send(202, "POST", "/api/v1/residents", body, "Idempotency-Key", "once")
	}
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries`))
	r := w.send(409, "POST", "/api/v1/residents", entry(map[string]string{"name": "别人"}), "Idempotency-Key", "once")
	require.Contains(t, r.json["type"], "key_used")

	id := w.merge("once")
	r = w.send(200, "POST", "/api/v1/residents", body, "Idempotency-Key", "once")
	require.Equal(t, id.String(), r.json["resident"])
	require.Equal(t, "/api/v1/residents/"+id.String(), r.header.Get("Location"))

	edit := "/api/v1/residents/" + id.String()
	for range 2 {
		w.send(202, "PATCH", edit, entry(map[string]string{"phone": "13800001234"}), "Idempotency-Key", "edit")
	}
	require.Equal(t, 2, w.count(`SELECT count(*) FROM desk_entries`))
	w.send(409, "PATCH", edit, entry(map[string]string{"phone": "13800005678"}), "Idempotency-Key", "edit")
	w.send(409, "PATCH", edit, entry(map[string]string{"phone": "13800001234"}), "Idempotency-Key", "once")
	w.send(409, "POST", "/api/v1/residents", body, "Idempotency-Key", "edit")

	// Without a key each request is an entry of its own.
	w.send(202, "POST", "/api/v1/residents", body)
	w.send(202, "POST", "/api/v1/residents", body)
	require.Equal(t, 4, w.count(`SELECT count(*) FROM desk_entries`))
}

func TestBadRequests(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
		header             []string
	}{
		{"POST", "/api/v1/residents", `{"values": {"name": 1}, "who": "李"}`, 400, "body", nil},
		{"POST", "/api/v1/residents", `{"valuez": {}}`, 400, "body", nil},
		{"POST", "/api/v1/residents", `{} {}`, 400, "body", nil},
		{"POST", "/api/v1/residents", `[`, 400, "body", nil},
		{"POST", "/api/v1/residents", `{}`, 415, "content_type", []string{"Content-Type", "text/plain"}},
		{"POST", "/api/v1/residents", `{"values": {"name": "王芳"}}`, 422, "values", nil},
		{"POST", "/api/v1/residents", `{"values": {"name": "` + strings.Repeat("x", 600_000) + `"}}`, 413, "too_large", nil},
		{"POST", "/api/v1/residents", `{}`, 400, "key", []string{"Idempotency-Key", strings.Repeat("k", 201)}},
		{"POST", "/api/v1/residents", `{}`, 400, "key", []string{"Idempotency-Key", "王"}},
		{"POST", "/api/v1/residents?wait=soon", `{}`, 400, "wait", nil},
		{"GET", "/api/v1/entries/none", "", 404, "not_found", nil},
		{"GET", "/api/v1/entries/none?until=tea", "", 400, "until", nil},
		{"GET", "/api/v1/residents/17", "", 404, "not_found", nil},
		{"GET", "/api/v1/residents/" + uuid.NewString(), "", 404, "not_found", nil},
		{"PATCH", "/api/v1/residents/" + uuid.NewString(), `{"values": {"name": "王芳"}, "who": "李"}`, 404, "not_found", nil},
		{"GET", "/api/v1/residents/" + uuid.NewString() + "/targets", "", 404, "not_found", nil},
		{"GET", "/api/v1/residents?q=" + strings.Repeat("a+", 9), "", 400, "query", nil},
		{"GET", "/api/v1/reviews?cursor=!", "", 400, "cursor", nil},
		{"GET", "/api/v1/reviews?limit=0", "", 400, "limit", nil},
		{"GET", "/api/v1/reviews?reason=mood", "", 400, "reason", nil},
		{"GET", "/api/v1/reviews?platform=sealed", "", 404, "not_found", nil},
		{"GET", "/api/v1/reviews/x/y", "", 404, "not_found", nil},
		{"GET", "/api/v1/reviews/" + uuid.NewString() + "/" + uuid.NewString(), "", 404, "not_found", nil},
		{"GET", "/api/v1/actions/x", "", 404, "not_found", nil},
		{"POST", "/api/v1/actions/" + uuid.NewString() + "/undo", `{"who": "李"}`, 404, "not_found", nil},
		{"POST", "/api/v1/residents/" + uuid.NewString() + "/split", `{"who": "李"}`, 404, "not_found", nil},
		{"POST", "/api/v1/residents/" + uuid.NewString() + "/unmerge", `{"who": "李"}`, 404, "not_found", nil},
		{"GET", "/api/v1/nowhere", "", 404, "no_route", nil},
		{"PUT", "/api/v1/residents", `{}`, 404, "no_route", nil},
	} {
		r := w.do(c.method, c.path, c.body, c.header...)
		require.Equal(t, c.status, r.status, "%s %.80s: %s", c.method, c.path, r.text)
		require.Equal(t, "urn:heji:problem:"+c.code, r.json["type"])
		require.NotContains(t, r.json["title"], "error.")
		require.NotRegexp(t, `\{[a-z]+\}`, r.json["detail"])
	}
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`))
}

func TestLanguages(t *testing.T) {
	w := newWorld(t)
	require.Contains(t, w.get("/api/v1/nowhere").json["title"], "没有")
	require.Contains(t, w.get("/api/v1/nowhere", "Accept-Language", "fr, en-GB;q=0.8").json["title"], "No such")
	require.Contains(t, w.get("/api/v1/nowhere?lang=zh", "Accept-Language", "en").json["title"], "没有")
	require.Equal(t, "en", w.get("/api/v1/attributes?lang=en").header.Get("Content-Language"))
}

func TestAttributes(t *testing.T) {
	w := newWorld(t)
	r := w.get("/api/v1/attributes?lang=en")
	require.Contains(t, r.text, `"life_status"`)
	require.Contains(t, r.text, "moved out")
	require.NotContains(t, r.text, "corrections")
	require.NotContains(t, r.text, `"D"`)
}

func TestWaitForTheMerge(t *testing.T) {
	w := newWorld(t)
	w.send(202, "POST", "/api/v1/residents", entry(map[string]string{"name": "王芳"}), "Idempotency-Key", "k")
	answers := make(chan reply)
	go func() { answers <- w.get("/api/v1/entries/k?wait=30") }()
	id := w.merge("k")
	select {
	case r := <-answers:
		require.Equal(t, id.String(), r.json["resident"])
	case <-time.After(20 * time.Second):
		t.Fatal("the long poll did not notice the merge")
	}
	// A wait that nothing ends is over in time.
	w.send(202, "POST", "/api/v1/residents", entry(map[string]string{"name": "王芳"}), "Idempotency-Key", "late")
	r := w.get("/api/v1/entries/late?wait=0.05")
	require.Equal(t, "pending", r.json["state"])

	// The desk's mark has passed it, and no record came of it.
	w.exec(`UPDATE platforms SET cursor = '999' WHERE id = 'desk'`)
	require.Equal(t, "set_aside", w.get("/api/v1/entries/late?wait=30").json["state"])
}

func TestSearch(t *testing.T) {
	w := newWorld(t)
	id, number := w.wang()
	for range 25 {
		w.resident(rec{platform: "pension", key: uuid.NewString(), values: schema.Values{"name": "李%_" + "秀", "phone": "13700000000"}})
	}
	for q, want := range map[string]int{"王建国": 1, "wangjianguo": 1, number[3:9]: 1, "建国 1380000": 1, "建国 999": 0, "13800001111": 1,
		"": 0, "%": 0, "_": 0, "秀": 20, "李 %": 20, "13700000001": 20, `\`: 0, "' OR 1=1": 0, "不存在": 0} {
		r := w.get("/api/v1/residents?q=" + urlEscape(q))
		require.Equal(t, 200, r.status, r.text)
		require.Len(t, r.json["residents"], want, q)
		require.Equal(t, want == 20, r.json["more"], q)
	}
	r := w.get("/api/v1/residents?q=" + urlEscape("王建国"))
	hit := r.json["residents"].([]any)[0].(map[string]any)
	require.Equal(t, id.String(), hit["id"])
	require.Equal(t, number[:4]+strings.Repeat("*", 14), hit["id_number"])
	require.Equal(t, "1380*******", hit["phone"])
	require.NotContains(t, r.text, number)

	// Merged and ended residents are not found.
	w.exec(`UPDATE residents SET ended_at = now() WHERE id = $1`, id)
	require.Empty(t, w.get("/api/v1/residents?q=" + urlEscape("王建国")).json["residents"])
}

func TestEverythingAboutAResident(t *testing.T) {
	w := newWorld(t)
	id, idNumber := w.wang()
	w.target(id, "pension", "P1", store.TargetContested, "held = '{\"phone\": \"contested\", \"corrections\": \"refused\"}', reason = 'a person decides: 联系电话'")
	w.live("pension")
	w.exec(`UPDATE targets SET due_at = NULL`)
	w.exec(`INSERT INTO history (resident_id, kind, attribute, old, new) VALUES
		($1, 'value', 'education', '{"v": "70", "r": "only"}', '{"v": "61", "s": {"platform": "pension", "key": "P1"}, "r": "recent"}'),
		($1, 'value', 'corrections', '{"v": "1", "r": "only"}', NULL)`, id)
	w.exec(`INSERT INTO history (resident_id, kind, platform, key) VALUES ($1, 'joined', 'pension', 'P1'), ($1, 'joined', 'sealed', 'S1')`, id)

	r := w.get("/api/v1/residents/" + id.String())
	require.Equal(t, 200, r.status, r.text)
	require.Equal(t, "王建国", r.json["name"])
	values := r.json["values"].(map[string]any)
	name := values["name"].(map[string]any)
	require.Equal(t, "authority", name["rule"])
	require.Equal(t, "gongan", name["platform"])
	require.Equal(t, "G1", name["key"])
	loser := name["losers"].([]any)[0].(map[string]any)
	require.Equal(t, "王建囯", loser["value"])
	require.Equal(t, "pension", loser["platform"])
	require.Len(t, values["id_number"].(map[string]any)["agree"], 1)
	require.Equal(t, "普通高中毕业", values["education"].(map[string]any)["text"])

	require.Len(t, r.json["records"], 2)
	targets := r.json["targets"].([]any)
	require.Equal(t, "not_written", targets[0].(map[string]any)["state"])
	pension := targets[1].(map[string]any)
	require.Equal(t, "有争议", pension["word"])
	require.Contains(t, pension["detail"], "联系电话")
	require.Equal(t, true, r.json["settled"], "what waits for a person does not move by itself")
	history := r.json["history"].([]any)
	require.Len(t, history, 2)
	require.Contains(t, r.text, "居民养老")

	// I7: nothing of the sealed platform, not even that it exists.
	for _, sealed := range []string{"sealed", "不可见", "corrections", "矫正", "S1"} {
		require.NotContains(t, r.text, sealed)
	}
	require.NotContains(t, r.text, idNumber, "numbers are shown for a reason")
	require.Equal(t, "3912**************", values["id_number"].(map[string]any)["value"])

	en := w.get("/api/v1/residents/" + id.String() + "?lang=en")
	require.Contains(t, en.text, "Contested")
	require.Contains(t, en.text, "Pension")
}

func TestMergedIDsLeadOn(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	old, older := uuid.New(), uuid.New()
	w.exec(`INSERT INTO residents (id, redirect_to) VALUES ($1, $2)`, old, id)
	w.exec(`INSERT INTO residents (id, redirect_to) VALUES ($1, $2)`, older, old)
	r := w.get("/api/v1/residents/" + older.String() + "?lang=en")
	require.Equal(t, http.StatusSeeOther, r.status)
	require.Equal(t, "/api/v1/residents/"+id.String()+"?lang=en", r.header.Get("Location"))
	require.Equal(t, "/residents/"+id.String(), w.get("/residents/"+older.String()).header.Get("Location"))
	require.Equal(t, "/residents/"+id.String()+"/edit", w.get("/residents/"+older.String()+"/edit").header.Get("Location"))

	w.send(202, "PATCH", "/api/v1/residents/"+older.String(), entry(map[string]string{"phone": "13900002222"}), "Idempotency-Key", "k")
	e, err := w.store.EntryState(context.Background(), "k")
	require.NoError(t, err)
	require.Equal(t, id, e.Entry.Resident, "an edit follows the merge")
	w.send(202, "PATCH", "/api/v1/residents/"+older.String(), entry(map[string]string{"phone": "13900002222"}), "Idempotency-Key", "k")
}

func TestStatesInPlainWords(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	w.live("pension")
	path := "/api/v1/residents/" + id.String() + "/targets"
	for state, want := range map[store.TargetState][2]string{
		store.TargetGreen: {"已同步", "In step"}, store.TargetDue: {"排队中", "Queued"}, store.TargetOpen: {"正在送达", "Being sent"},
		store.TargetQueued: {"已送达，待确认", "Delivered"}, store.TargetDoubt: {"存疑", "In doubt"}, store.TargetHold: {"等待人工", "Waits for a person"},
		store.TargetRefused: {"被退回", "Refused"}, store.TargetContested: {"有争议", "Contested"}, store.TargetWithdrawn: {"不再同步", "No longer"},
	} {
		w.exec(`UPDATE targets SET state = $1, due_at = CASE WHEN $1 = 'due' THEN now() END, reason = '电话号码格式不对'`, state)
		zh, en := w.get(path), w.get(path+"?lang=en")
		require.Contains(t, zh.text, want[0])
		require.Contains(t, en.text, want[1])
		moving := state == store.TargetDue || state == store.TargetOpen || state == store.TargetQueued || state == store.TargetDoubt
		require.Equal(t, !moving, zh.json["settled"], state)
		if state == store.TargetRefused {
			require.Contains(t, zh.text, "电话号码格式不对", "the platform's own words")
		}
	}
	w.exec(`UPDATE targets SET state = 'hold', reason = 'the natural key is not complete, so nobody could tell whether the person is there already'`)
	require.Contains(t, w.get(path).text, "关键信息不全")
	w.exec(`UPDATE targets SET state = 'due', due_at = now()`)
	require.NoError(t, w.store.SetSetting(context.Background(), "writes_stopped", true))
	require.Contains(t, w.get(path).text, "全部回写已被停止")
}

// A changed agreement shows its effect before it is approved, and is approved by
// whoever has seen it, where something is written already.
func TestAgreementShowsItsEffect(t *testing.T) {
	w := newWorld(t)
	w.wang()
	w.live("pension")
	w.exec(`INSERT INTO agreements (platform, version, body) SELECT platform, 2, body || '{"receives": {"name": "overwrite"}}' FROM agreements WHERE platform = 'pension'`)
	w.exec(`INSERT INTO agreements (platform, version, body) SELECT platform, 3, body || '{"receives": {}, "authority": ["sex", "name"]}' FROM agreements WHERE platform = 'pension' AND version = 1`)
	require.Contains(t, w.get("/api/v1/platforms").text, `"agreement_waiting": 3`)
	require.Zero(t, w.get("/api/v1/platforms/pension/effect").json["changed"], "as it is, the name is proposed")
	r := w.get("/api/v1/platforms/pension/effect?agreement=2")
	require.Equal(t, []any{float64(2), float64(1), float64(1)}, []any{r.json["agreement"], r.json["agreement_in_force"], r.json["changed"]})
	require.Contains(t, w.get("/platforms/pension/effect?agreement=2").text, "批准这一版")
	require.Equal(t, []any{false, float64(100), float64(24)}, []any{r.json["over_brake"], r.json["brake_limit"], r.json["brake_hours"]})
	require.NotContains(t, w.get("/platforms/pension/effect?agreement=2").text, "超过了刹车线")

	approve := map[string]any{"version": 2, "who": "赵主任", "why": "已会签"}
	r2 := w.send(409, "POST", "/api/v1/platforms/pension/agreement", approve)
	require.Equal(t, "urn:heji:problem:effect_unseen", r2.json["type"])
	approve["digest"] = w.get("/api/v1/platforms/pension/effect").json["digest"]
	r2 = w.send(409, "POST", "/api/v1/platforms/pension/agreement", approve)
	require.Equal(t, "urn:heji:problem:effect_moved", r2.json["type"], "the report was about another version")
	approve["digest"] = r.json["digest"]
	w.send(200, "POST", "/api/v1/platforms/pension/agreement", approve)
	require.Equal(t, float64(2), w.get("/api/v1/platforms/pension/effect").json["agreement"])

	approve["version"], approve["digest"] = 3, w.get("/api/v1/platforms/pension/effect?agreement=3").json["digest"]
	r2 = w.send(409, "POST", "/api/v1/platforms/pension/agreement", approve)
	require.Equal(t, "urn:heji:problem:rival_authority", r2.json["type"])
	require.Contains(t, r2.text, "常住人口（公安）")
}

func TestPlatforms(t *testing.T) {
	w := newWorld(t)
	w.wang()
	require.NoError(t, w.store.CountSaved(context.Background(), "pension", today, make([]uuid.UUID, 17)))
	r := w.get("/api/v1/platforms")
	require.Equal(t, float64(17), r.json["entries_saved"])
	require.Len(t, r.json["platforms"], 3)
	require.NotContains(t, r.text, "不可见")

	live := map[string]any{"stage": "live", "who": "赵主任", "why": "已核对"}
	r = w.send(409, "POST", "/api/v1/platforms/pension/stage", live)
	require.Equal(t, "urn:heji:problem:effect_unseen", r.json["type"], "nobody has seen what it does")
	w.send(200, "POST", "/api/v1/platforms/pension/stage", map[string]any{"stage": "shadow", "who": "赵主任"})
	r = w.get("/api/v1/platforms/pension/effect")
	require.Equal(t, float64(1), r.json["rows"])
	require.Contains(t, r.json["lines"], map[string]any{"attribute": "name", "outcome": "propose", "count": float64(1)})
	require.NotContains(t, r.text, "王建国", "samples are masked")
	live["digest"] = r.json["digest"]
	for _, path := range []string{"sealed/effect", "nowhere/effect", "desk/effect", "pension/effect?agreement=7", "pension/effect?agreement=x"} {
		w.send(404, "GET", "/api/v1/platforms/"+path, nil)
	}
	w.send(409, "GET", "/api/v1/platforms/gongan/effect", nil)
	w.send(422, "GET", "/api/v1/platforms/pension/effect?stage=canary", nil)
	r = w.send(200, "POST", "/api/v1/platforms/pension/stage", live)
	require.Equal(t, float64(1), r.json["due"], "the campaign has begun")
	r = w.get("/api/v1/platforms")
	require.Contains(t, r.text, "赵主任")
	for _, c := range []struct {
		path, stage, who string
		status           int
		code             string
	}{
		{"pension", "canary", "赵主任", 422, "canary_community"},
		{"gongan", "live", "赵主任", 409, "not_writable"},
		{"pension", "everything", "赵主任", 422, "stage"},
		{"pension", "live", "", 422, "who"},
		{"sealed", "live", "赵主任", 404, "not_found"},
		{"desk", "live", "赵主任", 404, "not_found"},
		{"nowhere", "live", "赵主任", 404, "not_found"},
	} {
		r := w.send(c.status, "POST", "/api/v1/platforms/"+c.path+"/stage", map[string]string{"stage": c.stage, "who": c.who})
		require.Equal(t, "urn:heji:problem:"+c.code, r.json["type"])
	}
	w.send(200, "POST", "/api/v1/platforms/pension/pause", nil)
	require.Contains(t, w.get("/api/v1/platforms").text, "已暂停")
	w.send(200, "POST", "/api/v1/platforms/pension/resume", nil)
	w.send(404, "POST", "/api/v1/platforms/sealed/pause", nil)

	w.send(200, "POST", "/api/v1/writes/stop", nil)
	stopped, err := w.store.WritesStopped(context.Background())
	require.NoError(t, err)
	require.True(t, stopped)
	require.Equal(t, true, w.get("/api/v1/platforms").json["writes_stopped"])
	w.send(200, "POST", "/api/v1/writes/resume", nil)
	require.Equal(t, false, w.get("/api/v1/platforms").json["writes_stopped"])
}

func TestReviewsAndDecisions(t *testing.T) {
	w := newWorld(t)
	w.wang()
	w.resident(rec{platform: "volunteers", key: "V1", values: schema.Values{"name": "王建国", "birth_date": "1980-05-01", "phone": "13800001111"}})
	w.exec(`INSERT INTO edges (a, b, weight, reason) SELECT a.id, b.id, 900, 'below_link' FROM records a, records b
		WHERE a.platform IN ('gongan', 'sealed') AND b.platform = 'volunteers' AND a.id < b.id`)
	r := w.get("/api/v1/reviews")
	require.Equal(t, 200, r.status, r.text)
	reviews := r.json["reviews"].([]any)
	require.Len(t, reviews, 1)
	pair := reviews[0].(map[string]any)
	require.Equal(t, float64(900), pair["weight"])
	require.NotEmpty(t, pair["waterfall"])
	require.Contains(t, r.text, "姓名")
	require.NotContains(t, r.text, "sealed")

	ref := func(p, k string) map[string]string { return map[string]string{"platform": p, "key": k} }
	decide := func(status int, kind string, more map[string]any) reply {
		body := map[string]any{"kind": kind, "who": "赵主任", "a": ref("gongan", "G1")}
		for k, v := range more {
			body[k] = v
		}
		return w.send(status, "POST", "/api/v1/decisions", body)
	}
	r = decide(201, "not_same", map[string]any{"b": ref("volunteers", "V1"), "why": "父子"})
	id := r.json["id"].(float64)
	require.Equal(t, 3, w.count(`SELECT count(*) FROM records WHERE unresolved`), "every record of both is looked at again, the sealed one excepted")
	require.Contains(t, decide(409, "same", map[string]any{"b": ref("volunteers", "V1")}).json["type"], "opposite")
	decide(422, "same", map[string]any{"b": ref("gongan", "G1")})
	decide(422, "perhaps", nil)
	decide(404, "same", map[string]any{"b": ref("volunteers", "nobody")})
	decide(404, "same", map[string]any{"b": ref("sealed", "S1")})
	require.Equal(t, map[string]string{"corrections": "unknown_attribute"}, decide(422, "keep", map[string]any{"attribute": "corrections", "value": "1"}).problems())
	require.Equal(t, map[string]string{"phone": "placeholder"}, decide(422, "keep", map[string]any{"attribute": "phone", "value": "000"}).problems())
	decide(201, "keep", map[string]any{"attribute": "phone", "value": "138 0000 1111"})
	require.Equal(t, 1, w.count(`SELECT count(*) FROM decisions WHERE kind = 'keep' AND value = '13800001111'`))
	w.send(422, "POST", "/api/v1/decisions", map[string]any{"kind": "keep", "a": ref("gongan", "G1"), "attribute": "phone", "value": ""})

	path := "/api/v1/decisions/" + jsonNumber(id)
	w.send(422, "DELETE", path, nil)
	w.send(200, "DELETE", path+"?who="+urlEscape("赵主任"), nil)
	w.send(404, "DELETE", path+"?who="+urlEscape("赵主任"), nil)
	w.send(404, "DELETE", "/api/v1/decisions/x?who=a", nil)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM decisions WHERE revoked_by = '赵主任'`), "revoked, and kept")
}

func TestDeadRecords(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.store.SetAside(context.Background(), []store.Dead{
		{Platform: "pension", Stage: "pull", Key: "", Place: "page 3 row 17", Problem: schema.ProblemNoKey},
		{Platform: "sealed", Stage: "pull", Place: "page 1", Problem: schema.ProblemNoKey}}))
	r := w.get("/api/v1/dead")
	require.Len(t, r.json["dead"], 1)
	require.Contains(t, r.text, "page 3 row 17")
	require.Contains(t, r.text, "没有编号")
	require.Empty(t, w.get("/api/v1/dead?platform=sealed").json["dead"])
	require.NotContains(t, w.get("/api/v1/dead").text, "sealed", "I7: nor is it counted")

	path := "/api/v1/dead/" + jsonNumber(r.json["dead"].([]any)[0].(map[string]any)["id"].(float64))
	w.send(422, "POST", path+"/retry", map[string]any{"why": "corrected"})
	require.Equal(t, true, w.send(200, "POST", path+"/retry", map[string]any{"who": "王芳", "why": "corrected"}).json["whole"], "a row without a key is found only by reading everything")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM pull_requests WHERE platform = 'pension' AND key = '' AND who = '王芳'`))
	require.Contains(t, w.get("/api/v1/dead").text, "已要求重读")
	w.send(200, "POST", path+"/drop", map[string]any{"who": "王芳", "why": "nobody's row"})
	require.Empty(t, w.get("/api/v1/dead").json["dead"], "what is dropped waits no more")
	all := w.get("/api/v1/dead?all=1")
	require.Contains(t, all.text, "nobody's row")
	require.Equal(t, map[string]any{"pension": map[string]any{"dropped": 1.0}}, all.json["counts"])
	w.send(409, "POST", path+"/drop", map[string]any{"who": "王芳"})
	w.send(409, "POST", path+"/retry", map[string]any{"who": "王芳"})
	w.send(404, "POST", "/api/v1/dead/999/drop", map[string]any{"who": "王芳"})
	w.send(404, "POST", "/api/v1/dead/x/drop", map[string]any{"who": "王芳"})
	sealed := w.count(`SELECT id FROM dead_records WHERE platform = 'sealed'`)
	w.send(404, "POST", "/api/v1/dead/"+jsonNumber(float64(sealed))+"/drop", map[string]any{"who": "王芳"})
}

func TestReadingAPlatformAgain(t *testing.T) {
	w := newWorld(t)
	w.send(422, "POST", "/api/v1/platforms/pension/resync", nil)
	w.send(404, "POST", "/api/v1/platforms/sealed/resync", map[string]any{"who": "王芳"})
	w.send(404, "POST", "/api/v1/platforms/nobody/resync", map[string]any{"who": "王芳"})
	for range 2 {
		w.send(202, "POST", "/api/v1/platforms/pension/resync", map[string]any{"who": "王芳", "why": "restored from a backup"})
	}
	require.Equal(t, 1, w.count(`SELECT count(*) FROM pull_requests WHERE platform = 'pension' AND done_at IS NULL`), "asked for once while it waits")
}
