package district

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"github.com/stretchr/testify/require"
)

// The example of GB/T 32905-2016, and a signature worked out with openssl 3
// (openssl mac -digest SM3 -macopt key:geheim HMAC).
func TestSignatures(t *testing.T) {
	t.Parallel()
	sum := sm3.Sum([]byte("abc"))
	require.Equal(t, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0", hex.EncodeToString(sum[:]))
	u, err := url.Parse("http://x/insu/persons?limit=5&certno=1")
	require.NoError(t, err)
	require.Equal(t, "f7d0acb6c4b823bae2725c3dc61c72db8376dd799edc9b71b04e25adea169743", sign("geheim", "GET", u, "heji", "1700000000000", "n0nc3n0nc3", nil))
}

func TestASignatureIsGoodOnceAndForAWhile(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	gate := &signature{app: "heji", secret: "geheim", now: func() time.Time { return now }, seen: map[string]time.Time{}}
	ask := func(nonce, secret string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x/a?b=c", strings.NewReader("body"))
		require.NoError(t, err)
		stamp := "1795161600000"
		r.Header.Set("X-Ca-Key", "heji")
		r.Header.Set("X-Ca-Timestamp", stamp)
		r.Header.Set("X-Ca-Nonce", nonce)
		r.Header.Set("X-Ca-Signature", sign(secret, r.Method, r.URL, "heji", stamp, nonce, []byte("body")))
		return r
	}
	require.True(t, gate.allows(ask("nonce-0001", "geheim")))
	require.False(t, gate.allows(ask("nonce-0001", "geheim")), "once")
	require.False(t, gate.allows(ask("nonce-0002", "another")))
	now = now.Add(signatureLife + time.Second)
	require.False(t, gate.allows(ask("nonce-0003", "geheim")), "too old")
}
