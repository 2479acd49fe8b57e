package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/linkage"
)

// Neighbours is how linkage.Close reads the store inside one resolution: a
// linkage.Neighbourhood. It keeps what it has read, so that neither the writer
// nor a later round of the closure need read it again.
type Neighbours struct {
	ctx      context.Context
	r        *Resolution
	model    *linkage.Model
	Records  map[int64]Record // locked, by id
	Evidence map[int64]lineage.Row

	busy    map[int64]bool        // asked for, and held by another worker
	mates   map[string][]int64    // resident → records
	pairs   [][2]int64            // connected by an edge, a decision or an anchor
	last    []linkage.Row         // those of the last Lock
	rows    map[int64]linkage.Row // all that were read: as candidates, then under the lock
	holders map[int64][]int64     // key → who holds it, one more than the cap at most

	// round counts the calls of Lock; asked and seen say in which one the holders
	// of a key, and a candidate, were last read.
	round int
	asked map[int64]int
	seen  map[int64]int
}

var _ linkage.Neighbourhood = (*Neighbours)(nil)

// Neighbours opens the view. Without wait, a record that another worker holds is
// left out, and so is everything that may belong to it (Whole); with it, the
// worker stands in line (RULES D, after four tries).
func (r *Resolution) Neighbours(ctx context.Context, model *linkage.Model, wait bool) *Neighbours {
	r.wait = wait
	return &Neighbours{ctx: ctx, r: r, model: model, Records: map[int64]Record{}, Evidence: map[int64]lineage.Row{},
		busy: map[int64]bool{}, mates: map[string][]int64{}, rows: map[int64]linkage.Row{}, holders: map[int64][]int64{},
		asked: map[int64]int{}, seen: map[int64]int{}}
}

// Lock implements linkage.Neighbourhood.
func (n *Neighbours) Lock(ids []int64) ([]linkage.Row, error) {
	n.round++
	held := map[int64]bool{}
	b := &pgx.Batch{}
	b.Queue(`SELECT id FROM records WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE `+n.r.how(), ids).Query(func(rows pgx.Rows) error {
		var id int64
		_, err := pgx.ForEachRow(rows, []any{&id}, func() error {
			held[id] = true
			return nil
		})
		return err
	})
	// A later statement: what is read now is what they are under the lock.
	var list []Record
	b.Queue(`SELECT `+recordColumns+` FROM records r WHERE id = ANY($1) ORDER BY id`, ids).Query(func(rows pgx.Rows) (err error) {
		list, err = pgx.CollectRows(rows, scanRecord)
		return err
	})
	if err := n.r.tx.SendBatch(n.ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("lock records: %w", err)
	}
	return n.locked(slices.DeleteFunc(list, func(rec Record) bool {
		if !held[rec.ID] {
			n.busy[rec.ID] = true
		}
		return !held[rec.ID]
	}))
}

// how is what a worker does about a lock that another one holds.
func (r *Resolution) how() string {
	if r.wait {
		return ""
	}
	return "SKIP LOCKED"
}

// locked takes in records that were read under their locks.
func (n *Neighbours) locked(list []Record) ([]linkage.Row, error) {
	n.last = make([]linkage.Row, len(list))
	for i, rec := range list {
		own, err := lineage.DecodeEvidence(rec.State)
		if err != nil {
			return nil, fmt.Errorf("record %d: read its state: %w", rec.ID, err)
		}
		n.Records[rec.ID], n.Evidence[rec.ID] = rec, own
		n.r.foreign = n.r.foreign || rec.Generation != n.r.reign.force.N
		n.last[i] = n.row(rec)
		if n.last[i].F == nil && !rec.Deleted && len(rec.Anchors) == 0 {
			n.last[i].F = n.model.Features(own.Own) // I6: own evidence only
			n.r.keep(rec.ID, n.last[i].F)
		}
		n.rows[rec.ID] = n.last[i]
	}
	return slices.Clone(n.last), nil
}

// row is a record as linkage sees it; without features where they have to be
// derived again.
func (n *Neighbours) row(rec Record) linkage.Row {
	force := n.r.reign.force
	row := linkage.Row{ID: rec.ID, Ref: rec.Ref, Keys: force.only(rec.Keys), OldKeys: force.only(rec.OldKeys), Anchors: rec.Anchors,
		Rev: rec.Rev, Deleted: rec.Deleted, Unresolved: rec.Unresolved || n.r.stale(rec)}
	if rec.Resident != uuid.Nil {
		row.Resident = rec.Resident.String()
	}
	if !rec.Deleted && len(rec.Anchors) == 0 {
		row.F, _ = force.unpack(rec.Features)
	}
	return row
}

// Hot implements linkage.Neighbourhood.
//
// I2: whoever resolves a record counts the holders of every key that the record
// can have changed, after it is locked. A count of an earlier round still is one
// if it saw the record hold the key: whatever has changed since is another
// record's doing, which that record's own resolution counts.
func (n *Neighbours) Hot(count, others []int64) (linkage.HotState, error) {
	st := linkage.HotState{Holders: make(map[int64]int, len(count)), Listed: map[int64]bool{}}
	again := map[int64]bool{}
	for _, r := range n.last {
		for _, k := range r.OldKeys {
			again[k] = true
		}
		for _, k := range r.Keys {
			if !slices.Contains(n.holders[k], r.ID) {
				again[k] = true
			}
		}
	}
	ask := slices.DeleteFunc(slices.Clone(count), func(k int64) bool {
		_, known := n.holders[k]
		return known && !again[k]
	})
	b := &pgx.Batch{}
	n.queueHolders(b, ask)
	b.Queue(`SELECT key FROM hot_keys WHERE key = ANY($1) OR key = ANY($2)`, count, others).Query(func(rows pgx.Rows) error {
		var key int64
		_, err := pgx.ForEachRow(rows, []any{&key}, func() error {
			st.Listed[key] = true
			return nil
		})
		return err
	})
	if err := n.r.tx.SendBatch(n.ctx, b).Close(); err != nil {
		return st, fmt.Errorf("count the holders of keys: %w", err)
	}
	for _, k := range count {
		st.Holders[k] = len(n.holders[k])
	}
	return st, nil
}

// queueHolders asks who holds the keys, one more than the cap at most.
func (n *Neighbours) queueHolders(b *pgx.Batch, keys []int64) {
	if len(keys) == 0 {
		return
	}
	for _, k := range keys {
		n.holders[k], n.asked[k] = nil, n.round
	}
	b.Queue(`SELECT k, h.record_id FROM unnest($1::bigint[]) AS k,
		LATERAL (SELECT record_id FROM record_keys WHERE keys @> ARRAY[k] LIMIT $2) h`, keys, n.model.Limits().HotKey+1).Query(func(rows pgx.Rows) error {
		var key, id int64
		_, err := pgx.ForEachRow(rows, []any{&key, &id}, func() error {
			n.holders[key] = append(n.holders[key], id)
			return nil
		})
		return err
	})
}

// Look implements linkage.Neighbourhood: one statement for each question, all
// in one round trip.
func (n *Neighbours) Look(q linkage.Look) (linkage.Found, error) {
	found := linkage.Found{Mates: map[string][]int64{}}
	platforms, keys := make([]string, len(q.Refs)), make([]string, len(q.Refs))
	for i, ref := range q.Refs {
		platforms[i], keys[i] = ref.Platform, ref.Key
	}
	var readErr error
	keep := func(err error) {
		if err != nil && readErr == nil {
			readErr = err
		}
	}
	b := &pgx.Batch{}
	if len(q.Residents) > 0 {
		b.Queue(`SELECT resident_id::text, id FROM records WHERE resident_id = ANY($1::text[]::uuid[])
			AND (NOT deleted OR unresolved)`, q.Residents).Query(func(rows pgx.Rows) error {
			var res string
			var id int64
			_, err := pgx.ForEachRow(rows, []any{&res, &id}, func() error {
				found.Mates[res] = append(found.Mates[res], id)
				return nil
			})
			keep(err)
			return err
		})
	}
	pairs := func(rows pgx.Rows) error {
		var p [2]int64
		_, err := pgx.ForEachRow(rows, []any{&p[0], &p[1]}, func() error {
			found.Pairs = append(found.Pairs, p)
			return nil
		})
		keep(err)
		return err
	}
	if len(q.Records) > 0 {
		b.Queue(`SELECT a, b FROM edges WHERE a = ANY($1) AND weight >= $2
			UNION SELECT a, b FROM edges WHERE b = ANY($1) AND weight >= $2`, q.Records, n.model.Limits().Link).Query(pairs)
	}
	if len(q.Refs) > 0 {
		b.Queue(`WITH w AS (SELECT * FROM unnest($1::text[], $2::text[]) AS w(platform, key)),
			d AS (SELECT d.* FROM w JOIN decisions d ON (d.a_platform, d.a_key) = (w.platform, w.key)
				WHERE d.revoked_at IS NULL AND d.kind IN ('same', 'not_same')
				UNION SELECT d.* FROM w JOIN decisions d ON (d.b_platform, d.b_key) = (w.platform, w.key)
				WHERE d.revoked_at IS NULL AND d.kind IN ('same', 'not_same'))
			SELECT d.kind = 'same', d.a_platform, d.a_key, d.b_platform, d.b_key, coalesce(a.id, 0), coalesce(b.id, 0)
			FROM d LEFT JOIN records a ON (a.platform, a.key) = (d.a_platform, d.a_key)
				LEFT JOIN records b ON (b.platform, b.key) = (d.b_platform, d.b_key)`, platforms, keys).Query(func(rows pgx.Rows) error {
			var d linkage.Decision
			var a, b int64
			_, err := pgx.ForEachRow(rows, []any{&d.Same, &d.A.Platform, &d.A.Key, &d.B.Platform, &d.B.Key, &a, &b}, func() error {
				found.Decisions = append(found.Decisions, d)
				if d.Same && a != 0 && b != 0 {
					found.Pairs = append(found.Pairs, [2]int64{a, b})
				}
				return nil
			})
			keep(err)
			return err
		})
	}
	for _, id := range q.Anchored {
		for _, anchor := range n.Records[id].Anchors {
			found.Pairs = append(found.Pairs, [2]int64{id, anchor})
		}
	}
	if len(q.Anchors) > 0 {
		b.Queue(`SELECT r.id, a FROM records r, unnest(r.anchors) a WHERE r.anchors && $1::bigint[] AND r.anchors <> '{}'
			AND a = ANY($1) AND (NOT r.deleted OR r.unresolved)`, q.Anchors).Query(pairs)
	}
	if b.Len() > 0 {
		if err := n.r.tx.SendBatch(n.ctx, b).Close(); err != nil {
			return found, fmt.Errorf("look around records: %w", err)
		}
	}
	if readErr != nil {
		return found, readErr
	}
	for resident, ids := range found.Mates {
		n.mates[resident] = append(n.mates[resident], ids...)
	}
	n.pairs = append(n.pairs, found.Pairs...)
	var err error
	found.Candidates, err = n.candidates(q.Keys)
	return found, err
}

// candidateColumns leave out what only a record's own resolution needs.
const candidateColumns = `r.id, r.platform, r.key, r.rev, r.deleted, r.unresolved,
	coalesce(r.resident_id, '00000000-0000-0000-0000-000000000000'), r.anchors, r.keys, r.features, r.model`

func scanCandidate(row pgx.CollectableRow) (Record, error) {
	var r Record
	err := row.Scan(&r.ID, &r.Ref.Platform, &r.Ref.Key, &r.Rev, &r.Deleted, &r.Unresolved, &r.Resident, &r.Anchors, &r.Keys, &r.Features, &r.Generation)
	return r, err
}

// candidates returns the holders of keys, those that are locked as of their locks.
//
// I2: whatever a record is compared with is read after the record was locked. Of an
// earlier round it may be another one by now, which has been resolved meanwhile and
// has stored an edge to the record: compared with what it was, the record would take
// that edge away (writeEdges). From the lock on nobody can store such an edge, for
// who does holds both ends (Whole).
func (n *Neighbours) candidates(keys []int64) ([]linkage.Row, error) {
	b := &pgx.Batch{}
	n.queueHolders(b, slices.DeleteFunc(slices.Clone(keys), func(k int64) bool { return n.asked[k] == n.round }))
	if b.Len() > 0 {
		if err := n.r.tx.SendBatch(n.ctx, b).Close(); err != nil {
			return nil, fmt.Errorf("look for candidates: %w", err)
		}
	}
	var all, fresh []int64
	seen := map[int64]bool{}
	for _, k := range keys {
		for _, id := range n.holders[k] {
			if seen[id] {
				continue
			}
			seen[id] = true
			all = append(all, id)
			if _, locked := n.Records[id]; !locked && n.seen[id] != n.round {
				n.seen[id] = n.round
				fresh = append(fresh, id)
			}
		}
	}
	if err := n.read(fresh); err != nil {
		return nil, err
	}
	out := make([]linkage.Row, 0, len(all))
	for _, id := range all {
		if row, ok := n.rows[id]; ok {
			out = append(out, row)
		}
	}
	return out, nil
}

// read reads candidates, without locks.
func (n *Neighbours) read(ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := n.r.tx.Query(n.ctx, `SELECT `+candidateColumns+` FROM records r WHERE id = ANY($1)`, ids)
	if err != nil {
		return fmt.Errorf("read candidates: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanCandidate)
	if err != nil {
		return fmt.Errorf("read candidates: %w", err)
	}
	var bare []int64 // features have to be derived again
	for _, rec := range list {
		row := n.row(rec)
		n.rows[rec.ID] = row
		if row.F == nil && !row.Deleted && len(row.Anchors) == 0 {
			bare = append(bare, rec.ID)
		}
	}
	if len(bare) == 0 {
		return nil
	}
	rows, err = n.r.tx.Query(n.ctx, `SELECT id, state FROM records WHERE id = ANY($1)`, bare)
	if err != nil {
		return fmt.Errorf("read candidates: %w", err)
	}
	var id int64
	var state []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &state}, func() error {
		own, err := lineage.DecodeEvidence(state)
		if err != nil {
			return fmt.Errorf("record %d: read its state: %w", id, err)
		}
		row := n.rows[id]
		row.F = n.model.Features(own.Own) // I6: own evidence only
		n.rows[id] = row
		return nil
	})
	return err
}

// Refs returns the names of locked records.
func (n *Neighbours) Refs(ids []int64) []schema.RecordRef {
	out := make([]schema.RecordRef, len(ids))
	for i, id := range ids {
		out[i] = n.Records[id].Ref
	}
	return out
}
