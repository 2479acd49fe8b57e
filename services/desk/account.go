package desk

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"heji/services/access"
	"heji/services/store"
)

// One's own account: the second factor and the sessions. The password is in
// login_pages.go.

// totpAbout is what a sealed secret belongs to.
func totpAbout(login string) string { return "totp/" + login }

// sealTOTP encrypts a secret for the store.
func (d *Desk) sealTOTP(login, secret string) (string, error) {
	if d.o.Ring == nil {
		return "", errors.New("the desk has no keys to keep a second factor with")
	}
	return d.o.Ring.Seal([]byte(secret), totpAbout(login))
}

// openTOTP is the inverse of sealTOTP.
func (d *Desk) openTOTP(login, sealed string) (string, error) {
	if d.o.Ring == nil {
		return "", errors.New("the desk has no keys to read a second factor with")
	}
	plain, err := d.o.Ring.Open(sealed, totpAbout(login))
	return string(plain), err
}

// Factor is the second factor on the page of an account.
type Factor struct {
	On      bool
	Left    int      // recovery codes that were not used
	Secret  string   // of one that is being set up
	Address string   // for the authenticator program
	QR      QR       // the same as a picture
	Codes   []string // recovery codes, shown once
}

// OpenSession is one session of an account.
type OpenSession struct {
	Began, Seen time.Time
	This        bool
}

// fillAccount adds the second factor and the sessions.
func (d *Desk) fillAccount(r *http.Request, a store.Account, b *AccountBody) error {
	b.Factor.On = a.TOTP != ""
	var err error
	if b.Factor.Left, err = d.o.Store.CodesLeft(r.Context(), a.ID); err != nil {
		return err
	}
	if a.TOTPNew != "" && !b.Factor.On {
		if b.Factor.Secret, err = d.openTOTP(a.Login, a.TOTPNew); err != nil {
			return err
		}
		b.Factor.Address = access.TOTPAddress(a.Login, b.Factor.Secret)
		if b.Factor.QR, err = qrOf(b.Factor.Address); err != nil {
			return err
		}
	}
	list, err := d.o.Store.Sessions(r.Context(), a.ID)
	if err != nil {
		return err
	}
	own := access.From(r.Context()).Session
	for _, s := range list {
		b.Sessions = append(b.Sessions, OpenSession{Began: s.Began, Seen: s.Seen, This: access.SessionName(s.ID) == own})
	}
	return nil
}

// ownPassword asks for the password once more, as at the login: as often, and no
// oftener.
func (d *Desk) ownPassword(r *http.Request, a store.Account, password string) (bool, error) {
	try, err := d.o.Store.TryLogin(r.Context(), a.Login, d.address(r))
	if errors.Is(err, store.ErrManyTries) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !access.CheckPassword(a.Password, password) || try.Refused {
		return false, nil
	}
	return true, d.o.Store.Forgive(r.Context(), try)
}

// factorPost answers POST /account/totp: begin, confirm or off.
func (d *Desk) factorPost(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	p := d.page(w, r, "account")
	b, a, err := d.accountBody(r, p.L)
	if err != nil {
		return err
	}
	step := r.PostForm.Get("step")
	var codes []string
	switch step {
	case "begin", "off":
		good, err := d.ownPassword(r, a, r.PostForm.Get("password"))
		if err != nil {
			return err
		}
		switch {
		case !good:
			b.Wrong = p.T("account.wrong", "tries", store.MaxFailures, "minutes", int(store.FailurePause.Minutes()))
		case step == "off":
			err = d.o.Store.EndTOTP(r.Context(), a.ID)
		case a.TOTP == "":
			err = d.beginTOTP(r, a)
		}
		if err != nil {
			return err
		}
	case "confirm":
		if codes, err = d.confirmTOTP(r, a, r.PostForm.Get("code")); err != nil {
			return err
		}
		if codes == nil {
			b.Wrong = p.T("factor.wrong")
		}
	default:
		return fail(http.StatusUnprocessableEntity, "body")
	}
	if b.Wrong == "" && codes == nil {
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return nil
	}
	if a, err = d.o.Store.Account(r.Context(), a.Login); err != nil {
		return err
	}
	if err := d.fillAccount(r, a, &b); err != nil {
		return err
	}
	b.Factor.Codes = codes
	status := http.StatusOK
	if b.Wrong != "" {
		status = http.StatusUnprocessableEntity
	}
	p.Title, p.Body = p.T("account.title"), b
	d.render(w, r, status, "account", p)
	return nil
}

func (d *Desk) beginTOTP(r *http.Request, a store.Account) error {
	secret, _, err := access.NewTOTP(a.Login)
	if err != nil {
		return err
	}
	sealed, err := d.sealTOTP(a.Login, secret)
	if err != nil {
		return err
	}
	return d.o.Store.BeginTOTP(r.Context(), a.ID, sealed)
}

// confirmTOTP puts the second factor in force when a code shows that the program
// has it; nil where the code is wrong.
func (d *Desk) confirmTOTP(r *http.Request, a store.Account, code string) ([]string, error) {
	if a.TOTPNew == "" {
		return nil, nil
	}
	secret, err := d.openTOTP(a.Login, a.TOTPNew)
	if err != nil {
		return nil, err
	}
	step, ok := access.CheckTOTP(secret, strings.TrimSpace(code), 0, d.o.Today())
	if !ok {
		return nil, nil
	}
	codes := access.RecoveryCodes()
	hashes := make([][]byte, len(codes))
	for i, c := range codes {
		hashes[i] = access.HashSecret(access.PlainCode(c))
	}
	return codes, d.o.Store.ConfirmTOTP(r.Context(), a.ID, a.TOTPNew, step, hashes)
}

// secondFactor checks what was typed as the second factor at the login: a code of
// the program, or one of the recovery codes.
func (d *Desk) secondFactor(a store.Account, text string) (step int64, recovery []byte, ok bool, err error) {
	secret, err := d.openTOTP(a.Login, a.TOTP)
	if err != nil {
		return 0, nil, false, err
	}
	if step, ok = access.CheckTOTP(secret, strings.TrimSpace(text), a.TOTPStep, d.o.Today()); ok {
		return step, nil, true, nil
	}
	if plain := access.PlainCode(text); len(plain) == access.CodeLength {
		return 0, access.HashSecret(plain), true, nil // Enter finds out whether it is one
	}
	return 0, nil, false, nil
}

// sessionsPost answers POST /account/sessions: every other session ends.
func (d *Desk) sessionsPost(w http.ResponseWriter, r *http.Request) error {
	who := access.From(r.Context())
	if who.Account == 0 {
		return store.ErrNotFound
	}
	if err := d.o.Store.EndOtherSessions(r.Context(), who.Account, access.HashSecret(d.sessionSecret(r))); err != nil {
		return err
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}
