package desk_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/access"
	"heji/services/desk"
)

// The version of axe-core that deploy/setup.sh fetches, and what it must be.
const axeVersion = "4.14.1"
const axeSum = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"

// axe is the text of axe-core. It is fetched by deploy/setup.sh and not kept in
// the repository: who has not fetched it sees the test skipped, except where
// HEJI_CI promises a whole run.
func axe(t *testing.T) string {
	t.Helper()
	caches, err := os.UserCacheDir()
	require.NoError(t, err)
	name := filepath.Join(caches, "heji", "axe-core-"+axeVersion, "axe.min.js")
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) && os.Getenv("HEJI_CI") == "" {
		t.Skip("axe-core is not here: run deploy/setup.sh test")
	}
	require.NoError(t, err, "run deploy/setup.sh test")
	sum := sha256.Sum256(text)
	require.Equal(t, axeSum, hex.EncodeToString(sum[:]), "%s is not axe-core %s: remove it and run deploy/setup.sh test", name, axeVersion)
	return string(text)
}

// The rules of WCAG 2.2 A and AA, and those good habits that keep a page easy to
// find one's way in: landmarks, headings, names.
const axeRun = `axe.run(document, {resultTypes: ["violations"], rules: {"target-size": {enabled: true}},
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]}).then(r => JSON.stringify(
	r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.target.join(" ") + ": " + n.html.slice(0, 200) + " " + n.failureSummary.slice(0, 300))}))))`

type violation struct {
	ID, Help string
	Nodes    []string
}

// stop is one page of the walk: where, and as whom.
type stop struct {
	login, path string
	act, until  string // what is done there, and what is true when the next page is there
}

// noPages are routes with GET that answer no whole page: pieces that a script
// asks for, files, and a page that leads to another.
var noPages = []string{"GET /hits", "GET /dwellings/pick", "GET /audit/export", "GET /imports/{id}/failed", "GET /parcels/{platform}/{id}/document",
	"GET /platforms/{id}/proposals/file", "GET /reviews/next", "GET /static/",
	"GET /login/oidc", "GET /login/oidc/back", "GET /login/oidc/out"}

// stops are all pages: every route of the table for the first who may use it, and
// pages in the states that a route alone does not show.
func (w *apart) stops(t *testing.T) (list []stop) {
	roles := map[string]access.Role{"anning": access.Worker, "steward": access.Steward, "platform": access.Platform, "security": access.Security,
		"auditor": access.Auditor, "street": access.Supervisor}
	query := map[string]string{
		"GET /buildings/chart": "?" + url.Values{"community": {anning}, "compound": {anning + "一号院"}, "building": {"3"}}.Encode(),
		"GET /dwellings":       "?" + url.Values{"community": {anning}, "at": {anning + "一号院|3|2|1801"}}.Encode(),
	}
	for _, route := range slices.Sorted(maps.Keys(desk.Permissions)) {
		need := desk.Permissions[route]
		if method, path, cut := strings.Cut(route, " "); slices.Contains(noPages, route) || cut && method != "GET" || strings.HasPrefix(path, "/api/") || route == "/api/" {
			continue
		}
		_, path, _ := w.places(t, route)
		login := ""
		for _, l := range []string{"anning", "steward", "platform", "street", "security", "auditor"} {
			if login == "" && need != access.Open && (need == access.Self || access.May([]access.Role{roles[l]}, need)) {
				login = l
			}
		}
		require.True(t, login != "" || need == access.Open, route)
		list = append(list, stop{login: login, path: path + query[route]})
	}
	confirm := `document.querySelector("button[value=back]") !== null`
	for _, s := range []struct{ login, path string }{
		{"anning", "/?q=" + url.QueryEscape("欧阳")}, {"anning", "/?q=" + url.QueryEscape("无此人")}, {"steward", "/residents/" + w.canary.String()},
		{"anning", "/residents/" + w.canary.String() + "?as_of=2026-11-01"}, {"street", "/"}, {"street", "/risks"}, {"steward", "/"}, {"anning", "/residents/" + uuid.NewString()}, {"anning", "/accounts"},
	} {
		list = append(list, stop{login: s.login, path: s.path})
	}
	return append(list,
		stop{"anning", "/residents/new", `document.querySelector(".bar button").click()`, `document.querySelector("[aria-invalid]") !== null`},
		stop{"anning", "/residents/new", `for (const [k, v] of Object.entries({name: "王小红", phone: "13900001111", birth_date: "2026-11-02"})) document.querySelector("[name=" + k + "]").value = v;
			document.querySelector(".bar button").click()`, confirm},
		stop{"anning", "/residents/" + w.canary.String() + "/edit", `document.querySelector("[name=phone]").value = "13900002222"; document.querySelector(".bar button").click()`, confirm},
		stop{"", "/login", `document.querySelector("[name=login]").value = "anning"; document.querySelector("[name=password]").value = "wrong"; document.querySelector("main form button").click()`,
			`document.querySelector("[role=alert]") !== null`})
}

// Every page of the desk, for somebody who may see it, in both languages, on a
// desk and on a phone: nothing that the accessibility rules forbid.
func TestBrowserFindsNoBarrier(t *testing.T) {
	script := axe(t)
	w := twoCommunities(t)
	w.crowd()
	b := newBrowserFor(t, 10*time.Minute) // on a quiet machine it takes one
	stops := w.stops(t)
	require.Greater(t, len(stops), 30)
	found := map[string][]string{} // by rule: where
	checked := 0
	as := "?"
	for _, s := range stops {
		if s.login != as {
			as = s.login
			b.become(w.world, s.login)
		}
		for _, lang := range []string{"zh", "en"} {
			b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(w.url+inLanguage(s.path, lang)))
			if s.act != "" {
				evaluate[bool](b, s.act+"; true")
				b.eventually(s.until)
			}
			require.NotEmpty(t, evaluate[string](b, `document.querySelector("h1").textContent.trim()`), s.path)
			require.Equal(t, s.login == "", evaluate[bool](b, `location.pathname === "/login"`), s.path)
			evaluate[bool](b, `document.querySelectorAll("details").forEach(d => d.open = true); true`) // what is folded is judged too
			evaluate[bool](b, script+";\ntrue")
			for _, width := range []int{1280, 390} {
				where := fmt.Sprintf("%s %s %s %d", s.login, s.path, lang, width)
				if s.act != "" {
					where += " " + s.until
				}
				if width == 390 {
					b.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
				}
				shoot(b, strings.NewReplacer("/", "_", "?", "_", "%", "", "|", "_").Replace(strings.ReplaceAll(where, " ", "-")))
				if wide := evaluate[int](b, `document.documentElement.scrollWidth`); wide > width {
					found["does not fit"] = append(found["does not fit"], fmt.Sprintf("%s: %d px, %s", where, wide,
						evaluate[string](b, `[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.tagName + "." + e.className).slice(-3).join(" ")`)))
				}
				for _, v := range b.barriers() {
					found[v.ID+": "+v.Help] = append(found[v.ID+": "+v.Help], where+"\n      "+strings.Join(v.Nodes, "\n      "))
				}
				checked++
			}
		}
	}
	var report strings.Builder
	for _, rule := range slices.Sorted(maps.Keys(found)) {
		fmt.Fprintf(&report, "%s (%d)\n    %s\n", rule, len(found[rule]), strings.Join(found[rule], "\n    "))
	}
	if name := os.Getenv("HEJI_BARRIERS"); name != "" {
		require.NoError(t, os.WriteFile(name, []byte(report.String()), 0o600))
	}
	require.Empty(t, found, report.String())
	require.Equal(t, 4*len(stops), checked)
}

// axe itself works: a page with known faults is not called good.
func TestBrowserFindsBarriers(t *testing.T) {
	script := axe(t)
	w := newWorld(t)
	b := newBrowser(t)
	b.do(chromedp.Navigate(w.url + "/"))
	evaluate[bool](b, `document.querySelector("main").insertAdjacentHTML("beforeend",
		'<input name="nameless"><p id="pale">太浅的字</p><a href="#a" id="a">1</a><a href="#b" id="b">2</a>');
		document.querySelector("#pale").style.color = "#ccc";
		for (const a of document.querySelectorAll("#a, #b")) { a.style.display = "inline-block"; a.style.width = "8px"; a.style.height = "8px"; a.style.overflow = "hidden" }
		document.documentElement.lang = ""; true`)
	evaluate[bool](b, script+";\ntrue")
	var ids []string
	for _, v := range b.barriers() {
		ids = append(ids, v.ID)
	}
	require.Subset(t, ids, []string{"label", "color-contrast", "html-has-lang", "target-size"})
}

// crowd adds what the pages of two communities do not have yet: a household, a
// stopped platform, an entry that waits.
func (w *apart) crowd() {
	values := func(name, room string) schema.Values {
		return schema.Values{"name": name, "sex": "2", "birth_date": "1990-02-03", "phone": "13900007777", "residence": at(anning, room), "household_no": "290000000009"}
	}
	for i, name := range []string{"欧阳一", "欧阳二", "欧阳三"} {
		w.resident(rec{platform: "pension", key: "C" + name, at: today.Add(-48 * time.Hour), values: values(name, []string{"1801", "1802", "201"}[i])})
	}
}

// become takes on somebody's session, or nobody's.
func (b *browser) become(w *world, login string) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, network.ClearBrowserCookies, cdp.Empty{})
	require.NoError(b, err)
	if login == "" {
		return
	}
	secret, _ := w.session(login)
	yes := true
	_, err = chromedp.Call(b.ctx, network.SetCookie, network.SetCookieParams{Name: "session", Value: secret, URL: w.url, HTTPOnly: &yes})
	require.NoError(b, err)
}

// barriers is what axe-core finds wrong with the page that is open.
func (b *browser) barriers() (list []violation) {
	b.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](axeRun, chromedp.EvalAwaitPromise))
	require.NoError(b, err)
	require.NoError(b, json.Unmarshal([]byte(text), &list))
	return list
}

func inLanguage(path, lang string) string {
	sign := "?"
	if strings.Contains(path, "?") {
		sign = "&"
	}
	return path + sign + "lang=" + lang
}
