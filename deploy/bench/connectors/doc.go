// Package connectors measures what a kind of connector costs: rows per second
// pulled and pushed, beside the same transfer done by the kind's bare driver, in
// the same run, against the same platform.
//
// In: one registered Case for each kind, in a file of its own. Out: a table.
// README.md says how to read it and how a kind adds its case.
package connectors
