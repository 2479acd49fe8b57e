package hub

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"crypto/x509"
	"encoding/pem"

	"github.com/stretchr/testify/require"
)

// certificate is that of Go's own test server, in files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	c := s.TLS.Certificates[0]
	raw, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600))
	_, err = tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	return cert, key
}

func TestReachBeyondThisMachine(t *testing.T) {
	cert, key := certificate(t)
	for _, c := range []struct {
		listen string
		reach  Reach
		says   string // empty: allowed, as far as the settings go
	}{
		{"127.0.0.1:0", Reach{}, ""},
		{"localhost:0", Reach{}, ""},
		{"[::1]:0", Reach{URL: "https://heji.example"}, ""},
		{"0.0.0.0:0", Reach{}, "--tls-cert"},
		{":0", Reach{URL: "https://heji.example"}, "--tls-cert"},
		{"10.1.2.3:0", Reach{Proxies: []string{"10.0.0.0/24"}}, "--url"},
		{"10.1.2.3:0", Reach{Proxies: []string{"10.0.0.1"}, URL: "https://heji.example"}, ""},
		{"10.1.2.3:0", Reach{Cert: cert, Key: key, URL: "https://heji.example:8443"}, ""},
		{"10.1.2.3:0", Reach{Cert: cert, URL: "https://heji.example"}, "both"},
		{"10.1.2.3:0", Reach{Cert: key, Key: cert, URL: "https://heji.example"}, "--tls-cert"},
		{"127.0.0.1:0", Reach{URL: "http://heji.example"}, "--url"},
		{"127.0.0.1:0", Reach{URL: "https://heji.example/desk"}, "--url"},
		{"127.0.0.1:0", Reach{Proxies: []string{"everybody"}}, "--proxy"},
	} {
		_, _, err := c.reach.read(c.listen)
		if c.says == "" {
			require.NoError(t, err, c)
		} else {
			require.ErrorContains(t, err, c.says, c)
		}
	}
}
