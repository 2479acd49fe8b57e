package desk_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/services/crypt"
	"heji/services/store"
)

// trail brings everything into the chain and returns "who did what" of the rows
// behind after, and the last one's number.
func (w *world) trail(after int64) (list []string, next int64) {
	w.t.Helper()
	_, _, err := w.store.AppendAudit(context.Background(), crypt.International, 10000)
	require.NoError(w.t, err)
	rows, err := w.store.AuditRows(context.Background(), store.AuditQuery{After: after, Limit: 10000})
	require.NoError(w.t, err)
	next = after
	for _, r := range rows {
		list = append(list, strings.TrimSpace(r.Who+" "+r.Did+" "+r.What))
		next = r.Seq
		raw, err := json.Marshal(r)
		require.NoError(w.t, err)
		require.NotContains(w.t, string(raw), "王", "no value of a resident")
	}
	return list, next
}

// Whoever reads a person, or searches, is in the trail before anything is shown:
// what cannot be noted is not shown.
func TestReadingIsNoted(t *testing.T) {
	w := newWorld(t)
	id, idNumber := w.wang()
	_, start := w.trail(0)
	w.get("/api/v1/residents/" + id.String())
	w.get("/api/v1/residents/" + id.String() + "/targets") // of the same minute
	require.Contains(t, w.get("/residents/"+id.String(), "Cookie", "who="+"%E6%9D%8E").text, "王")
	w.get("/api/v1/residents?q=" + idNumber)
	w.get("/api/v1/residents/" + uuid.Nil.String()[:8]) // nobody
	w.get("/api/v1/risks")
	w.send(200, "POST", "/api/v1/writes/stop", nil, "Cookie", "who=%E6%9D%8E")
	list, next := w.trail(start)
	require.Equal(t, []string{"anonymous read resident/" + id.String(), "李 read resident/" + id.String(), "anonymous search",
		"anonymous read list/risks", "李 writes.stop"}, list)
	rows, err := w.store.AuditRows(context.Background(), store.AuditQuery{After: start, Did: "search", Limit: 9})
	require.NoError(t, err)
	require.Contains(t, rows[0].Detail, id.String())
	require.NotContains(t, rows[0].Detail, idNumber)

	w.exec(`ALTER TABLE audit_notes RENAME TO audit_notes_gone`)
	for _, path := range []string{"/api/v1/residents?q=" + idNumber, "/reviews/" + uuid.NewString() + "/" + uuid.NewString(), "/?q=" + idNumber} {
		r := w.get(path)
		require.Equal(t, http.StatusInternalServerError, r.status, path)
		require.NotContains(t, r.text, id.String(), path)
	}
	w.exec(`ALTER TABLE audit_notes_gone RENAME TO audit_notes`)
	list, _ = w.trail(next)
	require.Empty(t, list)
}

func TestAuditAPI(t *testing.T) {
	w := newWorld(t)
	w.send(202, "POST", "/api/v1/residents", entry(map[string]string{"name": "王芳"}))
	w.trail(0)
	r := w.get("/api/v1/audit?did=entry&from=2020-01-01&to=2999-01-01T00:00:00Z&limit=5")
	rows := r.json["audit"].([]any)
	require.Len(t, rows, 1)
	first := rows[0].(map[string]any)
	require.Equal(t, "李老师", first["who"])
	require.Equal(t, "entry/1", first["what"])
	require.Equal(t, first["seq"], r.json["next"])
	// The text that was hashed, to the byte: whoever has the rows can check them.
	stored, err := w.store.AuditRows(context.Background(), store.AuditQuery{Did: "entry", Limit: 1})
	require.NoError(t, err)
	require.Equal(t, stored[0].Detail, first["detail"])
	list, _ := w.trail(int64(first["seq"].(float64)))
	require.Contains(t, list, "anonymous audit.read", "looking at the trail is in the trail")
	for _, path := range []string{"/api/v1/audit?limit=0", "/api/v1/audit?limit=x", "/api/v1/audit?after=-1", "/api/v1/audit?from=yesterday"} {
		require.Contains(t, w.get(path).json["type"], "audit_query", path)
	}
	require.NotContains(t, w.get("/api/v1/audit?limit=1000").text, "sealed", "class D")

	v := w.send(200, "POST", "/api/v1/audit/verify", map[string]any{"heads": []string{}})
	head := v.json["head"].(string)
	require.NotEmpty(t, head)
	w.send(200, "POST", "/api/v1/audit/verify", map[string]any{"heads": []string{head}})
	require.Contains(t, w.send(400, "POST", "/api/v1/audit/verify", map[string]any{"heads": []string{"1"}}).json["type"], "audit_head")
	w.exec(`ALTER TABLE audit DISABLE TRIGGER ALL`)
	w.exec(`UPDATE audit SET who = 'x' WHERE seq = 2`)
	broken := w.send(409, "POST", "/api/v1/audit/verify", map[string]any{"heads": []string{}})
	require.Contains(t, broken.json["type"], "audit_broken")
	require.Contains(t, broken.json["detail"], "2")

	require.EqualValues(t, 396, w.get("/api/v1/audit/keep").json["days"])
	require.Contains(t, w.send(422, "POST", "/api/v1/audit/keep", map[string]any{"days": 30, "who": "a"}).json["detail"], "183")
	require.EqualValues(t, 200, w.send(200, "POST", "/api/v1/audit/keep", map[string]any{"days": 200, "who": "审计员", "why": "规定"}).json["days"])
}
