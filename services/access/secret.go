package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// TokenPrefix begins every program's token, so that one that was left somewhere
// is recognised.
const TokenPrefix = "heji_"

// NewSecret makes what a cookie or a program holds: 256 bits of chance.
func NewSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// HashSecret is what is stored of a secret. It needs no salt and no cost: nobody
// guesses 256 bits.
func HashSecret(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// SessionName names a session where it is spoken of; it opens nothing.
func SessionName(hash []byte) string { return hex.EncodeToString(hash[:6]) }

// FormToken is what every form of a session carries: another site can send the
// cookie and cannot know it.
func FormToken(session string) string {
	h := sha256.Sum256([]byte("form\x00" + session))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// Same compares in constant time. Nothing is the same as nothing.
func Same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// Bearer reads a program's token from an Authorization header.
func Bearer(header string) (string, bool) {
	kind, token, ok := strings.Cut(strings.TrimSpace(header), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(kind, "bearer") && strings.HasPrefix(strings.TrimSpace(token), TokenPrefix)
}
