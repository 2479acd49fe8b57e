package desk_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
)

// A community judges pairs of its own people: nothing that reaches further.
func TestCommunitiesJudgeTheirOwn(t *testing.T) {
	w := twoCommunities(t)
	w.exec(`UPDATE decisions SET revoked_at = now()`) // the canary's pair, of two communities, waits again
	twin := func(key, room string) uuid.UUID {
		return w.resident(rec{platform: "volunteers", key: key, at: today.Add(-24 * time.Hour), values: schema.Values{"name": "贾晓雨", "birth_date": "1990-02-03",
			"phone": "13512345678", "residence": at(anning, room), "hukou_address": at(anning, room), "disability": "44"}})
	}
	x, y := twin("V-1", "301"), twin("V-2", "302")
	w.edge("volunteers/V-1", "volunteers/V-2", 800, "below_link")
	open := func(login string) float64 { return w.get("/api/v1/reviews", w.as(login)...).json["open"].(float64) }
	require.Equal(t, []float64{1, 1, 0, 0, 2}, []float64{open("anning"), open("street"), open("yongfu"), open("nobody"), open("steward")})
	list := w.get("/api/v1/reviews", w.as("anning")...)
	require.Len(t, list.json["reviews"], 1)
	require.NotContains(t, list.text, "欧阳", "a pair of two communities is a steward's")
	require.NotContains(t, list.text, "disability", "what lies in a domain is not in a list")
	require.Equal(t, 1.0, w.get("/api/v1/start", w.as("anning")...).todo()["reviews"])
	require.Zero(t, w.get("/api/v1/start", w.as("yongfu")...).todo()["reviews"])
	require.Contains(t, w.get("/", w.as("anning")...).text, `<a href="/reviews"><b>1</b>`)
	require.Contains(t, w.get("/", w.as("yongfu")...).text, `<a href="/reviews"><b>0</b>`)

	pair := "/reviews/" + x.String() + "/" + y.String()
	require.Equal(t, 200, w.get(pair, w.as("anning")...).status)
	for _, login := range []string{"yongfu", "nobody"} {
		require.Equal(t, 404, w.get(pair, w.as(login)...).status, login)
		require.Equal(t, 404, w.get("/api/v1"+pair+"/actions", w.as(login)...).status, login)
	}
	require.Equal(t, 404, w.get("/reviews/"+w.canary.String()+"/"+w.other.String(), w.as("anning")...).status)

	say := func(login, kind string, more map[string]any) reply {
		b := map[string]any{"kind": kind, "x": x.String(), "y": y.String(), "why": "问过本人"}
		for k, v := range more {
			b[k] = v
		}
		return w.ask("POST", "/api/v1/decisions", b, w.as(login)...)
	}
	byKey := map[string]any{"x": "", "y": "", "a": ref("volunteers", "V-1"), "b": ref("volunteers", "V-2")}
	require.Equal(t, 404, say("yongfu", "same", nil).status)
	require.Equal(t, 404, say("yongfu", "not_same", byKey).status, "nor by the names of the records")
	require.Equal(t, 403, say("anning", "keep", map[string]any{"x": "", "y": "", "a": ref("volunteers", "V-1"), "attribute": "phone", "value": "13512345678"}).status)
	require.Equal(t, "urn:heji:problem:steward_numbers", say("anning", "same", map[string]any{"alias_ids": true}).json["type"])
	require.Zero(t, w.count(`SELECT count(*) FROM actions WHERE kind <> 'later'`))

	made := say("anning", "not_same", nil)
	require.Equal(t, 201, made.status, made.text)
	action := made.json["action"].(map[string]any)
	require.Equal(t, "李红", action["who"])
	require.Equal(t, true, action["can_undo"])
	undo := "/api/v1/actions/" + action["id"].(string) + "/undo"
	require.Equal(t, 404, w.ask("POST", undo, map[string]any{}, w.as("yongfu")...).status)
	require.Equal(t, "urn:heji:problem:steward_undo", w.send(403, "POST", undo, map[string]any{}, w.as("street")...).json["type"], "a colleague asks the steward")
	w.send(201, "POST", undo, map[string]any{}, w.as("anning")...)
	w.exec(`UPDATE records SET unresolved = false`)

	// The steward has just said that one of the two is somebody of the other community.
	third := w.resident(rec{platform: "volunteers", key: "V-3", at: today.Add(-24 * time.Hour), values: schema.Values{"name": "贾晓雨", "residence": at(yongfu, "9"), "hukou_address": at(yongfu, "9")}})
	w.send(201, "POST", "/api/v1/decisions", map[string]any{"kind": "same", "x": y.String(), "y": third.String()}, w.as("steward")...)
	reach := say("anning", "same", nil)
	require.Equal(t, "urn:heji:problem:steward_reach", reach.json["type"])
	require.NotContains(t, reach.text, third.String())
	page := w.get(pair, w.as("anning")...)
	require.Contains(t, page.text, "由数据管理员判断")
	require.NotContains(t, page.text, third.String())
	require.Equal(t, 201, say("anning", "later", nil).status)
	require.Zero(t, open("anning"))
}

// ask sends a body and takes whatever comes.
func (w *apart) ask(method, path string, body any, header ...string) reply {
	w.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(w.t, err)
	return w.do(method, path, string(raw), header...)
}
