package rest

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"heji/connectors"
	"heji/connectors/internal/timefmt"
	"heji/connectors/spec"
)

// Webhook is how the platform signs its calls to the hub.
type Webhook struct {
	Secret    string        `yaml:"secret"`
	Algorithm string        `yaml:"algorithm"` // hmac-sha256 (default) or hmac-sm3
	String    string        `yaml:"string"`    // of {timestamp} {nonce} {method} {path} {body} {body_hash}; default {timestamp}{nonce}{body}
	Encoding  string        `yaml:"encoding"`  // hex (default) or base64
	Timestamp string        `yaml:"timestamp"` // unix_ms (default), unix, or a format of times
	Names     SignNames     `yaml:"names"`     // of the headers
	Tolerance spec.Duration `yaml:"tolerance"` // how far its clock may be from ours; default 5m
}

func (h *Webhook) check(p *spec.Platform) error {
	def(&h.Algorithm, "hmac-sha256")
	def(&h.String, "{timestamp}{nonce}{body}")
	def(&h.Encoding, "hex")
	def(&h.Timestamp, "unix_ms")
	def(&h.Names.Timestamp, "X-Timestamp")
	def(&h.Names.Nonce, "X-Nonce")
	def(&h.Names.Signature, "X-Signature")
	if h.Tolerance == 0 {
		h.Tolerance = spec.Duration(5 * time.Minute)
	}
	switch {
	case h.Secret == "":
		return p.Errorf("connect.webhook", "connect.webhook.secret is missing: what the platform signs its calls with. Write it as ${NAME}, never in the file.")
	case h.Algorithm != "hmac-sha256" && h.Algorithm != "hmac-sm3":
		return p.Errorf("connect.webhook.algorithm", "connect.webhook.algorithm must be hmac-sha256 or hmac-sm3.")
	case h.Encoding != "hex" && h.Encoding != "base64":
		return p.Errorf("connect.webhook.encoding", "connect.webhook.encoding must be hex or base64.")
	case !strings.Contains(h.String, "{timestamp}"):
		return p.Errorf("connect.webhook.string", "connect.webhook.string must hold {timestamp}: else a call could be made again by whoever has seen it.")
	}
	for _, m := range ingredient.FindAllStringSubmatch(h.String, -1) {
		if !slices.Contains([]string{"timestamp", "nonce", "method", "path", "body", "body_hash"}, m[1]) {
			return p.Errorf("connect.webhook.string", "connect.webhook.string: there is no {%s}. Possible are {timestamp} {nonce} {method} {path} {body} {body_hash}.", m[1])
		}
	}
	return nil
}

// maxCalls bounds what is remembered of calls: signed ones only, within the
// tolerance.
const maxCalls = 10000

// calls are the calls that were made within the tolerance.
type calls struct {
	mu   sync.Mutex
	made map[string]time.Time // signature → when it may be forgotten
}

// add notes a call; false where it was made before, or where there are so many
// that nobody could tell.
func (c *calls) add(signature string, now, until time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, again := c.made[signature]; again {
		return false
	}
	if len(c.made) >= maxCalls {
		for s, at := range c.made {
			if now.After(at) {
				delete(c.made, s)
			}
		}
		if len(c.made) >= maxCalls {
			return false
		}
	}
	if c.made == nil {
		c.made = map[string]time.Time{}
	}
	c.made[signature] = until
	return true
}

// Hook checks a call of the platform: its signature, that its time is now, and
// that it was not made before.
func (r *reader) Hook(req *http.Request, body []byte) error {
	h := r.settings.Webhook
	if h == nil {
		return connectors.ErrNoHook
	}
	stamp := req.Header.Get(h.Names.Timestamp)
	at, ok := timefmt.Parse(stamp, h.Timestamp, r.zone)
	now := r.now()
	if !ok || now.Sub(at).Abs() > h.Tolerance.D() {
		return connectors.ErrSignature
	}
	s := Sign{Algorithm: h.Algorithm, Secret: h.Secret}
	sum := s.hash()
	sum.Write(body)
	parts := map[string]string{"timestamp": stamp, "nonce": req.Header.Get(h.Names.Nonce), "method": req.Method, "path": req.URL.EscapedPath(),
		"body": string(body), "body_hash": hex.EncodeToString(sum.Sum(nil))}
	text := ingredient.ReplaceAllStringFunc(h.String, func(m string) string { return parts[m[1:len(m)-1]] })
	mac := hmac.New(s.hash, []byte(h.Secret))
	mac.Write([]byte(text))
	want := mac.Sum(nil)
	var have []byte
	var err error
	if h.Encoding == "base64" {
		have, err = base64.StdEncoding.DecodeString(req.Header.Get(h.Names.Signature))
	} else {
		have, err = hex.DecodeString(req.Header.Get(h.Names.Signature))
	}
	if err != nil || !hmac.Equal(have, want) {
		return connectors.ErrSignature
	}
	if !r.calls.add(string(want), now, at.Add(2*h.Tolerance.D())) {
		return connectors.ErrReplay
	}
	return nil
}
