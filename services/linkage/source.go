package linkage

import "slices"

// Engine counts up whenever the same model file gives other features, blocking
// keys, weights or groups than before. Programs of two engines cannot share one
// partition, even with the same file.
const Engine = 2

// DefaultSource returns the file that Default is made of. A store keeps it
// beside the partition, so that another program goes on with the same model.
func DefaultSource() []byte { return slices.Clone(residents) }
