package desk

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"heji/schema/codes"
	"heji/services/access"
	"heji/services/store"
)

// What the security administrator does: who may use the desk, as what, and for
// whom.

// AccountReply is one account, without anything that opens it.
type AccountReply struct {
	Login      string    `json:"login"`
	Name       string    `json:"name"`
	Roles      []string  `json:"roles"`
	State      string    `json:"state"` // ok, locked, paused, first_password
	Factor     bool      `json:"second_factor"`
	Everywhere bool      `json:"everywhere"`
	Bodies     []string  `json:"bodies"`
	Domains    []string  `json:"domains"`
	MadeAt     time.Time `json:"made_at"`
	MadeBy     string    `json:"made_by"`
}

// AccountChange is what POST /api/v1/accounts and the routes below it take.
type AccountChange struct {
	Login      string   `json:"login"`
	Name       string   `json:"name"`
	Roles      []string `json:"roles"`
	Everywhere bool     `json:"everywhere"`
	Bodies     []string `json:"bodies"`
	Domains    []string `json:"domains"`
	Who        string   `json:"who"`
}

func (c AccountChange) posting() store.Posting {
	return store.Posting{Everywhere: c.Everywhere, Bodies: c.Bodies, Domains: c.Domains}
}

// accountDeeds are what can be done with an account that is there: a first
// password is in the answer where one was made.
var accountDeeds = map[string]func(*Desk, context.Context, string, AccountChange) (password string, err error){
	"reset": func(d *Desk, ctx context.Context, login string, _ AccountChange) (string, error) {
		password := access.FirstPassword()
		return password, d.o.Store.ResetAccount(ctx, login, access.HashPassword(password))
	},
	"lock": func(d *Desk, ctx context.Context, login string, _ AccountChange) (string, error) {
		return "", d.o.Store.LockAccount(ctx, login, access.From(ctx).Name)
	},
	"unlock": func(d *Desk, ctx context.Context, login string, _ AccountChange) (string, error) {
		return "", d.o.Store.UnlockAccount(ctx, login)
	},
	"roles": func(d *Desk, ctx context.Context, login string, c AccountChange) (string, error) {
		roles, err := accountRoles(c.Roles)
		if err != nil {
			return "", err
		}
		return "", d.o.Store.SetRoles(ctx, login, roles)
	},
	"posting": func(d *Desk, ctx context.Context, login string, c AccountChange) (string, error) {
		return "", d.o.Store.SetPosting(ctx, login, c.posting())
	},
}

func (d *Desk) routeAccounts(mux *http.ServeMux) {
	mux.HandleFunc("GET /accounts", d.html(d.accountsPage))
	mux.HandleFunc("POST /accounts", d.html(d.accountsPost("")))
	mux.HandleFunc("GET /api/v1/accounts", d.api(d.getAccounts))
	mux.HandleFunc("POST /api/v1/accounts", d.api(d.postAccount("")))
	for route, did := range map[string]string{
		"POST /accounts/{login}/reset": "reset", "POST /accounts/{login}/lock": "lock", "POST /accounts/{login}/unlock": "unlock",
		"POST /accounts/{login}/roles": "roles", "POST /accounts/{login}/posting": "posting",
	} {
		mux.HandleFunc(route, d.html(d.accountsPost(did)))
	}
	for route, did := range map[string]string{
		"POST /api/v1/accounts/{login}/reset": "reset", "POST /api/v1/accounts/{login}/lock": "lock", "POST /api/v1/accounts/{login}/unlock": "unlock",
		"POST /api/v1/accounts/{login}/roles": "roles", "POST /api/v1/accounts/{login}/posting": "posting",
	} {
		mux.HandleFunc(route, d.api(d.postAccount(did)))
	}
}

// accountRoles reads roles and says what does not go together.
func accountRoles(names []string) ([]string, error) {
	roles, err := access.ParseRoles(names)
	if err != nil {
		return nil, fail(http.StatusUnprocessableEntity, "account_roles")
	}
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
	}
	return out, nil
}

// changeAccount makes an account, or does something with one.
func (d *Desk) changeAccount(ctx context.Context, did, login string, c AccountChange) (password string, err error) {
	if did != "" {
		password, err = accountDeeds[did](d, ctx, login, c)
		return password, accountFailure(err)
	}
	name, ok := named(c.Name)
	if !ok {
		return "", fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	roles, err := accountRoles(c.Roles)
	if err != nil {
		return "", err
	}
	password = access.FirstPassword()
	err = d.o.Store.AddAccount(ctx, store.Account{Login: strings.ToLower(strings.TrimSpace(c.Login)), Name: name, Roles: roles,
		Password: access.HashPassword(password), Posting: c.posting()}, access.From(ctx).Name)
	return password, accountFailure(err)
}

// accountFailure is the answer to what the store refuses.
func accountFailure(err error) error {
	for refusal, f := range map[error]*failure{
		store.ErrTaken:     fail(http.StatusConflict, "account_taken"),
		store.ErrLastAdmin: fail(http.StatusConflict, "account_last"),
		store.ErrLogin:     fail(http.StatusUnprocessableEntity, "account_login"),
		store.ErrPosting:   fail(http.StatusUnprocessableEntity, "account_posting"),
	} {
		if errors.Is(err, refusal) {
			return f
		}
	}
	return err
}

func (d *Desk) accountList(ctx context.Context) ([]AccountReply, error) {
	list, err := d.o.Store.ListAccounts(ctx)
	if err != nil {
		return nil, err
	}
	out := []AccountReply{}
	for _, a := range list {
		x := AccountReply{Login: a.Login, Name: a.Name, Roles: a.Roles, State: "ok", Factor: a.TOTP != "", Everywhere: a.Everywhere,
			Bodies: a.Bodies, Domains: a.Domains, MadeAt: a.CreatedAt, MadeBy: a.CreatedBy}
		switch {
		case a.LockedAt != nil:
			x.State = "locked"
		case a.PausedTo != nil && a.PausedTo.After(d.o.Today()):
			x.State = "paused"
		case a.MustChange:
			x.State = "first_password"
		}
		out = append(out, x)
	}
	return out, nil
}

func (d *Desk) getAccounts(r *http.Request, _ Lang) (answer, error) {
	list, err := d.accountList(r.Context())
	return answer{status: http.StatusOK, body: AccountsReply{list}}, err
}

func (d *Desk) postAccount(did string) func(*http.Request, Lang) (answer, error) {
	return func(r *http.Request, _ Lang) (answer, error) {
		var c AccountChange
		if err := decode(r, &c); err != nil {
			return answer{}, err
		}
		login, status := r.PathValue("login"), http.StatusOK
		if did == "" {
			login, status = c.Login, http.StatusCreated
		}
		password, err := d.changeAccount(r.Context(), did, login, c)
		return answer{status: status, body: AccountDone{login, password}}, err
	}
}

// AccountsBody is the page of accounts.
type AccountsBody struct {
	Accounts []AccountForm
	New      AccountForm
	Login    string // whose first password this is
	Password string
	Problem  string
}

// AccountForm is one account with what can be chosen for it.
type AccountForm struct {
	AccountReply
	StateText, StateTone string
	RoleText             []string
	Choices              []Option // roles
	Where                []Option // bodies
	For                  []Option // domains
}

func (d *Desk) accountsPage(w http.ResponseWriter, r *http.Request) error {
	return d.showAccounts(w, r, http.StatusOK, AccountsBody{}, AccountReply{})
}

func (d *Desk) showAccounts(w http.ResponseWriter, r *http.Request, status int, body AccountsBody, typed AccountReply) error {
	p := d.page(w, r, "accounts")
	list, err := d.accountList(r.Context())
	if err != nil {
		return err
	}
	bodies, err := d.o.Store.Bodies(r.Context())
	if err != nil {
		return err
	}
	domains, _ := codes.LookupTable("domain")
	form := func(a AccountReply) AccountForm {
		f := AccountForm{AccountReply: a}
		for _, role := range access.Roles {
			o := Option{Code: string(role), Text: p.T("role." + string(role)), Chosen: slices.Contains(a.Roles, string(role))}
			f.Choices = append(f.Choices, o)
			if o.Chosen {
				f.RoleText = append(f.RoleText, o.Text)
			}
		}
		for _, b := range bodies {
			f.Where = append(f.Where, Option{Code: b.ID, Text: b.Name, Chosen: slices.Contains(a.Bodies, b.ID)})
		}
		for _, code := range domains.Codes() {
			f.For = append(f.For, Option{Code: code, Text: domains.Label(code, string(p.L)), Chosen: slices.Contains(a.Domains, code)})
		}
		return f
	}
	for _, a := range list {
		f := form(a)
		f.StateText, f.StateTone = p.T("accounts.state."+a.State), "ok"
		if a.State != "ok" {
			f.StateTone = "off"
		}
		body.Accounts = append(body.Accounts, f)
	}
	body.New = form(typed)
	p.Title, p.Back, p.Switch, p.Body = p.T("accounts.title"), "/accounts", "/accounts?lang="+string(p.L.Other()), body
	d.render(w, r, status, "accounts", p)
	return nil
}

func (d *Desk) accountsPost(did string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := posted(w, r); err != nil {
			return err
		}
		f := r.PostForm
		c := AccountChange{Login: f.Get("login"), Name: f.Get("name"), Roles: f["role"], Everywhere: f.Get("everywhere") != "", Bodies: f["body"], Domains: f["domain"]}
		login := r.PathValue("login")
		if did == "" {
			login = c.Login
		}
		password, err := d.changeAccount(r.Context(), did, login, c)
		var known *failure
		switch {
		case errors.As(err, &known):
			typed := AccountReply{}
			if did == "" {
				typed = AccountReply{Login: c.Login, Name: c.Name, Roles: c.Roles, Everywhere: c.Everywhere, Bodies: c.Bodies, Domains: c.Domains}
			}
			return d.showAccounts(w, r, known.status, AccountsBody{Problem: pageLang(w, r).T("error."+known.code+".detail", known.pairs...)}, typed)
		case err != nil:
			return err
		case password != "": // shown on this answer alone
			return d.showAccounts(w, r, http.StatusOK, AccountsBody{Login: login, Password: password}, AccountReply{})
		}
		http.Redirect(w, r, "/accounts", http.StatusSeeOther)
		return nil
	}
}
