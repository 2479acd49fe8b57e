// Package journal keeps every write to a platform outside of the store: what the
// row showed, what was written over it, and whose evidence that was. A store that
// was restored to an older point learns from it what it has forgotten, so that
// what the hub wrote is still known for an echo when it is read back (I6), and is
// not written again (I5).
//
// In: lines of writes, before the platform is called, and of their outcomes,
// after. Out: the same lines, in order.
//
// One file for each month, only ever added to: journal/2026-11.log. What is
// personal in a line is encrypted with the installation's keys. A call returns
// when its lines are on the disk; a last line that a crash has torn was never
// promised to anybody and is cut off by the next call. Several processes may
// write to one folder.
package journal
