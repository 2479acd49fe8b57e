// Package table is the connector kind of platforms that give access to a table
// or view of their database: PostgreSQL, MySQL and MariaDB, SQL Server, Oracle.
//
// In flow: rows as text, cast by the database. Out flow: conditional updates
// and guarded inserts, each in one short transaction.
//
// # Two ways in, one behaviour
//
// PostgreSQL is spoken to through pgx (reader, writer), everything else through
// database/sql with a dialect (brandReader, brandWriter, package dialect).
// PostgreSQL keeps a way of its own because it can say which transaction wrote a
// row; the others cannot, and an interface for both would either hide that or
// feign it. What must be the same is written once: the row and its key
// (common.go), the pages and positions of a pass and what makes a full read
// complete (pass.go), the log table (log.go), what a write's end means (push.go),
// and the sentences (errors.go). Each way brings its errors as dialect.Fault.
//
// # Noticing changes
//
// The first pass, and every full_every after it, is a full read: one snapshot,
// counted beforehand, so that a complete read is really complete; where there is
// no snapshot, counted before and after. Every other pass is incremental.
//
// With a change column: by keyset on (change column, key), so that rows with
// equal change times are neither lost nor repeated. A transaction that takes its
// change time early and commits late would slip behind the cursor, so each pass
// also looks back over the overlap. In a table of PostgreSQL it takes from there
// exactly the rows whose xmin was not yet visible in the snapshot that the cursor
// carries. Elsewhere, and of a view, the cursor carries a bounded list of what
// was read in the overlap. The overlap must be longer than the platform's longest
// transaction. Rows whose time has not come yet are given out, but never move the
// position: a clock that runs ahead hides nobody.
//
// With a log table: by its growing number. Numbers are given before the commit,
// so those that are missing are waited for, as long as the overlap. Each row that
// is named is asked for itself.
//
// With neither, each pass is a full read. Deletes that leave no tombstone are
// found by a full read or the log; AsOf is the hub's clock at the start.
//
// # Writing
//
// An update names what every column showed when the difference was computed;
// where one shows something else, nothing is written (Missed). All writes of one
// row, and every look at it, take the same lock (an advisory lock, GET_LOCK,
// sp_getapplock, the row itself): a look after a broken connection waits until
// the old transaction is over, so doubt ends with the truth (I5). The server ends
// a session whose client has vanished. A row that was not asked for (a collation
// without capitals, a text that looks like a number) is neither taken nor written.
//
// Invariants: I1 (the cursor never passes an unread row), I5, I9 (the driver's
// messages, which quote values, are replaced by sentences of ours).
package table
