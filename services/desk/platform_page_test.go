package desk_test

import (
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"heji/services/access"
)

// agreedFiles is a platform whose agreement says everything, read once a month.
var agreedFiles = append(platformFiles[:len(platformFiles):len(platformFiles)], `
platform: oldage
name: 高龄津贴
name_en: Old-age allowance
department: 民政
kind: paper
connect: {writes: true}
key: [id]
natural: [id_number]
cadence: 720h
settle: 2m
window: {days: [mon-fri, sun], hours: ["08:30-09:30", "14:00-17:30"]}
fields: {name: {column: xm}, id_number: {column: sfzh}, phone: {column: dh}, residence: {column: dz}, old_age_allowance: {column: jt}}
agreement:
  legal_basis: 《老年人优待办法》第七条
  purpose: 核发高龄津贴
  from: "2026-01-01"
  until: "2026-10-31"
  authority: [old_age_allowance]
  receives: {phone: overwrite, residence: fill_empty, name: propose}
  scope: [{attribute: birth_date, older_than: 80}]
`)

func TestPlatformPage(t *testing.T) {
	w := newWorldOf(t, agreedFiles)
	w.everyone()
	as := func(login string) []string { _, h := w.session(login); return h }
	w.exec(`UPDATE platforms SET complete_at = $1, as_of = $1, pulled_at = $1 WHERE id = 'oldage'`, today.AddDate(0, 0, -3))
	w.exec(`UPDATE platforms SET complete_at = $1, as_of = $1, pulled_at = $1 WHERE id = 'gongan'`, today.AddDate(0, 0, -4))
	w.exec(`INSERT INTO dead_records (platform, stage, key, place, problem) VALUES ('oldage', 'pull', '391234198005010078', '第 7 行', 'check_digit'), ('oldage', 'pull', 'K2', '第 9 行', 'bad_date')`)
	w.live("oldage")

	r := w.get("/platforms/oldage", as("platform")...)
	require.Equal(t, 200, r.status)
	for _, want := range []string{"数据是 3 天前的，按约定每月一次：正常", "《老年人优待办法》第七条", "核发高龄津贴", "到 2026-10-31", "已到期", "按新值更新", "只补空白", "作为建议，由它校核",
		"只发给符合范围的居民", "以它为准", "写入时段：周一至周五、周日 08:30-09:30、14:00-17:30；", "现在不写，2026-11-23 14:00 起写。", "等 2 分钟后合成一次写入", "证件号码校验位不对", "3912**************", "第 7 行", `action="/dead/1/retry"`, `action="/platforms/oldage/resync"`, "/platforms/oldage/effect", "“正式回写”"} {
		require.Contains(t, r.text, want)
	}
	require.NotContains(t, r.text, "391234198005010078")
	api := w.get("/api/v1/platforms/oldage?lang=en", as("platform")...)
	require.Equal(t, "Read 3 days ago, once a month as agreed: on time", api.json["lag"])
	require.Equal(t, false, api.json["late"])
	require.Len(t, api.json["dead_records"], 2)
	terms := api.json["terms"].(map[string]any)
	require.Equal(t, true, terms["over"])
	require.Len(t, terms["receives"], 3)
	require.Len(t, terms["gives"], 5)
	require.Equal(t, "Written to: Mon to Fri, Sun 08:30-09:30, 14:00-17:30", api.json["hours"])
	require.Equal(t, "2026-11-23T14:00:00+08:00", api.json["opens_at"])
	require.NotContains(t, api.json, "circuit")
	w.exec(`UPDATE platforms SET write_failures = 7, tripped_at = $1, tries_at = $2 WHERE id = 'oldage'`, today, today.Add(time.Minute))
	for _, path := range []string{"/platforms", "/platforms/oldage"} {
		require.Contains(t, w.get(path, as("platform")...).text, "连续 7 次写入失败，已暂停写入（熔断），要写的都等着。2026-11-23 10:00 起；2026-11-23 10:01 先用一行试", path)
	}
	late := w.get("/api/v1/platforms/gongan", as("platform")...)
	require.Equal(t, "数据是 4 天前的，按约定每天一次：晚了 3 天", late.json["lag"])
	require.Equal(t, true, late.json["late"])
	list := w.get("/platforms", as("platform")...).text
	require.Contains(t, list, "高龄津贴：2 行无法使用")
	require.Contains(t, list, "常住人口（公安）：没有按约定报来")

	// Staff look at a platform, and at no row of it.
	r = w.get("/platforms/oldage", as("worker")...)
	require.Contains(t, r.text, "2 行，由系统管理员查看和处理")
	require.NotContains(t, r.text, "第 7 行")
	require.NotContains(t, r.text, "/resync")
	require.Empty(t, w.get("/api/v1/platforms/oldage", as("worker")...).json["dead_records"])
	for _, none := range []string{"sealed", "desk", "nowhere"} { // I7
		require.Equal(t, 404, w.get("/platforms/"+none, as("platform")...).status, none)
		require.Equal(t, 404, w.get("/api/v1/platforms/"+none, as("platform")...).status, none)
	}

	secret, h := w.session("platform")
	post := func(path string) int {
		return w.do("POST", path, url.Values{"why": {"已核对"}, "back": {"/platforms/oldage"}, "csrf": {access.FormToken(secret)}}.Encode(), h...).status
	}
	require.Equal(t, 303, post("/platforms/oldage/resync"))
	require.Equal(t, 303, post("/dead/1/retry"))
	require.Equal(t, 303, post("/dead/2/drop"))
	require.Equal(t, 409, post("/dead/2/drop"))
	require.Equal(t, 404, post("/dead/99/drop"))
	require.Equal(t, 404, post("/platforms/sealed/resync"))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM dead_records WHERE id = 2 AND state = 'dropped' AND who = '钱运维' AND why = '已核对'`))
	require.Contains(t, w.get("/platforms/oldage", h...).text, "已要求重读")
}

// IT's own page by clicking alone, without scripts, and on a phone.
func TestBrowserLooksAfterAPlatform(t *testing.T) {
	w := newWorldOf(t, agreedFiles)
	w.everyone()
	w.exec(`UPDATE platforms SET complete_at = $1, as_of = $1, pulled_at = $1 WHERE id = 'oldage'`, today.AddDate(0, 0, -3))
	w.exec(`INSERT INTO dead_records (platform, stage, key, place, problem) VALUES ('oldage', 'pull', 'K1', '第 7 行', 'check_digit')`)
	b := newBrowser(t)
	b.do(chromedp.EmulateViewport(1280, 900))
	b.enter(w, "platform", "/platforms")
	b.noScripts()
	b.do(chromedp.Click(chromedp.CSS(`.todo a[href="/platforms/oldage"]`)), chromedp.WaitVisible(chromedp.CSS(`.dead summary`)))
	b.shot(os.Getenv("HEJI_SCREENSHOT"))
	b.do(chromedp.EmulateViewport(390, 844))
	require.True(t, evaluate[bool](b, `document.documentElement.scrollWidth <= 390`), "it fits a phone")
	b.shot(os.Getenv("HEJI_SCREENSHOT_PHONE"))
	b.do(chromedp.Click(chromedp.CSS(`.dead summary`)), chromedp.SendKeys(chromedp.CSS(`.dead [name=why]`), "对方已改"), chromedp.Click(chromedp.CSS(`.dead form button:not(.danger)`)),
		chromedp.WaitVisible(chromedp.CSS(`.dead .badge.off`)))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM dead_records WHERE state = 'asked' AND who = '钱运维' AND why = '对方已改'`))
	require.Empty(t, b.complaints())
}
