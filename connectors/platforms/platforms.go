// Package platforms carries the files of the department platforms that ship
// with Heji, one YAML file each.
package platforms

import "embed"

// FS holds the files.
//
//go:embed *.yaml
var FS embed.FS
