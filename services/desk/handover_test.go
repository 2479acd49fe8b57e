package desk_test

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/access"
	"heji/services/store"
)

const newHome = "永福里社区永福里社区一号院5号楼1单元302室"

// A number that is registered elsewhere: that is all that anybody is told.
func TestClaimTellsNothingElse(t *testing.T) {
	w := twoCommunities(t)
	w.resident(rec{platform: "gongan", key: "G-ended", values: schema.Values{"name": "已销户", "id_number": number(t, "1950-01-01", 3)}})
	w.exec(`UPDATE residents SET ended_at = now() WHERE name = '已销户'`)
	claim := func(login, n string) reply {
		return w.send(200, "POST", "/api/v1/claims", map[string]string{"id_number": n}, w.as(login)...)
	}
	r := claim("yongfu", w.idNumber)
	require.Equal(t, map[string]any{"registered": "elsewhere", "text": "已在其他社区登记，申请调入"}, r.json)
	for _, secret := range w.secrets {
		require.NotContains(t, r.text, secret)
	}
	require.Equal(t, "here", claim("anning", strings.ToLower(w.idNumber)).json["registered"])
	nowhere := claim("yongfu", number(t, "1986-07-11", 19))
	require.Equal(t, map[string]any{"registered": "nowhere", "text": "没有登记过，可以直接录入。"}, nowhere.json)
	require.Equal(t, "nowhere", claim("yongfu", number(t, "1950-01-01", 3)).json["registered"])
	for _, part := range []string{"", w.idNumber[:17], w.idNumber[10:], "欧阳沐辰", strings.Repeat("1", 18)} {
		require.Equal(t, 422, w.do("POST", "/api/v1/claims", `{"id_number": "`+part+`"}`, w.as("yongfu")...).status, "only a full, valid number: %q", part)
	}
	require.Equal(t, 4, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'claim'`))

	// Nor does saving bring anybody over.
	values := map[string]string{"name": "欧阳沐辰", "id_number": w.idNumber, "residence": newHome}
	saved := w.send(409, "POST", "/api/v1/residents", map[string]any{"values": values, "who": "x"}, w.as("yongfu")...)
	require.Equal(t, "urn:heji:problem:elsewhere", saved.json["type"])
	w.send(409, "PATCH", "/api/v1/residents/"+w.other.String(), map[string]any{"values": map[string]string{"id_number": w.idNumber}, "who": "x"}, w.as("yongfu")...)
	secret, h := w.session("yongfu")
	page := w.do("POST", "/residents/new", url.Values{"name": {"欧阳沐辰"}, "id_number": {w.idNumber}, "step": {"save"}, "csrf": {access.FormToken(secret)}}.Encode(), h...)
	require.Equal(t, 409, page.status)
	require.Contains(t, page.text, "申请调入")
	require.Contains(t, page.text, `value="`+w.idNumber, "what was typed is kept")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries`))
	require.NotEqual(t, 409, w.do("POST", "/api/v1/residents", `{"values": {"name": "陈新", "id_number": "`+number(t, "2001-02-03", 5)+`"}, "who": "x"}`, w.as("yongfu")...).status)

	// After too many, everything is the same answer.
	w.exec(`INSERT INTO claim_tries (who, hit) SELECT '陈静', true FROM generate_series(1, $1)`, store.ClaimHits)
	for _, n := range []string{w.idNumber, number(t, "1986-07-11", 19)} {
		require.Equal(t, 429, w.do("POST", "/api/v1/claims", `{"id_number": "`+n+`"}`, w.as("yongfu")...).status)
	}
	require.Equal(t, 200, w.do("POST", "/api/v1/claims", `{"id_number": "`+w.idNumber+`"}`, w.as("east")...).status, "others are not held up")
}

func TestHandover(t *testing.T) {
	w := twoCommunities(t)
	w.exec(`DELETE FROM handovers`)
	wife := w.resident(rec{platform: "pension", key: "P-wife", at: today, values: schema.Values{"name": "沈知夏", "residence": at(anning, "1801"), "hukou_address": at(anning, "1801")}})
	ask := map[string]any{"id_number": w.idNumber, "residence": newHome, "hukou": true, "why": "上月搬来，租房"}
	for change, status := range map[string]int{"residence": 422, "why": 422, "id_number": 422} {
		bad := map[string]any{"id_number": w.idNumber, "residence": newHome, "why": "上月搬来"}
		bad[change] = ""
		w.send(status, "POST", "/api/v1/handovers", bad, w.as("yongfu")...)
	}
	require.Equal(t, "urn:heji:problem:not_your_place", w.send(422, "POST", "/api/v1/handovers",
		map[string]any{"id_number": w.idNumber, "residence": "安宁里社区一号院3号楼2单元101室", "why": "想看看"}, w.as("yongfu")...).json["type"], "nobody is called to a place of others")
	w.send(409, "POST", "/api/v1/handovers", map[string]any{"id_number": number(t, "1986-07-11", 19), "residence": newHome, "why": "上月搬来"}, w.as("yongfu")...)
	w.send(201, "POST", "/api/v1/handovers", ask, w.as("yongfu")...)
	w.send(201, "POST", "/api/v1/handovers", ask, w.as("yongfu")...)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM handovers`), "asking twice asks once")

	list := func(login string) []any { return w.get("/api/v1/handovers", w.as(login)...).json["handovers"].([]any) }
	mine := list("yongfu")[0].(map[string]any)
	for _, secret := range w.secrets {
		require.NotContains(t, w.get("/handovers", w.as("yongfu")...).text+w.get("/api/v1/handovers", w.as("yongfu")...).text, secret)
	}
	require.Equal(t, true, mine["mine"])
	require.Equal(t, "3912", mine["hint"])
	theirs := list("anning")[0].(map[string]any)
	require.Equal(t, "欧阳沐辰", theirs["name"])
	require.Equal(t, true, theirs["answers"])
	require.Equal(t, []any{map[string]any{"id": wife.String(), "name": "沈知夏"}}, theirs["mates"])
	require.Empty(t, list("nobody"))
	answer := func(login, how string, body map[string]any, status int) {
		w.send(status, "POST", "/api/v1/handovers/"+jsonNumber(mine["id"].(float64))+"/"+how, body, w.as(login)...)
	}
	answer("yongfu", "accept", map[string]any{}, 404)
	answer("nobody", "end", map[string]any{"why": "不行"}, 404)
	answer("anning", "end", map[string]any{}, 422)
	answer("anning", "accept", map[string]any{"along": []string{w.other.String()}}, 409)
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries WHERE request LIKE 'handover-%'`), "all or nothing")
	answer("anning", "accept", map[string]any{"along": []string{wife.String()}, "why": "已核实"}, 200)
	answer("anning", "accept", map[string]any{}, 409)
	require.Equal(t, 2, w.count(`SELECT count(*) FROM desk_entries WHERE request LIKE 'handover-%' AND who = '李红'`))
	require.Equal(t, "accepted", list("yongfu")[0].(map[string]any)["state"])
	id := w.merge("handover-" + jsonNumber(mine["id"].(float64)) + "/" + w.canary.String())
	require.Equal(t, w.canary, id)
	require.Equal(t, 200, w.get("/api/v1/residents/"+id.String(), w.as("yongfu")...).status, "responsibility follows the address")
	require.Equal(t, 404, w.get("/api/v1/residents/"+id.String(), w.as("anning")...).status)
	require.Equal(t, id.String(), list("yongfu")[0].(map[string]any)["resident"])
	for _, did := range []string{"handover.ask", "handover.accept"} {
		require.Positive(t, w.count(`SELECT count(*) FROM audit_notes WHERE did = $1`, did), did)
	}

	// Refused, and taken back.
	w.exec(`DELETE FROM handovers`)
	back := map[string]any{"id_number": w.idNumber, "residence": "安宁里社区安宁里社区一号院3号楼2单元1801室", "why": "又搬回来"}
	mine["id"] = w.send(201, "POST", "/api/v1/handovers", back, w.as("anning")...).json["id"]
	answer("yongfu", "end", map[string]any{"why": "没有搬"}, 200)
	require.Equal(t, "refused", list("anning")[0].(map[string]any)["state"])
	mine["id"] = w.send(201, "POST", "/api/v1/handovers", back, w.as("anning")...).json["id"]
	answer("anning", "end", map[string]any{"why": "看错了"}, 200)
	require.Equal(t, "withdrawn", list("anning")[0].(map[string]any)["state"])
}

// A household moves in one go: who, and whether the hukou.
func TestMove(t *testing.T) {
	w := twoCommunities(t)
	child := w.resident(rec{platform: "pension", key: "P-child", at: today, values: schema.Values{"name": "欧阳小满", "residence": at(anning, "1801")}})
	w.resident(rec{platform: "desk", key: "edit-dead", at: today, values: schema.Values{"name": "故人", "life_status": "dead", "residence": at(anning, "1801")}})
	path := "/residents/" + w.canary.String() + "/move"
	page := w.get(path, w.as("anning")...)
	require.Contains(t, page.text, "欧阳小满")
	require.NotContains(t, page.text, "故人")
	secret, h := w.session("anning")
	move := func(change ...string) reply {
		f := url.Values{"residence": {"安宁里社区安宁里社区一号院8号楼1单元101室"}, "hukou": {"0"}, "request": {"move-1"}, "along": {child.String()}, "csrf": {access.FormToken(secret)}}
		for i := 0; i < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}
		return w.do("POST", path, f.Encode(), h...)
	}
	r := move("residence", "不知道哪里")
	require.Equal(t, 422, r.status)
	require.Contains(t, r.text, `value="`+child.String()+`" checked`, "what was ticked stays")
	for _, nobody := range []string{w.other.String(), uuid.NewString()} {
		r := move("along", nobody)
		require.Equal(t, 409, r.status, "who is not seen is answered like who is not there")
		require.Contains(t, r.text, "请重新打开本页")
	}
	require.Contains(t, move("hukou", "").text, "请选户口迁不迁")
	spoken := func(community, room string) string {
		return "临江市柳营街道" + community + community + "一号院3号楼2单元" + room + "室"
	}
	require.Contains(t, move("residence", spoken(anning, "1801")).text, "登记的现住址就是这里")
	// Another community, and a dwelling where somebody is registered, are asked about.
	r = move("residence", spoken(yongfu, "901"))
	require.Equal(t, 409, r.status)
	require.Contains(t, r.text, yongfu+"不归您负责")
	require.Contains(t, r.text, `name="sure"`)
	w.resident(rec{platform: "pension", key: "P-there", at: today, values: schema.Values{"name": "原住户", "residence": at(anning, "777")}})
	there := spoken(anning, "777")
	r = move("residence", there)
	require.Equal(t, 409, r.status)
	require.Contains(t, r.text, "那里登记着原住户等 1 人")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries`))
	require.Equal(t, 303, move().status)
	lives := func(where string) {
		w.exec(`UPDATE residents SET master = jsonb_set(master, '{residence,v}', to_jsonb($2::text)) WHERE id = $1`, child, where)
	}
	lives(at(anning, "1"))
	require.Equal(t, 303, move().status, "sent twice, when they have moved already")
	lives(at(anning, "1801"))
	require.Equal(t, 303, move("request", "move-3", "residence", there, "sure", "1").status)
	require.Equal(t, 2, w.count(`SELECT count(*) FROM desk_entries WHERE request LIKE 'move-1/%' AND NOT record->'values' ? 'hukou_address'`))
	require.Equal(t, 303, move("request", "move-2", "hukou", "1").status)
	require.Equal(t, 2, w.count(`SELECT count(*) FROM desk_entries WHERE request LIKE 'move-2/%' AND record->'values' ? 'hukou_address'`))
	require.Equal(t, 404, w.get(path, w.as("yongfu")...).status)
}

func TestBrowserHandsOver(t *testing.T) {
	w := twoCommunities(t)
	w.exec(`DELETE FROM handovers`)
	b := newBrowser(t)
	b.enter(w.world, "yongfu", "/handovers")
	b.do(chromedp.SendKeys(chromedp.CSS(`.claim [name=id_number]`), w.idNumber+"\r"))
	b.eventually(`document.querySelector('[data-claim="elsewhere"]') !== null`)
	b.do(chromedp.SendKeys(chromedp.CSS(`.ask [name=residence]`), newHome), chromedp.SendKeys(chromedp.CSS(`.ask [name=why]`), "上月搬来，租房\r"))
	b.eventually(`document.querySelector(".notice.good") !== null && document.querySelector(".handover").textContent.includes("等待答复")`)
	b.shot(os.Getenv("HEJI_SCREENSHOT"))
	b.do(chromedp.Click(chromedp.CSS(`.me button`)), chromedp.WaitVisible(chromedp.CSS(`[name=login]`)))

	b.enter(w.world, "anning", "/handovers")
	b.eventually(`document.querySelector(".handover").textContent.includes("欧阳沐辰")`)
	b.do(chromedp.Click(chromedp.CSS(`.handover details summary`)), chromedp.Click(chromedp.CSS(`.accept button`)))
	b.eventually(`document.querySelector(".badge.ok") !== null`)
	b.do(chromedp.Click(chromedp.CSS(`.me button`)), chromedp.WaitVisible(chromedp.CSS(`[name=login]`)))
	var request string
	require.NoError(t, w.db.QueryRow(context.Background(), `SELECT request FROM desk_entries WHERE request LIKE 'handover-%'`).Scan(&request))
	w.merge(request)

	b.enter(w.world, "yongfu", "/handovers")
	b.do(chromedp.Click(chromedp.CSS(`.handover a`)))
	b.eventually(`document.querySelector("h1").textContent.includes("欧阳沐辰")`)
	require.Empty(t, b.complaints())

	// A household moves into a dwelling where somebody is registered: asked first.
	w.resident(rec{platform: "pension", key: "P-there", at: today, values: schema.Values{"name": "原住户", "residence": at(yongfu, "777")}})
	b.do(chromedp.Navigate(w.url+"/residents/"+w.canary.String()+"/move"), chromedp.EmulateViewport(390, 844), chromedp.SendKeys(chromedp.CSS(`[name=residence]`), "3-2-777"))
	b.eventually(`document.querySelector("#picks button") !== null`)
	b.do(chromedp.Click(chromedp.CSS(`#picks button`)), chromedp.Click(chromedp.CSS(`[name=hukou][value="0"]`)), chromedp.Click(chromedp.CSS(`main form.stack .choices button`)))
	b.eventually(`document.activeElement.name === "sure" && document.querySelector(".notice.bad").textContent.includes("原住户")`)
	require.True(t, evaluate[bool](b, `document.documentElement.scrollWidth <= 390`), "it fits a phone")
	b.shot(os.Getenv("HEJI_SCREENSHOT_PHONE"))
	b.do(chromedp.KeyEvent(" "), chromedp.KeyEvent("\r"))
	b.eventually(`!location.pathname.endsWith("/move")`)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE record->'values'->>'residence' LIKE '%777%'`))
	require.Len(t, b.complaints(), 1, "the answer 409 alone")
}

// shot keeps a picture of the page, where somebody wants one.
func (b *browser) shot(name string) {
	if name == "" {
		return
	}
	shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(name, shot, 0o600))
}
