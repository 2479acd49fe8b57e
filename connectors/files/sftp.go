package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"heji/connectors"
	"heji/connectors/spec"
)

// SFTP is the machine behind which the folders are.
type SFTP struct {
	Address    string `yaml:"address"` // host or host:port; default port 22
	User       string `yaml:"user"`
	Password   string `yaml:"password"`
	Key        string `yaml:"key"` // file with a private key in OpenSSH or PEM form
	Passphrase string `yaml:"passphrase"`
	// HostKey pins the server: fingerprints (SHA256:…) or public keys
	// (ssh-ed25519 AAAA…). KnownHosts is a file as ssh itself keeps it.
	HostKey    []string `yaml:"host_key"`
	KnownHosts string   `yaml:"known_hosts"`
	// Stall is how long nothing may arrive before the connection counts as lost;
	// default request_life.
	Stall spec.Duration `yaml:"stall"`
}

func (s *SFTP) check(p *spec.Platform) error {
	if s == nil {
		return nil
	}
	switch {
	case s.Address == "" || s.User == "":
		return p.Errorf("connect.sftp", "connect.sftp.address and connect.sftp.user are needed: the machine and the account of its files.")
	case s.Password == "" && s.Key == "":
		return p.Errorf("connect.sftp", "connect.sftp.password or connect.sftp.key is needed: how the account proves who it is.")
	case s.Stall < 0:
		return p.Errorf("connect.sftp.stall", "connect.sftp.stall must be above 0.")
	}
	if s.Stall == 0 {
		s.Stall = spec.Duration(p.Life())
	}
	if _, _, err := net.SplitHostPort(s.Address); err != nil {
		s.Address = net.JoinHostPort(strings.Trim(s.Address, "[]"), "22")
	}
	return nil
}

// remote is a drive behind SFTP. Each operation has a connection to itself; one
// that is whole afterwards is used again. The protocol's client knows no
// contexts: closing the connection is what ends an operation.
type remote struct {
	settings *SFTP
	source   string // the platform's file, for sentences
	cache    string // where fetched files are kept

	mu     sync.Mutex
	idle   []*line
	closed bool
}

// line is one connection.
type line struct {
	conn net.Conn
	ssh  *ssh.Client
	sftp *sftp.Client
}

// close gives a connection up. The wire goes first: a server that hangs would
// hold up a farewell for ever.
func (l *line) close() {
	_ = l.conn.Close()
	_ = l.sftp.Close()
	_ = l.ssh.Close()
}

// maxIdle is how many connections wait for use: one that reads, one that writes.
const maxIdle = 2

func newRemote(p *spec.Platform, s *SFTP, dir string) (*remote, error) {
	if dir == "" {
		return nil, p.Errorf("connect.sftp", "connect.sftp: there is no folder of this machine where fetched files could be kept.")
	}
	return &remote{settings: s, source: p.Source, cache: filepath.Join(dir, "fetched")}, nil
}

// dial connects, and ends with the context.
func (r *remote) dial(ctx context.Context) (*line, error) {
	s := r.settings
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: s.Stall.D()}
	conn, err := dialer.DialContext(ctx, "tcp", s.Address)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, connectors.NewTrouble("ssh_unreachable", "address", s.Address)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	// The limit is of the handshake; afterwards each operation has its own.
	failed := func(err error) (*line, error) {
		_ = conn.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, s.login(err)
	}
	if err := conn.SetDeadline(time.Now().Add(s.Stall.D())); err != nil {
		return failed(err)
	}
	c, channels, requests, err := ssh.NewClientConn(conn, s.Address, config)
	if err != nil {
		return failed(err)
	}
	client := ssh.NewClient(c, channels, requests)
	files, err := sftp.NewClient(client)
	if err != nil {
		_ = client.Close()
		return failed(connectors.NewTrouble("ssh_no_sftp", "address", s.Address, "user", s.User))
	}
	l := &line{conn: conn, ssh: client, sftp: files}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		l.close()
		return failed(err)
	}
	return l, nil
}

// take returns a connection that works: one that waited is asked first, because
// firewalls forget what is quiet.
func (r *remote) take(ctx context.Context) (*line, error) {
	for {
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			return nil, errors.New("the connector is closed")
		}
		if len(r.idle) == 0 {
			r.mu.Unlock()
			return r.dial(ctx)
		}
		l := r.idle[len(r.idle)-1]
		r.idle = r.idle[:len(r.idle)-1]
		r.mu.Unlock()
		watch := time.AfterFunc(r.settings.Stall.D(), l.close)
		_, err := l.sftp.Getwd()
		if watch.Stop() && err == nil {
			return l, nil
		}
		l.close()
	}
}

func (r *remote) give(l *line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.idle) >= maxIdle {
		go l.close()
		return
	}
	r.idle = append(r.idle, l)
}

// do runs one operation. alive must be called whenever something arrived: an
// operation that hears nothing for the stall time is cut off (I10).
func (r *remote) do(ctx context.Context, operation func(c *sftp.Client, alive func()) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l, err := r.take(ctx)
	if err != nil {
		return err
	}
	stall := r.settings.Stall.D()
	watch := time.AfterFunc(stall, l.close)
	stop := context.AfterFunc(ctx, l.close)
	err = operation(l.sftp, func() { watch.Reset(stall) })
	quiet := watch.Stop()
	whole := stop() && quiet
	var status *sftp.StatusError
	var ours *here
	answered := err == nil || errors.As(err, &ours) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrExist) || errors.As(err, &status)
	if whole && answered {
		r.give(l)
	} else {
		l.close()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case !quiet:
		return connectors.NewTrouble("ssh_silent", "address", r.settings.Address, "after", stall.String())
	case !answered:
		return connectors.NewTrouble("ssh_broke", "address", r.settings.Address)
	}
	return err
}

func (r *remote) list(ctx context.Context, dir string) (out []fs.FileInfo, err error) {
	err = r.do(ctx, func(c *sftp.Client, alive func()) error {
		out, err = c.ReadDir(dir)
		return err
	})
	return out, err
}

func (r *remote) stat(ctx context.Context, name string) (info fs.FileInfo, err error) {
	err = r.do(ctx, func(c *sftp.Client, _ func()) error {
		info, err = c.Stat(name)
		return err
	})
	return info, err
}

// copyOf is where a delivery is kept here. Another size or time is another
// delivery.
func (r *remote) copyOf(dir string, id identity) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s\x00%s\x00%d\x00%d", dir, id.Name, id.Size, id.MTime.UnixNano())))
	return filepath.Join(r.folderOf(dir), hex.EncodeToString(sum[:12]))
}

func (r *remote) folderOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(r.cache, hex.EncodeToString(sum[:6]))
}

// here is an error of an operation that is not the connection's.
type here struct{ error }

func (h *here) Unwrap() error { return h.error }

// errOther: the file is not the one that was listed.
var errOther error = &here{errors.New("it changed while it was fetched; it was not complete")}

// local fetches a file, or what of it is not here yet: a fetch that broke off
// goes on where it was.
func (r *remote) local(ctx context.Context, name string, id identity) (string, error) {
	dir := path.Dir(name)
	whole := r.copyOf(dir, id)
	if info, err := os.Stat(whole); err == nil && info.Size() == id.Size {
		return whole, nil
	}
	if err := os.MkdirAll(filepath.Dir(whole), 0o700); err != nil {
		return "", err
	}
	part, err := os.OpenFile(whole+".part", os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	defer part.Close()
	err = r.do(ctx, func(c *sftp.Client, alive func()) error {
		from, err := part.Seek(0, io.SeekEnd)
		if err != nil {
			return &here{err}
		}
		f, err := c.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.Seek(from, io.SeekStart); err != nil {
			return err
		}
		buffer := make([]byte, 256<<10)
		for from < id.Size {
			n, err := f.Read(buffer[:min(int64(len(buffer)), id.Size-from)])
			if n > 0 {
				alive()
				if _, err := part.Write(buffer[:n]); err != nil {
					return &here{err}
				}
				from += int64(n)
			}
			if err == io.EOF && from < id.Size {
				return errOther
			}
			if err != nil && err != io.EOF {
				return err
			}
		}
		info, err := c.Stat(name)
		if err != nil {
			return err
		}
		if !identify(info).same(id) {
			return errOther
		}
		return nil
	})
	if errors.Is(err, errOther) {
		return "", errors.Join(err, os.Remove(whole+".part"))
	}
	if err != nil {
		return "", err
	}
	return whole, os.Rename(whole+".part", whole)
}

// keep deletes the copies of files that wait no longer: they hold people's data.
func (r *remote) keep(dir string, waiting []identity) {
	wanted := map[string]bool{}
	for _, id := range waiting {
		wanted[filepath.Base(r.copyOf(dir, id))] = true
	}
	copies, err := os.ReadDir(r.folderOf(dir))
	if err != nil {
		return // nothing was fetched yet
	}
	for _, e := range copies {
		if !wanted[strings.TrimSuffix(e.Name(), ".part")] {
			_ = os.Remove(filepath.Join(r.folderOf(dir), e.Name())) // tried again at the next look
		}
	}
}

// write uploads a file and asks the server to force it to its disk, where it
// offers that.
func (r *remote) write(ctx context.Context, name string, content []byte) error {
	return r.do(ctx, func(c *sftp.Client, alive func()) error {
		f, err := c.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return err
		}
		for len(content) > 0 {
			n := min(len(content), 128<<10)
			if _, err := f.Write(content[:n]); err != nil {
				_ = f.Close() // the write is what failed
				return err
			}
			alive()
			content = content[n:]
		}
		if _, ok := c.HasExtension("fsync@openssh.com"); ok {
			if err := f.Sync(); err != nil {
				_ = f.Close()
				return err
			}
		}
		return f.Close()
	})
}

// rename never replaces a file: the protocol's own rename refuses to.
func (r *remote) rename(ctx context.Context, from, to string) error {
	return r.do(ctx, func(c *sftp.Client, _ func()) error { return c.Rename(from, to) })
}

func (r *remote) remove(ctx context.Context, name string) error {
	return r.do(ctx, func(c *sftp.Client, _ func()) error { return c.Remove(name) })
}

func (r *remote) mkdir(ctx context.Context, dir string) error {
	return r.do(ctx, func(c *sftp.Client, _ func()) error { return c.MkdirAll(dir) })
}

// sync: the protocol knows nothing of folders.
func (r *remote) sync(context.Context, string) error { return nil }
func (r *remote) join(elem ...string) string         { return path.Join(elem...) }

func (r *remote) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, l := range r.idle {
		l.close()
	}
	r.idle = nil
	return nil
}
