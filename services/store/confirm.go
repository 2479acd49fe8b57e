package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/services/lineage"
)

// Reading is how far the reading of a platform is.
type Reading struct {
	Fence          int64
	Ended          time.Time // when the last pass that went well did; zero: none has
	Published, Low int64     // positions of this fence: told, and taken in without a gap
}

// Reading returns how far the reading of a platform is: whatever a pass has told is
// among the published positions when the pass has ended.
func (s *Store) Reading(ctx context.Context, platform string) (r Reading, err error) {
	var ended *time.Time
	err = s.pool.QueryRow(ctx, `SELECT p.fence, p.pulled_at, coalesce(b.position, 0),
			coalesce((SELECT upper(t) - 1 FROM unnest(r.taken) t WHERE lower(t) <= 1), 0)
		FROM platforms p LEFT JOIN pull_runs r ON r.platform = p.id AND r.fence = p.fence
			LEFT JOIN pull_published b ON b.platform = p.id AND b.fence = p.fence
		WHERE p.id = $1`, platform).Scan(&r.Fence, &ended, &r.Published, &r.Low)
	if err != nil {
		return r, fmt.Errorf("platform %s: read how far its reading is: %w", platform, err)
	}
	if ended != nil {
		r.Ended = *ended
	}
	return r, nil
}

// longestCall is longer than any write that is answered in its call takes: its id,
// which begins with the time, is at most so much older than its outcome.
const longestCall = time.Hour

// AskUnseen makes targets to be asked for of the rows whose write was acknowledged
// until a moment, and which no read has shown since. The platform's reading must
// have passed that moment, and be taken in. more: writes were acknowledged later.
func (s *Store) AskUnseen(ctx context.Context, l Lease, until time.Time) (asked int, more bool, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		asked, more = 0, true
		_, ok, err := leasedPlatform(ctx, tx, l)
		if err != nil || !ok {
			return err
		}
		var since time.Time
		if err := tx.QueryRow(ctx, `SELECT coalesce(confirmed_at, now() - interval '1 day') FROM platforms WHERE id = $1`, l.Platform).Scan(&since); err != nil {
			return err
		}
		from := firstID(since.Add(-longestCall))
		rows, err := tx.Query(ctx, `SELECT id, state FROM records WHERE NOT deleted AND id IN (
			SELECT t.record_id FROM intents i JOIN targets t ON t.id = i.target_id
			WHERE i.id >= $2 AND i.platform = $1 AND i.state = 'applied' AND i.done_at > $3 AND i.done_at <= $4)`, l.Platform, from, since, until)
		if err != nil {
			return err
		}
		var unseen []int64
		var id int64
		var state []byte
		if _, err := pgx.ForEachRow(rows, []any{&id, &state}, func() error {
			row, err := lineage.Decode(state)
			if err == nil && row.Unseen() {
				unseen = append(unseen, id)
			}
			return err
		}); err != nil {
			return err
		}
		asked = len(unseen)
		if _, err := tx.Exec(ctx, makeLooks+` AND r.id = ANY($2) ORDER BY r.id`+onceEach, l.Platform, unseen); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE platforms SET confirmed_at = $2 WHERE id = $1`, l.Platform, until); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM intents WHERE id >= $2 AND platform = $1 AND state = 'applied' AND done_at > $3)`,
			l.Platform, from, until).Scan(&more)
	})
	if err != nil {
		return 0, true, fmt.Errorf("platform %s: ask for rows that no read has shown: %w", l.Platform, err)
	}
	return asked, more, nil
}

// firstID is before every id of a write that was begun at a time or later.
func firstID(at time.Time) (id uuid.UUID) {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(at.UnixMilli(), 0)))
	copy(id[:6], ms[2:])
	return id
}
