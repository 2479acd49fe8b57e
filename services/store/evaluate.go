package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/schema/clock"
	"heji/services/audit"
	"heji/services/lineage"
)

// Verdict is what is to become of one target.
type Verdict struct {
	Target   int64
	State    TargetState
	DueAt    time.Time // zero: nothing waits
	Reason   string
	Attempts int
	Settles  time.Time // until when what is due is gathered; it may have passed
	Look     bool
	Again    bool // look again after the read that confirms what was written; Settle only adds it
	Refused  map[schema.Attribute]string
	Held     map[schema.Attribute]string // fields that wait for a person, with the reason
	Drop     bool                        // a create that is not needed: the target goes away

	RecordID    int64  // set: its state is written
	RecordState []byte // lineage.Row
	// Evidence changed by a look: the record is resolved again, with these keys.
	Reopen bool
	Keys   []int64

	Intent *Intent // to open
	// Counts: the write is none that a person has approved as a whole. Brake: it
	// would be one too many; the platform waits for a person.
	Counts bool
	Brake  *Braking
	// Ended closes the target's open intent: applied, queued, missed, refused,
	// gone, exists, doubt, busy, void.
	Ended string
	// BoundKey ties a create to the row that it made; BoundState is that row's
	// lineage. Both in one transaction with the target.
	BoundKey   string
	BoundState []byte

	Proposals []Proposal
	Moot      map[schema.Attribute]string // proposals that no longer stand, with what the row shows
}

// Evaluate claims due targets of one platform, hands them to f, and stores what
// f decides; the intents that it opens are returned when they are durable (I5).
// Records are locked before targets, in id order, as everywhere. A target whose
// record waits to be resolved is left for later: its master is stale.
//
// looks: the platform can be asked for single rows. Rows that must be asked for
// are targets too, whether or not anything may be written (Platform.Writes).
func (s *Store) Evaluate(ctx context.Context, l Lease, limit int, looks bool, f func(Platform, []Target) ([]Verdict, error)) (seen int, opened []Intent, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		seen, opened = 0, nil
		if _, err := s.hold(ctx, tx); err != nil {
			return err
		}
		// A step of the ladder waits until this is committed: decided under the old
		// stage and stored behind the campaign's look at all rows, a row would wait
		// for ever.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared($1)`, stageLock); err != nil {
			return err
		}
		p, ok, err := leasedPlatform(ctx, tx, l)
		if err != nil || !ok {
			return err
		}
		if err := s.pulse.knows(ctx, tx, l.Platform); err != nil {
			return err
		}
		if looks {
			if err := sweepLooks(ctx, tx, l.Platform, limit); err != nil {
				return err
			}
		}
		now := time.Now()
		if err := canaryLeft(ctx, tx, &p, now); err != nil {
			return err
		}
		ids, err := s.dueTargets(ctx, tx, l.Platform, limit, p.Writes)
		if err != nil || len(ids) == 0 {
			return err
		}
		list, err := lockTargets(ctx, tx, ids, true)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := loadResidents(ctx, tx, list); err != nil {
			return err
		}
		seen = len(list)
		if err := loadCreates(ctx, tx, l.Platform, list); err != nil {
			return err
		}
		verdicts, err := f(p, list)
		if err != nil {
			return err
		}
		if opened, err = writeVerdicts(ctx, tx, l, list, verdicts, false); err != nil {
			return err
		}
		if err := countWritten(ctx, tx, p, verdicts); err != nil {
			return err
		}
		return countCanary(ctx, tx, p, now, len(opened))
	})
	if err != nil {
		return 0, nil, fmt.Errorf("platform %s: evaluate targets: %w", l.Platform, err)
	}
	if n := len(opened); n > 0 {
		s.pulse.stored(l.Platform, opened[n-1].ID)
	}
	return seen, opened, nil
}

// leasedPlatform reads the platform under the lease; ok is false when the lease
// is no longer ours. Platform.Writes says whether anything may leave now.
func leasedPlatform(ctx context.Context, tx pgx.Tx, l Lease) (Platform, bool, error) {
	var fence int64
	var stopped bool
	if err := tx.QueryRow(ctx, `SELECT write_fence, coalesce((SELECT value = 'true' FROM settings WHERE name = 'writes_stopped'), false) OR `+anyShut+`
		FROM platforms WHERE id = $1 FOR KEY SHARE`, l.Platform).Scan(&fence, &stopped); err != nil {
		return Platform{}, false, err
	}
	rows, err := tx.Query(ctx, `SELECT `+platformColumns+` FROM platforms p
		LEFT JOIN agreements a ON a.platform = p.id AND a.version = p.agreement WHERE p.id = $1`, l.Platform)
	if err != nil {
		return Platform{}, false, err
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPlatform)
	if err != nil {
		return Platform{}, false, err
	}
	p.Writes = !stopped && !p.Held() && p.Stage.Writes() && p.Agreement.InForce(time.Now())
	return p, fence == l.Fence, nil
}

// makeLooks, with a condition between the two, makes rows of a platform targets to be
// asked for.
const (
	makeLooks = `INSERT INTO targets AS t (platform, key, record_id, resident_id, state, due_at, look)
		SELECT r.platform, r.key, r.id, r.resident_id, 'due', now(), true FROM records r
		WHERE r.platform = $1 AND r.resident_id IS NOT NULL AND NOT r.deleted`
	onceEach = `
		ON CONFLICT (platform, key) DO UPDATE SET look = true, due_at = coalesce(t.due_at, excluded.due_at)
		WHERE t.state NOT IN ('open', 'queued')`
)

// sweepLooks makes targets of the rows that lineage wants to be asked for: a
// read was set aside, and without an answer a change could stay unseen.
func sweepLooks(ctx context.Context, tx pgx.Tx, platform string, limit int) error {
	_, err := tx.Exec(ctx, makeLooks+` AND r.look
			AND NOT EXISTS (SELECT FROM targets t WHERE t.platform = r.platform AND t.key = r.key AND t.look AND t.due_at IS NOT NULL)
		ORDER BY r.id LIMIT $2`+onceEach, platform, limit)
	if err != nil {
		return fmt.Errorf("sweep for rows to ask for: %w", err)
	}
	return nil
}

func (s *Store) dueTargets(ctx context.Context, tx pgx.Tx, platform string, limit int, writes bool) ([]int64, error) {
	rows, err := tx.Query(ctx, `SELECT t.id FROM targets t
		LEFT JOIN records r ON r.id = t.record_id
		LEFT JOIN records a ON a.id = t.anchor_id
		WHERE t.platform = $1 AND t.due_at <= clock_timestamp() AND t.state NOT IN ('open', 'queued') AND ($3 OR t.look)
			AND NOT coalesce(r.unresolved, false) AND NOT (t.key IS NULL AND coalesce(a.unresolved, false))
		ORDER BY t.due_at LIMIT $2`, platform, limit, writes)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// lockTargets locks the records of the targets, then the targets, and loads
// them. With skip, rows that others hold are left out.
func lockTargets(ctx context.Context, tx pgx.Tx, ids []int64, skip bool) ([]Target, error) {
	how := ""
	if skip {
		how = "SKIP LOCKED"
	}
	rows, err := tx.Query(ctx, `SELECT id FROM records WHERE id IN (
			SELECT coalesce(record_id, anchor_id) FROM targets WHERE id = ANY($1)) ORDER BY id FOR NO KEY UPDATE `+how, ids)
	if err != nil {
		return nil, err
	}
	locked, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("lock records: %w", err)
	}
	rows, err = tx.Query(ctx, `SELECT t.id, t.platform, coalesce(t.key, ''), coalesce(t.record_id, 0), coalesce(t.anchor_id, 0), t.resident_id,
			t.state, t.since, t.attempts, t.reason, t.look, t.refused, t.settles_at
		FROM targets t WHERE t.id = ANY($1) AND coalesce(t.record_id, t.anchor_id) = ANY($2) ORDER BY t.id FOR NO KEY UPDATE `+how, ids, locked)
	if err != nil {
		return nil, err
	}
	recordOf := map[int64]int64{}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Target, error) {
		var t Target
		var record int64
		var refused []byte
		var settles *time.Time
		err := row.Scan(&t.ID, &t.Platform, &t.Key, &record, &t.Anchor, &t.Resident.ID, &t.State, &t.Since, &t.Attempts, &t.Reason, &t.Look, &refused, &settles)
		if settles != nil {
			t.Settles = *settles
		}
		if err == nil && refused != nil {
			err = json.Unmarshal(refused, &t.Refused)
		}
		recordOf[t.ID] = record
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("lock targets: %w", err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list, loadTargets(ctx, tx, list, recordOf, locked)
}

// loadTargets fills in records, open intents and what may not leave yet, one
// statement each. Of the
// residents only the id is known: what they are is read by loadResidents, for
// those who decide what a row should show.
func loadTargets(ctx context.Context, tx pgx.Tx, list []Target, recordOf map[int64]int64, locked []int64) error {
	rows, err := tx.Query(ctx, `SELECT id, platform, key, coalesce(resident_id, '00000000-0000-0000-0000-000000000000'), state FROM records WHERE id = ANY($1)`, locked)
	if err != nil {
		return err
	}
	records, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Record, err error) {
		err = row.Scan(&r.ID, &r.Ref.Platform, &r.Ref.Key, &r.Resident, &r.State)
		return r, err
	})
	if err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	byID := make(map[int64]*Record, len(records))
	for i := range records {
		byID[records[i].ID] = &records[i]
	}
	for i := range list {
		t := &list[i]
		anchor := t.Anchor
		if id := recordOf[t.ID]; id != 0 {
			t.Record, anchor = byID[id], id
		}
		// The record says who the resident is: merge and unmerge repoint targets.
		if r := byID[anchor]; r != nil {
			t.For = r.Ref
			if r.Resident != uuid.Nil {
				t.Resident.ID = r.Resident
			}
		}
	}
	residents := make([]uuid.UUID, len(list))
	for i := range list {
		residents[i] = list[i].Resident.ID
	}
	waits, err := openRisks(ctx, tx, residents)
	if err != nil {
		return err
	}
	ids := make([]int64, len(list))
	for i := range list {
		list[i].Waits = waits[list[i].Resident.ID]
		ids[i] = list[i].ID
	}
	rows, err = tx.Query(ctx, `SELECT `+intentColumns+` FROM intents
		WHERE target_id = ANY($1) AND state IN ('open', 'queued', 'doubt') ORDER BY at`, ids)
	if err != nil {
		return err
	}
	open, err := pgx.CollectRows(rows, scanIntent)
	if err != nil {
		return fmt.Errorf("read open intents: %w", err)
	}
	for i := range list {
		for k := range open {
			if open[k].Target == list[i].ID {
				list[i].Open = &open[k]
			}
		}
	}
	return nil
}

// loadResidents fills in master records and members.
func loadResidents(ctx context.Context, tx pgx.Tx, list []Target) error {
	residents := make([]uuid.UUID, len(list))
	var wrote []uuid.UUID // where something was written, it matters who is in the resident
	for i, t := range list {
		residents[i] = t.Resident.ID
		if t.Record != nil && lineage.Exceptional(t.Record.State) {
			wrote = append(wrote, t.Resident.ID)
		}
	}
	masters, err := residentsByID(ctx, tx, residents)
	if err != nil {
		return err
	}
	members := map[uuid.UUID]map[schema.RecordRef]bool{}
	if len(wrote) > 0 {
		rows, err := tx.Query(ctx, `SELECT resident_id, platform, key, anchors = '{}' FROM records WHERE resident_id = ANY($1) AND NOT deleted`, wrote)
		if err != nil {
			return err
		}
		var res uuid.UUID
		var ref schema.RecordRef
		var own bool
		if _, err := pgx.ForEachRow(rows, []any{&res, &ref.Platform, &ref.Key, &own}, func() error {
			if members[res] == nil {
				members[res] = map[schema.RecordRef]bool{}
			}
			members[res][ref] = own
			return nil
		}); err != nil {
			return fmt.Errorf("read members: %w", err)
		}
	}
	for i := range list {
		list[i].Members = members[list[i].Resident.ID]
		list[i].Resident = masters[list[i].Resident.ID]
	}
	return nil
}

// loadCreates fills in what stands in the way of a create (RULES C).
func loadCreates(ctx context.Context, tx pgx.Tx, platform string, list []Target) error {
	var residents []uuid.UUID
	for _, t := range list {
		if t.Key == "" {
			residents = append(residents, t.Resident.ID)
		}
	}
	if len(residents) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT res.id,
			EXISTS (SELECT FROM records m JOIN edges e ON m.id IN (e.a, e.b)
				JOIN records o ON o.id IN (e.a, e.b) AND o.id <> m.id
				WHERE m.resident_id = res.id AND o.platform = $1 AND NOT o.deleted AND e.reason <> 'decision'),
			EXISTS (SELECT FROM records x WHERE x.resident_id = res.id AND x.platform = $1)
		FROM residents res WHERE res.id = ANY($2)`, platform, residents)
	if err != nil {
		return err
	}
	blocked, has := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	var id uuid.UUID
	var b, h bool
	if _, err := pgx.ForEachRow(rows, []any{&id, &b, &h}, func() error {
		blocked[id], has[id] = b, h
		return nil
	}); err != nil {
		return fmt.Errorf("read what stands in the way of creates: %w", err)
	}
	for i := range list {
		list[i].Blocked, list[i].Has = blocked[list[i].Resident.ID], has[list[i].Resident.ID]
	}
	return nil
}

// CreatesAllowed reports whether rows may be created at a platform now: its
// first whole read is merged and none of its records waits to be resolved.
func (s *Store) CreatesAllowed(ctx context.Context, platform string) (ok bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT complete_at IS NOT NULL
			AND NOT EXISTS (SELECT FROM records WHERE platform = $1 AND unresolved)
		FROM platforms WHERE id = $1`, platform).Scan(&ok)
	if err != nil {
		return false, fmt.Errorf("platform %s: may rows be created: %w", platform, err)
	}
	return ok, nil
}

// Settle hands locked targets to f, wherever they stand, and stores what f
// decides: outcomes of writes, answers to looks. A target that became due again
// meanwhile stays due.
func (s *Store) Settle(ctx context.Context, l Lease, ids []int64, f func(Platform, []Target) ([]Verdict, error)) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := s.hold(ctx, tx); err != nil {
			return err
		}
		list, err := lockTargets(ctx, tx, ids, false)
		if err != nil || len(list) == 0 {
			return err
		}
		p, _, err := leasedPlatform(ctx, tx, l)
		if err != nil {
			return err
		}
		verdicts, err := f(p, list)
		if err != nil {
			return err
		}
		byID := make(map[int64]Target, len(list))
		for _, t := range list {
			byID[t.ID] = t
		}
		for _, v := range verdicts {
			if v.BoundKey == "" {
				continue
			}
			if err := bindCreate(ctx, tx, l.Platform, v, byID[v.Target]); err != nil {
				return err
			}
		}
		_, err = writeVerdicts(ctx, tx, l, list, verdicts, true)
		return err
	})
	if err != nil {
		return fmt.Errorf("platform %s: settle targets: %w", l.Platform, err)
	}
	return nil
}

// writeVerdicts stores verdicts about locked targets, with one statement for each
// table and all in one round trip. keepDue: what became due while the target was
// away stays due.
func writeVerdicts(ctx context.Context, tx pgx.Tx, l Lease, list []Target, verdicts []Verdict, keepDue bool) ([]Intent, error) {
	open := make(map[int64]*Intent, len(list))
	for _, t := range list {
		open[t.ID] = t.Open
	}
	batch := &pgx.Batch{}
	var rows recordStates
	var ends intentEnds
	var stand targetStates
	var drop []int64
	var opened []Intent
	for _, v := range verdicts {
		if v.RecordID != 0 {
			rows.add(v)
		}
		if v.Ended != "" {
			ends.add(v, open[v.Target])
		}
		if v.Drop {
			drop = append(drop, v.Target)
			continue
		}
		if err := stand.add(v); err != nil {
			return nil, err
		}
		if v.Intent != nil {
			in := *v.Intent
			in.Platform, in.Fence, in.State = l.Platform, l.Fence, "open"
			opened = append(opened, in)
		}
	}
	rows.queue(batch)
	for _, v := range verdicts {
		if v.Reopen { // a look that brought news: rare
			batch.Queue(`UPDATE records SET features = NULL, unresolved = true, parked_until = NULL, rev = rev + 1,
				old_keys = old_keys || keys, keys = CASE WHEN anchors = '{}' THEN coalesce($2::bigint[], '{}') ELSE '{}' END WHERE id = $1`, v.RecordID, v.Keys)
		}
	}
	ends.queue(batch)
	if len(drop) > 0 {
		batch.Queue(`DELETE FROM targets WHERE id = ANY($1) AND key IS NULL`, drop)
	}
	stand.queue(batch, keepDue)
	for _, v := range verdicts {
		if !v.Drop {
			queueProposals(batch, v)
		}
	}
	if err := queueIntents(batch, opened); err != nil {
		return nil, err
	}
	if batch.Len() == 0 {
		return opened, nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("store verdicts: %w", err)
	}
	return opened, nil
}

// recordStates are what rows became.
type recordStates struct {
	id    []int64
	state []string
}

func (r *recordStates) add(v Verdict) {
	r.id, r.state = append(r.id, v.RecordID), append(r.state, string(v.RecordState))
}

func (r *recordStates) queue(b *pgx.Batch) {
	if len(r.id) > 0 {
		b.Queue(`UPDATE records r SET state = n.state FROM unnest($1::bigint[], $2::text[]) AS n(id, state) WHERE r.id = n.id`, r.id, r.state)
	}
}

// intentEnds are the outcomes of open intents, by target.
type intentEnds struct {
	target                []int64
	state, reason, fields []string
}

func (e *intentEnds) add(v Verdict, open *Intent) {
	if open == nil {
		return
	}
	e.target, e.state, e.reason = append(e.target, v.Target), append(e.state, v.Ended), append(e.reason, v.Reason)
	e.fields = append(e.fields, open.blanked())
}

func (e *intentEnds) queue(b *pgx.Batch) {
	if len(e.target) > 0 {
		b.Queue(`WITH ended AS (UPDATE intents i SET state = n.state, reason = n.reason,
				fields = CASE WHEN n.state IN ('open', 'queued', 'doubt') THEN i.fields ELSE n.fields::jsonb END,
				sealed = CASE WHEN n.state = 'busy' THEN NULL ELSE sealed END,
				done_at = CASE WHEN n.state IN ('open', 'queued', 'doubt') THEN NULL ELSE clock_timestamp() END
			FROM unnest($1::bigint[], $2::text[], $3::text[], $5::text[]) AS n(target, state, reason, fields)
			WHERE i.target_id = n.target AND i.state IN ('open', 'queued', 'doubt') RETURNING i.id, i.platform, i.state)
			INSERT INTO audit_notes (who, did, platform, detail)
			SELECT $4, 'write', platform, json_build_object('intents', json_object_agg(id, state ORDER BY id))::text FROM ended GROUP BY platform`,
			e.target, e.state, e.reason, audit.Hub, e.fields)
	}
}

// targetStates are where targets stand.
type targetStates struct {
	id            []int64
	state, reason []string
	due           []*float64 // seconds from now: see add
	attempts      []int
	look, again   []bool
	refused, held []*string
	settles       []*time.Time
}

func (t *targetStates) add(v Verdict) error {
	refused, err := jsonOrNull(v.Refused)
	if err != nil {
		return fmt.Errorf("encode refused values: %w", err)
	}
	held, err := jsonOrNull(v.Held)
	if err != nil {
		return fmt.Errorf("encode held fields: %w", err)
	}
	t.id, t.state, t.reason = append(t.id, v.Target), append(t.state, string(v.State)), append(t.reason, v.Reason)
	// From when a row is due goes by PostgreSQL's clock, which makes rows due by
	// itself and picks what is due: what a verdict says in the hub's time is handed
	// over as a wait. A hub whose clock is ahead would else wait too long, one whose
	// clock is behind would ask again without end.
	var due *float64
	if !v.DueAt.IsZero() {
		wait := v.DueAt.Sub(clock.Now()).Seconds()
		due = &wait
	}
	t.due, t.attempts, t.look = append(t.due, due), append(t.attempts, v.Attempts), append(t.look, v.Look)
	t.again = append(t.again, v.Again)
	t.refused, t.held = append(t.refused, refused), append(t.held, held)
	t.settles = append(t.settles, timeOrNull(v.Settles))
	return nil
}

func (t *targetStates) queue(b *pgx.Batch, keepDue bool) {
	if len(t.id) > 0 {
		b.Queue(`UPDATE targets t SET state = n.state, due_at = CASE WHEN $9 THEN coalesce(t.due_at, `+dueIn+`) ELSE `+dueIn+` END,
				reason = n.reason, attempts = n.attempts, look = n.look, again = n.again OR $9 AND t.again, refused = n.refused::jsonb, held = n.held::jsonb, settles_at = n.settles,
				since = CASE WHEN n.state IN ('green', 'withdrawn') THEN NULL ELSE coalesce(t.since, now()) END
			FROM unnest($1::bigint[], $2::text[], $3::float8[], $4::text[], $5::int[], $6::bool[], $7::text[], $8::text[], $10::bool[], $11::timestamptz[])
				AS n(id, state, due, reason, attempts, look, refused, held, again, settles) WHERE t.id = n.id`,
			t.id, t.state, t.due, t.reason, t.attempts, t.look, t.refused, t.held, keepDue, t.again, t.settles)
	}
}

// dueIn is the time of a verdict n in PostgreSQL's.
const dueIn = `clock_timestamp() + make_interval(secs => n.due)`

// jsonOrNull encodes a map; an empty one is NULL.
func jsonOrNull(m map[schema.Attribute]string) (*string, error) {
	if len(m) == 0 {
		return nil, nil
	}
	raw, err := json.Marshal(m)
	text := string(raw)
	return &text, err
}

// queueIntents stores intents before any platform is called (I5).
func queueIntents(b *pgx.Batch, list []Intent) error {
	if len(list) == 0 {
		return nil
	}
	n := len(list)
	ids, batches := make([]uuid.UUID, n), make([]uuid.UUID, n)
	targets, fences := make([]int64, n), make([]int64, n)
	platforms, keys, fields, versions, sealed := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, in := range list {
		raw, err := json.Marshal(in.Fields)
		if err != nil {
			return fmt.Errorf("encode intent: %w", err)
		}
		ids[i], batches[i], targets[i], fences[i] = in.ID, in.Batch, in.Target, in.Fence
		platforms[i], keys[i], fields[i], versions[i] = in.Platform, in.Key, string(raw), in.RowVersion
		sealed[i] = in.Sealed
	}
	b.Queue(`INSERT INTO intents (id, target_id, platform, key, batch, fence, fields, row_version, sealed)
		SELECT id, target, platform, nullif(key, ''), batch, fence, fields::jsonb, version, nullif(sealed, '')
		FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::text[], $8::text[], $9::text[])
			AS n(id, target, platform, key, batch, fence, fields, version, sealed)`,
		ids, targets, platforms, keys, batches, fences, fields, versions, sealed)
	return nil
}

// bindCreate ties a created row to its target and makes its shadow record, or
// takes over the record that a pull has brought meanwhile.
func bindCreate(ctx context.Context, tx pgx.Tx, platform string, c Verdict, t Target) error {
	var id int64
	err := tx.QueryRow(ctx, `INSERT INTO records AS r (platform, key, fence, position, unresolved, shadow, state, anchors, resident_id)
		VALUES ($1, $2, 0, 0, true, true, $3, ARRAY[$4::bigint], $5)
		ON CONFLICT (platform, key) DO UPDATE SET shadow = true, anchors = excluded.anchors, state = excluded.state,
			keys = '{}', features = NULL, unresolved = true, deleted = false, rev = r.rev + 1
		RETURNING id`, platform, c.BoundKey, c.BoundState, t.Anchor, t.Resident.ID).Scan(&id)
	if err != nil {
		return fmt.Errorf("store the shadow of a created row: %w", err)
	}
	// A target for the same key may have been made by a pull that was quicker.
	if _, err := tx.Exec(ctx, `UPDATE intents SET target_id = $1 WHERE target_id IN
		(SELECT id FROM targets WHERE platform = $2 AND key = $3 AND id <> $1)`, t.ID, platform, c.BoundKey); err != nil {
		return fmt.Errorf("bind a created row: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM targets WHERE platform = $1 AND key = $2 AND id <> $3`, platform, c.BoundKey, t.ID); err != nil {
		return fmt.Errorf("bind a created row: %w", err)
	}
	if _, err := tx.Exec(ctx, `UPDATE targets SET key = $2, record_id = $3 WHERE id = $1`, t.ID, c.BoundKey, id); err != nil {
		return fmt.Errorf("bind a created row: %w", err)
	}
	return nil
}

// NextDue returns when the next target of a platform becomes due, by this machine's
// clock, however far from PostgreSQL's it is; ok is false when none waits.
func (s *Store) NextDue(ctx context.Context, platform string) (at time.Time, ok bool, err error) {
	var wait *float64
	err = s.pool.QueryRow(ctx, `SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8 FROM targets WHERE platform = $1 AND due_at IS NOT NULL
		AND state NOT IN ('open', 'queued')`, platform).Scan(&wait)
	if err != nil || wait == nil {
		return time.Time{}, false, err
	}
	return time.Now().Add(time.Duration(*wait * float64(time.Second))), true, nil
}
