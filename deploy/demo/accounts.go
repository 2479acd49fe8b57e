package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"text/tabwriter"
	"time"

	"heji/services/access"
	"heji/services/store"
)

// staff are one of each role, and a second worker: of two communities, so that a
// handover can be played.
var staff = []struct {
	login, name, role string
	post              func(communities []string, street string) store.Posting
}{
	{"an", "安全员", "security", nowhere}, // first: it makes the others
	{"ops", "钱运维", "platform", nowhere},
	{"aud", "孙审计", "auditor", nowhere},
	{"zhao", "赵数据", "steward", nowhere}, // sees everybody by the role
	{"zhou", "周主任", "supervisor", func(_ []string, street string) store.Posting { return store.Posting{Bodies: []string{street}} }},
	{"li", "李红", "worker", func(c []string, _ string) store.Posting { return store.Posting{Bodies: c[:1]} }},
	{"chen", "陈静", "worker", func(c []string, _ string) store.Posting { return store.Posting{Bodies: c[len(c)-1:]} }},
}

func nowhere([]string, string) store.Posting { return store.Posting{} }

// by signs what the demo itself does.
const by = "demo"

// accounts makes them once the demo has shown itself, and prints how to log in:
// from now on everybody does. A later run gives them first passwords again.
func (d *demo) accounts(ctx context.Context) error {
	var communities []string
	street := ""
	for _, home := range d.people.Dwellings {
		street = home.Address.Street
		if !slices.Contains(communities, home.Address.Community) {
			communities = append(communities, home.Address.Community)
		}
	}
	slices.Sort(communities)
	out := tabwriter.NewWriter(d.o.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(out, "账号 login\t初始密码 first password\t姓名 name\t角色 role\t看到谁 sees\t")
	for _, s := range staff {
		password, p := access.FirstPassword(), s.post(communities, street)
		err := d.hub.Store.AddAccount(ctx, store.Account{Login: s.login, Name: s.name, Roles: []string{s.role}, Password: access.HashPassword(password), Posting: p}, by)
		if errors.Is(err, store.ErrTaken) {
			err = d.hub.Store.ResetAccount(ctx, s.login, access.HashPassword(password))
		}
		if err != nil {
			return fmt.Errorf("the account %s: %w", s.login, err)
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t\n", s.login, password, s.name, s.role, fmt.Sprint(p.Bodies))
	}
	return out.Flush()
}

// enterAsProgram gets the demo a token: the desk answers nobody without one where
// an earlier run has made accounts, and once this one has.
func (d *demo) enterAsProgram(ctx context.Context) error {
	d.token = access.TokenPrefix + access.NewSecret()
	t := store.Token{Name: by + " " + time.Now().Format(time.RFC3339Nano), MadeBy: by, Expires: time.Now().Add(24 * time.Hour), Posting: store.Posting{Everywhere: true}}
	for _, p := range access.Grantable {
		t.Scopes = append(t.Scopes, string(p))
	}
	return d.hub.Store.AddToken(ctx, t, access.HashSecret(d.token))
}

// authorize shows the token.
func (d *demo) authorize(req *http.Request) { req.Header.Set("Authorization", "Bearer "+d.token) }
