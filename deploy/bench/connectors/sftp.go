package connectors

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

func init() { register(Case{Name: "files/CSV over SFTP", Open: openSFTP}) }

// openSFTP is openFiles behind a real SSH server on this machine's loopback.
func openSFTP(ctx context.Context, rows int, dir string) (*Platform, error) {
	p, err := openFiles(ctx, rows, dir)
	if err != nil {
		return nil, err
	}
	s, err := serveSFTP()
	if err != nil {
		return nil, err
	}
	conn, err := ssh.Dial("tcp", s.listener.Addr().String(), &ssh.ClientConfig{User: sftpUser, Auth: []ssh.AuthMethod{ssh.Password(sftpPassword)}, HostKeyCallback: ssh.FixedHostKey(s.host.PublicKey())})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	bare, err := sftp.NewClient(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close(), s.close())
	}
	p.YAML = strings.Replace(filesYAML, "connect:\n", "connect:\n  sftp: {address: \"${BENCH_ADDRESS}\", user: "+sftpUser+", password: \"${BENCH_PASSWORD}\", host_key: \"${BENCH_HOST}\"}\n", 1)
	p.Env["BENCH_ADDRESS"], p.Env["BENCH_PASSWORD"], p.Env["BENCH_HOST"] = s.listener.Addr().String(), sftpPassword, ssh.FingerprintSHA256(s.host.PublicKey())
	p.Pull = func(context.Context) (int, error) {
		f, err := bare.Open(filepath.Join(dir, "in", "full_20260101.csv"))
		if err != nil {
			return 0, err
		}
		defer f.Close()   //nolint:errcheck // only read
		r, w := io.Pipe() // WriteTo asks for many pieces at once; Read would for one
		go func() {
			_, err := f.WriteTo(w)
			_ = w.CloseWithError(err)
		}()
		n, err := countCSV(r)
		_ = r.Close() // ends whoever still writes
		return n, err
	}
	p.Push = func(_ context.Context, changed []Changed) error {
		f, err := bare.Create(filepath.Join(dir, "bare.csv"))
		if err != nil {
			return err
		}
		out := csv.NewWriter(f)
		lines := [][]string{{"nr", "op", "id", "sjhm"}}
		for _, x := range changed {
			lines = append(lines, []string{x.ID, "U", x.ID, x.Phone})
		}
		return errors.Join(out.WriteAll(lines), f.Close()) // this server offers no fsync
	}
	p.Close = func() error {
		_ = bare.Close() // says that the connection ends, which is asked for
		_ = conn.Close()
		return s.close()
	}
	return p, nil
}

const (
	sftpUser     = "heji"
	sftpPassword = "of-this-run-alone"
)

// sftpServer lets one account reach this machine's folders, on the loopback, for
// the run.
type sftpServer struct {
	host     ssh.Signer
	listener net.Listener
	work     sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn
}

func serveSFTP() (*sftpServer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	s := &sftpServer{}
	if s.host, err = ssh.NewSignerFromKey(key); err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.work.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return // closed
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.work.Go(func() { s.speak(conn) })
		}
	})
	return s, nil
}

func (s *sftpServer) speak(conn net.Conn) {
	config := &ssh.ServerConfig{PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		if c.User() != sftpUser || string(password) != sftpPassword {
			return nil, os.ErrPermission
		}
		return nil, nil
	}}
	config.AddHostKey(s.host)
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	s.work.Go(func() { ssh.DiscardRequests(requests) })
	for next := range channels {
		channel, requests, err := next.Accept()
		if err != nil {
			return
		}
		s.work.Go(func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem", nil) // a client that has gone needs no answer
			}
		})
		s.work.Go(func() {
			if files, err := sftp.NewServer(channel); err == nil {
				_ = files.Serve() // ends with the connection
				_ = files.Close()
			}
			_ = channel.Close()
		})
	}
}

func (s *sftpServer) close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		_ = c.Close() // it may have been closed by its client
	}
	s.mu.Unlock()
	s.work.Wait()
	return err
}
