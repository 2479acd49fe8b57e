package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"heji/schema"
)

// Somebody types, looks, goes down to the second with the arrows and opens it.
func TestBrowserFindsWhileTyping(t *testing.T) {
	w := newWorld(t)
	home := func(room string) string {
		return schema.Address{Community: "阳光社区", Compound: "幸福家园", Building: "3", Unit: "2", Room: room}.Canonical()
	}
	w.resident(rec{platform: "pension", key: "P1", values: schema.Values{"name": "张伟", "phone": "13800001111", "residence": home("1801")}})
	second := w.resident(rec{platform: "pension", key: "P2", values: schema.Values{"name": "张薇", "phone": "13800002222", "residence": home("1802")}})
	w.resident(rec{platform: "pension", key: "P3", values: schema.Values{"name": "单小军", "residence": home("101")}})
	b := newBrowser(t)
	found := func(typed string, names ...string) {
		t.Helper()
		evaluate[bool](b, `document.getElementById("q").value = "", true`)
		b.do(chromedp.SendKeys(chromedp.CSS(`#q`), typed))
		b.eventually(fmt.Sprintf(`[...document.querySelectorAll("#hits .name")].map(e => e.textContent).sort().join() === %q`, strings.Join(slices.Sorted(slices.Values(names)), ",")))
	}
	b.do(chromedp.Navigate(w.url + "/"))
	found("zw", "张伟", "张薇")
	found("zw 3-2-1802", "张薇")
	found("danxj", "单小军")
	found("shanxiaojun", "单小军")
	found("8000", "张伟", "张薇")
	found("zhagnwei", "张伟", "张薇")
	b.eventually(`document.querySelector("#hits .note").textContent.includes("相近")`)
	found("幸福家园3号楼2单元", "单小军", "张伟", "张薇")
	shoot(b, "search")
	found("3-2-18", "张伟", "张薇")
	b.eventually(`document.querySelector(".counts").offsetParent === null && location.search.includes("3-2-18")`)
	b.do(chromedp.Focus(chromedp.CSS(`#q`)))
	for range 2 {
		evaluate[bool](b, `document.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowDown", bubbles: true}))`)
	}
	at := evaluate[string](b, `document.activeElement.getAttribute("href")`)
	require.Contains(t, at, "/residents/")
	b.do(chromedp.KeyEvent("\r"))
	b.eventually(fmt.Sprintf(`location.pathname === %q`, at))
	_ = second
	require.Empty(t, b.complaints())

	// The same without scripts.
	require.Contains(t, w.get("/?q="+urlEscape("zw 3-2-1802")).text, second.String())
	require.NotZero(t, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'search' AND detail LIKE '%' || $1 || '%'`, second))
}

// A slip anywhere in a long word still finds the resident: the index is asked
// for what is alike, and must not leave out what the patterns would take.
func TestEverySlipIsForgiven(t *testing.T) {
	w := newWorld(t)
	idNumber := number(t, "1980-05-01", 7)
	id := w.resident(rec{platform: "pension", key: "P1", values: schema.Values{"name": "欧阳沐辰", "id_number": idNumber, "phone": "13712349876"}}).String()
	w.resident(rec{platform: "pension", key: "P2", values: schema.Values{"name": "王建国", "phone": "13800001111"}})
	finds := func(typed string) {
		t.Helper()
		require.Contains(t, w.get("/api/v1/residents?q="+typed).text, id, typed)
	}
	for word, other := range map[string]string{"ouyangmuchen": "x", "13712349876": "0", idNumber: "4"} {
		for i := range len(word) {
			if word[i:i+1] != other {
				finds(word[:i] + other + word[i+1:])
			}
			if i > 0 && word[i] != word[i-1] {
				finds(word[:i-1] + word[i:i+1] + word[i-1:i] + word[i+1:])
			}
			if other == "x" {
				finds(word[:i] + word[i+1:])
				if i > 0 {
					finds(word[:i] + other + word[i:])
				}
			}
		}
	}
	require.NotContains(t, w.get("/api/v1/residents?q=ouyangxxchen").text, id)
}
