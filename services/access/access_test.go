package access

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"
)

func TestPasswords(t *testing.T) {
	h := HashPassword("Kuai-le 2026")
	require.True(t, strings.HasPrefix(h, "$argon2id$v=19$m=65536,t=3,p=1$"))
	require.NotEqual(t, h, HashPassword("Kuai-le 2026"), "salted")
	require.True(t, CheckPassword(h, "Kuai-le 2026"))
	for _, stored := range []string{h, "", "plain", "$argon2id$v=19$m=65536,t=0,p=1$AA$AA", "$argon2id$v=19$m=8,t=1,p=1$AAAA$", strings.Replace(h, "v=19", "v=16", 1)} {
		require.False(t, CheckPassword(stored, "kuai-le 2026"), stored)
		require.False(t, CheckPassword(stored, ""), stored)
	}
}

func TestGoodPasswords(t *testing.T) {
	for password, want := range map[string]error{
		"Short1!": ErrShort, strings.Repeat("aB3!x", 41): ErrShort, "alllowercase": ErrSimple, "lowercase123": ErrSimple,
		"aA1aA1aA1aA1aA1": ErrSimple, "Wang.Fang-2026": ErrName, "Kuai-le 2026": nil, "correct horse battery": nil, "我们一起把数据填好一次就够了吧": ErrSimple,
	} {
		require.ErrorIs(t, GoodPassword("wang.fang", password), want, password)
	}
	for range 50 {
		require.NoError(t, GoodPassword("wang", FirstPassword()))
	}
}

func TestRoles(t *testing.T) {
	for _, admin := range []string{"platform", "security", "auditor"} {
		for _, r := range Roles {
			if string(r) != admin {
				_, err := ParseRoles([]string{admin, string(r)})
				require.ErrorContains(t, err, "三员分立")
			}
		}
		require.False(t, May([]Role{Role(admin)}, See), "administrators see no resident")
	}
	_, err := ParseRoles([]string{"boss"})
	require.ErrorContains(t, err, "none of worker")
	_, err = ParseRoles(nil)
	require.Error(t, err)
	both, err := ParseRoles([]string{"worker", " steward", "worker"})
	require.NoError(t, err)
	require.Equal(t, []Role{Worker, Steward}, both)
	for _, p := range Grantable {
		var who []Role
		for _, r := range Roles {
			if May([]Role{r}, p) {
				who = append(who, r)
			}
		}
		require.NotEmpty(t, who, p)
	}
	_, err = ParseScopes([]string{"see", "open"})
	require.ErrorContains(t, err, "scope")
}

func TestActors(t *testing.T) {
	require.False(t, From(context.Background()).May(Self))
	require.False(t, From(context.Background()).Known())
	program := Actor{Name: "roster", Token: 3, Scopes: []Permission{See}}
	require.True(t, program.May(See))
	require.False(t, program.May(Enter))
	require.False(t, program.May(Judge))
	require.True(t, Actor{Name: "queue", Token: 4, Scopes: []Permission{Review}}.May(Judge), "all pairs: each of them")
	require.False(t, program.May(Self), "a program has no password to change")
	require.Equal(t, program, From(With(context.Background(), program)))
}

func TestSecrets(t *testing.T) {
	a, b := NewSecret(), NewSecret()
	require.Len(t, a, 43)
	require.NotEqual(t, a, b)
	require.True(t, Same(FormToken(a), FormToken(a)))
	require.False(t, Same(FormToken(a), FormToken(b)))
	require.False(t, Same("", ""))
	for header, ok := range map[string]bool{"Bearer heji_x": true, "bearer  heji_x": true, "Basic heji_x": false, "Bearer x": false, "": false} {
		_, is := Bearer(header)
		require.Equal(t, ok, is, header)
	}
}

func TestSecondFactor(t *testing.T) {
	secret, address, err := NewTOTP("wang")
	require.NoError(t, err)
	require.Contains(t, address, "otpauth://totp/Heji:wang")
	now := time.Date(2026, 11, 27, 10, 0, 10, 0, time.UTC)
	code, err := totp.GenerateCode(secret, now)
	require.NoError(t, err)
	step, ok := CheckTOTP(secret, code, 0, now)
	require.True(t, ok)
	_, ok = CheckTOTP(secret, code, step, now)
	require.False(t, ok, "a code works once")
	_, ok = CheckTOTP(secret, code, 0, now.Add(25*time.Second))
	require.True(t, ok, "a clock may be a little off")
	for _, bad := range []string{"", "12345", "abcdef", code + "0"} {
		_, ok = CheckTOTP(secret, bad, 0, now)
		require.False(t, ok, bad)
	}
	_, ok = CheckTOTP(secret, code, 0, now.Add(3*time.Minute))
	require.False(t, ok)
}
