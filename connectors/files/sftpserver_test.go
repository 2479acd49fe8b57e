package files

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"heji/connectors/conformance"
)

// server is a real SSH server with SFTP on the loopback, over the folders of
// this machine. Its wire can be cut or held at a chosen byte.
type server struct {
	t        testing.TB
	address  string
	readOnly atomic.Bool
	host     ssh.Signer
	second   ssh.Signer // an RSA host key beside the first, nil: none
	client   ssh.Signer // the key that the account may use

	listener net.Listener
	wg       sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool
	logins   atomic.Int64
	in       atomic.Int64 // bytes that clients sent
	fetched  atomic.Int64 // bytes that clients were sent
	cutIn    atomic.Int64 // close each connection once so many more were received; 0: never
	cutOut   atomic.Int64 // the same for what is sent
	held     atomic.Bool  // send nothing more
	passes   atomic.Int64 // passwords that clients tried
}

func newKey(t testing.TB) (ssh.Signer, ed25519.PrivateKey) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return signer, private
}

func newServer(t testing.TB, prepare ...func(*server)) *server {
	s := &server{t: t, conns: map[net.Conn]bool{}}
	s.host, _ = newKey(t)
	var err error
	s.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = s.listener.Addr().String()
	for _, p := range prepare {
		p(s)
	}
	s.wg.Go(s.serve)
	t.Cleanup(s.stop)
	return s
}

func (s *server) stop() {
	_ = s.listener.Close()
	s.hangUp()
	s.wg.Wait()
}

// hangUp breaks all connections.
func (s *server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

func (s *server) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		w := &wire{Conn: conn, server: s, closed: make(chan struct{})}
		s.mu.Lock()
		s.conns[w] = true
		s.mu.Unlock()
		s.wg.Go(func() {
			defer func() {
				_ = w.Close()
				s.mu.Lock()
				delete(s.conns, w)
				s.mu.Unlock()
			}()
			s.speak(w)
		})
	}
}

func (s *server) speak(conn net.Conn) {
	config := &ssh.ServerConfig{
		PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			s.passes.Add(1)
			if string(password) != conformance.Secret {
				return nil, errors.New("no")
			}
			return nil, nil
		},
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if s.client == nil || string(key.Marshal()) != string(s.client.PublicKey().Marshal()) {
				return nil, errors.New("no")
			}
			return nil, nil
		},
	}
	config.AddHostKey(s.host)
	if s.second != nil {
		config.AddHostKey(s.second)
	}
	c, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	s.logins.Add(1)
	s.wg.Go(func() { ssh.DiscardRequests(requests) })
	for channel := range channels {
		ch, requests, err := channel.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem" && strings.Contains(string(r.Payload), "sftp"), nil)
			}
		})
		s.wg.Go(func() {
			var options []sftp.ServerOption
			if s.readOnly.Load() {
				options = append(options, sftp.ReadOnly())
			}
			files, err := sftp.NewServer(ch, options...)
			if err == nil {
				_ = files.Serve() // ends with the connection
				_ = files.Close()
			}
			_ = c.Close()
		})
	}
}

// wire counts, cuts and holds.
type wire struct {
	net.Conn
	server *server
	once   sync.Once
	closed chan struct{}
}

func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.server.in.Add(int64(n))
	if cut(&w.server.cutIn, n) {
		_ = w.Close()
		return 0, io.ErrClosedPipe
	}
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	if w.server.held.Load() {
		<-w.closed
		return 0, io.ErrClosedPipe
	}
	if cut(&w.server.cutOut, len(p)) {
		_ = w.Close()
		return 0, io.ErrClosedPipe
	}
	w.server.fetched.Add(int64(len(p)))
	return w.Conn.Write(p)
}

// cut reports whether the budget ends with these bytes; it is spent once.
func cut(budget *atomic.Int64, n int) bool {
	if budget.Load() <= 0 || n == 0 {
		return false
	}
	if left := budget.Add(int64(-n)); left > 0 {
		return false
	}
	budget.Store(0)
	return true
}

// block is the sftp section of a platform's file.
func (s *server) block(more string) string {
	return "  sftp: {address: \"" + s.address + "\", user: heji, " + more + ", host_key: \"" + ssh.FingerprintSHA256(s.host.PublicKey()) + "\"}\n"
}

func (s *server) withPassword() string { return s.block("password: \"${SFTP_PASSWORD}\"") }

func secrets(name string) (string, bool) { return conformance.Secret, name == "SFTP_PASSWORD" }

// keyFile writes a private key as ssh-keygen does.
func keyFile(t testing.TB, key ed25519.PrivateKey, passphrase string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	return path
}

func rsaKey(t testing.TB) ssh.Signer {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return signer
}
