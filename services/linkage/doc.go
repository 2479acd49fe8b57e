// Package linkage decides who is who: which records of the department platforms
// speak of the same person.
//
// In flow records as flat canonical values, what people decided, and a Model of
// frozen integer weights. Out flow the groups of records that are one resident
// each, the pairs that a person should look at, and the reasons for both. The
// package is pure: no I/O, no clock, no chance. The stream, a run over files and
// the property tests call the same code.
//
// The road of a record:
//
//	values ─ Model.Features ─► Features ─ Model.Keys ─► blocking keys
//	Features × Features ─ Model.Compare ─► Comparison (the waterfall of Explain)
//	items + decisions ─ Batch ─► groups and edges
//
// Batch is the definition: the partition of all current records. The stream
// recomputes only a closure of what changed, and Close finds that closure; it
// asks its caller for records through Neighbourhood, so that the SQL store and
// the simulation run the same steps. AssignIDs keeps residents' ids stable from
// one partition to the next.
//
// Invariants kept here:
//
//   - I2: Batch is a function of the items' evidence, the decisions and the
//     model, whatever their order; Close and Batch together give the stream the
//     same partition (simulated in stream_test.go).
//   - I3: two different valid ID numbers are never joined without a decision,
//     and one number under clearly different people is an edge for review.
//   - I4: a decision outranks every weight; no join contradicts one.
//   - I6: anchored records (desk edits, rows that Heji created) are compared
//     with nothing and follow the record they were made about.
//   - I8: Compare names each attribute's level and weight, and every edge says
//     why it did not join.
//   - I9: nothing here puts a value into an error or into Explain's text.
package linkage
