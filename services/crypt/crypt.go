package crypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
)

// Suite is a choice of algorithms, by the name of the setting.
type Suite string

// The suites.
const (
	International Suite = "international" // SHA-256, AES-256-GCM
	SM            Suite = "sm"            // 国密：SM3, SM4-GCM
)

// hashes and ciphers by the names that stand in what is stored: a name is never
// used for anything else.
var hashes = map[string]func() hash.Hash{"sha256": sha256.New, "sm3": sm3.New}

type algorithm struct {
	keyBytes int
	block    func(key []byte) (cipher.Block, error)
}

var ciphers = map[string]algorithm{
	"aes256gcm": {32, aes.NewCipher},
	"sm4gcm":    {16, sm4.NewCipher},
}

var suites = map[Suite]struct{ hash, cipher string }{
	International: {"sha256", "aes256gcm"},
	SM:            {"sm3", "sm4gcm"},
}

// ParseSuite reads the setting; "" is International.
func ParseSuite(text string) (Suite, error) {
	if text == "" {
		return International, nil
	}
	if _, ok := suites[Suite(text)]; !ok {
		return "", fmt.Errorf("crypto: %q is neither %q (SHA-256, AES) nor %q (国密 SM3, SM4)", text, International, SM)
	}
	return Suite(text), nil
}

// Hash is the name of the suite's hash.
func (s Suite) Hash() string { return suites[s].hash }

// Sum hashes data with the hash of that name, which is stored beside the result.
func Sum(name string, data []byte) ([]byte, error) {
	h, ok := hashes[name]
	if !ok {
		return nil, fmt.Errorf("this version of Heji knows no hash %q: it was written by a newer one, or changed", name)
	}
	d := h()
	d.Write(data) // a hash never fails
	return d.Sum(nil), nil
}
