// Package connectors is the contract between Heji and one department platform.
//
// In flow: a Connector reads rows as the platform has them (column names and
// text), the mapping of package mapping turns them into canonical records, pull
// publishes them. Out flow: writeback decides what a row should show, the same
// mapping turns it into the platform's own text, the Connector writes it.
//
// A connector knows columns and text, never attributes, residents or Postgres.
// Kinds register themselves with Register; package spec holds the YAML of a
// platform; package conformance holds the tests that every kind must pass.
//
// Invariants kept here: I5 (conditional writes, outcomes that never guess),
// I9 (no values in errors), I10 (every call takes a context and can be cut).
package connectors
