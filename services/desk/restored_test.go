package desk_test

import (
	"net/url"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/services/lineage"
)

// A platform that is shut since the database was restored says so on its row, and
// a person who signs opens it, once it was read whole.
func TestOpeningAPlatform(t *testing.T) {
	w := newWorld(t)
	w.send(409, "POST", "/api/v1/platforms/pension/open", map[string]any{"who": "王芳", "why": "抽查无误"})
	w.send(404, "POST", "/api/v1/platforms/nobody/open", map[string]any{"who": "王芳", "why": "抽查无误"})
	w.exec(`UPDATE platforms SET restored_at = now(), opened_at = NULL, complete_at = NULL WHERE id IN ('pension', 'sealed')`)
	w.send(404, "POST", "/api/v1/platforms/sealed/open", map[string]any{"who": "王芳", "why": "抽查无误"})
	w.send(422, "POST", "/api/v1/platforms/pension/open", map[string]any{"who": "王芳"})
	w.send(422, "POST", "/api/v1/platforms/pension/open", map[string]any{"why": "抽查无误"})
	w.send(409, "POST", "/api/v1/platforms/pension/open", map[string]any{"who": "王芳", "why": "抽查无误"})
	page := w.get("/platforms").text
	require.Contains(t, page, "数据库于")
	require.Contains(t, page, "读完才能开通")
	require.NotContains(t, page, "/platforms/pension/open")

	w.exec(`UPDATE platforms SET complete_at = now() WHERE id = 'pension'`)
	require.Contains(t, w.get("/platforms").text, "/platforms/pension/open")
	require.Equal(t, 303, w.form("/platforms/pension/open", url.Values{"who": {"王芳"}, "why": {"抽查无误"}, "back": {"/platforms"}}).status)
	require.NotContains(t, w.get("/platforms").text, "数据库于")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM audit_notes WHERE did = 'platform.open' AND who = '王芳' AND platform = 'pension' AND why = '抽查无误'`))
	w.exec(`UPDATE platforms SET opened_at = NULL WHERE id = 'pension'`)
	w.send(200, "POST", "/api/v1/platforms/pension/open", map[string]any{"who": "王芳", "why": "抽查无误"})
	require.NotContains(t, w.get("/platforms").text, "数据库于")
}

// Rolling back asks for a reason and a time that can be one.
func TestRollbackIsAskedFor(t *testing.T) {
	w := newWorld(t)
	body := func(more ...any) map[string]any {
		b := map[string]any{"who": "王芳", "why": "映射错误", "from": "2026-11-01T00:00:00+08:00", "to": "2026-11-02T00:00:00+08:00", "dry_run": true}
		for i := 0; i < len(more); i += 2 {
			b[more[i].(string)] = more[i+1]
		}
		return b
	}
	const path = "/api/v1/platforms/pension/rollback"
	w.send(422, "POST", path, body("why", ""))
	w.send(422, "POST", path, body("who", ""))
	w.send(422, "POST", path, body("to", "2026-11-01T00:00:00+08:00"))
	w.send(404, "POST", "/api/v1/platforms/nobody/rollback", body())
	w.send(404, "POST", "/api/v1/platforms/sealed/rollback", body())
	w.options.Kept = func(uuid.UUID, string) ([]lineage.Written, error) { return nil, nil }
	w.serve()
	require.EqualValues(t, 0, w.send(200, "POST", path, body()).json["writes"], "nothing was written then")
}
