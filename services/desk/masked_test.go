package desk_test

import (
	"context"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/access"
	"heji/services/desk"
	"heji/services/store"
)

// carries are the routes that hand a number to whoever types or uploads it
// elsewhere: opening a card is the click, and it is noted.
func carries(route string) bool { return strings.Contains(route, "/parcels/{platform}/{id}") }

// namedKeys are the places of a page, and of an answer, that name a record.
var namedKeys = regexp.MustCompile(`"key": "[^"]*"|name="[ab].key" value="[^"]*"|name="group.[^"]*"|split\?apart=[^"]*`)

// No page and no answer has a number in full, whoever looks, until somebody says
// what for.
func TestNumbersAreMasked(t *testing.T) {
	w := twoCommunities(t)
	w.exec(`INSERT INTO history (resident_id, kind, attribute, old, new) VALUES ($1, 'value', 'phone', '{"v": "13712340000", "s": {"platform": "pension", "key": "P-canary"}}', '{"v": "13712349876"}')`, w.canary)
	w.record(w.canary, rec{platform: "volunteers", key: "V-canary", at: today, values: schema.Values{"name": "欧阳沐辰", "phone": "13712341111"}})
	w.master(w.canary)
	// Keys too, where a platform goes by the ID number; who decides about records
	// names them, and gets them as they are.
	w.record(w.canary, rec{platform: "volunteers", key: w.idNumber, at: today, values: schema.Values{"name": "欧阳沐辰"}})
	w.target(w.canary, "volunteers", w.idNumber, store.TargetGreen, "")
	numbers := []string{w.idNumber, w.idNumber[6:], "13712349876", "13712340000", "13712341111"}
	ask := func(login, route string) string {
		_, path, _ := w.places(t, route)
		if !strings.HasPrefix(route, "GET ") || carries(route) {
			return ""
		}
		return w.get(path, w.as(login)...).text
	}
	for _, route := range slices.Sorted(maps.Keys(desk.Permissions)) {
		for _, login := range []string{"anning", "street", "steward"} {
			text := ask(login, route)
			for _, n := range numbers {
				if login == "steward" {
					text = namedKeys.ReplaceAllString(text, "")
				}
				require.NotContains(t, text, n, "%s as %s", route, login)
			}
		}
	}
	page := "/residents/" + w.canary.String()
	secret, h := w.session("anning")
	reveal := func(why string) reply {
		return w.do("POST", page+"/reveal", url.Values{"why": {why}, "back": {page}, "csrf": {access.FormToken(secret)}}.Encode(), h...)
	}
	require.Contains(t, w.get(page, h...).text, "1371*******")
	require.Equal(t, 422, reveal("").status)
	require.Equal(t, 422, reveal(" x ").status)
	require.Equal(t, page, reveal("电话核对住址").header.Get("Location"))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'reveal' AND what = 'resident/' || $1 AND who = '李红' AND why = '电话核对住址'`, w.canary.String()))
	shown := w.get(page, h...).text
	for _, n := range []string{w.idNumber, "13712349876", "13712341111"} {
		require.Contains(t, shown, n)
	}
	for _, elsewhere := range []string{"/", "/?q=" + urlEscape("欧阳沐辰"), "/risks", page + "/edit"} {
		for _, n := range numbers {
			require.NotContains(t, w.get(elsewhere, h...).text, n, "a list stays as it is: %s", elsewhere)
		}
	}
	require.NotContains(t, w.get(page, w.as("anning")...).text, w.idNumber, "another session of the same account")
	w.exec(`UPDATE reveals SET until = now() - interval '1 second'`)
	require.NotContains(t, w.get(page, h...).text, w.idNumber)

	// The API: a scope, and a reason.
	api := "/api/v1/residents/" + w.canary.String()
	r := w.send(200, "POST", api+"/reveal", map[string]string{"why": "替居民办事"}, w.as("street")...)
	require.Contains(t, r.text, w.idNumber)
	w.send(422, "POST", api+"/reveal", map[string]string{}, w.as("street")...)
	require.Equal(t, 403, w.do("POST", api+"/reveal", `{"why": "好奇"}`, w.as("auditor")...).status)
	require.Equal(t, 404, w.do("POST", api+"/reveal", `{"why": "好奇一下"}`, w.as("east")...).status)
	require.NotContains(t, w.log.String(), w.idNumber)

	// A pair: of both, or not.
	pair := "/reviews/" + w.canary.String() + "/" + w.other.String()
	secret, h = w.session("steward")
	require.Equal(t, 303, w.do("POST", page+"/reveal", url.Values{"why": {"核对两人"}, "also": {w.other.String()}, "back": {pair}, "csrf": {access.FormToken(secret)}}.Encode(), h...).status)
	require.Contains(t, w.get(pair, h...).text, w.idNumber)
}

// A form that is sent back as it was changes nothing, masked numbers included;
// a number that is typed anew is taken.
func TestMaskedFormsChangeNothing(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	edit := "/residents/" + id.String() + "/edit"
	r := w.get(edit)
	form := filledForm(r.text)
	form.Set("who", "李老师")
	require.Equal(t, "1380*******", form.Get("phone"))
	require.Contains(t, w.do("POST", edit, form.Encode()).text, "没有改动")
	form.Set("phone", "13900002222")
	require.Contains(t, w.do("POST", edit, form.Encode()).text, `name="set.phone" value="13900002222"`)
	w.send(422, "PATCH", "/api/v1/residents/"+id.String(), entry(map[string]string{"phone": "1380*******"}))
	// Keeping a number names the record that says it.
	w.send(201, "POST", "/api/v1/decisions", map[string]any{"kind": "keep", "a": ref("pension", "P1"), "attribute": "phone", "value": "1380*******", "who": "李老师"})
	require.Equal(t, 1, w.count(`SELECT count(*) FROM decisions WHERE kind = 'keep' AND value = '13800001111'`))
}

// What is sensitive is shown to those in whose domain it lies, for this resident.
func TestSensitiveAttributes(t *testing.T) {
	w := twoCommunities(t)
	w.record(w.both, rec{platform: "pension", key: "P-more", at: today, values: schema.Values{"low_income": "1", "chronic_disease": "1", "pension_status": "1", "corrections": "1"}})
	w.master(w.both)
	w.exec(`INSERT INTO history (resident_id, kind, attribute, old, new) VALUES ($1, 'value', 'low_income', '{"v": "2", "s": {"platform": "pension", "key": "P-more"}}', '{"v": "1"}')`, w.both)
	w.exec(`INSERT INTO risks (resident_id, attribute, old, new, platform, key, until) VALUES ($1, 'low_income', '2', '1', 'pension', 'P-more', now() + interval '1 hour')`, w.both)
	path := "/api/v1/residents/" + w.both.String()
	has := func(login string) (list []string) {
		r := w.get(path, w.as(login)...)
		require.Equal(t, 200, r.status)
		for _, a := range []string{"low_income", "chronic_disease", "pension_status", "corrections"} {
			if strings.Contains(r.text, `"`+a+`"`) {
				list = append(list, a)
			}
		}
		return list
	}
	require.Equal(t, []string{"low_income", "pension_status"}, has("anning"), "civil affairs go by the hukou")
	require.Equal(t, []string{"pension_status"}, has("yongfu"), "those who live there")
	require.Equal(t, []string{"low_income", "chronic_disease", "pension_status"}, has("steward"))
	label := "低保类别"
	for _, p := range []string{"/residents/" + w.both.String(), "/risks"} {
		require.Contains(t, w.get(p, w.as("anning")...).text, label, p)
	}
	require.NotContains(t, w.get("/residents/"+w.both.String(), w.as("yongfu")...).text, label)
	require.NotContains(t, w.get("/risks", w.as("yongfu")...).text, "低保类别：", "what the resident holds is not told")
	preview := func(login string) string {
		return w.send(200, "PATCH", path+"?preview=1", map[string]any{"values": map[string]string{"low_income": "3"}, "who": "x"}, w.as(login)...).text
	}
	require.Contains(t, preview("anning"), `"from": "1"`)
	require.Contains(t, preview("yongfu"), `"from": ""`)
	require.NoError(t, w.store.SetPosting(context.Background(), "anning", store.Posting{Bodies: []string{"anning"}, Domains: []string{"party"}}))
	require.Equal(t, 404, w.get(path, w.as("anning")...).status)
}

// enter logs somebody in, on the way to a page.
func (b *browser) enter(w *world, login, page string) {
	b.do(chromedp.Navigate(w.url+page), chromedp.WaitVisible(chromedp.CSS(`[name=login]`)),
		chromedp.SetValue(chromedp.CSS(`[name=login]`), login), chromedp.SendKeys(chromedp.CSS(`[name=password]`), goodPassword+"\r"))
	b.eventually(`location.pathname === "` + page + `"`)
}

func TestBrowserRevealsNumbers(t *testing.T) {
	w := twoCommunities(t)
	b := newBrowser(t)
	b.enter(w.world, "anning", "/residents/"+w.canary.String())
	b.eventually(`document.querySelector(".reveal summary") !== null && !document.body.textContent.includes("13712349876")`)
	b.do(chromedp.Click(chromedp.CSS(`.reveal summary`)), chromedp.SendKeys(chromedp.CSS(`.reveal [name=why]`), "电话联系本人\r"))
	b.eventually(`document.querySelector(".numbers").textContent.includes("13712349876")`)
	require.Empty(t, b.complaints())
	if name := os.Getenv("HEJI_SCREENSHOT"); name != "" {
		shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(name, shot, 0o600))
	}
}
