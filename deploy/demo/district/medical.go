package district

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"time"

	p "heji/deploy/demo/population"
)

// medical is 居民医保: the third style of HTTP interface. Signed requests; pages
// by time, the boundary included, so that they overlap; POST to an update and
// an add endpoint with an idempotency header; HTTP 200 for nearly everything,
// with the real outcome in {"code", "message"}. A row that was taken out stays
// with vali_flag (有效标志) "0".
type medical struct{ service }

const (
	medicalApp    = "heji-demo"
	medicalSecret = "medical-demo-secret"
	medicalValid  = "vali_flag"

	medicalFine    = 0
	medicalBad     = 1400
	medicalDenied  = 1401
	medicalGone    = 1404
	medicalExists  = 1409
	medicalRefused = 1422
	medicalBusy    = 1429
	medicalBroken  = 1500
)

func newMedical(l *ledger) *medical { return &medical{service{ledger: l, id: p.Medical}} }

func (m *medical) start(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /insu/persons", m.list)
	mux.HandleFunc("POST /insu/persons/update", m.update)
	mux.HandleFunc("POST /insu/persons/add", m.add)
	gate := &signature{app: medicalApp, secret: medicalSecret, now: m.now, seen: map[string]time.Time{}}
	return m.serve(ctx, mux, gate.allows, func(w http.ResponseWriter, status int, message string) {
		code := medicalDenied
		if status == http.StatusTooManyRequests {
			code = medicalBusy
		}
		writeReply(w, status, medicalReply(code, message, nil))
	})
}

func medicalReply(code int, message string, data any) map[string]any {
	return map[string]any{"code": code, "message": message, "data": data}
}

func (m *medical) show(s *stored) Row {
	row := maps.Clone(s.Row)
	row[medicalValid] = "1"
	if s.Deleted {
		row[medicalValid] = "0"
	}
	return row
}

// list shows rows changed at or after updatedSince, oldest first.
func (m *medical) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := pageSize(q.Get("limit"), 100, 500)
	var since time.Time
	if text := q.Get("updatedSince"); text != "" {
		var err error
		if since, err = parseSince(text); err != nil {
			writeReply(w, http.StatusOK, medicalReply(medicalBad, "updatedSince 格式应为 yyyy-MM-dd HH:mm:ss.SSS", nil))
			return
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	shown := m.view()
	list := shown.since(0, since)
	if key := q.Get(m.layout.Key); key != "" {
		list = nil
		if s, ok := shown.rows[key]; ok {
			list = []*stored{s}
		}
	}
	rows, more := []Row{}, false
	for _, s := range list {
		if !matches(s, q, "certno", "psn_name", "brdy", "tel") {
			continue
		}
		if more = len(rows) == limit; more {
			break
		}
		rows = append(rows, m.show(s))
	}
	writeReply(w, http.StatusOK, medicalReply(medicalFine, "success", map[string]any{"rows": rows, "hasMore": more}))
}

func parseSince(s string) (time.Time, error) {
	var errs error
	for _, pattern := range []string{"2006-01-02 15:04:05", time.RFC3339} { // a fraction is read by both
		t, err := time.ParseInLocation(pattern, s, china)
		if err == nil {
			return t, nil
		}
		errs = errors.Join(errs, err)
	}
	return time.Time{}, errs
}

func (m *medical) update(w http.ResponseWriter, r *http.Request) {
	set, err := readBody(r)
	if err != nil {
		writeReply(w, http.StatusOK, medicalReply(medicalBad, err.Error(), nil))
		return
	}
	m.answer(w, request{Write: Write{Key: set[m.layout.Key], Set: set}, token: r.Header.Get("X-Request-Id")})
}

func (m *medical) add(w http.ResponseWriter, r *http.Request) {
	set, err := readBody(r)
	if err != nil {
		writeReply(w, http.StatusOK, medicalReply(medicalBad, err.Error(), nil))
		return
	}
	number := set["certno"]
	m.answer(w, request{Write: Write{Create: true, Set: set}, token: r.Header.Get("X-Request-Id"),
		double: func(s *stored) bool { return number != "" && s.Row["certno"] == number }})
}

func (m *medical) answer(w http.ResponseWriter, q request) {
	q.Intent = q.token
	delete(q.Set, medicalValid)
	delete(q.Set, m.layout.Key)
	delete(q.Set, m.layout.Changed)
	q.reply = func(s *stored) json.RawMessage { return mustJSON(medicalReply(medicalFine, "success", m.show(s))) }
	out, err := m.accept(q)
	var body any
	switch {
	case err != nil:
		body = medicalReply(medicalBroken, "系统错误", nil)
	case out.replay != nil:
		body = out.replay
	case out.gone:
		body = medicalReply(medicalGone, "参保人不存在", nil)
	case out.exists != "":
		body = medicalReply(medicalExists, "该证件号码已参保", map[string]string{m.layout.Key: out.exists})
	case out.reason != "":
		body = medicalReply(medicalRefused, out.reason, map[string]string{"field": out.column})
	default:
		body = q.reply(out.row)
	}
	writeReply(w, http.StatusOK, body)
}
