// Package conformance holds the tests that every kind of connector must pass.
//
// In flow: a Harness, which is a live platform (a real database, HTTP server or
// folder) with hooks behind the connector's back, and the connector itself. Out
// flow: failed tests. A test of the suite asks only what the kind says it can
// do: a kind without Look is not asked to look.
//
// What is tested: that errors are sentences without secrets, that two reads
// agree, that an incremental read misses and repeats nothing (equal change times
// included), that a stop at any emitted cursor loses nothing, that a write is
// seen by a look, is known again, misses where it must and is refused with
// column and reason, that everything ends promptly when its context does, and
// that no goroutine stays behind.
//
// What of this can be asked of a platform with columns of its own, whose clerks
// work as they please, is asked by Life: of every simulator of the demo.
package conformance
