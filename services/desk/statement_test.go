package desk_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A month as an answer, a table for spreadsheets and a page to be printed.
func TestStatement(t *testing.T) {
	w := newWorld(t)
	w.exec(`INSERT INTO intents (id, platform, key, fence, fields, state, at, done_at) SELECT gen_random_uuid(), p, 'K', 1,
		'{"phone": {"w": "15400001111", "s": "desk/x"}}', 'applied', '2026-03-10 10:00+08', '2026-03-10 10:00+08'
		FROM (SELECT id AS p FROM platforms WHERE id = 'pension' OR class = 'D') x`)
	r := w.get("/api/v1/statement?month=2026-03&lang=zh")
	lines := r.json["lines"].([]any)
	require.Len(t, lines, 2, "nothing of the sealed platform")
	line := lines[1].(map[string]any)
	require.Equal(t, "人社", line["department"])
	require.Equal(t, "phone", line["attribute"])
	require.EqualValues(t, 1, line["applied"])
	require.Empty(t, w.get("/api/v1/statement?month=2026-04").json["lines"])
	require.Contains(t, w.get("/api/v1/statement?month=March").json["type"], "month")
	require.Contains(t, w.get("/api/v1/statement?month=2026-13&format=csv").json["type"], "month")

	csv := w.get("/api/v1/statement?month=2026-03&format=csv&lang=en")
	require.True(t, strings.HasPrefix(csv.text, "\ufeffMonth,Department,Platform,"), csv.text)
	require.Contains(t, csv.text, "2026-03,人社,Pension,")
	page := w.get("/statement?month=2026-03")
	require.Equal(t, 200, page.status)
	for _, text := range []string{"居民养老", "人社", "2026-03"} {
		require.Contains(t, page.text, text)
	}
	require.NotContains(t, page.text+csv.text+r.text, "15400001111")
	require.Contains(t, w.get("/statement?month=2026-04").text, "没有写入")
	require.Contains(t, w.get("/platforms").text, `href="/statement"`)
}
