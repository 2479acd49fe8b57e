// Package linkage decides who is who: which records, of department platforms or
// of any files, speak of the same person.
//
// In flow records as flat values, what people decided, and a Model of frozen
// integer weights. Out flow the groups of records that are one entity each, the
// pairs that a person should look at, and the reasons for both. The package is
// pure: no I/O beside reading a model, no clock, no chance. The stream, a run over
// files and the property tests call the same code.
//
// The road of a record:
//
//	values ─ Model.Features ─► Features ─ Model.Keys ─► blocking keys
//	Features × Features ─ Model.Compare ─► Comparison (the waterfall of Explain)
//	items + decisions ─ Batch ─► groups and edges
//
// A Model is a YAML file that lists comparisons: which comparator (packages
// comparator and chinese) grades which attributes, and what each of its levels
// weighs; which parts of them make blocking keys; how common values weigh less;
// the corrections for what the comparisons have in common; and which pairs are
// ambiguous, so that they join nothing while they fit two who cannot be one.
// residents.yaml is the one that the program carries. Load says in which line a
// model is wrong; what is estimated from data comes back as a new version from
// Trained.
//
// Batch is the definition: the partition of all current records. The stream
// recomputes only a closure of what changed, and Close finds that closure; it
// asks its caller for records through Neighbourhood, so that the SQL store and
// the simulation run the same steps. AssignIDs keeps residents' ids stable from
// one partition to the next. BatchOf is Batch for files, whose pairs are found and
// weighed elsewhere.
//
// Invariants kept here:
//
//   - I2: Batch is a function of the items' evidence, the decisions and the
//     model, whatever their order; Close and Batch together give the stream the
//     same partition (simulated with several workers in stream_test.go).
//   - I3: two different identifiers of a model's exclusive comparison are never
//     joined without a decision, and one number under clearly different people
//     (conflict in the model) is an edge for review.
//   - I4: a decision outranks every weight; no join contradicts one.
//   - I6: anchored records (desk edits, rows that Heji created) are compared
//     with nothing and follow the record they were made about.
//   - I8: Compare names each comparison's level and weight, and every edge says
//     why it did not join.
//   - I9: nothing here puts a value of a record into an error or into Explain's
//     text.
package linkage
