package rest

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/conformance"
	"heji/connectors/spec"
)

// hookCall is a call as a platform makes it: SM3 by the standard, see sm3sum.
func hookCall(at time.Time, nonce, body, secret string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/hooks/clinic", bytes.NewReader([]byte(body)))
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	r.Header.Set("X-Timestamp", stamp)
	r.Header.Set("X-Nonce", nonce)
	r.Header.Set("X-Signature", hmacSM3([]byte(secret), []byte(stamp+nonce+body)))
	return r
}

func TestHook(t *testing.T) {
	c := newClinic(t, cursors)
	yaml := strings.Replace(c.yaml(), "connect:\n", "connect:\n  webhook: {secret: \"${TOKEN}\", algorithm: hmac-sm3}\n", 1)
	h := connect(t, yaml).(connectors.Hooked)
	now := time.Now()
	call := func(r *http.Request, body string) error { return h.Hook(r, []byte(body)) }

	require.NoError(t, call(hookCall(now, "n1", "{}", conformance.Secret), "{}"))
	require.ErrorIs(t, call(hookCall(now, "n1", "{}", conformance.Secret), "{}"), connectors.ErrReplay)
	require.NoError(t, call(hookCall(now, "n2", "{}", conformance.Secret), "{}"), "another nonce is another call")
	require.ErrorIs(t, call(hookCall(now, "n3", "{}", "wrong"), "{}"), connectors.ErrSignature)
	require.ErrorIs(t, call(hookCall(now, "n4", "{}", conformance.Secret), "{ }"), connectors.ErrSignature, "the body is signed")
	require.ErrorIs(t, call(hookCall(now.Add(-6*time.Minute), "n5", "{}", conformance.Secret), "{}"), connectors.ErrSignature, "too old")
	require.ErrorIs(t, call(hookCall(now.Add(6*time.Minute), "n6", "{}", conformance.Secret), "{}"), connectors.ErrSignature, "from the future")
	upper := hookCall(now, "n7", "{}", conformance.Secret)
	upper.Header.Set("X-Signature", strings.ToUpper(upper.Header.Get("X-Signature")))
	require.NoError(t, call(upper, "{}"))
	require.ErrorIs(t, call(httptest.NewRequest(http.MethodPost, "/hooks/clinic", nil), ""), connectors.ErrSignature)
	require.ErrorIs(t, connect(t, c.yaml()).(connectors.Hooked).Hook(hookCall(now, "n8", "", conformance.Secret), nil), connectors.ErrNoHook)

	for bad, says := range map[string]string{
		`{algorithm: hmac-sm3}`:                   "secret is missing",
		`{secret: "${TOKEN}", algorithm: sm3}`:    "must be hmac-sha256 or hmac-sm3",
		`{secret: "${TOKEN}", string: "{body}"}`:  "must hold {timestamp}",
		`{secret: "${TOKEN}", string: "{stamp}"}`: "must hold {timestamp}",
	} {
		p, err := spec.Parse("platform.yaml", []byte(strings.Replace(c.yaml(), "connect:\n", "connect:\n  webhook: "+bad+"\n", 1)), env)
		require.NoError(t, err)
		_, err = load(p)
		require.ErrorContains(t, err, says)
	}
}

// What is remembered of calls is bounded, and forgotten in time.
func TestCallsAreForgotten(t *testing.T) {
	var c calls
	now := time.Now()
	for n := range maxCalls {
		require.True(t, c.add(strconv.Itoa(n), now, now.Add(time.Minute)))
	}
	require.False(t, c.add("one more", now, now.Add(time.Minute)), "nobody could tell whether it was made before")
	require.True(t, c.add("one more", now.Add(2*time.Minute), now.Add(3*time.Minute)))
	require.Len(t, c.made, 1)
}
