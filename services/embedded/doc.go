// Package embedded brings Heji's own engines: a private PostgreSQL and a NATS
// server with JetStream, so that the binary runs with no settings at all.
//
// What flows in is a data folder; what flows out are connections: a DSN for
// PostgreSQL (a unix socket, never TCP) and an in-process connection for NATS.
//
// In the data folder:
//
//	pg15/                PostgreSQL's data, one folder for each major version; the truth
//	run/                 PostgreSQL's socket (in the temporary folder when this path is too long)
//	jetstream/           work under way; may be thrown away between two runs
//	postgres.lock, nats.lock   held by the process that uses the folder
//	postgres-start.log   what PostgreSQL said before its own log began
//
// # PostgreSQL
//
// The server binaries (15 or newer) come from PATH, from the distribution's
// folders or, where there are none, are fetched once into a cache. PostgreSQL
// refuses to run as root; started as root, this package runs it as the user who
// owns the data, else as postgres, else as nobody. That user must be able to
// walk to the data folder. Where a parent folder forbids it (a clone below
// /root), the server is given the one capability that lets it pass, and where
// the process does not hold that capability either, Start says which folder it
// is and what to do.
//
// The locale is C.UTF-8: text sorts by code point, the same on every machine,
// and pg_trgm sees Chinese letters, which under plain C it does not.
//
// A killed parent leaves no server behind. On Linux the kernel does it
// (Pdeathsig), which follows the thread that forked, so that thread is locked
// and kept for as long as the server lives. Elsewhere a watchdog waits on a
// pipe that only the parent holds open, and stops the server when it closes.
//
// # NATS
//
// The server is a library in this process and listens nowhere unless asked.
// JetStream writes to the disk at once but flushes to the platter only every
// SyncInterval, so a power cut may lose acknowledged messages. That is allowed:
// PostgreSQL is the truth, and pulling starts again at the merged mark.
//
// # Invariants
//
//   - I1: PostgreSQL commits are synchronous; JetStream's loss is recoverable.
//   - I9: PostgreSQL's log holds no statements, no parameters and no error
//     texts of clients; NATS logs no payloads.
package embedded
