// Package hub assembles the services: engines, store, bus, registry, and any
// subset of pull, merge, writeback and desk in one process. It decides nothing.
package hub
