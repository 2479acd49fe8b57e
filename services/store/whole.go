package store

import (
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"heji/services/linkage"
)

// ErrHeld says that other workers hold something of every component of a
// closure. It counts as a Conflict: try again.
var ErrHeld error = &pgconn.PgError{Code: "55P03", Message: "other workers hold records of every component"}

// Whole returns the components that can be written: those to which no record
// that another worker holds may belong, and whose records outside, to which
// review edges point, are held as they were when they were compared until this
// transaction ends. The others stay unresolved, for whoever comes next.
//
// I2: nothing is written about a component that is not known whole, or with a
// weight that another worker's resolution makes stale. Leaving a component out
// takes nothing from the others: whatever connects it to one of them connects
// the held record to that one, too.
func (n *Neighbours) Whole(components []linkage.Component) ([]linkage.Component, error) {
	components = slices.DeleteFunc(components, n.doubtful())
	var ids []int64
	for _, c := range components {
		for _, o := range c.Outside {
			ids = append(ids, o.ID)
		}
	}
	if len(ids) == 0 {
		return components, nil
	}
	// A row that is locked is returned as it is now, not as of the snapshot.
	rows, err := n.r.tx.Query(n.ctx, `SELECT id, rev FROM records WHERE id = ANY($1) ORDER BY id FOR SHARE `+n.r.how(), ids)
	if err != nil {
		return nil, fmt.Errorf("hold compared records: %w", err)
	}
	rev := make(map[int64]int64, len(ids))
	var id, now int64
	if _, err := pgx.ForEachRow(rows, []any{&id, &now}, func() error {
		rev[id] = now
		return nil
	}); err != nil {
		return nil, fmt.Errorf("hold compared records: %w", err)
	}
	return slices.DeleteFunc(components, func(c linkage.Component) bool {
		return slices.ContainsFunc(c.Outside, func(o linkage.Outside) bool { return rev[o.ID] != o.Rev })
	}), nil
}

// doubtful tells the components to which a held record may belong: it lives with
// a member, is connected to one, or holds a key of one that has changed.
func (n *Neighbours) doubtful() func(linkage.Component) bool {
	if len(n.busy) == 0 {
		return func(linkage.Component) bool { return false }
	}
	held := func(ids []int64) bool { return slices.ContainsFunc(ids, func(id int64) bool { return n.busy[id] }) }
	connected := map[int64]bool{}
	for _, p := range n.pairs {
		if n.busy[p[0]] || n.busy[p[1]] {
			connected[p[0]], connected[p[1]] = true, true
		}
	}
	key := map[int64]bool{}
	for k, ids := range n.holders {
		key[k] = held(ids)
	}
	return func(c linkage.Component) bool {
		return slices.ContainsFunc(c.Members, func(m linkage.Row) bool {
			return connected[m.ID] || m.Resident != "" && held(n.mates[m.Resident]) ||
				m.Unresolved && slices.ContainsFunc(m.Keys, func(k int64) bool { return key[k] })
		})
	}
}
