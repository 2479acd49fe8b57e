package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/crypto/argon2"
)

// The cost of one check: RFC 9106 advises these where memory is scarce. What is
// stored names its own, so that they can be raised.
const (
	argonMemory  = 64 << 10 // KiB
	argonTime    = 3
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
)

// working bounds how many passwords are worked on at once: each takes 64 MiB, so
// that a flood of wrong ones would take the machine.
var working = make(chan struct{}, 2)

// HashPassword makes what is stored of a password.
func HashPassword(password string) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the program instead
	return encode(salt, derive(password, salt, argonTime, argonMemory, argonThreads, argonKey), argonTime, argonMemory, argonThreads)
}

func derive(password string, salt []byte, t, m uint32, p uint8, length uint32) []byte {
	working <- struct{}{}
	defer func() { <-working }()
	return argon2.IDKey([]byte(password), salt, t, m, p, length)
}

func encode(salt, key []byte, t, m uint32, p uint8) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, m, t, p, b.EncodeToString(salt), b.EncodeToString(key))
}

// nobody stands in for an account that does not exist: the answer takes as long.
var nobody = encode(make([]byte, argonSalt), make([]byte, argonKey), argonTime, argonMemory, argonThreads)

// CheckPassword reports whether the password is the stored one. Nothing stored:
// no, after the same time.
func CheckPassword(stored, password string) bool {
	if stored == "" {
		stored = nobody
	}
	part := strings.Split(stored, "$")
	if len(part) != 6 || part[1] != "argon2id" {
		return false
	}
	var version int
	var m, t uint32
	var p uint8
	if _, err := fmt.Sscanf(part[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &m, &t, &p); err != nil || t == 0 || p == 0 || m > 1<<20 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(part[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(part[5])
	if err != nil || len(want) < argonKey {
		return false
	}
	got := derive(password, salt, t, m, p, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}

// What is wrong with a new password.
var (
	ErrShort  = errors.New("a password has at least 10 characters, and at most 200")
	ErrSimple = errors.New("a password has three of: small letters, capitals, digits, other characters; or at least 16 characters")
	ErrName   = errors.New("a password does not hold the account's own name")
)

// GoodPassword says what is wrong with a new password of an account.
func GoodPassword(login, password string) error {
	n := len([]rune(password))
	if n < 10 || n > 200 {
		return ErrShort
	}
	var lower, upper, digit, other int
	seen := map[rune]bool{}
	for _, r := range password {
		seen[r] = true
		switch {
		case unicode.IsLower(r):
			lower = 1
		case unicode.IsUpper(r):
			upper = 1
		case unicode.IsDigit(r):
			digit = 1
		default:
			other = 1
		}
	}
	if lower+upper+digit+other < 3 && n < 16 || len(seen) < 5 {
		return ErrSimple
	}
	if strings.Contains(strings.ToLower(password), strings.ToLower(login)) {
		return ErrName
	}
	return nil
}

// FirstPassword makes a password that is said once and changed at the first login.
func FirstPassword() string {
	t := strings.ToLower(rand.Text())
	return t[:5] + "-" + t[5:10] + "-" + t[10:15] + "-" + t[15:20]
}
