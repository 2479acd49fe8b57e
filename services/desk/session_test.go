package desk

import (
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhereARequestComesFrom(t *testing.T) {
	d := &Desk{o: Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, Public: &url.URL{Scheme: "https", Host: "heji.example"}}}
	for _, c := range []struct {
		remote, said, want string
		stranger           bool
	}{
		{"127.0.0.1:5", "", "127.0.0.1", false},
		{"127.0.0.1:5", "9.9.9.9", "127.0.0.1", false}, // this machine is no declared proxy
		{"10.0.0.7:5", "203.0.113.9", "203.0.113.9", false},
		{"10.0.0.7:5", "1.1.1.1, 203.0.113.9", "203.0.113.9", false}, // what came before is only said
		{"10.0.0.7:5", "203.0.113.9, 10.0.0.8", "203.0.113.9", false},
		{"10.0.0.7:5", "nonsense", "10.0.0.7", false},
		{"203.0.113.9:5", "127.0.0.1", "203.0.113.9", true},
		{"[::ffff:10.0.0.7]:5", "203.0.113.9", "203.0.113.9", false},
	} {
		r := httptest.NewRequest("GET", "http://heji.example/", nil)
		r.RemoteAddr = c.remote
		if c.said != "" {
			r.Header.Set("X-Forwarded-For", c.said)
		}
		require.Equal(t, c.want, d.address(r), c)
		require.Equal(t, c.stranger, d.plainStranger(r), c)
		require.True(t, d.secure(r))
		require.Equal(t, "__Host-session", d.cookieName(r, sessionCookie))
	}
	for host, known := range map[string]bool{"heji.example": true, "HEJI.example": true, "localhost:80": true, "evil.example": false, "heji.example:8443": false} {
		require.Equal(t, known, d.hostKnown(host), host)
	}
}
