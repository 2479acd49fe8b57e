package clicks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/services/access"
	"heji/services/embedded"
	"heji/services/store"
)

// look is how long a worker reads a page before the next click, on average. Five
// seconds is quick work.
const look = 5 * time.Second

// clerk is one of those who work: a worker of one community, or a steward who
// works for all of them.
type clerk struct {
	header  http.Header
	steward bool
	own     []sample // residents of their community
}

// Desk measures the pages: workers of communities and stewards do what they do
// all day, logged in, each seeing their own community.
func Desk(ctx context.Context, o Options) (Report, error) {
	return measure(ctx, o, look, func(ctx context.Context, t *town) error { return t.employ(ctx) }, func(r *rand.Rand, t *town, worker int) question {
		c := t.staff[worker%len(t.staff)]
		q := c.click(r, t)
		q.header = c.header.Clone()
		switch {
		case strings.HasPrefix(q.path, "/api/"):
			q.header.Set("Content-Type", "application/json")
		case q.body != "":
			q.header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return q
	})
}

// click is what somebody does next: most often they look for a resident and open
// the page.
func (c clerk) click(r *rand.Rand, t *town) question {
	p := c.own[r.IntN(len(c.own))]
	page := func(kind, path, must string) question {
		return question{kind: kind, method: http.MethodGet, path: path, must: must}
	}
	at := url.Values{"community": {p.home.Community}, "compound": {p.home.Compound}, "building": {p.home.Building}}
	if c.steward && r.IntN(3) == 0 {
		if r.IntN(3) == 0 {
			return page("review: the queue", "/reviews", `<main`)
		}
		return page("review: one pair", t.pairs[r.IntN(len(t.pairs))], `data-keys`)
	}
	switch n := r.IntN(100); {
	case n < 8:
		return page("start", "/", `<main`)
	case n < 32:
		k := searchKinds[r.IntN(len(searchKinds))]
		return page("search while typing", "/hits?q="+url.QueryEscape(k.typed(r, p.person)), "")
	case n < 40:
		return page("search page", "/?q="+url.QueryEscape(p.number), p.id.String())
	case n < 60:
		return page("resident", "/residents/"+p.id.String(), p.name)
	case n < 66:
		return page("form: change", "/residents/"+p.id.String()+"/edit", p.name)
	case n < 70:
		return page("form: new", "/residents/new", `name="id_number"`)
	case n < 75:
		body := url.Values{"name": {p.name}, "birth_date": {p.birth}, "phone": {p.phone}}
		return question{kind: "form: who may be the same", method: http.MethodPost, path: "/residents/alike", body: body.Encode(), must: p.name}
	case n < 80:
		body := url.Values{"csrf": {c.header.Get("X-Csrf")}, "who": {"x"}, "request": {uuid.NewString()}, "step": {"next"}, "phone": {phone(r)}, "was.phone": {""}}
		return question{kind: "form: who receives it", method: http.MethodPost, path: "/residents/" + p.id.String() + "/edit", body: body.Encode(), must: "set.phone"}
	case n < 85:
		raw, _ := json.Marshal(map[string]any{"who": "x", "values": map[string]string{"phone": phone(r)}}) // of texts alone
		return question{kind: "save", method: http.MethodPatch, path: "/api/v1/residents/" + p.id.String(), body: string(raw), must: "request"}
	case n < 91:
		at.Set("at", strings.Join([]string{p.home.Compound, p.home.Building, p.home.Unit, p.home.Room}, "|"))
		return page("household", "/dwellings?"+at.Encode(), p.id.String())
	case n < 95:
		return page("building chart", "/buildings/chart?"+at.Encode(), p.home.Room)
	case n < 97:
		return page("buildings", "/buildings", p.home.Compound)
	case n < 99:
		return page("waiting changes", "/risks", `<main`)
	default:
		return page("platforms", "/platforms", `<main`)
	}
}

func phone(r *rand.Rand) string { return fmt.Sprintf("154%08d", r.IntN(100_000_000)) }

// employ gives every resident a second record, writes back to both, puts pairs
// into the queue, and makes a community for each worker.
func (t *town) employ(ctx context.Context) (err error) {
	conn, err := pgx.Connect(ctx, t.engine.DSN(embedded.DefaultDatabase))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is in it that could be lost
	for _, sql := range []string{
		`INSERT INTO records (platform, key, fence, position, unresolved, resident_id, state)
			SELECT 'p' || lpad(((substr(platform, 2)::int + 7) % ` + fmt.Sprint(platforms) + `)::text, 2, '0'), 'L' || substr(key, 2), 1, position, false, resident_id, state FROM records`,
		`INSERT INTO targets (platform, key, record_id, resident_id, state) SELECT platform, key, id, resident_id, 'green' FROM records`,
		`INSERT INTO edges (a, b, weight, reason) SELECT a.id, b.id, 900, 'below_link' FROM records a JOIN records b ON b.id = a.id + 3
			WHERE a.id % 200 = 0 AND a.key LIKE 'K%' AND b.key LIKE 'K%' ON CONFLICT DO NOTHING`,
		`VACUUM (ANALYZE) records, targets, edges`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	rows, err := conn.Query(ctx, `SELECT '/reviews/' || least(a.resident_id, b.resident_id) || '/' || greatest(a.resident_id, b.resident_id)
		FROM edges e JOIN records a ON a.id = e.a JOIN records b ON b.id = e.b LIMIT 500`)
	if err == nil {
		t.pairs, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return err
	}
	return t.post(ctx)
}

// post makes the street, its communities and who works there. Every tenth is a
// steward.
func (t *town) post(ctx context.Context) error {
	byCommunity := map[int][]sample{}
	for _, p := range t.samples {
		byCommunity[p.community] = append(byCommunity[p.community], p)
	}
	from := time.Now().AddDate(-1, 0, 0)
	err := t.store.PutBody(ctx, store.Body{ID: "street", Name: "街道", Kind: store.BodyStreet})
	for c, list := range byCommunity {
		area := list[0].home.Community
		err = errors.Join(err, t.store.PutBody(ctx, store.Body{ID: fmt.Sprintf("c%d", c), Name: area, Kind: store.BodyCommunity, Parent: "street"}))
		for domain, basis := range map[string]store.Basis{"governance": store.ByResidence, "civil_affairs": store.ByHukou} {
			err = errors.Join(err, t.store.PutResponsibility(ctx, store.Responsibility{Domain: domain, Body: fmt.Sprintf("c%d", c), Area: area, Basis: basis, From: from}))
		}
		if err != nil {
			return err
		}
	}
	password := access.HashPassword(access.NewSecret())
	// The first account has to be one that may make the others.
	if err := t.store.AddAccount(ctx, store.Account{Login: "security", Name: "安全员", Roles: []string{string(access.Security)}, Password: password}, "bench"); err != nil {
		return err
	}
	for i := range t.o.Workers {
		c := clerk{steward: i%10 == 9}
		community := i * 7 % len(byCommunity)
		c.own = byCommunity[community]
		a := store.Account{Login: fmt.Sprintf("w%03d", i), Name: fmt.Sprintf("员工%d", i), Roles: []string{string(access.Worker)}, Password: password,
			Posting: store.Posting{Bodies: []string{fmt.Sprintf("c%d", community)}}}
		if c.steward {
			a.Roles, a.Posting, c.own = []string{string(access.Steward)}, store.Posting{Everywhere: true}, t.samples
		}
		secret := access.NewSecret()
		err := t.store.AddAccount(ctx, a, "bench")
		if err == nil {
			err = t.store.SetPassword(ctx, a.Login, password, false, access.HashSecret(secret))
		}
		if err != nil {
			return err
		}
		c.header = http.Header{"Cookie": {"session=" + secret}, "X-Csrf": {access.FormToken(secret)}}
		t.staff = append(t.staff, c)
	}
	return nil
}
