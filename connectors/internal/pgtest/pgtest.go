// Package pgtest starts a private PostgreSQL for the tests of the connectors:
// one server for each test binary, one database for each test.
//
// It is a small helper of its own because connectors must not depend on
// services. The server listens on a unix socket in a short temporary folder and
// does not force anything to the disk.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a running server.
type Server struct {
	dir     string
	command *exec.Cmd
	ended   chan struct{}
	count   atomic.Int64
}

// Main runs a package's tests with a server and stops it afterwards. Call it
// from TestMain; server receives it before the first test.
func Main(m *testing.M, server **Server) int {
	s, err := Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "the tests need PostgreSQL's server programs (initdb, postgres; Debian: apt-get install postgresql):", err)
		return 1
	}
	defer s.Stop()
	*server = s
	return m.Run()
}

// Start makes and starts a server.
func Start() (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("/tmp", "pgt") // short: a socket's path holds 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, ended: make(chan struct{})}
	owner, err := account()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	run := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(filepath.Join(bin, name), args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		if owner != nil { // PostgreSQL refuses to run as root
			c.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
		}
		return c
	}
	data := filepath.Join(dir, "d")
	if out, err := run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8").CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(dir))
	}
	s.command = run("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=60")
	log, err := os.Create(filepath.Join(os.TempDir(), filepath.Base(dir)+".log"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.command.Stdout, s.command.Stderr = log, log
	if s.command.SysProcAttr == nil {
		s.command.SysProcAttr = &syscall.SysProcAttr{}
	}
	die(s.command.SysProcAttr)
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the child is bound to the thread that started it
		defer runtime.UnlockOSThread()
		err := s.command.Start()
		started <- err
		if err != nil {
			return
		}
		_ = s.command.Wait() // how it ended does not matter: that it did, does
		_ = log.Close()
		_ = os.Remove(log.Name())
		close(s.ended)
	}()
	if err := <-started; err != nil {
		return nil, errors.Join(err, log.Close(), os.RemoveAll(dir))
	}
	if err := s.await(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// await waits until the server answers.
func (s *Server) await() error {
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(context.Background(), s.dsn("postgres"))
		if err == nil {
			return conn.Close(context.Background())
		}
		select {
		case <-s.ended:
			return errors.New("postgres ended at its start")
		case <-deadline.C:
			return fmt.Errorf("postgres does not answer: %w", err)
		case <-tick.C:
		}
	}
}

// Stop ends the server at once and removes its folder.
func (s *Server) Stop() {
	if s.command.Process != nil {
		_ = s.command.Process.Signal(syscall.SIGQUIT) // it may have ended by itself
		<-s.ended
	}
	_ = os.RemoveAll(s.dir)
}

func (s *Server) dsn(database string) string {
	return fmt.Sprintf("host=%s user=postgres dbname=%s", s.dir, database)
}

// Database makes an empty database for one test and drops it afterwards.
func (s *Server) Database(t testing.TB) (dsn string, conn *pgx.Conn) {
	t.Helper()
	ctx := context.Background()
	name := fmt.Sprintf("t%d", s.count.Add(1))
	admin, err := pgx.Connect(ctx, s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	conn, err = pgx.Connect(ctx, s.dsn(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close(ctx)
		if _, err := admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		_ = admin.Close(ctx)
	})
	return s.dsn(name), conn
}

// programs finds the folder of the server's programs, the newest first.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if _, err := exec.LookPath("postgres"); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("no initdb on PATH or in /usr/lib/postgresql")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	sort.Slice(found, func(i, j int) bool { return version(found[i]) > version(found[j]) })
	return filepath.Dir(found[0]), nil
}

// account is the user to run the server as, nil for the present one.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		if errU == nil && errG == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("running as root, and there is neither a user postgres nor nobody to run the server as")
}
