package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"heji/schema/canon"
	"heji/services/access"
	"heji/services/audit"
	"heji/services/embedded"
	"heji/services/store"
)

// userCommand works in the database itself: whoever may run it on the hub's
// machine could change everything there anyway.
type userCommand struct {
	Add    userAdd    `cmd:"" help:"Make an account; prints its first password once."`
	List   userList   `cmd:"" help:"List the accounts."`
	Reset  userReset  `cmd:"" help:"Give an account a first password again, and take its second factor away."`
	Lock   userLock   `cmd:"" help:"Keep somebody out from now on."`
	Unlock userUnlock `cmd:"" help:"Let somebody in again."`
	Role   userRole   `cmd:"" help:"Give an account other roles."`
	Post   userPost   `cmd:"" help:"Say for whom somebody works: which residents an account sees."`
	Token  tokenGroup `cmd:"" help:"Tokens of programs: add, list, revoke."`
}

type tokenGroup struct {
	Add    tokenAdd    `cmd:"" help:"Make a token; prints it once."`
	List   tokenList   `cmd:"" help:"List the tokens."`
	Revoke tokenRevoke `cmd:"" help:"End a token."`
}

// accountStore is where the accounts are, whether a hub runs or not.
type accountStore struct {
	hubAddress
	by
	console
}

// open finds the store. A hub that runs on its embedded PostgreSQL is joined
// there: its API knows accounts only of those who have one.
func (a accountStore) open(ctx context.Context) (*store.Store, func(), error) {
	if a.DatabaseURL == "" {
		if dsn, ok := embedded.RunningDSN(a.Data, embedded.DefaultDatabase); ok {
			if st, err := store.Open(ctx, dsn, 2); err == nil {
				return st, st.Close, nil
			}
			// The lock file of a server that was killed: reach starts it.
		}
	}
	h, err := a.reach(ctx, "/api/v1/platforms")
	if err != nil {
		return nil, nil, err
	}
	if h.store == nil {
		h.close()
		return nil, nil, fmt.Errorf("a hub runs at %s, and its database is not in %s: name the data folder with --data, or the database with --database-url", a.Listen, a.Data)
	}
	return h.store, h.close, nil
}

// in does something with the store.
func (a accountStore) in(ctx context.Context, do func(context.Context, *store.Store) error) error {
	st, done, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	return do(audit.With(ctx, a.Who), st)
}

// signature is a name as the desk takes it, because it signs there.
func signature(name string) (string, error) {
	v, problem := canon.Name(name)
	if problem != "" || v == "" || len([]rune(v)) > 60 || strings.ContainsAny(v, "<>") {
		return "", fmt.Errorf("the name %q cannot sign: give what colleagues call this person, at most 60 characters", name)
	}
	return v, nil
}

type userAdd struct {
	accountStore
	Login string   `arg:"" help:"What they type to log in: 2 to 32 of a-z, 0-9, dot, dash, underscore."`
	Name  string   `required:"" help:"Their name; it signs what they do, so that no two accounts have the same."`
	Role  []string `required:"" help:"worker, supervisor, steward; or one of platform, security, auditor alone."`
	posting
}

// posting says for whom somebody works.
type posting struct {
	Body       []string `help:"The bodies whose residents are seen, those below them included; see heji body list." xor:"whom"`
	Everywhere bool     `help:"All residents are seen: for a hub of one community." xor:"whom"`
	Domain     []string `help:"Only in these domains; all where none is given."`
}

func (p posting) of() store.Posting {
	return store.Posting{Everywhere: p.Everywhere, Bodies: p.Body, Domains: p.Domain}
}

// sees is a posting in a table.
func sees(p store.Posting) string {
	out := strings.Join(p.Bodies, ",")
	switch {
	case p.Everywhere:
		out = "*"
	case out == "":
		out = "-"
	}
	if len(p.Domains) > 0 {
		out += " (" + strings.Join(p.Domains, ",") + ")"
	}
	return out
}

// seenBy is whom an account sees, by its roles too.
func seenBy(a store.Account) string {
	roles, err := access.ParseRoles(a.Roles)
	if err == nil && access.SeesEverybody(roles) {
		return "*"
	}
	return sees(a.Posting)
}

type userPost struct {
	accountStore
	Login string `arg:""`
	posting
}

// Run says for whom an account works.
func (c *userPost) Run(ctx context.Context) error {
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		return named(c.Login, st.SetPosting(ctx, c.Login, c.of()))
	})
}

// Run makes an account.
func (c *userAdd) Run(ctx context.Context) error {
	name, err := signature(c.Name)
	if err != nil {
		return err
	}
	roles, err := access.ParseRoles(c.Role)
	if err != nil {
		return err
	}
	password := access.FirstPassword()
	a := store.Account{Login: c.Login, Name: name, Password: access.HashPassword(password), Posting: c.of()}
	for _, r := range roles {
		a.Roles = append(a.Roles, string(r))
	}
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		if err := st.AddAccount(ctx, a, c.Who); err != nil {
			return err
		}
		fmt.Fprintf(c.out(), "账号 account: %s  角色 roles: %s\n初始密码 first password: %s  （只显示这一次，首次登录必须修改 shown once, changed at the first login）\n",
			c.Login, strings.Join(a.Roles, ", "), password)
		return nil
	})
}

type userList struct{ accountStore }

// Run lists the accounts.
func (c *userList) Run(ctx context.Context) error {
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		list, err := st.ListAccounts(ctx)
		if err != nil {
			return err
		}
		w := newColumns(c.out())
		fmt.Fprintln(w, "账号 login\t姓名 name\t角色 roles\t看到谁 sees\t状态 state\t动态码 code\t建立 made\t")
		for _, a := range list {
			state := "ok"
			switch {
			case a.LockedAt != nil:
				state = "locked"
			case a.PausedTo != nil && a.PausedTo.After(time.Now()):
				state = "paused until " + a.PausedTo.Local().Format("15:04")
			case a.MustChange:
				state = "first password"
			}
			code := "no"
			if a.TOTP != "" {
				code = "yes"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s %s\t\n", a.Login, a.Name, strings.Join(a.Roles, ","), seenBy(a), state, code, a.CreatedAt.Local().Format(time.DateOnly), a.CreatedBy)
		}
		return w.Flush()
	})
}

type userReset struct {
	accountStore
	Login string `arg:""`
}

// Run gives a first password again.
func (c *userReset) Run(ctx context.Context) error {
	password := access.FirstPassword()
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		if err := st.ResetAccount(ctx, c.Login, access.HashPassword(password)); err != nil {
			return named(c.Login, err)
		}
		fmt.Fprintf(c.out(), "初始密码 first password: %s  （只显示这一次 shown once）\n", password)
		return nil
	})
}

type userLock struct {
	accountStore
	Login string `arg:""`
}

// Run locks an account.
func (c *userLock) Run(ctx context.Context) error {
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		return named(c.Login, st.LockAccount(ctx, c.Login, c.Who))
	})
}

type userUnlock struct {
	accountStore
	Login string `arg:""`
}

// Run unlocks an account.
func (c *userUnlock) Run(ctx context.Context) error {
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		return named(c.Login, st.UnlockAccount(ctx, c.Login))
	})
}

type userRole struct {
	accountStore
	Login string   `arg:""`
	Roles []string `arg:"" help:"worker, supervisor, steward; or one of platform, security, auditor alone."`
}

// Run changes roles.
func (c *userRole) Run(ctx context.Context) error {
	roles, err := access.ParseRoles(c.Roles)
	if err != nil {
		return err
	}
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		return named(c.Login, st.SetRoles(ctx, c.Login, names))
	})
}

// named says whom a command did not find.
func named(what string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no %q: look with list", what)
	}
	return err
}

type tokenAdd struct {
	accountStore
	Name  string   `arg:"" help:"Name of the program; it signs what the program does."`
	Scope []string `required:"" help:"What it may do: see, reveal, enter, carry, stop, sign, review, watch, operate, staff, accounts, audit."`
	Days  int      `help:"How long it is good." default:"90"`
	posting
}

// Run makes a token.
func (c *tokenAdd) Run(ctx context.Context) error {
	name, err := signature(c.Name)
	if err != nil {
		return err
	}
	scopes, err := access.ParseScopes(c.Scope)
	if err != nil {
		return err
	}
	if c.Days < 1 || c.Days > 366 {
		return errors.New("--days is from 1 to 366: a token ends, so that a forgotten one does")
	}
	token := access.TokenPrefix + access.NewSecret()
	t := store.Token{Name: name, MadeBy: c.Who, Expires: time.Now().AddDate(0, 0, c.Days), Posting: c.of()}
	for _, s := range scopes {
		t.Scopes = append(t.Scopes, string(s))
	}
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		if err := st.AddToken(ctx, t, access.HashSecret(token)); err != nil {
			return err
		}
		fmt.Fprintf(c.out(), "令牌 token: %s  （只显示这一次 shown once；%s 到期 good until）\n", token, t.Expires.Format(time.DateOnly))
		return nil
	})
}

type tokenList struct{ accountStore }

// Run lists the tokens.
func (c *tokenList) Run(ctx context.Context) error {
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		list, err := st.ListTokens(ctx)
		if err != nil {
			return err
		}
		w := newColumns(c.out())
		fmt.Fprintln(w, "名称 name\t权限 scopes\t看到谁 sees\t状态 state\t到期 until\t建立 made\t最近使用 used\t")
		for _, t := range list {
			state, used := "ok", ""
			switch {
			case t.Revoked != nil:
				state = "revoked"
			case t.Expires.Before(time.Now()):
				state = "over"
			}
			if t.Used != nil {
				used = t.Used.Local().Format("2006-01-02 15:04")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s %s\t%s\t\n", t.Name, strings.Join(t.Scopes, ","), sees(t.Posting), state, t.Expires.Local().Format(time.DateOnly),
				t.MadeAt.Local().Format(time.DateOnly), t.MadeBy, used)
		}
		return w.Flush()
	})
}

type tokenRevoke struct {
	accountStore
	Name string `arg:""`
}

// Run ends a token.
func (c *tokenRevoke) Run(ctx context.Context) error {
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		return named(c.Name, st.RevokeToken(ctx, c.Name, c.Who))
	})
}
