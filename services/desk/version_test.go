package desk_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
)

// Two programs change one resident at once: the second is told what has changed,
// and nothing of it is saved.
func TestIfMatch(t *testing.T) {
	w := newWorld(t)
	w.everyone()
	id, number := w.wang()
	_, li := w.session("worker")
	_, zhao := w.session("supervisor")
	path := "/api/v1/residents/" + id.String()
	change := func(h []string, tag string, values map[string]string, more ...string) reply {
		return w.do("PATCH", path, jsonOf(t, entry(values)), append(append(append([]string{}, h...), "If-Match", tag), more...)...)
	}
	seen := w.get(path, li...).header.Get("ETag")
	require.Regexp(t, `^"\d+-\d+"$`, seen)
	require.Equal(t, seen, w.get(path, zhao...).header.Get("ETag"))
	require.Empty(t, w.get(path+"?as_of=2026-11-01", li...).header.Get("ETag"), "the past is not changed")

	require.Equal(t, 202, change(li, seen, map[string]string{"phone": "13900002222"}, "Idempotency-Key", "first").status)
	r := change(zhao, seen, map[string]string{"phone": "13900003333"})
	require.Equal(t, 412, r.status, r.text)
	require.Equal(t, "urn:heji:problem:changed", r.json["type"])
	changed := r.json["changed"].([]any)
	require.Len(t, changed, 1)
	require.Equal(t, "phone", changed[0].(map[string]any)["attribute"])
	require.Equal(t, "1390*******", changed[0].(map[string]any)["text"])
	require.Equal(t, "李红", changed[0].(map[string]any)["who"])
	require.Equal(t, 412, change(zhao, seen, map[string]string{"education": "31"}).status, "another value: it has changed all the same")
	require.Equal(t, 412, w.do("PATCH", path+"?preview=true", jsonOf(t, entry(map[string]string{"phone": "13900003333"})), append(zhao, "If-Match", seen)...).status)
	require.Equal(t, 202, change(li, seen, map[string]string{"phone": "13900002222"}, "Idempotency-Key", "first").status, "a lost answer, asked for again")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM desk_entries`))

	// It chooses, and names the state that it has seen.
	now := r.header.Get("ETag")
	require.Equal(t, now, w.get(path, zhao...).header.Get("ETag"))
	require.Equal(t, 202, change(zhao, `W/"1-1", `+now, map[string]string{"phone": "13900003333"}).status)

	// What a platform changes is a change, too.
	now = w.get(path, li...).header.Get("ETag")
	w.changed(id, today, "phone", survivor("13800001111", "pension", "P1"), survivor("13700004444", "pension", "P1"))
	r = change(li, now, map[string]string{"phone": "13900005555"})
	require.Equal(t, 412, r.status)
	require.NotContains(t, r.text, "13800001111")
	require.NotContains(t, r.text, number)
	for _, tag := range []string{`"nonsense"`, "W/" + r.header.Get("ETag"), `"9999999-0"`, `"1-1-1"`, "*x"} {
		require.Equal(t, 412, change(li, tag, map[string]string{"phone": "13900005555"}).status, tag)
	}
	require.Equal(t, 202, change(li, "*", map[string]string{"phone": "13900005555"}).status)

	// At the same moment: one of them.
	now = w.get(path, li...).header.Get("ETag")
	var wg sync.WaitGroup
	status := make([]int, 4)
	for i := range status {
		wg.Go(func() {
			status[i] = change(li, now, map[string]string{string(schema.Phone): "1390000600" + string(rune('0'+i))}).status
		})
	}
	wg.Wait()
	require.ElementsMatch(t, []int{202, 412, 412, 412}, status)
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}
