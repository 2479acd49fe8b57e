// Package merge takes in what the platforms showed and decides which records
// are the same person.
//
// In: batches of schema.Record from the bus. Out: records, residents, history
// and due targets in the store, and a wake-up for writeback on the bus.
//
// Two steps, each its own transaction. Take-in (intake.go) makes messages
// durable and passes every read through lineage, so that an echo never becomes
// evidence (I6), and counts each position once (I1). Resolve (resolve.go) claims
// what is unresolved, closes over everything that can be affected, partitions
// with linkage (I2, I3, I4) and writes master records by survivorship (I8).
// Workers are stateless; any number may run anywhere.
package merge
