// Package writeback brings every change to each platform exactly once.
//
// In: due targets in the store (a message on the bus only wakes the worker).
// Out: writes through connectors, intents and outcomes in the store.
//
// It is level-triggered: nothing says what to write; the worker compares what a
// row shows with what it should show, now (lineage.Make), so that ten quick
// changes become one write. The order of each write is fixed (RULES C): the
// intent is durable before the call, the call is conditional where the platform
// can, the outcome is stored after; what nobody knows is looked at before
// anything is tried again. I5 is kept here, I7 in wanted.go, I10 by one loop,
// one gate and one lease for each platform. When and how fast a platform may be
// written to is worked out in pace.go.
package writeback
