package rest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"heji/connectors/internal/timefmt"
	"heji/connectors/spec"
)

// Sign is how requests are signed: who asks, when, a number used once, and a
// digest over what both sides know.
type Sign struct {
	AppID     string    `yaml:"app_id"`
	Secret    string    `yaml:"secret"`
	Algorithm string    `yaml:"algorithm"` // hmac-sha256 (default), hmac-sm3, sha256, sm3
	String    string    `yaml:"string"`    // what is signed, of {app_id} {timestamp} {nonce} {method} {path} {query} {params} {body} {body_hash} {secret}
	Place     string    `yaml:"place"`     // header (default) or query
	Encoding  string    `yaml:"encoding"`  // hex (default), HEX, base64
	Timestamp string    `yaml:"timestamp"` // unix_ms (default), unix, or a format of times
	Names     SignNames `yaml:"names"`
}

// SignNames are what the platform calls the four.
type SignNames struct {
	AppID     string `yaml:"app_id"`
	Timestamp string `yaml:"timestamp"`
	Nonce     string `yaml:"nonce"`
	Signature string `yaml:"signature"`
}

const defaultString = "{app_id}{timestamp}{nonce}{body}"

var ingredient = regexp.MustCompile(`\{([a-z_]+)\}`)

var ingredients = []string{"app_id", "timestamp", "nonce", "method", "path", "query", "params", "body", "body_hash", "secret"}

func (s *Sign) check(p *spec.Platform) error {
	set := func(to *string, what string) {
		if *to == "" {
			*to = what
		}
	}
	set(&s.Algorithm, "hmac-sha256")
	set(&s.String, defaultString)
	set(&s.Place, "header")
	set(&s.Encoding, "hex")
	set(&s.Timestamp, "unix_ms")
	if s.Place == "query" {
		set(&s.Names.AppID, "appId")
		set(&s.Names.Timestamp, "timestamp")
		set(&s.Names.Nonce, "nonce")
		set(&s.Names.Signature, "sign")
	} else {
		set(&s.Names.AppID, "X-App-Id")
		set(&s.Names.Timestamp, "X-Timestamp")
		set(&s.Names.Nonce, "X-Nonce")
		set(&s.Names.Signature, "X-Signature")
	}
	if s.AppID == "" || s.Secret == "" {
		return p.Errorf("connect.sign", "connect.sign needs app_id and secret. Write the secret as ${NAME}, never in the file.")
	}
	for _, of := range []struct {
		key, have string
		may       []string
	}{
		{"algorithm", s.Algorithm, []string{"hmac-sha256", "hmac-sm3", "sha256", "sm3"}},
		{"place", s.Place, []string{"header", "query"}},
		{"encoding", s.Encoding, []string{"hex", "HEX", "base64"}},
	} {
		if !slices.Contains(of.may, of.have) {
			return p.Errorf("connect.sign."+of.key, "connect.sign.%s must be one of %s.", of.key, strings.Join(of.may, ", "))
		}
	}
	used := map[string]bool{}
	for _, m := range ingredient.FindAllStringSubmatch(s.String, -1) {
		if used[m[1]] = true; !slices.Contains(ingredients, m[1]) {
			return p.Errorf("connect.sign.string", "connect.sign.string: there is no {%s}. Possible are {%s}.", m[1], strings.Join(ingredients, "} {"))
		}
	}
	keyed := strings.HasPrefix(s.Algorithm, "hmac-")
	covered := s.Place == "query" && (used["params"] || used["query"])
	switch {
	case !keyed && !used["secret"]:
		return p.Errorf("connect.sign.string", "connect.sign.string has no {secret}: with %s anybody could sign. Add it, or use hmac-%s.", s.Algorithm, s.Algorithm)
	case !covered && (!used["timestamp"] || !used["nonce"]):
		return p.Errorf("connect.sign.string", "connect.sign.string must hold {timestamp} and {nonce}: else a request could be sent again by whoever has seen it.")
	}
	return nil
}

// sign adds the signature to a request that is otherwise finished.
func (s *Sign) sign(req *http.Request, body []byte, now time.Time, zone *time.Location) {
	stamp, _ := timefmt.Format(now, s.Timestamp, "", zone)
	s.signWith(req, body, stamp, rand.Text())
}

func (s *Sign) signWith(req *http.Request, body []byte, stamp, nonce string) {
	query := req.URL.Query()
	put := req.Header.Set
	if s.Place == "query" {
		put = query.Set
	}
	put(s.Names.AppID, s.AppID)
	put(s.Names.Timestamp, stamp)
	put(s.Names.Nonce, nonce)
	sum := s.hash()
	sum.Write(body)
	parts := map[string]string{"app_id": s.AppID, "timestamp": stamp, "nonce": nonce, "method": req.Method, "path": req.URL.EscapedPath(),
		"query": query.Encode(), "params": params(query), "body": string(body), "body_hash": hex.EncodeToString(sum.Sum(nil)), "secret": s.Secret}
	text := ingredient.ReplaceAllStringFunc(s.String, func(m string) string { return parts[m[1:len(m)-1]] })
	put(s.Names.Signature, s.digest(text))
	if s.Place == "query" {
		req.URL.RawQuery = query.Encode()
	}
}

func (s *Sign) hash() hash.Hash {
	if strings.HasSuffix(s.Algorithm, "sm3") {
		return sm3.New()
	}
	return sha256.New()
}

func (s *Sign) digest(text string) string {
	h := s.hash()
	if strings.HasPrefix(s.Algorithm, "hmac-") {
		h = hmac.New(s.hash, []byte(s.Secret))
	}
	h.Write([]byte(text))
	sum := h.Sum(nil)
	switch s.Encoding {
	case "HEX":
		return strings.ToUpper(hex.EncodeToString(sum))
	case "base64":
		return base64.StdEncoding.EncodeToString(sum)
	}
	return hex.EncodeToString(sum)
}

// params are the query's parameters as plain text, in the order of their names.
func params(query url.Values) string {
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	var pairs []string
	for _, name := range names {
		for _, v := range query[name] {
			pairs = append(pairs, name+"="+v)
		}
	}
	return strings.Join(pairs, "&")
}
