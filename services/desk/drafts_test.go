package desk_test

import (
	"context"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"heji/services/store"
)

// formOf is the form of a page, as it would be sent unchanged.
func (w *world) formOf(path string, headers ...string) url.Values {
	w.t.Helper()
	page := w.get(path, headers...)
	require.Equal(w.t, 200, page.status, page.text)
	form := url.Values{}
	for _, m := range regexp.MustCompile(`<input[^>]*? name="([^"]+)"[^>]*? value="([^"]*)"`).FindAllStringSubmatch(page.text, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	form.Del("step")
	return form
}

// Without scripts: a button keeps what was typed, the first page lists it, the
// form goes on with it, and saving it is its end.
func TestDrafts(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	_, h := w.session("worker")
	_, others := w.session("supervisor")
	post := func(path string, form url.Values, h []string) reply { return w.do("POST", path, form.Encode(), h...) }

	empty := w.formOf("/residents/new", h...)
	require.Equal(t, 303, post("/drafts", empty, h).status)
	require.Zero(t, w.count(`SELECT count(*) FROM drafts`), "nothing was typed")

	form := w.formOf("/residents/new", h...)
	form.Set("name", "𠮷田秀英")
	form.Set("residence.building", "3号楼")
	form.Set("phone", "not yet a phone")
	r := post("/drafts", form, h)
	require.Equal(t, "/?kept=1", r.header.Get("Location"), r.text)
	require.Zero(t, w.count(`SELECT count(*) FROM drafts WHERE sealed ~ '秀英|phone'`), "kept encrypted")
	home := w.get("/?kept=1", h...)
	require.Contains(t, home.text, "已存为草稿")
	require.Contains(t, home.text, "𠮷田秀英")
	at := regexp.MustCompile(`/residents/new\?draft=[\w-]+`).FindString(home.text)
	again := w.formOf(at, h...)
	require.Equal(t, []string{"𠮷田秀英", "3号楼", "not yet a phone", form.Get("request")},
		[]string{again.Get("name"), again.Get("residence.building"), again.Get("phone"), again.Get("request")})

	// Nobody else's: not listed, not opened, not dropped, not overwritten.
	require.NotContains(t, w.get("/", others...).text, "𠮷田秀英")
	require.Equal(t, 404, w.get(at, others...).status)
	post("/drafts/"+form.Get("request")+"/drop", nil, others)
	post("/drafts", url.Values{"request": form["request"], "name": {"王芳"}}, others)
	require.Equal(t, "𠮷田秀英", w.formOf(at, h...).Get("name"))
	post("/drafts/"+form.Get("request")+"/drop", nil, others)

	// The step before saving keeps it as well; saving ends it; what comes late does
	// not bring it back.
	form.Set("phone", "13900002222")
	form.Set("step", "next")
	require.Equal(t, 200, post("/residents/new", form, h).status)
	require.Equal(t, "13900002222", w.formOf(at, h...).Get("phone"))
	form.Set("step", "save")
	require.Equal(t, 303, post("/residents/new", form, h).status)
	require.Zero(t, w.count(`SELECT count(*) FROM drafts`))
	require.Equal(t, 204, w.do("POST", "/drafts", form.Encode(), append(h, "Accept", "application/json")...).status)
	require.Zero(t, w.count(`SELECT count(*) FROM drafts`))
	require.Equal(t, 404, w.get(at, h...).status)
	require.Equal(t, 303, post("/residents/new", form, h).status, "sent twice")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries`), "makes one")

	// An edit: what was masked stays what it was; cancelling drops it.
	id, number := w.wang()
	edit := "/residents/" + id.String() + "/edit"
	form = w.formOf(edit, h...)
	form.Set("phone", "13900003333")
	post("/drafts?resident="+id.String(), form, h)
	home = w.get("/", h...)
	require.Contains(t, home.text, edit+"?draft=")
	form = w.formOf(edit+"?draft="+form.Get("request"), h...)
	require.Equal(t, "13900003333", form.Get("phone"))
	require.NotContains(t, form.Encode(), number)
	form.Set("step", "next")
	require.Contains(t, post(edit, form, h).text, "13900003333")
	require.Equal(t, "/residents/"+id.String(), post("/drafts/"+form.Get("request")+"/drop?back=/residents/"+id.String(), form, h).header.Get("Location"))
	require.Zero(t, w.count(`SELECT count(*) FROM drafts`))
	require.Equal(t, 404, post("/drafts?resident=7e57ab1e-0000-4000-8000-000000000001", form, h).status)

	// Too old, and too many.
	post("/drafts?resident="+id.String(), form, h)
	w.exec(`UPDATE drafts SET at = now() - make_interval(days => $1, secs => 1)`, store.DraftDays)
	require.NotContains(t, w.get("/", h...).text, edit+"?draft=")
	n, err := w.store.ForgetDrafts(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	for range store.MaxDrafts + 1 {
		form := w.formOf("/residents/new", h...)
		form.Set("name", "王芳")
		require.Equal(t, 303, post("/drafts", form, h).status)
	}
	require.Equal(t, store.MaxDrafts, w.count(`SELECT count(*) FROM drafts`))
	// Other residents, other drafts.
	require.NoError(t, w.store.SetPosting(context.Background(), "worker", store.Posting{Everywhere: true}))
	require.Zero(t, w.count(`SELECT count(*) FROM drafts`))
	require.NotContains(t, w.log.String(), "13900003333")
}

// A draft of somebody who is not seen any more says nothing.
func TestDraftOfAnothersResident(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	id, _ := w.wang()
	w.posted("anning", "陈静", store.Posting{Bodies: []string{}}, "worker")
	secret, h := w.session("anning")
	require.Equal(t, 404, w.do("POST", "/drafts?resident="+id.String(), "name=x&request=r1", h...).status)
	// Kept while it was seen.
	form, err := json.Marshal(url.Values{"name": {"王建国"}, "request": {"r1"}})
	require.NoError(t, err)
	account := w.count(`SELECT id FROM accounts WHERE login = 'anning'`)
	sealed, err := w.ring.Seal(form, "draft/"+strconv.Itoa(account)+"/r1")
	require.NoError(t, err)
	require.NoError(t, w.store.KeepDraft(context.Background(), store.Draft{Account: int64(account), Request: "r1", Resident: id, Sealed: sealed}))
	require.NotContains(t, w.get("/", "Cookie", "session="+secret).text, "王建国")
	require.Equal(t, 404, w.get("/residents/"+id.String()+"/edit?draft=r1", h...).status)
	require.Equal(t, 404, w.get("/residents/new?draft=r1", h...).status)
}

// A session that ended while somebody typed: the form is a draft of theirs.
func TestDraftOfAnExpiredSession(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	secret, h := w.session("worker")
	form := w.formOf("/residents/new", h...)
	form.Set("name", "𠮷田秀英")
	form.Set("step", "next")
	w.exec(`UPDATE sessions SET seen_at = now() - interval '31 minutes'`)
	cookies := []string{"Cookie", "session=" + secret}
	forged := w.do("POST", "/drafts", url.Values{"request": {"forged"}, "name": {"王芳"}}.Encode(), cookies...)
	require.Equal(t, 401, forged.status)
	require.Equal(t, "false", forged.header.Get("Draft-Kept"), "without the token of the session's forms")
	require.Equal(t, 401, w.do("POST", "/residents/new", form.Encode(), cookies...).status)
	form.Set("name", "吉田秀英")
	r := w.do("POST", "/drafts", form.Encode(), append(cookies, "Accept", "application/json")...)
	require.Equal(t, 401, r.status)
	require.Equal(t, "true", r.header.Get("Draft-Kept"))
	require.Contains(t, r.text, `name="next" value="/residents/new?draft=`+form.Get("request"), "the login leads back to it")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM drafts`))
	_, fresh := w.session("worker")
	require.Equal(t, "吉田秀英", w.formOf("/residents/new?draft="+form.Get("request"), fresh...).Get("name"))
}

// Scripts keep it while somebody types; the browser is closed; another goes on.
func TestBrowserKeepsADraft(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(w.url+"/residents/new"), chromedp.SendKeys(chromedp.CSS(`[name=name]`), "𠮷田秀英"),
		chromedp.SendKeys(chromedp.CSS(`[name=phone]`), "13900002222"))
	b.eventually(`document.querySelector("[data-draft-word]").textContent.includes("已存草稿")`)
	shoot(b, "form-1280")
	b.do(chromedp.EmulateViewport(390, 844))
	shoot(b, "form-390")
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`))
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(w.url+"/"), chromedp.WaitVisible(chromedp.CSS(`.drafts a`)))
	shoot(b, "home-390")
	b.do(chromedp.EmulateViewport(1280, 900))
	shoot(b, "home-1280")
	b.do(chromedp.Click(chromedp.CSS(`.drafts a`)), chromedp.WaitVisible(chromedp.CSS(`[name=phone]`)))
	b.eventually(`document.querySelector("[name=name]").value === "𠮷田秀英" && document.querySelector("[name=phone]").value === "13900002222"`)
	b.do(chromedp.SendKeys(chromedp.CSS(`[name=who]`), "李老师"), chromedp.Click(chromedp.CSS(`.bar button`)))
	b.do(chromedp.WaitVisible(chromedp.CSS(`.changes`)), chromedp.Click(chromedp.CSS(`.bar button`)), chromedp.WaitVisible(chromedp.CSS(`[data-entry-poll]`)))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries`))
	require.Zero(t, w.count(`SELECT count(*) FROM drafts`))
	require.Empty(t, b.complaints())
}
