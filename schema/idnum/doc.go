// Package idnum does the arithmetic of Chinese personal ID numbers: the
// 18-character citizen number (GB 11643-1999) and its 15-digit predecessor, the
// residence permit of Hong Kong, Macao and Taiwan residents (港澳台居民居住证) and
// both generations of the foreigner's permanent residence card
// (外国人永久居留身份证).
//
// In flows text as people and platforms write it, out flows a Number: one
// canonical text, what kind of number it is, and whether it can be true. The
// package is pure: no clock, no I/O.
//
// I3 rests on it: two numbers are different only if both are valid here and
// SameCore denies that one is the other's older spelling. An area code that the
// table does not know is reported (AreaKnown) and never makes a number invalid:
// of 11,943 genuine numbers, a strict list rejected 18.
//
// I9: nothing here returns an error text that repeats a number.
package idnum
