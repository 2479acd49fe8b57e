package hub_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A platform that reads once an hour is read at once when it calls; a call that
// is not its own, made again, too long or about nobody changes nothing.
func TestAPlatformCalls(t *testing.T) {
	d := newDistrict(t, "cadence: 50ms", "cadence: 1h", "  overlap: 1h", "  overlap: 1h\n  webhook: {secret: hook-secret}")
	call := func(platform, secret, body, nonce string) int {
		stamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp + nonce + body))
		req, err := http.NewRequestWithContext(d.ctx, http.MethodPost, "http://"+d.hub.Addr()+"/hooks/"+platform, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("X-Timestamp", stamp)
		req.Header.Set("X-Nonce", nonce)
		req.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil)))
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		if nonce == "again" && res.StatusCode == http.StatusAccepted {
			again, err := http.NewRequestWithContext(d.ctx, http.MethodPost, req.URL.String(), strings.NewReader(body))
			require.NoError(t, err)
			again.Header = req.Header
			res, err := http.DefaultClient.Do(again)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			return res.StatusCode
		}
		return res.StatusCode
	}
	d.within("the first pass", func() bool { return d.clinic.requests() > 0 })
	item := `{"id": "C1", "name": "欧阳沐辰", "born": "1980-03-07", "changed": "2026-11-01T08:00:00+08:00"}`
	d.clinic.answer(list(item))
	require.Equal(t, http.StatusUnauthorized, call("clinic", "wrong", "{}", "a"))
	require.Equal(t, http.StatusNotFound, call("street", "hook-secret", "{}", "b"), "a folder is not called about")
	require.Equal(t, http.StatusNotFound, call("nobody", "hook-secret", "{}", "c"))
	require.Equal(t, http.StatusRequestEntityTooLarge, call("clinic", "hook-secret", strings.Repeat("x", 1<<17), "d"))
	require.Zero(t, d.clinic.requests(), "none of them woke anybody")
	require.Empty(t, d.keys("clinic"))

	require.Equal(t, http.StatusAccepted, call("clinic", "hook-secret", `{"id": "C9", "name": "假的"}`, "e"))
	d.shows("clinic", "C1")
	require.Equal(t, http.StatusConflict, call("clinic", "hook-secret", "{}", "again"))
	status, _ := d.get("/hooks/clinic")
	require.NotEqual(t, http.StatusAccepted, status)
}
