// Package migrations holds the SQL of the store, one numbered file for each
// step, applied by goose in order. A file that has been released is never
// changed: add the next one.
package migrations

import "embed"

// FS holds the migration files.
//
//go:embed *.sql
var FS embed.FS
