// Package population makes a small street with known truth: two communities
// with compounds, buildings, units and rooms, the households that live there,
// and what eight departments' platforms hold about them, errors included.
//
// In: a number of residents, a seed and a day. Out: a Population, equal for
// equal input, whose persons know everything about themselves, and Observed
// rows, which are what one platform believes about one person. Every Observed
// row remembers its true person, so that pairs can be counted.
//
// All persons are invented. ID numbers carry area codes that no place has
// (19xxxx, 29xxxx, 39xxxx, 49xxxx) and right check digits; phone numbers start
// with 154, which no operator has; provinces, cities and streets do not exist.
//
// The package imports nothing of Heji: its check digits, code tables and
// spellings are written out again here, so that an error of the hub cannot
// hide behind the same error in its test district.
package population
