package linkage

import (
	"bytes"
	"slices"
)

// Engine counts up whenever the same model file gives other features, blocking
// keys, weights or groups than before. Programs of two engines cannot share one
// partition, even with the same file.
const Engine = 2

// DefaultSource returns the file that Default is made of. A store keeps it
// beside the partition, so that another program goes on with the same model.
func DefaultSource() []byte { return slices.Clone(residents) }

// RegisterSource is DefaultSource for a store in which everything else is put to
// the residents of one platform (Limits.Register).
func RegisterSource(platform string) []byte {
	// The line is there: a test reads what comes out.
	return bytes.Replace(DefaultSource(), []byte("\nmode: dedupe\n"), []byte("\nmode: register\nregister: "+platform+"\n"), 1)
}
