package desk_test

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"heji/services/store"
)

// A supervisor sees how the communities of the street stand, and sends workers
// elsewhere within it.
func TestStaff(t *testing.T) {
	w := twoCommunities(t)
	w.posted("li2", "李二", store.Posting{Bodies: []string{"anning"}}, "worker")
	r := w.get("/api/v1/staff", w.as("street")...)
	require.Equal(t, []any{map[string]any{"body": "anning", "name": anning, "residents": 1.0, "entered": 1.0, "waiting": 2.0, "persons": 1.0, "risks": 1.0, "handovers": 1.0}},
		r.json["communities"])
	var logins []string
	for _, x := range r.json["staff"].([]any) {
		logins = append(logins, x.(map[string]any)["login"].(string))
	}
	require.ElementsMatch(t, []string{"anning", "li2"}, logins, "nor those of the other street, nor supervisors")
	require.NotContains(t, r.text, "永福里")
	_, h := w.session("li2")
	post := func(login, as string, body map[string]any, status int) {
		t.Helper()
		w.send(status, "POST", "/api/v1/staff/"+login+"/posting", body, w.as(as)...)
	}
	post("anning", "street", map[string]any{"bodies": []string{"yongfu"}}, 404)
	post("yongfu", "street", map[string]any{"bodies": []string{"anning"}}, 404)
	post("street", "street", map[string]any{"bodies": []string{"anning"}}, 404)
	post("anning", "street", map[string]any{"bodies": []string{}, "heir": "yongfu"}, 404)
	post("anning", "anning", map[string]any{"bodies": []string{}}, 403)
	require.Equal(t, 200, w.get("/residents/"+w.canary.String(), h...).status)
	post("li2", "street", map[string]any{"bodies": []string{}, "heir": "anning"}, 200)
	require.Equal(t, "/login", w.get("/", h...).header.Get("Location"), "who is sent elsewhere logs in again")
	require.Equal(t, 404, w.get("/residents/"+w.canary.String(), w.as("li2")...).status)
	post("li2", "east", map[string]any{"bodies": []string{"yongfu"}}, 200)
	require.Equal(t, 200, w.get("/residents/"+w.other.String(), w.as("li2")...).status, "lent to the other street")
	post("li2", "street", map[string]any{"bodies": []string{"anning"}}, 404)
	require.Positive(t, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'account.posting' AND who = '周主任' AND detail::text LIKE '%bodies%'`))
}

// headsOverColumns is true when each head of the page's tables of figures stands over
// its column.
const headsOverColumns = `[...document.querySelectorAll("table.figures")].every(t => [...t.tHead.rows[0].cells].every((c, i) =>
	Math.abs(c.getBoundingClientRect().left - t.tBodies[0].rows[0].cells[i].getBoundingClientRect().left) < 2))`

func TestBrowserReassigns(t *testing.T) {
	w := twoCommunities(t)
	w.posted("li2", "李二", store.Posting{}, "worker")
	b := newBrowser(t)
	b.enter(w.world, "street", "/staff")
	b.eventually(`document.querySelector(".figures tbody tr").textContent.includes("安宁里社区") && document.querySelectorAll(".colleague").length === 2`)
	b.eventually(`(document.body.id = "before") !== ""`) // the page that comes back has none
	b.do(chromedp.Click(chromedp.CSS(`form[action="/staff/li2/posting"] [name=body]`)), chromedp.Click(chromedp.CSS(`form[action="/staff/li2/posting"] button`)))
	b.eventually(`document.body.id !== "before" && document.querySelector('form[action="/staff/li2/posting"] [name=body]').checked && location.pathname === "/staff"`)
	require.True(t, evaluate[bool](b, headsOverColumns))
	b.shot(os.Getenv("HEJI_SCREENSHOT"))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM accounts WHERE login = 'li2' AND bodies = '{anning}'`))
	require.Empty(t, b.complaints())
}
