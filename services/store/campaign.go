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
// as it stands. Only where something has to be done the target is due, and goes
// the way of all others (Evaluate).
//
// No row is locked. Whoever changes a row or its resident meanwhile makes the
// target due himself (makeDueFor): then it is there before ours, which is dropped,
// or it waits until ours is committed and becomes due. Either is as if the row had
// been looked at just before the change.

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
// written now. f gives a verdict on each; what it says is stored where that takes
// nothing but the target, else the target is due. Of the master records f sees what
// the agreement names, and no more.
func (s *Store) Campaign(ctx context.Context, l Lease, limit int, f func(Platform, []Target) ([]Verdict, error)) (seen int, err error) {
	// Asked first by itself: nearly always there is none.
	var cursor string
	err = s.pool.QueryRow(ctx, `SELECT cursor FROM campaigns WHERE platform = $1`, l.Platform).Scan(&cursor)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err == nil {
		err = s.tx(ctx, func(tx pgx.Tx) (err error) {
			seen, err = s.campaignPage(ctx, tx, l, limit, f)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("platform %s: campaign: %w", l.Platform, err)
	}
	return seen, nil
}

func (s *Store) campaignPage(ctx context.Context, tx pgx.Tx, l Lease, limit int, f func(Platform, []Target) ([]Verdict, error)) (int, error) {
	if _, err := s.hold(ctx, tx); err != nil {
		return 0, err
	}
	// As in Evaluate: a step waits until what was decided under the old stage is stored.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared($1)`, stageLock); err != nil {
		return 0, err
	}
	p, ok, err := leasedPlatform(ctx, tx, l)
	if err != nil || !ok || !p.Writes {
		return 0, err
	}
	var cursor string
	err = tx.QueryRow(ctx, `SELECT cursor FROM campaigns WHERE platform = $1 FOR UPDATE`, l.Platform).Scan(&cursor)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	list, plain, last, err := campaignRows(ctx, tx, l.Platform, cursor, limit)
	if err != nil {
		return 0, err
	}
	if last == "" {
		return 0, endCampaign(ctx, tx, l.Platform)
	}
	if err := canaryLeft(ctx, tx, &p, time.Now()); err != nil {
		return 0, err
	}
	if err := loadAgreed(ctx, tx, p, list); err != nil {
		return 0, err
	}
	verdicts, err := f(p, list)
	if err != nil {
		return 0, err
	}
	for i, v := range verdicts {
		if !plain[i] || v.RecordID != 0 || v.Intent != nil || v.Look || v.Drop || v.Ended != "" || len(v.Proposals) > 0 {
			verdicts[i] = Verdict{State: TargetDue, DueAt: clock.Now()}
		}
	}
	if err := insertTargets(ctx, tx, list, verdicts); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, `UPDATE campaigns SET cursor = $2 WHERE platform = $1`, l.Platform, last); err != nil {
		return 0, err
	}
	return len(list), nil
}

// campaignRows reads the rows behind the cursor that have no target; last is the
// cursor behind them, "" at the end. plain says of each whether its resident is what
// its records say now, and nothing was ever written to it: such a row needs no more
// to be judged by than what it should show.
func campaignRows(ctx context.Context, tx pgx.Tx, platform, after string, limit int) (list []Target, plain []bool, last string, err error) {
	rows, err := tx.Query(ctx, `SELECT r.key, r.id, r.resident_id, r.state, NOT r.unresolved FROM records r
		WHERE r.platform = $1 AND r.key > $2 AND `+campaignRow+` ORDER BY r.key LIMIT $3`, platform, after, limit)
	if err != nil {
		return nil, nil, "", err
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Target, error) {
		t := Target{Platform: platform, Record: &Record{}, State: TargetDue}
		var resolved bool
		err := row.Scan(&t.Key, &t.Record.ID, &t.Record.Resident, &t.Record.State, &resolved)
		t.Resident.ID = t.Record.Resident
		plain = append(plain, resolved && !lineage.Exceptional(t.Record.State))
		return t, err
	})
	if err != nil {
		return nil, nil, "", fmt.Errorf("read rows: %w", err)
	}
	if len(list) > 0 {
		last = list[len(list)-1].Key
	}
	return list, plain, last, nil
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

// insertTargets stores targets for rows that had none, as they stand. What is not
// as it should be has been so since the campaign was approved (Platform.Approved).
func insertTargets(ctx context.Context, tx pgx.Tx, list []Target, verdicts []Verdict) error {
	var stand targetStates
	n := len(list)
	platform, key, record, resident := make([]string, n), make([]string, n), make([]int64, n), make([]uuid.UUID, n)
	for i, t := range list {
		platform[i], key[i], record[i], resident[i] = t.Platform, t.Key, t.Record.ID, t.Record.Resident
		if err := stand.add(verdicts[i]); err != nil {
			return err
		}
	}
	// In the order in which makeDue goes, so that nobody waits for somebody who waits.
	if _, err := tx.Exec(ctx, `INSERT INTO targets (platform, key, record_id, resident_id, state, due_at, reason, attempts, again, refused, held, settles_at, since)
		SELECT platform, key, record, resident, state, `+dueIn+`, reason, attempts, again, refused::jsonb, held::jsonb, settles,
			CASE WHEN state NOT IN ('green', 'withdrawn') THEN coalesce((SELECT c.since FROM campaigns c WHERE c.platform = n.platform), now()) END
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::float8[], $7::text[], $8::int[], $9::bool[], $10::text[], $11::text[], $12::timestamptz[])
			AS n(platform, key, record, resident, state, due, reason, attempts, again, refused, held, settles) ORDER BY record
		ON CONFLICT (platform, key) DO NOTHING`,
		platform, key, record, resident, stand.state, stand.due, stand.reason, stand.attempts, stand.again, stand.refused, stand.held, stand.settles); err != nil {
		return fmt.Errorf("store targets: %w", err)
	}
	return nil
}
