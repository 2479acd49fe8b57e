package desk_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/linkage"
)

func TestRelink(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.store.InstallModel(t.Context(), linkage.DefaultSource()))
	w.wang()
	st := w.send(200, "GET", "/api/v1/relink", nil).json
	force := st["in_force"].(map[string]any)
	require.Equal(t, linkage.Default().Version(), force["version"])
	require.Equal(t, "in_force", force["phase"])

	other := strings.Replace(string(linkage.DefaultSource()), linkage.Default().Version(), "residents-other", 1)
	p := w.send(200, "POST", "/api/v1/relink/preview", map[string]any{"model": other})
	require.Equal(t, "residents-other", p.json["to"])
	require.NotContains(t, p.text, "sealed", "I7: nobody learns that it is connected")
	require.NotContains(t, p.text, "王", "I9: nobody is named")

	w.send(422, "POST", "/api/v1/relink", map[string]any{"model": other}) // somebody must answer for it
	r := w.send(422, "POST", "/api/v1/relink", map[string]any{"model": "version: 1\nnonsense: 2\n", "who": "李老师"}, "Accept-Language", "en")
	require.Contains(t, r.text, "nonsense")
	w.send(409, "POST", "/api/v1/relink", map[string]any{"who": "李老师"}) // the shipped one is in force
	w.send(404, "POST", "/api/v1/relink", map[string]any{"previous": true, "who": "李老师"})
	w.send(409, "POST", "/api/v1/relink/cancel", map[string]any{})

	started := w.send(202, "POST", "/api/v1/relink", map[string]any{"model": other, "who": "李老师"})
	require.Equal(t, "preparing", started.json["phase"])
	require.Equal(t, "李老师", started.json["who"])
	w.send(409, "POST", "/api/v1/relink", map[string]any{"model": other, "who": "李老师"})
	w.send(200, "POST", "/api/v1/relink/cancel", map[string]any{})
	require.Equal(t, 1, w.count(`SELECT count(*) FROM models WHERE phase = 'cancelled'`))

	w.exec(`UPDATE models SET phase = 'resolving' WHERE generation = 0`)
	r = w.send(409, "POST", "/api/v1/relink/cancel", map[string]any{}, "Accept-Language", "en")
	require.Contains(t, r.text, "--previous")
}

// A model file may be longer than anything else that is sent.
func TestRelinkTakesALongModel(t *testing.T) {
	w := newWorld(t)
	long := string(linkage.DefaultSource()) + "\n# " + strings.Repeat("长", 300_000) + "\n"
	w.send(200, "POST", "/api/v1/relink/preview", map[string]any{"model": long})
	w.send(413, "POST", "/api/v1/residents", entry(map[string]string{string(schema.Name): long}))
}

func TestHotKeysShowNoValue(t *testing.T) {
	w := newWorld(t)
	r := w.send(200, "GET", "/api/v1/hot-keys", nil)
	require.Empty(t, r.json["hot_keys"])
}
