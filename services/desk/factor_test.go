package desk_test

import (
	"context"
	"html"
	"net/url"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"heji/services/access"
)

// A second factor is set up by its owner, with the password, and is in force when
// a code shows that the phone has it.
func TestSettingUpASecondFactor(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	secret, h := w.session("worker")
	post := func(step string, more ...string) reply {
		f := url.Values{"step": {step}, "csrf": {access.FormToken(secret)}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return w.do("POST", "/account/totp", f.Encode(), h...)
	}
	require.Equal(t, 422, post("begin", "password", "wrong").status)
	require.Equal(t, 422, post("confirm", "code", "123456").status, "nothing was begun")
	require.Equal(t, 303, post("begin", "password", goodPassword).status)
	page := w.get("/account", h...).text
	key, err := otp.NewKeyFromURL(html.UnescapeString(regexp.MustCompile(`otpauth://[^<]+`).FindString(page)))
	require.NoError(t, err)
	require.Equal(t, "worker", key.AccountName())
	require.Contains(t, page, key.Secret())
	require.Contains(t, page, `<svg class="qr"`)
	require.Zero(t, w.count(`SELECT count(*) FROM accounts WHERE totp_new LIKE '%' || $1 || '%'`, key.Secret()), "it is kept encrypted")
	require.Equal(t, 303, w.login("worker", goodPassword, "").status, "not in force yet")
	code := func(at time.Time) string {
		c, err := totp.GenerateCode(key.Secret(), at)
		require.NoError(t, err)
		return c
	}
	require.Equal(t, 422, post("confirm", "code", "000000").status)
	done := post("confirm", "code", code(today))
	require.Equal(t, 200, done.status)
	codes := regexp.MustCompile(`<code>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</code>`).FindAllStringSubmatch(done.text, -1)
	require.Len(t, codes, 10)
	require.NotContains(t, w.get("/account", h...).text, codes[0][1], "shown once")
	require.NotContains(t, w.get("/account", h...).text, key.Secret())

	require.Equal(t, 401, w.login("worker", goodPassword, "").status)
	require.Equal(t, 401, w.login("worker", goodPassword, code(today)).status, "the code that confirmed it was used")
	require.Equal(t, 303, w.login("worker", goodPassword, code(today.Add(30*time.Second))).status)
	require.Equal(t, 401, w.login("worker", "wrong", codes[0][1]).status)
	require.Equal(t, 303, w.login("worker", goodPassword, " "+codes[0][1][:9]+codes[0][1][10:]+" ").status, "a recovery code, dashes or not")
	require.Equal(t, 401, w.login("worker", goodPassword, codes[0][1]).status, "works once")
	require.Equal(t, 401, w.login("worker", goodPassword, "ABCD-EFGH-ABCD-EFGH").status)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'login.recovery' AND who = '李红'`))
	require.Contains(t, w.get("/account", h...).text, "9 个")

	require.Equal(t, 303, post("off", "password", goodPassword).status)
	require.Equal(t, 303, w.login("worker", goodPassword, "").status)
	require.Zero(t, w.count(`SELECT count(*) FROM account_codes`))
	// Resetting an account takes it away as well.
	require.Equal(t, 303, post("begin", "password", goodPassword).status)
	require.NoError(t, w.store.ResetAccount(context.Background(), "worker", hashed()))
	require.Zero(t, w.count(`SELECT count(*) FROM accounts WHERE totp || totp_new <> ''`))
	require.NotContains(t, w.log.String(), key.Secret())
}

func TestEndingOtherSessions(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	_, other := w.session("worker")
	_, stranger := w.session("steward")
	secret, h := w.session("worker")
	require.Contains(t, w.get("/account", h...).text, "退出其他登录")
	require.Equal(t, 303, w.do("POST", "/account/sessions", "csrf="+access.FormToken(secret), h...).status)
	require.Equal(t, "/login", w.get("/", other...).header.Get("Location"))
	require.Equal(t, 200, w.get("/", h...).status)
	require.Equal(t, 200, w.get("/", stranger...).status)
	require.NotContains(t, w.get("/account", h...).text, "退出其他登录")
}

func TestBrowserSetsUpASecondFactor(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	b := newBrowser(t)
	b.enter(w, "worker", "/account")
	b.do(chromedp.SendKeys(chromedp.CSS(`.factor [name=password]`), goodPassword+"\r"))
	b.eventually(`document.querySelector(".qr path") !== null && document.querySelector(".qr").getBoundingClientRect().width > 200`)
	b.shot(os.Getenv("HEJI_SCREENSHOT"))
	var sealed string
	require.NoError(t, w.db.QueryRow(context.Background(), `SELECT totp_new FROM accounts WHERE login = 'worker'`).Scan(&sealed))
	plain, err := w.ring.Open(sealed, "totp/worker")
	require.NoError(t, err)
	code, err := totp.GenerateCode(string(plain), today)
	require.NoError(t, err)
	b.do(chromedp.SendKeys(chromedp.CSS(`.factor [name=code]`), code+"\r"))
	b.eventually(`document.querySelectorAll(".codes li").length === 10`)
	require.Empty(t, b.complaints())
}
