package main

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A hub on another machine is asked over TLS, with a token that nobody can read
// on the way.
func TestHubOverTLS(t *testing.T) {
	var asked []string
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/writes/stop", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(`{"stopped": true}`))
	})
	mux.HandleFunc("GET /api/v1/platforms", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /elsewhere", func(http.ResponseWriter, *http.Request) { asked = append(asked, "redirected") })
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	t.Setenv("HEJI_TOKEN", "heji_test")
	stop := &writesCommand{Action: "stop", Listen: server.URL + "/"}
	require.ErrorContains(t, stop.Run(t.Context()), "certificate", "who it is has to be known")
	require.Empty(t, asked)

	file := filepath.Join(t.TempDir(), "ca.pem")
	t.Setenv("HEJI_CA", file)
	require.ErrorContains(t, stop.Run(t.Context()), "HEJI_CA")
	require.NoError(t, os.WriteFile(file, []byte("nothing"), 0o600))
	require.ErrorContains(t, stop.Run(t.Context()), "no certificate in PEM")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	require.NoError(t, stop.Run(t.Context()))
	require.Equal(t, []string{"Bearer heji_test"}, asked)
	_, err := hubAddress{Listen: server.URL}.reach(t.Context(), "/api/v1/platforms")
	require.ErrorContains(t, err, "303")
	require.Len(t, asked, 1)

	for _, open := range []string{"http://heji.example", "heji.example:8080", "http://192.0.2.7:8080"} {
		require.ErrorContains(t, (&writesCommand{Action: "stop", Listen: open}).Run(t.Context()), "not encrypted", open)
	}
}
