package district

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emmansun/gmsm/sm3"
)

// signature is the gateway of 居民医保: every request names who asks, when, and a
// number used once, and is signed over all of it with SM3.
type signature struct {
	app, secret string
	now         func() time.Time
	mu          sync.Mutex
	seen        map[string]time.Time // numbers used in the last minutes
}

// A request may be so old.
const signatureLife = 5 * time.Minute

func (s *signature) allows(r *http.Request) bool {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	stamp, nonce := r.Header.Get("X-Ca-Timestamp"), r.Header.Get("X-Ca-Nonce")
	millis, err := strconv.ParseInt(stamp, 10, 64)
	at, now := time.UnixMilli(millis), s.now()
	if err != nil || r.Header.Get("X-Ca-Key") != s.app || len(nonce) < 8 || now.Sub(at).Abs() > signatureLife {
		return false
	}
	if !hmac.Equal([]byte(r.Header.Get("X-Ca-Signature")), []byte(sign(s.secret, r.Method, r.URL, s.app, stamp, nonce, body))) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for old, when := range s.seen {
		if now.Sub(when) > 2*signatureLife {
			delete(s.seen, old)
		}
	}
	if _, again := s.seen[nonce]; again {
		return false
	}
	s.seen[nonce] = now
	return true
}

// sign is HMAC-SM3 in hexadecimal over the lines that the gateway's handbook
// names.
func sign(secret, method string, u *url.URL, app, stamp, nonce string, body []byte) string {
	var pairs []string
	for name, values := range u.Query() {
		for _, v := range values {
			pairs = append(pairs, name+"="+v)
		}
	}
	slices.Sort(pairs)
	h := hmac.New(sm3.New, []byte(secret))
	h.Write([]byte(strings.Join([]string{method, u.EscapedPath(), strings.Join(pairs, "&"), app, stamp, nonce, string(body)}, "\n")))
	return hex.EncodeToString(h.Sum(nil))
}

// tokens gives access to whoever knows a client's secret, for a while at a time.
type tokens struct {
	client, secret string
	life           time.Duration
	now            func() time.Time
	mu             sync.Mutex
	given          map[string]time.Time // token → its end
}

func (t *tokens) allows(r *http.Request) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	end, ok := t.given[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	return ok && t.now().Before(end)
}

// give answers the client-credentials grant of RFC 6749.
func (t *tokens) give(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok || id != t.client || secret != t.secret || r.FormValue("grant_type") != "client_credentials" {
		writeReply(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	token := rand.Text()
	t.mu.Lock()
	t.given[token] = t.now().Add(t.life)
	t.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	writeReply(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(t.life.Seconds())})
}
