package desk_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

// What the brakes hold is shown with its figures and masked samples, on a page
// and in the API, and goes on only for a person with a reason.
func TestBrakes(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	keep := func(digest string) string {
		require.NoError(t, w.store.Quarantine(ctx, store.Quarantine{Platform: "pension", Source: "rk.csv", Digest: digest, AsOf: time.Now(), Rows: 5, Known: 60,
			Figures: []store.Figure{{What: "gone", Count: 55, Of: 60, Share: 0.2}, {What: "blank", Attribute: schema.Phone, Count: 40, Of: 60, Share: 0.2}},
			Samples: []store.BrakeSample{{What: "blank", Attribute: schema.Phone, Shown: "138****1111"}}}, func(f func([]byte) error) error { return f([]byte("x")) }))
		list, err := w.store.Quarantines(ctx, "pension", false)
		require.NoError(t, err)
		require.Len(t, list, 1)
		return fmt.Sprint(list[0].ID)
	}
	first := keep("a")
	require.Equal(t, first, keep("a"), "the same read is kept once")
	second := keep("b")
	require.NotEqual(t, first, second, "a later one takes its place")

	require.Contains(t, w.get("/platforms").text, "/platforms/pension/brakes")
	page := w.get("/platforms/pension/brakes").text
	require.Contains(t, page, "消失：60 行中的 55 行（92%，允许 20%）")
	require.Contains(t, page, "138****1111")
	require.Contains(t, w.get("/api/v1/platforms/pension/brakes").text, `"state": "open"`)
	w.send(404, "GET", "/api/v1/platforms/sealed/brakes", nil)

	path := "/api/v1/platforms/pension/brakes/" + second
	for _, c := range []struct {
		status           int
		path, state, why string
		code             string
	}{
		{422, path, "released", " ", "why"},
		{422, path, "believed", "问过了", "brake_state"},
		{409, "/api/v1/platforms/pension/brakes/" + first, "released", "问过了", "brake_decided"},
		{404, "/api/v1/platforms/pension/brakes/none", "released", "问过了", "not_found"},
	} {
		r := w.send(c.status, "POST", c.path, map[string]string{"state": c.state, "who": "钱运维", "why": c.why})
		require.Equal(t, "urn:heji:problem:"+c.code, r.json["type"])
	}
	w.send(200, "POST", path, map[string]string{"state": "released", "who": "钱运维", "why": "小区划走了"})
	decided, err := w.store.Decided(ctx, "pension")
	require.NoError(t, err)
	require.Len(t, decided, 1)
	require.NoError(t, w.store.QuarantineDone(ctx, decided[0].ID))
	require.Zero(t, w.count(`SELECT count(*) FROM quarantined`), "what is settled is not kept")
	third := keep("c")
	require.Equal(t, 303, w.form("/platforms/pension/brakes/"+third, url.Values{"state": {"discarded"}, "who": {"钱运维"}, "why": {"列错位"}, "back": {"/platforms"}}).status)

	w.send(409, "POST", "/api/v1/platforms/pension/brakes/writing", map[string]string{"who": "钱运维", "why": "换号"})
	w.exec(`UPDATE platforms SET braked = '{"written": 101, "limit": 100, "rows": 400, "hours": 24, "due": 300}' WHERE id = 'pension'`)
	require.Contains(t, w.get("/platforms/pension/brakes").text, "还有 300 行等待")
	require.Contains(t, w.get("/platforms").text, "还有 300 行等待")
	w.send(422, "POST", "/api/v1/platforms/pension/brakes/writing", map[string]string{"who": "钱运维", "why": ""})
	w.send(200, "POST", "/api/v1/platforms/pension/brakes/writing", map[string]string{"who": "钱运维", "why": "公安换号"})
	require.Zero(t, w.count(`SELECT count(*) FROM platforms WHERE braked IS NOT NULL`))
}
