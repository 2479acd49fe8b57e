// Package sealed runs the satellite of sealed platforms (class D: community
// corrections, severe mental disorders).
//
// A satellite is a hub of its own, beside the hub: its own schema and role in the
// database, its own JetStream, folder, metrics and log, in a process of its own.
// What it takes from the hub is one view, read-only: the finished residents
// (name, numbers, where they live), as one more platform, the register. Its
// sealed records are put to at most one of them each (linkage.Limits.Register),
// and receive the fields that were agreed with their owner.
//
// Nothing runs the other way. The role owns nothing outside its schema and may
// read nothing but that view; no code of the hub reads the schema. So a sealed
// record creates no resident, forms no bridge, wins no value and stands in no
// statistic, search or log of the hub, and neither does the fact that it exists.
//
// In flow: the folder of sealed platforms, the residents of the hub. Out flow:
// writes to sealed platforms. Invariants kept here: I7 (class D never leaves its
// owner), I10 (a satellite in trouble holds up nobody).
package sealed
