package desk_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/access"
)

// lives is a resident of 幸福家园 3号楼.
func (w *world) lives(name, unit, room string, more schema.Values) uuid.UUID {
	w.t.Helper()
	values := schema.Values{"name": name, "residence": schema.Address{Community: "阳光社区", Compound: "幸福家园", Building: "3", Unit: unit, Room: room}.Canonical()}
	for a, v := range more {
		values[a] = v
	}
	return w.resident(rec{platform: "pension", key: name + unit + room, values: values})
}

// building is a house with a family, a tenant, somebody nobody has confirmed, and
// somebody whose hukou alone is there.
func (w *world) building() (head uuid.UUID) {
	head = w.lives("王建国", "2", "1801", schema.Values{"relation": "02", "household_no": "290000000001", "sex": "1", "birth_date": "1970-01-01", "phone": "13800001111"})
	w.lives("王小明", "2", "1801", schema.Values{"relation": "20", "household_no": "290000000001", "birth_date": "2010-01-01"})
	w.lives("李秀英", "2", "1801", schema.Values{"relation": "12", "household_no": "290000000001", "birth_date": "1972-01-01"})
	w.lives("陈租客", "1", "1702", schema.Values{"landlord": "赵房东"})
	stale := w.lives("孙久未", "1", "1701", nil)
	w.exec(`UPDATE residents SET master = jsonb_set(master, '{residence,u}', '"2020-01-01T00:00:00Z"') WHERE id = $1`, stale)
	w.lives("周已迁", "1", "1801", schema.Values{"life_status": "moved_out"})
	w.resident(rec{platform: "pension", key: "away", values: schema.Values{"name": "吴在外", "residence": schema.Address{Community: "永福社区", Compound: "别处", Building: "1", Room: "101"}.Canonical(),
		"hukou_address": schema.Address{Community: "阳光社区", Compound: "幸福家园", Building: "3", Unit: "2", Room: "1801"}.Canonical()}})
	return head
}

func TestDwellingAndBuilding(t *testing.T) {
	w := newWorld(t)
	head := w.building()
	at := url.Values{"at": {"幸福家园|3|2|1801"}, "community": {"阳光社区"}}.Encode()
	r := w.get("/dwellings?" + at)
	require.Equal(t, 200, r.status)
	for _, want := range []string{"阳光社区幸福家园3号楼2单元1801室", "户号 290000000001", "户主 王建国", "妻", "吴在外", "户口在这里、人不在这里", "在住", "/residents/new?at="} {
		require.Contains(t, r.text, want)
	}
	require.Less(t, strings.Index(r.text, "王建国</a>"), strings.Index(r.text, "李秀英</a>"), "the head first")
	require.NotContains(t, r.text, "13800001111")
	require.Contains(t, w.get("/dwellings?household=290000000001").text, "王小明")
	require.Contains(t, w.get("/residents/"+head.String()).text, "/dwellings?at=")
	require.Equal(t, 404, w.get("/dwellings").status)
	require.Equal(t, 404, w.get("/dwellings?household=none").status)
	require.Contains(t, w.get("/dwellings?"+url.Values{"at": {"幸福家园|3|2|404"}, "community": {"阳光社区"}}.Encode()).text, "没有人登记住在这里")

	require.Contains(t, w.get("/buildings?community="+urlEscape("阳光社区")).text, "幸福家园 3号楼")
	require.Contains(t, w.get("/buildings").text, "永福社区")
	chart := w.get("/buildings/chart?" + url.Values{"community": {"阳光社区"}, "compound": {"幸福家园"}, "building": {"3"}}.Encode())
	require.Equal(t, 200, chart.status)
	for state, n := range map[string]int{"occupied": 1, "rented": 1, "unverified": 1} {
		require.Equal(t, n, strings.Count(chart.text, `class="room room-`+state+`" href`), state)
	}
	require.Contains(t, chart.text, "1801")
	require.Contains(t, chart.text, "空置", "nobody lives behind 1单元1801 any more")
	require.Contains(t, chart.text, "王建国")
	require.Less(t, len(chart.text), 100_000)
	require.Equal(t, 404, w.get("/buildings/chart?community=x&compound=y&building=%25").status)
}

// A short address is completed where one dwelling alone can be meant; else it is
// chosen, without scripts too.
func TestDwellingIsPicked(t *testing.T) {
	w := newWorld(t)
	w.building()
	r := w.form("/residents/new", url.Values{"request": {"k"}, "who": {"李老师"}, "name": {"王小红"}, "residence": {"3-2-1801"}, "step": {"next"}})
	require.Equal(t, 200, r.status)
	require.Equal(t, "||||阳光社区||幸福家园|3|2|1801|", filledForm(r.text).Get("set.residence"))

	w.resident(rec{platform: "pension", key: "other", values: schema.Values{"name": "郑同号", "residence": schema.Address{Compound: "别苑", Building: "3", Unit: "2", Room: "1801"}.Canonical()}})
	r = w.form("/residents/new", url.Values{"request": {"k"}, "who": {"李老师"}, "name": {"王小红"}, "residence": {"3-2-1801"}, "step": {"next"}})
	require.Equal(t, 422, r.status)
	require.Contains(t, r.text, "不止一处")
	require.Contains(t, r.text, "王建国家，3 人")
	form := filledForm(r.text)
	form.Set("pick", "阳光社区幸福家园3号楼2单元1801室\n290000000001")
	form = filledForm(w.form("/residents/new", form).text)
	require.Equal(t, []string{"王小红", "阳光社区幸福家园3号楼2单元1801室", "290000000001"}, []string{form.Get("name"), form.Get("residence"), form.Get("household_no")})

	r = w.get("/residents/new?" + url.Values{"at": {"幸福家园|3|2|1801"}, "community": {"阳光社区"}}.Encode())
	form = filledForm(r.text)
	require.Equal(t, []string{"阳光社区幸福家园3号楼2单元1801室", "290000000001"}, []string{form.Get("residence"), form.Get("household_no")})
}

// A worker enters a complete new resident in twelve fields: what can be derived is.
func TestBrowserEntersACompleteResident(t *testing.T) {
	w := newWorld(t)
	w.building()
	n := number(t, "1995-05-01", 8)
	b := newBrowser(t)
	b.do(chromedp.Navigate(w.url+"/buildings"), chromedp.Click(chromedp.CSS(`.choices a[href="/buildings?community=`+urlEscape("阳光社区")+`"]`)))
	b.eventually(`document.querySelector('a[href^="/buildings/chart"]') !== null`)
	b.do(chromedp.Click(chromedp.CSS(`a[href^="/buildings/chart"]`)), chromedp.WaitVisible(chromedp.CSS(`[data-chart]`)))
	shoot(b, "chart")
	// From door to door with the arrows, and in.
	evaluate[bool](b, `[...document.querySelectorAll("[data-chart] a")].find(a => a.href.includes("1702")).focus() || true`)
	for _, key := range []string{"ArrowUp", "ArrowRight"} {
		evaluate[bool](b, fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true})) || true`, key))
	}
	require.Contains(t, evaluate[string](b, `decodeURIComponent(document.activeElement.href)`), "|2|1801")
	b.do(chromedp.KeyEvent("\r"), chromedp.WaitVisible(chromedp.CSS(`a[href^="/residents/new"]`)))
	shoot(b, "dwelling")

	b.do(chromedp.Navigate(w.url + "/residents/new"))
	fields := 0
	typed := func(name, text string) {
		fields++
		b.do(chromedp.SendKeys(chromedp.CSS(`[name="`+name+`"]`), text))
	}
	chosen := func(name, code string) {
		fields++
		b.do(chromedp.SetValue(chromedp.CSS(`[name="`+name+`"]`), code))
	}
	typed("name", "王小红")
	typed("id_number", "３９１２３４"+n[6:]+"\t")
	b.eventually(`document.forms[0].elements.birth_date.value === "1995-05-01" && document.forms[0].elements.sex.value === "2" && document.getElementById("age").textContent === "31 岁"`)
	chosen("ethnicity", "01")
	typed("phone", "13900002222")
	typed("residence", "3-2-18") // picked: the household with it
	b.do(chromedp.WaitVisible(chromedp.CSS(`#picks button`)), chromedp.Click(chromedp.CSS(`#picks button`)))
	b.eventually(`document.forms[0].elements.household_no.value === "290000000001" && document.forms[0].elements.residence.value.startsWith("阳光社区幸福家园")`)
	shoot(b, "form")
	chosen("relation", "30")
	chosen("residence_type", "1")
	typed("hukou_address", "阳光社区幸福家园3号楼2单元1801室")
	evaluate[bool](b, `document.querySelectorAll("details").forEach(d => d.open = true) || true`)
	chosen("education", "21")
	chosen("marital_status", "10")
	chosen("employment", "17")
	typed("workplace", "临江第一小学")
	require.LessOrEqual(t, fields, 12)
	b.do(chromedp.SendKeys(chromedp.CSS(`[name=who]`), "李老师"), chromedp.Click(chromedp.CSS(`.bar button`)), chromedp.WaitVisible(chromedp.CSS(`.changes`)),
		chromedp.Click(chromedp.CSS(`.bar button`)), chromedp.WaitVisible(chromedp.CSS(`[data-entry-poll]`)))
	for _, a := range []string{"name", "id_number", "id_type", "sex", "birth_date", "ethnicity", "phone", "residence", "household_no", "relation", "residence_type", "hukou_address",
		"education", "marital_status", "employment", "workplace"} {
		require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE record->'values'->>$1 <> ''`, a), a)
	}
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE record->'values'->>'id_number' = $1`, n))
	require.Empty(t, b.complaints())
}

// The pages of dwellings, and what the form offers, show nobody of another community.
func TestDwellingsShowWhoIsSeen(t *testing.T) {
	w := twoCommunities(t)
	room := schema.AddressFromCanonical(at(anning, "1801"))
	chart := "/buildings/chart?" + url.Values{"community": {anning}, "compound": {room.Compound}, "building": {"3"}}.Encode()
	paths := []string{"/dwellings?" + url.Values{"at": {room.Dwelling()}}.Encode(), "/buildings?community=" + urlEscape(anning), "/buildings",
		"/dwellings/pick?q=" + urlEscape(room.Compound), "/dwellings/pick?q=3-2-1801", "/hits?q=" + urlEscape("欧阳沐辰"), chart}
	for _, path := range paths {
		hers := w.get(path, w.as("anning")...)
		require.Equal(t, 200, hers.status, path)
		r := w.get(path, w.as("yongfu")...)
		for _, secret := range append(w.secrets, "欧阳沐辰") {
			if !strings.Contains(path, urlEscape(secret)) { // what was asked for is said back
				require.NotContains(t, r.text, secret, path)
			}
		}
	}
	require.Contains(t, w.get(chart, w.as("anning")...).text, "欧阳沐辰")
	require.Equal(t, 404, w.get(chart, w.as("yongfu")...).status)
	require.NotContains(t, w.get("/buildings", w.as("yongfu")...).text, anning)

	secret, h := w.session("yongfu")
	r := w.do("POST", "/residents/alike", url.Values{"name": {"欧阳沐辰"}, "birth_date": {"1986-07-11"}, "phone": {"13712349876"}, "csrf": {access.FormToken(secret)}}.Encode(), h...)
	require.Equal(t, 200, r.status)
	require.NotContains(t, r.text, w.canary.String())
}

// Whoever answers for a community finds its buildings at once, and the other
// communities that are seen one click away.
func TestBuildingsBeginAtTheOwnCommunity(t *testing.T) {
	w := twoCommunities(t)
	for _, c := range []struct{ who, own, other string }{{"anning", anning, yongfu}, {"yongfu", yongfu, anning}} {
		w.resident(rec{platform: "volunteers", key: "V-" + c.who, at: today.AddDate(0, 0, -2),
			values: schema.Values{"name": "罗" + c.who, "residence": at(c.own, "1802"), "hukou_address": at(c.own, "1802")}})
		r := w.get("/buildings", w.as(c.who)...)
		require.Equal(t, 200, r.status)
		require.Contains(t, r.text, c.own+"一号院 3号楼", c.who)
	}
	r := w.get("/buildings", w.as("anning")...)
	require.Contains(t, r.text, "/buildings?community="+urlEscape(yongfu), "人户分离: lives there, seen for the hukou")
	require.NotContains(t, w.get("/buildings", w.as("yongfu")...).text, anning)
}
