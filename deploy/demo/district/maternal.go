package district

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"

	p "heji/deploy/demo/population"
)

// maternal is 妇幼: the second style of HTTP interface. An API key in a header;
// numbered pages with a total; PUT of the whole resource; null for blank and a
// number for the birth order; 409 for a child that is there already. Deleted
// rows vanish.
type maternal struct{ service }

const maternalKey = "maternal-demo-key"

func newMaternal(l *ledger) *maternal { return &maternal{service{ledger: l, id: p.Maternal}} }

func (m *maternal) start(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mch/records", m.list)
	mux.HandleFunc("GET /mch/records/{id}", m.get)
	mux.HandleFunc("PUT /mch/records/{id}", m.replace)
	mux.HandleFunc("POST /mch/records", m.create)
	return m.serve(ctx, mux, func(r *http.Request) bool {
		return subtle.ConstantTimeCompare([]byte(r.Header.Get("X-API-Key")), []byte(maternalKey)) == 1
	}, maternalRefuse)
}

func maternalRefuse(w http.ResponseWriter, status int, message string) {
	writeReply(w, status, map[string]string{"msg": message})
}

// show is a row as the interface shows it.
func (m *maternal) show(s *stored) map[string]any {
	out := map[string]any{}
	for _, c := range m.layout.Columns {
		switch v := s.Row[c]; {
		case v == "":
			out[c] = nil
		case c == "birthOrder":
			out[c] = json.Number(v)
		default:
			out[c] = v
		}
	}
	return out
}

func (m *maternal) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	size := pageSize(q.Get("pageSize"), 50, 200)
	page := pageSize(q.Get("pageNo"), 1, 1<<30)
	m.mu.Lock()
	defer m.mu.Unlock()
	var hits []*stored
	for _, s := range m.byKey() {
		if matches(s, q, "certNo", "personName", "birthDate", "motherCertNo", "birthOrder", "tel") {
			hits = append(hits, s)
		}
	}
	list := []map[string]any{}
	for i := (page - 1) * size; i < min(page*size, len(hits)); i++ {
		list = append(list, m.show(hits[i]))
	}
	writeReply(w, http.StatusOK, map[string]any{"total": len(hits), "pageNo": page, "pageSize": size, "list": list})
}

func (m *maternal) get(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.live(r.PathValue("id"))
	if !ok {
		maternalRefuse(w, http.StatusNotFound, "档案不存在")
		return
	}
	writeReply(w, http.StatusOK, m.show(s))
}

// replace takes the whole resource: a column that is not sent is cleared.
func (m *maternal) replace(w http.ResponseWriter, r *http.Request) {
	sent, err := readBody(r)
	if err != nil {
		maternalRefuse(w, http.StatusBadRequest, err.Error())
		return
	}
	set := Row{}
	for _, c := range m.layout.Columns {
		set[c] = sent[c]
		delete(sent, c)
	}
	for c, v := range sent {
		set[c] = v // unknown: the check names it
	}
	delete(set, m.layout.Key)
	delete(set, m.layout.Changed)
	m.answer(w, http.StatusOK, request{Write: Write{Intent: r.Header.Get("X-Request-Id"), Key: r.PathValue("id"), Set: set}})
}

func (m *maternal) create(w http.ResponseWriter, r *http.Request) {
	set, err := readBody(r)
	if err != nil {
		maternalRefuse(w, http.StatusBadRequest, err.Error())
		return
	}
	delete(set, m.layout.Key)
	delete(set, m.layout.Changed)
	same := func(s *stored, columns ...string) bool {
		for _, c := range columns {
			if set[c] == "" || s.Row[c] != set[c] {
				return false
			}
		}
		return true
	}
	m.answer(w, http.StatusCreated, request{Write: Write{Intent: r.Header.Get("X-Request-Id"), Create: true, Set: set},
		double: func(s *stored) bool {
			return same(s, "certNo") || same(s, "motherCertNo", "birthDate", "birthOrder")
		}})
}

func (m *maternal) answer(w http.ResponseWriter, status int, q request) {
	out, err := m.accept(q)
	switch {
	case err != nil:
		maternalRefuse(w, http.StatusInternalServerError, "系统错误")
	case out.gone:
		maternalRefuse(w, http.StatusNotFound, "档案不存在")
	case out.exists != "":
		writeReply(w, http.StatusConflict, map[string]string{"msg": "档案已存在", m.layout.Key: out.exists})
	case out.reason != "":
		writeReply(w, http.StatusBadRequest, map[string]string{"msg": out.reason, "field": out.column})
	default:
		w.Header().Set("Location", "/mch/records/"+out.row.Key)
		writeReply(w, status, m.show(out.row))
	}
}
