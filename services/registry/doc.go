// Package registry holds the connected platforms of one process: each with its
// file, its mapping, its open connector, and the lineage policy that follows
// from them. pull, merge and writeback are given the same registry; they do not
// know how it was filled.
package registry
