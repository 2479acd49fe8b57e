package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"heji/schema"
)

// Canary is what the stage canary is limited to: the residents of one community,
// and so many rows a day. Everything else waits.
type Canary struct {
	Community string
	Rows      int
	Left      int // of today; write-back only
}

// Step is one step of a platform on the ladder.
type Step struct {
	To       schema.Stage
	Who, Why string
	Digest   string  // of the effect report that Who saw
	Canary   Canary  // of a step to canary
	Rate     float64 // rows a second of which the campaign looks at; 0: as fast as the platform's own limits allow
}

// Holds reports whether a resident is one of the canary's.
func (c Canary) Holds(master Survivors) bool {
	return schema.AddressFromCanonical(master[schema.Residence].Value).Community == c.Community
}

// canaryDay is the day on which a row counts.
func canaryDay(now time.Time) string { return now.Format(time.DateOnly) }

// canaryLeft reads how many rows may still be written today.
func canaryLeft(ctx context.Context, tx pgx.Tx, p *Platform, now time.Time) error {
	if p.Stage != schema.Canary {
		return nil
	}
	var used int
	if err := tx.QueryRow(ctx, `SELECT coalesce((SELECT rows FROM canary_days WHERE platform = $1 AND day = $2::date), 0)`,
		p.ID, canaryDay(now)).Scan(&used); err != nil {
		return fmt.Errorf("count the canary's rows: %w", err)
	}
	p.Canary.Left = max(0, p.Canary.Rows-used)
	return nil
}

// countCanary counts the rows of a canary before the platform is called: a crash
// in between writes one row less, never one more.
func countCanary(ctx context.Context, tx pgx.Tx, p Platform, now time.Time, n int) error {
	if p.Stage != schema.Canary || n == 0 {
		return nil
	}
	var rows int
	if err := tx.QueryRow(ctx, `INSERT INTO canary_days AS c (platform, day, rows) VALUES ($1, $2::date, $3)
		ON CONFLICT (platform, day) DO UPDATE SET rows = c.rows + excluded.rows RETURNING rows`,
		p.ID, canaryDay(now), n).Scan(&rows); err != nil {
		return fmt.Errorf("count the canary's rows: %w", err)
	}
	if rows > p.Canary.Rows {
		return fmt.Errorf("%d rows would be written today, and the canary may write %d", rows, p.Canary.Rows)
	}
	return nil
}
