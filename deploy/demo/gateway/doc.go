// Package gateway is a department's own program: it connects the volunteers'
// platform, an HTTP interface of its own style, to Heji over NATS, as kind remote
// wants it (docs/remote-protocol.md).
//
// In: requests on heji.remote.v1.volunteers.*. Out: replies, and heartbeats. It
// keeps nothing: what it is asked for, it asks of the interface, which remembers
// the numbers of writes itself. Like any department's program it knows nothing of
// Heji but the protocol, and imports nothing of ours.
package gateway
