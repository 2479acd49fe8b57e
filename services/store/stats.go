package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
)

// Stats are what metrics, the doctor and the demo look at.
type Stats struct {
	Residents   int64
	Records     int64
	Unresolved  int64
	ReviewsOpen int64
	HotKeys     int64
	Entries     int64 // saved at the desk and not taken in yet
	Platforms   map[string]*PlatformStats
}

// PlatformStats are the counts of one platform.
type PlatformStats struct {
	Records, Unresolved             int64 // living rows
	Pulled, Merged, Unchanged, Dead int64 // of the current run
	Published, Low                  int64
	Targets                         map[TargetState]int64
	Due                             int64      // targets that wait to be looked at or have a write under way
	OldestDue                       *time.Time // since when the oldest has not been green
	Proposals                       int64
	DeadRecords                     map[string]int64 // by stage
	Writes                          map[string]int64 // intents by state
}

// Stats reads them all in one round trip.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	st := Stats{Platforms: map[string]*PlatformStats{}}
	at := func(id string) *PlatformStats {
		p, ok := st.Platforms[id]
		if !ok {
			p = &PlatformStats{Targets: map[TargetState]int64{}, DeadRecords: map[string]int64{}, Writes: map[string]int64{}}
			st.Platforms[id] = p
		}
		return p
	}
	b := &pgx.Batch{}
	b.Queue(`SELECT (SELECT count(*) FROM residents WHERE redirect_to IS NULL AND ended_at IS NULL),
		(SELECT count(*) FROM records WHERE NOT deleted), (SELECT count(*) FROM records WHERE unresolved),
		(SELECT count(DISTINCT (x, y)) FROM (` + openPairs + `) o WHERE NOT later),
		(SELECT count(*) FROM hot_keys),
		(SELECT count(*) FROM desk_entries WHERE id > coalesce((SELECT (cursor #>> '{}')::bigint FROM platforms WHERE id = 'desk'), 0))`).QueryRow(func(row pgx.Row) error {
		return row.Scan(&st.Residents, &st.Records, &st.Unresolved, &st.ReviewsOpen, &st.HotKeys, &st.Entries)
	})
	each := func(sql string, f func(id, kind string, n int64)) {
		b.Queue(sql).Query(func(rows pgx.Rows) error {
			var id, kind string
			var n int64
			_, err := pgx.ForEachRow(rows, []any{&id, &kind, &n}, func() error { f(id, kind, n); return nil })
			return err
		})
	}
	each(`SELECT id, '', 0::bigint FROM platforms`, func(id, _ string, _ int64) { at(id) })
	each(`SELECT platform, 'all', count(*) FROM records WHERE NOT deleted GROUP BY 1
		UNION ALL SELECT platform, 'unresolved', count(*) FROM records WHERE unresolved GROUP BY 1`, func(id, kind string, n int64) {
		if kind == "all" {
			at(id).Records = n
		} else {
			at(id).Unresolved = n
		}
	})
	each(`SELECT platform, state, count(*) FROM targets GROUP BY 1, 2`, func(id, kind string, n int64) { at(id).Targets[TargetState(kind)] = n })
	each(`SELECT platform, '', count(*) FROM targets WHERE (due_at IS NOT NULL AND state <> 'hold') OR state IN ('open', 'queued', 'doubt') GROUP BY 1`,
		func(id, _ string, n int64) { at(id).Due = n })
	each(`SELECT platform, '', count(*) FROM proposals WHERE outcome = 'open' OR outcome = 'accepted' AND seen_at IS NULL GROUP BY 1`, func(id, _ string, n int64) { at(id).Proposals = n })
	each(`SELECT platform, stage, count(*) FROM dead_records WHERE state IN ('open', 'asked') GROUP BY 1, 2`, func(id, kind string, n int64) { at(id).DeadRecords[kind] = n })
	each(`SELECT platform, state, count(*) FROM intents GROUP BY 1, 2`, func(id, kind string, n int64) { at(id).Writes[kind] = n })
	// A row that waits by rule (for its platform's hours, a settle time, a second person,
	// tomorrow's canary) is not late; one that was turned away is, and comes back within
	// a minute.
	b.Queue(`SELECT platform, min(since) FROM targets WHERE (due_at < now() + interval '2 minutes' AND state <> 'hold') OR state IN ('open', 'queued', 'doubt') GROUP BY 1`).
		Query(func(rows pgx.Rows) error {
			var id string
			var since *time.Time
			_, err := pgx.ForEachRow(rows, []any{&id, &since}, func() error { at(id).OldestDue = since; return nil })
			return err
		})
	// What a campaign has not looked at yet is due as well.
	b.Queue(campaignLeft).Query(func(rows pgx.Rows) error {
		var id string
		var since time.Time
		var n int64
		_, err := pgx.ForEachRow(rows, []any{&id, &since, &n}, func() error {
			p, at := at(id), since
			p.Due, p.Targets[TargetDue] = p.Due+n, p.Targets[TargetDue]+n
			if p.OldestDue == nil || at.Before(*p.OldestDue) {
				p.OldestDue = &at
			}
			return nil
		})
		return err
	})
	b.Queue(`SELECT r.platform, coalesce(b.position, 0), r.merged + r.unchanged + r.dead + r.marks, r.merged, r.unchanged, r.dead,
			coalesce((SELECT upper(t) - 1 FROM unnest(r.taken) t WHERE lower(t) <= 1), 0)
		FROM pull_runs r JOIN platforms p ON p.id = r.platform AND p.fence = r.fence
			LEFT JOIN pull_published b ON b.platform = r.platform AND b.fence = r.fence`).Query(func(rows pgx.Rows) error {
		var id string
		var published, taken, merged, unchanged, dead, low int64
		_, err := pgx.ForEachRow(rows, []any{&id, &published, &taken, &merged, &unchanged, &dead, &low}, func() error {
			p := at(id)
			p.Published, p.Low, p.Merged, p.Unchanged, p.Dead = published, low, merged, unchanged, dead
			p.Pulled = published - (taken - merged - unchanged - dead) // marks are no records
			return nil
		})
		return err
	})
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return st, fmt.Errorf("read statistics: %w", err)
	}
	return st, nil
}

// Conservation sums the outcomes of every position that a platform's runs took
// in: merged + unchanged + dead, and marks (I1).
type Conservation struct {
	Platform                                  string
	Fence                                     int64
	Published, Merged, Unchanged, Dead, Marks int64
	Positions                                 int64 // distinct positions taken
}

// Conservations returns one line for each run.
func (s *Store) Conservations(ctx context.Context) ([]Conservation, error) {
	rows, err := s.pool.Query(ctx, `SELECT platform, fence, coalesce(b.position, 0), merged, unchanged, dead, marks,
		coalesce((SELECT sum(upper(t) - lower(t)) FROM unnest(taken) t), 0)::bigint
		FROM pull_runs LEFT JOIN pull_published b USING (platform, fence) ORDER BY platform, fence`)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Conservation])
}

// Membership is one living record with its resident, for checks from outside.
type Membership struct {
	Ref      schema.RecordRef
	Resident string
	Shadow   bool
	Anchored bool
	Deleted  bool
}

// Memberships returns every record with its resident.
func (s *Store) Memberships(ctx context.Context) ([]Membership, error) {
	rows, err := s.pool.Query(ctx, `SELECT platform, key, coalesce(resident_id::text, ''), shadow, anchors <> '{}', deleted
		FROM records ORDER BY platform, key`)
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Membership, error) {
		var m Membership
		err := row.Scan(&m.Ref.Platform, &m.Ref.Key, &m.Resident, &m.Shadow, &m.Anchored, &m.Deleted)
		return m, err
	})
}

// EachResident calls f with every living resident.
func (s *Store) EachResident(ctx context.Context, f func(Resident) error) error {
	rows, err := s.pool.Query(ctx, `SELECT `+residentColumns+` FROM residents WHERE redirect_to IS NULL AND ended_at IS NULL`)
	if err != nil {
		return fmt.Errorf("read residents: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanResident(rows)
		if err != nil {
			return fmt.Errorf("read residents: %w", err)
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// HeldTarget is a target with fields, or a create, that wait for a person; or a
// row that we made and behind which nobody stands any more.
type HeldTarget struct {
	Platform, Key string // Key empty: a create
	Resident      uuid.UUID
	State         TargetState
	Reason        string
	Held          []byte // attribute → why, as JSON
}

// EachHeld calls f with every target in which something waits for a person.
func (s *Store) EachHeld(ctx context.Context, f func(HeldTarget) error) error {
	rows, err := s.pool.Query(ctx, `SELECT platform, coalesce(key, ''), resident_id, state, reason, coalesce(held, '{}') FROM targets
		WHERE held IS NOT NULL OR (key IS NULL AND state IN ('hold', 'refused'))
			OR state = 'hold' AND NOT EXISTS (SELECT FROM intents i WHERE i.target_id = targets.id AND i.state IN ('open', 'queued', 'doubt'))
		ORDER BY id`)
	if err != nil {
		return fmt.Errorf("read held targets: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[HeldTarget])
	if err != nil {
		return fmt.Errorf("read held targets: %w", err)
	}
	for _, t := range list {
		if err := f(t); err != nil {
			return err
		}
	}
	return nil
}

// EachRecord calls f with every record, tombstones included, in id order.
func (s *Store) EachRecord(ctx context.Context, f func(Record) error) error {
	rows, err := s.pool.Query(ctx, `SELECT `+recordColumns+` FROM records r ORDER BY id`)
	if err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return fmt.Errorf("read records: %w", err)
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return rows.Err()
}
