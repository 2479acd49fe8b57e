// Package chaos plays a small district against a hub that is killed, cut off and
// lied to, and counts what that cost: nothing, or it is a bug.
//
// In: a seed and a number of rounds. Out: a report (Report) with every kill, every
// fault by kind, and what was lost, repeated, echoed, or partitioned otherwise
// than one batch over the same evidence would have it.
//
// The parts are the real ones: the hub in a process of its own that is killed
// with -9; PostgreSQL and NATS in processes of their own, killed in the same way;
// the demo's platforms, which speak the real protocols and stay alive; and real
// TCP connections between them all, through toxiproxy. Nothing strikes by the
// clock: the hub stops at the boundaries of services/fault and waits to be told to
// go on, and what strikes there is drawn from the seed. In which order the hub's
// own goroutines come to a boundary is not: a round of the same seed has the same
// people, the same platforms, the same faults at the same boundaries, and not
// always the same record in hand.
//
// Held here: I1, I2, I5, I6.
package chaos
