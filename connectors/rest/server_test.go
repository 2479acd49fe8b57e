package rest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"heji/connectors/conformance"
)

// style is one of the ways in which departments build their interfaces.
type style int

const (
	cursors style = iota // cursor pages, PATCH, ETag, bearer, nested columns
	pages                // numbered pages with a total, PUT of the whole row, API key, rows vanish
	times                // pages by time, POST with a wrapped body, errors inside a 200
)

// clinic is a platform over HTTP. It shares no code with the connector.
type clinic struct {
	style  style
	server *httptest.Server

	mu     sync.Mutex
	rows   map[string]map[string]string
	clock  int64 // milliseconds; each change is later than the one before
	writes int
	done   map[string]bool // idempotency keys
	last   int

	// hook, where set, answers instead of the platform.
	hook func(w http.ResponseWriter, r *http.Request) bool
}

func newClinic(t testing.TB, s style) *clinic {
	c := &clinic{style: s, rows: map[string]map[string]string{}, done: map[string]bool{}, clock: 1_780_000_000_000}
	c.server = httptest.NewServer(c)
	t.Cleanup(c.server.Close)
	return c
}

func (c *clinic) yaml() string {
	head := "platform: clinic\nname: 妇幼\nkind: rest\nclass: C\ncadence: 1m\nnatural: [id_number]\nchange_column: updated\nconnect:\n  base_url: " + c.server.URL + "/api\n"
	tail := "fields:\n  name: {column: xm, required: true}\n  phone: {column: sjhm}\n  id_number: {column: sfzh}\n" +
		"agreement:\n  receives: {phone: overwrite, name: overwrite, id_number: overwrite}\n  creates: true\nkey: [id]\n"
	switch c.style {
	case cursors:
		return head + `  auth: {bearer: "${TOKEN}"}
  list: {path: /persons, paging: cursor, items: data.items, next: data.next, cursor_param: cursor, size_param: limit, size: 7, since_param: since}
  deletes: {field: deleted, value: "true"}
  get: {path: "/persons/{key}"}
  find: {path: /persons/search, params: {sfzh: idno}, items: data.items}
  update: {method: PATCH, path: "/persons/{key}", if_match: true, idempotency_header: Idempotency-Key}
  create: {method: POST, path: /persons, key: id, idempotency_header: Idempotency-Key}
change_format: unix_ms
version_column: version
` + tail
	case pages:
		return head + `  auth: {api_key: {header: X-Key, value: "${TOKEN}"}}
  list: {path: /list, paging: page, items: rows, page_param: page, size_param: size, size: 7, total: total}
  deletes: full
  get: {path: "/person?id={key}", item: row}
  find: {path: /find, params: {sfzh: idno}, items: rows}
  update: {method: PUT, path: "/person?id={key}", body: full}
  create: {method: POST, path: /person, key: row.id}
change_format: unix_ms
` + tail
	}
	return head + `  auth: {api_key: {header: X-Key, value: "${TOKEN}"}}
  list: {path: /list, paging: time, items: rows, since_param: from, size_param: size, size: 7, page_param: page}
  deletes: {field: deleted, value: "true"}
  get: {path: "/person?id={key}", item: row}
  find: {path: /find, params: {sfzh: idno}, items: rows}
  update: {method: POST, path: /update, body: wrapped, wrap: person}
  create: {method: POST, path: /create, body: wrapped, wrap: person, key: row.id}
  error: {code: code, ok: ["0"], exists: ["7"], gone: ["4"], message: msg, column: field}
change_format: unix_ms
` + tail
}

func env(name string) (string, bool) { return conformance.Secret, name == "TOKEN" }

// The back door.

func (c *clinic) tick() string {
	c.clock += 10
	return strconv.FormatInt(c.clock, 10)
}

func (c *clinic) Insert(_ testing.TB, rows ...map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.tick()
	for _, r := range rows {
		r = maps.Clone(r)
		r["updated"], r["version"] = now, now
		c.rows[r["id"]] = r
	}
}

// InsertLate inserts rows whose change time lies back.
func (c *clinic) InsertLate(t testing.TB, back time.Duration, rows ...map[string]string) {
	c.Insert(t, rows...)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range rows {
		c.rows[r["id"]]["updated"] = strconv.FormatInt(c.clock-back.Milliseconds(), 10)
	}
}

// Stall keeps every request waiting.
func (c *clinic) Stall(testing.TB) (waiting <-chan struct{}, release func()) {
	gone, came := make(chan struct{}), make(chan struct{}, 100)
	c.answer(func(_ http.ResponseWriter, r *http.Request) bool {
		came <- struct{}{}
		select {
		case <-gone:
		case <-r.Context().Done():
		}
		return true
	})
	return came, func() { close(gone); c.answer(nil) }
}

func (c *clinic) Update(t testing.TB, rows ...map[string]string) { c.Insert(t, rows...) }

func (c *clinic) Delete(_ testing.TB, ids ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.tick()
	for _, id := range ids {
		if c.style == pages {
			delete(c.rows, id)
			continue
		}
		c.rows[id]["deleted"], c.rows[id]["updated"], c.rows[id]["version"] = "true", now, now
	}
}

func (c *clinic) Row(_ testing.TB, id string) (map[string]string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.rows[id]
	if !ok || r["deleted"] == "true" {
		return nil, false
	}
	return maps.Clone(r), true
}

func (c *clinic) Publish(testing.TB) {}
func (c *clinic) Process(testing.TB) {}

func (c *clinic) Writes(testing.TB) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

// The front door.

func (c *clinic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	hook := c.hook
	c.mu.Unlock()
	if hook != nil && hook(w, r) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+conformance.Secret && r.Header.Get("X-Key") != conformance.Secret {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"message":"bad token %s"}`, r.Header.Get("Authorization"))
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/api")
	switch {
	case path == "/persons" && r.Method == "GET", path == "/list":
		c.list(w, r)
	case path == "/persons/search", path == "/find":
		c.search(w, r)
	case r.Method == "GET":
		c.get(w, c.id(r))
	case path == "/persons", path == "/person" && r.Method == "POST", path == "/create":
		c.create(w, r)
	default:
		c.update(w, r)
	}
}

func (c *clinic) id(r *http.Request) string {
	if id := r.URL.Query().Get("id"); id != "" {
		return id
	}
	return strings.TrimPrefix(r.URL.Path, "/api/persons/")
}

func (c *clinic) say(w http.ResponseWriter, status int, v map[string]any) {
	if c.style == times {
		status = http.StatusOK
		if _, ok := v["code"]; !ok {
			v["code"] = 0
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

// show is a row as this platform shows it: times as numbers.
func show(r map[string]string) map[string]any {
	out := map[string]any{"extra": map[string]any{"kept": true}}
	for k, v := range r {
		out[k] = v
	}
	n, _ := strconv.ParseInt(r["updated"], 10, 64)
	out["updated"], out["deleted"] = n, r["deleted"] == "true"
	return out
}

func (c *clinic) sorted(since string) []map[string]string {
	from, _ := strconv.ParseInt(since, 10, 64)
	var out []map[string]string
	for _, r := range c.rows {
		if at, _ := strconv.ParseInt(r["updated"], 10, 64); at >= from {
			out = append(out, r)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if c.style != pages && out[i]["updated"] != out[j]["updated"] {
			return out[i]["updated"] < out[j]["updated"]
		}
		return out[i]["id"] < out[j]["id"]
	})
	return out
}

func (c *clinic) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	size, _ := strconv.Atoi(q.Get("size") + q.Get("limit"))
	all := c.sorted(q.Get("since") + q.Get("from"))
	start := 0
	switch {
	case c.style == cursors && q.Get("cursor") != "":
		start, _ = strconv.Atoi(q.Get("cursor"))
	case c.style != cursors:
		page, _ := strconv.Atoi(q.Get("page"))
		start = (page - 1) * size
	}
	items := []any{}
	for i := start; i < start+size && i < len(all); i++ {
		items = append(items, show(all[i]))
	}
	next := ""
	if start+size < len(all) {
		next = strconv.Itoa(start + size)
	}
	if c.style == cursors {
		c.say(w, 200, map[string]any{"data": map[string]any{"items": items, "next": next}})
		return
	}
	c.say(w, 200, map[string]any{"rows": items, "total": len(all)})
}

func (c *clinic) search(w http.ResponseWriter, r *http.Request) {
	items := []any{}
	for _, row := range c.rows {
		if row["sfzh"] == r.URL.Query().Get("idno") && row["deleted"] != "true" {
			items = append(items, show(row))
		}
	}
	c.say(w, 200, map[string]any{"rows": items, "data": map[string]any{"items": items}})
}

func (c *clinic) get(w http.ResponseWriter, id string) {
	row, ok := c.rows[id]
	if !ok || row["deleted"] == "true" {
		c.say(w, 404, map[string]any{"code": 4, "msg": "没有这个人"})
		return
	}
	if c.style == cursors {
		w.Header().Set("ETag", `"`+row["version"]+`"`)
		c.say(w, 200, show(row))
		return
	}
	c.say(w, 200, map[string]any{"row": show(row)})
}

func (c *clinic) read(r *http.Request) map[string]any {
	body := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil
	}
	if person, ok := body["person"].(map[string]any); ok {
		return person
	}
	return body
}

func (c *clinic) refuse(w http.ResponseWriter, body map[string]any) bool {
	if name, ok := body["xm"].(string); ok && (len([]rune(name)) > 20 || name == "") {
		c.say(w, 422, map[string]any{"code": 9, "msg": "姓名“" + name + "”过长", "message": "姓名“" + name + "”过长", "field": "xm"})
		return true
	}
	return false
}

func (c *clinic) update(w http.ResponseWriter, r *http.Request) {
	body := c.read(r)
	id := c.id(r)
	if c.style == times {
		id, _ = body["id"].(string)
	}
	row, ok := c.rows[id]
	if !ok || row["deleted"] == "true" {
		c.say(w, 404, map[string]any{"code": 4, "msg": "没有这个人"})
		return
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" && c.done[key] {
		c.get(w, id)
		return
	}
	if match := r.Header.Get("If-Match"); match != "" && match != `"`+row["version"]+`"` {
		c.say(w, 412, map[string]any{"message": "版本已变"})
		return
	}
	if c.refuse(w, body) {
		return
	}
	if c.style == pages && body["extra"] == nil {
		c.say(w, 400, map[string]any{"message": "PUT must hold the whole row"})
		return
	}
	for _, column := range []string{"xm", "sjhm", "sfzh"} {
		if v, ok := body[column].(string); ok {
			row[column] = v
		}
	}
	c.stamp(r, row)
	c.get(w, id)
}

func (c *clinic) stamp(r *http.Request, row map[string]string) {
	now := c.tick()
	row["updated"], row["version"] = now, now
	c.writes++
	c.done[r.Header.Get("Idempotency-Key")] = true
}

func (c *clinic) create(w http.ResponseWriter, r *http.Request) {
	body := c.read(r)
	if c.refuse(w, body) {
		return
	}
	for _, row := range c.rows {
		if row["sfzh"] == body["sfzh"] {
			c.say(w, 409, map[string]any{"code": 7, "msg": "已存在", "message": "已存在", "id": row["id"], "row": show(row)})
			return
		}
	}
	c.last++
	row := map[string]string{"id": fmt.Sprintf("C%04d", c.last)}
	for _, column := range []string{"xm", "sjhm", "sfzh"} {
		row[column], _ = body[column].(string)
	}
	c.rows[row["id"]] = row
	c.stamp(r, row)
	if c.style == cursors {
		c.say(w, 201, show(row))
		return
	}
	c.say(w, 201, map[string]any{"row": show(row)})
}

func (c *clinic) answer(hook func(w http.ResponseWriter, r *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hook = hook
}

func TestConformance(t *testing.T) {
	swap := func(from, to string) func(string) string {
		return func(y string) string { return strings.Replace(y, from, to, 1) }
	}
	bad := []conformance.Bad{
		{Name: "NoVariable", YAML: swap("${TOKEN}", "${TOKENS}"), Says: "is not set"},
		{Name: "WrongKey", YAML: swap("${TOKEN}", "no-"+conformance.Secret[:4]), Says: "Check connect.auth"},
		{Name: "Unreachable", YAML: func(y string) string {
			i := strings.Index(y, "base_url: ")
			return y[:i] + "base_url: http://127.0.0.1:1" + y[i+strings.Index(y[i:], "\n"):]
		}, Says: "cannot be reached"},
		{Name: "UnknownKey", YAML: swap("size_param", "size_parm"), Says: `Did you mean "size_param"?`},
		{Name: "NoItems", YAML: swap(" items: ", " items: nowhere."), Says: "has no list at"},
		{Name: "NoBase", YAML: swap("base_url: http", "base_url: ftp"), Says: "connect.base_url must be"},
		{Name: "Paging", YAML: swap("paging: ", "paging: a"), Says: "must be cursor, page, time or none"},
		{Name: "NoKey", YAML: swap("key: [id]", "key: [nr]"), Says: "have no nr"},
	}
	for name, h := range map[string]conformance.Harness{
		"CursorPagesPatchETag":    {Incremental: true, Vanishing: true, Conditional: true, Refuses: true, Paced: true},
		"NumberedPagesWholePut":   {Vanishing: true, Conditional: true, Refuses: true, Paced: true},
		"TimePagesGatewayWrapped": {Incremental: true, Vanishing: true, Conditional: true, Refuses: true, MidCursors: true, Paced: true},
	} {
		s := map[string]style{"CursorPagesPatchETag": cursors, "NumberedPagesWholePut": pages, "TimePagesGatewayWrapped": times}[name]
		h.Env, h.Bad = env, bad
		h.New = func(t *testing.T) (conformance.Platform, string) {
			c := newClinic(t, s)
			return c, c.yaml()
		}
		t.Run(name, func(t *testing.T) { conformance.Run(t, h) })
	}
}
