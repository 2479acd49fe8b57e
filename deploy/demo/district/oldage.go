package district

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	p "heji/deploy/demo/population"
)

// oldAge is 高龄津贴·养老: HTTP with objects within objects, numbered pages with
// a total, "updatedAfter", POST of the fields that change, an outcome beside the
// data. A row that was taken out has the status REMOVED.
type oldAge struct{ service }

const oldAgeKey = "oldage-demo-key"

func newOldAge(l *ledger) *oldAge { return &oldAge{service{ledger: l, id: p.OldAge}} }

func (o *oldAge) start(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /elder/v2/elders", o.list)
	mux.HandleFunc("GET /elder/v2/elders/{id}", o.get)
	mux.HandleFunc("POST /elder/v2/elders/{id}", o.change)
	return o.serve(ctx, mux, func(r *http.Request) bool {
		return subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Auth-Key")), []byte(oldAgeKey)) == 1
	}, oldAgeRefuse)
}

func oldAgeRefuse(w http.ResponseWriter, status int, message string) {
	writeReply(w, status, map[string]any{"success": false, "error": map[string]string{"message": message}})
}

// nested lays a row out as the interface does: a dot in a column's name is an
// object.
func nested(row Row, columns []string) map[string]any {
	out := map[string]any{}
	for _, c := range columns {
		in, name := out, c
		for {
			head, rest, deeper := strings.Cut(name, ".")
			if !deeper {
				break
			}
			next, ok := in[head].(map[string]any)
			if !ok {
				next = map[string]any{}
				in[head] = next
			}
			in, name = next, rest
		}
		in[name] = any(row[c])
		if row[c] == "" {
			in[name] = nil
		}
	}
	return out
}

// flat is the inverse of nested; false: something is neither text nor object.
func flat(prefix string, v map[string]any, into Row) bool {
	for name, x := range v {
		switch x := x.(type) {
		case nil:
			into[prefix+name] = ""
		case string:
			into[prefix+name] = x
		case map[string]any:
			if !flat(prefix+name+".", x, into) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func (o *oldAge) show(s *stored) map[string]any {
	out := nested(s.Row, o.layout.Columns)
	out["recordState"] = "NORMAL"
	if s.Deleted {
		out["recordState"] = "REMOVED"
	}
	return out
}

func (o *oldAge) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	size, page := pageSize(q.Get("size"), 50, 200), pageSize(q.Get("page"), 1, 1<<30)
	var since time.Time
	if text := q.Get("updatedAfter"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			oldAgeRefuse(w, http.StatusBadRequest, "updatedAfter 应为 RFC 3339 时间")
			return
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	hits := o.view().since(0, since)
	list := []map[string]any{}
	for i := (page - 1) * size; i < min(page*size, len(hits)); i++ {
		list = append(list, o.show(hits[i]))
	}
	writeReply(w, http.StatusOK, map[string]any{"success": true, "data": map[string]any{"list": list, "total": len(hits)}})
}

func (o *oldAge) get(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, ok := o.view().live(r.PathValue("id"))
	if !ok {
		oldAgeRefuse(w, http.StatusNotFound, "没有该老人")
		return
	}
	writeReply(w, http.StatusOK, map[string]any{"success": true, "data": o.show(s)})
}

func (o *oldAge) change(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	set := Row{}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !flat("", body, set) {
		oldAgeRefuse(w, http.StatusBadRequest, "请求不是 JSON 对象")
		return
	}
	token := r.Header.Get("X-Request-Id")
	q := request{Write: Write{Intent: token, Key: r.PathValue("id"), Set: set}, token: token}
	q.reply = func(s *stored) json.RawMessage { return mustJSON(map[string]any{"success": true, "data": o.show(s)}) }
	out, err := o.accept(q)
	switch {
	case err != nil:
		oldAgeRefuse(w, http.StatusInternalServerError, "系统错误")
	case out.replay != nil:
		writeReply(w, http.StatusOK, out.replay)
	case out.gone:
		oldAgeRefuse(w, http.StatusNotFound, "没有该老人")
	case out.reason != "":
		writeReply(w, http.StatusUnprocessableEntity, map[string]any{"success": false,
			"error": map[string]string{"message": out.reason, "field": out.column}})
	default:
		writeReply(w, http.StatusOK, q.reply(out.row))
	}
}
