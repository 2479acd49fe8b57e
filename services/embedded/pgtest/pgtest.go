// Package pgtest gives each test a PostgreSQL database of its own.
//
// One private server runs for each test process. It is started by the first
// test that asks, and stopped by Main; where a package has no TestMain the
// server ends with the process, and its files are swept by the next run. A
// machine without PostgreSQL fails the test: it never skips.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		pool, err := pgxpool.New(ctx, pgtest.DSN(t))
package pgtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"heji/services/embedded"
)

const prefix = "heji-pgtest-"

// server is the one of this process.
var server struct {
	mu        sync.Mutex
	pg        *embedded.Postgres
	lock      *os.File
	dir       string
	err       error
	databases int
	templates map[string]error
}

// Main runs a package's tests, stops the server and exits.
func Main(m *testing.M) { os.Exit(Runner{m}.Run()) }

// Runner runs a package's tests and stops the server before it returns, for a
// TestMain that checks something afterwards:
//
//	goleak.VerifyTestMain(pgtest.Runner{M: m})
type Runner struct{ M *testing.M }

// Run runs the tests and returns their exit code.
func (r Runner) Run() int {
	code := r.M.Run()
	if err := Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return max(code, 1)
	}
	return code
}

// DSN returns the address of a fresh, empty database, which is dropped when the
// test ends. It has the extension pg_trgm.
func DSN(t testing.TB) string {
	t.Helper()
	return DSNFrom(t, "plain", func(ctx context.Context, dsn string) error {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "CREATE EXTENSION pg_trgm")
		return err
	})
}

// DSNFrom returns the address of a fresh copy of a template database. The
// template is made by prepare (migrations, say) once in a process for each
// name; prepare must have closed its connections when it returns.
func DSNFrom(t testing.TB, template string, prepare func(ctx context.Context, dsn string) error) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	pg := start(t)

	server.mu.Lock()
	defer server.mu.Unlock()
	source := "template_" + template
	err, made := server.templates[source]
	if !made {
		err = pg.CreateDatabase(ctx, source, "", "")
		if err == nil {
			err = prepare(ctx, pg.DSN(source))
		}
		server.templates[source] = err
	}
	if err != nil {
		t.Fatalf("pgtest: prepare the template database %q: %v", template, err)
	}
	server.databases++
	name := fmt.Sprintf("test_%d", server.databases)
	if err := execute(ctx, pg, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, pgx.Identifier{source}.Sanitize())); err != nil {
		t.Fatalf("pgtest: make a database from template %q: %v", template, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := execute(ctx, pg, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("pgtest: drop the database: %v", err)
		}
	})
	return pg.DSN(name)
}

// Server returns the private server of this process, started if need be, for
// tests that need several databases with roles of their own.
func Server(t testing.TB) *embedded.Postgres {
	t.Helper()
	return start(t)
}

// Stop stops the server of this process and removes its files. Main calls it.
func Stop() error {
	server.mu.Lock()
	defer server.mu.Unlock()
	if server.pg == nil {
		return nil
	}
	err := server.pg.Stop()
	if err == nil {
		err = os.RemoveAll(server.dir)
	}
	server.lock.Close()
	server.pg, server.dir = nil, ""
	return err
}

func start(t testing.TB) *embedded.Postgres {
	t.Helper()
	server.mu.Lock()
	defer server.mu.Unlock()
	if server.pg == nil && server.err == nil {
		server.err = launch()
	}
	if server.err != nil {
		t.Fatalf("pgtest: this test needs PostgreSQL: %v\n(on Debian and Ubuntu, make test installs it)", server.err)
	}
	return server.pg
}

func launch() error {
	sweep()
	// Not the test's own folder: the server outlives the test that asked first,
	// and its user must be able to walk there.
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	lock, err := hold(dir)
	if err != nil {
		return err
	}
	pg, err := embedded.StartPostgres(context.Background(), embedded.Options{
		Dir:          dir,
		Throwaway:    true,
		StartTimeout: time.Minute,
		// Packages are tested at the same time, each with a server of its own.
		PostgresSettings: map[string]string{"shared_buffers": "32MB", "max_connections": "300", "autovacuum": "off"},
	})
	if err != nil {
		lock.Close()
		os.RemoveAll(dir)
		return err
	}
	server.pg, server.lock, server.dir, server.templates = pg, lock, dir, map[string]error{}
	return nil
}

// hold marks dir as used by this process for as long as it lives.
func hold(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "pgtest.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sweep removes what processes without TestMain, or killed ones, left behind. A
// young folder may belong to a process that has not taken its lock yet.
func sweep() {
	folders, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range folders {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < 10*time.Minute {
			continue
		}
		if f, err := hold(dir); err == nil {
			os.RemoveAll(dir)
			f.Close()
		}
	}
}

func execute(ctx context.Context, pg *embedded.Postgres, sql string) error {
	conn, err := pgx.Connect(ctx, pg.DSN("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, strings.TrimSpace(sql))
	return err
}
