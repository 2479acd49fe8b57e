// Package chinese holds the comparators for Chinese residents: ID number, name,
// date of birth, sex, phone, dwelling, household, mother, order within a birth,
// and departments' own numbers. Kinds lists them by the names that models use.
//
// In flow the canonical values of one record, out flows for each comparator a
// feature: some ten bytes that hold all that comparing, blocking and weighing by
// frequency need. Features are compared where they lie, without allocation; any
// bytes are survived, and corrupt ones say nothing or something, never panic.
//
// Invariants: a feature is a function of the record's values alone, and a level
// of two features (I2); only a number that can be right identifies anybody (I3);
// levels are names, never values (I9).
package chinese
