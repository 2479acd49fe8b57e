package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"heji/services/access"
	"heji/services/embedded/pgtest"
	"heji/services/store"
)

// user runs heji user with these arguments.
func user(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return people(t, append([]string{"user"}, args...)...)
}

// people runs one of the commands about people.
func people(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var c struct {
		User userCommand `cmd:""`
		Body bodyCommand `cmd:""`
	}
	var out strings.Builder
	u, con := &c.User, console{stdout: &out, stderr: &out}
	for _, x := range []*console{&u.Add.console, &u.List.console, &u.Reset.console, &u.Token.Add.console, &u.Token.List.console, &c.Body.List.console} {
		*x = con
	}
	parser, err := kong.New(&c, kong.Exit(func(int) { t.Fatal("the command line ends the program") }))
	require.NoError(t, err)
	k, err := parser.Parse(args)
	if err != nil {
		return "", err
	}
	k.BindTo(t.Context(), (*context.Context)(nil))
	err = k.Run()
	return out.String(), err
}

func TestUserCommands(t *testing.T) {
	t.Setenv("DATABASE_URL", pgtest.DSN(t))
	t.Setenv("USER", "root")
	ctx := t.Context()
	_, err := user(t, "add", "li", "--name", "李红", "--role", "worker")
	require.ErrorIs(t, err, store.ErrFirstAdmin)
	said, err := user(t, "add", "an", "--name", "安全员", "--role", "security")
	require.NoError(t, err)
	first := regexp.MustCompile(`first password: (\S+)`).FindStringSubmatch(said)[1]
	st, err := store.Open(ctx, os.Getenv("DATABASE_URL"), 2)
	require.NoError(t, err)
	defer st.Close()
	a, err := st.Account(ctx, "an")
	require.NoError(t, err)
	require.True(t, a.MustChange)
	require.Equal(t, "root", a.CreatedBy)
	require.True(t, access.CheckPassword(a.Password, first))

	_, err = user(t, "add", "li", "--name", "李红", "--role", "worker,steward")
	require.NoError(t, err)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"add", "li2", "--name", "李红", "--role", "worker"}, "already"},
		{[]string{"add", "x", "--name", "某人", "--role", "worker"}, "a login is"},
		{[]string{"add", "both", "--name", "两人", "--role", "platform,auditor"}, "三员分立"},
		{[]string{"add", "bad", "--name", "<b>", "--role", "worker"}, "cannot sign"},
		{[]string{"role", "an", "worker"}, "no administrator"},
		{[]string{"lock", "an"}, "no administrator"},
		{[]string{"lock", "nobody"}, `no "nobody"`},
		{[]string{"token", "add", "p", "--scope", "everything"}, "none of"},
		{[]string{"token", "add", "p", "--scope", "see", "--days", "4000"}, "from 1 to 366"},
	} {
		_, err = user(t, c.args...)
		require.ErrorContains(t, err, c.says, c.args)
	}
	for _, args := range [][]string{{"put", "street", "--name", "柳营街道", "--kind", "street"}, {"put", "anning", "--name", "安宁里社区", "--kind", "community", "--parent", "street"},
		{"answer", "anning", "--area", "安宁里社区", "--domain", "governance,party", "--from", "2026-01-01"}} {
		_, err = people(t, append([]string{"body"}, args...)...)
		require.NoError(t, err, args)
	}
	said, err = people(t, "body", "list")
	require.NoError(t, err)
	require.Regexp(t, `anning +安宁里社区 +community +street *\n +→ 安宁里社区 +governance +residence`, said)
	_, err = user(t, "post", "li", "--body", "nowhere")
	require.ErrorContains(t, err, "register it first")
	_, err = user(t, "post", "li", "--body", "street", "--everywhere")
	require.Error(t, err)
	_, err = user(t, "post", "li", "--body", "street", "--domain", "party")
	require.NoError(t, err)
	_, err = user(t, "token", "add", "queue", "--scope", "review")
	require.ErrorContains(t, err, "everywhere")
	_, err = user(t, "role", "li", "supervisor")
	require.NoError(t, err)
	_, err = user(t, "lock", "li")
	require.NoError(t, err)
	said, err = user(t, "list")
	require.NoError(t, err)
	require.Regexp(t, `li +李红 +supervisor +street \(party\) +locked`, said)
	_, err = user(t, "unlock", "li")
	require.NoError(t, err)
	said, err = user(t, "reset", "li")
	require.NoError(t, err)
	require.Contains(t, said, "first password: ")

	said, err = user(t, "token", "add", "roster", "--scope", "see,enter")
	require.NoError(t, err)
	token := regexp.MustCompile(`heji_\S+`).FindString(said)
	got, err := st.TokenOf(ctx, access.HashSecret(token))
	require.NoError(t, err)
	require.Equal(t, []string{"see", "enter"}, got.Scopes)
	_, err = user(t, "token", "revoke", "roster")
	require.NoError(t, err)
	said, err = user(t, "token", "list")
	require.NoError(t, err)
	require.Regexp(t, `roster +see,enter +- +revoked`, said)
	require.NotContains(t, said, token)
}
