// Package files links records of CSV files, whatever population they are of: it
// reads the files, derives features, compares, joins, writes who is who, and
// scores the answer against a truth.
//
// In flow CSV files and a linkage.Model, out flow one line for each record
// (source, key, entity, probability), the pairs that are worth a look, and
// figures. The answer is that of linkage.Batch over all records, worked out for
// millions:
//
//	Open, Input      rows as values, bad input told by file, line and key
//	Derive           features and blocking keys in chunks, on all processors
//	Records.Link     keys sorted into groups, each pair compared once,
//	                 connected sets partitioned one by one
//	WriteLinks …     CSV
//
// The values of the files are not kept: a million residents take some hundreds
// of megabytes.
//
// Invariants kept here:
//
//   - I2: the entities and their names do not depend on the order of files and
//     rows, nor on the number of processors.
//   - I3: two different valid numbers of the model's exclusive comparison are
//     never in one entity; such pairs are listed for review with the reason.
//   - I8: every pair can be drawn as a waterfall.
//   - I9: errors name file, line and key of the user's own files, no other
//     value.
package files
