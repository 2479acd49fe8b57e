package desk_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/schema"
)

// todo is what the first page says waits, by kind.
func (r reply) todo() map[string]float64 {
	out := map[string]float64{}
	for _, x := range r.json["todo"].([]any) {
		out[x.(map[string]any)["kind"].(string)] = x.(map[string]any)["count"].(float64)
	}
	return out
}

// What waits is what one may do, of those whom one sees.
func TestWhatWaitsForWhom(t *testing.T) {
	w := twoCommunities(t)
	w.exec(`UPDATE targets SET state = 'refused' WHERE key = 'P-canary' AND platform = 'pension'`)
	w.exec(`INSERT INTO proposals (platform, key, attribute, resident_id, shown, proposed) VALUES ('pension', 'P-canary', 'name', $1, 'a', 'b')`, w.canary)
	hers := w.get("/api/v1/start", w.as("anning")...)
	require.Equal(t, map[string]float64{"risks": 1, "handovers": 1, "carry": 2, "proposals": 1, "refused": 1, "imports": 1}, hers.todo())
	row := hers.json["rows"].([]any)[0].(map[string]any)
	require.Equal(t, w.canary.String(), row["resident"])
	require.Equal(t, "被退回", row["word"])
	require.Equal(t, map[string]float64{"carry": 1}, w.get("/api/v1/start", w.as("yongfu")...).todo())
	require.Empty(t, w.get("/api/v1/start", w.as("nobody")...).todo())
	require.NotContains(t, w.get("/api/v1/start", w.as("yongfu")...).text, "欧阳沐辰")
	w.exec(`UPDATE decisions SET revoked_at = now()`)
	require.Equal(t, float64(1), w.get("/api/v1/start", w.as("steward")...).todo()["reviews"])

	page := w.get("/", w.as("anning")...)
	for _, want := range []string{`data-todo="risks"`, `href="/platforms/pension/proposals"`, "欧阳沐辰", "被退回"} {
		require.Contains(t, page.text, want)
	}
	require.NotContains(t, page.text, `data-todo="reviews"`)
	require.Contains(t, w.get("/", w.as("nobody")...).text, "没有等您处理的事")
}

// What platforms changed today, without values and without what is sensitive.
func TestWhatArrivedToday(t *testing.T) {
	w := twoCommunities(t)
	change := func(at time.Time, attribute schema.Attribute, platform string, old any) {
		w.exec(`INSERT INTO history (resident_id, kind, attribute, at, old, new) VALUES ($1, 'value', $2, $3, $4, jsonb_build_object('v', '13712340000', 's', jsonb_build_object('platform', $5::text, 'key', 'P-canary')))`,
			w.canary, attribute, at, old, platform)
	}
	old := `{"v": "13700000000"}`
	change(today, "phone", "pension", old)
	change(today, "education", "pension", nil)            // first seen, not changed
	change(today, "low_income", "pension", old)           // sensitive
	change(today, "corrections", "sealed", old)           // I7
	change(today, "name", "desk", old)                    // staff did
	change(today.AddDate(0, 0, -1), "sex", "gongan", old) // yesterday
	r := w.get("/api/v1/start", w.as("anning")...)
	list := r.json["arrived"].([]any)
	require.Len(t, list, 1, r.text)
	require.Equal(t, "phone", list[0].(map[string]any)["attribute"])
	require.NotContains(t, r.text, "1371234")
	require.Empty(t, w.get("/api/v1/start", w.as("yongfu")...).json["arrived"])
	require.Contains(t, w.get("/", w.as("anning")...).text, "联系电话 · 居民养老")
}

// What was saved is counted for the community: today, this month, and by month.
func TestWhatWasSaved(t *testing.T) {
	w := twoCommunities(t)
	ctx := context.Background()
	for _, c := range []struct {
		day  time.Time
		list []uuid.UUID
	}{{today, []uuid.UUID{w.canary, w.canary, w.other}}, {today.AddDate(0, 0, -1), []uuid.UUID{w.canary}}, {today.AddDate(0, -2, 0), []uuid.UUID{w.canary, w.other}},
		{today.AddDate(-2, 0, 0), []uuid.UUID{w.canary}}} {
		require.NoError(t, w.store.CountSaved(ctx, "pension", c.day, c.list))
	}
	w.exec(`UPDATE desk_entries SET at = $1`, today)
	saved := func(login string) map[string]any {
		return w.get("/api/v1/start", w.as(login)...).json["saved"].(map[string]any)
	}
	months := func(s map[string]any) (out []float64) {
		for _, m := range s["months"].([]any) {
			out = append(out, m.(map[string]any)["saved"].(float64))
		}
		return out
	}
	s := saved("anning")
	require.Equal(t, []any{1.0, 2.0, 3.0}, []any{s["entries_today"], s["today"], s["month"]})
	require.Equal(t, []float64{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3}, months(s))
	require.Equal(t, "2025-12", s["months"].([]any)[0].(map[string]any)["month"])
	s = saved("yongfu")
	require.Equal(t, []any{0.0, 1.0, 1.0}, []any{s["entries_today"], s["today"], s["month"]})
	require.Equal(t, 3.0, saved("steward")["today"])
	require.Equal(t, 0.0, saved("nobody")["today"])
	n, err := w.store.Counter(ctx, "entries_saved")
	require.NoError(t, err)
	require.EqualValues(t, 7, n)
	page := w.get("/", w.as("anning")...).text
	require.Contains(t, page, "今天录入 1 次，各平台少录 2 次。 本月共少录 3 次。")
	require.Contains(t, page, "<title>2026-11: 3</title>")
	require.Contains(t, page, `<th scope="row">2026-09</th><td class="number">1</td>`)
}

func TestBrowserBegins(t *testing.T) {
	w := twoCommunities(t)
	w.exec(`UPDATE targets SET state = 'contested', since = now() WHERE key = 'P-canary' AND platform = 'pension'`)
	for i := range 9 {
		require.NoError(t, w.store.CountSaved(context.Background(), "pension", today.AddDate(0, -i, 0), slices.Repeat([]uuid.UUID{w.canary}, 240-i*23+i*i)))
	}
	w.exec(`INSERT INTO history (resident_id, kind, attribute, at, old, new) VALUES ($1, 'value', 'phone', $2, '{"v": "1"}', '{"v": "2", "s": {"platform": "pension", "key": "P-canary"}}')`, w.canary, today)
	b := newBrowser(t)
	b.do(chromedp.EmulateViewport(1280, 900))
	b.enter(w.world, "anning", "/")
	b.eventually(`document.querySelectorAll(".bars rect").length === 12 && document.querySelector('[data-todo="risks"]') !== null`)
	b.shot(os.Getenv("HEJI_SCREENSHOT"))
	b.do(chromedp.EmulateViewport(390, 844))
	require.True(t, evaluate[bool](b, `document.documentElement.scrollWidth <= 390`), "it fits a phone")
	b.shot(os.Getenv("HEJI_SCREENSHOT_PHONE"))
	require.True(t, evaluate[bool](b, `document.querySelector('[data-todo="contested"]') === null`), "a steward decides whose text holds")
	b.do(chromedp.Click(chromedp.CSS(`.todo a[href$="#waits"]`)))
	b.eventually(`document.querySelector("h1").textContent.includes("欧阳沐辰")`)
	require.Empty(t, b.complaints())
}
