package desk

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"heji/services/access"
	"heji/services/audit"
	"heji/services/store"
)

const (
	sessionCookie = "session"
	loginCookie   = "login" // what the form of the login page must carry
	formField     = "csrf"
	formHeader    = "X-Csrf"
)

// visit is what a request brings beside who it comes from.
type visit struct {
	form     string // what every form must carry; empty: nothing
	posting  store.Posting
	changing bool // a new password first
}

type visitKey struct{}

func visitOf(ctx context.Context) visit {
	v, _ := ctx.Value(visitKey{}).(visit)
	return v
}

// accounts reports whether anybody must log in. Accounts are never removed, so
// that once true is true for ever.
func (d *Desk) accounts(ctx context.Context) (bool, error) {
	if d.closed.Load() {
		return true, nil
	}
	has, err := d.o.Store.HasAccounts(ctx)
	if has {
		d.closed.Store(true)
	}
	return has, err
}

// admit decides whether a request may reach its route. While there is no account
// every request of this machine may: the desk has one user. It returns the
// request with its actor, or nil after it has answered itself.
func (d *Desk) admit(w http.ResponseWriter, r *http.Request, route string) *http.Request {
	if route == "GET /static/" {
		return r // the same for everybody, and the page that says what is wrong needs it
	}
	must, err := d.accounts(r.Context())
	if err != nil {
		d.answer(w, r, d.failureOf(r, err))
		return nil
	}
	if !must {
		return r
	}
	need, listed := permissions[route]
	if !listed {
		d.o.Logger.Error("a route has no line in the table of permissions, so that nobody may use it", "route", route)
		d.refuse(w, r, http.StatusForbidden, "forbidden")
		return nil
	}
	actor, v, changing, err := d.identify(r)
	if err != nil {
		d.answer(w, r, d.failureOf(r, err))
		return nil
	}
	ctx := context.WithValue(access.With(r.Context(), actor), visitKey{}, v)
	if actor.Known() {
		ctx = audit.With(ctx, actor.Name)
	}
	sight, limited, err := d.o.Store.SightFor(ctx, v.posting, d.o.Today())
	if err != nil {
		d.answer(w, r, d.failureOf(r, err))
		return nil
	}
	if limited {
		ctx = store.WithSight(ctx, sight)
	}
	r = r.WithContext(ctx)
	switch {
	case need == access.Open:
		return r
	case !actor.Known():
		d.loginFirst(w, r)
		return nil
	case changing && need != access.Self:
		if strings.HasPrefix(r.URL.Path, "/api/") {
			d.refuse(w, r, http.StatusForbidden, "must_change")
			return nil
		}
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return nil
	case !actor.May(need):
		if route == "GET /{$}" { // everybody's first page is one that they may see
			http.Redirect(w, r, firstPage(actor), http.StatusSeeOther)
			return nil
		}
		d.refuse(w, r, http.StatusForbidden, "forbidden")
		return nil
	}
	if v.form != "" && !harmless(r.Method) {
		if err := readForm(r); err != nil {
			d.answer(w, r, d.failureOf(r, err))
			return nil
		}
		if !access.Same(formToken(r), v.form) {
			dropForm(r)
			d.refuse(w, r, http.StatusForbidden, "form")
			return nil
		}
	}
	return sign(r, actor)
}

// answer writes a failure in the form that the address expects.
func (d *Desk) answer(w http.ResponseWriter, r *http.Request, f *failure) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		writeProblem(w, apiLang(r), f)
		return
	}
	d.errorPage(w, r, f)
}

// identify finds out who a request comes from: a program by its token, a person
// by the session. What is not good is nobody. changing: a new password first.
func (d *Desk) identify(r *http.Request) (a access.Actor, v visit, changing bool, err error) {
	if r.Header.Get("Authorization") != "" {
		token, ok := access.Bearer(r.Header.Get("Authorization"))
		if !ok || !strings.HasPrefix(r.URL.Path, "/api/") {
			return a, v, false, nil
		}
		t, err := d.o.Store.TokenOf(r.Context(), access.HashSecret(token))
		if errors.Is(err, store.ErrNotFound) {
			return a, v, false, nil
		}
		scopes, _ := access.ParseScopes(t.Scopes) // a scope that is no more gives nothing
		return access.Actor{Name: t.Name, Token: t.ID, Scopes: scopes}, visit{posting: t.Posting}, false, err
	}
	secret := d.sessionSecret(r)
	if secret == "" {
		return a, v, false, nil
	}
	hash := access.HashSecret(secret)
	// Scripts ask by themselves: that nobody is there must not be hidden by them.
	acc, err := d.o.Store.Session(r.Context(), hash, !strings.HasPrefix(r.URL.Path, "/api/"))
	if errors.Is(err, store.ErrNotFound) {
		return a, v, false, nil
	}
	if err != nil {
		return a, v, false, err
	}
	roles, err := access.ParseRoles(acc.Roles)
	if err != nil {
		return a, v, false, err
	}
	acc.Everywhere = acc.Everywhere || access.SeesEverybody(roles)
	return access.Actor{Name: acc.Name, Login: acc.Login, Account: acc.ID, Roles: roles, Session: access.SessionName(hash)},
		visit{form: access.FormToken(secret), posting: acc.Posting, changing: acc.MustChange}, acc.MustChange, nil
}

// secure reports whether the browser reaches us by TLS, ours or the declared
// proxy's.
func (d *Desk) secure(r *http.Request) bool {
	return r.TLS != nil || d.o.Public != nil && d.o.Public.Scheme == "https" && !loopback(r.Host)
}

// cookieName takes the prefix that binds a cookie to this host where TLS allows.
func (d *Desk) cookieName(r *http.Request, name string) string {
	if d.secure(r) {
		return "__Host-" + name
	}
	return name
}

func (d *Desk) sessionSecret(r *http.Request) string {
	c, err := r.Cookie(d.cookieName(r, sessionCookie))
	if err != nil || len(c.Value) > 64 {
		return ""
	}
	return c.Value
}

// setSecret leaves a cookie until the browser is closed; "" takes it away.
func (d *Desk) setSecret(w http.ResponseWriter, r *http.Request, name, value string) {
	c := &http.Cookie{Name: d.cookieName(r, name), Value: value, Path: "/", HttpOnly: true, Secure: d.secure(r), SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// hostKnown reports whether a Host header names the desk: this machine for
// itself, or the address that was declared.
func (d *Desk) hostKnown(host string) bool {
	return loopback(host) || d.o.Public != nil && strings.EqualFold(host, d.o.Public.Host)
}

// address is where a request comes from. What a declared proxy says of it is
// believed; what anybody else says is not.
func (d *Desk) address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(chain) - 1; i >= 0 && d.isProxy(host); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(chain[i]))
		if err != nil {
			break
		}
		host = next.Unmap().String()
	}
	return host
}

func (d *Desk) isProxy(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, p := range d.o.Proxies {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

// plainStranger reports whether a request came without TLS from beyond this
// machine and past the declared proxies: a password would lie open.
func (d *Desk) plainStranger(r *http.Request) bool {
	if r.TLS != nil {
		return false
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.Unmap().IsLoopback() && !d.isProxy(host)
}

func harmless(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// readForm reads the body of a form; of anything else nothing.
func readForm(r *http.Request) error {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") && r.Header.Get(formHeader) == "" {
		if err := r.ParseMultipartForm(8 << 20); err != nil { // the rest goes to the disk
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				return err
			}
			return fail(http.StatusBadRequest, "body")
		}
		return nil
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return r.ParseForm()
	}
	return nil
}

// dropForm gives back the files of a form that nobody will read.
func dropForm(r *http.Request) {
	if r.MultipartForm != nil {
		_ = r.MultipartForm.RemoveAll() // of the system's own temporary folder
	}
}

// formToken is what a request brings to show that it comes from one of our pages.
func formToken(r *http.Request) string {
	if h := r.Header.Get(formHeader); h != "" {
		return h
	}
	return r.PostForm.Get(formField)
}

// sign puts the actor's name wherever a request says in whose name it acts:
// whoever has logged in cannot sign as somebody else. It is done here, once, for
// every route; decode does it for JSON.
func sign(r *http.Request, a access.Actor) *http.Request {
	if r.PostForm != nil {
		r.PostForm.Set("who", a.Name)
		r.Form.Set("who", a.Name)
		r.PostForm.Del(formField)
		r.Form.Del(formField)
	}
	if r.MultipartForm != nil {
		r.MultipartForm.Value["who"] = []string{a.Name}
		delete(r.MultipartForm.Value, formField)
	}
	if harmless(r.Method) {
		return r
	}
	u := *r.URL
	q := u.Query()
	q.Set("who", a.Name)
	u.RawQuery = q.Encode()
	out := r.WithContext(r.Context())
	out.URL = &u
	return out
}

// signBody does what sign does for a JSON body that has been read.
func signBody(ctx context.Context, into any) {
	a := access.From(ctx)
	v := reflect.ValueOf(into)
	if !a.Known() || v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return
	}
	if f := v.Elem().FieldByName("Who"); f.IsValid() && f.CanSet() && f.Kind() == reflect.String {
		f.SetString(a.Name)
	}
}

// firstPage is where somebody begins.
func firstPage(a access.Actor) string {
	for _, page := range []string{"/", "/audit", "/accounts", "/platforms"} {
		route := "GET " + page
		if page == "/" {
			route = "GET /{$}"
		}
		if a.May(permissions[route]) {
			return page
		}
	}
	return "/account"
}

// loginFirst answers a request of nobody.
func (d *Desk) loginFirst(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		w.Header().Set("WWW-Authenticate", `Bearer realm="heji"`)
		d.refuse(w, r, http.StatusUnauthorized, "login")
		return
	}
	if harmless(r.Method) {
		to := "/login"
		if r.URL.Path != "/" || r.URL.RawQuery != "" {
			to += "?next=" + url.QueryEscape(r.URL.RequestURI())
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	// A session that expired over a form: what was typed goes on behind the login.
	body := LoginBody{Next: "/"}
	if owner, err := d.o.Store.SessionOf(r.Context(), access.HashSecret(d.sessionSecret(r))); err == nil && owner != 0 {
		if readForm(r) == nil && r.MultipartForm == nil && r.URL.Path != "/logout" {
			kept, err := d.keepExpired(r, owner, d.sessionSecret(r))
			if err != nil {
				d.answer(w, r, d.failureOf(r, err))
				return
			}
			if body.Expired, body.Kept = true, kept; r.URL.Path == "/drafts" {
				w.Header().Set("Draft-Kept", strconv.FormatBool(kept != ""))
				body.Next = cmp.Or(kept, "/")
			} else {
				body.Next, body.Draft = r.URL.RequestURI(), draftOf(r.PostForm)
			}
		}
		dropForm(r)
	}
	d.showLogin(w, r, http.StatusUnauthorized, body)
}
