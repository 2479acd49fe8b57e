package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/schema/clock"
	"heji/services/lineage"
)

// A campaign looks at every row of a platform once: after a step of the ladder to
// a stage that writes, and after another agreement is in force. Where a row has a
// target already, it becomes due. The others are looked at here, page by page in
// the order of their keys: most show what they should, and their target is stored
// as it stands. Where a value has to be written and nothing else is to be asked, the
// write begins here; all the rest is due, and goes the way of all others (Evaluate).
//
// Only rows that are written are locked, after it was decided that they are: a row
// that is no longer the version that was read, or that somebody else holds, is due
// instead. Whoever changes a row or its resident meanwhile makes the target due
// himself (makeDueFor): then it is there before ours, which is dropped with its
// write, or it waits until ours is committed and becomes due. Either is as if the
// row had been looked at just before the change.

// beginCampaign begins a campaign from the first row, in the transaction of the
// step, and returns how many rows it will look at.
func beginCampaign(ctx context.Context, tx pgx.Tx, platform string) (int64, error) {
	tag, err := tx.Exec(ctx, `UPDATE targets t SET resident_id = r.resident_id, due_at = least(t.due_at, now()), since = coalesce(t.since, now()),
			state = CASE WHEN t.state = 'green' THEN 'due' ELSE t.state END
		FROM records r WHERE t.platform = $1 AND t.key IS NOT NULL AND r.id = t.record_id AND NOT r.deleted AND r.resident_id IS NOT NULL`, platform)
	if err != nil {
		return 0, fmt.Errorf("platform %s: make targets due: %w", platform, err)
	}
	n := tag.RowsAffected()
	var left int64
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM records r WHERE platform = $1 AND `+campaignRow, platform).Scan(&left); err != nil {
		return 0, fmt.Errorf("platform %s: count the campaign's rows: %w", platform, err)
	}
	if left == 0 {
		return n, nil
	}
	if _, err := tx.Exec(ctx, `INSERT INTO campaigns (platform) VALUES ($1)
		ON CONFLICT (platform) DO UPDATE SET cursor = '', since = now()`, platform); err != nil {
		return 0, fmt.Errorf("platform %s: begin a campaign: %w", platform, err)
	}
	return n + left, nil
}

// campaignRow says which records r a campaign has to look at.
const campaignRow = `NOT r.deleted AND r.resident_id IS NOT NULL AND NOT EXISTS (SELECT FROM targets t WHERE t.platform = r.platform AND t.key = r.key)`

// campaignLeft counts by platform what campaigns have not looked at yet.
const campaignLeft = `SELECT c.platform, min(c.since) AS since, count(*) AS n FROM campaigns c JOIN records r ON r.platform = c.platform AND r.key > c.cursor
	WHERE ` + campaignRow + ` GROUP BY 1`

// endCampaign ends what a step back has made pointless.
func endCampaign(ctx context.Context, tx pgx.Tx, platform string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM campaigns WHERE platform = $1`, platform); err != nil {
		return fmt.Errorf("platform %s: end a campaign: %w", platform, err)
	}
	return nil
}

// Campaign looks at the next rows of a platform's campaign, limit at most, and
// returns how many it has looked at: 0 where none is under way, or nothing may be
// written now; with the writes that it has begun, writes at most, durable (I5).
//
// f gives a verdict on each row; what it says is stored where that takes nothing but
// the target, or a write that a person has approved with the campaign, else the
// target is due. Of the master records f sees what the agreement names, and no more.
func (s *Store) Campaign(ctx context.Context, l Lease, limit, writes int, f func(Platform, []Target) ([]Verdict, error)) (seen int, opened []Intent, err error) {
	// Asked first by itself: nearly always there is none.
	var cursor string
	err = s.pool.QueryRow(ctx, `SELECT cursor FROM campaigns WHERE platform = $1`, l.Platform).Scan(&cursor)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil, nil
	}
	if err == nil {
		err = s.tx(ctx, func(tx pgx.Tx) (err error) {
			seen, opened, err = s.campaignPage(ctx, tx, l, limit, writes, f)
			return err
		})
	}
	if err != nil {
		return 0, nil, fmt.Errorf("platform %s: campaign: %w", l.Platform, err)
	}
	if n := len(opened); n > 0 {
		s.pulse.stored(l.Platform, opened[n-1].ID)
	}
	return seen, opened, nil
}

func (s *Store) campaignPage(ctx context.Context, tx pgx.Tx, l Lease, limit, writes int, f func(Platform, []Target) ([]Verdict, error)) (int, []Intent, error) {
	if _, err := s.hold(ctx, tx); err != nil {
		return 0, nil, err
	}
	// As in Evaluate: a step waits until what was decided under the old stage is stored.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared($1)`, stageLock); err != nil {
		return 0, nil, err
	}
	p, ok, err := leasedPlatform(ctx, tx, l)
	if err != nil || !ok || !p.Writes {
		return 0, nil, err
	}
	if err := s.pulse.knows(ctx, tx, l.Platform); err != nil {
		return 0, nil, err
	}
	var cursor string
	var since time.Time
	err = tx.QueryRow(ctx, `SELECT cursor, since FROM campaigns WHERE platform = $1 FOR UPDATE`, l.Platform).Scan(&cursor, &since)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	page, err := campaignRows(ctx, tx, l.Platform, cursor, limit)
	if err != nil {
		return 0, nil, err
	}
	n := len(page.targets)
	if n == 0 {
		return 0, nil, endCampaign(ctx, tx, l.Platform)
	}
	for i := range page.targets {
		page.targets[i].Since = &since
	}
	now := clock.Now()
	if err := canaryLeft(ctx, tx, &p, now); err != nil {
		return 0, nil, err
	}
	if err := loadAgreed(ctx, tx, p, page.targets); err != nil {
		return 0, nil, err
	}
	verdicts, err := f(p, page.targets)
	if err != nil {
		return 0, nil, err
	}
	if !p.Approved(&since) {
		writes = 0 // it would have to be counted for the brake
	}
	if err := page.settle(ctx, tx, verdicts, writes); err != nil {
		return 0, nil, err
	}
	if err := insertTargets(ctx, tx, page.targets, verdicts); err != nil {
		return 0, nil, err
	}
	opened, err := beginWrites(ctx, tx, l, verdicts)
	if err != nil {
		return 0, nil, err
	}
	if err := countCanary(ctx, tx, p, now, len(opened)); err != nil {
		return 0, nil, err
	}
	if _, err := tx.Exec(ctx, `UPDATE campaigns SET cursor = $2 WHERE platform = $1`, l.Platform, page.targets[n-1].Key); err != nil {
		return 0, nil, err
	}
	return n, opened, nil
}

// campaignPage is a page of rows as it was read.
type campaignPage struct {
	targets []Target
	version []uint32 // of each row, as PostgreSQL counts them (xmin)
	// plain says of each whether its resident is what its records say now, and
	// nothing was ever written to it: such a row needs no more to be judged by than
	// what it should show.
	plain []bool
}

// campaignRows reads the rows behind a key that have no target (campaignRow). That
// the target, too, lies behind the key is said for the planner: it would otherwise
// read all that the campaign has stored so far, with each page more.
func campaignRows(ctx context.Context, tx pgx.Tx, platform, after string, limit int) (page campaignPage, err error) {
	rows, err := tx.Query(ctx, `SELECT r.key, r.id, r.resident_id, r.state, NOT r.unresolved, r.xmin FROM records r
		WHERE r.platform = $1 AND r.key > $2 AND NOT r.deleted AND r.resident_id IS NOT NULL
			AND NOT EXISTS (SELECT FROM targets t WHERE t.platform = $1 AND t.key = r.key AND t.key > $2)
		ORDER BY r.key LIMIT $3`, platform, after, limit)
	if err != nil {
		return page, err
	}
	page.targets, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Target, error) {
		t := Target{Platform: platform, Record: &Record{}, State: TargetDue}
		var resolved bool
		var version uint32
		err := row.Scan(&t.Key, &t.Record.ID, &t.Record.Resident, &t.Record.State, &resolved, &version)
		t.Resident.ID = t.Record.Resident
		page.plain = append(page.plain, resolved && !lineage.Exceptional(t.Record.State))
		page.version = append(page.version, version)
		return t, err
	})
	if err != nil {
		return page, fmt.Errorf("read rows: %w", err)
	}
	return page, nil
}

// settle makes due what is not stored as it stands, and locks what is written.
func (page campaignPage) settle(ctx context.Context, tx pgx.Tx, verdicts []Verdict, writes int) error {
	now := clock.Now()
	var ids []int64
	for i, v := range verdicts {
		if v.Intent == nil && v.RecordID == 0 && page.plain[i] && !v.Look && !v.Drop && v.Ended == "" && len(v.Proposals) == 0 {
			continue
		}
		if v.Intent != nil && page.plain[i] && len(v.Proposals) == 0 && len(ids) < writes {
			ids = append(ids, v.RecordID)
			continue
		}
		verdicts[i] = Verdict{State: TargetDue, DueAt: now}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT id, xmin FROM records WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED`, ids)
	if err != nil {
		return err
	}
	locked := map[int64]uint32{}
	var id int64
	var version uint32
	if _, err := pgx.ForEachRow(rows, []any{&id, &version}, func() error { locked[id] = version; return nil }); err != nil {
		return fmt.Errorf("lock records: %w", err)
	}
	for i, v := range verdicts {
		if v.Intent != nil && locked[v.RecordID] != page.version[i] {
			verdicts[i] = Verdict{State: TargetDue, DueAt: now}
		}
	}
	return nil
}

// beginWrites stores the writes of verdicts whose target was stored just now.
func beginWrites(ctx context.Context, tx pgx.Tx, l Lease, verdicts []Verdict) ([]Intent, error) {
	b := &pgx.Batch{}
	var rows recordStates
	var opened []Intent
	for _, v := range verdicts {
		if v.Intent == nil || v.Target == 0 {
			continue
		}
		rows.add(v)
		in := *v.Intent
		in.Target, in.Platform, in.Fence, in.State = v.Target, l.Platform, l.Fence, "open"
		opened = append(opened, in)
	}
	if len(opened) == 0 {
		return nil, nil
	}
	rows.queue(b)
	if err := queueIntents(b, opened); err != nil {
		return nil, err
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("store writes: %w", err)
	}
	return opened, nil
}

// loadAgreed fills in what may not leave yet, and of the master records what the
// agreement names: a fraction, and reading it is most of a campaign's work.
func loadAgreed(ctx context.Context, tx pgx.Tx, p Platform, list []Target) error {
	ids := make([]uuid.UUID, len(list))
	for i := range list {
		ids[i] = list[i].Resident.ID
	}
	waits, err := openRisks(ctx, tx, ids)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT id, coalesce(redirect_to, '00000000-0000-0000-0000-000000000000'), ended_at IS NOT NULL,
		`+agreedSQL(p.Agreement)+`, '', rev FROM residents WHERE id = ANY($1)`, ids)
	if err != nil {
		return err
	}
	residents, err := pgx.CollectRows(rows, scanResident)
	if err != nil {
		return fmt.Errorf("read residents: %w", err)
	}
	byID := make(map[uuid.UUID]Resident, len(residents))
	for _, r := range residents {
		byID[r.ID] = r
	}
	for i := range list {
		list[i].Waits = waits[list[i].Resident.ID]
		list[i].Resident = byID[list[i].Resident.ID]
	}
	return nil
}

// agreedSQL writes the part of a master record that an agreement names, and where
// the resident lives (Canary), as the JSON that a master record is.
func agreedSQL(g schema.Agreement) string {
	named := map[schema.Attribute]bool{schema.Residence: true}
	for a := range g.Receives {
		named[a] = true
	}
	for _, c := range g.Scope {
		named[c.Attribute] = true
	}
	parts := make([]string, 0, len(named))
	for _, d := range schema.Attributes() { // known names only: they become part of a statement
		if named[d.Name] {
			parts = append(parts, fmt.Sprintf(`'"%[1]s":' || (master->'%[1]s')::text`, d.Name))
		}
	}
	return `'{' || concat_ws(',', ` + strings.Join(parts, ", ") + `) || '}'`
}

// insertTargets stores targets for rows that had none, as they stand, and sets
// Verdict.Target where one is to be written: it stays zero where somebody else was
// before us. What is not as it should be has been so since the campaign was approved
// (Platform.Approved).
func insertTargets(ctx context.Context, tx pgx.Tx, list []Target, verdicts []Verdict) error {
	var stand targetStates
	n := len(list)
	platform, key, record, resident := make([]string, n), make([]string, n), make([]int64, n), make([]uuid.UUID, n)
	written := map[int64]*Verdict{}
	for i, t := range list {
		if verdicts[i].Intent != nil {
			verdicts[i].Target = 0
			written[t.Record.ID] = &verdicts[i]
		}
		platform[i], key[i], record[i], resident[i] = t.Platform, t.Key, t.Record.ID, t.Record.Resident
		if err := stand.add(verdicts[i]); err != nil {
			return err
		}
	}
	// In the order in which makeDue goes, so that nobody waits for somebody who waits.
	rows, err := tx.Query(ctx, `WITH stored AS (INSERT INTO targets (platform, key, record_id, resident_id, state, due_at, reason, attempts, again, refused, held, settles_at, since)
		SELECT platform, key, record, resident, state, `+dueIn+`, reason, attempts, again, refused::jsonb, held::jsonb, settles,
			CASE WHEN state NOT IN ('green', 'withdrawn') THEN coalesce((SELECT c.since FROM campaigns c WHERE c.platform = n.platform), now()) END
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::float8[], $7::text[], $8::int[], $9::bool[], $10::text[], $11::text[], $12::timestamptz[])
			AS n(platform, key, record, resident, state, due, reason, attempts, again, refused, held, settles) ORDER BY record
		ON CONFLICT (platform, key) DO NOTHING RETURNING id, record_id, state)
		SELECT id, record_id FROM stored WHERE state = 'open'`,
		platform, key, record, resident, stand.state, stand.due, stand.reason, stand.attempts, stand.again, stand.refused, stand.held, stand.settles)
	if err != nil {
		return err
	}
	var id, of int64
	if _, err := pgx.ForEachRow(rows, []any{&id, &of}, func() error { written[of].Target = id; return nil }); err != nil {
		return fmt.Errorf("store targets: %w", err)
	}
	return nil
}
