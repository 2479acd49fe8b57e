// Package kafka is the connector kind of platforms that speak through topics.
//
// In flow: messages with JSON values, each the state of one row; a message
// without a value is a deleted row. Out flow: one message for each write, in
// order for each key, acknowledged by all replicas; its outcome comes later in a
// topic of answers.
//
// # Reading
//
// Partitions are read by ourselves, under the pull lease, never by a group's
// assignment: the cursor holds the next offset of each partition, so that a
// consumer group whose state is lost is harmless, and partitions that move or
// are added need nothing. Offsets are committed to the group behind the merged
// mark only (I1), for those who watch the lag.
//
// A pass ends at the offsets that were the last when it began. Of each key only
// the last message before them is given out: it alone is evidence for that time.
// A compacted topic holds every living row, so it is read whole now and then,
// and who is not in it is gone. A message that is no row becomes a dead row with
// topic, partition and offset.
//
// # Writing
//
// The intent is in a header, with a hash of the content. A message that was sent
// and not acknowledged may be there or not (Doubt): the same again would be a
// second message, so it is sent again only where the agreement says that the
// platform takes messages as upserts (I5, Repeats). Otherwise the answer ends
// the doubt, or a person.
package kafka
