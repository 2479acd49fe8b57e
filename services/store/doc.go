// Package store is all the SQL of Heji: one file for each entity, plain SQL that
// can be read, set-based.
//
// Postgres is the truth. pull, merge, writeback and desk meet here and on the
// bus; none of them imports another. What is decided (partition, survivorship,
// lineage) is decided by the pure packages; store loads their input and keeps
// their output, and owns the transactions and locks of RULES D: the record row
// is the mutex, records are locked in id order and before targets. The locks are
// FOR NO KEY UPDATE: they exclude one another just as FOR UPDATE does, and let
// the checks of foreign keys pass, which would otherwise wait for one another.
//
// Invariants enforced here: I1 (positions are taken in the transaction that
// stores the record), I2 (the lock protocol), I5 (intents are durable before a
// call), I8 (history, decisions and intents are only ever added to).
package store
