package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/audit"
	"heji/services/linkage"
	"heji/services/survivorship"
)

// Resolution is one transaction of RULES D: claim, close, write. All locks on
// records are taken in id order; what is read before a lock is read again after.
type Resolution struct {
	tx    pgx.Tx
	reign *reign
	wait  bool // stand in line for locks instead of giving up

	derived map[int64][]byte // features that were derived again, by record
	foreign bool             // a locked record was last resolved under another model
}

// Resolve runs f in one transaction. Conflict(err) tells the caller to try again.
func (s *Store) Resolve(ctx context.Context, f func(*Resolution) error) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		// Every read here is by index. While the tables are young the planner has no
		// statistics and would compare each row's keys with thousands of others.
		if _, err := tx.Exec(ctx, `SET LOCAL enable_seqscan = off`); err != nil {
			return err
		}
		now, err := s.hold(ctx, tx)
		if err != nil {
			return err
		}
		return f(&Resolution{tx: tx, reign: now})
	})
}

func (r *Resolution) records(ctx context.Context, sql string, args ...any) ([]Record, error) {
	rows, err := r.tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanRecord)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	return list, nil
}

func (r *Resolution) ids(ctx context.Context, sql string, args ...any) ([]int64, error) {
	rows, err := r.tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read record ids: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("read record ids: %w", err)
	}
	return list, nil
}

// Flip records keys that have crossed the cap and marks all their holders
// unresolved: their partition was computed with the other answer (RULES A).
func (s *Store) Flip(ctx context.Context, flips []linkage.Flip) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		now, err := s.hold(ctx, tx)
		if err != nil {
			return err
		}
		// Found under a model that has just been replaced, they mean nothing.
		flips = slices.DeleteFunc(slices.Clone(flips), func(f linkage.Flip) bool { return !now.force.owns(f.Key) })
		var on, off []int64
		for _, f := range flips {
			if f.Hot {
				on = append(on, f.Key)
			} else {
				off = append(off, f.Key)
			}
		}
		// Records first, in id order, as everywhere.
		if _, err := tx.Exec(ctx, `WITH h AS (SELECT id FROM records WHERE id IN (SELECT record_id FROM record_keys WHERE keys && $1::bigint[])
				ORDER BY id FOR NO KEY UPDATE)
			UPDATE records SET unresolved = true, parked_until = NULL FROM h WHERE records.id = h.id`,
			append(slices.Clone(on), off...)); err != nil {
			return fmt.Errorf("mark the holders of hot keys: %w", err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO hot_keys (key) SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING`, on); err != nil {
			return fmt.Errorf("list hot keys: %w", err)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM hot_keys WHERE key = ANY($1)`, off); err != nil {
			return fmt.Errorf("list hot keys: %w", err)
		}
		return nil
	})
}

// Revivable locks those of the residents that were merged away, and returns
// their ids: one of them may live again under its old id, if a record that was
// its own is split off. The lock keeps two resolutions from reviving one id.
func (r *Resolution) Revivable(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := r.tx.Query(ctx, `SELECT id FROM residents WHERE id = ANY($1) AND redirect_to IS NOT NULL
		ORDER BY id FOR NO KEY UPDATE NOWAIT`, ids)
	if err != nil {
		return nil, fmt.Errorf("lock merged residents: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("lock merged residents: %w", err)
	}
	out := make(map[uuid.UUID]bool, len(list))
	for _, id := range list {
		out[id] = true
	}
	return out, nil
}

// Strangers reports whether any of the residents has a record that is not among the
// given ones. Those of living residents never have: their records are locked whole.
// One that was merged away may have been given back to another record since they
// were looked up; read after Revivable, which keeps anybody from doing that later.
func (r *Resolution) Strangers(ctx context.Context, residents []uuid.UUID, records []int64) (bool, error) {
	if len(residents) == 0 {
		return false, nil
	}
	var found bool
	if err := r.tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM records WHERE resident_id = ANY($1) AND (NOT deleted OR unresolved)
		AND id <> ALL($2))`, residents, records).Scan(&found); err != nil {
		return false, fmt.Errorf("look for records of residents: %w", err)
	}
	return found, nil
}

// Event is one line of a resident's history.
type Event struct {
	Resident  uuid.UUID
	At        time.Time
	Kind      string // value, joined, left, merged, revived
	Attribute schema.Attribute
	Old, New  json.RawMessage
	Ref       schema.RecordRef
	Other     uuid.UUID
}

// Resolved is what a resolution writes.
type Resolved struct {
	Records    []int64             // all records of the closure,
	Component  []int               // and the component of each: edges within one are replaced
	Seeds      []int64             // those compared with all their candidates: their edges to anywhere are replaced
	Done       []int64             // those that are now resolved
	Parked     []int64             // those whose component is too large: flagged, still unresolved
	Membership map[int64]uuid.UUID // record → resident
	Hang       map[int64][]int64   // rows that we made → the records that they follow from now on
	Residents  []Resident          // new and changed masters
	Events     []Event
	Edges      []linkage.RowEdge
	Touched    []uuid.UUID // residents whose targets are due
	Risks      []Risk      // changes that wait before they leave
}

// Write stores a resolution. The unresolved flag falls in the same transaction.
func (r *Resolution) Write(ctx context.Context, w Resolved) (due []schema.Change, err error) {
	if err := r.writeResidents(ctx, w.Residents); err != nil {
		return nil, err
	}
	if err := r.finish(ctx, w); err != nil {
		return nil, err
	}
	if err := r.hang(ctx, w.Hang); err != nil {
		return nil, err
	}
	if err := r.writeEdges(ctx, w); err != nil {
		return nil, err
	}
	if err := writeEvents(ctx, r.tx, w.Events); err != nil {
		return nil, err
	}
	if err := writeRisks(ctx, r.tx, w); err != nil {
		return nil, err
	}
	if err := noteEvents(ctx, r.tx, w.Events); err != nil {
		return nil, err
	}
	if len(w.Touched) == 0 {
		return nil, nil
	}
	return makeDueFor(ctx, r.tx, w.Touched)
}

// hang writes what the rows that we made follow from now on.
func (r *Resolution) hang(ctx context.Context, to map[int64][]int64) error {
	if len(to) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(to))
	anchors := make([]string, len(ids))
	for i, id := range ids {
		anchors[i] = arrayText(to[id])
	}
	if _, err := r.tx.Exec(ctx, `UPDATE records SET anchors = n.anchors::bigint[]
		FROM unnest($1::bigint[], $2::text[]) AS n(id, anchors) WHERE records.id = n.id`, ids, anchors); err != nil {
		return fmt.Errorf("write what the rows that we made follow: %w", err)
	}
	return nil
}

func (r *Resolution) writeResidents(ctx context.Context, list []Resident) error {
	if len(list) == 0 {
		return nil
	}
	n := len(list)
	ids, redirect, ended := make([]uuid.UUID, n), make([]*uuid.UUID, n), make([]bool, n)
	master, name, search := make([]string, n), make([]string, n), make([]string, n)
	for i, x := range list {
		ids[i], ended[i], master[i] = x.ID, x.Ended, string(survivorship.Append(make([]byte, 0, 2048), x.Master))
		name[i], search[i] = x.Master[schema.Name].Value, x.Search
		if x.Redirect != uuid.Nil {
			redirect[i] = &list[i].Redirect
		}
	}
	_, err := r.tx.Exec(ctx, `INSERT INTO residents AS r (id, redirect_to, ended_at, master, name, search)
		SELECT id, redirect_to, CASE WHEN ended THEN now() END, master::jsonb, name, search
		FROM unnest($1::uuid[], $2::uuid[], $3::bool[], $4::text[], $5::text[], $6::text[])
			AS n(id, redirect_to, ended, master, name, search) ORDER BY id
		ON CONFLICT (id) DO UPDATE SET redirect_to = excluded.redirect_to,
			ended_at = CASE WHEN excluded.ended_at IS NULL THEN NULL ELSE coalesce(r.ended_at, excluded.ended_at) END,
			master = excluded.master, name = excluded.name, search = excluded.search,
			rev = r.rev + 1, updated_at = now()`, ids, redirect, ended, master, name, search)
	if err != nil {
		return fmt.Errorf("write residents: %w", err)
	}
	return nil
}

// writeEdges replaces the edges within each component of the closure, and those
// from a seed to anywhere: the caller has computed all of these.
//
// I2: an edge between two components that did not change at either end was not
// computed, and stays.
func (r *Resolution) writeEdges(ctx context.Context, w Resolved) error {
	if _, err := r.tx.Exec(ctx, `DELETE FROM edges WHERE (a = ANY($1) AND b = ANY($1)
			AND ($3::int[])[array_position($1::bigint[], a)] = ($3::int[])[array_position($1::bigint[], b)]) OR a = ANY($2) OR b = ANY($2)`,
		w.Records, w.Seeds, w.Component); err != nil {
		return fmt.Errorf("clear edges: %w", err)
	}
	if len(w.Edges) == 0 {
		return nil
	}
	n := len(w.Edges)
	a, b, weight, reason := make([]int64, n), make([]int64, n), make([]int, n), make([]string, n)
	for i, e := range w.Edges {
		a[i], b[i], weight[i], reason[i] = e.A, e.B, e.Weight, string(e.Reason)
	}
	if _, err := r.tx.Exec(ctx, `INSERT INTO edges (a, b, weight, reason)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::text[])
		ON CONFLICT (a, b) DO UPDATE SET weight = excluded.weight, reason = excluded.reason`, a, b, weight, reason); err != nil {
		return fmt.Errorf("write edges: %w", err)
	}
	return nil
}

func writeEvents(ctx context.Context, q querier, list []Event) error {
	if len(list) == 0 {
		return nil
	}
	n := len(list)
	resident, other := make([]uuid.UUID, n), make([]*uuid.UUID, n)
	kind, attribute, platform, key := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	old, fresh := make([]*string, n), make([]*string, n)
	for i, e := range list {
		resident[i], kind[i], attribute[i], platform[i], key[i] = e.Resident, e.Kind, string(e.Attribute), e.Ref.Platform, e.Ref.Key
		old[i], fresh[i] = textOrNull(e.Old), textOrNull(e.New)
		if e.Other != uuid.Nil {
			other[i] = &list[i].Other
		}
	}
	_, err := q.Exec(ctx, `INSERT INTO history (resident_id, kind, attribute, old, new, platform, key, other)
		SELECT resident, kind, attribute, old::jsonb, new::jsonb, platform, key, other
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[])
			AS n(resident, kind, attribute, old, new, platform, key, other)`,
		resident, kind, attribute, old, fresh, platform, key, other)
	if err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// noteEvents tells the audit trail what a resolution did, in one line: how many
// events of each kind, and whose. history has the rest.
func noteEvents(ctx context.Context, q querier, list []Event) error {
	if len(list) == 0 {
		return nil
	}
	counts, residents := map[string]int{}, map[uuid.UUID]bool{}
	for _, e := range list {
		counts[e.Kind]++
		residents[e.Resident] = true
	}
	ids := slices.SortedFunc(maps.Keys(residents), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return note(ctx, q, audit.Hub, audit.Note{Did: "merge"}, map[string]any{"events": counts, "residents": ids})
}

func textOrNull(raw json.RawMessage) *string {
	if raw == nil {
		return nil
	}
	s := string(raw)
	return &s
}

// Unresolved counts the records that wait to be resolved.
func (s *Store) Unresolved(ctx context.Context) (n int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT count(*) FROM records WHERE unresolved`).Scan(&n)
	return n, err
}
