package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/audit"
)

// Quarantine is a whole read of a platform of which nothing was believed,
// because too much of it had changed at once. It waits for a person.
type Quarantine struct {
	ID       int64           `json:"id"`
	Platform string          `json:"platform"`
	Source   string          `json:"source"`
	Digest   string          `json:"-"`
	AsOf     time.Time       `json:"as_of"`
	Rows     int64           `json:"rows"`
	Known    int64           `json:"known"`
	Complete bool            `json:"complete"`
	Cursor   json.RawMessage `json:"-"`
	Figures  []Figure        `json:"figures"`
	Samples  []BrakeSample   `json:"samples"`
	At       time.Time       `json:"at"`
	State    QuarantineState `json:"state"`
	Who      string          `json:"who,omitempty"`
	Why      string          `json:"why,omitempty"`
	Decided  *time.Time      `json:"decided_at,omitempty"`
}

// QuarantineState is what became of a quarantined read.
type QuarantineState string

const (
	QuarantineOpen       QuarantineState = "open"
	QuarantineReleased   QuarantineState = "released"   // a person: it is true
	QuarantineDiscarded  QuarantineState = "discarded"  // a person: it is not
	QuarantineSuperseded QuarantineState = "superseded" // the platform was read again and shows something else
)

// Figure is one count that is over its share.
type Figure struct {
	What      string           `json:"what"` // gone, blank, back, same
	Attribute schema.Attribute `json:"attribute,omitempty"`
	Count     int64            `json:"count"`
	Of        int64            `json:"of"`    // rows that were compared
	Share     float64          `json:"share"` // that is allowed
}

// BrakeSample is one change, masked.
type BrakeSample struct {
	What      string           `json:"what"`
	Attribute schema.Attribute `json:"attribute,omitempty"`
	Shown     string           `json:"shown,omitempty"`
	New       string           `json:"new,omitempty"`
}

// ErrDecided says that a quarantined read was decided about already.
var ErrDecided = errors.New("somebody has decided about this already")

// Quarantine keeps a read with the rows that each gives. The same read is kept
// once; another one of the same platform takes its place. I1: it is in Postgres
// before the read ends, and the platform's mark does not move.
func (s *Store) Quarantine(ctx context.Context, q Quarantine, each func(func(rows []byte) error) error) error {
	figures, err := json.Marshal(q.Figures)
	if err != nil {
		return fmt.Errorf("platform %s: quarantine: %w", q.Platform, err)
	}
	samples, err := json.Marshal(q.Samples)
	if err != nil {
		return fmt.Errorf("platform %s: quarantine: %w", q.Platform, err)
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		var same bool
		err := tx.QueryRow(ctx, `SELECT digest = $2 AND source = $3 FROM quarantines WHERE platform = $1 AND done_at IS NULL ORDER BY id DESC LIMIT 1 FOR UPDATE`,
			q.Platform, q.Digest, q.Source).Scan(&same)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) || same {
			return err
		}
		if err := supersede(ctx, tx, q.Platform); err != nil {
			return err
		}
		var id int64
		if err := tx.QueryRow(ctx, `INSERT INTO quarantines (platform, source, digest, as_of, rows, known, complete, cursor, figures, samples)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id`, q.Platform, q.Source, q.Digest, q.AsOf, q.Rows, q.Known,
			q.Complete, q.Cursor, figures, samples).Scan(&id); err != nil {
			return err
		}
		n := 0
		if err := each(func(rows []byte) error {
			n++
			_, err := tx.Exec(ctx, `INSERT INTO quarantined (quarantine, n, rows) VALUES ($1, $2, $3)`, id, n, rows)
			return err
		}); err != nil {
			return err
		}
		return note(ctx, tx, audit.Hub, audit.Note{Did: "platform.quarantine", What: fmt.Sprintf("quarantine/%d", id), Platform: q.Platform}, q.Figures)
	})
	if err != nil {
		return fmt.Errorf("platform %s: quarantine: %w", q.Platform, err)
	}
	return nil
}

// supersede closes what waits: the platform was read again.
func supersede(ctx context.Context, tx querier, platform string) error {
	_, err := tx.Exec(ctx, `WITH done AS (
			UPDATE quarantines SET state = 'superseded', done_at = now() WHERE platform = $1 AND done_at IS NULL AND state = 'open' RETURNING id)
		DELETE FROM quarantined WHERE quarantine IN (SELECT id FROM done)`, platform)
	return err
}

// Supersede closes a read that waits, because a later one is as reads should be.
func (s *Store) Supersede(ctx context.Context, platform string) error {
	if err := supersede(ctx, s.pool, platform); err != nil {
		return fmt.Errorf("platform %s: close a quarantined read: %w", platform, err)
	}
	return nil
}

const quarantineColumns = `id, platform, source, as_of, rows, known, complete, cursor, figures, samples, at, state, who, why, decided_at`

func scanQuarantine(row pgx.CollectableRow) (q Quarantine, err error) {
	err = row.Scan(&q.ID, &q.Platform, &q.Source, &q.AsOf, &q.Rows, &q.Known, &q.Complete, &q.Cursor, &q.Figures, &q.Samples, &q.At, &q.State, &q.Who, &q.Why, &q.Decided)
	return q, err
}

// Quarantines lists the reads that wait, of one platform or of all (""); with
// all also those that were decided about, the newest first.
func (s *Store) Quarantines(ctx context.Context, platform string, all bool) ([]Quarantine, error) {
	return s.quarantines(ctx, `($1 = '' OR platform = $1) AND ($2 OR state = 'open') ORDER BY id DESC LIMIT 200`, platform, all)
}

// Decided returns the reads of a platform that were decided about and that
// reading has not acted on yet, in the order in which they were read.
func (s *Store) Decided(ctx context.Context, platform string) ([]Quarantine, error) {
	return s.quarantines(ctx, `($1 = '' OR platform = $1) AND state IN ('released', 'discarded') AND done_at IS NULL ORDER BY id`, platform)
}

func (s *Store) quarantines(ctx context.Context, where string, args ...any) ([]Quarantine, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+quarantineColumns+` FROM quarantines WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read what is quarantined: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanQuarantine)
	if err != nil {
		return nil, fmt.Errorf("read what is quarantined: %w", err)
	}
	return list, nil
}

// DecideQuarantine is the word of a person on the read that waits: it is true and
// is taken in, or it is not.
func (s *Store) DecideQuarantine(ctx context.Context, platform string, id int64, state QuarantineState, who, why string) error {
	if state != QuarantineReleased && state != QuarantineDiscarded {
		return fmt.Errorf("a quarantined read is released or discarded, not %q", state)
	}
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE quarantines SET state = $3, who = $4, why = $5, decided_at = now()
			WHERE platform = $1 AND id = $2 AND state = 'open'`, platform, id, state, who, why)
		if err != nil {
			return fmt.Errorf("decide about a quarantined read: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrDecided
		}
		did := map[QuarantineState]string{QuarantineReleased: "quarantine.release", QuarantineDiscarded: "quarantine.discard"}[state]
		return note(ctx, tx, who, audit.Note{Did: did, What: fmt.Sprintf("quarantine/%d", id), Platform: platform, Why: why}, nil)
	})
}

// Quarantined hands out the rows of a read, in order.
func (s *Store) Quarantined(ctx context.Context, id int64, f func(rows []byte) error) error {
	for n := 1; ; n++ {
		var rows []byte
		err := s.pool.QueryRow(ctx, `SELECT rows FROM quarantined WHERE quarantine = $1 AND n = $2`, id, n).Scan(&rows)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read what is quarantined: %w", err)
		}
		if err := f(rows); err != nil {
			return err
		}
	}
}

// QuarantineDone notes that what was decided is done: what was released is in
// records, what was discarded has been passed by.
func (s *Store) QuarantineDone(ctx context.Context, id int64) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE quarantines SET done_at = now() WHERE id = $1`, id); err != nil {
			return fmt.Errorf("close a quarantined read: %w", err)
		}
		_, err := tx.Exec(ctx, `DELETE FROM quarantined WHERE quarantine = $1`, id)
		return err
	})
}

// Established reports whether a platform was read whole before and shows at
// least so many rows.
func (s *Store) Established(ctx context.Context, platform string, rows int) (ok bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT complete_at IS NOT NULL AND
			(SELECT count(*) FROM (SELECT FROM records WHERE platform = $1 AND NOT deleted LIMIT $2) x) >= $2
		FROM platforms WHERE id = $1`, platform, rows).Scan(&ok)
	if err != nil {
		return false, fmt.Errorf("platform %s: count its rows: %w", platform, err)
	}
	return ok, nil
}
