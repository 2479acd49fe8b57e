// Package oracle says what a right hub would have written to the demo
// district, and compares it with what the platforms received and show.
//
// In, as plain data: what each platform showed before a phase, its clerks'
// edits and the writes it received during the phase, what it shows afterwards,
// and the hub's merged truth. Out, for each platform: how many writes were
// needed, received, repeated, and where it differs from what the merged truth
// and the agreement demand.
//
// It shares neither diff nor mapping code with the hub: which column holds
// which attribute, how a value is spelled there, which mode the agreement
// gives it and who may be created are written out again in tables.go. It does
// not judge the merged truth itself; Pairs does, against the true persons.
package oracle
