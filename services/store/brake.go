package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"heji/services/audit"
)

// Braking says why writing to a platform was stopped: more of its rows than is
// allowed would have been written within a window.
type Braking struct {
	Written int64     `json:"written"` // rows, in the window, with the one that was too many
	Limit   int64     `json:"limit"`   // that are allowed
	Rows    int64     `json:"rows"`    // of the platform
	Hours   float64   `json:"hours"`   // the window
	Due     int64     `json:"due"`     // rows that wait to be looked at
	At      time.Time `json:"at"`
}

// Held reports whether a person must act before anything is written to the
// platform: it is paused, a read of it is in quarantine, or a brake has stopped it.
func (p Platform) Held() bool { return p.Paused || p.Quarantined || p.Braked != nil }

// Approved reports whether what has been waiting since then was approved as a
// whole: by a campaign, a version of the agreement, a released brake.
func (p Platform) Approved(since *time.Time) bool {
	return since != nil && p.ApprovedAt != nil && !since.After(*p.ApprovedAt)
}

// approve notes that a person has approved all that is due now.
func approve(ctx context.Context, tx pgx.Tx, platform string) error {
	if _, err := tx.Exec(ctx, `UPDATE platforms SET approved_at = now(), braked = NULL, braked_at = NULL WHERE id = $1`, platform); err != nil {
		return fmt.Errorf("note what was approved: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM written_hours WHERE platform = $1`, platform); err != nil {
		return fmt.Errorf("note what was approved: %w", err)
	}
	return nil
}

// Written is how many rows were written to a platform within the window that no
// person has approved as a whole.
func (s *Store) Written(ctx context.Context, platform string, window time.Duration) (rows int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(sum(rows), 0)::bigint FROM written_hours WHERE platform = $1 AND hour > now() - $2::interval`,
		platform, window).Scan(&rows)
	if err != nil {
		return 0, fmt.Errorf("platform %s: count what was written: %w", platform, err)
	}
	return rows, nil
}

// LiveRows is how many rows a platform shows as far as we know.
func (s *Store) LiveRows(ctx context.Context, platform string) (rows int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT count(*) FROM records WHERE platform = $1 AND NOT deleted`, platform).Scan(&rows)
	if err != nil {
		return 0, fmt.Errorf("platform %s: count its rows: %w", platform, err)
	}
	return rows, nil
}

// countWritten counts rows before the platform is called, and stops it where they
// are too many.
func countWritten(ctx context.Context, tx pgx.Tx, p Platform, verdicts []Verdict) error {
	n := 0
	var brake *Braking
	for _, v := range verdicts {
		if v.Counts && v.Intent != nil {
			n++
		}
		if v.Brake != nil && brake == nil {
			brake = v.Brake
		}
	}
	if n > 0 {
		if _, err := tx.Exec(ctx, `INSERT INTO written_hours AS w (platform, hour, rows) VALUES ($1, date_trunc('hour', now()), $2)
			ON CONFLICT (platform, hour) DO UPDATE SET rows = w.rows + excluded.rows`, p.ID, n); err != nil {
			return fmt.Errorf("count what is written: %w", err)
		}
	}
	if brake == nil {
		return nil
	}
	b := *brake
	if err := tx.QueryRow(ctx, `SELECT count(*), now() FROM targets WHERE platform = $1 AND due_at IS NOT NULL`, p.ID).Scan(&b.Due, &b.At); err != nil {
		return fmt.Errorf("stop the platform: %w", err)
	}
	raw, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("stop the platform: %w", err)
	}
	if _, err := tx.Exec(ctx, `UPDATE platforms SET braked = $2, braked_at = now() WHERE id = $1 AND braked IS NULL`, p.ID, raw); err != nil {
		return fmt.Errorf("stop the platform: %w", err)
	}
	return note(ctx, tx, audit.Hub, audit.Note{Did: "platform.brake", What: "platform/" + p.ID, Platform: p.ID}, b)
}

// ErrNotBraked says that no brake has stopped a platform.
var ErrNotBraked = errors.New("no brake has stopped the platform")

// ReleaseBrake lets a platform go on, in the name of a person who has seen the
// figures: what is due now is approved, and counting begins anew.
func (s *Store) ReleaseBrake(ctx context.Context, platform, who, why string) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		var braked *Braking
		err := tx.QueryRow(ctx, `SELECT braked FROM platforms WHERE id = $1 FOR NO KEY UPDATE`, platform).Scan(&braked)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return fmt.Errorf("platform %s: release the brake: %w", platform, err)
		case braked == nil:
			return ErrNotBraked
		}
		if err := approve(ctx, tx, platform); err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "platform.unbrake", What: "platform/" + platform, Platform: platform, Why: why}, braked)
	})
}
