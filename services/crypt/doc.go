// Package crypt is the one place where Heji hashes and encrypts for keeping: with
// SHA-256 and AES-256-GCM, or with the national algorithms SM3 and SM4-GCM
// (GB/T 32905, GB/T 32907), by a setting.
//
// Whatever is stored names its algorithm, and a ciphertext its key, so that a
// change of the setting or of the key leaves what is there readable.
package crypt
