package district

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	p "heji/deploy/demo/population"
)

// mental is 严重精神障碍: a sealed register over HTTP. Pages by number with a
// total; POST of the fields that change; who is not allowed learns nothing, not
// even that there is such a register.
type mental struct{ service }

const mentalKey = "mental-demo-key"

func newMental(l *ledger) *mental { return &mental{service{ledger: l, id: p.Mental}} }

func (m *mental) start(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/cases", m.list)
	mux.HandleFunc("GET /v1/cases/{id}", m.get)
	mux.HandleFunc("POST /v1/cases/{id}", m.change)
	return m.serve(ctx, mux, func(r *http.Request) bool {
		return subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Key")), []byte(mentalKey)) == 1
	}, func(w http.ResponseWriter, status int, _ string) {
		if status == http.StatusUnauthorized {
			http.Error(w, "404 page not found", http.StatusNotFound)
			return
		}
		writeReply(w, status, map[string]string{"msg": "稍后再试"})
	})
}

func (m *mental) show(s *stored) Row {
	row := Row{}
	for _, c := range m.layout.Columns {
		row[c] = s.Row[c]
	}
	row["zt"] = "1"
	if s.Deleted {
		row["zt"] = "0"
	}
	return row
}

func (m *mental) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	size, page := pageSize(q.Get("size"), 20, 100), pageSize(q.Get("page"), 1, 1<<30)
	m.mu.Lock()
	defer m.mu.Unlock()
	hits, rows := m.since(0, time.Time{}), []Row{}
	for i := (page - 1) * size; i < min(page*size, len(hits)); i++ {
		rows = append(rows, m.show(hits[i]))
	}
	writeReply(w, http.StatusOK, map[string]any{"rows": rows, "total": strconv.Itoa(len(hits))})
}

func (m *mental) get(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.live(r.PathValue("id"))
	if !ok {
		writeReply(w, http.StatusNotFound, map[string]string{"msg": "无"})
		return
	}
	writeReply(w, http.StatusOK, m.show(s))
}

func (m *mental) change(w http.ResponseWriter, r *http.Request) {
	set, err := readBody(r)
	if err != nil {
		writeReply(w, http.StatusBadRequest, map[string]string{"msg": err.Error()})
		return
	}
	token := r.Header.Get("X-Request-Id")
	q := request{Write: Write{Intent: token, Key: r.PathValue("id"), Set: set}, token: token}
	q.reply = func(s *stored) json.RawMessage { return mustJSON(m.show(s)) }
	out, err := m.accept(q)
	switch {
	case err != nil:
		writeReply(w, http.StatusInternalServerError, map[string]string{"msg": "系统错误"})
	case out.replay != nil:
		writeReply(w, http.StatusOK, out.replay)
	case out.gone:
		writeReply(w, http.StatusNotFound, map[string]string{"msg": "无"})
	case out.reason != "":
		writeReply(w, http.StatusUnprocessableEntity, map[string]string{"msg": out.reason, "field": out.column})
	default:
		writeReply(w, http.StatusOK, q.reply(out.row))
	}
}
