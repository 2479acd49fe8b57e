package examine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/linkage"
	"heji/services/store"
)

// Querier is a connection to the store's database, for what the store itself has
// no reason to be asked.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Partition reads every living record of a store and partitions them as one
// batch, from their own evidence, the active decisions and the store's blocking
// secret; beside it, the partition that is stored, and both review queues. Resident ids
// are left out: groups are sorted, and sorted by their first record.
func Partition(ctx context.Context, st *store.Store, conn Querier) (p Partitions, err error) {
	choices, err := decisions(ctx, conn)
	if err != nil {
		return p, err
	}
	if p.StoredEdges, err = edges(ctx, conn); err != nil {
		return p, err
	}
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
	p.Batch, p.BatchEdges = result.Groups, result.Edges
	for _, g := range groups {
		slices.SortFunc(g, linkage.CompareRefs)
		p.Stored = append(p.Stored, g)
	}
	slices.SortFunc(p.Stored, func(a, b []schema.RecordRef) int { return linkage.CompareRefs(a[0], b[0]) })
	return p, nil
}

// Partitions of the same records, by one batch and by the stream.
type Partitions struct {
	Batch, Stored           [][]schema.RecordRef
	BatchEdges, StoredEdges []linkage.Edge
}

// decisions reads what people decided about pairs.
func decisions(ctx context.Context, conn Querier) (list []linkage.Decision, err error) {
	rows, err := conn.Query(ctx, `SELECT kind = 'same', a_platform, a_key, b_platform, b_key FROM decisions
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
func edges(ctx context.Context, conn Querier) (list []linkage.Edge, err error) {
	rows, err := conn.Query(ctx, `SELECT a.platform, a.key, b.platform, b.key, e.weight, e.reason
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
