// Package lineage knows, for each field of each row of each platform, what is
// the platform's own and what is there because of us. It is the rule that closes
// the only loop in the flow: what the hub wrote into a platform is read back from
// it.
//
// It is pure: values in, values out, no I/O, no clock, no chance. merge passes
// every read of a row through [Observe] before it may drop it as unchanged, and
// takes only [Row.Evidence] to matching and survivorship. writeback asks [Make]
// what is due, opens a write with [Begin], and records its outcome with
// [Finish].
//
// # What a row remembers
//
// For each field: what it shows; what is the platform's own, and the interval in
// which that appeared; what we sent last, over what (base), and whether a read
// has settled it; everything that was ever there because of us (ours), with the
// record whose evidence it was; earlier own texts (past); and a flag where a
// person is needed. Nearly all rows were never written by us. They store each
// value once, in [Row.Raw] and [Row.Own], and an empty [Lineage].
//
// # The life of one field
//
//	             Begin              Finish(Applied)
//	own ───────────────────► open ────────────────────► sent
//	 ▲                        │ ▲                         │ a read that is newer
//	 │                 Doubt  │ │ Missed, Refused, Busy:  │ than the outcome
//	 │                        ▼ │ as it was before        ▼
//	 │                      in doubt ───────────────► it shows …
//	 │                            a conclusive read       │
//	 │                                                    ├─ what we sent, or what
//	 │                                                    │  it becomes: settled
//	 │                                                    ├─ the base: not_taken
//	 │                                                    │  (after a doubt: once more)
//	 │   something new after settled                      └─ something else: contested
//	 └────────────────────────────────────────────────────── (altered, no evidence)
//
// While a write is open, reads of its fields say nothing: they may have been made
// before it or after it. In doubt, nothing is guessed: a look, once nothing can be
// on its way any more, or a read of that age, decides. After a write is settled, a
// text that is neither ours nor an earlier one is a clerk's, and evidence (own).
// An earlier one, theirs or ours, that comes back over what we wrote is contested.
// A flag stops writing until a person has spoken ([Resolve], or a later decision).
//
// The lines of the table stand in table.go, each with the rule's words; the lines
// about open writes, doubt, stale reads and row versions in observe.go; the
// definition of "due" in plan.go.
//
// # Time
//
// A read speaks for an as-of time: when it was started, minus the lag that the
// platform declares. A read is newer than another, or than a write's outcome, by
// that time. What it shows was there at the as-of time or at any time until the
// platform was asked; so an own value's interval reaches from the as-of time of
// the last read that showed something else to the asking of the first read that
// showed it. A trusted change clock narrows it. Reads that lie within one lag can
// overtake each other: one of them that shows an earlier text waits for a look.
//
// # Which invariants are kept here
//
// I6: nothing that we wrote, nor what a platform made of it, nor a stale read
// becomes evidence. I5: what a platform was seen to hold is not written again,
// except once after a doubt that a read has answered with no, or when a person
// asks; writes to one row never overlap. I7: modes are kept, in retractions too.
// I8: an unmerge takes back what the wrong merge had written ([Due.Retract]),
// as a condition on the state, not as an event that can be missed. I4: flags
// yield to people only.
//
// What no rule can tell apart is listed, and measured, in the simulation
// (sim_test.go, mysteries).
package lineage
