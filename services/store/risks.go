package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/audit"
)

// Risk is a change of a resident that waits before it leaves: for a second
// person, or until time to undo it has passed. It is believed at once; only
// nobody is told of it.
type Risk struct {
	ID        int64
	Resident  uuid.UUID
	Attribute schema.Attribute // empty: everything of the resident waits
	Old, New  string
	Source    schema.RecordRef // the record that says so
	Other     uuid.UUID        // of a merge: who came in
	Who       string           // of a staff entry: who entered it
	At, Until time.Time
	Stopped   string // by whom; it stays until a second person lets it go
	Why       string

	ReleasedAt *time.Time
	ReleasedBy string
	Outcome    string // passed, approved, reverted, merged
}

// Waits are the changes of one resident that may not leave yet, by attribute,
// with the time at which they do; zero: not before a person lets them.
type Waits map[schema.Attribute]time.Time

// For reports whether an attribute may not leave yet, and until when.
func (w Waits) For(a schema.Attribute) (until time.Time, waits bool) {
	if until, waits = w[""]; waits {
		return until, true
	}
	until, waits = w[a]
	return until, waits
}

// RiskWindow is how long a risky change waits by itself where nothing else is
// set.
const RiskWindow = 30 * time.Minute

const riskSetting = "risk_window_seconds"

// SetRiskWindow sets how long risky changes wait; 0: they do not.
func (s *Store) SetRiskWindow(ctx context.Context, d time.Duration) error {
	if d < 0 {
		return errors.New("the time that risky changes wait cannot be below 0")
	}
	return s.SetSetting(ctx, riskSetting, int64(d/time.Second))
}

// RisksWait is how long risky changes wait before they leave by themselves.
func (s *Store) RisksWait(ctx context.Context) (time.Duration, error) {
	var seconds int64
	err := s.Setting(ctx, riskSetting, &seconds)
	if errors.Is(err, ErrNotFound) {
		return RiskWindow, nil
	}
	return time.Duration(seconds) * time.Second, err
}

// writeRisks notes the risky changes of a resolution, in its transaction: what
// is not noted here would leave. A change that returned to what was before waits
// no more, nor does one whose resident was merged away.
func writeRisks(ctx context.Context, tx pgx.Tx, w Resolved) error {
	var gone []uuid.UUID
	for _, r := range w.Residents {
		if r.Redirect != uuid.Nil {
			gone = append(gone, r.ID)
		}
	}
	if len(gone) > 0 {
		if _, err := tx.Exec(ctx, `UPDATE risks SET released_at = clock_timestamp(), outcome = 'merged'
			WHERE resident_id = ANY($1) AND released_at IS NULL`, gone); err != nil {
			return fmt.Errorf("close risky changes: %w", err)
		}
	}
	if len(w.Risks) == 0 {
		return nil
	}
	n := len(w.Risks)
	resident, other := make([]uuid.UUID, n), make([]*uuid.UUID, n)
	attribute, old, fresh := make([]string, n), make([]string, n), make([]string, n)
	platform, key := make([]string, n), make([]string, n)
	for i, r := range w.Risks {
		resident[i], attribute[i], old[i], fresh[i] = r.Resident, string(r.Attribute), r.Old, r.New
		platform[i], key[i] = r.Source.Platform, r.Source.Key
		if r.Other != uuid.Nil {
			other[i] = &w.Risks[i].Other
		}
	}
	const given = ` FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[])
		AS n(resident, attribute, old, new, platform, key, other)`
	args := []any{resident, attribute, old, fresh, platform, key, other}
	if _, err := tx.Exec(ctx, `UPDATE risks r SET released_at = clock_timestamp(), outcome = 'reverted'`+given+`
		WHERE r.resident_id = n.resident AND r.attribute = n.attribute AND n.attribute <> '' AND r.released_at IS NULL AND r.old = n.new`, args...); err != nil {
		return fmt.Errorf("close risky changes: %w", err)
	}
	// What has just been closed is back where it was: telling of it is no risk.
	if _, err := tx.Exec(ctx, `INSERT INTO risks AS r (resident_id, attribute, old, new, platform, key, other, who, until)
		SELECT DISTINCT ON (n.resident, n.attribute) n.resident, n.attribute, n.old, n.new, n.platform, n.key, n.other,
			coalesce((SELECT e.who FROM desk_entries e WHERE n.platform = 'desk' AND e.key = n.key ORDER BY e.id DESC LIMIT 1), ''),
			clock_timestamp() + make_interval(secs => w.seconds)`+given+`,
			(SELECT coalesce((SELECT value::text::float8 FROM settings WHERE name = '`+riskSetting+`'), $8) AS seconds) w
		WHERE w.seconds > 0 AND NOT EXISTS (SELECT FROM risks x WHERE x.resident_id = n.resident AND x.attribute = n.attribute
			AND x.outcome = 'reverted' AND x.old = n.new AND x.new = n.old AND x.released_at >= now())
		ORDER BY n.resident, n.attribute
		ON CONFLICT (resident_id, attribute) WHERE released_at IS NULL DO UPDATE SET new = excluded.new, platform = excluded.platform,
			key = excluded.key, other = excluded.other, who = excluded.who, at = clock_timestamp(), until = excluded.until,
			stopped_by = NULL, stopped_at = NULL, why = ''`, append(args, RiskWindow.Seconds())...); err != nil {
		return fmt.Errorf("note risky changes: %w", err)
	}
	return nil
}

// openRisks reads what may not leave yet, by resident.
func openRisks(ctx context.Context, q querier, residents []uuid.UUID) (map[uuid.UUID]Waits, error) {
	rows, err := q.Query(ctx, `SELECT resident_id, attribute, CASE WHEN stopped_at IS NULL THEN until END FROM risks
		WHERE resident_id = ANY($1) AND released_at IS NULL`, residents)
	if err != nil {
		return nil, fmt.Errorf("read risky changes: %w", err)
	}
	out := map[uuid.UUID]Waits{}
	var id uuid.UUID
	var a schema.Attribute
	var until *time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &a, &until}, func() error {
		if out[id] == nil {
			out[id] = Waits{}
		}
		out[id][a] = time.Time{}
		if until != nil {
			out[id][a] = *until
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read risky changes: %w", err)
	}
	return out, nil
}

// ReleaseRisks lets go what has waited long enough, and returns the targets to
// look at.
func (s *Store) ReleaseRisks(ctx context.Context) (due []schema.Change, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `UPDATE risks SET released_at = clock_timestamp(), outcome = 'passed'
			WHERE released_at IS NULL AND stopped_at IS NULL AND until <= clock_timestamp() RETURNING resident_id`)
		if err != nil {
			return err
		}
		residents, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil || len(residents) == 0 {
			return err
		}
		due, err = makeDueFor(ctx, tx, residents)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("release risky changes: %w", err)
	}
	return due, nil
}

// Errors of decisions about risky changes.
var (
	ErrSamePerson = errors.New("whoever entered a risky change cannot let it go: a second person must")
	ErrReleased   = errors.New("this change waits no more")
)

// ApproveRisk lets a risky change go, in the name of a second person.
func (s *Store) ApproveRisk(ctx context.Context, id int64, who, why string) (due []schema.Change, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		r, err := lockRisk(ctx, tx, id)
		if err != nil {
			return err
		}
		if who == "" || who == r.Who || who == r.Stopped {
			return ErrSamePerson
		}
		if _, err := tx.Exec(ctx, `UPDATE risks SET released_at = clock_timestamp(), outcome = 'approved', released_by = $2, why = $3 WHERE id = $1`, id, who, why); err != nil {
			return err
		}
		if err := note(ctx, tx, who, audit.Note{Did: "risk.approve", What: riskName(id), Why: why}, map[string]uuid.UUID{"resident": r.Resident}); err != nil {
			return err
		}
		due, err = makeDueFor(ctx, tx, []uuid.UUID{r.Resident})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("approve a risky change: %w", err)
	}
	return due, nil
}

// StopRisk keeps a risky change from leaving by itself: it stays until another
// person lets it go, or until what it says is corrected.
func (s *Store) StopRisk(ctx context.Context, id int64, who, why string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		r, err := lockRisk(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE risks SET stopped_by = $2, stopped_at = clock_timestamp(), why = $3 WHERE id = $1`, id, who, why); err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "risk.stop", What: riskName(id), Why: why}, map[string]uuid.UUID{"resident": r.Resident})
	})
	if err != nil {
		return fmt.Errorf("stop a risky change: %w", err)
	}
	return nil
}

func riskName(id int64) string { return "risk/" + strconv.FormatInt(id, 10) }

const riskColumns = `id, resident_id, attribute, old, new, platform, key, coalesce(other, '00000000-0000-0000-0000-000000000000'), who, at, until,
	coalesce(stopped_by, ''), why, released_at, coalesce(released_by, ''), coalesce(outcome, '')`

func scanRisk(row pgx.CollectableRow) (r Risk, err error) {
	err = row.Scan(&r.ID, &r.Resident, &r.Attribute, &r.Old, &r.New, &r.Source.Platform, &r.Source.Key, &r.Other, &r.Who, &r.At, &r.Until,
		&r.Stopped, &r.Why, &r.ReleasedAt, &r.ReleasedBy, &r.Outcome)
	return r, err
}

// riskSeen is the condition that the resident of a risk is seen in ctx, whoever
// that is by now.
func riskSeen(ctx context.Context, args *[]any) string {
	if !Limited(ctx) {
		return "true"
	}
	return `EXISTS (SELECT FROM residents r WHERE r.id = living_resident(risks.resident_id) AND ` + whom(ctx, "r", args) + `)`
}

func lockRisk(ctx context.Context, tx pgx.Tx, id int64) (Risk, error) {
	args := []any{id}
	rows, err := tx.Query(ctx, `SELECT `+riskColumns+` FROM risks WHERE id = $1 AND `+riskSeen(ctx, &args)+` FOR NO KEY UPDATE`, args...)
	if err != nil {
		return Risk{}, err
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRisk)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return r, ErrNotFound
	case err == nil && r.ReleasedAt != nil:
		return r, ErrReleased
	}
	return r, err
}

// Risks returns what waits, the soonest to leave first; resident uuid.Nil: of
// everybody who is seen in ctx.
func (s *Store) Risks(ctx context.Context, resident uuid.UUID, limit int) ([]Risk, error) {
	args := []any{resident, limit}
	rows, err := s.pool.Query(ctx, `SELECT `+riskColumns+` FROM risks
		WHERE released_at IS NULL AND ($1 = '00000000-0000-0000-0000-000000000000'::uuid OR resident_id = $1) AND `+riskSeen(ctx, &args)+`
		ORDER BY until, id LIMIT $2`, args...)
	if err != nil {
		return nil, fmt.Errorf("read risky changes: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanRisk)
	if err != nil {
		return nil, fmt.Errorf("read risky changes: %w", err)
	}
	return list, nil
}
