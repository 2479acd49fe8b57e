// Package remote is the connector kind of platforms that a program of somebody
// else connects, in any language, over NATS.
//
// In flow and out flow: requests of the hub and the program's replies, as JSON,
// on subjects of that platform alone; docs/remote-protocol.md describes them for
// whoever writes such a program, schemas holds them as JSON Schemas.
//
// The hub asks, the program answers: it never has to know the hub's state. What
// it can do it says in a handshake; that it is alive it says by heartbeats, and
// while they are missing the platform is unreachable. A page of a read is asked
// for only while fewer than window pages wait to be published, so that a slow
// hub slows the program and nothing piles up.
//
// Invariants: I5 (a push without an answer is a doubt; the intent is the
// idempotency key; nobody listening is certainly not done), I9 (a program's words
// lose what looks like a number of a person), I10 (every request can be
// cancelled, and the program is told).
package remote
