// Package platforms carries the files of the department platforms that ship
// with Heji, one YAML file each.
package platforms

import "embed"

// FS holds the files.
//
//go:embed *.yaml
var FS embed.FS

// Sealed holds, in its folder sealed, the files of sealed platforms: examples for
// the folder that only a satellite reads.
//
//go:embed sealed/*.yaml
var Sealed embed.FS

// Programs holds, in its folder programs, files of platforms that are reached
// through a program of their department's own (kind remote) instead of directly.
//
//go:embed programs/*.yaml
var Programs embed.FS
