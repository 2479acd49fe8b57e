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

// Platform is one department platform as the hub knows it.
type Platform struct {
	ID         string
	Name       string
	NameEn     string
	Department string
	Kind       string
	Class      schema.Class
	Cadence    time.Duration
	Writable   bool // it has a way to write at all

	Stage     schema.Stage
	Version   int // of the agreement in force; 0: none
	Agreement schema.Agreement
	Paused    bool
	Canary    Canary // what the stage canary is limited to
	Writes    bool   // write-back only: stage, pause, brakes and the switch let writes leave now
	// ApprovedAt is when a person last approved what was due: a campaign, a version
	// of the agreement, a released brake.
	ApprovedAt  *time.Time
	Quarantined bool     // a whole read of it waits for a person
	Braked      *Braking // too much would be written to it; nil: it is not

	Fence      int64
	RestoredAt *time.Time // when this store was restored to an older point, last
	OpenedAt   *time.Time // when a steward has opened the platform since
	CompleteAt *time.Time // the first whole read is merged
	AsOf       *time.Time // of the last merged mark
	PulledAt   *time.Time
	PullError  string
	WroteAt    *time.Time
	WriteError string
	// The same with their codes, so that they are said in the reader's language.
	PullTrouble, WriteTrouble Trouble
	// Failures are calls in a row that have failed when it was written to. TrippedAt:
	// since then it is left alone because of them, and tried with one row at TriesAt.
	Failures           int
	TrippedAt, TriesAt *time.Time
}

// RegisterPlatform makes a platform known and takes over what its file says.
// The agreement of the file becomes version 1, in force at once while the
// platform still is read_only; a later difference is stored as a new version
// that waits for approval.
func (s *Store) RegisterPlatform(ctx context.Context, p Platform) error {
	body, err := json.Marshal(p.Agreement)
	if err != nil {
		return fmt.Errorf("platform %s: agreement: %w", p.ID, err)
	}
	return s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO platforms (id, name, name_en, department, kind, class, cadence, writable)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (id) DO UPDATE SET name = $2, name_en = $3, department = $4, kind = $5, class = $6,
				cadence = $7, writable = $8`,
			p.ID, p.Name, p.NameEn, p.Department, p.Kind, p.Class, p.Cadence, p.Writable); err != nil {
			return fmt.Errorf("register platform %s: %w", p.ID, err)
		}
		var known int
		var same bool
		err := tx.QueryRow(ctx, `SELECT version, body = $2 FROM agreements WHERE platform = $1
			ORDER BY version DESC LIMIT 1`, p.ID, body).Scan(&known, &same)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("platform %s: agreement: %w", p.ID, err)
		}
		if known > 0 && same {
			return nil
		}
		if _, err := tx.Exec(ctx, `INSERT INTO agreements (platform, version, body) VALUES ($1, $2, $3)`,
			p.ID, known+1, body); err != nil {
			return fmt.Errorf("platform %s: store agreement: %w", p.ID, err)
		}
		if err := note(ctx, tx, audit.Hub, audit.Note{Did: "agreement.read", What: "platform/" + p.ID, Platform: p.ID},
			map[string]int{"version": known + 1}); err != nil {
			return err
		}
		// Nothing leaves in read_only, so the newest text may stand there.
		_, err = tx.Exec(ctx, `UPDATE platforms SET agreement = $2
			WHERE id = $1 AND (agreement IS NULL OR stage = 'read_only')`, p.ID, known+1)
		return err
	})
}

const platformColumns = `p.id, p.name, p.name_en, p.department, p.kind, p.class, p.cadence, p.writable, p.stage,
	coalesce(p.agreement, 0), coalesce(a.body, '{}'), p.paused, p.canary_community, p.canary_rows, p.fence, p.complete_at, p.as_of, p.pulled_at,
	coalesce(p.pull_error, ''), p.wrote_at, coalesce(p.write_error, ''), p.pull_trouble, p.write_trouble,
	p.approved_at, EXISTS (SELECT FROM quarantines q WHERE q.platform = p.id AND q.done_at IS NULL), p.braked, p.restored_at, p.opened_at,
	p.write_failures, p.tripped_at, p.tries_at`

func scanPlatform(row pgx.CollectableRow) (Platform, error) {
	var p Platform
	var body, pulled, wrote []byte
	err := row.Scan(&p.ID, &p.Name, &p.NameEn, &p.Department, &p.Kind, &p.Class, &p.Cadence, &p.Writable, &p.Stage,
		&p.Version, &body, &p.Paused, &p.Canary.Community, &p.Canary.Rows, &p.Fence, &p.CompleteAt, &p.AsOf, &p.PulledAt, &p.PullError, &p.WroteAt, &p.WriteError, &pulled, &wrote,
		&p.ApprovedAt, &p.Quarantined, &p.Braked, &p.RestoredAt, &p.OpenedAt, &p.Failures, &p.TrippedAt, &p.TriesAt)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(body, &p.Agreement); err != nil {
		return p, fmt.Errorf("agreement of %s: %w", p.ID, err)
	}
	var pullErr, writeErr error
	p.PullTrouble, pullErr = readTrouble(p.PullError, pulled)
	p.WriteTrouble, writeErr = readTrouble(p.WriteError, wrote)
	return p, errors.Join(pullErr, writeErr)
}

// Platforms returns every platform with the agreement in force, by id.
func (s *Store) Platforms(ctx context.Context) ([]Platform, error) { return platforms(ctx, s.pool) }

func platforms(ctx context.Context, q querier) ([]Platform, error) {
	rows, err := q.Query(ctx, `SELECT `+platformColumns+` FROM platforms p
		LEFT JOIN agreements a ON a.platform = p.id AND a.version = p.agreement ORDER BY p.id`)
	if err != nil {
		return nil, fmt.Errorf("read platforms: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanPlatform)
	if err != nil {
		return nil, fmt.Errorf("read platforms: %w", err)
	}
	return list, nil
}

// Lease is the right to pull or to write one platform for a while.
type Lease struct {
	Platform string
	Fence    int64
	Cursor   json.RawMessage // pull: the merged mark
}

// TakePullLease issues a new fence when nobody else holds the lease. ok is false
// while another process does.
func (s *Store) TakePullLease(ctx context.Context, platform, holder string, ttl time.Duration) (l Lease, ok bool, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `UPDATE platforms SET fence = nextval('fences'), pull_holder = $2, pull_until = now() + $3
			WHERE id = $1 AND (pull_holder IS NULL OR pull_holder = $2 OR pull_until < now())
			RETURNING fence, cursor`, platform, holder, ttl).Scan(&l.Fence, &l.Cursor)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		ok = true
		_, err = tx.Exec(ctx, `INSERT INTO pull_runs (platform, fence) VALUES ($1, $2)`, platform, l.Fence)
		return err
	})
	l.Platform = platform
	if err != nil {
		return l, false, fmt.Errorf("platform %s: take the pull lease: %w", platform, err)
	}
	return l, ok, nil
}

// RenewPullLease keeps the lease. ok is false when the fence is no longer ours.
func (s *Store) RenewPullLease(ctx context.Context, l Lease, holder string, ttl time.Duration) (ok bool, err error) {
	tag, err := s.pool.Exec(ctx, `UPDATE platforms SET pull_until = now() + $4
		WHERE id = $1 AND fence = $2 AND pull_holder = $3`, l.Platform, l.Fence, holder, ttl)
	if err != nil {
		return false, fmt.Errorf("platform %s: renew the pull lease: %w", l.Platform, err)
	}
	return tag.RowsAffected() == 1, nil
}

// TakeWriteLease is TakePullLease for write-back.
func (s *Store) TakeWriteLease(ctx context.Context, platform, holder string, ttl time.Duration) (l Lease, ok bool, err error) {
	err = s.pool.QueryRow(ctx, `UPDATE platforms SET write_fence = nextval('fences'), write_holder = $2, write_until = now() + $3
		WHERE id = $1 AND (write_holder IS NULL OR write_holder = $2 OR write_until < now())
		RETURNING write_fence`, platform, holder, ttl).Scan(&l.Fence)
	l.Platform = platform
	if errors.Is(err, pgx.ErrNoRows) {
		return l, false, nil
	}
	if err != nil {
		return l, false, fmt.Errorf("platform %s: take the write lease: %w", platform, err)
	}
	return l, true, nil
}

// RenewWriteLease keeps the lease. ok is false when the fence is no longer ours.
func (s *Store) RenewWriteLease(ctx context.Context, l Lease, holder string, ttl time.Duration) (ok bool, err error) {
	tag, err := s.pool.Exec(ctx, `UPDATE platforms SET write_until = now() + $4
		WHERE id = $1 AND write_fence = $2 AND write_holder = $3`, l.Platform, l.Fence, holder, ttl)
	if err != nil {
		return false, fmt.Errorf("platform %s: renew the write lease: %w", l.Platform, err)
	}
	return tag.RowsAffected() == 1, nil
}

// DropLeases gives every lease back. Only a process that knows itself to be
// alone on this database (embedded engines) may call it with an empty holder.
func (s *Store) DropLeases(ctx context.Context, holder string) error {
	_, err := s.pool.Exec(ctx, `UPDATE platforms SET
		pull_holder = CASE WHEN pull_holder = $1 OR $1 = '' THEN NULL ELSE pull_holder END,
		write_holder = CASE WHEN write_holder = $1 OR $1 = '' THEN NULL ELSE write_holder END`, holder)
	if err != nil {
		return fmt.Errorf("give leases back: %w", err)
	}
	return nil
}

// Published records how far a run's messages are acknowledged by JetStream. It is
// a figure for people: nobody waits until it is on the disk.
func (s *Store) Published(ctx context.Context, platform string, fence, position int64) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO pull_published AS p (platform, fence, position)
		SELECT $1, $2, $3 FROM set_config('synchronous_commit', 'off', true)
		ON CONFLICT (platform, fence) DO UPDATE SET position = greatest(p.position, excluded.position)`, platform, fence, position)
	if err != nil {
		return fmt.Errorf("platform %s: move the published mark: %w", platform, err)
	}
	return nil
}

// MergedMark returns the cursor before which everything is in records, and how
// many positions of the fence are taken in without a gap.
func (s *Store) MergedMark(ctx context.Context, platform string, fence int64) (cursor json.RawMessage, low int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT p.cursor, coalesce((SELECT upper(t) - 1 FROM pull_runs r, unnest(r.taken) t
			WHERE r.platform = p.id AND r.fence = $2 AND lower(t) <= 1), 0)
		FROM platforms p WHERE p.id = $1`,
		platform, fence).Scan(&cursor, &low)
	if err != nil {
		return nil, 0, fmt.Errorf("platform %s: read the merged mark: %w", platform, err)
	}
	return cursor, low, nil
}

// PullResult records how a pass ended.
func (s *Store) PullResult(ctx context.Context, platform string, t Trouble) error {
	_, err := s.pool.Exec(ctx, `UPDATE platforms SET pull_error = nullif($2, ''), pull_trouble = $3,
		pulled_at = CASE WHEN $2 = '' THEN now() ELSE pulled_at END WHERE id = $1`, platform, t.Sentence, t.stored())
	if err != nil {
		return fmt.Errorf("platform %s: note the pull's result: %w", platform, err)
	}
	return nil
}

// Circuit is what has become of a platform's writes in a row: whether it is left
// alone for now, because too many calls have failed, and for how long.
type Circuit struct {
	Failures int
	Tripped  bool
	Wait     time.Duration
}

// WriteResult records how a push ended.
func (s *Store) WriteResult(ctx context.Context, platform string, t Trouble, c Circuit) error {
	_, err := s.pool.Exec(ctx, `UPDATE platforms SET write_error = nullif($2, ''), write_trouble = $3,
		wrote_at = CASE WHEN $2 = '' THEN now() ELSE wrote_at END, write_failures = $4,
		tripped_at = CASE WHEN $5 THEN coalesce(tripped_at, now()) END,
		tries_at = CASE WHEN $5 THEN now() + $6::interval END WHERE id = $1`, platform, t.Sentence, t.stored(), c.Failures, c.Tripped, c.Wait)
	if err != nil {
		return fmt.Errorf("platform %s: note the push's result: %w", platform, err)
	}
	return nil
}

// LiveKeys calls f with every key that the platform shows as far as we know, in
// no order: what a complete read is compared with.
func (s *Store) LiveKeys(ctx context.Context, platform string, f func(key string) error) error {
	rows, err := s.pool.Query(ctx, `SELECT key FROM records WHERE platform = $1 AND NOT deleted`, platform)
	if err != nil {
		return fmt.Errorf("platform %s: read keys: %w", platform, err)
	}
	var key string
	_, err = pgx.ForEachRow(rows, []any{&key}, func() error { return f(key) })
	if err != nil {
		return fmt.Errorf("platform %s: read keys: %w", platform, err)
	}
	return nil
}

// step runs f while no resolution that has read the stages is under way, and
// again where it ran into a take-in.
func (s *Store) step(ctx context.Context, f func(pgx.Tx) error) (err error) {
	for try := 0; ; try++ {
		err = s.tx(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, stageLock); err != nil {
				return err
			}
			return f(tx)
		})
		if !Conflict(err) || try == 10 {
			return err
		}
	}
}

// Step moves a platform on the ladder, in the name of a person, and returns how
// many targets became due (the campaign).
func (s *Store) Step(ctx context.Context, platform string, to schema.Stage, who, why string) (due int64, err error) {
	return s.TakeStep(ctx, platform, Step{To: to, Who: who, Why: why})
}

// TakeStep is Step with all that a step may carry.
func (s *Store) TakeStep(ctx context.Context, platform string, step Step) (due int64, err error) {
	to := step.To
	if to == schema.Canary && (step.Canary.Community == "" || step.Canary.Rows <= 0) {
		return 0, fmt.Errorf("step %s to canary: a canary is one community and at least one row a day", platform)
	}
	err = s.step(ctx, func(tx pgx.Tx) error {
		var from schema.Stage
		var writable bool
		err := tx.QueryRow(ctx, `SELECT stage, writable FROM platforms WHERE id = $1 FOR NO KEY UPDATE`, platform).Scan(&from, &writable)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("platform %s: %w", platform, ErrNotFound)
		}
		if err != nil {
			return err
		}
		if to.Writes() && !writable {
			return fmt.Errorf("platform %s has no way to write: it stays read_only", platform)
		}
		if _, err := tx.Exec(ctx, `UPDATE platforms SET stage = $2, canary_community = $3, canary_rows = $4 WHERE id = $1`,
			platform, to, step.Canary.Community, step.Canary.Rows); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO ladder (platform, from_stage, to_stage, who, why, digest, community, rows_a_day, rate)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			platform, from, to, step.Who, step.Why, step.Digest, step.Canary.Community, step.Canary.Rows, step.Rate); err != nil {
			return err
		}
		if err := note(ctx, tx, step.Who, audit.Note{Did: "platform.step", What: "platform/" + platform, Platform: platform, Why: step.Why},
			map[string]schema.Stage{"from": from, "to": to}); err != nil {
			return err
		}
		if err := endCampaign(ctx, tx, platform); err != nil {
			return err
		}
		if to.Writes() {
			if err := approve(ctx, tx, platform); err != nil {
				return err
			}
			due, err = makeAllDue(ctx, tx, platform, step.Rate)
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE targets SET due_at = NULL WHERE platform = $1 AND state IN ('due', 'green')`, platform)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("step %s to %s: %w", platform, to, err)
	}
	return due, nil
}

// ErrVersion says that an agreement has no such version.
var ErrVersion = errors.New("the agreement has no such version")

// Approve puts a version of a platform's agreement in force, in the name of a
// person, and looks at every target of the platform again.
func (s *Store) Approve(ctx context.Context, platform string, version int, who, why string) (due int64, err error) {
	err = s.step(ctx, func(tx pgx.Tx) error {
		var stage schema.Stage
		err := tx.QueryRow(ctx, `SELECT stage FROM platforms WHERE id = $1 FOR NO KEY UPDATE`, platform).Scan(&stage)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := rivals(ctx, tx, platform, version); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE agreements SET approved_by = $3, approved_at = now()
			WHERE platform = $1 AND version = $2`, platform, version, who)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrVersion
		}
		if _, err := tx.Exec(ctx, `UPDATE platforms SET agreement = $2 WHERE id = $1`, platform, version); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO ladder (platform, from_stage, to_stage, who, why) VALUES ($1, $2, $2, $3, $4)`,
			platform, stage, who, fmt.Sprintf("agreement version %d: %s", version, why)); err != nil {
			return err
		}
		if err := note(ctx, tx, who, audit.Note{Did: "agreement.approve", What: "platform/" + platform, Platform: platform, Why: why},
			map[string]int{"version": version}); err != nil {
			return err
		}
		if stage.Writes() {
			if err := approve(ctx, tx, platform); err != nil {
				return err
			}
			due, err = makeAllDue(ctx, tx, platform, 0)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("approve agreement %d of %s: %w", version, platform, err)
	}
	return due, nil
}

// Pause holds or releases everything of a platform.
func (s *Store) Pause(ctx context.Context, platform string, paused bool) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE platforms SET paused = $2 WHERE id = $1`, platform, paused)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return note(ctx, tx, "", audit.Note{Did: map[bool]string{true: "platform.pause", false: "platform.resume"}[paused],
			What: "platform/" + platform, Platform: platform}, nil)
	})
	if err != nil {
		return fmt.Errorf("pause %s: %w", platform, err)
	}
	return nil
}
