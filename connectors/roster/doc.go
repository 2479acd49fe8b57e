// Package roster reads lists of people that staff bring, however they are laid
// out: a title over the table, a header of two rows with merged cells, GBK, the
// household's address merged over its members, sums below.
//
// In: the bytes of a workbook or a CSV file. Out: the columns with what they
// probably mean, and the rows, each with the line where it stands. What a column
// means is a proposal: a person looks at it before anything is taken over.
//
// It is no connector: nothing is read again, and nothing is written back.
// Everything is bounded, because anybody can pick a wrong file in a browser.
//
// Invariants: I7 (what only sealed platforms know is no column here), I9 (errors
// name lines and columns, never what stands there).
package roster
