package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"heji/services/embedded"
	"heji/services/store"
)

// lab is what all rounds share: the servers, each in a process of its own.
type lab struct {
	o   Options
	dir string

	mu       sync.Mutex
	hubs     *embedded.Postgres // the hub's server: it is killed
	theirs   *embedded.Postgres // the platforms' own: it is not
	nats     *process
	natsAt   string
	conn     *nats.Conn // the lab's own, past every fault
	js       jetstream.JetStream
	skew     atomic.Int64 // of the platforms' clocks, in nanoseconds
	starting context.Context
}

// template is the database that each round's store is a copy of.
const template = "chaos_template"

func newLab(ctx context.Context, o Options) (l *lab, err error) {
	l = &lab{o: o, dir: o.Dir, starting: context.WithoutCancel(ctx)}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if err := os.MkdirAll(l.dir, 0o711); err != nil {
		return l, err
	}
	if l.hubs, err = l.startPostgres("h"); err != nil {
		return l, err
	}
	if l.theirs, err = l.startPostgres("p"); err != nil {
		return l, err
	}
	if err := l.startNATS(ctx); err != nil {
		return l, err
	}
	if err := errors.Join(drop(ctx, l.hubs, template), l.hubs.CreateDatabase(ctx, template, "", "")); err != nil { // made by this program
		return l, err
	}
	st, err := store.Open(ctx, l.hubs.DSN(template), 2)
	if err != nil {
		return l, err
	}
	st.Close()
	return l, nil
}

// startPostgres starts a server that survives its own death, though not the
// machine's: no round kills the machine.
func (l *lab) startPostgres(name string) (*embedded.Postgres, error) {
	return embedded.StartPostgres(l.starting, embedded.Options{Dir: filepath.Join(l.dir, name),
		PostgresSettings: map[string]string{"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB"}})
}

func (l *lab) close() error {
	var errs []error
	if l.conn != nil {
		l.conn.Close()
	}
	if l.nats != nil {
		errs = append(errs, l.nats.kill())
	}
	for _, p := range []*embedded.Postgres{l.hubs, l.theirs} {
		if p != nil {
			errs = append(errs, p.Stop())
		}
	}
	return errors.Join(errs...)
}

// now is the platforms' clock.
func (l *lab) now() time.Time { return time.Now().Add(time.Duration(l.skew.Load())) }

// killPostgres kills the hub's server with -9 and starts it again.
func (l *lab) killPostgres() error {
	l.mu.Lock()
	old := l.hubs
	l.mu.Unlock()
	if err := syscall.Kill(old.PID(), syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill PostgreSQL: %w", err)
	}
	<-old.Done()
	_ = old.Stop() // says that it was killed; gives its lock back
	p, err := l.startPostgres("h")
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.hubs = p
	l.mu.Unlock()
	return nil
}

func (l *lab) startNATS(ctx context.Context) error {
	p, err := start(l.o.Self, child{Role: roleNATS, Dir: filepath.Join(l.dir, "n")}, filepath.Join(l.dir, "nats.log"), func(hit) {})
	if err != nil {
		return err
	}
	at, err := p.address(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("start NATS: %w", err), p.kill())
	}
	conn, err := nats.Connect("nats://"+at, nats.MaxReconnects(-1))
	if err != nil {
		return errors.Join(fmt.Errorf("connect to NATS: %w", err), p.kill())
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return errors.Join(err, p.kill())
	}
	l.mu.Lock()
	if l.conn != nil {
		l.conn.Close()
	}
	l.nats, l.natsAt, l.conn, l.js = p, at, conn, js
	l.mu.Unlock()
	return nil
}

// killNATS kills the server with -9, throws its folder away where that is asked
// for, and starts it again.
func (l *lab) killNATS(ctx context.Context, throwAway bool) error {
	if err := l.nats.kill(); err != nil {
		return err
	}
	if throwAway {
		if err := os.RemoveAll(filepath.Join(l.dir, "n", embedded.JetStreamFolder)); err != nil {
			return err
		}
	}
	return l.startNATS(ctx)
}

func (l *lab) dialPostgres() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return net.Dial("unix", filepath.Join(l.hubs.Socket(), ".s.PGSQL.5432"))
}

func (l *lab) dialTheirs() (net.Conn, error) {
	return net.Dial("unix", filepath.Join(l.theirs.Socket(), ".s.PGSQL.5432"))
}

func (l *lab) dialNATS() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return net.Dial("tcp", l.natsAt)
}

// fresh makes the database of a round, and JetStream empty.
func (l *lab) fresh(ctx context.Context, name string) error {
	for _, stream := range []string{"RECORDS", "CHANGES"} {
		if err := l.js.DeleteStream(ctx, stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("empty JetStream: %w", err)
		}
	}
	if err := drop(ctx, l.hubs, name); err != nil { // of an earlier run
		return err
	}
	return onServer(ctx, l.hubs, `CREATE DATABASE `+pgx.Identifier{name}.Sanitize()+` TEMPLATE `+template)
}

// drop removes databases of a round that is over.
func drop(ctx context.Context, p *embedded.Postgres, names ...string) error {
	var errs []error
	for _, name := range names {
		errs = append(errs, onServer(ctx, p, `DROP DATABASE IF EXISTS `+pgx.Identifier{name}.Sanitize()+` WITH (FORCE)`))
	}
	return errors.Join(errs...)
}

func onServer(ctx context.Context, p *embedded.Postgres, sql string) error {
	conn, err := pgx.Connect(ctx, p.DSN("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}
