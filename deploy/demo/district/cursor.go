package district

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	p "heji/deploy/demo/population"
)

// cursorAPI is the first style of HTTP interface: a bearer token by OAuth2;
// pages by an
// opaque cursor, in the order of the last change, which is null on the last
// page; "since" leaves out what did not change; PATCH of single fields; entity
// tags; creates with Idempotency-Key. A row that was taken out stays in the list
// with yxbz (有效标志) "0". 文化·志愿 speaks it.
type cursorAPI struct {
	service
	path    string
	token   string   // fixed, or
	tokens  *tokens  // given out for a while
	queries []string // columns that can be asked for
	number  string   // column whose value makes a new row a double
}

const (
	cursorValid = "yxbz"
	cursorTag   = "etag"
)

func newVolunteers(l *ledger) *cursorAPI {
	return &cursorAPI{service: service{ledger: l, id: p.Volunteers}, path: "/open/volunteers",
		tokens:  &tokens{client: "heji", secret: "volunteers-demo-secret", life: time.Minute, now: l.now, given: map[string]time.Time{}},
		queries: []string{"idcard", "mobile"}, number: "idcard"}
}

func (f *cursorAPI) start(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+f.path, f.list)
	mux.HandleFunc("GET "+f.path+"/{id}", f.get)
	mux.HandleFunc("PATCH "+f.path+"/{id}", f.patch)
	mux.HandleFunc("POST "+f.path, f.create)
	mux.HandleFunc("POST /oauth/token", f.tokens.give)
	return f.serve(ctx, mux, func(r *http.Request) bool { return r.URL.Path == "/oauth/token" || f.tokens.allows(r) }, cursorRefuse)
}

func cursorRefuse(w http.ResponseWriter, status int, message string) {
	writeReply(w, status, map[string]any{"error": map[string]string{"message": message}})
}

// show is a row as the interface shows it.
func (f *cursorAPI) show(s *stored) Row {
	row := maps.Clone(s.Row)
	row[cursorValid], row[cursorTag] = "1", etag(s.Seq)
	if s.Deleted {
		row[cursorValid] = "0"
	}
	return row
}

func etag(seq int64) string { return fmt.Sprintf(`"v%d"`, seq) }

func (f *cursorAPI) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := pageSize(q.Get("limit"), 100, 500)
	after, err := readCursor(q.Get("cursor"))
	if err != nil {
		cursorRefuse(w, http.StatusBadRequest, "cursor 无效")
		return
	}
	var since time.Time
	if text := q.Get("since"); text != "" {
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			cursorRefuse(w, http.StatusBadRequest, "since 应为 RFC 3339 时间")
			return
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	items, next, last := []Row{}, any(nil), int64(0)
	for _, s := range f.since(after, since) {
		if !matches(s, q, f.queries...) {
			continue
		}
		if len(items) == limit {
			next = writeCursor(last)
			break
		}
		items, last = append(items, f.show(s)), s.Seq
	}
	writeReply(w, http.StatusOK, map[string]any{"items": items, "next_cursor": next})
}

func (f *cursorAPI) get(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.live(r.PathValue("id"))
	if !ok {
		cursorRefuse(w, http.StatusNotFound, "没有该登记")
		return
	}
	w.Header().Set("ETag", etag(s.Seq))
	writeReply(w, http.StatusOK, f.show(s))
}

func (f *cursorAPI) patch(w http.ResponseWriter, r *http.Request) {
	set, err := readBody(r)
	if err != nil {
		cursorRefuse(w, http.StatusBadRequest, err.Error())
		return
	}
	var version int64
	if tag := r.Header.Get("If-Match"); tag != "" && tag != "*" {
		version, err = strconv.ParseInt(strings.Trim(tag, `"v`), 10, 64)
		if err != nil || version == 0 {
			cursorRefuse(w, http.StatusPreconditionFailed, "If-Match 无效")
			return
		}
	}
	f.answer(w, http.StatusOK, request{Write: Write{Intent: r.Header.Get("Idempotency-Key"), Key: r.PathValue("id"), Set: set},
		version: version, token: r.Header.Get("Idempotency-Key")})
}

func (f *cursorAPI) create(w http.ResponseWriter, r *http.Request) {
	set, err := readBody(r)
	if err != nil {
		cursorRefuse(w, http.StatusBadRequest, err.Error())
		return
	}
	number := set[f.number]
	f.answer(w, http.StatusCreated, request{Write: Write{Intent: r.Header.Get("Idempotency-Key"), Create: true, Set: set},
		token:  r.Header.Get("Idempotency-Key"),
		double: func(s *stored) bool { return number != "" && s.Row[f.number] == number }})
}

func (f *cursorAPI) answer(w http.ResponseWriter, status int, q request) {
	delete(q.Set, cursorValid)
	delete(q.Set, f.layout.Key)
	delete(q.Set, f.layout.Changed)
	delete(q.Set, cursorTag)
	q.reply = func(s *stored) json.RawMessage {
		return mustJSON(map[string]any{"tag": etag(s.Seq), "row": f.show(s)})
	}
	out, err := f.accept(q)
	switch {
	case err != nil:
		cursorRefuse(w, http.StatusInternalServerError, "系统错误")
	case out.replay != nil:
		var was struct {
			Tag string
			Row json.RawMessage
		}
		if err := json.Unmarshal(out.replay, &was); err != nil {
			cursorRefuse(w, http.StatusInternalServerError, "系统错误")
			return
		}
		w.Header().Set("ETag", was.Tag)
		writeReply(w, status, was.Row)
	case out.gone:
		cursorRefuse(w, http.StatusNotFound, "没有该登记")
	case out.missed:
		w.Header().Set("ETag", etag(out.row.Seq))
		cursorRefuse(w, http.StatusPreconditionFailed, "登记已被他人修改")
	case out.exists != "":
		writeReply(w, http.StatusConflict, map[string]any{"error": map[string]string{"message": "该证件号码已登记", f.layout.Key: out.exists}})
	case out.reason != "":
		writeReply(w, http.StatusUnprocessableEntity, map[string]any{"error": map[string]string{"message": out.reason, "field": out.column}})
	default:
		w.Header().Set("ETag", etag(out.row.Seq))
		writeReply(w, status, f.show(out.row))
	}
}

// matches reports whether a row has the values that a query asks for.
func matches(s *stored, q map[string][]string, columns ...string) bool {
	for _, c := range columns {
		if want, ok := q[c]; ok && (len(want) == 0 || s.Row[c] != want[0]) {
			return false
		}
	}
	return true
}

func pageSize(s string, otherwise, most int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return otherwise
	}
	return min(n, most)
}

func writeCursor(seq int64) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "s:%d", seq))
}

func readCursor(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimPrefix(string(b), "s:"), 10, 64)
}
