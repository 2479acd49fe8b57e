package desk_test

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"heji/services/access"
	"heji/services/store"
)

// Every command of docs/api.md is run as it stands there, with a token.
func TestCommandsOfTheAPIPage(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("HEJI_CI") != "" {
			t.Fatal("curl is needed: deploy/setup.sh test installs it")
		}
		t.Skip("no curl on this machine")
	}
	w := newWorld(t)
	w.everyone()
	id, _ := w.wang()
	w.building()
	token := access.TokenPrefix + access.NewSecret()
	require.NoError(t, w.store.AddToken(context.Background(), store.Token{Name: "roster", Scopes: []string{"see", "enter", "watch", "review"},
		MadeBy: "安全员", Expires: time.Now().Add(time.Hour), Posting: store.Posting{Everywhere: true}}, access.HashSecret(token)))

	page, err := os.ReadFile("../../docs/api.md")
	require.NoError(t, err)
	var script strings.Builder
	n := 0
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		for line := range strings.Lines(m[1]) {
			if !strings.HasPrefix(line, "export ") {
				script.WriteString(line)
				n += strings.Count(line, `"$HEJI/`)
			}
		}
	}
	require.Greater(t, n, 12)
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "sh", "-eu", "-c", script.String())
	cmd.Env = append(os.Environ(), "HEJI="+w.url, "HEJI_TOKEN="+token, "ID="+id.String())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "school-2026-0001")
	require.Equal(t, 4, w.count(`SELECT count(*) FROM desk_entries WHERE who = 'roster'`))
}

// What the pages of homes and of moving do, a program does as well.
func TestHomesForPrograms(t *testing.T) {
	w := newWorld(t)
	head := w.building()
	r := w.get("/api/v1/buildings?community=" + urlEscape("阳光社区"))
	require.Equal(t, "幸福家园", r.json["buildings"].([]any)[0].(map[string]any)["compound"])
	r = w.get("/api/v1/buildings/chart?community=" + urlEscape("阳光社区") + "&compound=" + urlEscape("幸福家园") + "&building=3")
	require.Equal(t, "18", r.json["floors"].([]any)[0].(map[string]any)["floor"])
	require.Equal(t, 404, w.get("/api/v1/buildings/chart?building=99").status)
	r = w.get("/api/v1/dwellings?household=290000000001")
	members := r.json["households"].([]any)[0].(map[string]any)["members"].([]any)
	require.Len(t, members, 3)
	require.Equal(t, "1380*******", members[0].(map[string]any)["phone"])
	require.Equal(t, 404, w.get("/api/v1/dwellings").status)
	require.Equal(t, "王建国", w.get("/api/v1/dwellings/pick?q=3-2-1801").json["dwellings"].([]any)[0].(map[string]any)["head"])
	r = w.send(200, "POST", "/api/v1/residents/alike", map[string]any{"values": map[string]string{"name": "王建国", "birth_date": "1970-01-01", "phone": "1"}})
	require.Equal(t, head.String(), r.json["alike"].([]any)[0].(map[string]any)["id"])

	path := "/api/v1/residents/" + head.String() + "/move"
	mates := w.get(path).json["mates"].([]any)
	require.Len(t, mates, 2)
	along := mates[0].(map[string]any)["id"].(string)
	body := func(change ...any) map[string]any {
		b := map[string]any{"residence": "阳光社区幸福家园5号楼1单元101室", "along": []string{along}, "who": "李老师"}
		for i := 0; i < len(change); i += 2 {
			b[change[i].(string)] = change[i+1]
		}
		return b
	}
	w.send(422, "POST", path, body("residence", "不知道哪里"), "Idempotency-Key", "m")
	require.Equal(t, "move_same", w.problem(409, "POST", path, body("residence", "3-2-1801")), "a short address is completed")
	require.Equal(t, "move_gone", w.problem(409, "POST", path, body("along", []string{"7e57ab1e-0000-4000-8000-000000000001"})))
	w.send(404, "POST", path, body("along", []string{"nobody"}), "Idempotency-Key", "m")
	w.send(422, "POST", path, body("who", ""), "Idempotency-Key", "m")
	require.Zero(t, w.count(`SELECT count(*) FROM desk_entries`))
	for range 2 { // sent twice it is one move
		r = w.send(202, "POST", path, body(), "Idempotency-Key", "m")
		require.Equal(t, "/api/v1/entries/m%2F"+head.String(), r.header.Get("Location"))
		require.Equal(t, "pending", w.get(r.header.Get("Location")).json["state"])
	}
	require.Equal(t, 2, w.count(`SELECT count(*) FROM desk_entries`))
}
