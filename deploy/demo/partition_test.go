package demo

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/store"
)

// TestSamePartition: I2. Neither the number of workers nor the size of the
// batches changes who is who, and one batch over the final records says the
// same as the stream did.
func TestSamePartition(t *testing.T) {
	whole := reference.get(t) // 4 workers, batches of 400
	require.Equal(t, whole.Batch, whole.Stored, "one batch over the final records")
	require.Equal(t, whole.BatchEdges, whole.StoredEdges, "the review queue of one batch")

	dir := tempFolder(t)
	require.NoError(t, Run(t.Context(), options(dir, 1, 7)))
	drops, err := ending(dir)
	require.NoError(t, err)
	require.Equal(t, drops.Batch, drops.Stored, "one batch over the final records")
	require.Equal(t, drops.BatchEdges, drops.StoredEdges, "the review queue of one batch")
	samePartition(t, whole, drops)
}

// labelled is a partition with names that are the same in every run of the same
// district: a row is known by its platform and the true person whom the
// department meant. Rows that Heji made, and those of the desk, are left out:
// they are no evidence, and which of them there are is compared with what the
// platforms show.
func labelled(members []store.Membership, persons map[schema.RecordRef]int) [][]string {
	groups := map[string][]string{}
	for _, m := range members {
		if person, ok := persons[m.Ref]; ok && !m.Deleted {
			groups[m.Resident] = append(groups[m.Resident], rowName(m.Ref, person))
		}
	}
	return sorted(slices.Collect(maps.Values(groups)))
}

func sorted(groups [][]string) [][]string {
	for _, g := range groups {
		slices.Sort(g)
	}
	slices.SortFunc(groups, slices.Compare)
	return groups
}

func rowName(ref schema.RecordRef, person int) string {
	return fmt.Sprintf("%s %04d", ref.Platform, person)
}

// samePartition compares the partitions of two runs, but for the rows of people
// to whom not the same happened in both (see sameEnd).
func samePartition(t *testing.T, want, got *end) {
	t.Helper()
	other := otherwise(want, got)
	without := func(groups [][]string) (list [][]string) {
		for _, g := range groups {
			g = slices.DeleteFunc(slices.Clone(g), func(row string) bool { return other[row[len(row)-4:]] })
			if len(g) > 0 {
				list = append(list, g)
			}
		}
		return sorted(list)
	}
	require.Equal(t, without(want.partition), without(got.partition))
	require.Greater(t, len(without(want.partition)), testResidents*9/10, "the comparison says something")
}
