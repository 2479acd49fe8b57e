package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"heji/services/embedded"
)

// What all tests of this package show: the same district.
const (
	testResidents = 300
	testSeed      = 1
)

// longest is how long a test waits for any one thing, on a slow machine.
const longest = 3 * time.Minute

// childEnv makes the test binary a demo instead: what is killed must be a
// process of its own.
const childEnv = "HEJI_DEMO_CHILD"

func TestMain(m *testing.M) {
	// First: the program of a demo that is a child itself has both.
	if os.Getenv(gatewayNATS) != "" {
		if err := Gateway(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if text := os.Getenv(childEnv); text != "" {
		os.Exit(child(text))
	}
	if folder := os.Getenv(verifyEnv); folder != "" {
		os.Exit(verifyFolder(folder))
	}
	code := m.Run()
	if reference.dir != "" {
		if err := os.RemoveAll(reference.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if code == 0 {
		// A demo that has ended leaves nothing running behind.
		if err := goleak.Find(goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
			goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// options are those of a demo in a test.
func options(dir string, workers, batch int) Options {
	return Options{Untimed: true, Residents: testResidents, Seed: testSeed, Headless: true, Dir: dir, Report: filepath.Join(dir, "report.json"),
		Listen: "127.0.0.1:0", Program: func() *exec.Cmd { return exec.Command(os.Args[0]) }, Workers: workers, Batch: batch, Patience: longest,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))}
}

// folder makes a data folder with a path short enough for a socket, which the
// server's user may walk to.
func folder() (string, error) {
	dir, err := os.MkdirTemp("", "hd")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
}

func tempFolder(t *testing.T) string {
	t.Helper()
	dir, err := folder()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// childOptions travel to the child as JSON.
type childOptions struct {
	Dir            string
	Workers, Batch int
}

// child is the whole life of a demo in a process of its own.
func child(text string) int {
	var c childOptions
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	o := options(c.Dir, c.Workers, c.Batch)
	o.Out = os.Stdout
	o.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err := Run(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a demo that may be killed.
type process struct {
	t     *testing.T
	dir   string
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
	err   error
	conns map[string]*pgx.Conn
}

func start(t *testing.T, c childOptions) *process {
	t.Helper()
	text, err := json.Marshal(c)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{t: t, dir: c.Dir, log: filepath.Join(c.Dir, "demo.log"), ended: make(chan struct{}), conns: map[string]*pgx.Conn{}}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	p.cmd = exec.Command(self)
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	p.cmd.Stdout, p.cmd.Stderr = out, out
	require.NoError(t, p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		_ = out.Close() // the child's words are in the file
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.disconnect()
		select {
		case <-p.ended:
		default: // the test has failed half way
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
	})
	return p
}

// said is the end of what the demo printed.
func (p *process) said() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	if len(b) > 6000 {
		b = b[len(b)-6000:]
	}
	return string(b)
}

// killWhen kills the demo with -9 as soon as something can be observed. see
// looks from outside: into files, or through the demo's own socket.
func (p *process) killWhen(what string, see func() bool) {
	p.t.Helper()
	deadline := time.NewTimer(longest)
	defer deadline.Stop()
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for !see() {
		select {
		case <-p.ended:
			require.Failf(p.t, "the demo ended before it could be killed", "%s: %v\n%s", what, p.err, p.said())
		case <-deadline.C:
			require.Failf(p.t, "not seen", "%s\n%s", what, p.said())
		case <-tick.C:
		}
	}
	require.NoError(p.t, p.cmd.Process.Kill())
	p.wait(what)
	p.disconnect()
	var exit *exec.ExitError
	require.ErrorAs(p.t, p.err, &exit, "the demo was too quick to be killed: %s", what)
	require.False(p.t, exit.Exited(), "the demo was too quick to be killed: %s\n%s", what, p.said())
}

// finishes waits until the demo ends by itself, well.
func (p *process) finishes() {
	p.t.Helper()
	p.wait("the end of the demo")
	require.NoError(p.t, p.err, p.said())
}

func (p *process) wait(what string) {
	p.t.Helper()
	deadline := time.NewTimer(2 * longest)
	defer deadline.Stop()
	select {
	case <-p.ended:
	case <-deadline.C:
		require.Failf(p.t, "not seen", "%s\n%s", what, p.said())
	}
}

// count asks a database of the running demo for a number; 0 while it cannot
// answer: it is starting, or has not made its tables.
func (p *process) count(database, sql string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn := p.conns[database]
	if conn == nil || conn.IsClosed() {
		var err error
		if conn, err = pgx.Connect(ctx, dsn(p.dir, database)); err != nil {
			return 0
		}
		p.conns[database] = conn
	}
	var n int
	if err := conn.QueryRow(ctx, sql).Scan(&n); err != nil {
		return 0
	}
	return n
}

func (p *process) disconnect() {
	for _, c := range p.conns {
		_ = c.Close(context.Background()) // its server may be gone
	}
	clear(p.conns)
}

// dsn reaches a private server through its socket, which only its own user and
// root may enter.
func dsn(dir, database string) string {
	return fmt.Sprintf("host=%s user=heji dbname=%s sslmode=disable", filepath.Join(dir, "run"), database)
}

// journalled counts the writes from outside in the ledger of a platform.
func journalled(dir, platform string) int {
	b, err := os.ReadFile(filepath.Join(dir, "district", platform, "ledger.jsonl"))
	if err != nil {
		return 0
	}
	return strings.Count(string(b), `"write":{`)
}

// withEngines runs f on the engines of a data folder whose demo has ended.
func withEngines(dir string, f func(ctx context.Context, e *embedded.Engines) error) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	e, err := embedded.Start(context.WithoutCancel(ctx), embedded.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Stop()) }()
	return f(ctx, e)
}
