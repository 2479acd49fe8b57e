// Package mapping is one platform's field mapping, used in both directions:
// from its columns and texts to canonical attributes, and back to the text that
// the platform itself would have written.
//
// In flow a spec.Platform, rows as connectors read them, and canonical values
// to be written. Out flow canonical values with what is wrong with them, and
// wire texts by column. Everything is pure: no clock, no I/O, no chance, so that
// the stream, the command line and the tests run the same code.
//
// The two directions are checked against each other when the mapping is made: a
// field that the platform receives must be reversible, or the platform's file
// is wrong and says which field. What is lost on the way there is declared (max,
// a coarser code table, an address pattern without a part), and Shows knows it,
// so that a declared loss never looks like a difference (I5).
//
// Invariants: I1 (a bad value is set aside, kept raw and flagged; its record
// goes on), I5 (Shows), I9 (no value in an error).
package mapping
