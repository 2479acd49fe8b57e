package district

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net"
	"strings"
	"sync"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// sftpDoor lets one account reach the folders of a file platform over SFTP: how
// 残联 and 计生协查 exchange their files.
type sftpDoor struct {
	dir, user, password string
	host                ssh.Signer
	listener            net.Listener
	work                sync.WaitGroup
	mu                  sync.Mutex
	conns               map[net.Conn]bool
}

const sftpUser = "heji"

// openSFTP listens on a free port of the loopback.
func openSFTP(dir, password string) (*sftpDoor, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	d := &sftpDoor{dir: dir, user: sftpUser, password: password, conns: map[net.Conn]bool{}}
	if d.host, err = ssh.NewSignerFromKey(key); err != nil {
		return nil, err
	}
	if d.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	d.work.Go(d.accept)
	return d, nil
}

func (d *sftpDoor) address() string { return d.listener.Addr().String() }

// fingerprint is what the department's clerk reads out on the phone.
func (d *sftpDoor) fingerprint() string { return ssh.FingerprintSHA256(d.host.PublicKey()) }

func (d *sftpDoor) accept() {
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			return // closed
		}
		d.mu.Lock()
		d.conns[conn] = true
		d.mu.Unlock()
		d.work.Go(func() {
			d.serve(conn)
			_ = conn.Close() // it may have been closed by its client
			d.mu.Lock()
			delete(d.conns, conn)
			d.mu.Unlock()
		})
	}
}

func (d *sftpDoor) serve(conn net.Conn) {
	config := &ssh.ServerConfig{PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		if c.User() != d.user || subtle.ConstantTimeCompare(password, []byte(d.password)) != 1 {
			return nil, errors.New("用户名或密码错误")
		}
		return nil, nil
	}}
	config.AddHostKey(d.host)
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	d.work.Go(func() { ssh.DiscardRequests(requests) })
	for next := range channels {
		if next.ChannelType() != "session" {
			if next.Reject(ssh.UnknownChannelType, "只提供文件传输") != nil {
				return
			}
			continue
		}
		channel, requests, err := next.Accept()
		if err != nil {
			return
		}
		d.work.Go(func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem" && strings.HasSuffix(string(r.Payload), "sftp"), nil) // the client may have gone
			}
		})
		d.work.Go(func() {
			files, err := sftp.NewServer(channel, sftp.WithServerWorkingDirectory(d.dir))
			if err == nil {
				_ = files.Serve() // ends with the connection
				_ = files.Close()
			}
			_ = channel.Close()
		})
	}
}

func (d *sftpDoor) close() error {
	err := d.listener.Close()
	d.mu.Lock()
	for c := range d.conns {
		_ = c.Close() // what is under way ends, as in a restart
	}
	d.mu.Unlock()
	d.work.Wait()
	return err
}
