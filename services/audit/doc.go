// Package audit is the pure part of the audit trail: what one row says, how rows
// are chained by hash, and how a chain is walked. services/store keeps it.
//
// Each row's hash covers the hash of the row before and every field of its own, so
// that a row that is changed, taken out, put in or moved breaks the chain there.
// What only the chain's end could hide, rows cut off behind it, is seen by
// comparing with heads that were noted elsewhere (Head).
//
// A row names people who acted, and ids that mean nothing outside of Heji; values
// of residents are in none.
package audit
