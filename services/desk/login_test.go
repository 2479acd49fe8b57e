package desk_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"heji/services/access"
	"heji/services/desk"
	"heji/services/store"
)

const goodPassword = "Kuai-le 2026"

var hashed = sync.OnceValue(func() string { return access.HashPassword(goodPassword) })

// account makes an account that sees everybody, whose password is goodPassword
// and need not be changed.
func (w *world) account(login, name string, roles ...string) {
	w.t.Helper()
	w.posted(login, name, store.Posting{Everywhere: true}, roles...)
}

// posted makes one that sees whom its posting says.
func (w *world) posted(login, name string, p store.Posting, roles ...string) {
	w.t.Helper()
	require.NoError(w.t, w.store.AddAccount(context.Background(),
		store.Account{Login: login, Name: name, Roles: roles, Password: hashed(), Posting: p}, "测试"))
	w.exec(`UPDATE accounts SET must_change = false WHERE login = $1`, login)
}

// everyone makes one account of each role, named like it.
func (w *world) everyone() {
	w.t.Helper()
	w.account("security", "安全员", "security")
	for i, r := range []string{"worker", "supervisor", "steward", "platform", "auditor"} {
		w.account(r, []string{"李红", "周主任", "赵数据", "钱运维", "孙审计"}[i], r)
	}
}

// session begins a session without the login page, and returns its headers.
func (w *world) session(login string) (secret string, headers []string) {
	w.t.Helper()
	secret = access.NewSecret()
	w.exec(`INSERT INTO sessions (id, account) SELECT $1, id FROM accounts WHERE login = $2`, access.HashSecret(secret), login)
	return secret, []string{"Cookie", "session=" + secret, "X-Csrf", access.FormToken(secret)}
}

var csrfBox = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// login goes through the page and returns its answer.
func (w *world) login(login, password, code string, more ...string) reply {
	w.t.Helper()
	page := w.get("/login")
	require.Equal(w.t, 200, page.status)
	form := url.Values{"login": {login}, "password": {password}, "code": {code}, "csrf": {csrfBox.FindStringSubmatch(page.text)[1]}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return w.do("POST", "/login", form.Encode(), "Cookie", "login="+cookie(page, "login"))
}

func cookie(r reply, name string) string {
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// Without an account the desk is as it was: nobody is asked who they are.
func TestSingleUser(t *testing.T) {
	w := newWorld(t)
	require.Contains(t, w.get("/").text, "单人模式")
	require.Equal(t, "/", w.get("/login").header.Get("Location"))
	require.Equal(t, 200, w.do("POST", "/api/v1/writes/stop", "{}").status)
	w.account("security", "安全员", "security")
	require.Equal(t, "/login", w.get("/").header.Get("Location"), "from the first account on")
	require.Equal(t, 401, w.get("/api/v1/platforms").status)
	require.NotContains(t, w.get("/login").text, "单人模式")
}

func TestLogin(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	r := w.login("Worker ", goodPassword, "")
	require.Equal(t, 303, r.status, r.text)
	require.Equal(t, "/", r.header.Get("Location"))
	raw := strings.Join(r.header.Values("Set-Cookie"), "\n")
	require.Regexp(t, `session=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax`, raw)
	secret := cookie(r, "session")
	require.Zero(t, w.count(`SELECT count(*) FROM sessions WHERE id = $1`, []byte(secret)), "only its hash is stored")
	home := w.get("/", "Cookie", "session="+secret)
	require.Equal(t, 200, home.status)
	require.Contains(t, home.text, "李红")
	require.Contains(t, home.text, "/residents/new")
	require.NotContains(t, home.text, `href="/accounts"`, "what the role may not is not offered")

	// Whoever the wrong one is, the answer is the same.
	unknown, wrong := w.login("nobody", goodPassword, ""), w.login("steward", "x", "")
	require.Equal(t, 401, unknown.status)
	require.Equal(t, 401, wrong.status)
	boxes := regexp.MustCompile(`(value|content)="[^"]*"`)
	require.Equal(t, boxes.ReplaceAllString(unknown.text, ""), boxes.ReplaceAllString(wrong.text, ""))

	// Out is out, on the server too.
	out := w.do("POST", "/logout", "csrf="+access.FormToken(secret), "Cookie", "session="+secret)
	require.Equal(t, "/login", out.header.Get("Location"))
	require.Equal(t, "/login", w.get("/", "Cookie", "session="+secret).header.Get("Location"))
	require.NotContains(t, w.log.String(), goodPassword)
	for did, n := range map[string]int{"account.add": 6, "login": 1, "login.refused": 2} {
		require.Equal(t, n, w.count(`SELECT count(*) FROM audit_notes WHERE did = $1`, did), did)
	}
	require.Equal(t, 1, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'read' AND what = 'list/home' AND who = '李红'`))
}

func TestNobodyFixesASession(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	theirs, _ := w.session("worker") // somebody else's, put into this browser
	page := w.get("/login")
	form := url.Values{"login": {"steward"}, "password": {goodPassword}, "csrf": {csrfBox.FindStringSubmatch(page.text)[1]}}.Encode()
	r := w.do("POST", "/login", form, "Cookie", "login="+cookie(page, "login")+"; session="+theirs)
	require.Equal(t, 303, r.status)
	require.NotEqual(t, theirs, cookie(r, "session"))
	require.Equal(t, "/login", w.get("/", "Cookie", "session="+theirs).header.Get("Location"))
	require.Equal(t, "/login", w.get("/", "Cookie", "session=made-up").header.Get("Location"))
	// A form of the login page without its cookie is a stranger's.
	require.Equal(t, 403, w.do("POST", "/login", form).status)
}

func TestTooManyWrongPasswords(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	for range store.MaxFailures {
		require.Equal(t, 401, w.login("worker", "wrong", "").status)
	}
	require.Equal(t, 401, w.login("worker", goodPassword, "").status, "paused, although right")
	require.Equal(t, 303, w.login("steward", goodPassword, "").status, "others are not")
	w.exec(`UPDATE accounts SET paused_until = now() - interval '1 second' WHERE login = 'worker'`)
	require.Equal(t, 303, w.login("worker", goodPassword, "").status)
	require.Zero(t, w.count(`SELECT failures FROM accounts WHERE login = 'worker'`))

	// At once counts as one after another.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			try, err := w.store.TryLogin(context.Background(), "steward", "10.0.0.9")
			if err == nil && !try.Refused {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.woken = append(w.woken, "tried")
			}
		})
	}
	wg.Wait()
	require.Equal(t, store.MaxFailures, w.wakes())

	w.exec(`DELETE FROM login_tries`)
	w.exec(`INSERT INTO login_tries (address) SELECT '127.0.0.1' FROM generate_series(1, $1)`, store.MaxTries)
	r := w.login("supervisor", goodPassword, "")
	require.Equal(t, 429, r.status)
	require.Equal(t, "900", r.header.Get("Retry-After"))
	w.exec(`UPDATE login_tries SET at = now() - interval '16 minutes'`)
	require.Equal(t, 303, w.login("supervisor", goodPassword, "").status)
}

func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	for _, end := range []string{
		`UPDATE sessions SET seen_at = now() - interval '31 minutes'`,
		`UPDATE sessions SET began_at = now() - interval '12 hours 1 second'`,
		`UPDATE accounts SET locked_at = now() WHERE login = 'worker'`,
	} {
		_, h := w.session("worker")
		require.Equal(t, 200, w.get("/", h...).status)
		w.exec(end)
		require.Equal(t, "/login", w.get("/", h...).header.Get("Location"), end)
	}
	require.NoError(t, w.store.UnlockAccount(context.Background(), "worker"))
	// Scripts that ask by themselves keep nobody logged in; pages do.
	_, h := w.session("worker")
	w.exec(`UPDATE sessions SET seen_at = now() - interval '20 minutes'`)
	require.Equal(t, 200, w.get("/api/v1/platforms", h...).status)
	fresh := `SELECT count(*) FROM sessions WHERE seen_at > now() - interval '1 minute'`
	require.Zero(t, w.count(fresh))
	require.Equal(t, 200, w.get("/", h...).status)
	require.Equal(t, 1, w.count(fresh))
	for _, change := range []func() error{
		func() error { return w.store.SetRoles(context.Background(), "worker", []string{"steward"}) },
		func() error { return w.store.ResetAccount(context.Background(), "worker", hashed()) },
		func() error { return w.store.LockAccount(context.Background(), "worker", "测试") },
	} {
		_, h := w.session("worker")
		require.NoError(t, change())
		require.Equal(t, 401, w.get("/api/v1/platforms", h...).status)
	}
}

func TestFirstChange(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	w.exec(`UPDATE accounts SET must_change = true WHERE login = 'worker'`)
	r := w.login("worker", goodPassword, "", "next", "/residents/new")
	require.Equal(t, "/account", r.header.Get("Location"))
	secret := cookie(r, "session")
	h := []string{"Cookie", "session=" + secret}
	require.Equal(t, "/account", w.get("/residents/new", h...).header.Get("Location"))
	require.Equal(t, 403, w.get("/api/v1/residents?q=x", h...).status)
	require.Contains(t, w.get("/account", h...).text, "第一次登录")
	post := func(old, fresh, again string) reply {
		return w.do("POST", "/account/password", url.Values{"old": {old}, "new": {fresh}, "again": {again}, "csrf": {access.FormToken(secret)}}.Encode(), h...)
	}
	for _, c := range [][3]string{{"x", "Nian-nian 2027", "Nian-nian 2027"}, {goodPassword, "Nian-nian 2027", "y"}, {goodPassword, goodPassword, goodPassword},
		{goodPassword, "short", "short"}, {goodPassword, "aaaaaaaaaaaa", "aaaaaaaaaaaa"}, {goodPassword, "Worker-2026-x", "Worker-2026-x"}} {
		require.Equal(t, 422, post(c[0], c[1], c[2]).status, c)
	}
	other, _ := w.session("worker")
	r = post(goodPassword, "Nian-nian 2027", "Nian-nian 2027")
	require.Equal(t, 303, r.status, r.text)
	require.NotEqual(t, secret, cookie(r, "session"))
	require.Equal(t, 200, w.get("/", "Cookie", "session="+cookie(r, "session")).status)
	for _, old := range []string{secret, other} {
		require.Equal(t, "/login", w.get("/", "Cookie", "session="+old).header.Get("Location"))
	}
	require.Equal(t, 401, w.login("worker", goodPassword, "").status)
	require.Equal(t, 303, w.login("worker", "Nian-nian 2027", "").status)
}

// 三员分立 is held by the data, whoever writes there.
func TestAdministratorsAreThree(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	add := func(login string, roles ...string) error {
		return w.store.AddAccount(ctx, store.Account{Login: login, Name: login, Roles: roles, Password: hashed()}, "测试")
	}
	require.ErrorIs(t, add("first", "worker"), store.ErrFirstAdmin)
	require.NoError(t, add("s1", "security"))
	require.NoError(t, add("p1", "platform"))
	require.NoError(t, add("a1", "auditor"))
	for _, two := range [][]string{{"security", "auditor"}, {"platform", "security"}, {"auditor", "platform"}, {"auditor", "worker"}, {"platform", "platform"}} {
		require.ErrorContains(t, add("both", two...), "三员分立")
		require.ErrorContains(t, w.store.SetRoles(ctx, "p1", two), "三员分立")
	}
	require.ErrorIs(t, add("s1", "worker"), store.ErrTaken)
	require.ErrorContains(t, add("S 1", "worker"), "a login is")
	for _, login := range []string{"s1", "p1", "a1"} {
		require.ErrorIs(t, w.store.LockAccount(ctx, login, "测试"), store.ErrLastAdmin)
		require.ErrorIs(t, w.store.SetRoles(ctx, login, []string{"worker"}), store.ErrLastAdmin)
		_, err := w.db.Exec(ctx, `DELETE FROM accounts WHERE login = $1`, login)
		require.Error(t, err)
	}
	require.NoError(t, add("s2", "security"))
	// Two who leave at once: one stays.
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, login := range []string{"s1", "s2"} {
		wg.Go(func() { errs[i] = w.store.LockAccount(ctx, login, "测试") })
	}
	wg.Wait()
	require.Equal(t, 1, w.count(`SELECT count(*) FROM accounts WHERE roles = '{security}' AND locked_at IS NULL`))
	require.True(t, (errs[0] == nil) != (errs[1] == nil))
	require.ErrorIs(t, w.store.LockAccount(ctx, "nobody", "测试"), store.ErrNotFound)
}

// address fills the places of a route.
func address(route string) (method, path string) {
	method, path, ok := strings.Cut(route, " ")
	if !ok {
		method, path = "GET", route+"nothing-here"
	}
	for place, value := range map[string]string{"{$}": "", "{platform}": "pension", "{key}": "P1", "{attribute}": "phone", "{request}": "r1"} {
		path = strings.ReplaceAll(path, place, value)
	}
	if strings.Contains(path, "/platforms/") {
		path = strings.ReplaceAll(path, "{id}", "pension")
	}
	path = regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "7e57ab1e-0000-4000-8000-000000000001")
	if path == "/static/" {
		path += "desk.css"
	}
	return method, path
}

// Every route and every role, from the table itself: allowed, or refused.
func TestEveryRouteForEveryRole(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	for route, need := range desk.Permissions {
		method, path := address(route)
		for _, role := range append([]access.Role{""}, access.Roles...) {
			var h []string
			body := ""
			if role != "" {
				_, h = w.session(string(role)) // a new one for each: one of the routes logs out
			}
			if method != "GET" && strings.HasPrefix(path, "/api/") {
				body = "{}"
			}
			r := w.do(method, path, body, h...)
			to := r.header.Get("Location")
			switch {
			case need == access.Open:
				require.NotContains(t, []int{401, 500}, r.status, route)
			case role == "" && strings.HasPrefix(path, "/api/"):
				require.Equal(t, 401, r.status, route)
				require.Equal(t, "urn:heji:problem:login", r.json["type"], route)
			case role == "" && method == "GET":
				require.Equal(t, 303, r.status, route)
				require.True(t, strings.HasPrefix(to, "/login"), route)
			case role == "":
				require.Equal(t, 401, r.status, route)
			case need == access.Self || access.May([]access.Role{role}, need):
				require.NotContains(t, []int{401, 403, 405, 500}, r.status, "%s may %s: %s", role, route, r.text)
				if route != "POST /logout" {
					require.False(t, strings.HasPrefix(to, "/login"), "%s %s", role, route)
				}
			case route == "GET /{$}":
				require.Equal(t, 303, r.status, role)
				require.Contains(t, []string{"/platforms", "/accounts", "/audit", "/account"}, to, role)
			default:
				require.Equal(t, 403, r.status, "%s must not %s: %s", role, route, r.text)
			}
		}
	}
	require.NotContains(t, w.log.String(), "no line in the table")
}

// What changes something by cookie brings the token of its own session.
func TestFormsOfOtherSessions(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	_, other := w.session("steward")
	for route, need := range desk.Permissions {
		method, path := address(route)
		if method == "GET" || need == access.Open {
			continue
		}
		role := slices.IndexFunc(access.Roles, func(r access.Role) bool { return need == access.Self || access.May([]access.Role{r}, need) })
		secret, _ := w.session(string(access.Roles[role]))
		for _, h := range [][]string{{}, {"X-Csrf", ""}, {"X-Csrf", other[3]}, {"X-Csrf", secret}} {
			r := w.do(method, path, "csrf=&who=x", append(h, "Cookie", "session="+secret)...)
			require.Equal(t, 403, r.status, route)
		}
	}
	require.Zero(t, w.count(`SELECT count(*) FROM settings WHERE name = 'writes_stopped' AND value = 'true'`))
}

// Whoever has logged in signs with their own name, whatever the request says.
func TestNobodySignsForAnother(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	id, _ := w.wang()
	_, h := w.session("worker")
	w.send(202, "PATCH", "/api/v1/residents/"+id.String(), map[string]any{"values": map[string]string{"phone": "13900002222"}, "who": "周主任"}, h...)
	require.Equal(t, 303, w.do("POST", "/residents/new", "name="+urlEscape("王芳")+"&who="+urlEscape("周主任")+"&step=save", h...).status)
	require.Equal(t, 2, w.count(`SELECT count(*) FROM desk_entries WHERE who = '李红'`))
	require.Equal(t, 2, w.count(`SELECT count(*) FROM desk_entries`))
}

// Every page of every role: the token in every form, nothing inline.
func TestPagesOfARole(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	x, y := w.twoOfThem()
	id := x
	for _, role := range access.Roles {
		for _, path := range []string{"/", "/?q=" + urlEscape("王建国"), "/residents/new", "/residents/" + id.String(), "/residents/" + id.String() + "/edit",
			"/platforms", "/reviews", "/reviews/" + x.String() + "/" + y.String(), "/risks", "/parcels", "/account", "/nowhere", "/login"} {
			secret, h := w.session(string(role))
			r := w.get(path, h...)
			require.NotContains(t, r.text, "style=")
			require.NotRegexp(t, `\son[a-z]+=`, r.text)
			require.Equal(t, strings.Count(r.text, "<script"), strings.Count(r.text, `<script src="/static/desk.js" defer></script>`))
			require.Equal(t, strings.Count(r.text, `method="post"`), strings.Count(r.text, `name="csrf" value="`+access.FormToken(secret)+`"`), "%s %s", role, path)
			require.NotContains(t, r.text, secret)
			require.Contains(t, r.header.Get("Content-Security-Policy"), "default-src 'none'")
		}
	}
}

func TestBrowserLogsIn(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	w.exec(`UPDATE accounts SET must_change = true WHERE login = 'worker'`)
	b := newBrowser(t)
	b.do(chromedp.Navigate(w.url+"/residents/new"), chromedp.WaitVisible(chromedp.CSS(`[name=login]`)))
	if name := os.Getenv("HEJI_SCREENSHOT"); name != "" {
		shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(name, shot, 0o600))
	}
	enter := func(password string) {
		b.do(chromedp.SetValue(chromedp.CSS(`[name=login]`), "worker"), chromedp.SendKeys(chromedp.CSS(`[name=password]`), password+"\r"))
	}
	enter("wrong")
	b.do(chromedp.WaitVisible(chromedp.CSS(`.notice.bad`)))
	enter(goodPassword)
	b.do(chromedp.WaitVisible(chromedp.CSS(`[name=old]`)), chromedp.SendKeys(chromedp.CSS(`[name=old]`), goodPassword),
		chromedp.SendKeys(chromedp.CSS(`[name=new]`), "Nian-nian 2027"), chromedp.SendKeys(chromedp.CSS(`[name=again]`), "Nian-nian 2027\r"))
	b.eventually(`location.pathname === "/" && document.querySelector(".me").textContent.includes("李红")`)

	// The session ends while somebody is typing: nothing is lost, nothing is saved unseen.
	b.do(chromedp.Navigate(w.url+"/residents/new"), chromedp.SendKeys(chromedp.CSS(`[name=name]`), "𠮷田秀英"),
		chromedp.SendKeys(chromedp.CSS(`[name=phone]`), "13900002222"))
	w.exec(`UPDATE sessions SET seen_at = now() - interval '31 minutes'`)
	b.do(chromedp.Click(chromedp.CSS(`.bar button`)), chromedp.WaitVisible(chromedp.CSS(`.notice.warn`)))
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`))
	enter("Nian-nian 2027")
	b.do(chromedp.WaitVisible(chromedp.CSS(`[data-focus]`)), chromedp.Click(chromedp.CSS(`[data-focus]`)))
	b.do(chromedp.WaitVisible(chromedp.CSS(`.changes`)), chromedp.Click(chromedp.CSS(`.bar button`)), chromedp.WaitVisible(chromedp.CSS(`[data-entry-poll]`)))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE who = '李红' AND record->'values' = '{"name": "𠮷田秀英", "phone": "13900002222"}'`))

	// Somebody else at the same machine does not get the draft.
	b.do(chromedp.Navigate(w.url+"/residents/new"), chromedp.SendKeys(chromedp.CSS(`[name=name]`), "王芳"))
	w.exec(`UPDATE sessions SET seen_at = now() - interval '31 minutes'`)
	b.do(chromedp.Click(chromedp.CSS(`.bar button`)), chromedp.WaitVisible(chromedp.CSS(`.notice.warn`)),
		chromedp.SetValue(chromedp.CSS(`[name=login]`), "steward"), chromedp.SendKeys(chromedp.CSS(`[name=password]`), goodPassword+"\r"))
	b.eventually(`location.pathname === "/" && document.querySelector(".me").textContent.includes("赵数据")`)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries`))
	b.do(chromedp.Click(chromedp.CSS(`.me button`)), chromedp.WaitVisible(chromedp.CSS(`[name=login]`)))
	for _, c := range b.complaints() {
		require.Contains(t, c, "401", "only the refusals of this test")
	}
}

// A program shows a token: what it may do is what the token says, on the API only.
func TestTokens(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	ctx := context.Background()
	make := func(name string, until time.Time, scopes ...string) []string {
		token := access.TokenPrefix + access.NewSecret()
		require.NoError(t, w.store.AddToken(ctx, store.Token{Name: name, Scopes: scopes, MadeBy: "安全员", Expires: until,
			Posting: store.Posting{Everywhere: true}}, access.HashSecret(token)))
		return []string{"Authorization", "Bearer " + token}
	}
	tomorrow := time.Now().Add(24 * time.Hour)
	for route, need := range desk.Permissions {
		method, path := address(route)
		if need == access.Open || need == access.Self {
			continue
		}
		with := make(route, tomorrow, string(need))
		other := access.See
		if need == access.See {
			other = access.Enter
		}
		without := make("no "+route, tomorrow, string(other))
		if !strings.HasPrefix(path, "/api/") {
			require.Contains(t, []int{303, 401}, w.do(method, path, "", with...).status, "a token opens no page: %s", route)
			continue
		}
		body := ""
		if method != "GET" {
			body = "{}"
		}
		require.NotContains(t, []int{401, 403, 405, 500}, w.do(method, path, body, with...).status, route)
		require.Equal(t, 403, w.do(method, path, body, without...).status, route)
	}
	over, good := make("over", time.Now().Add(-time.Second), "watch"), make("good", tomorrow, "watch", "enter")
	require.Equal(t, 401, w.get("/api/v1/platforms", over...).status)
	require.Equal(t, 200, w.get("/api/v1/platforms", good...).status)
	w.send(202, "POST", "/api/v1/residents", entry(map[string]string{"name": "王芳"}), good...)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE who = 'good'`), "it signs for itself alone")
	require.NoError(t, w.store.RevokeToken(ctx, "good", "安全员"))
	require.Equal(t, 401, w.get("/api/v1/platforms", good...).status)
	require.Equal(t, 401, w.get("/api/v1/platforms", "Authorization", "Bearer heji_made-up").status)
	require.ErrorIs(t, w.store.RevokeToken(ctx, "nobody", "x"), store.ErrNotFound)
}

func TestSecondFactorAtLogin(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	secret, _, err := access.NewTOTP("worker")
	require.NoError(t, err)
	sealed, err := w.ring.Seal([]byte(secret), "totp/worker")
	require.NoError(t, err)
	w.exec(`UPDATE accounts SET totp = $1 WHERE login = 'worker'`, sealed)
	code, err := totp.GenerateCode(secret, today)
	require.NoError(t, err)
	require.Equal(t, 401, w.login("worker", goodPassword, "").status)
	require.Equal(t, 401, w.login("worker", goodPassword, "000").status)
	require.Equal(t, 401, w.login("worker", "wrong", code).status)
	require.Equal(t, 303, w.login("worker", goodPassword, code).status)
	require.Equal(t, 401, w.login("worker", goodPassword, code).status, "a code works once")
}
