package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"heji/services/linkage"
)

// Model is the model in force for the whole of this transaction.
func (r *Resolution) Model() *linkage.Model { return r.reign.force.Model }

// stale reports whether a living record was last resolved under another model:
// to a closure it is as good as changed. Tombstones take part in nothing.
func (r *Resolution) stale(rec Record) bool {
	return rec.Generation != r.reign.force.N && !rec.Deleted
}

// ClaimStale locks up to limit records that were last resolved under another
// model, behind the cursor of the relink. None: no relink is being resolved,
// another worker is at it, or it has just been finished.
func (r *Resolution) ClaimStale(ctx context.Context, limit int) (ids []int64, err error) {
	g := r.reign.force
	var cursor int64
	// The line is the lease: one worker at a time, in whichever process.
	err = r.tx.QueryRow(ctx, `SELECT cursor FROM models WHERE generation = $1 AND phase = 'resolving'
		FOR NO KEY UPDATE SKIP LOCKED`, g.N).Scan(&cursor)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the cursor of the relink: %w", err)
	}
	// What is unresolved anyway has its own turn (Claim), under this model too.
	const stale = `FROM records WHERE id > $1 AND model <> $2 AND NOT deleted AND NOT unresolved`
	if ids, err = r.ids(ctx, `SELECT id `+stale+` ORDER BY id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED`, cursor, g.N, limit); err != nil {
		return nil, err
	}
	if len(ids) > 0 {
		_, err = r.tx.Exec(ctx, `UPDATE models SET cursor = $2 WHERE generation = $1`, g.N, ids[len(ids)-1])
		return ids, err
	}
	// The end, unless somebody who held a record before the cursor gave it back as
	// it was.
	var first *int64
	if err := r.tx.QueryRow(ctx, `SELECT min(id) `+stale, 0, g.N).Scan(&first); err != nil {
		return nil, fmt.Errorf("look for records that the relink has not reached: %w", err)
	}
	if first != nil {
		_, err = r.tx.Exec(ctx, `UPDATE models SET cursor = $2 WHERE generation = $1`, g.N, *first-1)
	} else {
		_, err = r.tx.Exec(ctx, `UPDATE models SET phase = 'in_force', done_at = now() WHERE generation = $1`, g.N)
	}
	return nil, err
}

// keep remembers features that had to be derived again, for finish to store:
// those of a record that comes from another model, or from another program.
func (r *Resolution) keep(id int64, f linkage.Features) {
	if r.derived == nil {
		r.derived = map[int64][]byte{}
	}
	r.derived[id] = r.reign.force.pack(f)
}

// finish writes to whom the records of a closure belong and lets their flags
// fall, each row once: a row's new version goes into every index. A record that
// comes from another model is from now on of the one in force, and drops its
// other keys. Tombstones keep the resident that they had.
func (r *Resolution) finish(ctx context.Context, w Resolved) error {
	g := r.reign.force
	// Other keys are those of the next model while one is being prepared: they stay.
	drop := r.reign.next == nil
	own := `model = $2`
	if drop && r.foreign {
		// Only then: to name keys in an UPDATE is to ask for each row whether they changed.
		own += `, keys = CASE WHEN model = $2 THEN keys ELSE ARRAY(SELECT k FROM unnest(keys) k WHERE k & 1 = $2 & 1) END`
	}
	residents, features := make([]pgtype.UUID, len(w.Done)), make([][]byte, len(w.Done))
	for i, id := range w.Done {
		features[i] = r.derived[id]
		if to, ok := w.Membership[id]; ok {
			residents[i] = pgtype.UUID{Bytes: to, Valid: true}
		}
	}
	if _, err := r.tx.Exec(ctx, `UPDATE records SET unresolved = false, parked_until = NULL, old_keys = '{}', `+own+`,
			former_id = CASE WHEN resident_id IS DISTINCT FROM coalesce(n.resident, resident_id) THEN resident_id ELSE former_id END,
			resident_id = coalesce(n.resident, resident_id), features = coalesce(n.features, records.features)
		FROM unnest($1::bigint[], $3::uuid[], $4::bytea[]) AS n(id, resident, features)
		WHERE records.id = n.id AND (unresolved OR model <> $2 OR resident_id IS DISTINCT FROM coalesce(n.resident, resident_id))`,
		w.Done, g.N, residents, features); err != nil {
		return fmt.Errorf("write membership: %w", err)
	}
	if len(w.Parked) == 0 {
		return nil
	}
	if _, err := r.tx.Exec(ctx, `UPDATE records SET unresolved = true, parked_until = now() + interval '1 minute', `+own+`
		WHERE id = ANY($1) AND (unresolved OR model <> $2 AND NOT deleted)`, w.Parked, g.N); err != nil {
		return fmt.Errorf("park an oversize component: %w", err)
	}
	return nil
}
