//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DefaultDatabase is made at the first start.
const DefaultDatabase = "heji"

// Postgres is a running private server.
type Postgres struct {
	cluster  cluster
	socket   string
	server   *child
	lock     *os.File
	patience time.Duration

	stopOnce sync.Once
	stopErr  error
	unwatch  func() bool
}

// StartPostgres starts the server of o.Dir and returns when it takes
// connections. It stops when ctx ends or Stop is called.
func StartPostgres(ctx context.Context, o Options) (*Postgres, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	// Others may pass through the folder but not list it: as root, the server
	// runs as another user and has to walk to its data.
	if err := os.MkdirAll(o.Dir, 0o711); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := lockFolder(o.Dir, "postgres")
	if err != nil {
		return nil, err
	}
	p, err := startPostgres(ctx, o, lock)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	p.unwatch = context.AfterFunc(ctx, func() { _ = p.Stop() })
	return p, nil
}

func startPostgres(ctx context.Context, o Options, lock *os.File) (*Postgres, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()

	held, err := heldVersions(o.Dir)
	if err != nil {
		return nil, err
	}
	bin, err := findBinaries(ctx, o, held)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(o.Dir, folderName(bin.major))
	acc, err := chooseAccount(data)
	if err != nil {
		return nil, err
	}
	socket, err := socketFolder(o.Dir, acc)
	if err != nil {
		return nil, err
	}
	if err := acc.reach(data, socket, bin.program("postgres")); err != nil {
		return nil, err
	}
	if acc.ambient != nil {
		o.Logger.Info("the server's user may not walk to the data folder by itself: the server is given the capability to pass", "user", acc.name, "path", data)
	}
	c := cluster{bin: bin, data: data, account: acc}
	if err := c.create(ctx, !o.Throwaway); err != nil {
		return nil, err
	}
	// A volume that was mounted or restored elsewhere may have come back open to
	// its group, which PostgreSQL refuses.
	if err := os.Chmod(data, 0o700); err != nil {
		return nil, fmt.Errorf("close the data folder: %w", err)
	}
	if err := c.settle(ctx, o.StopTimeout); err != nil {
		return nil, err
	}
	if err := c.configure(serverSettings(o, socket)); err != nil {
		return nil, err
	}
	p := &Postgres{cluster: c, socket: socket, lock: lock, patience: o.StopTimeout}
	if err := p.launch(ctx, o.Dir); err != nil {
		return nil, err
	}
	if err := p.prepare(ctx); err != nil {
		p.end()
		return nil, err
	}
	o.Logger.Info("PostgreSQL is ready", "version", bin.major, "path", data, "user", acc.name, "seconds", time.Since(began).Seconds())
	return p, nil
}

// launch starts the server and waits until it takes connections. Processes of
// a server that was killed may hold its shared memory for a moment longer; then
// the start is repeated.
func (p *Postgres) launch(ctx context.Context, dir string) error {
	const grace = 10 * time.Second
	giveUp := time.Now().Add(grace)
	for {
		said, err := p.launchOnce(ctx, dir)
		if err == nil {
			return nil
		}
		lingering := strings.Contains(said, "shared memory block") || strings.Contains(said, "lock file")
		if !lingering || ctx.Err() != nil || time.Now().After(giveUp) {
			return err
		}
		pause(ctx, 100*time.Millisecond)
	}
}

func (p *Postgres) launchOnce(ctx context.Context, dir string) (said string, err error) {
	logPath := filepath.Join(dir, "postgres-start.log")
	out, err := os.OpenFile(logPath, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return "", err
	}
	defer out.Close()
	cmd := exec.Command(p.cluster.bin.program("postgres"), "-D", p.cluster.data)
	cmd.Stdout, cmd.Stderr = out, out
	// Immediate shutdown: when we were killed, the next start recovers from the
	// log anyway, and nothing of the old server should stand in its way.
	p.server, err = spawn(cmd, p.cluster.account, syscall.SIGQUIT)
	if err != nil {
		return "", fmt.Errorf("start %s as user %s: %w", cmd.Path, p.cluster.account.name, err)
	}
	for {
		err := p.ping(ctx)
		if err == nil {
			return "", nil
		}
		select {
		case <-p.server.done:
			text, _ := os.ReadFile(logPath)
			return string(text), fmt.Errorf("the server ended while starting (%w); it said:\n%s", p.server.err, text)
		case <-ctx.Done():
			p.end()
			return "", fmt.Errorf("the server takes no connections (%w); its log is in %s", errors.Join(ctx.Err(), err), filepath.Join(p.cluster.data, "log"))
		default:
			pause(ctx, 10*time.Millisecond)
		}
	}
}

func (p *Postgres) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.DSN("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.Ping(ctx)
}

// prepare makes sure of what every start needs.
func (p *Postgres) prepare(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.DSN("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var trigrams bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')`).Scan(&trigrams); err != nil {
		return fmt.Errorf("look for pg_trgm: %w", err)
	}
	if !trigrams {
		return fmt.Errorf("the PostgreSQL in %s lacks the extension pg_trgm: install its contrib package (RHEL: dnf install postgresql-contrib)", p.cluster.bin.dir)
	}
	// Roles of single databases stay in theirs.
	if _, err := conn.Exec(ctx, `REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC`); err != nil {
		return fmt.Errorf("close the maintenance databases: %w", err)
	}
	return createDatabase(ctx, conn, DefaultDatabase, "", "")
}

// DSN returns the address of a database for the hub itself. Empty: the default
// database.
func (p *Postgres) DSN(database string) string { return p.DSNAs(database, superuser, "") }

// DSNAs returns the address of a database for one role.
func (p *Postgres) DSNAs(database, user, password string) string {
	if database == "" {
		database = DefaultDatabase
	}
	u := url.URL{Scheme: "postgres", User: url.User(user), Path: "/" + database}
	if password != "" {
		u.User = url.UserPassword(user, password)
	}
	u.RawQuery = url.Values{"host": {p.socket}, "port": {"5432"}, "sslmode": {"disable"}}.Encode()
	return u.String()
}

// CreateDatabase makes a database, and where owner is not empty its role with
// the password, which may enter no other database of the server. What exists
// already is brought to the same state.
func (p *Postgres) CreateDatabase(ctx context.Context, name, owner, password string) error {
	conn, err := pgx.Connect(ctx, p.DSN("postgres"))
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	defer conn.Close(ctx)
	return createDatabase(ctx, conn, name, owner, password)
}

func createDatabase(ctx context.Context, conn *pgx.Conn, name, owner, password string) error {
	const duplicateDatabase, duplicateObject = "42P04", "42710"
	quoted := pgx.Identifier{name}.Sanitize()
	exec := func(allowed, sql string) error {
		_, err := conn.Exec(ctx, sql)
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) && pgErr.Code == allowed {
			return nil
		}
		if err != nil {
			return fmt.Errorf("create database %s: %w", name, err)
		}
		return nil
	}
	steps := [][2]string{{duplicateDatabase, "CREATE DATABASE " + quoted}}
	if owner != "" {
		// Statements of this kind take no parameters.
		role := pgx.Identifier{owner}.Sanitize()
		secret := "'" + strings.ReplaceAll(password, "'", "''") + "'"
		steps = append([][2]string{
			{duplicateObject, "CREATE ROLE " + role + " LOGIN"},
			{"", "ALTER ROLE " + role + " PASSWORD " + secret},
		}, append(steps, [2]string{"", "ALTER DATABASE " + quoted + " OWNER TO " + role})...)
	}
	steps = append(steps, [2]string{"", "REVOKE CONNECT ON DATABASE " + quoted + " FROM PUBLIC"})
	for _, s := range steps {
		if err := exec(s[0], s[1]); err != nil {
			return err
		}
	}
	return nil
}

// Version is the major version of the server.
func (p *Postgres) Version() int { return p.cluster.bin.major }

// PID is the process number of the server, for measuring what it uses.
func (p *Postgres) PID() int { return p.server.pid }

// Socket is the folder of the server's socket.
func (p *Postgres) Socket() string { return p.socket }

// Done is closed when the server is gone, for whatever reason.
func (p *Postgres) Done() <-chan struct{} { return p.server.done }

// Stop stops the server cleanly and waits until it is gone. Calling it again
// returns the same answer.
func (p *Postgres) Stop() error {
	p.stopOnce.Do(func() {
		if p.unwatch != nil {
			p.unwatch()
		}
		p.stopErr = p.end()
		// Fails, rightly, where a server that did not end still has its socket.
		_ = os.Remove(p.socket)
		if err := p.lock.Close(); err != nil {
			p.stopErr = errors.Join(p.stopErr, err)
		}
	})
	return p.stopErr
}

// end brings the server down: fast shutdown, which ends open sessions and
// writes everything out; then at once, which the next start recovers from.
func (p *Postgres) end() error {
	select {
	case <-p.server.done:
		if p.server.err != nil {
			return fmt.Errorf("PostgreSQL had ended by itself: %w; its log is in %s", p.server.err, filepath.Join(p.cluster.data, "log"))
		}
		return nil
	default:
	}
	for _, step := range []struct {
		sig  syscall.Signal
		wait time.Duration
	}{{syscall.SIGINT, p.patience}, {syscall.SIGQUIT, 5 * time.Second}, {syscall.SIGKILL, 5 * time.Second}} {
		if err := p.server.signal(step.sig); err != nil {
			return fmt.Errorf("stop PostgreSQL (process %d): %w", p.server.pid, err)
		}
		if p.server.wait(step.wait) {
			if step.sig == syscall.SIGINT {
				return nil
			}
			return fmt.Errorf("PostgreSQL did not stop within %s and was ended with %s; it recovers at the next start", p.patience, step.sig)
		}
	}
	return fmt.Errorf("PostgreSQL (process %d) does not end", p.server.pid)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
