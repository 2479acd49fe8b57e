package desk_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
	"heji/services/desk"
	"heji/services/registry"
	"heji/services/store"
	"heji/services/telemetry"
)

func TestZZServe(t *testing.T) {
	if os.Getenv("DESK_SERVE") == "" {
		t.SkipNow()
	}
	connectors.Register("mock", func(_ context.Context, p *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
		return paper{p.ID != "gongan"}, nil
	})
	w := newWorld(t)
	ctx := context.Background()
	files, _ := filepath.Glob("../../connectors/platforms/*.yaml")
	var specs []*spec.Platform
	for _, f := range files {
		p, err := spec.Load(f, func(string) (string, bool) { return "x", true })
		require.NoError(t, err)
		p.Kind = "mock"
		specs = append(specs, p)
	}
	w.exec(`DELETE FROM agreements; DELETE FROM platforms`)
	reg, err := registry.New(ctx, specs, func(string) string { return t.TempDir() })
	require.NoError(t, err)
	require.NoError(t, reg.Register(ctx, w.store))
	logger, _ := telemetry.NewLogger(os.Stderr, "text", nil)
	now := func() time.Time { return time.Now().In(today.Location()) }
	d, err := desk.New(desk.Options{Store: w.store, Registry: reg, Metrics: w.metrics, Logger: logger, Today: now})
	require.NoError(t, err)
	n := number(t, "1980-05-01", 7)
	home := schema.Address{Province: "山东省", City: "济南市", Street: "泉城路街道", Community: "阳光社区", Compound: "幸福家园", Building: "3", Unit: "2", Room: "1801"}.Canonical()
	old := schema.Address{Community: "阳光社区", Compound: "纺织厂宿舍", Building: "7", Room: "302"}.Canonical()
	ago := func(days int) time.Time { return time.Now().Add(-time.Duration(days) * 24 * time.Hour) }
	id := w.resident(
		rec{platform: "gongan", key: "3912340000017", values: schema.Values{"name": "王建国", "id_number": n, "sex": "1", "birth_date": "1980-05-01", "ethnicity": "01", "household_no": "39120031", "relation": "02", "hukou_address": old, "marital_status": "20", "education": "61", "life_status": "alive"}},
		rec{platform: "pension", key: "P2026001", at: ago(40), values: schema.Values{"name": "王建囯", "id_number": n, "phone": "13800001111", "residence": old, "pension_status": "1", "life_status": "alive", "education": "70"}},
		rec{platform: "medical", key: "M77120", at: ago(3), values: schema.Values{"name": "王建国", "id_number": n, "phone": "13900002222", "medical_status": "1"}},
		rec{platform: "disabled", key: "CJ-0091", at: ago(90), values: schema.Values{"name": "王建国", "id_number": n, "disability": "4-2", "residence": home, "phone": "13900002222"}},
		rec{platform: "lowincome", key: "DB-17", at: ago(12), values: schema.Values{"name": "王建国", "id_number": n, "low_income": "1", "low_income_until": "2027-06-30", "residence": home}})
	names := []string{"王建华", "王建军", "阿卜杜热合曼·买买提", "欧阳沐辰", "𠮷田明"}
	for i, name := range names {
		w.resident(rec{platform: "pension", key: uuid.NewString(), at: ago(i), values: schema.Values{"name": name, "sex": "1", "birth_date": fmt.Sprintf("19%d0-03-0%d", 5+i%4, i+1), "phone": "1370000000" + fmt.Sprint(i), "residence": home}})
	}
	w.resident(rec{platform: "medical", key: "M900", values: schema.Values{"name": "王建国", "birth_date": "1980-05-01", "sex": "1", "phone": "13900002222"}})
	w.exec(`INSERT INTO edges (a, b, weight, reason) SELECT a.id, b.id, 1230, 'below_link' FROM records a, records b WHERE a.key = '3912340000017' AND b.key = 'M900'`)
	w.exec(`INSERT INTO history (resident_id, at, kind, attribute, old, new) VALUES
		($1, now() - interval '3 days', 'value', 'phone', '{"v": "13800001111", "r": "only"}', '{"v": "13900002222", "s": {"platform": "medical", "key": "M77120"}, "r": "recent"}')`, id)
	w.exec(`INSERT INTO history (resident_id, at, kind, platform, key) VALUES ($1, now() - interval '40 days', 'joined', 'pension', 'P2026001')`, id)
	w.exec(`UPDATE platforms SET complete_at = now(), as_of = now() - interval '2 minutes', pulled_at = now(), wrote_at = now() WHERE id <> 'desk'`)
	w.live("pension", "medical", "disabled", "lowincome", "floating", "maternal")
	w.exec(`UPDATE targets SET state = 'green', due_at = NULL`)
	w.exec(`UPDATE targets SET state = 'open' WHERE resident_id = $1 AND platform = 'pension'`, id)
	w.exec(`UPDATE targets SET state = 'queued' WHERE resident_id = $1 AND platform = 'disabled'`, id)
	w.exec(`UPDATE targets SET state = 'contested', held = '{"residence": "contested"}' WHERE resident_id = $1 AND platform = 'lowincome'`, id)
	w.exec(`UPDATE platforms SET pull_error = '连接不上（连接超时）：请检查网络或联系该平台的管理员' WHERE id = 'veterans'`)
	require.NoError(t, w.store.Count(ctx, "entries_saved", "pension", 128))
	_, _, err = w.store.SaveEdit(ctx, "e1", "李老师", id, schema.Values{"phone": "13900002222"})
	require.NoError(t, err)
	w.merge("e1")
	_, _, err = w.store.SaveNew(ctx, "e2", "李老师", schema.Values{"name": "李娜之女"})
	require.NoError(t, err)
	require.NoError(t, w.store.SetAside(ctx, []store.Dead{{Platform: "pension", Stage: "pull", Place: "row 17", Problem: schema.ProblemNoKey}}))
	require.NoError(t, os.WriteFile("/tmp/desk_serve.id", []byte(id.String()), 0o600))
	go func() { // the merge, so that entries move
		for range time.Tick(300 * time.Millisecond) {
			rows, _ := w.db.Query(ctx, `SELECT request FROM desk_entries d WHERE id > coalesce((SELECT (cursor #>> '{}')::bigint FROM platforms WHERE id = 'desk'), 0) AND request <> 'e2'`)
			var reqs []string
			for rows.Next() {
				var s string
				_ = rows.Scan(&s)
				reqs = append(reqs, s)
			}
			rows.Close()
			for _, r := range reqs {
				w.merge(r)
			}
		}
	}()
	s := &http.Server{Addr: "127.0.0.1:18080", Handler: d.Handler()}
	go func() {
		for range time.Tick(time.Second) {
			if _, err := os.Stat("/tmp/desk_serve.id"); err != nil {
				_ = s.Close()
				return
			}
		}
	}()
	_ = s.ListenAndServe()
}
