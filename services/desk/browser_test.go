package desk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

// browser is a real Chromium with one page, and everything that it complained
// about: a script error, a blocked style, a missing file.
type browser struct {
	*testing.T
	ctx context.Context
	mu  sync.Mutex
	bad []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	return newBrowserFor(t, time.Minute)
}

// newBrowserFor is a browser for a test that takes longer than most.
func newBrowserFor(t *testing.T, limit time.Duration) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true))
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until the browser is gone
		stop()
		stopAlloc()
	})
	b := &browser{T: t, ctx: ctx}
	b.do() // starts it
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	var cancel context.CancelFunc
	b.ctx, cancel = context.WithTimeout(ctx, limit)
	t.Cleanup(cancel)
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.bad = append(b.bad, "uncaught: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.bad = append(b.bad, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	require.NoError(b, chromedp.Do(b.ctx, actions...), "this test needs Chromium: make test installs it")
}

func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.bad...)
}

// eventually waits until an expression in the page is true.
func (b *browser) eventually(expression string) {
	b.Helper()
	require.Eventually(b, func() bool {
		yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression))
		return err == nil && yes
	}, 30*time.Second, 50*time.Millisecond, expression)
}

func (b *browser) noScripts() {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(b, err)
}

// evaluate asks the page.
func evaluate[T any](b *browser, expression string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	require.NoError(b, err)
	return v
}

// settled leaves nothing that moves by itself.
func (w *world) settled() { w.exec(`UPDATE targets SET state = 'green', due_at = NULL`) }

func TestBrowserWatchesPlatformsTurnGreen(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	w.live("pension")
	b := newBrowser(t)
	b.do(chromedp.Navigate(w.url + "/residents/" + id.String()))
	b.eventually(`document.querySelector("#targets .badge.wait") !== null`)
	evaluate[bool](b, `window.sameDocument = true`)
	w.settled()
	b.eventually(`document.querySelector("#targets .badge.ok") !== null && document.querySelector("#targets").textContent.includes("已同步")`)
	b.eventually(`window.sameDocument === true && document.querySelector("[data-green]").textContent === "1 / 1 已同步"`)
	require.Empty(t, b.complaints())
}

func TestBrowserEntersAResident(t *testing.T) {
	w := newWorld(t)
	number := number(t, "1980-05-01", 8)
	b := newBrowser(t)
	b.do(chromedp.Navigate(w.url+"/residents/new"),
		chromedp.SendKeys(chromedp.CSS(`[name=name]`), "𠮷田秀英"),
		chromedp.SendKeys(chromedp.CSS(`[name=id_number]`), number+"\t"))
	b.eventually(`document.forms[0].elements.birth_date.value === "1980-05-01" && document.forms[0].elements.sex.value === "2"`)
	b.do(chromedp.SendKeys(chromedp.CSS(`[name=who]`), "李老师"), chromedp.Click(chromedp.CSS(`.bar button`)))
	// The area of the number is not assigned: said once, saved when confirmed.
	b.do(chromedp.WaitVisible(chromedp.CSS(`.notice.warn`)))
	shoot(b, "confirm")
	b.do(chromedp.Click(chromedp.CSS(`.bar button`)))
	b.do(chromedp.WaitVisible(chromedp.CSS(`[data-entry-poll]`)))
	request := evaluate[string](b, `document.querySelector("[data-entry-poll]").dataset.request`)
	id := w.merge(request)
	b.eventually(fmt.Sprintf(`location.pathname === "/residents/%s" && document.querySelector("h1").textContent.includes("𠮷田秀英")`, id))
	require.Empty(t, b.complaints())
}

func TestBrowserWithoutScripts(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	w.live("pension")
	b := newBrowser(t)
	b.noScripts()
	b.do(chromedp.Navigate(w.url+"/residents/"+id.String()), chromedp.WaitVisible(chromedp.CSS(`.badge.wait`)))
	w.settled()
	b.do(chromedp.WaitVisible(chromedp.CSS(`.badge.ok`))) // the page asks again by itself
	b.do(chromedp.Click(chromedp.CSS(`.headline .button`)), chromedp.WaitVisible(chromedp.CSS(`[name=phone]`)),
		chromedp.SetValue(chromedp.CSS(`[name=phone]`), "13900002222"), chromedp.SendKeys(chromedp.CSS(`[name=who]`), "李老师"),
		chromedp.Click(chromedp.CSS(`.bar button`)), chromedp.WaitVisible(chromedp.CSS(`.changes`)))
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`))
	b.do(chromedp.Click(chromedp.CSS(`.bar button`)), chromedp.WaitVisible(chromedp.CSS(`.notice.good`)))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE record->'values' = '{"phone": "13900002222"}'`))
}

// On a phone nothing sticks out, nothing is too small to read, and every box has
// its label.
func TestBrowserOnAPhone(t *testing.T) {
	w := newWorld(t)
	id := w.resident(rec{platform: "pension", key: "P1", values: schema.Values{"name": "阿卜杜热合曼·买买提明·吐尔逊江", "phone": "13800001111",
		"workplace": strings.Repeat("长", 60), "hukou_address": schema.Address{Province: "新疆维吾尔自治区", Community: "一个名字非常非常长的社区", Rest: strings.Repeat("x", 80)}.Canonical()}},
		rec{platform: "gongan", key: strings.Repeat("9", 60), values: schema.Values{"name": "阿卜杜热合曼"}})
	other := w.resident(rec{platform: "volunteers", key: "V1", values: schema.Values{"name": "阿卜杜热合曼·买买提明", "phone": "13800001112"}})
	w.exec(`INSERT INTO edges (a, b, weight, reason) SELECT a.id, b.id, 900, 'group' FROM records a, records b
		WHERE a.platform = 'pension' AND b.platform = 'volunteers'`)
	w.live("pension")
	w.target(id, "volunteers", "", store.TargetHold, "reason = 'a review must say first whether this person is there already', anchor_id = (SELECT min(id) FROM records)")
	made := w.send(201, "POST", "/api/v1/decisions", map[string]any{"kind": "later", "a": ref("pension", "P1"), "b": ref("volunteers", "V1"), "who": "赵主任",
		"why": strings.Repeat("长", 60)})
	b := newBrowser(t)
	b.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile, chromedp.EmulateScale(2)))
	for _, path := range []string{"/", "/?q=" + urlEscape("阿卜杜"), "/residents/new", "/residents/" + id.String(), "/residents/" + id.String() + "/edit",
		"/platforms", "/reviews?later=1", "/reviews/" + id.String() + "/" + other.String(), "/residents/" + id.String() + "/split?apart=pension/P1",
		"/actions/" + made.json["action"].(map[string]any)["id"].(string), "/nowhere", "/?lang=en", "/platforms", "/residents/" + id.String()} {
		b.do(chromedp.Navigate(w.url + path))
		found := evaluate[struct{ Wide, Small, Unnamed []string }](b, `(function () {
				document.querySelectorAll("details").forEach(d => d.open = true);
				var out = {Wide: [], Small: [], Unnamed: []}, name = e => e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 30);
				if (document.documentElement.scrollWidth > innerWidth)
					document.querySelectorAll("body *").forEach(e => { if (e.getBoundingClientRect().right > innerWidth + 1) out.Wide.push(name(e)); });
				document.querySelectorAll("body *").forEach(e => {
					var text = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
					if (text && e.tagName !== "CODE" && e.tagName !== "NOSCRIPT" && parseFloat(getComputedStyle(e).fontSize) < 16) out.Small.push(name(e));
				});
				document.querySelectorAll("input:not([type=hidden]), select").forEach(e => { if (!e.labels.length) out.Unnamed.push(e.name); });
				return out;
			})()`)
		raw, err := json.Marshal(found)
		require.NoError(t, err)
		require.Equal(t, `{"Wide":[],"Small":[],"Unnamed":[]}`, string(raw), path)
	}
	complaints := b.complaints()
	require.Len(t, complaints, 1, "the page that is not there, and nothing else")
	require.Contains(t, complaints[0], "404")
}

// A steward's morning: the first pair by Enter, decided by one key, taken back,
// and the next one. Nothing is decided while somebody is typing.
func TestBrowserDecidesByKey(t *testing.T) {
	w := newWorld(t)
	x, y := w.twoOfThem()
	b := newBrowser(t)
	b.do(chromedp.Navigate(w.url + "/reviews"))
	b.eventually(`document.activeElement.matches("a[data-focus]")`)
	b.do(chromedp.KeyEvent("\r"))
	b.eventually(fmt.Sprintf(`location.pathname.includes("%s") && location.pathname.includes("%s")`, x, y))
	b.do(chromedp.SendKeys(chromedp.CSS(`.bar [name=who]`), "赵1"), chromedp.SendKeys(chromedp.CSS(`.bar [name=why]`), "2"))
	require.Zero(t, w.count(`SELECT count(*) FROM actions`))
	evaluate[bool](b, `document.activeElement.blur() || true`)
	b.do(chromedp.KeyEvent("2"), chromedp.WaitVisible(chromedp.CSS(`.notice.good`)))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM actions WHERE kind = 'not_same' AND who = '赵1' AND why = '2'`))
	b.eventually(`document.activeElement.matches("a[data-focus]")`) // Enter leads to the next pair
	b.do(chromedp.KeyEvent("u"))
	b.eventually(`document.querySelector(".notice.warn, .notice.good") !== null && document.title.includes("撤销")`)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM actions WHERE kind = 'undo'`))
	require.Zero(t, w.count(`SELECT count(*) FROM decisions WHERE revoked_at IS NULL`))
	b.do(chromedp.Navigate(w.url + "/reviews"))
	b.eventually(`document.activeElement.matches("a[data-focus]")`)
	b.do(chromedp.KeyEvent("\r"))
	b.eventually(`document.querySelector("form[data-keys] [data-key]") !== null`)
	b.do(chromedp.KeyEvent("3"))
	b.eventually(`location.pathname.startsWith("/actions/")`)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM decisions WHERE kind = 'later' AND revoked_at IS NULL`))
	require.Empty(t, b.complaints())
}

// A platform is taken up by clicking alone: the report, one community, the step.
func TestBrowserTakesAPlatformUpTheLadder(t *testing.T) {
	w := newWorld(t)
	w.wang()
	b := newBrowser(t)
	b.do(chromedp.Navigate(w.url+"/platforms"), chromedp.Click(chromedp.CSS(`a[href="/platforms/pension/effect"]`)),
		chromedp.SendKeys(chromedp.CSS(`form[method=get] [name=community]`), "阳光社区\r"))
	b.eventually(`document.querySelector("[name=rows]") !== null && document.body.textContent.includes("只算试点社区：阳光社区")`)
	shoot(b, "effect")
	b.do(chromedp.SendKeys(chromedp.CSS(`[name=rows]`), "5"), chromedp.SendKeys(chromedp.CSS(`form[action$="/stage"] [name=who]`), "赵主任\r"))
	b.eventually(`location.pathname === "/platforms" && document.body.textContent.includes("试点范围：阳光社区，每天最多 5 行")`)
	shoot(b, "platforms")
	require.Empty(t, b.complaints())
}
