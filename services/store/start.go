package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/audit"
)

// What the first page of the desk shows: what waits for a person, what changed
// today, and what was saved. All of it of the residents that are seen in ctx.

// Waiting counts what waits for a person.
type Waiting struct {
	Reviews   int64 // pairs of which both are seen
	Risks     int64
	Handovers int64 // that whoever asks may answer
	Contested int64 // rows at platforms
	Refused   int64
	Held      int64
	Carry     int64 // rows that people carry
	Imports   int64 // drafts and stopped ones of whoever asks
	Proposals []PlatformCount
	Rows      []WaitingRow // the latest of those that are contested, refused or held
}

// WaitingRow is a row at a platform that waits for a person.
type WaitingRow struct {
	Platform string
	State    TargetState
	Resident uuid.UUID
	Name     string
}

// Waits reads what waits. rows is how many rows are listed.
func (s *Store) Waits(ctx context.Context, rows int) (Waiting, error) {
	var w Waiting
	b := &pgx.Batch{}
	count := func(n *int64, sql string, args ...any) {
		b.Queue(sql, args...).QueryRow(func(row pgx.Row) error { return row.Scan(n) })
	}
	pairs, args := waitingPairs(ctx)
	count(&w.Reviews, pairs, args...)
	args = []any{}
	count(&w.Risks, `SELECT count(*) FROM risks k JOIN residents r ON r.id = k.resident_id WHERE k.released_at IS NULL AND (`+whom(ctx, "r", &args)+`) IS TRUE`, args...)
	args = []any{audit.Who(ctx, "")}
	count(&w.Handovers, `SELECT count(*) FROM handovers h JOIN residents r ON r.id = living_resident(h.resident_id)
		WHERE h.state = 'open' AND h.asked_by <> $1 AND (`+whom(ctx, "r", &args)+`) IS TRUE`, args...)
	count(&w.Imports, `SELECT count(*) FROM imports WHERE who = $1 AND state IN ('draft', 'stopped')`, audit.Who(ctx, ""))
	args = []any{}
	b.Queue(`SELECT t.state, count(*) FROM targets t JOIN platforms p ON p.id = t.platform JOIN residents r ON r.id = t.resident_id
		WHERE p.class <> 'D' AND (t.state IN ('hold', 'refused', 'contested') OR t.state = 'queued' AND p.kind IN ('template', 'manual'))
			AND (`+whom(ctx, "r", &args)+`) IS TRUE GROUP BY 1`, args...).Query(func(rows pgx.Rows) error {
		var state TargetState
		var n int64
		_, err := pgx.ForEachRow(rows, []any{&state, &n}, func() error {
			switch state {
			case TargetContested:
				w.Contested = n
			case TargetRefused:
				w.Refused = n
			case TargetHold:
				w.Held = n
			case TargetQueued:
				w.Carry = n
			}
			return nil
		})
		return err
	})
	args = []any{rows}
	b.Queue(`SELECT t.platform, t.state, r.id, r.name FROM targets t JOIN platforms p ON p.id = t.platform JOIN residents r ON r.id = t.resident_id
		WHERE p.class <> 'D' AND t.state IN ('hold', 'refused', 'contested') AND r.redirect_to IS NULL AND (`+whom(ctx, "r", &args)+`) IS TRUE
		ORDER BY t.state, t.since DESC NULLS LAST, t.id DESC LIMIT $1`, args...).Query(func(rows pgx.Rows) (err error) {
		w.Rows, err = pgx.CollectRows(rows, pgx.RowToStructByPos[WaitingRow])
		return err
	})
	args = []any{}
	b.Queue(`SELECT o.platform, count(*) FROM proposals o JOIN platforms p ON p.id = o.platform JOIN residents r ON r.id = living_resident(o.resident_id)
		WHERE o.outcome = 'open' AND p.class <> 'D' AND (`+whom(ctx, "r", &args)+`) IS TRUE GROUP BY 1 ORDER BY 1`, args...).Query(func(rows pgx.Rows) (err error) {
		w.Proposals, err = pgx.CollectRows(rows, pgx.RowToStructByPos[PlatformCount])
		return err
	})
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return w, fmt.Errorf("read what waits: %w", err)
	}
	return w, nil
}

// ArrivedChange is a value that changed by what a platform showed.
type ArrivedChange struct {
	Resident  uuid.UUID
	Name      string
	Attribute schema.Attribute
	Platform  string
	At        time.Time
}

// changesRead is how many events are looked at to find the latest changes: a
// whole platform may have been loaded today.
const changesRead = 2000

// Arrived returns the latest changes since then of some attributes that came from
// platforms, without the values.
func (s *Store) Arrived(ctx context.Context, since time.Time, attributes []schema.Attribute, limit int) ([]ArrivedChange, error) {
	args := []any{since, attributes, limit, changesRead}
	rows, err := s.pool.Query(ctx, `SELECT r.id, r.name, h.attribute, h.new->'s'->>'platform', h.at
		FROM (SELECT * FROM history ORDER BY id DESC LIMIT $4) h JOIN residents r ON r.id = h.resident_id
			JOIN platforms p ON p.id = h.new->'s'->>'platform'
		WHERE h.at >= $1 AND h.kind = 'value' AND h.old IS NOT NULL AND h.attribute = ANY($2) AND p.class <> 'D' AND p.id <> 'desk'
			AND r.redirect_to IS NULL AND r.ended_at IS NULL AND (`+whom(ctx, "r", &args)+`) IS TRUE
		ORDER BY h.id DESC LIMIT $3`, args...)
	if err != nil {
		return nil, fmt.Errorf("read what changed: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ArrivedChange])
	if err != nil {
		return nil, fmt.Errorf("read what changed: %w", err)
	}
	return list, nil
}

// CountSaved notes rows of a platform that a staff entry filled, so that nobody
// had to type them: one for each resident in the list.
func (s *Store) CountSaved(ctx context.Context, platform string, day time.Time, residents []uuid.UUID) error {
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO counters (name, platform, value) VALUES ('entries_saved', $1, $2)
		ON CONFLICT (name, platform) DO UPDATE SET value = counters.value + excluded.value`, platform, len(residents))
	b.Queue(`INSERT INTO savings (day, area, n)
		SELECT $1, coalesce(r.home_area, ''), count(*) FROM unnest($2::uuid[]) AS x(id) LEFT JOIN residents r ON r.id = x.id GROUP BY 2 ORDER BY 2
		ON CONFLICT (area, day) DO UPDATE SET n = savings.n + excluded.n`, day.Format(time.DateOnly), residents)
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("count what was saved: %w", err)
	}
	return nil
}

// Savings are what entries of a community, or of all, saved.
type Savings struct {
	Entries int64        // made today
	Today   int64        // rows that they filled
	Months  []MonthSaved // the latest last, this month included
}

// MonthSaved is one month of it.
type MonthSaved struct {
	Month time.Time // its first day
	N     int64
}

// Saved reads what was saved in the communities that are seen in ctx: today, and
// in each of so many months.
func (s *Store) Saved(ctx context.Context, now time.Time, months int) (Savings, error) {
	var out Savings
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	area, args := "true", []any{today.Format(time.DateOnly), months}
	if sight := sightOf(ctx); sight != nil {
		area = `area = ANY(ARRAY(SELECT area FROM responsibilities WHERE area IS NOT NULL AND basis = 'residence' AND body = ANY($3)
			AND $4::date BETWEEN valid_from AND coalesce(valid_to, 'infinity')))`
		args = append(args, texts(sight.Bodies), sight.Day)
	}
	b := &pgx.Batch{}
	b.Queue(`WITH m AS (SELECT (date_trunc('month', $1::date) - make_interval(months => g))::date AS month FROM generate_series($2::int - 1, 0, -1) g),
			mine AS MATERIALIZED (SELECT day, n FROM savings WHERE day >= (SELECT min(month) FROM m) AND `+area+`)
		SELECT m.month, coalesce((SELECT sum(n) FROM mine WHERE date_trunc('month', day)::date = m.month), 0)::bigint,
			coalesce((SELECT sum(n) FROM mine WHERE day = $1::date), 0)::bigint
		FROM m ORDER BY m.month`, args...).Query(func(rows pgx.Rows) error {
		var m MonthSaved
		_, err := pgx.ForEachRow(rows, []any{&m.Month, &m.N, &out.Today}, func() error { out.Months = append(out.Months, m); return nil })
		return err
	})
	args = []any{today, audit.Who(ctx, "")}
	seen := `$2::text IS NOT NULL` // anybody's
	if Limited(ctx) {
		seen = `(d.who = $2 OR EXISTS (SELECT FROM residents r WHERE r.id = coalesce(rec.resident_id, d.resident_id) AND ` + whom(ctx, "r", &args) + `))`
	}
	b.Queue(`SELECT count(*) FROM desk_entries d LEFT JOIN records rec ON rec.platform = 'desk' AND rec.key = d.key
		WHERE d.at >= $1 AND d.record->>'op' IS DISTINCT FROM 'delete' AND `+seen, args...).QueryRow(func(row pgx.Row) error { return row.Scan(&out.Entries) })
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return out, fmt.Errorf("read what was saved: %w", err)
	}
	return out, nil
}
