package district

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	p "heji/deploy/demo/population"
)

// healthFiles is 公卫健康档案: XML both ways, everything by POST, a name and a
// password, an outcome in every answer. It trims what it takes, and closes for
// a while in its first hour, as it does every night in life.
type healthFiles struct {
	service
	asked int // requests served, guarded by mu
	until time.Time
}

const (
	healthUser     = "heji"
	healthPassword = "healthfiles-demo-password"

	// After so many requests it is closed for so long, once.
	healthOpenFor   = 60
	healthClosedFor = 1500 * time.Millisecond
)

func newHealthFiles(l *ledger) *healthFiles {
	return &healthFiles{service: service{ledger: l, id: p.HealthFiles}}
}

func (h *healthFiles) start(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /phis/query", h.list)
	mux.HandleFunc("POST /phis/get", h.get)
	mux.HandleFunc("POST /phis/save", h.save)
	return h.serve(ctx, h.hours(mux), func(r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		return user == healthUser && password == healthPassword
	}, func(w http.ResponseWriter, status int, message string) {
		healthReply(w, status, strconv.Itoa(status), message, "")
	})
}

// hours is the window in which the platform is maintained: nothing is done then.
func (h *healthFiles) hours(on http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.asked++
		if h.asked == healthOpenFor {
			h.until = time.Now().Add(healthClosedFor)
		}
		closed := time.Now().Before(h.until)
		h.mu.Unlock()
		if closed {
			w.Header().Set("Retry-After", "1")
			healthReply(w, http.StatusServiceUnavailable, "503", "系统维护中，请稍后再试", "")
			return
		}
		on.ServeHTTP(w, r)
	})
}

func healthReply(w http.ResponseWriter, status int, code, message, more string) {
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.WriteHeader(status)
	// An error here means that the client has gone: nobody is left to tell.
	_, _ = w.Write(xmlDocument("<response>"+tag("code", code)+tag("message", message)+more+"</response>", false))
}

func (h *healthFiles) show(s *stored) string {
	state := "1"
	if s.Deleted {
		state = "9" // 作废
	}
	return "<record>" + xmlRow(s.Row, h.layout.Columns) + tag("archiveState", state) + "</record>"
}

func (h *healthFiles) list(w http.ResponseWriter, r *http.Request) {
	q, err := readXML(r.Body, false)
	if err != nil {
		healthReply(w, http.StatusOK, "400", err.Error(), "")
		return
	}
	var since time.Time
	if text := q.text("changedSince"); text != "" {
		if since, err = time.ParseInLocation("2006-01-02 15:04:05", strings.ReplaceAll(text, "T", " "), china); err != nil {
			healthReply(w, http.StatusOK, "400", "changedSince 格式应为 yyyy-MM-dd HH:mm:ss", "")
			return
		}
	}
	size, page := pageSize(q.text("rows"), 50, 500), pageSize(q.text("page"), 1, 1<<30)
	h.mu.Lock()
	defer h.mu.Unlock()
	hits := h.since(0, since)
	var b strings.Builder
	for i := (page - 1) * size; i < min(page*size, len(hits)); i++ {
		b.WriteString(h.show(hits[i]))
	}
	healthReply(w, http.StatusOK, "0", "成功", tag("total", fmt.Sprint(len(hits)))+"<records>"+b.String()+"</records>")
}

func (h *healthFiles) get(w http.ResponseWriter, r *http.Request) {
	q, err := readXML(r.Body, false)
	if err != nil {
		healthReply(w, http.StatusOK, "400", err.Error(), "")
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.live(q.text(h.layout.Key))
	if !ok {
		healthReply(w, http.StatusOK, "404", "档案不存在", "")
		return
	}
	healthReply(w, http.StatusOK, "0", "成功", h.show(s))
}

func (h *healthFiles) save(w http.ResponseWriter, r *http.Request) {
	q, err := readXML(r.Body, false)
	if err != nil {
		healthReply(w, http.StatusOK, "400", err.Error(), "")
		return
	}
	set := q.child("record").row()
	key := strings.TrimSpace(set[h.layout.Key])
	delete(set, h.layout.Key)
	for c, v := range set {
		set[c] = strings.TrimSpace(v)
	}
	id := q.text("messageId")
	ask := request{Write: Write{Intent: id, Key: key, Set: set}, token: id}
	ask.reply = func(s *stored) json.RawMessage { return mustJSON(h.show(s)) }
	out, err := h.accept(ask)
	switch {
	case err != nil:
		healthReply(w, http.StatusOK, "500", "系统错误", "")
	case out.replay != nil:
		var shown string
		if err := json.Unmarshal(out.replay, &shown); err != nil {
			healthReply(w, http.StatusOK, "500", "系统错误", "")
			return
		}
		healthReply(w, http.StatusOK, "0", "成功", shown)
	case out.gone:
		healthReply(w, http.StatusOK, "404", "档案不存在", "")
	case out.reason != "":
		healthReply(w, http.StatusOK, "422", out.reason, tag("field", out.column))
	default:
		healthReply(w, http.StatusOK, "0", "成功", h.show(out.row))
	}
}
