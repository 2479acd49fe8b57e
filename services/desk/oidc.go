package desk

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"heji/services/access"
	"heji/services/store"
)

// Logging in at another server (OpenID Connect: authorization code with PKCE,
// state and nonce). It says who somebody is; what they may is the account's here.

// oidcCookie holds the secret of a login that is under way, and where it goes on.
// Only the browser that began can end it.
const oidcCookie = "oidc"

// maxNext is how long an address may be that is kept meanwhile.
const maxNext = 1024

// oidcReturn is where people come back to: at the address that they opened.
func (d *Desk) oidcReturn(r *http.Request, path string) string {
	scheme := "http://"
	if d.secure(r) {
		scheme = "https://"
	}
	return scheme + r.Host + path // guard let no other host through
}

// oidcBegin answers GET /login/oidc: on to the other server.
func (d *Desk) oidcBegin(w http.ResponseWriter, r *http.Request) error {
	if d.oidc == nil {
		return fail(http.StatusNotFound, "no_route")
	}
	secret, next := access.NewSecret(), backAddress(r.URL.Query().Get("next"))
	if len(next) > maxNext {
		next = "/"
	}
	to, err := d.oidc.Begin(r.Context(), secret, d.oidcReturn(r, "/login/oidc/back"))
	if err != nil {
		return d.oidcFailed(w, r, store.Try{}, LoginBody{Next: next}, err)
	}
	d.setSecret(w, r, oidcCookie, secret+"."+base64.RawURLEncoding.EncodeToString([]byte(next)))
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// underWay is the login that this browser began.
func (d *Desk) underWay(r *http.Request) (secret, next string) {
	c, err := r.Cookie(d.cookieName(r, oidcCookie))
	if err != nil {
		return "", "/"
	}
	secret, coded, _ := strings.Cut(c.Value, ".")
	raw, err := base64.RawURLEncoding.DecodeString(coded)
	if err != nil {
		return "", "/"
	}
	return secret, backAddress(string(raw))
}

// Why a login at the other server was refused here.
var (
	errOIDCStale   = errors.New("the state is not this browser's")
	errOIDCRefused = errors.New("the other server refused")
	errOIDCUnknown = errors.New("no account of that name may log in")
	errOIDCFactor  = errors.New("the account has a second factor here")
)

// oidcBack answers GET /login/oidc/back: somebody comes back.
func (d *Desk) oidcBack(w http.ResponseWriter, r *http.Request) error {
	if d.oidc == nil {
		return fail(http.StatusNotFound, "no_route")
	}
	secret, next := d.underWay(r)
	body := LoginBody{Next: next}
	d.setSecret(w, r, oidcCookie, "") // whatever comes of it
	// Counted by address, as at the login page; no account is, since nobody guesses
	// a password here.
	try, err := d.o.Store.TryLogin(r.Context(), "", d.address(r))
	if err != nil {
		return d.oidcFailed(w, r, try, body, err)
	}
	q := r.URL.Query()
	if secret == "" || !access.Same(q.Get("state"), access.OIDCState(secret)) {
		return d.oidcFailed(w, r, try, body, errOIDCStale)
	}
	if err := d.o.Store.TakeReturn(r.Context(), access.HashSecret(q.Get("state"))); err != nil {
		return d.oidcFailed(w, r, try, body, err)
	}
	if q.Get("code") == "" {
		return d.oidcFailed(w, r, try, body, errOIDCRefused)
	}
	login, err := d.oidc.End(r.Context(), secret, q.Get("code"), d.oidcReturn(r, "/login/oidc/back"))
	if err != nil {
		return d.oidcFailed(w, r, try, body, err)
	}
	a, err := d.o.Store.Account(r.Context(), login)
	if errors.Is(err, store.ErrNotFound) {
		err = errOIDCUnknown
	}
	if err == nil && a.TOTP != "" {
		err = errOIDCFactor
	}
	try.Account = a
	session := access.NewSecret()
	if err == nil {
		err = d.o.Store.EnterOutside(r.Context(), try, access.HashSecret(session))
		if errors.Is(err, store.ErrNotFound) {
			err = errOIDCUnknown
		}
	}
	if err != nil {
		return d.oidcFailed(w, r, try, body, err)
	}
	a.MustChange = false // no password was asked for
	return d.entered(w, r, a, session, body)
}

// oidcFailed shows the login page with what went wrong. The log has the reason
// for whoever looks after the machine; none of it names a person.
func (d *Desk) oidcFailed(w http.ResponseWriter, r *http.Request, try store.Try, body LoginBody, err error) error {
	status, say := http.StatusUnauthorized, ""
	switch {
	case errors.Is(err, store.ErrManyTries):
		w.Header().Set("Retry-After", "900")
		body.Wrong = pageLang(w, r).T("login.many")
		d.showLogin(w, r, http.StatusTooManyRequests, body)
		return nil
	case errors.Is(err, access.ErrOIDCDown):
		status, say = http.StatusServiceUnavailable, "login.oidc.down"
	case errors.Is(err, errOIDCStale), errors.Is(err, store.ErrUsed):
		say = "login.oidc.stale"
	case errors.Is(err, errOIDCRefused):
		say = "login.oidc.refused"
	case errors.Is(err, access.ErrOIDCToken):
		say = "login.oidc.token"
	case errors.Is(err, errOIDCUnknown):
		say = "login.oidc.unknown"
	case errors.Is(err, errOIDCFactor):
		say = "login.oidc.factor"
	default:
		return err
	}
	d.o.Logger.Warn("nobody was logged in by the OpenID Connect server", "error", err)
	note := d.o.Store.NoteRefused
	if status != http.StatusUnauthorized { // nobody's fault
		note = d.o.Store.Forgive
	}
	if err := note(r.Context(), try); err != nil {
		return err
	}
	body.Wrong = pageLang(w, r).T(say)
	d.showLogin(w, r, status, body)
	return nil
}

// oidcOut answers GET /login/oidc/out: the other server's own logout, where it
// has one.
func (d *Desk) oidcOut(w http.ResponseWriter, r *http.Request) error {
	if d.oidc == nil {
		return fail(http.StatusNotFound, "no_route")
	}
	to, err := d.oidc.Out(r.Context(), d.oidcReturn(r, "/login"))
	if err != nil {
		return d.oidcFailed(w, r, store.Try{}, LoginBody{Next: "/"}, err)
	}
	if to == "" {
		to = "/login"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
