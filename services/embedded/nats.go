//go:build unix

package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"
)

// JetStreamFolder is the part of the data folder that may be thrown away while
// nothing runs.
const JetStreamFolder = "jetstream"

// MaxPayload is the largest message the embedded server takes, in bytes: the
// default of NATS, so that what works here works with a server of yours.
const MaxPayload = server.MAX_PAYLOAD_SIZE

// NATS is a running server in this process.
type NATS struct {
	server *server.Server
	said   *natsLog
	lock   *os.File
	login  natsgo.Option // of our own connections; nil: nobody needs one

	watching chan struct{} // closed to end the watch
	watch    sync.WaitGroup
	stopOnce sync.Once
	stopErr  error
	unwatch  func() bool
}

// StartNATS starts the server of o.Dir and returns when it takes connections.
// It stops when ctx ends or Stop is called.
func StartNATS(ctx context.Context, o Options) (*NATS, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o711); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := lockFolder(o.Dir, "nats")
	if err != nil {
		return nil, err
	}
	n, err := startNATS(o, lock)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	n.watch.Go(func() { n.keepJetStream(o) })
	n.unwatch = context.AfterFunc(ctx, func() { _ = n.Stop() })
	return n, nil
}

// reviveEvery is how soon JetStream is tried again after the server has ended it.
const reviveEvery = time.Second

// roomForJetStream is how much of the disk must be free before JetStream is started
// again.
const roomForJetStream = 16 << 20

// keepJetStream starts JetStream again where a write failed, or the server has
// ended it: both happen when its disk is full, and both would last until a restart,
// however much room there is by then.
func (n *NATS) keepJetStream(o Options) {
	tick := time.NewTicker(reviveEvery)
	defer tick.Stop()
	var config server.JetStreamConfig
	ended := false
	for {
		select {
		case <-n.watching:
			return
		case <-tick.C:
		}
		broken := n.said.broken.Load()
		if is := n.server.JetStreamConfig(); is != nil && n.server.JetStreamEnabled() && !broken {
			if config = *is; ended {
				o.Logger.Info("JetStream works again")
			}
			ended = false
			continue
		}
		if !ended {
			o.Logger.Error("JetStream cannot write, as when its disk is full: it is started again as soon as there is room")
		}
		ended = true
		var fs unix.Statfs_t
		if err := unix.Statfs(o.Dir, &fs); err != nil || int64(fs.Bavail)*int64(fs.Bsize) < roomForJetStream {
			continue
		}
		n.said.broken.Store(false)
		err := n.server.ShutdownJetStream()
		config.StoreDir = o.Dir // the server adds "jetstream"
		if err = errors.Join(err, n.server.EnableJetStream(&config)); err != nil {
			o.Logger.Debug("JetStream does not start yet", "error", err)
		}
	}
}

func startNATS(o Options, lock *os.File) (*NATS, error) {
	began := time.Now()
	store := filepath.Join(o.Dir, JetStreamFolder)
	// I9: messages under way hold personal data.
	if err := os.MkdirAll(store, 0o700); err != nil {
		return nil, err
	}
	opts := &server.Options{
		ServerName:         "heji",
		DontListen:         true,
		NoSigs:             true,
		NoLog:              true,
		JetStream:          true,
		StoreDir:           o.Dir, // the server adds "jetstream"
		SyncInterval:       o.NATSSyncInterval,
		JetStreamMaxMemory: 64 << 20, // our streams are on the disk
		MaxPayload:         MaxPayload,
	}
	if o.NATSListen != "" {
		host, port, err := loopback(o.NATSListen)
		if err != nil {
			return nil, err
		}
		opts.DontListen, opts.Host, opts.Port = false, host, port
	}
	var login natsgo.Option
	if o.NATSUsers != nil {
		login = admit(opts, o.NATSUsers)
	}
	s, said, err := launchNATS(opts, login, o.Logger)
	if errors.Is(err, errJetStream) {
		// Work under way that cannot be read is not worth a hub that does not
		// start: I1 rests on PostgreSQL. It is kept aside, for whoever wants to
		// know.
		aside := store + ".unreadable"
		if removeErr := os.RemoveAll(aside); removeErr != nil {
			return nil, errors.Join(err, removeErr)
		}
		if renameErr := os.Rename(store, aside); renameErr != nil {
			return nil, errors.Join(err, renameErr)
		}
		o.Logger.Warn("JetStream's files cannot be read: they are put aside, and pulling starts again at the merged marks", "path", aside, "error", err)
		s, said, err = launchNATS(opts, login, o.Logger)
	}
	if err != nil {
		return nil, err
	}
	o.Logger.Info("NATS is ready", "version", server.VERSION, "path", store, "seconds", time.Since(began).Seconds())
	return &NATS{server: s, said: said, lock: lock, login: login, watching: make(chan struct{})}, nil
}

// hubUser is the hub's own name; no platform can have it.
const hubUser = "heji-hub"

// admit lets the users in, each for its own subjects, and the hub itself by a
// password that only this process knows.
func admit(opts *server.Options, users []NATSUser) natsgo.Option {
	secret := rand.Text()
	opts.Users = []*server.User{{Username: hubUser, Password: secret}}
	for _, u := range users {
		p := &server.Permissions{Publish: &server.SubjectPermission{Allow: u.Publish}, Subscribe: &server.SubjectPermission{Allow: u.Subscribe}}
		if len(u.Publish) == 0 {
			p.Publish.Deny = []string{">"} // an empty list would allow everything
		}
		if len(u.Subscribe) == 0 {
			p.Subscribe.Deny = []string{">"}
		}
		if u.Replies {
			p.Response = &server.ResponsePermission{MaxMsgs: 4096, Expires: 10 * time.Minute}
		}
		opts.Users = append(opts.Users, &server.User{Username: u.Name, Password: u.Password, Permissions: p})
	}
	return natsgo.UserInfo(hubUser, secret)
}

// errJetStream says that the server itself is well but JetStream could not read
// its files.
var errJetStream = errors.New("JetStream does not start")

func launchNATS(opts *server.Options, login natsgo.Option, log *slog.Logger) (*server.Server, *natsLog, error) {
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, nil, err
	}
	said := &natsLog{log: log}
	s.SetLoggerV2(said, false, false, false)
	s.Start()
	for giveUp := time.Now().Add(30 * time.Second); said.fatal() == "" && time.Now().Before(giveUp); {
		if !s.ReadyForConnections(200*time.Millisecond) || !s.JetStreamEnabled() {
			continue
		}
		if err := probe(s, login); err != nil {
			s.Shutdown()
			s.WaitForShutdown()
			return nil, nil, fmt.Errorf("%w: %w", errJetStream, err)
		}
		return s, said, nil
	}
	s.Shutdown()
	s.WaitForShutdown()
	switch reason := said.fatal(); {
	case strings.Contains(reason, "JetStream"):
		return nil, nil, fmt.Errorf("%w: %s", errJetStream, reason)
	case reason != "":
		return nil, nil, errors.New(reason)
	default:
		return nil, nil, errors.New("the server takes no connections within 30 seconds")
	}
}

// probe makes and removes a stream: JetStream can be enabled over files that it
// cannot use.
func probe(s *server.Server, login natsgo.Option) error {
	options := []natsgo.Option{natsgo.InProcessServer(s)}
	if login != nil {
		options = append(options, login)
	}
	conn, err := natsgo.Connect("", options...)
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	const name = "HEJI_PROBE"
	if _, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{"heji.probe"}}); err != nil {
		return err
	}
	return js.DeleteStream(ctx, name)
}

func loopback(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("listen address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", 0, fmt.Errorf("listen address %q is not a loopback address: the embedded server knows no passwords; use 127.0.0.1, or a NATS of yours with NATS_URL", address)
	}
	port, err = strconv.Atoi(text)
	if err != nil {
		return "", 0, fmt.Errorf("listen address %q: the port is not a number", address)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

var _ natsgo.InProcessConnProvider = (*NATS)(nil)

// InProcessConn lets clients of this process connect without a network.
func (n *NATS) InProcessConn() (net.Conn, error) { return n.server.InProcessConn() }

// Login proves to the server that a connection is the hub's own.
func (n *NATS) Login() natsgo.Option {
	if n.login == nil {
		return func(*natsgo.Options) error { return nil }
	}
	return n.login
}

// Connect opens a connection that needs no network.
func (n *NATS) Connect(opts ...natsgo.Option) (*natsgo.Conn, error) {
	conn, err := natsgo.Connect("", append(opts, natsgo.InProcessServer(n), n.Login())...)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded NATS: %w", err)
	}
	return conn, nil
}

// URL is the address the server listens on, empty when it does not.
func (n *NATS) URL() string {
	if n.server.Addr() == nil {
		return ""
	}
	return n.server.ClientURL()
}

// Stop stops the server and waits until it is gone. Calling it again returns
// the same answer.
func (n *NATS) Stop() error {
	n.stopOnce.Do(func() {
		if n.unwatch != nil {
			n.unwatch()
		}
		close(n.watching)
		n.watch.Wait()
		n.server.Shutdown()
		n.server.WaitForShutdown()
		n.stopErr = n.lock.Close()
	})
	return n.stopErr
}

// natsLog hands what matters to our logger and keeps the server off stdout.
type natsLog struct {
	log  *slog.Logger
	mu   sync.Mutex
	last string

	broken atomic.Bool // a stream could not be written, and stays so
}

func (l *natsLog) fatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

func (l *natsLog) Noticef(string, ...any) {}
func (l *natsLog) Debugf(string, ...any)  {}
func (l *natsLog) Tracef(string, ...any)  {}

func (l *natsLog) Warnf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if strings.HasPrefix(text, "Plaintext passwords detected") {
		return // made anew at each start, and in no configuration that anybody could read
	}
	l.log.Warn("NATS warns", "reason", text)
}

func (l *natsLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if strings.Contains(strings.ToLower(text), "critical write error") || strings.Contains(text, "resources, will be DISABLED") {
		l.broken.Store(true)
	}
	l.log.Error("NATS reports an error", "reason", text)
}

// Fatalf does not end the process, as the server's own logger would: the start
// that failed returns the text as its error.
func (l *natsLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = fmt.Sprintf(format, v...)
}
