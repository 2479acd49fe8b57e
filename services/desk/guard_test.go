package desk_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func urlEscape(s string) string { return url.QueryEscape(s) }

func jsonNumber(f float64) string {
	raw, _ := json.Marshal(f) // a number always encodes
	return string(raw)
}

func TestOnlyLoopbackNames(t *testing.T) {
	w := newWorld(t)
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST": true, "127.0.0.1": true, "127.0.0.1:80": true, "127.8.9.10:1": true,
		"[::1]": true, "[::1]:8080": true, "[::ffff:127.0.0.1]": true,
		"evil.example": false, "evil.example:8080": false, "10.0.0.1": false, "0.0.0.0": false, "localhost.evil.example": false,
		"127.0.0.1.evil.example": false, "[::2]": false, "2130706433": false, "127.1": false,
	} {
		for _, path := range []string{"/", "/api/v1/platforms", "/static/desk.css"} {
			r := w.get(path, "Host", host)
			if ok {
				require.Equal(t, 200, r.status, host)
			} else {
				require.Equal(t, 421, r.status, host)
			}
		}
	}
}

func TestOtherSitesCannotAct(t *testing.T) {
	w := newWorld(t)
	form := "name=" + urlEscape("王芳") + "&who=" + urlEscape("李老师") + "&step=save"
	for _, c := range []struct {
		header []string
		ok     bool
	}{
		{nil, true}, // a program
		{[]string{"Sec-Fetch-Site", "same-origin"}, true},
		{[]string{"Origin", w.url}, true},
		{[]string{"Referer", w.url + "/residents/new"}, true},
		{[]string{"Sec-Fetch-Site", "cross-site"}, false},
		{[]string{"Sec-Fetch-Site", "same-site"}, false}, // another port of this machine
		{[]string{"Origin", "http://evil.example"}, false},
		{[]string{"Origin", "null"}, false},
		{[]string{"Origin", "http://127.0.0.1:1"}, false},
		{[]string{"Referer", "http://evil.example/"}, false},
	} {
		want := 303
		if !c.ok {
			want = 403
		}
		before := w.count(`SELECT count(*) FROM desk_entries`)
		require.Equal(t, want, w.do("POST", "/residents/new", form, c.header...).status, c.header)
		if !c.ok {
			require.Equal(t, before, w.count(`SELECT count(*) FROM desk_entries`))
			require.Equal(t, 403, w.do("POST", "/api/v1/writes/stop", "{}", c.header...).status)
			require.Equal(t, 403, w.do("DELETE", "/api/v1/decisions/1?who=a", "", c.header...).status)
		}
		require.Equal(t, 200, w.get("/", c.header...).status, "reading is harmless")
	}
}

func TestHeaders(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/residents/new", "/api/v1/platforms", "/nowhere", "/static/desk.js"} {
		h := w.get(path).header
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'")
		require.NotContains(t, h.Get("Content-Security-Policy"), "unsafe")
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
		require.Equal(t, "same-origin", h.Get("Referrer-Policy"))
		require.NotEmpty(t, h.Get("Cache-Control"))
	}
}

// The policy forbids them; a page that had one would be broken.
func TestNoInlineScriptOrStyle(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	for _, path := range []string{"/", "/?q=" + urlEscape("王建国"), "/residents/new", "/residents/" + id.String(), "/residents/" + id.String() + "/edit", "/platforms", "/reviews", "/nowhere"} {
		text := w.get(path).text
		require.NotContains(t, text, "style=")
		require.NotContains(t, text, "<style")
		require.NotContains(t, text, "javascript:")
		require.NotRegexp(t, `\son[a-z]+=`, text)
		require.Equal(t, strings.Count(text, "<script"), strings.Count(text, `<script src="/static/desk.js" defer></script>`))
	}
}

func TestRequestsAreMeasuredByRoute(t *testing.T) {
	w := newWorld(t)
	id, _ := w.wang()
	w.get("/?q=" + urlEscape("王建国"))
	w.get("/residents/" + id.String())
	w.get("/nowhere")
	families, err := w.metrics.Gather()
	require.NoError(t, err)
	var text strings.Builder
	for _, f := range families {
		if f.GetName() == "heji_desk_request_seconds" {
			text.WriteString(f.String())
		}
	}
	for _, route := range []string{"GET /{$}", "GET /residents/{id}", `"404"`} {
		require.Contains(t, text.String(), route)
	}
	for _, personal := range []string{"王建国", id.String()} { // I9
		require.NotContains(t, text.String(), personal)
		require.NotContains(t, w.log.String(), personal)
	}
}
