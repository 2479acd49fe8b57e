package access

import (
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
