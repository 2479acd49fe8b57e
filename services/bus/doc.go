// Package bus carries work between the stages over NATS JetStream.
//
// Two streams, both work queues (a message is gone when it was acknowledged):
//
//	RECORDS   records.<platform>   pull → merge       schema.Record, up to a hundred: a line each
//	CHANGES   changes.<platform>   merge → writeback  schema.Change
//
// A work queue rather than a log, because PostgreSQL is the truth and nothing
// is ever read twice: what is left in a stream is exactly what is not done.
// RECORDS refuses new messages when it is full, so that a slow merge slows the
// pull down; CHANGES drops its oldest, because each is only a hint and a sweep
// finds what is due in PostgreSQL.
//
// Delivery is at least once and in no promised order: records carry versions,
// changes carry no values. A message id (platform:fence:positions) spares the
// merge most repeats within two minutes, which is a saving and not a guarantee.
//
// Both streams and every consumer are made again wherever they are found
// missing, so JetStream can be thrown away between runs or under a running hub.
// Publishers then publish again what was not acknowledged, and pull starts
// again at its merged mark for what was acknowledged and is gone.
//
// # Invariants
//
//   - I1: PublishRecords returns nil only when every record is acknowledged; a
//     message is acknowledged to JetStream only after the handler returned nil;
//     one that cannot be read goes to the dead handler, never nowhere.
//   - I9: errors and logs name subject, sequence and sizes, never a payload.
//   - I10: what a handler hands back comes again later by itself and holds up
//     nothing else, also not what came in the same message; each platform's changes have a consumer of their
//     own.
package bus
