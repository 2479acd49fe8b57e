// Package mariadb starts a private MariaDB that stands for a department's
// database, in the tests of the connectors and in their bench.
//
// The server listens on a unix socket and on a free port of 127.0.0.1 (for TLS),
// both in or for a short temporary folder, and does not force anything to the
// disk. It is started from the server program alone (Debian:
// mariadb-server-core): no service, no system data folder.
package mariadb

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver
)

// Server is a running server.
type Server struct {
	Port    int // on 127.0.0.1
	dir     string
	command *exec.Cmd
	ended   chan struct{}
}

// Create makes an empty database and a user of it alone, named alike, with the
// password given. The DSN, in the driver's own form, is that user's; the
// connection is root's.
func (s *Server) Create(name, password string) (dsn string, db *sql.DB, err error) {
	db, err = sql.Open("mysql", s.dsn("root", "", "mysql")+"?multiStatements=true")
	if err != nil {
		return "", nil, err
	}
	_, err = db.Exec("CREATE DATABASE " + name + " CHARACTER SET utf8mb4; CREATE USER '" + name + "'@'%' IDENTIFIED BY '" + password + "'; GRANT ALL ON " + name + ".* TO '" + name + "'@'%'")
	if err = errors.Join(err, db.Close()); err != nil {
		return "", nil, err
	}
	db, err = sql.Open("mysql", s.dsn("root", "", name)+"?multiStatements=true")
	return s.dsn(name, password, name), db, err
}

// Address is the DSN of a user over TCP, where TLS is.
func (s *Server) Address(user, password, database string) string {
	return fmt.Sprintf("%s:%s@tcp(127.0.0.1:%d)/%s", user, password, s.Port, database)
}

func (s *Server) dsn(user, password, database string) string {
	return fmt.Sprintf("%s:%s@unix(%s)/%s", user, password, filepath.Join(s.dir, "s"), database)
}

// Start makes and starts a server. Without its program the error is
// exec.ErrNotFound.
func Start() (*Server, error) {
	program, err := find("mariadbd", "mysqld")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("/tmp", "mdb") // short: a socket's path holds 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, ended: make(chan struct{})}
	if err := s.prepare(program); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.launch(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.await(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// prepare makes the data folder, the certificate and the command.
func (s *Server) prepare(program string) error {
	owner, err := account()
	if err != nil {
		return err
	}
	if s.Port, err = freePort(); err != nil {
		return err
	}
	data := filepath.Join(s.dir, "d")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	if err := expiredCertificate(s.dir); err != nil {
		return err
	}
	run := func(args ...string) *exec.Cmd {
		args = append([]string{"--no-defaults", "--datadir=" + data, "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0",
			"--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M", "--lc-messages=en_US"}, args...)
		c := exec.Command(program, args...)
		c.Dir = s.dir
		if owner != nil { // MariaDB refuses to run as root
			c.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
		}
		return c
	}
	if owner != nil {
		for _, path := range []string{s.dir, data, filepath.Join(s.dir, "cert.pem"), filepath.Join(s.dir, "key.pem")} {
			if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				return err
			}
		}
	}
	tables, err := systemTables()
	if err != nil {
		return err
	}
	bootstrap := run("--bootstrap")
	bootstrap.Stdin = bytes.NewReader(tables)
	if out, err := bootstrap.CombinedOutput(); err != nil {
		return fmt.Errorf("the data folder could not be made: %w: %s", err, out)
	}
	s.command = run("--socket="+filepath.Join(s.dir, "s"), "--bind-address=127.0.0.1", "--port="+strconv.Itoa(s.Port), "--pid-file="+filepath.Join(s.dir, "pid"),
		"--ssl-cert="+filepath.Join(s.dir, "cert.pem"), "--ssl-key="+filepath.Join(s.dir, "key.pem"), "--max-connections=100", "--max-allowed-packet=64M")
	return nil
}

// systemTables is what makes a data folder: the server's own script, and a root
// without a password, who can only come through this folder's socket and 127.0.0.1.
func systemTables() ([]byte, error) {
	for _, dir := range []string{"/usr/share/mysql", "/usr/share/mariadb", "/usr/local/share/mariadb", "/opt/homebrew/opt/mariadb/share/mysql", "/usr/local/opt/mariadb/share/mysql"} {
		for _, name := range []string{"mysql_system_tables.sql", "mariadb_system_tables.sql"} {
			script, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				continue
			}
			before := "create database mysql;\nuse mysql;\nset @auth_root_socket=NULL;\nset @current_hostname='localhost';\n"
			after := "\nFLUSH PRIVILEGES;\nCREATE USER IF NOT EXISTS root@localhost;\nGRANT ALL ON *.* TO root@localhost WITH GRANT OPTION;\n"
			return append(append([]byte(before), script...), after...), nil
		}
	}
	return nil, errors.New("mariadbd is there, but not its mysql_system_tables.sql")
}

// launch starts the command from a thread that lives as long as the server.
func (s *Server) launch() error {
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
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
		if err == nil {
			_ = s.command.Wait() // how it ended does not matter: that it did, does
			close(s.ended)
		}
		_ = log.Close()
	}()
	return <-started
}

// await waits until the server answers.
func (s *Server) await() error {
	db, err := sql.Open("mysql", s.dsn("root", "", ""))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := db.PingContext(context.Background())
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			said, _ := os.ReadFile(filepath.Join(s.dir, "log")) // only to explain
			return fmt.Errorf("mariadbd ended at its start: %s", said)
		case <-deadline.C:
			return fmt.Errorf("mariadbd does not answer: %w", err)
		case <-tick.C:
		}
	}
}

// Stop ends the server at once and removes its folder.
func (s *Server) Stop() {
	if s.command.Process != nil {
		_ = s.command.Process.Kill() // it may have ended by itself
		<-s.ended
	}
	_ = os.RemoveAll(s.dir)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

func find(names ...string) (string, error) {
	for _, name := range names {
		for _, dir := range []string{"", "/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/opt/homebrew/bin"} {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%s: %w", names[0], exec.ErrNotFound)
}

// account is the user to run the server as, nil for the present one.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"mysql", "nobody"} {
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
	return nil, errors.New("running as root, and there is neither a user mysql nor nobody to run the server as")
}
