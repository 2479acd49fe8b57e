package crypt

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Ring is the keys of an installation: the last one encrypts, all of them
// decrypt.
type Ring struct {
	suite Suite
	path  string
	keys  []key
}

type key struct {
	ID     string `json:"id"`
	Cipher string `json:"cipher"`
	Secret []byte `json:"secret"`
}

// ErrSealed says that a ciphertext cannot be opened: changed, of another place,
// or its key is not in the ring.
var ErrSealed = errors.New("what was encrypted cannot be read")

// OpenRing reads the keys from a file that only its owner may read, made when it
// is missing. The suite says what new keys are for: where the last key is of
// another one, a new key is made.
func OpenRing(path string, suite Suite) (*Ring, error) {
	r := &Ring{suite: suite, path: path}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// Of several processes that start at once, the first one's file stands.
		if err := r.rotate(os.Link); !errors.Is(err, fs.ErrExist) {
			return r, err
		}
		return OpenRing(path, suite)
	case err != nil:
		return nil, fmt.Errorf("keys: %w", err)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("keys: others may read %s: take that away from them with chmod 600", path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	if err := json.Unmarshal(raw, &r.keys); err != nil || len(r.keys) == 0 {
		return nil, fmt.Errorf("keys: %s holds no keys: bring it back from a backup; without it nothing that was encrypted can be read", path)
	}
	for _, k := range r.keys {
		if a, ok := ciphers[k.Cipher]; !ok || len(k.Secret) != a.keyBytes {
			return nil, fmt.Errorf("keys: %s: key %s is not one that this version knows: bring the file back from a backup", path, k.ID)
		}
	}
	if r.keys[len(r.keys)-1].Cipher != suites[suite].cipher {
		return r, r.Rotate()
	}
	return r, nil
}

// Rotate makes a new key, which encrypts from now on. The file is replaced as a
// whole, so that a crash leaves the old or the new one.
func (r *Ring) Rotate() error { return r.rotate(os.Rename) }

func (r *Ring) rotate(put func(from, to string) error) error {
	name := suites[r.suite].cipher
	secret, id := make([]byte, ciphers[name].keyBytes), make([]byte, 6)
	for _, b := range [][]byte{secret, id} {
		if _, err := rand.Read(b); err != nil {
			return fmt.Errorf("keys: make a key: %w", err)
		}
	}
	keys := append(r.keys[:len(r.keys):len(r.keys)], key{base64.RawURLEncoding.EncodeToString(id), name, secret})
	raw, err := json.MarshalIndent(keys, "", " ")
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	if err := replace(r.path, raw, put); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	r.keys = keys
	return nil
}

func replace(path string, content []byte, put func(from, to string) error) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".keys-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // put in its place by then
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := put(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Current names the key that encrypts, and its algorithm.
func (r *Ring) Current() (id, algorithm string) {
	k := r.keys[len(r.keys)-1]
	return k.ID, k.Cipher
}

// Keys is how many keys can decrypt.
func (r *Ring) Keys() int { return len(r.keys) }

func (k key) aead() (cipher.AEAD, error) {
	block, err := ciphers[k.Cipher].block(k.Secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Seal encrypts. about says what it is and where it belongs: it is not stored,
// and Open needs the same, so that a ciphertext cannot be put in another's place.
// The result is one line of text: algorithm.key.nonce-and-ciphertext.
func (r *Ring) Seal(plain []byte, about string) (string, error) {
	k := r.keys[len(r.keys)-1]
	a, err := k.aead()
	if err != nil {
		return "", fmt.Errorf("encrypt: %w", err)
	}
	head := k.Cipher + "." + k.ID + "."
	nonce := make([]byte, a.NonceSize(), a.NonceSize()+len(plain)+a.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("encrypt: %w", err)
	}
	return head + base64.RawURLEncoding.EncodeToString(a.Seal(nonce, nonce, plain, []byte(head+about))), nil
}

// Open decrypts what any key of the ring has sealed.
func (r *Ring) Open(sealed, about string) ([]byte, error) {
	parts := strings.SplitN(sealed, ".", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("%w: it is not of the form algorithm.key.text", ErrSealed)
	}
	for _, k := range r.keys {
		if k.ID != parts[1] || k.Cipher != parts[0] {
			continue
		}
		a, err := k.aead()
		if err != nil {
			return nil, fmt.Errorf("decrypt: %w", err)
		}
		raw, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
		if err != nil || len(raw) < a.NonceSize() {
			return nil, fmt.Errorf("%w: it was changed", ErrSealed)
		}
		plain, err := a.Open(nil, raw[:a.NonceSize()], raw[a.NonceSize():], []byte(parts[0]+"."+parts[1]+"."+about))
		if err != nil {
			return nil, fmt.Errorf("%w: it was changed, or belongs elsewhere", ErrSealed)
		}
		return bytes.Clone(plain), nil
	}
	return nil, fmt.Errorf("%w: the key %s is not in %s: bring the file back from a backup", ErrSealed, parts[1], r.path)
}
