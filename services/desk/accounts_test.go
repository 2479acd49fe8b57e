package desk_test

import (
	"encoding/csv"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"heji/services/access"
	"heji/services/crypt"
)

// The security administrator makes accounts, says whom they see, and locks them.
func TestAccountsPage(t *testing.T) {
	w := twoCommunities(t)
	secret, h := w.session("security")
	post := func(path string, more ...string) reply {
		f := url.Values{"csrf": {access.FormToken(secret)}}
		for i := 0; i < len(more); i += 2 {
			f.Add(more[i], more[i+1])
		}
		return w.do("POST", path, f.Encode(), h...)
	}
	r := post("/accounts", "login", "wang", "name", "王芳", "role", "worker", "body", "anning", "domain", "civil_affairs")
	require.Equal(t, 200, r.status, r.text)
	first := regexp.MustCompile(`data-password>([^<]+)<`).FindStringSubmatch(r.text)[1]
	require.NotContains(t, w.get("/accounts", h...).text, first, "shown once")
	require.Equal(t, "/account", w.login("wang", first, "").header.Get("Location"), "a new password first")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM accounts WHERE login = 'wang' AND bodies = '{anning}' AND domains = '{civil_affairs}' AND created_by = '安全员'`))
	for _, bad := range [][]string{
		{"login", "wang", "name", "别人", "role", "worker"},
		{"login", "w3", "name", "王芳", "role", "worker"},
		{"login", "W 3", "name", "甲", "role", "worker"},
		{"login", "w3", "name", "", "role", "worker"},
		{"login", "w3", "name", "甲"},
		{"login", "w3", "name", "甲", "role", "auditor", "role", "platform"},
		{"login", "w3", "name", "甲", "role", "worker", "body", "nowhere"},
		{"login", "w3", "name", "甲", "role", "worker", "body", "anning", "everywhere", "1"},
	} {
		require.Contains(t, []int{409, 422}, post("/accounts", bad...).status, bad)
	}
	require.Equal(t, 303, post("/accounts/wang/posting", "body", "yongfu").status)
	require.Equal(t, 303, post("/accounts/wang/roles", "role", "steward").status)
	require.Equal(t, 303, post("/accounts/wang/lock").status)
	require.Equal(t, 401, w.login("wang", first, "").status)
	require.Equal(t, 303, post("/accounts/wang/unlock").status)
	again := regexp.MustCompile(`data-password>([^<]+)<`).FindStringSubmatch(post("/accounts/wang/reset").text)[1]
	require.Equal(t, 401, w.login("wang", first, "").status)
	require.Equal(t, 303, w.login("wang", again, "").status)
	require.Equal(t, 409, post("/accounts/security/lock").status, "the last of them stays")
	// A program does the same.
	for _, does := range []string{"lock", "unlock", "reset", "roles", "posting"} {
		r := w.send(200, "POST", "/api/v1/accounts/wang/"+does, map[string]any{"roles": []string{"worker"}, "bodies": []string{"anning"}}, h...)
		require.Equal(t, does == "reset", r.json["first_password"] != nil, does)
	}
	require.Equal(t, 1, w.count(`SELECT count(*) FROM accounts WHERE login = 'wang' AND roles = '{worker}' AND bodies = '{anning}' AND locked_at IS NULL AND must_change`))
	require.Equal(t, 404, post("/accounts/absent/lock").status)
	require.Equal(t, "/accounts", w.get("/", h...).header.Get("Location"), "where a security administrator begins")
	require.Equal(t, "/audit", w.get("/", w.as("auditor")...).header.Get("Location"))

	made := w.send(201, "POST", "/api/v1/accounts", map[string]any{"login": "prog", "name": "新人", "roles": []string{"worker"}, "everywhere": true}, h...)
	require.Equal(t, 303, w.login("prog", made.json["first_password"].(string), "").status)
	list := w.get("/api/v1/accounts", h...)
	require.Contains(t, list.text, `"first_password"`)
	require.NotContains(t, list.text, "argon2")
	for _, did := range []string{"account.add", "account.posting", "account.roles", "account.lock", "account.unlock", "account.reset"} {
		require.Positive(t, w.count(`SELECT count(*) FROM audit_notes WHERE did = $1 AND who = '安全员'`, did), did)
	}
}

// The auditor reads the trail, narrows it, and takes it away as a file.
func TestAuditPage(t *testing.T) {
	w := twoCommunities(t)
	w.exec(`INSERT INTO audit_notes (who, did, what, platform, why) SELECT '李红', 'read', 'resident/' || n, '', '' FROM generate_series(1, 150) n`)
	w.exec(`INSERT INTO audit_notes (who, did, what, why) VALUES ('=cmd()', 'risk.stop', 'risk/1', '家属来电')`)
	w.exec(`INSERT INTO audit_notes (who, did, what, platform) VALUES ('别人', 'platform.step', '', 'sealed')`)
	for {
		n, _, err := w.store.AppendAudit(t.Context(), crypt.International, 1000)
		require.NoError(t, err)
		if n == 0 {
			break
		}
	}
	h := w.as("auditor")
	page := w.get("/audit", h...)
	require.Equal(t, 200, page.status)
	require.Contains(t, page.text, "家属来电")
	require.Contains(t, page.text, "拦下重大变更")
	require.NotContains(t, page.text, "sealed")
	require.Equal(t, 99, strings.Count(page.text, "<tr><td>"), "a hundred rows, one of them sealed")
	older := w.get(strings.ReplaceAll(regexp.MustCompile(`/audit\?before=\d+`).FindString(page.text), "&amp;", "&"), h...)
	require.Contains(t, older.text, "新建账号")
	require.Equal(t, 1, strings.Count(w.get("/audit?did=risk", h...).text, "<tr><td>"))
	require.Contains(t, w.get("/audit?who="+urlEscape("李红")+"&what=resident/7", h...).text, "resident/7")
	require.Zero(t, strings.Count(w.get("/audit?from=2099-01-01", h...).text, "<tr><td>"))
	require.Equal(t, 400, w.get("/audit?from=yesterday", h...).status)
	file := w.get("/audit/export?did=risk", h...)
	require.Contains(t, file.header.Get("Content-Disposition"), ".csv")
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(file.text, "\ufeff"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Equal(t, "'=cmd()", rows[1][3], "no formula")
	whole, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(w.get("/audit/export", h...).text, "\ufeff"))).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(whole), 150)
	require.Equal(t, 2, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'audit.export' AND who = '孙审计'`))
	require.Equal(t, 403, w.get("/audit", w.as("security")...).status)
	require.Equal(t, 403, w.get("/audit/export", w.as("steward")...).status)
}

func TestBrowserAccountsAndAudit(t *testing.T) {
	w := twoCommunities(t)
	b := newBrowser(t)
	b.enter(w.world, "security", "/accounts")
	b.do(chromedp.Click(chromedp.CSS(`.add summary`)), chromedp.SendKeys(chromedp.CSS(`.add [name=login]`), "wang"), chromedp.SendKeys(chromedp.CSS(`.add [name=name]`), "王芳"),
		chromedp.Click(chromedp.CSS(`.add [value=worker]`)), chromedp.Click(chromedp.CSS(`.add [value=anning]`)), chromedp.Click(chromedp.CSS(`.add button`)))
	b.eventually(`document.querySelector("[data-password]") !== null`)
	b.shot(os.Getenv("HEJI_SCREENSHOT"))
	// The page of accounts has a field "login" as well: only the next page has this.
	b.do(chromedp.Click(chromedp.CSS(`.me button`)), chromedp.WaitVisible(chromedp.CSS(`[name=password]`)))
	_, _, err := w.store.AppendAudit(t.Context(), crypt.International, 1000)
	require.NoError(t, err)
	b.enter(w.world, "auditor", "/audit")
	b.eventually(`document.querySelector(".audit tbody").textContent.includes("新建账号")`)
	require.True(t, evaluate[bool](b, headsOverColumns))
	if name := os.Getenv("HEJI_SCREENSHOT"); name != "" {
		b.shot(name + ".audit.png")
	}
	require.Empty(t, b.complaints())
}
