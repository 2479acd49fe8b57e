package table

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"heji/deploy/demo/mariadb"
)

// sharedMaria is one MariaDB for all tests, started by the first that asks for it.
type sharedMaria struct {
	once   sync.Once
	server *mariadb.Server
	err    error
	count  atomic.Int64
}

// Get returns the server. Without MariaDB's program it skips the test, but where
// HEJI_CI promises a whole run, it fails it.
func (s *sharedMaria) Get(t testing.TB) *mariadb.Server {
	t.Helper()
	s.once.Do(func() { s.server, s.err = mariadb.Start() })
	if s.err == nil {
		return s.server
	}
	const needed = "this test needs MariaDB's server program (mariadbd; Debian: apt-get install mariadb-server-core):"
	if os.Getenv("HEJI_CI") != "" || !errors.Is(s.err, exec.ErrNotFound) {
		t.Fatal(needed, s.err)
	}
	t.Skip(needed, s.err)
	return nil
}

func (s *sharedMaria) Stop() {
	if s.server != nil {
		s.server.Stop()
	}
}

// Database makes an empty database for one test and drops it afterwards.
func (s *sharedMaria) Database(t testing.TB, password string) (dsn string, db *sql.DB) {
	t.Helper()
	server := s.Get(t)
	name := fmt.Sprintf("t%d", s.count.Add(1))
	dsn, db, err := server.Create(name, password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("SET lock_wait_timeout = 10; DROP DATABASE " + name + "; DROP USER '" + name + "'@'%'"); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	return dsn, db
}
