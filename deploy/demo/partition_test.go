package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/linkage"
	"heji/services/store"
)

// TestSamePartition: I2. Neither the number of workers nor the size of the
// batches changes who is who, and one batch over the final records says the
// same as the stream did.
func TestSamePartition(t *testing.T) {
	whole := reference.get(t) // 4 workers, batches of 400
	require.Equal(t, whole.batch, whole.stored, "one batch over the final records")
	require.Equal(t, whole.batchEdges, whole.storedEdges, "the review queue of one batch")

	dir := tempFolder(t)
	require.NoError(t, Run(t.Context(), options(dir, 1, 7)))
	drops, err := ending(dir)
	require.NoError(t, err)
	require.Equal(t, drops.batch, drops.stored, "one batch over the final records")
	require.Equal(t, drops.batchEdges, drops.storedEdges, "the review queue of one batch")
	samePartition(t, whole, drops)
}

// batchPartition reads every living record of a store and partitions them as one
// batch, from their own evidence, the active decisions and the store's blocking
// secret; beside it, the partition that is stored, and both review queues. Resident ids
// are left out: groups are sorted, and sorted by their first record.
func batchPartition(ctx context.Context, st *store.Store, choices []linkage.Decision) (p partitions, err error) {
	model, err := st.Model(ctx)
	if err != nil {
		return p, err
	}
	refs := map[int64]schema.RecordRef{}
	var living []store.Record
	err = st.EachRecord(ctx, func(r store.Record) error {
		refs[r.ID] = r.Ref
		if !r.Deleted {
			living = append(living, r)
		}
		return nil
	})
	if err != nil {
		return p, err
	}
	var items []linkage.Item
	groups := map[string][]schema.RecordRef{}
	for _, r := range living {
		var row lineage.Row
		if err := json.Unmarshal(r.State, &row); err != nil {
			return p, fmt.Errorf("%v: %w", r.Ref, err)
		}
		it := linkage.Item{Ref: r.Ref}
		for _, id := range r.Anchors {
			it.Anchors = append(it.Anchors, refs[id])
		}
		if len(it.Anchors) == 0 {
			it.F = model.Features(row.Own)
			it.Keys = st.Keys(row.Own) // as they are stored
		}
		if !slices.Equal(slices.Sorted(slices.Values(it.Keys)), slices.Sorted(slices.Values(r.Keys))) {
			return p, fmt.Errorf("%v: the stored blocking keys are not those of its evidence", r.Ref)
		}
		items = append(items, it)
		groups[r.Resident.String()] = append(groups[r.Resident.String()], r.Ref)
	}
	result := linkage.Batch(model, items, choices, linkage.HotKeys(model.Limits().HotKey, items))
	p.batch, p.batchEdges = result.Groups, result.Edges
	for _, g := range groups {
		slices.SortFunc(g, linkage.CompareRefs)
		p.stored = append(p.stored, g)
	}
	slices.SortFunc(p.stored, func(a, b []schema.RecordRef) int { return linkage.CompareRefs(a[0], b[0]) })
	return p, nil
}

// partitions of the same records, by one batch and by the stream.
type partitions struct {
	batch, stored           [][]schema.RecordRef
	batchEdges, storedEdges []linkage.Edge
}

// decisions reads what people decided about pairs.
func (e *ended) decisions(ctx context.Context) (list []linkage.Decision, err error) {
	rows, err := e.conn.Query(ctx, `SELECT kind = 'same', a_platform, a_key, b_platform, b_key FROM decisions
		WHERE revoked_at IS NULL AND kind IN ('same', 'not_same') ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var d linkage.Decision
		if err := rows.Scan(&d.Same, &d.A.Platform, &d.A.Key, &d.B.Platform, &d.B.Key); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, rows.Err()
}

// edges reads the review queue as it is stored.
func (e *ended) edges(ctx context.Context) (list []linkage.Edge, err error) {
	rows, err := e.conn.Query(ctx, `SELECT a.platform, a.key, b.platform, b.key, e.weight, e.reason
		FROM edges e JOIN records a ON a.id = e.a JOIN records b ON b.id = e.b`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var x linkage.Edge
		if err := rows.Scan(&x.A.Platform, &x.A.Key, &x.B.Platform, &x.B.Key, &x.Weight, &x.Reason); err != nil {
			return nil, err
		}
		if linkage.CompareRefs(x.A, x.B) > 0 {
			x.A, x.B = x.B, x.A
		}
		list = append(list, x)
	}
	slices.SortFunc(list, func(x, y linkage.Edge) int {
		return cmp.Or(linkage.CompareRefs(x.A, y.A), linkage.CompareRefs(x.B, y.B))
	})
	return list, rows.Err()
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
