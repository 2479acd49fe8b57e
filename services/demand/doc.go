// Package demand says what a platform should show, by the agreement in force and
// by nothing else.
//
// In: a platform's agreement and mapping, a resident's surviving values, a row.
// Out: what lineage must know to plan (Of), what a new row is given (Created), and
// for each field what becomes of it in words that people ask with (Outcome).
//
// It decides and does nothing. Writeback asks before each write, the desk before
// somebody saves, and the effect report before a platform takes a step: three
// answers that cannot differ, because they are one. I7 is kept here.
package demand
