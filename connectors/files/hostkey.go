package files

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"heji/connectors"
)

// config makes the login. Without a pinned host key nothing is accepted: the
// sentence says what to compare and what to write.
func (s *SFTP) config() (*ssh.ClientConfig, error) {
	check, algorithms, err := s.hostKeys()
	if err != nil {
		return nil, err
	}
	c := &ssh.ClientConfig{User: s.User, HostKeyCallback: check, HostKeyAlgorithms: algorithms, ClientVersion: "SSH-2.0-Heji"}
	if s.Key != "" {
		signer, err := s.signer()
		if err != nil {
			return nil, err
		}
		c.Auth = append(c.Auth, ssh.PublicKeys(signer))
	}
	if s.Password != "" {
		c.Auth = append(c.Auth, ssh.Password(s.Password), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range answers {
					answers[i] = s.Password
				}
				return answers, nil
			}))
	}
	return c, nil
}

func (s *SFTP) signer() (ssh.Signer, error) {
	data, err := os.ReadFile(s.Key)
	if err != nil {
		return nil, fmt.Errorf("the key file of connect.sftp.key cannot be read: %s: %w", plain(err), connectors.ErrCredentials)
	}
	var signer ssh.Signer
	if s.Passphrase != "" {
		signer, err = ssh.ParsePrivateKeyWithPassphrase(data, []byte(s.Passphrase))
	} else {
		signer, err = ssh.ParsePrivateKey(data)
	}
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, fmt.Errorf("the key file of connect.sftp.key is locked: give connect.sftp.passphrase: %w", connectors.ErrCredentials)
	case err != nil && s.Passphrase != "":
		return nil, fmt.Errorf("connect.sftp.passphrase does not open the key file of connect.sftp.key, or it holds no private key: %w", connectors.ErrCredentials)
	case err != nil:
		return nil, fmt.Errorf("the file of connect.sftp.key holds no private key in OpenSSH or PEM form: %w", connectors.ErrCredentials)
	}
	return signer, nil
}

// hostKeys makes the check of the server's key, and names the algorithms whose
// keys are pinned, so that the server shows one of those.
func (s *SFTP) hostKeys() (ssh.HostKeyCallback, []string, error) {
	var fingerprints, algorithms []string
	for _, pin := range s.HostKey {
		pin = strings.TrimSpace(pin)
		if strings.HasPrefix(pin, "SHA256:") {
			fingerprints = append(fingerprints, strings.TrimRight(pin, "="))
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(pin))
		if err != nil {
			return nil, nil, fmt.Errorf("connect.sftp.host_key must be a fingerprint (SHA256:…) or a public key (ssh-ed25519 AAAA…): %w", connectors.ErrLayout)
		}
		fingerprints = append(fingerprints, ssh.FingerprintSHA256(key))
		algorithms = append(algorithms, algorithmsOf(key.Type())...)
	}
	if len(algorithms) > 0 && slices.ContainsFunc(s.HostKey, func(p string) bool { return strings.HasPrefix(p, "SHA256:") }) {
		algorithms = nil // a fingerprint does not say which kind it is of
	}
	var known ssh.HostKeyCallback
	if s.KnownHosts != "" {
		var err error
		if known, err = knownhosts.New(s.KnownHosts); err != nil {
			return nil, nil, fmt.Errorf("the file of connect.sftp.known_hosts cannot be used: %s: %w", plain(err), connectors.ErrLayout)
		}
		algorithms = append(algorithms, pinnedIn(known, s.Address)...)
	}
	return func(address string, from net.Addr, key ssh.PublicKey) error {
		print := ssh.FingerprintSHA256(key)
		if slices.Contains(fingerprints, print) {
			return nil
		}
		pinned := len(fingerprints) > 0
		if known != nil {
			err := known(address, from, key)
			if err == nil {
				return nil
			}
			var revoked *knownhosts.RevokedError
			if errors.As(err, &revoked) {
				return connectors.NewTrouble("host_key_revoked", "address", address, "print", print)
			}
			var other *knownhosts.KeyError
			pinned = pinned || errors.As(err, &other) && len(other.Want) > 0
		}
		code := "host_key_unknown"
		if pinned {
			code = "host_key_changed"
		}
		return connectors.NewTrouble(code, "address", address, "kind", key.Type(), "print", print)
	}, algorithms, nil
}

// pinnedIn asks a known_hosts file which kinds of key it has for an address.
func pinnedIn(known ssh.HostKeyCallback, address string) []string {
	var other *knownhosts.KeyError
	if err := known(address, &net.TCPAddr{}, nobody{}); !errors.As(err, &other) {
		return nil
	}
	var out []string
	for _, k := range other.Want {
		out = append(out, algorithmsOf(k.Key.Type())...)
	}
	return out
}

// nobody is a key that no file holds.
type nobody struct{}

func (nobody) Type() string                        { return "nobody" }
func (nobody) Marshal() []byte                     { return []byte("nobody") }
func (nobody) Verify([]byte, *ssh.Signature) error { return errors.New("nobody signs nothing") }

// algorithmsOf: one RSA key signs in several ways.
func algorithmsOf(kind string) []string {
	if kind == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{kind}
}

// login makes a sentence of what went wrong before the first operation.
func (s *SFTP) login(err error) error {
	var other *connectors.Trouble
	switch {
	case errors.As(err, &other): // of its host key
		return other
	case errors.Is(err, connectors.ErrUnreachable):
		return err
	case errors.Is(err, connectors.ErrCredentials):
		return fmt.Errorf("the login was broken off: %w", err)
	case strings.Contains(err.Error(), "unable to authenticate"):
		with := "connect.sftp.password"
		if s.Password == "" {
			with = "connect.sftp.key"
		} else if s.Key != "" {
			with = "connect.sftp.key and connect.sftp.password"
		}
		return connectors.NewTrouble("ssh_login", "address", s.Address, "user", s.User, "with", with)
	case strings.Contains(err.Error(), "no common algorithm"):
		return connectors.NewTrouble("ssh_cipher", "address", s.Address)
	}
	return connectors.NewTrouble("ssh_odd", "address", s.Address)
}
