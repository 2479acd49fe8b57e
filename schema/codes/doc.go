// Package codes holds the code tables that residents' attributes use, and the
// crosswalks from what platforms write to them. Both are versioned data files:
// a wrong code is a correction of data, not of a program.
//
// tables/<name>.csv is one canonical table, named as in schema.Definition.Codes,
// in Chinese and English. crosswalks/<name>.csv is one local spelling of a
// table. The first line of each file is a comment that names standard and
// version. Besides the files, every table has the crosswalk <table>_zh from its
// Chinese labels, and a crosswalk of its own name from its own codes.
//
// In flows a platform's text, out flows a canonical code, and back again. A
// text that a crosswalk does not cover is answered with false, never guessed:
// the caller sets the value aside (I1) and shows it to a person.
package codes
