package desk_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"heji/services/access"
)

// loginServer is a small OpenID Connect server over HTTP. Who stands in front of
// it has logged in there as person; spoil changes what its tokens claim.
type loginServer struct {
	*httptest.Server
	t      *testing.T
	key    *rsa.PrivateKey // of what it publishes
	signer *rsa.PrivateKey // of what it signs

	mu     sync.Mutex
	person string
	spoil  func(claims map[string]any)
	codes  map[string]url.Values // what was asked for with each code
}

var loginKeys = sync.OnceValue(func() (keys [2]*rsa.PrivateKey) {
	for i := range keys {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = k
	}
	return keys
})

func newLoginServer(t *testing.T) *loginServer {
	s := &loginServer{t: t, key: loginKeys()[0], signer: loginKeys()[0], person: "worker", codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, map[string]any{"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token",
			"jwks_uri": s.URL + "/keys", "end_session_endpoint": s.URL + "/end", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
			"n": base64.RawURLEncoding.EncodeToString(s.key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(s.key.E)).Bytes())}}})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("client_id") != "heji" || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || !strings.Contains(q.Get("scope"), "openid") {
			answer(w, 400, "what is asked for is no login")
			return
		}
		back := url.Values{"state": {q.Get("state")}}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.person == "" {
			back.Set("error", "access_denied")
		} else {
			code := access.NewSecret()
			s.codes[code] = q
			back.Set("code", code)
		}
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		id, secret, ok := r.BasicAuth()
		s.mu.Lock()
		defer s.mu.Unlock()
		asked, known := s.codes[r.FormValue("code")]
		delete(s.codes, r.FormValue("code")) // a code works once
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if !ok || id != "heji" || secret != "only-for-tests" || !known || r.FormValue("redirect_uri") != asked.Get("redirect_uri") ||
			base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") {
			answer(w, 400, map[string]string{"error": "invalid_grant"})
			return
		}
		claims := map[string]any{"iss": s.URL, "aud": "heji", "sub": "4711", "nonce": asked.Get("nonce"), "preferred_username": s.person,
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "roles": []string{"security", "steward"}}
		if s.spoil != nil {
			s.spoil(claims)
		}
		answer(w, 200, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": s.sign(claims)})
	})
	mux.HandleFunc("GET /end", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("post_logout_redirect_uri"), http.StatusSeeOther)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *loginServer) sign(claims map[string]any) string {
	coded := func(v any) string {
		raw, err := json.Marshal(v)
		require.NoError(s.t, err)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := coded(map[string]string{"alg": "RS256", "kid": "1"}) + "." + coded(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.signer, crypto.SHA256, sum[:])
	require.NoError(s.t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// outside is a world whose people may log in at a server.
func outside(t *testing.T) (*world, *loginServer) {
	w, s := newWorld(t), newLoginServer(t)
	w.everyone()
	w.options.OIDC = &access.OIDC{Issuer: s.URL, Client: "heji", Secret: "only-for-tests"}
	w.serve()
	return w, s
}

// away goes to the server and returns the address to which it sends back, and
// the cookie of the login that is under way.
func (w *world) away(next string) (back, cookies string) {
	w.t.Helper()
	begin := w.get("/login/oidc?next=" + url.QueryEscape(next))
	require.Equal(w.t, 303, begin.status, begin.text)
	resp, err := noRedirect.Get(begin.header.Get("Location"))
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	require.Equal(w.t, 303, resp.StatusCode)
	back, ok := strings.CutPrefix(resp.Header.Get("Location"), w.url)
	require.True(w.t, ok)
	return back, "oidc=" + cookie(begin, "oidc")
}

func TestOIDCLogin(t *testing.T) {
	w, s := outside(t)
	require.Contains(t, w.get("/login?next=/residents/new").text, `href="/login/oidc?next=%2fresidents%2fnew"`)
	w.exec(`UPDATE accounts SET must_change = true WHERE login = 'worker'`)
	back, cookies := w.away("/residents/new")
	r := w.get(back, "Cookie", cookies)
	require.Equal(t, 303, r.status, r.text)
	require.Equal(t, "/residents/new", r.header.Get("Location"), "who has no password here changes none")
	secret := cookie(r, "session")
	h := []string{"Cookie", "session=" + secret}
	require.Equal(t, 200, w.get("/residents/new", h...).status)
	require.Equal(t, 403, w.get("/accounts", h...).status, "the token's roles are nothing here")
	require.Equal(t, 403, w.get("/audit", h...).status)
	require.Equal(t, 200, w.get("/account", h...).status)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'login.outside' AND who = '李红'`))
	require.Zero(t, w.count(`SELECT count(*) FROM login_tries`))

	// Out here, and there as well for whoever wants it.
	out := w.do("POST", "/logout", "csrf="+access.FormToken(secret), "Cookie", "session="+secret)
	require.Equal(t, "/login?out=1", out.header.Get("Location"))
	require.Equal(t, "/login", strings.Split(w.get("/", h...).header.Get("Location"), "?")[0])
	require.Contains(t, w.get("/login?out=1").text, "/login/oidc/out")
	end, err := url.Parse(w.get("/login/oidc/out").header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, s.URL+"/end", end.Scheme+"://"+end.Host+end.Path)
	require.Equal(t, w.url+"/login", end.Query().Get("post_logout_redirect_uri"))

	// Another site's address is not where anybody goes on.
	back, cookies = w.away("//evil.example/")
	require.Equal(t, "/", w.get(back, "Cookie", cookies).header.Get("Location"))
	// A password works as ever.
	w.exec(`UPDATE accounts SET must_change = false`)
	require.Equal(t, 303, w.login("worker", goodPassword, "").status)
	require.NotContains(t, w.log.String(), "only-for-tests")
}

func TestOIDCRefuses(t *testing.T) {
	w, s := outside(t)
	claim := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	for name, c := range map[string]struct {
		person string
		spoil  func(map[string]any)
		sql    string // before
		says   string
	}{
		"another login's nonce": {"worker", claim("nonce", "of-another"), "", "凭证不对或者已过期"},
		"no nonce":              {"worker", func(c map[string]any) { delete(c, "nonce") }, "", "凭证不对或者已过期"},
		"for another client":    {"worker", claim("aud", "payroll"), "", "凭证不对或者已过期"},
		"of another server":     {"worker", claim("iss", "https://evil.example"), "", "凭证不对或者已过期"},
		"expired":               {"worker", claim("exp", time.Now().Add(-time.Minute).Unix()), "", "凭证不对或者已过期"},
		"names nobody":          {"worker", claim("preferred_username", 4711), "", "凭证不对或者已过期"},
		"unknown here":          {"nobody", nil, "", "没有对应的账号"},
		"locked":                {"worker", nil, `UPDATE accounts SET locked_at = now() WHERE login = 'worker'`, "账号已被锁"},
		"a second factor here":  {"steward", nil, `UPDATE accounts SET totp = 'sealed' WHERE login = 'steward'`, "动态码"},
		"not let in":            {"", nil, "", "没有完成"},
	} {
		s.person, s.spoil = c.person, c.spoil
		if c.sql != "" {
			w.exec(c.sql)
		}
		back, cookies := w.away("/")
		r := w.get(back, "Cookie", cookies)
		require.Equal(t, 401, r.status, name)
		require.Contains(t, r.text, c.says, name)
		require.Empty(t, cookie(r, "session"), name)
	}
	w.exec(`UPDATE accounts SET locked_at = NULL, totp = ''`)
	s.person, s.spoil = "worker", nil

	// Signed with a key that the server does not publish.
	s.signer = loginKeys()[1]
	back, cookies := w.away("/")
	require.Contains(t, w.get(back, "Cookie", cookies).text, "凭证不对或者已过期")
	s.signer = s.key

	// Another browser, no browser, another state: whoever sends somebody an address
	// logs nobody in.
	back, cookies = w.away("/")
	_, others := w.away("/")
	for _, theirs := range []string{others, "oidc=", "a=b"} {
		r := w.get(back, "Cookie", theirs)
		require.Equal(t, 401, r.status)
		require.Contains(t, r.text, "不是从这个页面开始的")
	}
	// Once only.
	require.Equal(t, 303, w.get(back, "Cookie", cookies).status)
	r := w.get(back, "Cookie", cookies)
	require.Equal(t, 401, r.status)
	require.Contains(t, r.text, "已经用过")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM sessions`))
	require.Equal(t, 15, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'login.refused'`))

	// As often as at the login page, and no oftener.
	w.exec(`INSERT INTO login_tries (address) SELECT '127.0.0.1' FROM generate_series(1, 30)`)
	back, cookies = w.away("/")
	require.Equal(t, 429, w.get(back, "Cookie", cookies).status)
	w.exec(`DELETE FROM login_tries`)

	// A server that is down is said, and is nobody's failed try.
	back, cookies = w.away("/")
	s.Close()
	r = w.get(back, "Cookie", cookies)
	require.Equal(t, 503, r.status)
	require.Contains(t, r.text, "连不上")
	require.Zero(t, w.count(`SELECT count(*) FROM login_tries`))
	w.serve() // a desk that has not reached it yet
	r = w.get("/login/oidc")
	require.Equal(t, 503, r.status)
	require.Contains(t, r.text, `name="password"`, "the password still works")
	require.Equal(t, 303, w.login("worker", goodPassword, "").status)
}

func TestOIDCIsOffUnlessConfigured(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	require.NotContains(t, w.get("/login").text, "oidc")
	for _, path := range []string{"/login/oidc", "/login/oidc/back", "/login/oidc/out"} {
		require.Equal(t, 404, w.get(path).status, path)
	}
}

func TestBrowserLogsInElsewhere(t *testing.T) {
	w, _ := outside(t)
	b := newBrowser(t)
	b.do(chromedp.Navigate(w.url+"/residents/new"), chromedp.WaitVisible(chromedp.CSS(`a[href^="/login/oidc"]`)))
	shoot(b, "oidc")
	b.do(chromedp.Click(chromedp.CSS(`a[href^="/login/oidc"]`)), chromedp.WaitVisible(chromedp.CSS(`[name=id_number]`)))
	b.do(chromedp.Click(chromedp.CSS(`.me button`)), chromedp.WaitVisible(chromedp.CSS(`a[href="/login/oidc/out"]`)))
	b.do(chromedp.Click(chromedp.CSS(`a[href="/login/oidc/out"]`)))
	b.eventually(`location.pathname === "/login" && location.search === "" && document.querySelector("[name=password]") !== null`)
	require.Empty(t, b.complaints())
}
