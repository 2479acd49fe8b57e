package linkage

import (
	"cmp"
	"slices"
)

// A blocking key is hot exactly when more living, unanchored records than
// Limits.HotKey hold it: no memory, no hysteresis. Hot keys make no pairs.
//
// The stream keeps the list of hot keys as of the last resolution that looked.
// Whoever resolves a record counts the holders of every key that it has, and of
// every key that it has had since it was last resolved: those are all keys whose
// count this record can have changed. Where the count and the list disagree, the
// list is flipped and ALL holders become unresolved in the same transaction, so
// that one of them counts again after the flip is visible. Without that the
// stream diverges from Batch (stream_test.go).

// HotState is what a store knows of some keys.
type HotState struct {
	// Holders of each key that was asked to be counted; only whether it exceeds
	// the cap matters, so counting may stop at cap+1. Absent: none.
	Holders map[int64]int
	// Listed keys are hot as of the last resolution.
	Listed map[int64]bool
}

// Flip is one key that crossed the cap since it was last looked at.
type Flip struct {
	Key int64
	Hot bool // from now on
}

// Flips compares counts with the list. counted are the keys that Holders speaks
// of.
func Flips(limit int, counted []int64, s HotState) []Flip {
	var flips []Flip
	for _, k := range counted {
		if hot := s.Holders[k] > limit; hot != s.Listed[k] {
			flips = append(flips, Flip{Key: k, Hot: hot})
		}
	}
	slices.SortFunc(flips, func(a, b Flip) int { return cmp.Compare(a.Key, b.Key) })
	return slices.Compact(flips)
}

// HotKeys counts the holders of all keys of a whole set of items, for a Batch
// without a store.
func HotKeys(limit int, items []Item) func(key int64) bool {
	holders := make(map[int64]int)
	for _, it := range items {
		if len(it.Anchors) > 0 {
			continue
		}
		for _, k := range it.Keys {
			holders[k]++
		}
	}
	return func(key int64) bool { return holders[key] > limit }
}
