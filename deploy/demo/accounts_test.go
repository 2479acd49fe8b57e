package demo

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/deploy/demo/population"
	"heji/services/access"
	"heji/services/embedded"
	"heji/services/hub"
	"heji/services/store"
)

// One account of each role, printed with its first password; a later run gives
// first passwords again. The demo itself enters with a token.
func TestAccountsOfTheDemo(t *testing.T) {
	require.NoError(t, withEngines(tempFolder(t), func(ctx context.Context, e *embedded.Engines) error {
		require.NoError(t, e.Postgres.CreateDatabase(ctx, "accounts", "", ""))
		st, err := store.Open(ctx, e.Postgres.DSN("accounts"), 2)
		require.NoError(t, err)
		defer st.Close()
		var out strings.Builder
		d := &demo{hub: &hub.Hub{Store: st}, people: population.Generate(testResidents, testSeed), o: Options{Out: &out}}
		require.NoError(t, d.bodies(ctx))
		for range 2 {
			out.Reset()
			require.NoError(t, d.accounts(ctx))
		}
		require.NoError(t, d.enterAsProgram(ctx))
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1/", nil)
		require.NoError(t, err)
		d.authorize(req)
		token, ok := access.Bearer(req.Header.Get("Authorization"))
		require.True(t, ok)
		got, err := st.TokenOf(ctx, access.HashSecret(token))
		require.NoError(t, err)
		require.True(t, got.Everywhere)
		roles := map[string]int{}
		list, err := st.ListAccounts(ctx)
		require.NoError(t, err)
		for _, a := range list {
			require.Len(t, a.Roles, 1)
			roles[a.Roles[0]]++
			line := lineWith(out.String(), a.Name)
			require.True(t, access.CheckPassword(a.Password, strings.Fields(line)[1]), "what is printed opens it: %s", a.Login)
			require.True(t, a.MustChange)
		}
		for _, r := range access.Roles {
			require.Positive(t, roles[string(r)], r)
		}
		return nil
	}))
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}
