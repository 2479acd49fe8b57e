package desk_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/roster"
	"heji/schema"
	"heji/services/access"
	"heji/services/desk"
	"heji/services/store"
)

// apart is a world of two communities, and what everybody there leaves behind.
type apart struct {
	*world
	canary     uuid.UUID // of 安宁里
	target1    string    // of the canary
	other      uuid.UUID // of 永福里
	both       uuid.UUID // lives in 永福里, hukou in 安宁里
	idNumber   string
	secrets    []string // what must never be in an answer to a stranger
	risk       string
	parcel     string
	actionID   string
	decisionID string
	handover   string
	roster     string
}

const (
	anning = "安宁里社区"
	yongfu = "永福里社区"
)

func at(community, room string) string {
	return schema.Address{City: "临江市", Street: "柳营街道", Community: community, Compound: community + "一号院", Building: "3", Unit: "2", Room: room}.Canonical()
}

func twoCommunities(t *testing.T) *apart {
	w := &apart{world: newWorldOf(t, slices.Concat(platformFiles, carriedFiles))}
	ctx := context.Background()
	w.account("security", "安全员", "security")
	for _, b := range []store.Body{{ID: "street", Name: "柳营街道", Kind: store.BodyStreet}, {ID: "east", Name: "东桥街道", Kind: store.BodyStreet},
		{ID: "anning", Name: anning, Kind: store.BodyCommunity, Parent: "street"}, {ID: "yongfu", Name: yongfu, Kind: store.BodyCommunity, Parent: "east"}} {
		require.NoError(t, w.store.PutBody(ctx, b))
	}
	for area, body := range map[string]string{anning: "anning", yongfu: "yongfu"} {
		for domain, basis := range map[string]store.Basis{"governance": store.ByResidence, "civil_affairs": store.ByHukou} {
			require.NoError(t, w.store.PutResponsibility(ctx, store.Responsibility{Domain: domain, Body: body, Area: area, Basis: basis, From: today.AddDate(-1, 0, 0)}))
		}
	}
	for _, body := range []string{"anning", "yongfu"} {
		w.posted(body, map[string]string{"anning": "李红", "yongfu": "陈静"}[body], store.Posting{Bodies: []string{body}}, "worker")
	}
	w.posted("street", "周主任", store.Posting{Bodies: []string{"street"}}, "supervisor")
	w.posted("east", "郑主任", store.Posting{Bodies: []string{"east"}}, "supervisor")
	w.posted("nobody", "新来的", store.Posting{}, "worker", "supervisor")
	w.account("steward", "赵数据", "steward")
	w.posted("platform", "钱运维", store.Posting{}, "platform")
	w.posted("auditor", "孙审计", store.Posting{}, "auditor")

	w.idNumber = number(t, "1986-07-11", 17)
	w.canary = w.resident(
		rec{platform: "gongan", key: "G-canary", values: schema.Values{"name": "欧阳沐辰", "id_number": w.idNumber, "sex": "1", "birth_date": "1986-07-11"}},
		rec{platform: "pension", key: "P-canary", at: today.Add(-48 * time.Hour), values: schema.Values{"name": "欧阳沐辰", "id_number": w.idNumber,
			"phone": "13712349876", "residence": at(anning, "1801"), "hukou_address": at(anning, "1801"), "pension_status": "1"}})
	w.other = w.resident(rec{platform: "volunteers", key: "V-other", at: today.Add(-48 * time.Hour), values: schema.Values{"name": "欧阳沐晨", "birth_date": "1986-07-11",
		"phone": "13900001234", "residence": at(yongfu, "502"), "hukou_address": at(yongfu, "502")}})
	w.both = w.resident(rec{platform: "pension", key: "P-both", at: today.Add(-48 * time.Hour), values: schema.Values{"name": "人户分离", "phone": "13600005555",
		"residence": at(yongfu, "101"), "hukou_address": at(anning, "101")}})
	w.edge("gongan/G-canary", "volunteers/V-other", 900, "below_link")
	w.target(w.canary, "pension", "P-canary", store.TargetContested, "")
	require.NoError(t, w.db.QueryRow(ctx, `SELECT id::text FROM targets WHERE key = 'P-canary'`).Scan(&w.target1))
	// What a colleague of the canary's community did.
	w.exec(`INSERT INTO desk_entries (request, key, resident_id, who, record) VALUES ('canary-entry', 'edit-1', $1, '李红', '{"values": {"phone": "13712349876"}}')`, w.canary)
	w.record(w.canary, rec{platform: "desk", key: "edit-1", values: schema.Values{"phone": "13712349876"}, at: today, anchors: []int64{1}})
	w.exec(`UPDATE platforms SET cursor = '100'::jsonb WHERE id = 'desk'`)
	w.exec(`INSERT INTO risks (resident_id, attribute, old, new, platform, key, who, until) VALUES ($1, 'life_status', 'alive', 'dead', 'desk', 'edit-1', '李红', now() + interval '1 hour')`, w.canary)
	require.NoError(t, w.db.QueryRow(ctx, `SELECT id::text FROM risks`).Scan(&w.risk))
	r := w.send(201, "POST", "/api/v1/decisions", map[string]any{"kind": "later", "a": ref("gongan", "G-canary"), "b": ref("volunteers", "V-other"), "who": "x", "why": "y"}, w.as("steward")...)
	w.actionID = r.json["action"].(map[string]any)["id"].(string)
	require.NoError(t, w.db.QueryRow(ctx, `SELECT id::text FROM decisions`).Scan(&w.decisionID))
	w.exec(`INSERT INTO dead_records (platform, stage, key, place, problem) VALUES ('pension', 'pull', 'P-x', 'row 7', 'bad_id_number')`)
	w.exec(`INSERT INTO handovers (resident_id, hint, body, asked_by, residence, hukou, why) VALUES ($1, '3912', 'street', '别人', $2, false, '欧阳沐辰搬来')`, w.canary, at(yongfu, "1"))
	require.NoError(t, w.db.QueryRow(ctx, `SELECT id::text FROM handovers`).Scan(&w.handover))
	// A card of the canary, and a batch of the canary and the other.
	w.live("reward", "home")
	for i, c := range []struct{ platform, record string }{{"home", "P-canary"}, {"reward", "P-canary"}, {"reward", "V-other"}} {
		intent := uuid.New()
		w.exec(`INSERT INTO targets (platform, key, record_id, resident_id, state) SELECT $1, $2, id, resident_id, 'queued' FROM records WHERE key = $2`, c.platform, c.record)
		w.exec(`INSERT INTO intents (id, target_id, platform, fence, fields, state) SELECT $1, id, platform, 1, '{}', 'queued' FROM targets WHERE platform = $2 AND key = $3`, intent, c.platform, c.record)
		w.push(c.platform, connectors.Write{Intent: intent.String(), Key: number(t, "1986-07-11", 17+i), Set: map[string]string{"dh": "13712349876"}, Shown: map[string]string{"xm": "欧阳沐辰"}})
	}
	list, err := w.connector("home").(connectors.Courier).Parcels(ctx)
	require.NoError(t, err)
	w.parcel = list[0].ID
	bringer := access.With(ctx, access.Actor{Name: "李红", Account: 1})
	imported, err := w.store.NewImport(bringer, "李红", "台账.csv", roster.Roster{Columns: []roster.Column{{Name: "姓名", Attribute: schema.Name}}},
		[]store.ImportLine{{Line: 2, Cells: []string{"欧阳沐辰"}}})
	require.NoError(t, err)
	w.roster = imported.String()
	w.secrets = []string{"欧阳沐辰", w.idNumber, w.idNumber[10:], "13712349876", w.canary.String(), "G-canary", "P-canary", "canary-entry"}
	return w
}

func (w *apart) as(login string) []string {
	_, h := w.session(login)
	return h
}

// places fills the places of a route with what belongs to the canary, and with
// what belongs to nobody. A place that is not known here has to be added.
func (w *apart) places(t *testing.T, route string) (method, hers, nobodys string) {
	method, path, ok := strings.Cut(route, " ")
	if !ok {
		method, path = "GET", route+"nothing-here"
	}
	absent := "7e57ab1e-0000-4000-8000-000000000001"
	fill := map[string][2]string{"{$}": {"", ""}, "{request}": {"canary-entry", "absent-entry"}, "{x}": {w.canary.String(), absent}, "{y}": {w.other.String(), w.other.String()},
		"{key}": {"P-canary", "P-absent"}, "{target}": {w.target1, w.target1}, "{read}": {"1", "1"}, "{attribute}": {"phone", "phone"}, "{login}": {"anning", "absent"}, "{platform}": {"pension", "pension"}, "{id}": {w.canary.String(), absent}}
	switch {
	case strings.Contains(path, "/platforms/"):
		fill["{id}"] = [2]string{"pension", "pension"}
	case strings.Contains(path, "/risks/"):
		fill["{id}"] = [2]string{w.risk, "99999"}
	case strings.Contains(path, "/decisions/"):
		fill["{id}"] = [2]string{w.decisionID, "99999"}
	case strings.Contains(path, "/actions/"):
		fill["{id}"] = [2]string{w.actionID, absent}
	case strings.Contains(path, "/imports/"):
		fill["{id}"] = [2]string{w.roster, absent}
	case strings.Contains(path, "/handovers/"):
		fill["{id}"] = [2]string{w.handover, "99999"}
	case strings.Contains(path, "/dead/"):
		fill["{id}"] = [2]string{"1", "99999"}
	case strings.Contains(path, "/parcels/"):
		fill["{platform}"], fill["{id}"] = [2]string{"home", "home"}, [2]string{w.parcel, "hj-home-9-abcd"}
	}
	hers, nobodys = path, path
	for place, v := range fill {
		hers, nobodys = strings.ReplaceAll(hers, place, v[0]), strings.ReplaceAll(nobodys, place, v[1])
	}
	require.NotContains(t, hers, "{", "say in this test what fills the place, so that the route is proved to keep communities apart")
	return method, hers, nobodys
}

// bodies are what routes that change something take; "{}" where none is given.
func (w *apart) body(route string) string {
	values := map[string]any{"values": map[string]string{"phone": "13900009999"}, "who": "x"}
	body := map[string]any{}
	switch {
	case route == "PATCH /api/v1/residents/{id}":
		body = values
	case strings.HasPrefix(route, "POST /api/v1/risks/"), strings.HasPrefix(route, "POST /api/v1/handovers/"), strings.HasSuffix(route, "/reveal"):
		body = map[string]any{"who": "x", "why": "y"}
	case strings.HasSuffix(route, "/typed"):
		body = map[string]any{"taken": true, "who": "x"}
	case strings.Contains(route, "/imports/"), strings.HasSuffix(route, "/uploaded"), strings.HasSuffix(route, "/return"):
		body = map[string]any{"who": "x"}
	}
	if strings.Contains(route, " /api/") {
		raw, _ := json.Marshal(body) // of texts alone
		return string(raw)
	}
	return url.Values{"who": {"x"}, "why": {"y"}, "taken": {"true"}, "phone": {"13900009999"}, "confirm": {"1"}}.Encode()
}

var (
	fleeting = regexp.MustCompile(`name="csrf" value="[^"]*"|content="[^"]{20,}"|name="request" value="[^"]*"`)
	strange  = []string{"yongfu", "east", "nobody", "platform", "security", "auditor"}
)

// Every route of the table, asked by everybody who must not see the canary: what
// is hers is answered like what is nobody's, and no answer has a trace of her.
func TestCommunitiesAreApart(t *testing.T) {
	w := twoCommunities(t)
	for _, route := range slices.Sorted(maps.Keys(desk.Permissions)) {
		need := desk.Permissions[route]
		method, hers, nobodys := w.places(t, route)
		for _, login := range strange {
			if login == "security" && strings.HasPrefix(route, "POST") && strings.Contains(route, "/accounts/") {
				continue // it is what they are there for, and would change who is a stranger
			}
			body := ""
			if method != "GET" {
				body = w.body(route)
			}
			ask := func(path string) reply {
				secret, h := w.session(login)
				if body != "" && !strings.HasPrefix(path, "/api/") {
					return w.do(method, path, body+"&csrf="+access.FormToken(secret), h...)
				}
				return w.do(method, path, body, h...)
			}
			r, absent := ask(hers), ask(nobodys)
			require.NotEqual(t, 500, r.status, "%s as %s: %s", route, login, r.text)
			mine := func(text string) string { // what the address itself says may be said back
				for _, part := range strings.Split(hers, "/") {
					if len(part) > 6 && part != "residents" {
						text = strings.ReplaceAll(text, part, "…")
					}
				}
				return fleeting.ReplaceAllString(text, "")
			}
			for _, secret := range w.secrets {
				require.NotContains(t, mine(r.text), secret, "%s as %s", route, login)
				require.NotContains(t, mine(r.header.Get("Location")), secret, "%s as %s", route, login)
			}
			other := strings.Contains(route, "/dead/") // a row of a platform, told without its person
			if hers != nobodys && need != access.Open && !other {
				require.Equal(t, absent.status, r.status, "%s as %s: %s", route, login, r.text)
				theirs := absent.text
				for _, part := range strings.Split(nobodys, "/") {
					if len(part) > 6 && part != "residents" {
						theirs = strings.ReplaceAll(theirs, part, "…")
					}
				}
				require.Equal(t, fleeting.ReplaceAllString(theirs, ""), mine(r.text), "%s as %s", route, login)
			}
		}
	}
	// Nothing that a stranger sent has been done.
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries WHERE resident_id = $1`, w.canary))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM risks WHERE released_at IS NULL AND stopped_at IS NULL`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM handovers WHERE state = 'open'`))
	require.Zero(t, w.count(`SELECT count(*) FROM reveals`))
	require.NotContains(t, w.log.String(), "欧阳沐辰")
	require.Zero(t, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'read' AND what = 'resident/' || $1 AND who IN ('陈静', '郑主任', '新来的')`, w.canary.String()))
	require.Positive(t, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'read.refused' AND what = 'resident/' || $1 AND who = '陈静'`, w.canary.String()))
}

// What is searched for by strangers finds the same as what is nobody's.
func TestSearchingAcrossCommunities(t *testing.T) {
	w := twoCommunities(t)
	for _, login := range []string{"yongfu", "east", "nobody"} {
		for hers, nobodys := range map[string]string{"欧阳沐辰": "欧阳沐尘", w.idNumber: number(t, "1986-07-11", 19), w.idNumber[10:]: "88776655",
			"13712349876": "13712349877", "9876": "8765", "ouyangmuchen 13712349876": "ouyangmuchen 13712349877", w.canary.String(): uuid.NewString()} {
			for _, path := range []string{"/api/v1/residents?q=", "/?q="} {
				r, absent := w.get(path+urlEscape(hers), w.as(login)...), w.get(path+urlEscape(nobodys), w.as(login)...)
				require.Equal(t, 200, r.status)
				said := strings.NewReplacer(hers, "…", strings.ReplaceAll(urlEscape(hers), "+", "&#43;"), "…", urlEscape(hers), "…").Replace(fleeting.ReplaceAllString(r.text, ""))
				for _, secret := range w.secrets {
					require.NotContains(t, said, secret, "%s as %s", path, login)
				}
				require.Equal(t, strings.Count(absent.text, "/residents/"), strings.Count(r.text, "/residents/"), "%s%s as %s", path, hers, login)
			}
		}
		for _, path := range []string{"/api/v1/risks?resident=" + w.canary.String(), "/api/v1/risks", "/risks", "/api/v1/parcels", "/parcels", "/handovers", "/api/v1/handovers"} {
			r := w.get(path, w.as(login)...)
			for _, secret := range w.secrets {
				require.NotContains(t, r.text, secret, "%s as %s", path, login)
			}
		}
	}
	// Entering her number does not tell either, before it is saved.
	preview := func(n string) reply {
		return w.send(200, "POST", "/api/v1/residents?preview=1", entry(map[string]string{"name": "某人", "id_number": n}), w.as("yongfu")...)
	}
	a, b := preview(w.idNumber), preview(number(t, "1986-07-11", 19))
	require.Equal(t, strings.ReplaceAll(b.text, number(t, "1986-07-11", 19), "…"), strings.ReplaceAll(a.text, w.idNumber, "…"))
}

// Those who answer for somebody see them: else the tests above would prove nothing.
func TestWhoSeesWhom(t *testing.T) {
	w := twoCommunities(t)
	sees := func(login string, id uuid.UUID) bool {
		r := w.get("/api/v1/residents/"+id.String(), w.as(login)...)
		require.Contains(t, []int{200, 404}, r.status)
		require.Equal(t, r.status, w.get("/residents/"+id.String(), w.as(login)...).status)
		return r.status == 200
	}
	for login, want := range map[string][3]bool{"anning": {true, false, true}, "street": {true, false, true}, "yongfu": {false, true, true},
		"east": {false, true, true}, "nobody": {false, false, false}, "steward": {true, true, true}} {
		require.Equal(t, want, [3]bool{sees(login, w.canary), sees(login, w.other), sees(login, w.both)}, login)
	}
	require.Contains(t, w.get("/?q="+urlEscape("欧阳"), w.as("anning")...).text, "欧阳沐辰")
	require.Contains(t, w.get("/risks", w.as("street")...).text, "欧阳沐辰")
	require.Contains(t, w.get("/parcels", w.as("anning")...).text, "欧阳沐辰")
	require.NotContains(t, w.get("/api/v1/parcels", w.as("anning")...).text, "hj-reward", "a batch with somebody else's resident is not theirs to carry")
	require.Contains(t, w.get("/api/v1/parcels", w.as("steward")...).text, "hj-reward")
	require.Equal(t, 200, w.get("/api/v1/entries/canary-entry", w.as("street")...).status)
	require.Equal(t, 404, w.get("/api/v1/entries/canary-entry", w.as("east")...).status)
	require.Contains(t, w.get("/", w.as("anning")...).text, "欧阳沐辰", "among the last entries")

	// A named person and a dwelling go before the area, in their domain alone.
	ctx := context.Background()
	give := func(r store.Responsibility) {
		r.From = today.AddDate(0, -1, 0)
		require.NoError(t, w.store.PutResponsibility(ctx, r))
	}
	give(store.Responsibility{Domain: "civil_affairs", Body: "yongfu", Resident: w.canary, Basis: store.ByHukou})
	require.True(t, sees("yongfu", w.canary))
	require.True(t, sees("anning", w.canary), "governance is still theirs")
	give(store.Responsibility{Domain: "governance", Body: "yongfu", Dwelling: schema.AddressFromCanonical(at(anning, "1801")).Dwelling()})
	require.False(t, sees("anning", w.canary), "nothing is left")
	require.NoError(t, w.store.SetPosting(ctx, "yongfu", store.Posting{Bodies: []string{"yongfu"}, Domains: []string{"women"}}))
	require.False(t, sees("yongfu", w.canary))
	require.NoError(t, w.store.SetPosting(ctx, "yongfu", store.Posting{Bodies: []string{"yongfu"}, Domains: []string{"civil_affairs"}}))
	require.True(t, sees("yongfu", w.canary))
	// Who was merged into somebody is looked for under the one who lives.
	heir := w.resident(rec{platform: "pension", key: "P-heir", at: today, values: schema.Values{"name": "欧阳沐辰", "residence": at(anning, "1801")}})
	w.exec(`UPDATE residents SET redirect_to = $2 WHERE id = $1`, w.canary, heir)
	require.Equal(t, "/residents/"+heir.String(), w.get("/residents/"+w.canary.String(), w.as("yongfu")...).header.Get("Location"))
	require.True(t, sees("yongfu", heir))
	require.False(t, sees("anning", heir))
	for _, p := range []store.Posting{{Bodies: []string{"nowhere"}}, {Domains: []string{"party"}}, {Bodies: []string{"anning"}, Everywhere: true}, {Bodies: []string{"anning"}, Domains: []string{"x"}}} {
		require.Error(t, w.store.SetPosting(ctx, "anning", p))
	}
	require.ErrorContains(t, w.store.AddToken(ctx, store.Token{Name: "p", Scopes: []string{"review"}, MadeBy: "x", Expires: time.Now().Add(time.Hour)}, []byte{1}), "everywhere")
}
