package desk

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"heji/services/access"
	"heji/services/store"
)

// LoginBody is the page where people log in.
type LoginBody struct {
	Login   string
	Next    string       // where to go afterwards
	Wrong   string       // why it did not work
	Expired bool         // a form was sent after the session had ended
	Draft   []DraftField // what the form held
	Kept    string       // where the draft of that form goes on; a way in that carries no form leads there
	OIDC    bool         // people may log in at another server, too
	Out     bool         // somebody who came from there has logged out here
}

// DraftField is one box of a form that waits behind the login.
type DraftField struct{ Name, Value string }

// draftPrefix tells the boxes of the draft from those of the login.
const draftPrefix = "draft."

func draftOf(form url.Values) (out []DraftField) {
	for name, values := range form {
		if name == formField || name == "who" {
			continue
		}
		for _, v := range values {
			out = append(out, DraftField{name, v})
		}
	}
	slices.SortFunc(out, func(a, b DraftField) int { return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value) })
	return out
}

// showLogin shows the login page with a form token of its own: a stranger's page
// cannot log anybody in.
func (d *Desk) showLogin(w http.ResponseWriter, r *http.Request, status int, body LoginBody) {
	p := d.page(w, r, "")
	p.form = access.NewSecret()
	d.setSecret(w, r, loginCookie, p.form)
	body.OIDC = d.oidc != nil
	p.Title, p.Body = p.T("login.title"), body
	p.Switch = "/login?lang=" + string(p.L.Other())
	d.render(w, r, status, "login", p)
}

// loginPage answers GET /login.
func (d *Desk) loginPage(w http.ResponseWriter, r *http.Request) error {
	if must, err := d.accounts(r.Context()); err != nil || !must {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return err
	}
	if a := access.From(r.Context()); a.Known() {
		http.Redirect(w, r, firstPage(a), http.StatusSeeOther)
		return nil
	}
	d.showLogin(w, r, http.StatusOK, LoginBody{Next: backAddress(r.URL.Query().Get("next")), Out: d.oidc != nil && r.URL.Query().Has("out")})
	return nil
}

// loginPost answers POST /login. Whatever is wrong is said in one sentence that
// does not tell whether there is such an account.
func (d *Desk) loginPost(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	f := r.PostForm
	body := LoginBody{Login: strings.ToLower(strings.TrimSpace(f.Get("login"))), Next: backAddress(f.Get("next"))}
	for name, values := range f {
		if of, is := strings.CutPrefix(name, draftPrefix); is {
			for _, v := range values {
				body.Draft, body.Expired = append(body.Draft, DraftField{of, v}), true
			}
		}
	}
	slices.SortFunc(body.Draft, func(a, b DraftField) int { return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value) })
	l := pageLang(w, r)
	c, err := r.Cookie(d.cookieName(r, loginCookie))
	if err != nil || !access.Same(c.Value, f.Get(formField)) {
		body.Wrong = l.T("login.stale")
		d.showLogin(w, r, http.StatusForbidden, body)
		return nil
	}
	try, err := d.o.Store.TryLogin(r.Context(), body.Login, d.address(r))
	if errors.Is(err, store.ErrManyTries) {
		w.Header().Set("Retry-After", "900")
		body.Wrong = l.T("login.many")
		d.showLogin(w, r, http.StatusTooManyRequests, body)
		return nil
	}
	if err != nil {
		return err
	}
	// In this order always, so that every wrong answer takes as long.
	good := access.CheckPassword(try.Account.Password, f.Get("password"))
	step, recovery := int64(0), []byte(nil)
	if good && try.Account.TOTP != "" {
		if step, recovery, good, err = d.secondFactor(try.Account, f.Get("code")); err != nil {
			return err
		}
	}
	secret := access.NewSecret() // a new one always: none that was there before the login is good after it
	if good = good && !try.Refused; good {
		err = d.o.Store.Enter(r.Context(), try, access.HashSecret(secret), step, recovery)
		if good = !errors.Is(err, store.ErrNotFound); good && err != nil {
			return err
		}
	}
	if !good {
		if err := d.o.Store.NoteRefused(r.Context(), try); err != nil {
			return err
		}
		body.Wrong = l.T("login.wrong", "tries", store.MaxFailures, "minutes", int(store.FailurePause.Minutes()))
		d.showLogin(w, r, http.StatusUnauthorized, body)
		return nil
	}
	return d.entered(w, r, try.Account, secret, body)
}

// entered goes on where the new session begins. A draft goes on only in the
// hands that typed it.
func (d *Desk) entered(w http.ResponseWriter, r *http.Request, a store.Account, secret string, body LoginBody) error {
	var owner int64
	if old := d.sessionSecret(r); old != "" {
		hash := access.HashSecret(old)
		id, err := d.o.Store.SessionOf(r.Context(), hash)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		owner = id
		if err := d.o.Store.EndSession(r.Context(), hash); err != nil {
			return err
		}
	}
	d.setSecret(w, r, loginCookie, "")
	d.setSecret(w, r, sessionCookie, secret)
	switch {
	case a.MustChange:
		http.Redirect(w, r, "/account", http.StatusSeeOther)
	case len(body.Draft) > 0 && owner == a.ID:
		p := d.page(w, r, "")
		p.form = access.FormToken(secret)
		p.Title, p.Body = p.T("draft.title"), body
		p.Switch = "/?lang=" + string(p.L.Other())
		d.render(w, r, http.StatusOK, "draft", p)
	case len(body.Draft) > 0: // an address to send to is no page to look at
		http.Redirect(w, r, "/", http.StatusSeeOther)
	default:
		http.Redirect(w, r, body.Next, http.StatusSeeOther)
	}
	return nil
}

// logoutPost answers POST /logout.
func (d *Desk) logoutPost(w http.ResponseWriter, r *http.Request) error {
	to := "/login"
	if secret := d.sessionSecret(r); secret != "" {
		hash := access.HashSecret(secret)
		outside, err := d.o.Store.SessionOutside(r.Context(), hash)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if outside {
			to += "?out=1" // what the browser has there goes on
		}
		if err := d.o.Store.EndSession(r.Context(), hash); err != nil {
			return err
		}
	}
	d.setSecret(w, r, sessionCookie, "")
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// AccountBody is one's own account.
type AccountBody struct {
	Login, Name string
	Roles       []string
	MustChange  bool
	Wrong       string
	Done        bool
	Factor      Factor
	Sessions    []OpenSession
}

func (d *Desk) accountBody(r *http.Request, l Lang) (AccountBody, store.Account, error) {
	who := access.From(r.Context())
	if who.Account == 0 {
		return AccountBody{}, store.Account{}, store.ErrNotFound // nobody needs one yet
	}
	a, err := d.o.Store.Account(r.Context(), who.Login)
	b := AccountBody{Login: a.Login, Name: a.Name, MustChange: visitOf(r.Context()).changing}
	for _, role := range a.Roles {
		b.Roles = append(b.Roles, l.T("role."+role))
	}
	return b, a, err
}

// accountPage answers GET /account.
func (d *Desk) accountPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "account")
	b, a, err := d.accountBody(r, p.L)
	if err != nil {
		return err
	}
	if err := d.fillAccount(r, a, &b); err != nil {
		return err
	}
	b.Done = r.URL.Query().Get("done") != ""
	p.Title, p.Body = p.T("account.title"), b
	d.render(w, r, http.StatusOK, "account", p)
	return nil
}

// passwordPost answers POST /account/password: every other session of the
// account ends, and this one gets a new secret.
func (d *Desk) passwordPost(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	p := d.page(w, r, "account")
	b, a, err := d.accountBody(r, p.L)
	if err != nil {
		return err
	}
	// The old password is asked for as at the login: as often, and no oftener.
	try, err := d.o.Store.TryLogin(r.Context(), a.Login, d.address(r))
	if err != nil && !errors.Is(err, store.ErrManyTries) {
		return err
	}
	old, fresh := r.PostForm.Get("old"), r.PostForm.Get("new")
	good := access.CheckPassword(a.Password, old) && err == nil && !try.Refused
	bad := access.GoodPassword(a.Login, fresh)
	switch {
	case !good:
		b.Wrong = p.T("account.wrong", "tries", store.MaxFailures, "minutes", int(store.FailurePause.Minutes()))
	case fresh != r.PostForm.Get("again"):
		b.Wrong = p.T("account.different")
	case fresh == old:
		b.Wrong = p.T("account.same")
	case errors.Is(bad, access.ErrShort):
		b.Wrong = p.T("account.short")
	case errors.Is(bad, access.ErrSimple):
		b.Wrong = p.T("account.simple")
	case errors.Is(bad, access.ErrName):
		b.Wrong = p.T("account.name")
	}
	if good {
		if err := d.o.Store.Forgive(r.Context(), try); err != nil {
			return err
		}
	}
	if b.Wrong != "" {
		if err := d.fillAccount(r, a, &b); err != nil {
			return err
		}
		p.Title, p.Body = p.T("account.title"), b
		d.render(w, r, http.StatusUnprocessableEntity, "account", p)
		return nil
	}
	secret := access.NewSecret()
	if err := d.o.Store.SetPassword(r.Context(), a.Login, access.HashPassword(fresh), false, access.HashSecret(secret)); err != nil {
		return err
	}
	d.setSecret(w, r, sessionCookie, secret)
	to := "/account?done=1"
	if a.MustChange {
		to = firstPage(access.From(r.Context()))
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (d *Desk) routeLogin(mux *http.ServeMux) {
	for route, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /login":             d.loginPage,
		"POST /login":            d.loginPost,
		"GET /login/oidc":        d.oidcBegin,
		"GET /login/oidc/back":   d.oidcBack,
		"GET /login/oidc/out":    d.oidcOut,
		"POST /logout":           d.logoutPost,
		"GET /account":           d.accountPage,
		"POST /account/password": d.passwordPost,
		"POST /account/totp":     d.factorPost,
		"POST /account/sessions": d.sessionsPost,
	} {
		mux.HandleFunc(route, d.html(f))
	}
}

// postForms finds the forms that change something. What people entered is
// escaped, so that it never looks like one.
var postForms = regexp.MustCompile(`<form\b[^>]*\bmethod="post"[^>]*>`)

// withToken puts the token into every form of a page, so that none can be
// forgotten.
func withToken(html []byte, token string) []byte {
	if token == "" {
		return html
	}
	return postForms.ReplaceAll(html, []byte(`${0}<input type="hidden" name="`+formField+`" value="`+token+`">`))
}
