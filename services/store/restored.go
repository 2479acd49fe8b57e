package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/audit"
	"heji/services/lineage"
)

// A store that was restored to an older point has forgotten what was written
// since. RULES C: every value in the write journal joins ours, also for rows the
// backup lacks; the last write is in doubt; no field is written before a read made
// after the restore; and nothing leaves a platform's door until a person opens it.

// Restoration says when the store was restored, as far as this platform is
// concerned, and whether nobody has opened the platform since.
func (p Platform) Restoration() (at time.Time, unopened bool) {
	if p.RestoredAt == nil {
		return time.Time{}, false
	}
	return *p.RestoredAt, p.OpenedAt == nil
}

// anyShut: as long as one platform is shut, nothing leaves for any. What it shows
// and nobody believes yet may be newer than what the others have, which would
// then be written over it everywhere.
const anyShut = `EXISTS (SELECT FROM platforms s WHERE s.restored_at IS NOT NULL AND s.opened_at IS NULL)`

// Replayed is one write of the journal that this store does not know, or does not
// know the end of.
type Replayed struct {
	Intent   uuid.UUID
	Platform string
	Key      string // of the row; "": a create of which nobody knows whether it arrived
	At       time.Time
	Fence    int64
	Ended    string            // its outcome; "": nobody knows
	Anchor   *schema.RecordRef // creates: the record that it was made for
	Written  []lineage.Written
	Sealed   string
}

// happened reports whether the write may have changed anything.
func (r Replayed) happened() bool {
	return r.Ended == "" || r.Ended == "applied"
}

// EndedWrites returns those of some writes whose end this store knows.
func (s *Store) EndedWrites(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	return knownWrites(ctx, s.pool, ids, `state NOT IN ('open', 'queued', 'doubt')`)
}

// LostWrites returns those of some writes that this store has never heard of. A
// write is stored before it is in the journal, so there are some only where the
// store was restored to an older point.
func (s *Store) LostWrites(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
	known, err := knownWrites(ctx, s.pool, ids, "true")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id uuid.UUID) bool { return known[id] }), nil
}

func knownWrites(ctx context.Context, q querier, ids []uuid.UUID, which string) (map[uuid.UUID]bool, error) {
	rows, err := q.Query(ctx, `SELECT id FROM intents WHERE id = ANY($1) AND `+which, ids)
	if err != nil {
		return nil, fmt.Errorf("compare the journal of writes: %w", err)
	}
	known := map[uuid.UUID]bool{}
	var id uuid.UUID
	if _, err := pgx.ForEachRow(rows, []any{&id}, func() error { known[id] = true; return nil }); err != nil {
		return nil, fmt.Errorf("compare the journal of writes: %w", err)
	}
	return known, nil
}

// LacksAudit reports whether a head of the audit chain, noted outside of the
// store, lies beyond what this store has, or differs from it.
func (s *Store) LacksAudit(ctx context.Context, h audit.Head) (lacks bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM audit WHERE seq = $1 AND sum = $2)
		AND NOT (NOT EXISTS (SELECT FROM audit WHERE seq = $1) AND EXISTS (SELECT FROM audit WHERE seq > $1))`, h.Seq, h.Sum).Scan(&lacks)
	if err != nil {
		return false, fmt.Errorf("compare the noted head of the audit trail: %w", err)
	}
	return lacks, nil
}

// unhung is a row, or a create in doubt, whose anchor the backup does not know.
type unhung struct {
	Platform string           `json:"platform"`
	Key      string           `json:"key,omitempty"`
	Intent   uuid.UUID        `json:"intent,omitzero"`
	Anchor   schema.RecordRef `json:"anchor"`
}

const waitingSetting = "restored_creates"

// ReconcileLock is the advisory lock under which one process at a time reconciles.
const reconcileLock = 0x6865_6a72

// Reconcile takes in, in one transaction, that the store was restored: fences
// rise, so that nothing of the time that was lost is taken in any more; every
// platform is shut and is to be read whole; and the journal is played back. It
// returns false where another process has done it. apart are platforms that
// nobody needs to open: their rows are the hub's own.
func (s *Store) Reconcile(ctx context.Context, list []Replayed, at time.Time, fence int64, apart []string, keys func(schema.Values) []int64) (done bool, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		done = false
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, reconcileLock); err != nil {
			return err
		}
		if _, err := s.look(ctx, tx); err != nil { // keys are of the model in force
			return err
		}
		var recent bool
		if err := tx.QueryRow(ctx, `SELECT coalesce(max(restored_at) > $1::timestamptz - interval '1 minute', false) FROM platforms`, at).Scan(&recent); err != nil || recent {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT setval('fences', greatest(nextval('fences'), $1) + 1000000)`, fence); err != nil {
			return fmt.Errorf("raise the fences: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE platforms SET fence = nextval('fences'), write_fence = nextval('fences'),
			pull_holder = NULL, pull_until = NULL, write_holder = NULL, write_until = NULL`); err != nil {
			return fmt.Errorf("raise the fences: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE heartbeat SET beat = greatest(beat, $1) + 1000000`, s.pulse.beats()); err != nil {
			return fmt.Errorf("go on counting beats: %w", err)
		}
		rows, err := tx.Query(ctx, `UPDATE platforms SET restored_at = $1, opened_at = NULL, opened_by = '', complete_at = NULL
			WHERE NOT id = ANY($2) RETURNING id`, at, apart)
		if err != nil {
			return err
		}
		shut, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("shut the platforms: %w", err)
		}
		for _, id := range shut {
			if err := ask(ctx, tx, id, "", audit.Hub, "the database was restored"); err != nil {
				return err
			}
		}
		r := replay{tx: tx, at: at, keys: keys}
		if err := r.run(ctx, list); err != nil {
			return err
		}
		done = true
		return note(ctx, tx, audit.Hub, audit.Note{Did: "store.restored"}, map[string]int{"platforms": len(shut), "writes": len(list), "rows": r.rows})
	})
	if err != nil {
		return false, fmt.Errorf("take in that the database was restored: %w", err)
	}
	s.pulse.forget()
	return done, nil
}

// replay plays the journal back into a restored store.
type replay struct {
	tx   pgx.Tx
	at   time.Time
	keys func(schema.Values) []int64
	rows int
	wait []unhung
}

func (r *replay) run(ctx context.Context, list []Replayed) error {
	byRow := map[schema.RecordRef][]Replayed{}
	var order []schema.RecordRef
	for _, x := range list {
		ref := schema.RecordRef{Platform: x.Platform, Key: x.Key}
		if x.Key == "" || !x.happened() {
			continue
		}
		if _, ok := byRow[ref]; !ok {
			order = append(order, ref)
		}
		byRow[ref] = append(byRow[ref], x)
	}
	for chunk := range slices.Chunk(order, 500) {
		if err := r.restoreRows(ctx, chunk, byRow); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(list, 500) {
		if err := r.intents(ctx, chunk); err != nil {
			return err
		}
	}
	if len(r.wait) == 0 {
		return nil
	}
	return setSetting(ctx, r.tx, waitingSetting, r.wait)
}

// restoreRows brings rows up to what the journal knows of them.
func (r *replay) restoreRows(ctx context.Context, refs []schema.RecordRef, byRow map[schema.RecordRef][]Replayed) error {
	platforms, keys := refColumns(refs)
	rows, err := r.tx.Query(ctx, `SELECT r.id, r.platform, r.key, r.state FROM records r
		JOIN unnest($1::text[], $2::text[]) AS w(platform, key) ON r.platform = w.platform AND r.key = w.key
		ORDER BY r.id FOR NO KEY UPDATE OF r`, platforms, keys)
	if err != nil {
		return err
	}
	known := map[schema.RecordRef]Record{}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x Record, err error) {
		err = row.Scan(&x.ID, &x.Ref.Platform, &x.Ref.Key, &x.State)
		return x, err
	})
	if err != nil {
		return fmt.Errorf("lock records: %w", err)
	}
	for _, x := range list {
		known[x.Ref] = x
	}
	batch := &pgx.Batch{}
	for _, ref := range refs {
		x, there := known[ref]
		row := lineage.Row{Deleted: true} // until a read shows it
		if there {
			if row, err = lineage.Decode(x.State); err != nil {
				return err
			}
		}
		var written []lineage.Written
		var anchor *schema.RecordRef
		for _, w := range byRow[ref] {
			for _, f := range w.Written {
				f.Applied = f.Applied || w.Ended == "applied"
				written = append(written, f)
			}
			if w.Anchor != nil {
				anchor = w.Anchor
			}
		}
		row = lineage.Restore(row, written, r.at)
		raw, err := row.Append(nil)
		if err != nil {
			return err
		}
		r.rows++
		if there {
			batch.Queue(`UPDATE records SET state = $2, features = NULL, unresolved = true, parked_until = NULL, rev = rev + 1,
				old_keys = old_keys || keys, keys = CASE WHEN anchors = '{}' AND NOT deleted THEN coalesce($3::bigint[], '{}') ELSE '{}' END
				WHERE id = $1`, x.ID, string(raw), r.keys(row.Own))
			continue
		}
		ids := []int64{}
		if anchor != nil {
			found, err := recordIDs(ctx, r.tx, []schema.RecordRef{*anchor})
			if err != nil {
				return err
			}
			if id, ok := found[*anchor]; ok {
				ids = append(ids, id)
			} else {
				r.wait = append(r.wait, unhung{Platform: ref.Platform, Key: ref.Key, Anchor: *anchor})
			}
		}
		batch.Queue(`INSERT INTO records (platform, key, fence, position, deleted, unresolved, shadow, state, anchors)
			VALUES ($1, $2, 0, 0, true, false, $3, $4, $5)`, ref.Platform, ref.Key, row.Lineage.Shadow, string(raw), ids)
	}
	if err := r.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("bring rows up to the journal: %w", err)
	}
	return nil
}

// intents stores the writes that this store has forgotten, so that they are
// known the next time; those of which nobody knows the end are in doubt.
func (r *replay) intents(ctx context.Context, list []Replayed) error {
	batch := &pgx.Batch{}
	for _, x := range list {
		fields, state := map[schema.Attribute]IntentField{}, x.Ended
		var target *int64
		if x.Ended == "" {
			var err error
			if target, err = r.target(ctx, x); err != nil {
				return err
			}
			// Of a row without a target the read that ends the doubt is all there is.
			state = "doubt"
			if target == nil && x.Key != "" {
				state = "missed"
			}
		}
		for _, w := range x.Written {
			f := IntentField{Wire: w.Raw, Base: w.Base.Raw, Source: w.Source}
			if w.Value != nil {
				f.Value = *w.Value
			}
			fields[w.Attribute] = f
		}
		raw, err := json.Marshal(fields)
		if err != nil {
			return fmt.Errorf("encode intent: %w", err)
		}
		batch.Queue(`INSERT INTO intents (id, target_id, platform, key, fence, fields, state, at, done_at, sealed, reason)
			SELECT $1, $2, $3, nullif($4, ''), $5, CASE WHEN n.state = 'doubt' THEN n.fields ELSE blanked(n.fields) END, n.state, n.at,
				CASE WHEN n.state = 'doubt' THEN NULL ELSE n.at END, nullif($9, ''), 'from the journal of writes: the database was restored'
			FROM (SELECT $6::text::jsonb AS fields, $7::text AS state, $8::timestamptz AS at) n
			ON CONFLICT (id) DO NOTHING`, x.Intent, target, x.Platform, x.Key, x.Fence, string(raw), state, x.At, x.Sealed)
		if x.Ended == "" && x.Key == "" && target == nil && x.Anchor != nil {
			r.wait = append(r.wait, unhung{Platform: x.Platform, Intent: x.Intent, Anchor: *x.Anchor})
		}
	}
	if err := r.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store the writes of the journal: %w", err)
	}
	return nil
}

// target finds what a write in doubt is about; for a create, makes it. Nil: the
// backup knows neither.
func (r *replay) target(ctx context.Context, x Replayed) (*int64, error) {
	var id int64
	var err error
	if x.Key != "" {
		err = r.tx.QueryRow(ctx, `UPDATE targets SET state = 'doubt', look = true, due_at = now(), since = coalesce(since, now())
			WHERE platform = $1 AND key = $2 RETURNING id`, x.Platform, x.Key).Scan(&id)
	} else if x.Anchor != nil {
		id, err = doubtfulCreate(ctx, r.tx, x.Platform, *x.Anchor)
	} else {
		return nil, nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the target of a write in doubt: %w", err)
	}
	return &id, nil
}

// doubtfulCreate makes the target of a create in doubt; pgx.ErrNoRows where
// nobody knows its anchor.
func doubtfulCreate(ctx context.Context, tx pgx.Tx, platform string, anchor schema.RecordRef) (id int64, err error) {
	err = tx.QueryRow(ctx, `INSERT INTO targets AS t (platform, anchor_id, resident_id, state, due_at, since)
		SELECT $1, a.id, a.resident_id, 'doubt', now(), now() FROM records a
		WHERE a.platform = $2 AND a.key = $3 AND a.resident_id IS NOT NULL
		ON CONFLICT (platform, anchor_id) WHERE key IS NULL DO UPDATE SET state = 'doubt', due_at = now() RETURNING id`,
		platform, anchor.Platform, anchor.Key).Scan(&id)
	return id, err
}

// ErrNotRestored says that a platform needs no opening.
var ErrNotRestored = errors.New("the platform is open")

// ErrNotRead says that a platform was not read whole since the restore.
var ErrNotRead = errors.New("the platform was not read whole since the database was restored")

// Opened says what opening a platform did.
type Opened struct {
	Rows int64 `json:"rows"` // whose values are believed from now on
	Due  int64 `json:"due"`  // that are compared again
}

// OpenPlatform lets a platform take part again after a restore: what it shows and
// nobody knew the lineage of is its own from now on, and writing goes on. It waits
// for a whole read; anyway: a person knows that there will be none.
func (s *Store) OpenPlatform(ctx context.Context, id, who, why string, anyway bool, keys func(schema.Values) []int64) (o Opened, err error) {
	err = s.step(ctx, func(tx pgx.Tx) error {
		o = Opened{}
		if _, err := s.hold(ctx, tx); err != nil {
			return err
		}
		var shut, read, writes bool
		err := tx.QueryRow(ctx, `SELECT restored_at IS NOT NULL AND opened_at IS NULL, complete_at IS NOT NULL, writable AND stage IN ('canary', 'live')
			FROM platforms WHERE id = $1 FOR UPDATE`, id).Scan(&shut, &read, &writes)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return err
		case !shut:
			return ErrNotRestored
		case !read && !anyway:
			return ErrNotRead
		}
		if o.Rows, err = openRows(ctx, tx, id, keys); err != nil {
			return err
		}
		if err := attach(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE platforms SET opened_at = clock_timestamp(), opened_by = $2 WHERE id = $1`, id, who); err != nil {
			return err
		}
		if writes {
			if o.Due, err = makeDue(ctx, tx, id, nil, 0); err != nil {
				return err
			}
		}
		return note(ctx, tx, who, audit.Note{Did: "platform.open", What: "platform/" + id, Platform: id, Why: why},
			map[string]any{"rows": o.Rows, "read_whole": read})
	})
	if err != nil {
		return o, fmt.Errorf("open platform %s: %w", id, err)
	}
	return o, nil
}

// openRows makes what has no known lineage the platform's own.
func openRows(ctx context.Context, tx pgx.Tx, platform string, keys func(schema.Values) []int64) (n int64, err error) {
	for last := int64(0); ; {
		rows, err := tx.Query(ctx, `SELECT id, state FROM records WHERE platform = $1 AND id > $2
			AND state LIKE '%"reason":"unknown"%' ORDER BY id LIMIT 500 FOR NO KEY UPDATE`, platform, last)
		if err != nil {
			return n, err
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x Record, err error) {
			err = row.Scan(&x.ID, &x.State)
			return x, err
		})
		if err != nil {
			return n, fmt.Errorf("lock records: %w", err)
		}
		if len(list) == 0 {
			// The other rows of these residents wait, too, until it is known who is
			// who now: what they should show is stale.
			_, err := tx.Exec(ctx, `UPDATE records SET unresolved = true, parked_until = NULL WHERE NOT unresolved AND resident_id IN
				(SELECT resident_id FROM records WHERE platform = $1 AND unresolved AND resident_id IS NOT NULL)`, platform)
			return n, err
		}
		batch := &pgx.Batch{}
		for _, x := range list {
			last = x.ID
			row, err := lineage.Decode(x.State)
			if err != nil {
				return n, err
			}
			row, opened := lineage.OpenRow(row)
			if !opened {
				continue
			}
			raw, err := row.Append(nil)
			if err != nil {
				return n, err
			}
			n++
			batch.Queue(`UPDATE records SET state = $2, features = NULL, unresolved = true, parked_until = NULL, rev = rev + 1,
				old_keys = old_keys || keys, keys = CASE WHEN anchors = '{}' AND NOT deleted THEN coalesce($3::bigint[], '{}') ELSE '{}' END
				WHERE id = $1`, x.ID, string(raw), keys(row.Own))
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return n, fmt.Errorf("believe rows: %w", err)
		}
	}
}

// attach hangs rows that Heji has made, and creates in doubt, on the records that
// they were made for, now that these have been read.
func attach(ctx context.Context, tx pgx.Tx, platform string) error {
	var raw []byte
	err := tx.QueryRow(ctx, `SELECT value FROM settings WHERE name = $1 FOR UPDATE`, waitingSetting).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	var list, left []unhung
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("setting %s: %w", waitingSetting, err)
	}
	for _, w := range list {
		if w.Platform != platform {
			left = append(left, w)
			continue
		}
		if w.Key != "" {
			if _, err := tx.Exec(ctx, `UPDATE records s SET anchors = ARRAY[a.id], keys = '{}', features = NULL, unresolved = true, rev = s.rev + 1
				FROM records a WHERE s.platform = $1 AND s.key = $2 AND s.shadow AND s.anchors = '{}' AND a.platform = $3 AND a.key = $4`,
				w.Platform, w.Key, w.Anchor.Platform, w.Anchor.Key); err != nil {
				return fmt.Errorf("hang a row on its record: %w", err)
			}
			continue
		}
		id, err := doubtfulCreate(ctx, tx, w.Platform, w.Anchor)
		if errors.Is(err, pgx.ErrNoRows) {
			// Its person is nowhere any more: the row, if there is one, stays parked for a person.
			left = append(left, w)
			continue
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE intents SET target_id = $2 WHERE id = $1`, w.Intent, id); err != nil {
			return err
		}
	}
	return setSetting(ctx, tx, waitingSetting, left)
}
