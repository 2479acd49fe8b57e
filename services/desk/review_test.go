package desk_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

func ref(platform, key string) map[string]string {
	return map[string]string{"platform": platform, "key": key}
}

// edge stores an open pair between two records.
func (w *world) edge(a, b string, weight int, reason string) {
	w.t.Helper()
	ap, ak, _ := strings.Cut(a, "/")
	bp, bk, _ := strings.Cut(b, "/")
	w.exec(`INSERT INTO edges (a, b, weight, reason) SELECT least(a.id, b.id), greatest(a.id, b.id), $5, $6 FROM records a, records b
		WHERE (a.platform, a.key, b.platform, b.key) = ($1, $2, $3, $4)`, ap, ak, bp, bk, weight, reason)
}

// problem asks in both languages for the same refusal and returns its code. The
// sentences differ, name everything, and never a value.
func (w *world) problem(status int, method, path string, body any) string {
	w.t.Helper()
	zh, en := w.send(status, method, path, body), w.send(status, method, path, body, "Accept-Language", "en")
	code, ok := strings.CutPrefix(zh.json["type"].(string), "urn:heji:problem:")
	require.True(w.t, ok)
	require.Equal(w.t, zh.json["type"], en.json["type"])
	for _, part := range []string{"title", "detail"} {
		require.NotEqual(w.t, zh.json[part], en.json[part], code)
		for _, text := range []string{zh.json[part].(string), en.json[part].(string)} {
			require.NotContains(w.t, text, "error.", code)
			require.NotRegexp(w.t, `\{[a-z]+\}`, text, code)
		}
	}
	return code
}

// twoOfThem are two residents who may be one: the second has a record of the
// sealed platform, too.
func (w *world) twoOfThem() (x, y uuid.UUID) {
	x, _ = w.wang()
	room := schema.Address{Community: "阳光社区", Compound: "幸福家园", Building: "3", Unit: "2", Room: "1801"}.Canonical()
	y = w.resident(
		rec{platform: "volunteers", key: "V1", values: schema.Values{"name": "王建国", "birth_date": "1980-05-10", "sex": "1", "residence": room, "phone": "13800001111"}, at: today.Add(-24 * time.Hour)},
		rec{platform: "volunteers", key: "V2", values: schema.Values{"name": "王建国", "birth_date": "1980-05-10", "sex": "1", "residence": room, "phone": "13900002222"}})
	w.edge("gongan/G1", "volunteers/V1", 900, "below_link")
	return x, y
}

// RULES A: "not the same" tells every record of one side apart from every record
// of the other; what follows another record and what is sealed is left out.
func TestNotTheSameCoversBothSides(t *testing.T) {
	w := newWorld(t)
	x, _ := w.twoOfThem()
	w.record(x, rec{platform: "desk", key: "edit-1", values: schema.Values{"phone": "13700003333"}, anchors: []int64{1}})
	body := map[string]any{"kind": "not_same", "a": ref("gongan", "G1"), "b": ref("volunteers", "V1"), "who": "赵主任", "why": "父子"}
	r := w.send(201, "POST", "/api/v1/decisions", body)
	action := r.json["action"].(map[string]any)
	require.Len(t, action["made"], 4, "G1 and P1 against V1 and V2")
	require.Equal(t, r.header.Get("Location"), "/api/v1/actions/"+action["id"].(string))
	require.NotContains(t, r.text, "sealed")
	require.Equal(t, 4, w.count(`SELECT count(*) FROM decisions WHERE revoked_at IS NULL AND kind = 'not_same'`))
	require.Equal(t, 4, w.count(`SELECT count(*) FROM records WHERE unresolved`))

	r = w.send(200, "POST", "/api/v1/decisions", body)
	require.Equal(t, action["id"], r.json["action"].(map[string]any)["id"], "decided already: the same action")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM actions`))

	// Any pair of the two contradicts it, and says what, who and when.
	same := map[string]any{"kind": "same", "a": ref("pension", "P1"), "b": ref("volunteers", "V2"), "who": "钱主任"}
	require.Equal(t, "opposite", w.problem(409, "POST", "/api/v1/decisions", same))
	r = w.send(409, "POST", "/api/v1/decisions", same)
	require.Contains(t, r.json["detail"], "赵主任")
	standing := r.json["decisions"].([]any)
	require.Len(t, standing, 4)
	require.Equal(t, "父子", standing[0].(map[string]any)["why"])
	var ids []any
	for _, s := range standing {
		ids = append(ids, s.(map[string]any)["id"])
	}
	same["revoke"] = ids[:3]
	require.Equal(t, "opposite", w.problem(409, "POST", "/api/v1/decisions", same), "all of them must be named")
	same["revoke"] = append(slices.Clone(ids), 999)
	require.Equal(t, "not_contradicting", w.problem(422, "POST", "/api/v1/decisions", same))
	same["revoke"] = ids
	done := w.send(201, "POST", "/api/v1/decisions", same)
	require.Len(t, done.json["action"].(map[string]any)["revoked"], 4)
	require.Equal(t, 4, w.count(`SELECT count(*) FROM decisions WHERE revoked_by = '钱主任'`))

	// Undoing puts back what it had taken, and the history tells all of it.
	path := "/api/v1/actions/" + done.json["action"].(map[string]any)["id"].(string)
	require.Equal(t, "who", w.problem(422, "POST", path+"/undo", map[string]any{}))
	w.send(201, "POST", path+"/undo", map[string]any{"who": "赵主任", "why": "看错了"})
	require.Equal(t, "undone", w.problem(409, "POST", path+"/undo", map[string]any{"who": "赵主任"}))
	require.Equal(t, 4, w.count(`SELECT count(*) FROM decisions WHERE revoked_at IS NULL AND kind = 'not_same'`))
	require.Equal(t, 0, w.count(`SELECT count(*) FROM decisions WHERE revoked_at IS NULL AND kind = 'same'`))
	var kinds []string
	for _, a := range w.get("/api/v1/residents/" + x.String() + "/actions").json["actions"].([]any) {
		kinds = append(kinds, a.(map[string]any)["kind"].(string))
	}
	require.Equal(t, []string{"undo", "same", "not_same"}, kinds)
	require.NotEmpty(t, w.get(path).json["undone_by"])
	// The first decision is undone together with what says it again.
	w.send(201, "POST", "/api/v1/actions/"+action["id"].(string)+"/undo", map[string]any{"who": "赵主任"})
	require.Zero(t, w.count(`SELECT count(*) FROM decisions WHERE revoked_at IS NULL`))
}

// I3: two different valid ID numbers become one resident's only when somebody
// says that they know it, and why; masked, the consequence is shown before.
func TestTwoNumbersNeedAWord(t *testing.T) {
	w := newWorld(t)
	x, first := w.wang()
	second := number(t, "1980-05-01", 9)
	y := w.resident(rec{platform: "volunteers", key: "V1", values: schema.Values{"name": "王建国", "id_number": second}})
	effect := w.get("/api/v1/reviews/" + x.String() + "/" + y.String() + "/effect?decision=same")
	require.Equal(t, 200, effect.status, effect.text)
	require.ElementsMatch(t, []any{first[:4] + strings.Repeat("*", 14), second[:4] + strings.Repeat("*", 14)}, effect.json["aliases"])
	body := map[string]any{"kind": "same", "a": ref("gongan", "G1"), "b": ref("volunteers", "V1"), "who": "赵主任", "why": "公安更正"}
	require.Equal(t, "two_numbers", w.problem(422, "POST", "/api/v1/decisions", body))
	body["alias_ids"], body["why"] = true, " "
	require.Equal(t, "alias_why", w.problem(422, "POST", "/api/v1/decisions", body))
	require.Zero(t, w.count(`SELECT count(*) FROM actions`))
	body["why"] = "公安更正"
	w.send(201, "POST", "/api/v1/decisions", body)
	require.NotContains(t, w.log.String(), second) // I9
}

// Somebody has changed a record since the page was opened.
func TestDecisionsAreAboutWhatWasSeen(t *testing.T) {
	w := newWorld(t)
	x, y := w.twoOfThem()
	pair := w.get("/api/v1/reviews/" + x.String() + "/" + y.String())
	require.Equal(t, 200, pair.status, pair.text)
	w.exec(`UPDATE records SET rev = rev + 1 WHERE key = 'V2'`)
	body := map[string]any{"kind": "not_same", "a": ref("gongan", "G1"), "b": ref("volunteers", "V1"), "who": "赵主任", "seen": pair.json["state"]}
	require.Equal(t, "moved", w.problem(409, "POST", "/api/v1/decisions", body))
	body["seen"] = w.get("/api/v1/reviews/" + x.String() + "/" + y.String()).json["state"]
	w.send(201, "POST", "/api/v1/decisions", body)
}

func TestLaterLeavesTheQueueAndReturns(t *testing.T) {
	w := newWorld(t)
	w.twoOfThem()
	open := func(query string) int {
		return len(w.get("/api/v1/reviews" + query).json["reviews"].([]any))
	}
	require.Equal(t, 1, open(""))
	body := map[string]any{"kind": "later", "a": ref("gongan", "G1"), "b": ref("volunteers", "V1"), "who": "赵主任", "why": "等户口簿"}
	for _, day := range []string{"2026-11-23", "2020-01-01", "2030-01-01", "soon"} {
		body["until"] = day
		require.Equal(t, "later_until", w.problem(422, "POST", "/api/v1/decisions", body))
	}
	delete(body, "until")
	r := w.send(201, "POST", "/api/v1/decisions", body)
	require.Equal(t, "2026-11-30", r.json["action"].(map[string]any)["made"].([]any)[0].(map[string]any)["until"].(string)[:10])
	require.Zero(t, w.count(`SELECT count(*) FROM records WHERE unresolved`), "it changes no partition")
	require.Zero(t, open(""))
	require.Equal(t, 1, open("?later=1"))
	require.Equal(t, float64(0), w.get("/api/v1/reviews").json["open"])
	// Every resolution writes edges anew; later hangs on the records' names.
	w.exec(`DELETE FROM edges`)
	w.edge("gongan/G1", "volunteers/V1", 950, "below_link")
	require.Zero(t, open(""))
	// Something new speaks: another edge between the same two.
	w.edge("pension/P1", "volunteers/V2", 700, "below_link")
	require.Equal(t, 1, open(""))
	w.exec(`DELETE FROM edges WHERE weight = 700`)
	body["until"] = "2026-12-24"
	w.send(201, "POST", "/api/v1/decisions", body)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM decisions WHERE revoked_at IS NULL`), "a new day supersedes the old one")
	w.exec(`UPDATE decisions SET later_until = now() - interval '1 minute'`)
	require.Equal(t, 1, open(""), "its day has come")
}

// The queue: conflicts about numbers first, then what much hangs on, then the
// weight; pages that neither repeat nor skip; filters.
func TestQueue(t *testing.T) {
	w := newWorld(t)
	home := func(community string) string {
		return schema.Address{Community: community, Compound: "幸福家园"}.Canonical()
	}
	for _, k := range []string{"1", "2", "3", "4", "5"} {
		w.resident(rec{platform: "pension", key: "P" + k, values: schema.Values{"name": "王" + k, "phone": "13800001111", "id_number": number(t, "1980-05-01", 20+int(k[0])),
			"residence": home("社区" + k)}})
		w.resident(rec{platform: "volunteers", key: "V" + k, values: schema.Values{"name": "王" + k, "phone": "13800001111"}})
	}
	for k, e := range map[string]struct {
		weight int
		reason string
	}{"1": {1500, "below_link"}, "2": {1400, "below_link"}, "3": {900, "same_id"}, "4": {1600, "group"}, "5": {2500, "i3"}} {
		w.edge("pension/P"+k, "volunteers/V"+k, e.weight, e.reason)
	}
	w.exec(`UPDATE residents SET master = jsonb_set(master, '{low_income}', '{"v": "1", "r": "only"}') WHERE name = '王2'`)
	keys := func(query string) []string {
		t.Helper()
		var out []string
		for cursor, n := "", 0; n < 9; n++ {
			r := w.get("/api/v1/reviews?" + query + "&cursor=" + cursor)
			require.Equal(t, 200, r.status, r.text)
			require.NotContains(t, r.text, "13800001111", "numbers in a list are masked")
			for _, p := range r.json["reviews"].([]any) {
				side := p.(map[string]any)["a"].(map[string]any)
				if side["platform"] != "pension" {
					side = p.(map[string]any)["b"].(map[string]any)
				}
				out = append(out, side["key"].(string))
			}
			next, more := r.json["next"].(string)
			if !more {
				break
			}
			cursor = next
		}
		return out
	}
	require.Equal(t, []string{"P5", "P3", "P2", "P4", "P1"}, keys(""))
	require.Equal(t, []string{"P5", "P3", "P2", "P4", "P1"}, keys("limit=2"))
	require.Equal(t, []string{"P2", "P1"}, keys("reason=below_link"))
	require.Equal(t, []string{"P4"}, keys("community="+urlEscape("社区4")))
	require.Len(t, keys("platform=volunteers"), 5)
	require.Empty(t, keys("platform=gongan"))
	require.NoError(t, w.store.PutBody(context.Background(), store.Body{ID: "b1", Name: "社区1", Kind: store.BodyCommunity}))
	require.NoError(t, w.store.PutResponsibility(context.Background(), store.Responsibility{Domain: "civil_affairs", Body: "b1", Area: "社区1", From: today.AddDate(-1, 0, 0)}))
	require.Equal(t, []string{"P1"}, keys("community=b1"))
	require.Empty(t, keys("community=%00"+urlEscape("无")))
}

// One pair whole: both sides' records with sources, what is equal and what is
// not, character by character, the waterfall in both languages, the effects.
func TestPairSideBySide(t *testing.T) {
	w := newWorld(t)
	w.live("volunteers")
	x, y := w.twoOfThem()
	path := "/api/v1/reviews/" + x.String() + "/" + y.String()
	r := w.get(path)
	require.Equal(t, 200, r.status, r.text)
	require.NotContains(t, r.text, "sealed")
	require.NotContains(t, r.text, "corrections")
	rows := map[string]map[string]any{}
	for _, row := range r.json["rows"].([]any) {
		rows[row.(map[string]any)["attribute"].(string)] = row.(map[string]any)
	}
	require.Equal(t, true, rows["phone"]["same"], "one of two phones is shared")
	require.Len(t, rows["phone"]["b"], 2)
	require.Equal(t, true, rows["birth_date"]["differs"])
	marks := rows["birth_date"]["b"].([]any)[0].(map[string]any)["marks"].([]any)
	var differs string
	for _, m := range marks {
		if m.(map[string]any)["differs"] == true {
			differs += m.(map[string]any)["text"].(string)
		}
	}
	require.Equal(t, "0", differs, "1980-05-01 and 1980-05-10: %v", marks)
	require.Equal(t, "居民养老", rows["education"]["a"].([]any)[0].(map[string]any)["from"].([]any)[0].(map[string]any)["platform_name"])
	require.Contains(t, r.text, "姓名")
	en := w.get(path + "?lang=en")
	require.Contains(t, en.text, "below_link")
	require.Contains(t, en.text, "alike, but not enough to be joined")

	effect := w.get(path + "/effect?decision=same")
	require.Equal(t, 200, effect.status, effect.text)
	require.Len(t, effect.json["after"], 1)
	require.NotContains(t, effect.text, "sealed")
	after := effect.json["after"].([]any)[0].(map[string]any)
	var birth map[string]any
	for _, v := range after["values"].([]any) {
		if v.(map[string]any)["attribute"] == "birth_date" {
			birth = v.(map[string]any)
		}
	}
	require.Equal(t, "1980-05-01", birth["after"].(map[string]any)["value"])
	require.Equal(t, "gongan", birth["after"].(map[string]any)["platform"])
	require.Contains(t, effect.text, `"outcome": "write"`)
	require.Zero(t, w.count(`SELECT count(*) FROM actions`), "a look decides nothing")
	require.Zero(t, w.count(`SELECT count(*) FROM records WHERE unresolved`))

	apart := w.get(path + "/effect?decision=not_same")
	require.Empty(t, apart.json["after"], "nothing changes but that nobody asks again")
	require.Equal(t, 400, w.get(path+"/effect?decision=keep").status)
	require.Equal(t, 400, w.get(path+"/effect?decision=same&revoke=x").status)
	require.Empty(t, w.get(path + "/actions").json["actions"])
	require.Equal(t, "pair_gone", w.problem(409, "GET", "/api/v1/reviews/"+x.String()+"/"+x.String(), nil))
}

func TestSplitRefusals(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	edit := w.record(id, rec{platform: "desk", key: "edit-1", values: schema.Values{"phone": "13700003333"}, anchors: []int64{1}})
	require.NotZero(t, edit)
	w.exec(`UPDATE records SET anchors = ARRAY[(SELECT id FROM records WHERE key = 'G1')] WHERE key = 'edit-1'`)
	path := "/api/v1/residents/" + id.String() + "/split"
	g, p, e := ref("gongan", "G1"), ref("pension", "P1"), ref("desk", "edit-1")
	groups := func(list ...[]map[string]string) map[string]any {
		return map[string]any{"groups": list, "who": "赵主任"}
	}
	type group = []map[string]string
	for code, body := range map[string]map[string]any{
		"split_few":      groups(group{g, p}),
		"split_missing":  groups(group{g}, group{}),
		"split_empty":    groups(group{g, p}, group{}),
		"split_unknown":  groups(group{g}, group{p, ref("volunteers", "V1")}),
		"split_twice":    groups(group{g, p}, group{p}),
		"split_anchored": groups(group{g}, group{p, e}),
		"split_both":     {"apart": group{g}, "groups": []group{{g}, {p}}, "who": "赵主任"},
	} {
		require.Equal(t, code, w.problem(422, "POST", path, body))
	}
	require.Equal(t, "split_unknown", w.problem(422, "POST", path, groups(group{g, ref("sealed", "S1")}, group{p})), "I7: as a record of nobody")
	require.Equal(t, "split_follows", w.problem(422, "POST", "/api/v1/decisions", map[string]any{"kind": "same", "a": e, "b": p, "who": "赵主任"}))
	require.Equal(t, "one_resident", w.problem(409, "POST", "/api/v1/decisions", map[string]any{"kind": "not_same", "a": g, "b": p, "who": "赵主任"}))
	require.Equal(t, "moved", w.problem(409, "POST", path, map[string]any{"apart": group{p}, "seen": "x", "who": "赵主任"}))
	require.Equal(t, "not_found", w.problem(404, "POST", "/api/v1/residents/"+id.String()+"/unmerge", map[string]any{"merge": 9, "who": "赵主任"}))
	require.Equal(t, "split_few", w.problem(422, "GET", "/api/v1/residents/"+id.String()+"/effect", nil))
	require.Zero(t, w.count(`SELECT count(*) FROM actions`))

	// A record that follows may be named where its own is.
	r := w.send(201, "POST", path, groups(group{g, e}, group{p}))
	require.Equal(t, "split", r.json["action"].(map[string]any)["kind"])
	require.Equal(t, 1, w.count(`SELECT count(*) FROM decisions WHERE kind = 'not_same'`))
}

// What a person drew as one person stays one, even where nothing but the others
// had held it together.
func TestSplitHoldsWhatWouldFallApart(t *testing.T) {
	w := newWorld(t)
	id := w.resident(
		rec{platform: "gongan", key: "G1", values: schema.Values{"name": "王建国", "birth_date": "1980-05-01"}},
		rec{platform: "pension", key: "P1", values: schema.Values{"name": "李四", "birth_date": "1955-01-01"}},
		rec{platform: "volunteers", key: "V1", values: schema.Values{"name": "陈秀英", "birth_date": "1999-09-09"}})
	r := w.send(201, "POST", "/api/v1/residents/"+id.String()+"/split", map[string]any{"apart": []any{ref("volunteers", "V1")}, "who": "赵主任"})
	var kinds []string
	for _, d := range r.json["action"].(map[string]any)["made"].([]any) {
		kinds = append(kinds, d.(map[string]any)["kind"].(string))
	}
	slices.Sort(kinds)
	require.Equal(t, []string{"not_same", "not_same", "same"}, kinds)
}

// A verdict on a platform's field is kept as an action, and is answered by
// another verdict, not by undoing.
func TestAVerdictIsNotUndone(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	action := uuid.New()
	w.exec(`INSERT INTO actions (id, kind, who) VALUES ($1, 'field', '赵主任')`, action)
	w.exec(`INSERT INTO decisions (kind, a_platform, a_key, attribute, value, who, action) VALUES ('field', 'pension', 'P1', 'phone', 'again', '赵主任', $1)`, action)
	path := "/api/v1/actions/" + action.String()
	require.Equal(t, false, w.get(path).json["can_undo"])
	require.Equal(t, "no_undo", w.problem(409, "POST", path+"/undo", map[string]any{"who": "赵主任"}))
	require.Equal(t, "no_undo", w.problem(409, "DELETE", "/api/v1/decisions/"+jsonNumber(float64(w.count(`SELECT id FROM decisions`)))+"?who="+urlEscape("赵主任"), nil))
	require.Contains(t, w.get("/residents/"+id.String()).text, "再写一次")
}

// I7: an action about sealed records alone is answered as one that is not there.
func TestSealedActionsAreNotThere(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	made, err := w.store.Decide(context.Background(), store.Choice{Kind: "same", Who: "机要员",
		A: schema.RecordRef{Platform: "gongan", Key: "G1"}, B: schema.RecordRef{Platform: "sealed", Key: "S1"}})
	require.NoError(t, err)
	var action uuid.UUID
	require.NoError(t, w.db.QueryRow(context.Background(), `SELECT action FROM decisions WHERE id = $1`, made).Scan(&action))
	require.Equal(t, "not_found", w.problem(404, "GET", "/api/v1/actions/"+action.String(), nil))
	require.Equal(t, "not_found", w.problem(404, "GET", "/api/v1/actions/"+action.String()+"/effect", nil))
	require.Equal(t, "not_found", w.problem(404, "POST", "/api/v1/actions/"+action.String()+"/undo", map[string]any{"who": "李"}))
	for _, path := range []string{"/api/v1/residents/" + id.String() + "/actions", "/residents/" + id.String(), "/residents/" + id.String() + "/split"} {
		r := w.get(path)
		require.Equal(t, 200, r.status, path)
		require.NotContains(t, r.text, "机要员", path)
		require.NotContains(t, r.text, "S1", path)
	}
}

// The pages decide as the API does, without scripts.
func TestDecideOnThePages(t *testing.T) {
	w := newWorld(t)
	x, y := w.twoOfThem()
	pair := "/reviews/" + x.String() + "/" + y.String()
	list := w.get("/reviews")
	require.Contains(t, list.text, "去判断")
	require.NotContains(t, list.text, "13800001111")
	require.Equal(t, 303, w.get("/reviews/next").status)
	require.Equal(t, "/reviews", w.get("/reviews/next?not="+w.get("/reviews/next").header.Get("Location")).header.Get("Location"))
	page := w.get(pair)
	require.Equal(t, 200, page.status, page.text)
	for _, want := range []string{"如果是同一个人", "如果不是同一个人", "以后再说", `accesskey="1"`, "<mark>", "像同一个人："} {
		require.Contains(t, page.text, want)
	}
	form := filledForm(page.text)
	form.Set("kind", "not_same")
	r := w.form(pair, form)
	require.Equal(t, 422, r.status)
	require.Contains(t, r.text, "请填写经办人姓名")
	form.Set("who", "赵主任")
	form.Set("why", "父子")
	r = w.form(pair, form)
	require.Equal(t, 303, r.status, r.text)
	action := w.get(r.header.Get("Location"))
	require.Contains(t, action.text, "判定为不是同一个人")
	require.Contains(t, action.text, "/reviews/next?not=")

	// The other word needs the first one taken back: a box to tick.
	w.exec(`UPDATE edges SET reason = 'decision'`) // as the merge will
	page = w.get(pair)
	require.Contains(t, page.text, "已有人判定不是同一个人")
	require.Contains(t, w.get("/reviews").text, "没有需要核对的")
	require.Contains(t, page.text, "已有人作过相反的决定")
	form = filledForm(page.text)
	form.Set("kind", "same")
	form.Set("who", "赵主任")
	revoke := form.Get("revoke.same")
	require.NotEmpty(t, revoke)
	form.Del("revoke.same")
	form.Del("alias_ids")
	r = w.form(pair, form)
	require.Equal(t, 409, r.status)
	require.Contains(t, r.text, "作过相反的决定")
	form.Set("revoke.same", revoke)
	r = w.form(pair, form)
	require.Equal(t, 303, r.status, r.text)

	undo, _, _ := strings.Cut(r.header.Get("Location"), "?")
	r = w.form(undo+"/undo", url.Values{"who": {"赵主任"}})
	require.Equal(t, 303, r.status, r.text)
	require.Contains(t, w.get(r.header.Get("Location")).text, "撤销操作")
	r = w.form(undo+"/undo", url.Values{"who": {"赵主任"}})
	require.Equal(t, 409, r.status)
	require.Contains(t, r.text, "已经撤销过了")
	require.Contains(t, w.get("/residents/"+x.String()+"?lang=en").text, "Decided: two people")
}

func TestSplitOnThePages(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	same := uuid.New()
	w.exec(`INSERT INTO actions (id, kind, who) VALUES ($1, 'same', '钱主任')`, same)
	w.exec(`INSERT INTO decisions (kind, a_platform, a_key, b_platform, b_key, who, action) VALUES ('same', 'gongan', 'G1', 'pension', 'P1', '钱主任', $1)`, same)
	w.exec(`INSERT INTO history (resident_id, kind, platform, key, other) VALUES ($1, 'joined', 'pension', 'P1', $2)`, id, uuid.New())
	path := "/residents/" + id.String() + "/split"
	require.Contains(t, w.get("/residents/"+id.String()).text, path+"?apart=pension/P1")
	page := w.get(path + "?apart=pension/P1")
	require.Equal(t, 200, page.status, page.text)
	require.Contains(t, page.text, "以前的合并")
	r := w.form(path, url.Values{"group.gongan/G1": {"1"}, "group.pension/P1": {"1"}})
	require.Equal(t, 422, r.status)
	require.Contains(t, r.text, "没有什么可拆分的")

	for _, how := range []url.Values{{"group.gongan/G1": {"1"}, "group.pension/P1": {"2"}}, {"merge": {jsonNumber(float64(w.count(`SELECT id FROM history`)))}}} {
		r = w.form(path, how)
		require.Equal(t, 200, r.status, r.text)
		require.Contains(t, r.text, "钱主任", "the split says whose decision it takes back")
		require.Contains(t, r.text, "要同时撤销以下决定")
	}
	require.Equal(t, 1, w.count(`SELECT count(*) FROM actions`), "looking decides nothing")
	form, _, _ := strings.Cut(r.text[strings.Index(r.text, `name="step"`)-60:], "</form>")
	save := filledForm(form)
	save.Set("who", "赵主任")
	r = w.form(path, save)
	require.Equal(t, 303, r.status, r.text)
	require.Contains(t, w.get(r.header.Get("Location")).text, "撤销合并")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM decisions WHERE kind = 'not_same' AND revoked_at IS NULL`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM decisions WHERE kind = 'same' AND revoked_by = '赵主任'`))
}
