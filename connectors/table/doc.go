// Package table is the connector kind of platforms that give access to a table
// or view of their PostgreSQL database.
//
// In flow: rows as text, cast by the database. Out flow: conditional updates
// and guarded inserts, each in one short transaction.
//
// # Noticing changes
//
// The first pass, and every full_every after it, is a full read: one REPEATABLE
// READ snapshot, counted beforehand and afterwards, so that a complete read is
// really complete. Every other pass is incremental, by keyset on (change column,
// key): rows with equal change times are neither lost nor repeated.
//
// A transaction that takes its change time early and commits late would slip
// behind the cursor. So each pass also looks back over the overlap, and takes
// from there exactly the rows whose xmin was not yet visible in the snapshot
// that the cursor carries: what committed late is found, what was read is not
// read again. A view has no xmin; there the cursor carries a bounded list of
// what was read in the overlap. The overlap must be longer than the platform's
// longest transaction. Rows without a change time are found the same way.
//
// Where full_every is set, deletes that leave no tombstone are found by the full
// read; AsOf is the hub's clock at the start of the read.
//
// # Writing
//
// An update names what every column showed when the difference was computed;
// where one shows something else, nothing is written (Missed). All writes of one
// row, and every look at it, take the same advisory lock: a look after a broken
// connection waits until the old transaction is over, so doubt ends with the
// truth (I5). The server ends a transaction whose client has vanished.
//
// Invariants: I1 (the cursor never passes an unread row), I5, I9 (the driver's
// messages, which quote values, are replaced by sentences of ours).
package table
