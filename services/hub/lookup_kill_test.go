package hub_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"heji/connectors/spec"
	"heji/services/embedded"
	"heji/services/fault"
	"heji/services/hub"
)

// doomed is a hub in a process of its own, to be killed at a place.
type doomed struct {
	DSN, Dir, Street, Marriage string

	Place fault.Place // of the register; "": it stands nowhere
	Times int         // at which time it comes there
	Roles []string    // empty: all
}

const doomedEnv = "HEJI_HUB_DOOMED"

// killedFile is the register with more questions in a day.
var killedFile = strings.Replace(marriageFile, "questions_per_day: 3", "questions_per_day: 6", 1)

// TestDoomed is that process. It stands still at its place, says so, and waits for
// its end.
func TestDoomed(t *testing.T) {
	text := os.Getenv(doomedEnv)
	if text == "" {
		return // an ordinary run: there is nobody to be
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // whoever started it is gone
		os.Exit(3)
	}()
	var m doomed
	require.NoError(t, json.Unmarshal([]byte(text), &m))
	env := map[string]string{"STREET": m.Street, "MARRIAGE": m.Marriage}
	var specs []*spec.Platform
	for name, file := range map[string]string{"street.yaml": streetFile, "marriage.yaml": killedFile} {
		p, err := spec.Parse(name, []byte(file), func(name string) (string, bool) { v, ok := env[name]; return v, ok })
		require.NoError(t, err)
		specs = append(specs, p)
	}
	var came atomic.Int32
	if m.Place != "" {
		fault.Arm(func(place fault.Place, platform string) {
			if place == m.Place && platform == "marriage" && int(came.Add(1)) >= m.Times {
				fmt.Println("stands at", place)
				select {}
			}
		})
	}
	h, err := hub.New(t.Context(), hub.Config{Dir: m.Dir, DatabaseURL: m.DSN, Specs: specs, Roles: m.Roles, Logger: slog.New(slog.DiscardHandler),
		MaxWait: 50 * time.Millisecond, Lease: time.Second})
	require.NoError(t, err)
	require.NoError(t, h.Run(t.Context()))
}

// start starts it. stands is closed once it stands at its place; kill ends it as
// kill -9 does.
func (m doomed) start(t *testing.T) (stands <-chan struct{}, kill func()) {
	t.Helper()
	text, err := json.Marshal(m)
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^TestDoomed$")
	cmd.Env = append(os.Environ(), doomedEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	_, err = cmd.StdinPipe() // it ends with us
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	there, read := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "stands at") {
				close(there)
			}
		}
	}()
	dead := false
	kill = func() {
		if !dead {
			dead = true
			_ = cmd.Process.Kill() // it may be gone already
			<-read
			_ = cmd.Wait()
		}
	}
	t.Cleanup(kill)
	return there, kill
}

// A hub that asks a register person by person is killed while a question is on its
// way, between an answer and its note, and with answers on their way to merge, which are
// lost: the
// day's questions are never more than agreed, none is counted twice, and in the end
// everybody's answer is there.
func TestKilledWhileItAsks(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	o := newOffice(t)
	arrived, hold := make(chan string, 64), make(chan struct{})
	var holding atomic.Bool
	answer := o.server.Config.Handler
	o.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if holding.Load() && r.Method == http.MethodPost {
			arrived <- r.URL.Path
			<-hold // whoever asked is dead by then
		}
		answer.ServeHTTP(w, r)
	})
	m := doomed{DSN: pgtestDSN(t), Dir: t.TempDir(), Street: t.TempDir(), Marriage: o.server.URL}
	db, err := pgxpool.New(ctx, m.DSN)
	require.NoError(t, err)
	defer db.Close()
	names := []string{"欧阳沐辰", "上官子墨", "诸葛明月", "司马青禾", "令狐少侠", "慕容望舒", "尉迟松年", "公孙知秋"}
	var rows, keys []string
	for i, name := range names {
		birth := fmt.Sprintf("19%d-03-07", 70+i)
		rows = append(rows, fmt.Sprintf("S%d,%s,%s,%s,01,1540000000%d", i, name, number(t, birth, 1), birth, i))
		keys = append(keys, fmt.Sprint("M", i))
		o.set(name, fmt.Sprintf("<DJBH>M%d</DJBH><XM>%s</XM><GMSFHM>%s</GMSFHM><HYZK>20</HYZK>", i, name, number(t, birth, 1)))
	}
	require.NoError(t, os.WriteFile(filepath.Join(m.Street, "rk_20261101.csv"), []byte(extract(t, rows...)), 0o600))
	wait := func(what string, there <-chan struct{}) {
		t.Helper()
		select {
		case <-there:
		case <-ctx.Done():
			t.Fatal("never: " + what)
		}
	}
	kills := 0
	counted := func() (n int) {
		require.NoError(t, db.QueryRow(ctx, `SELECT coalesce(sum(asked), 0) FROM question_days`).Scan(&n))
		return n
	}
	// A question may have been counted and not sent when the hub was killed: the
	// register must not be asked more than agreed, so that one is lost. None is
	// counted twice.
	balanced := func() {
		t.Helper()
		require.GreaterOrEqual(t, counted(), len(o.questions()), "every question was counted before it was asked")
		require.LessOrEqual(t, counted(), len(o.questions())+kills, "and once")
	}

	holding.Store(true)
	_, kill := m.start(t)
	select {
	case <-arrived:
	case <-ctx.Done():
		t.Fatal("nobody is asked about")
	}
	kill() // the question is on its way
	kills++
	holding.Store(false)
	close(hold)
	require.Eventually(t, func() bool { return len(o.questions()) == 1 }, time.Minute, 5*time.Millisecond)
	balanced()
	for _, at := range []doomed{{Place: fault.Published, Times: 2, Roles: []string{hub.Pull}}, {Place: fault.TakenIn, Times: 1}} {
		at.DSN, at.Dir, at.Street, at.Marriage = m.DSN, m.Dir, m.Street, m.Marriage
		stands, kill := at.start(t)
		wait(string(at.Place), stands)
		kill()
		kills++
		// Whatever was on its way to merge is lost with it: without merge, that is an
		// answer which was noted and must not be asked for again.
		require.NoError(t, os.RemoveAll(filepath.Join(m.Dir, embedded.JetStreamFolder)))
		balanced()
		require.LessOrEqual(t, len(o.questions()), 6, "not more than agreed in a day")
	}

	_, kill = m.start(t)
	defer kill()
	deadline := time.Now().Add(2 * time.Minute)
	next := func(what string, ok func() bool) {
		t.Helper()
		require.Eventually(t, ok, time.Until(deadline), 10*time.Millisecond, what)
	}
	next("the day's questions are used up", func() bool { return counted() == 6 })
	balanced()
	// The next day: what had no answer for ten minutes is asked again.
	_, err = db.Exec(ctx, `UPDATE question_days SET day = day - 1`)
	require.NoError(t, err)
	_, err = db.Exec(ctx, `UPDATE questions SET asked_at = now() - interval '11 minutes' WHERE answered_at IS NULL`)
	require.NoError(t, err)
	next("everybody's answer is there", func() bool {
		var list []string
		require.NoError(t, db.QueryRow(ctx, `SELECT coalesce(array_agg(key ORDER BY key), '{}') FROM records WHERE platform = 'marriage' AND NOT deleted`).Scan(&list))
		return slices.Equal(list, keys)
	})
	balanced()
	require.LessOrEqual(t, len(o.questions()), len(names)+kills, "only whose answer a kill has taken is asked about again")
}
