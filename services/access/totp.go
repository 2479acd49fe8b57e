package access

import (
	"crypto/rand"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

const (
	totpPeriod = 30
	totpSkew   = 1 // steps that a clock may be off
)

// NewTOTP makes the secret of a second factor, and the address that an
// authenticator program takes.
func NewTOTP(login string) (secret, address string, err error) {
	k, err := totp.Generate(totp.GenerateOpts{Issuer: "Heji", AccountName: login, Period: totpPeriod})
	if err != nil {
		return "", "", err
	}
	return k.Secret(), k.URL(), nil
}

// CheckTOTP returns the step that a code belongs to. A code works once: its step
// must be later than the last one that was used.
func CheckTOTP(secret, code string, last int64, now time.Time) (step int64, ok bool) {
	current := now.Unix() / totpPeriod
	for step := current - totpSkew; step <= current+totpSkew; step++ {
		good, err := totp.ValidateCustom(code, secret, time.Unix(step*totpPeriod, 0),
			totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && good && step > last {
			return step, true
		}
	}
	return 0, false
}

// TOTPAddress is the address of a secret that an authenticator program takes.
func TOTPAddress(login, secret string) string {
	q := url.Values{"secret": {secret}, "issuer": {"Heji"}, "period": {strconv.Itoa(totpPeriod)}, "digits": {"6"}, "algorithm": {"SHA1"}}
	return "otpauth://totp/" + url.PathEscape("Heji:"+login) + "?" + q.Encode()
}

// Recovery codes let somebody in who has lost the second factor; each works once.
const (
	recoveryCodes = 10
	CodeLength    = 16 // characters of a code without its dashes: 80 bits
)

// RecoveryCodes makes new ones, as they are written down: ABCD-EFGH-….
func RecoveryCodes() []string {
	out := make([]string, recoveryCodes)
	for i := range out {
		text := rand.Text()[:CodeLength] // base32: five bits each
		out[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
	}
	return out
}

// PlainCode is a recovery code as it is compared.
func PlainCode(typed string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToUpper(strings.TrimSpace(typed)))
}
