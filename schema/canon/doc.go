// Package canon brings text as platforms and people write it into the one
// canonical form of its kind, and back into a platform's format.
//
// In flow raw texts, out flow canonical values with what is wrong with them.
// Everything is pure: no clock, no I/O.
//
// Every reader answers (value, problem):
//
//	value, no problem    use it
//	value and problem    use it, and flag it: a wrong check digit, a control character taken out
//	no value, a problem  set it aside: the record stays, the attribute is flagged (I1)
//	neither              the text was blank
//
// A Problem never carries the value (I9).
package canon
