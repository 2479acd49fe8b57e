package desk_test

import (
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"heji/schema"
)

// A grave change waits for another person: whoever entered it is not offered to
// let it go, and cannot; the supervisor does, and the trail has both names.
func TestBrowserSecondSignature(t *testing.T) {
	w := twoCommunities(t)
	w.exec(`DELETE FROM risks`)
	w.exec(`INSERT INTO risks (resident_id, attribute, old, new, platform, key, who, until) VALUES
		($1, 'life_status', 'alive', 'dead', 'desk', 'edit-1', '李红', now() + interval '1 hour'),
		($2, 'life_status', 'alive', 'dead', 'pension', 'P-both', '周主任', now() + interval '1 hour')`, w.canary, w.both)
	b := newBrowser(t)
	b.enter(w.world, "anning", "/risks")
	b.eventually(`document.querySelectorAll(".platform").length === 2 && document.querySelector('[action$="/approve"]') === null && document.querySelector('[action$="/stop"]') !== null`)
	b.do(chromedp.Click(chromedp.CSS(`.me button`)), chromedp.WaitVisible(chromedp.CSS(`[name=login]`)))

	b.enter(w.world, "street", "/risks")
	b.eventually(`document.querySelectorAll('[action$="/approve"]').length === 2`)
	press := func(name string) {
		b.eventually(`[...document.querySelectorAll(".platform")].find(p => p.textContent.includes("` + name + `")).querySelector('[action$="/approve"] button').click() || true`)
	}
	press("人户分离")
	b.eventually(`document.querySelector("main").textContent.includes("要由第二个人复核")`)
	require.Equal(t, 2, w.count(`SELECT count(*) FROM risks WHERE released_at IS NULL`), "nobody signs twice")
	b.do(chromedp.Navigate(w.url + "/risks"))
	b.eventually(`document.querySelectorAll(".platform").length === 2`)
	press("欧阳沐辰")
	b.eventually(`location.pathname === "/risks" && document.querySelectorAll(".platform").length === 1`)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM risks WHERE attribute = $1 AND who = '李红' AND released_by = '周主任' AND outcome = 'approved'`, string(schema.LifeStatus)))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'risk.approve' AND who = '周主任'`))
	for _, c := range b.complaints() {
		require.Contains(t, c, "409", "only the refusal of this test")
	}
}

// A program lets a grave change go, or holds it back, as the page does; and asks
// what a split would change.
func TestRisksForPrograms(t *testing.T) {
	w := twoCommunities(t)
	w.exec(`DELETE FROM risks`)
	w.exec(`INSERT INTO risks (resident_id, attribute, old, new, platform, key, who, until) VALUES
		($1, 'life_status', 'alive', 'dead', 'desk', 'edit-1', '李红', now() + interval '1 hour'),
		($2, 'life_status', 'alive', 'dead', 'pension', 'P-both', '', now() + interval '1 hour')`, w.canary, w.both)
	id := func(who string) string {
		return strconv.Itoa(w.count(`SELECT id FROM risks WHERE who = $1`, who))
	}
	w.send(200, "POST", "/api/v1/risks/"+id("李红")+"/approve", map[string]any{"why": "已核实"}, w.as("street")...)
	w.send(200, "POST", "/api/v1/risks/"+id("")+"/stop", map[string]any{"why": "本人还在"}, w.as("street")...)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM risks WHERE outcome = 'approved' AND released_by = '周主任'`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM risks WHERE stopped_by = '周主任'`))

	of, _ := w.wang()
	r := w.send(200, "GET", "/api/v1/residents/"+of.String()+"/effect?apart=pension/P1", nil, w.as("steward")...)
	require.NotEmpty(t, r.json)
}
