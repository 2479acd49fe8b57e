// Package jsontext reads and writes the hub's own JSON without reflection: the
// messages and row states of which a first load moves millions.
//
// What it writes is JSON that encoding/json reads as the same; what it reads is
// JSON of a known shape: an unknown key is passed over, a value of another type
// is an error. Callers keep a property test that compares them with
// encoding/json, and fall back on it for an error in words.
package jsontext
