// Package live holds the checks of the conformance suite that are safe on a
// platform as it is, with its own rows and its own clerks at work.
//
// In flow: a Subject, which is a platform's file and an empty folder. Out flow:
// a Report that an IT department can file, in Chinese and English, without a
// value of anybody. The suite in package conformance runs the same checks under
// go test against every kind; heji platform verify runs them against the real
// thing.
//
// By default nothing is written. With Write the row named by Key gets back what
// it shows already. With Probe, too, that row is one for trials: it is given a
// value that is too long and another one that is right, and gets back what it
// showed. A check that is not made says why.
//
// Invariants: I5 (only what a row shows is written to it, a row for trials apart), I9 (no value, and
// nothing that came from the environment, in a report).
package live
