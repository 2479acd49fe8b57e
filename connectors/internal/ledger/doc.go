// Package ledger keeps the parcels of kinds whose writes people carry: which
// writes wait, which lie in a parcel that somebody has fetched, what became of
// each. It holds what template and manual have in common.
//
// In flow: writes to be carried, answers, rows of exports. Out flow: parcels for
// people, outcomes for writeback. Everything is in a connectors.Keep, one
// transaction for each step, so that a kill between two of them leaves either
// the step before or the step after.
//
// Invariants: I5 (a write is in one parcel; a parcel that was fetched does not
// change; an answer counts once), I9 (a closed parcel keeps no values).
package ledger
