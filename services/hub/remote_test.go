package hub_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/hub"
	"heji/services/store"
)

const volunteersFile = `
platform: volunteers
name: 文化志愿者
department: 文化
kind: remote
class: A
connect:
  can: [check, pull, preview, push, look]
  conditional: yes
  token: ${TOKEN}
key: [id]
natural: [id_number]
cadence: 100ms
lag: 0s
request_life: 5s
fields: {id_number: {column: sfzh}, name: {column: xm}, phone: {column: sjhm}}
agreement: {creates: yes, receives: {id_number: fill_empty, name: fill_empty, phone: overwrite}}
`

// The example program connects its own database through the hub's own NATS, with
// the token of its platform: what the desk enters is written there once, what
// changes there is read, and a program that is stopped and started is no loss.
func TestAProgramOfItsOwn(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil && os.Getenv("HEJI_CI") == "" {
		t.Skip("python3 is not installed: deploy/setup.sh test gets it")
	}
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	const token = "a-token-of-this-test"
	p, err := spec.Parse("volunteers.yaml", []byte(volunteersFile), func(string) (string, bool) { return token, true })
	require.NoError(t, err)
	h, err := hub.New(ctx, hub.Config{Dir: t.TempDir(), DatabaseURL: pgtestDSN(t), Specs: []*spec.Platform{p}, Listen: "127.0.0.1:0",
		NATSListen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), MaxWait: 100 * time.Millisecond})
	require.NoError(t, err)
	run, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- h.Run(run) }()
	defer func() {
		stop()
		require.NoError(t, <-done)
		require.NoError(t, h.Close())
	}()
	e := &errands{T: t, ctx: ctx, hub: h}

	db := filepath.Join(t.TempDir(), "people.db")
	sql := func(text string, args ...any) []map[string]any {
		t.Helper()
		in, err := json.Marshal([]any{text, append([]any{}, args...)})
		require.NoError(t, err)
		cmd := exec.Command(python, "-c", `
import json, sqlite3, sys
q, args = json.loads(sys.argv[2])
db = sqlite3.connect(sys.argv[1], timeout=30)
db.row_factory = sqlite3.Row
print(json.dumps([dict(r) for r in db.execute(q, args)]))
db.commit()`, db, string(in))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		var rows []map[string]any
		require.NoError(t, json.Unmarshal(out, &rows))
		return rows
	}
	sql("CREATE TABLE person (id TEXT PRIMARY KEY, xm TEXT, sjhm TEXT, sfzh TEXT, changed INTEGER, gone INTEGER)")
	sql("CREATE TABLE done (intent TEXT PRIMARY KEY, outcome TEXT)")
	known := number(t, "1980-03-07", 1)
	sql("INSERT INTO person VALUES ('V1', '欧阳沐辰', '13900000001', ?, 1, 0)", known)

	e.wait("nobody is there, and the page says so", func() bool {
		list, err := h.Store.Platforms(ctx)
		require.NoError(t, err)
		return list[0].PullError != "" || list[len(list)-1].PullError != ""
	})
	start := func() (kill func()) {
		url := "nats://volunteers:" + token + "@" + h.ProgramsURL()[len("nats://"):]
		program := exec.Command(python, "../../docs/examples/remote/volunteers.py", url, db)
		program.Stderr = os.Stderr
		require.NoError(t, program.Start())
		return func() {
			_ = program.Process.Kill() // it may be gone already
			_ = program.Wait()
		}
	}
	kill := start()
	defer func() { kill() }()
	var id string
	e.wait("its row is merged", func() bool {
		found, err := h.Store.Search(ctx, "欧阳沐辰", 2)
		require.NoError(t, err)
		if len(found.Residents) == 1 {
			id = found.Residents[0].ID.String()
		}
		return len(found.Residents) == 1
	})
	_, err = h.Store.Step(ctx, "volunteers", schema.Live, "admin", "test")
	require.NoError(t, err)
	e.change(id, map[string]string{"phone": "13900000002"})
	shows := func(key string) string {
		rows := sql("SELECT sjhm FROM person WHERE id = ?", key)
		require.Len(t, rows, 1)
		return rows[0]["sjhm"].(string)
	}
	e.wait("written there", func() bool { return shows("V1") == "13900000002" })

	kill() // kill -9
	e.change(id, map[string]string{"phone": "13900000003"})
	kill = start()
	e.wait("written when it is back", func() bool { return shows("V1") == "13900000003" })
	fresh := e.enter(map[string]string{"name": "司马青禾", "id_number": number(t, "1990-12-12", 2)})
	e.wait("created there, once, and in step", func() bool {
		for _, x := range e.view(fresh).Targets {
			if x.Platform == "volunteers" && x.State == store.TargetGreen {
				return true
			}
		}
		return false
	})
	require.Len(t, sql("SELECT id FROM person WHERE xm = '司马青禾'"), 1)
	require.Len(t, sql("SELECT intent FROM done"), 3, "every write once")
}
