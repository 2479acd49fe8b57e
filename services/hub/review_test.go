package hub_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/desk"
)

// counter is the desk of a road, asked over HTTP as a program would.
type counter struct {
	*road
	url string
}

func newCounter(r *road) *counter {
	r.t.Helper()
	d, err := desk.New(desk.Options{Store: r.hub.Store, Registry: r.hub.Registry, Logger: slog.New(slog.DiscardHandler), Keys: r.hub.Keys})
	require.NoError(r.t, err)
	server := httptest.NewServer(d.Handler())
	r.t.Cleanup(server.Close)
	return &counter{r, server.URL}
}

func (c *counter) ask(status int, method, path string, body any) map[string]any {
	c.t.Helper()
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		require.NoError(c.t, err)
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(c.ctx, method, c.url+path, in)
	require.NoError(c.t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(c.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	require.Equal(c.t, status, res.StatusCode, string(text))
	out := map[string]any{}
	require.NoError(c.t, json.Unmarshal(text, &out))
	return out
}

// resident is whose record it is now.
func (c *counter) resident(ref schema.RecordRef) string {
	c.t.Helper()
	list, err := c.hub.Store.Memberships(c.ctx)
	require.NoError(c.t, err)
	for _, m := range list {
		if m.Ref == ref {
			return m.Resident
		}
	}
	return ""
}

// foreseen are the outcomes of a forecast for one row: attribute → outcome and
// new value, those only that reach the platform.
func foreseen(t *testing.T, forecast map[string]any, key string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, fate := range forecast["after"].([]any) {
		for _, e := range fate.(map[string]any)["effects"].([]any) {
			e := e.(map[string]any)
			if e["key"] == key && (e["outcome"] == "write" || e["outcome"] == "take_back") {
				out[e["attribute"].(string)] = e["outcome"].(string) + " " + e["new"].(string)
			}
		}
	}
	return out
}

func actionOf(t *testing.T, reply map[string]any) string {
	t.Helper()
	return reply["action"].(map[string]any)["id"].(string)
}

// I8: a wrong "same" is unmerged along its merge: the platform gets its own text
// back to the byte. Undoing the unmerge brings the merge, and what it had
// written, back. Each step does what its forecast said.
func TestUnmergeOverHTTP(t *testing.T) {
	r := newRoad(t, receives)
	other := map[string]string{"name": "司马青禾", "born": "19901212", "sex": "2", "tel": " 15400000007", "edu": "", "idn": ""}
	r.gets.set("g1", other)
	r.quiet()
	r.gives.set("a1", with(zhang, "tel", "15400000002", "edu", "21"))
	r.gives.set("a2", with(zhang, "tel", "15400000002", "edu", "21")) // the platform's own duplicate
	r.quiet()
	r.live()
	r.quiet()
	c := newCounter(r)
	before := r.gets.rowsOf("g1")
	a, g := schema.RecordRef{Platform: r.givesID(), Key: "a1"}, schema.RecordRef{Platform: r.getsID, Key: "g1"}
	x, y := c.resident(a), c.resident(g)
	require.NotEqual(t, x, y)

	same := map[string]any{"kind": "same", "a": a, "b": g, "who": "steward", "why": "a mistake"}
	forecast := c.ask(200, "GET", "/api/v1/reviews/"+x+"/"+y+"/effect?decision=same", nil)
	require.Len(t, forecast["before"], 2)
	require.Len(t, forecast["after"], 1)
	will := foreseen(t, forecast, "g1")
	require.Equal(t, "write 1540*******", will["phone"], forecast)
	require.Equal(t, forecast["writes"], c.ask(200, "POST", "/api/v1/decisions?preview=1", same)["writes"])
	require.Equal(t, before, r.gets.rowsOf("g1"), "a look changes nothing")
	require.NotEqual(t, c.resident(a), c.resident(g))

	made := r.gets.count()
	c.ask(201, "POST", "/api/v1/decisions", same)
	r.until("the wrong merge writes", func() bool { return r.gets.count() > made && r.gets.shows("g1", "edu") == "21" })
	r.quiet()
	merged := r.gets.rowsOf("g1")
	wrote := map[string]bool{}
	for column := range merged {
		if merged[column] != before[column] {
			wrote[column] = true
		}
	}
	require.Len(t, wrote, len(will), "%v was foreseen, %v was written", will, wrote)
	c.ask(200, "POST", "/api/v1/decisions", same) // once more: it is decided already

	// The merge is in the way of nothing but the decision that made it.
	id := c.resident(g)
	merges := c.ask(200, "GET", "/api/v1/residents/"+id+"/merges", nil)
	require.Len(t, merges["merges"], 1)
	merge := merges["merges"].([]any)[0].(map[string]any)
	unmerge := map[string]any{"merge": merge["id"], "who": "steward", "why": "two people", "seen": merges["state"]}
	refused := c.ask(409, "POST", "/api/v1/residents/"+id+"/unmerge", unmerge)
	require.Equal(t, "urn:heji:problem:opposite", refused["type"])
	standing := refused["decisions"].([]any)
	require.Len(t, standing, 1)
	require.Equal(t, "steward", standing[0].(map[string]any)["who"])
	unmerge["revoke"] = []any{standing[0].(map[string]any)["id"]}
	forecast = c.ask(200, "POST", "/api/v1/residents/"+id+"/unmerge?preview=1", unmerge)
	back := foreseen(t, forecast, "g1")
	require.Len(t, back, len(will))
	for attribute, does := range back {
		require.True(t, strings.HasPrefix(does, "take_back"), "%s: %s", attribute, does)
	}
	done := c.ask(201, "POST", "/api/v1/residents/"+id+"/unmerge", unmerge)
	r.until("taken back", func() bool { return maps.Equal(before, r.gets.rowsOf("g1")) })
	r.quiet()
	require.Equal(t, before, r.gets.rowsOf("g1"))
	require.ElementsMatch(t, []string{x, y}, []string{c.resident(a), c.resident(g)}, "both under the ids that they had")

	undo := "/api/v1/actions/" + actionOf(t, done)
	forecast = c.ask(200, "GET", undo+"/effect", nil)
	require.Equal(t, will["phone"], foreseen(t, forecast, "g1")["phone"])
	again := c.ask(201, "POST", undo+"/undo", map[string]any{"who": "steward"})
	r.until("merged and written again", func() bool { return maps.Equal(merged, r.gets.rowsOf("g1")) })
	r.quiet()
	require.Equal(t, c.resident(a), c.resident(g))
	c.ask(409, "POST", undo+"/undo", map[string]any{"who": "steward"})

	// Undoing the undoing decides again.
	c.ask(201, "POST", "/api/v1/actions/"+actionOf(t, again)+"/undo", map[string]any{"who": "steward"})
	r.until("taken back once more", func() bool { return maps.Equal(before, r.gets.rowsOf("g1")) })
	r.quiet()
	history := c.ask(200, "GET", "/api/v1/residents/"+c.resident(g)+"/actions", nil)["actions"].([]any)
	kinds := []string{}
	for _, h := range history {
		kinds = append(kinds, h.(map[string]any)["kind"].(string))
	}
	require.Equal(t, []string{"undo", "undo", "unmerge", "same"}, kinds)
}

// I8: what the machine joined is split by hand, and stays apart whatever the
// weights say (I4); what it had written is taken back, and comes back when the
// split is undone.
func TestSplitOverHTTP(t *testing.T) {
	r := newRoad(t, receives)
	r.gets.set("g1", with(zhang, "idn", "", "tel", "15400000002", "edu", ""))
	r.quiet()
	r.gives.set("a1", with(zhang, "tel", "15400000002", "edu", "21"))
	r.quiet()
	before := r.gets.rowsOf("g1")
	r.live()
	r.until("the machine's merge writes", func() bool { return r.gets.shows("g1", "edu") == "21" && r.gets.shows("g1", "idn") == zhang["idn"] })
	r.quiet()
	merged := r.gets.rowsOf("g1")
	c := newCounter(r)
	a, g := schema.RecordRef{Platform: r.givesID(), Key: "a1"}, schema.RecordRef{Platform: r.getsID, Key: "g1"}
	id := c.resident(a)
	require.Equal(t, id, c.resident(g))

	forecast := c.ask(200, "GET", "/api/v1/residents/"+id+"/effect?apart="+g.Platform+"/"+g.Key, nil)
	require.Equal(t, map[string]string{"id_number": "take_back ", "education": "take_back "}, foreseen(t, forecast, "g1"))
	require.EqualValues(t, 1, forecast["creates"], "the other part has no row there any more")
	done := c.ask(201, "POST", "/api/v1/residents/"+id+"/split", map[string]any{"apart": []any{g}, "who": "steward", "why": "a namesake"})
	r.until("taken back", func() bool { return maps.Equal(before, r.gets.rowsOf("g1")) })
	r.until("and the other part gets its row", func() bool { return r.gets.shows("made-1", "idn") == zhang["idn"] })
	r.quiet()
	require.Equal(t, before, r.gets.rowsOf("g1"))
	require.NotEqual(t, c.resident(a), c.resident(g))

	c.ask(201, "POST", "/api/v1/actions/"+actionOf(t, done)+"/undo", map[string]any{"who": "steward"})
	r.until("joined and written again", func() bool { return maps.Equal(merged, r.gets.rowsOf("g1")) })
	r.quiet()
	require.Equal(t, c.resident(a), c.resident(g))
}
