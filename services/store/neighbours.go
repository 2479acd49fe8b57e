package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/linkage"
)

// Neighbours is how linkage.Close reads the store inside one resolution: a
// linkage.Neighbourhood. It keeps what it has read, so that the writer need not
// read it again.
type Neighbours struct {
	ctx      context.Context
	r        *Resolution
	model    *linkage.Model
	recall   *Recall
	Records  map[int64]Record // locked, by id
	Evidence map[int64]lineage.Row
}

var _ linkage.Neighbourhood = (*Neighbours)(nil)

// Neighbours opens the view. Without wait, a record that another worker holds
// is a Conflict; with it, the worker stands in line (RULES D, after four tries).
func (r *Resolution) Neighbours(ctx context.Context, model *linkage.Model, recall *Recall, wait bool) *Neighbours {
	r.wait = wait
	return &Neighbours{ctx: ctx, r: r, model: model, recall: recall,
		Records: map[int64]Record{}, Evidence: map[int64]lineage.Row{}}
}

// Lock implements linkage.Neighbourhood.
func (n *Neighbours) Lock(ids []int64) ([]linkage.Row, error) {
	how := "NOWAIT"
	if n.r.wait {
		how = ""
	}
	if _, err := n.r.tx.Exec(n.ctx, `SELECT FROM records WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE `+how, ids); err != nil {
		return nil, fmt.Errorf("lock records: %w", err)
	}
	// A later statement: what is read now is what they are under the lock.
	list, err := n.r.records(n.ctx, `SELECT `+recordColumns+` FROM records r WHERE id = ANY($1) ORDER BY id`, ids)
	if err != nil {
		return nil, err
	}
	out := make([]linkage.Row, len(list))
	for i, rec := range list {
		n.Records[rec.ID] = rec
		if out[i], err = n.row(rec); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (n *Neighbours) row(rec Record) (linkage.Row, error) {
	known, ok := n.recall.get(rec.ID, rec.Rev)
	if !ok {
		known.rev = rec.Rev
		if err := json.Unmarshal(rec.State, &known.row); err != nil {
			return linkage.Row{}, fmt.Errorf("record %d: read its state: %w", rec.ID, err)
		}
		known.features = n.model.Features(known.row.Own) // I6: own evidence only
		n.recall.keep(rec.ID, known)
	}
	n.Evidence[rec.ID] = known.row
	row := linkage.Row{ID: rec.ID, Ref: rec.Ref, Keys: rec.Keys, OldKeys: rec.OldKeys, Anchors: rec.Anchors,
		Rev: rec.Rev, Deleted: rec.Deleted, Unresolved: rec.Unresolved}
	if rec.Resident != uuid.Nil {
		row.Resident = rec.Resident.String()
	}
	if !rec.Deleted && len(rec.Anchors) == 0 {
		row.F = known.features
	}
	return row, nil
}

// Hot implements linkage.Neighbourhood.
func (n *Neighbours) Hot(count, others []int64) (linkage.HotState, error) {
	st := linkage.HotState{Holders: map[int64]int{}, Listed: map[int64]bool{}}
	if len(count) > 0 {
		rows, err := n.r.tx.Query(n.ctx, `SELECT k, (SELECT count(*) FROM
				(SELECT FROM records WHERE keys @> ARRAY[k] AND NOT deleted LIMIT $2) h)
			FROM unnest($1::bigint[]) AS k`, count, n.model.Limits().HotKey+1)
		if err != nil {
			return st, fmt.Errorf("count the holders of keys: %w", err)
		}
		var key int64
		var holders int
		if _, err := pgx.ForEachRow(rows, []any{&key, &holders}, func() error {
			st.Holders[key] = holders
			return nil
		}); err != nil {
			return st, fmt.Errorf("count the holders of keys: %w", err)
		}
	}
	listed, err := n.r.ids(n.ctx, `SELECT key FROM hot_keys WHERE key = ANY($1) OR key = ANY($2)`, count, others)
	if err != nil {
		return st, err
	}
	for _, k := range listed {
		st.Listed[k] = true
	}
	return st, nil
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
	if len(q.Keys) > 0 {
		b.Queue(`SELECT `+recordColumns+` FROM records r WHERE id IN (
			SELECT h.id FROM unnest($1::bigint[]) AS k, LATERAL (SELECT id FROM records WHERE keys @> ARRAY[k] AND NOT deleted) h)`, q.Keys).Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, scanRecord)
			for _, rec := range list {
				row, rowErr := n.row(rec)
				if rowErr != nil {
					return rowErr
				}
				found.Candidates = append(found.Candidates, row)
			}
			keep(err)
			return err
		})
	}
	if b.Len() > 0 {
		if err := n.r.tx.SendBatch(n.ctx, b).Close(); err != nil {
			return found, fmt.Errorf("look around records: %w", err)
		}
	}
	return found, readErr
}

// Refs returns the names of locked records.
func (n *Neighbours) Refs(ids []int64) []schema.RecordRef {
	out := make([]schema.RecordRef, len(ids))
	for i, id := range ids {
		out[i] = n.Records[id].Ref
	}
	return out
}
