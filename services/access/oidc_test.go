package access

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadOIDC(t *testing.T) {
	o, err := ReadOIDC("", "", "", DefaultClaim)
	require.NoError(t, err)
	require.Nil(t, o, "nothing is configured")
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("from the file\n"), 0o600))
	t.Setenv("HEJI_OIDC_SECRET", "from the environment")
	o, err = ReadOIDC("https://login.example/realms/city", "heji", "", "")
	require.NoError(t, err)
	require.Equal(t, &OIDC{Issuer: "https://login.example/realms/city", Client: "heji", Secret: "from the environment", Claim: DefaultClaim}, o)
	o, err = ReadOIDC("http://127.0.0.1:9000", "heji", file, "uid")
	require.NoError(t, err)
	require.Equal(t, "from the file", o.Secret)
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, c := range []struct{ issuer, client, file, says string }{
		{"http://login.example", "heji", "", "--oidc-issuer"}, // anybody on the way could answer
		{"login.example", "heji", "", "--oidc-issuer"},
		{"https://u:p@login.example", "heji", "", "--oidc-issuer"},
		{"", "heji", "", "--oidc-issuer"},
		{"https://login.example", "", "", "--oidc-client"},
		{"https://login.example", "heji", filepath.Join(t.TempDir(), "nowhere"), "--oidc-secret-file"},
		{"https://login.example", "heji", empty, "is empty"},
	} {
		_, err := ReadOIDC(c.issuer, c.client, c.file, "")
		require.ErrorContains(t, err, c.says, c)
	}
}
