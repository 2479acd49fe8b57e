// Package survivorship decides which value of each attribute survives in the
// master record of one resident.
//
// In: the claims of the resident's records (own evidence only, as package
// lineage hands it out: I6), the keep decisions of people, and the rules, which
// are data. Out: for each attribute the surviving value with its source, time
// and the rule that chose it (I8), and whether its order against another claim
// is unknown, so that a person must say (then it is not written anywhere).
//
// It is a pure function of its input: no clock, no I/O, and the order in which
// claims are given does not matter (I2). A person's decision outranks all (I4).
package survivorship
