package main

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"heji/schema/idnum"
	"heji/services/embedded/pgtest"
	"heji/services/hub"
)

// visitorMayOnlyAsk holds that the address in the data folder opens nothing of the
// hub's own: neither what registers show nor what answers the hub gets.
func visitorMayOnlyAsk(t *testing.T, address string) {
	t.Helper()
	said := make(chan error, 8)
	conn, err := nats.Connect(strings.TrimSpace(address), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { said <- err }))
	require.NoError(t, err)
	defer conn.Close()
	refused := func(what string) {
		t.Helper()
		select {
		case err := <-said:
			require.ErrorIs(t, err, nats.ErrPermissionViolation, what)
		case <-time.After(time.Minute):
			t.Fatal("allowed: " + what)
		}
	}
	for _, subject := range []string{">", "_INBOX.>", "records.>", "heji.remote.v1.volunteers.push"} {
		_, err := conn.SubscribeSync(subject)
		require.NoError(t, err)
		refused("listen to " + subject)
	}
	for _, subject := range []string{"records.volunteers", "changes.volunteers", "$JS.API.INFO", "heji.remote.v1.volunteers.beat"} {
		require.NoError(t, conn.Publish(subject, nil))
		refused("publish to " + subject)
	}
}

// An IT clerk connects a program of the department's own with what the
// documentation says and nothing else: its file is begun, the hub lets its program
// in, and the commands ask it through that hub, from the first look to the report.
func TestAProgramIsAskedThroughTheRunningHub(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil && os.Getenv("HEJI_CI") == "" {
		t.Skip("python3 is not installed: deploy/setup.sh test gets it")
	}
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	files, data := t.TempDir(), t.TempDir()
	run := func(args ...string) (string, error) {
		return platform(t, append(args, "--platforms="+files, "--data="+data)...)
	}
	const token = "a-token-of-this-test"
	file := filepath.Join(files, "volunteers.yaml")
	_, err = platform(t, "new", "--kind=remote", "volunteers", "--out="+file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(files, ".env"), []byte("VOLUNTEERS_TOKEN="+token+"\n"), 0o600))

	_, err = run("discover", "volunteers")
	require.ErrorContains(t, err, "heji serve --nats-listen")
	require.Contains(t, inChinese(err), data, "it is said where no hub runs")

	log := slog.New(slog.DiscardHandler)
	specs, drafts, err := settings{Platforms: files}.specs(log)
	require.NoError(t, err)
	require.Empty(t, specs, "nothing is read by a file that was only begun")
	require.Len(t, drafts, 1)
	h, err := hub.New(ctx, hub.Config{Dir: data, DatabaseURL: pgtest.DSN(t), Specs: specs, Drafts: drafts, NATSListen: "127.0.0.1:0", Logger: log})
	require.NoError(t, err)
	invitation := filepath.Join(data, hub.ProgramsFile)
	info, err := os.Stat(invitation)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	visitorMayOnlyAsk(t, read(t, invitation))
	_, err = run("discover", "volunteers")
	require.ErrorContains(t, err, "no program", "the hub is there, its program is not")

	db := filepath.Join(t.TempDir(), "people.db")
	number, err := idnum.Make("290101", "1980-03-07", 1)
	require.NoError(t, err)
	made, err := exec.Command(python, "-c", `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("CREATE TABLE person (id TEXT PRIMARY KEY, xm TEXT, sjhm TEXT, sfzh TEXT, changed INTEGER, gone INTEGER)")
db.execute("CREATE TABLE done (intent TEXT PRIMARY KEY, outcome TEXT)")
db.execute("INSERT INTO person VALUES ('V1', '欧阳沐辰', '13900000001', ?, 1, 0)", (sys.argv[2],))
db.commit()`, db, number).CombinedOutput()
	require.NoError(t, err, string(made))
	program := exec.Command(python, "../../docs/examples/remote/volunteers.py", "nats://volunteers:"+token+"@"+strings.TrimPrefix(h.ProgramsURL(), "nats://"), db)
	program.Stderr = os.Stderr
	require.NoError(t, program.Start())
	defer func() {
		_ = program.Process.Kill() // it may be gone already
		_ = program.Wait()
	}()

	var out string
	require.Eventually(t, func() bool {
		out, err = run("discover", "volunteers")
		return err == nil
	}, time.Minute, 100*time.Millisecond)
	require.Contains(t, out, "id_number 证件号码")
	require.NotContains(t, out, "欧阳沐辰")
	text := strings.ReplaceAll(read(t, file+".proposed"), "can: [check, pull]", "can: [check, pull, preview, push, look]\n  conditional: true") +
		"\nagreement: {legal_basis: 协议, receives: {phone: overwrite}}\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	out, err = run("check", "volunteers")
	require.NoError(t, err, out)
	out, err = run("preview", "volunteers", "--unmasked")
	require.NoError(t, err, out)
	require.Contains(t, out, "欧阳沐辰")
	out, err = run("verify", "volunteers", "--write", "--key=V1", "--probe")
	require.NoError(t, err, out)
	require.Regexp(t, `✓ 写入另一个值`, out, "and written through it")

	require.NoError(t, h.Close())
	require.NoFileExists(t, invitation)
	// A hub that was killed leaves the file: the sentence is that of no hub.
	require.NoError(t, os.WriteFile(invitation, []byte("nats://heji-visitor:x@127.0.0.1:1\n"), 0o600))
	_, err = run("preview", "volunteers")
	require.ErrorContains(t, err, "no hub runs on")
}
