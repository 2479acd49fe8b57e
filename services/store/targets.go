package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/survivorship"
)

// TargetState is where one row of one platform stands.
type TargetState string

const (
	TargetDue       TargetState = "due"       // to be looked at
	TargetOpen      TargetState = "open"      // a write is on its way
	TargetQueued    TargetState = "queued"    // handed over, not acknowledged
	TargetDoubt     TargetState = "doubt"     // nobody knows: look
	TargetHold      TargetState = "hold"      // in doubt, and nobody can look: a person
	TargetRefused   TargetState = "refused"   // the platform said no
	TargetContested TargetState = "contested" // a clerk there says otherwise: a person
	TargetGreen     TargetState = "green"     // shows what it should
	TargetWithdrawn TargetState = "withdrawn" // no longer ours to write
)

// Target is one row of one platform, with all that is needed to decide about it.
type Target struct {
	ID       int64
	Platform string
	Key      string  // empty: a create that has no key yet
	Record   *Record // id, resident and state
	Anchor   int64
	For      schema.RecordRef          // creates: the anchor, as its platform calls it; else the row itself
	Resident Resident                  // Settle: its id alone
	Members  map[schema.RecordRef]bool // Evaluate, where something was written to the row: the resident's living records; true: it follows no other
	State    TargetState
	Since    *time.Time
	Attempts int
	Reason   string
	Look     bool
	Refused  map[schema.Attribute]string // wire values that were refused
	Settles  time.Time                   // until when what is due is gathered; zero: nothing is
	Open     *Intent                     // the one write whose outcome is not known
	Waits    Waits                       // changes that may not leave yet

	// Creates only.
	Blocked bool // an open review links the resident to a record of this platform
	Has     bool // the resident has, or had, a row there
}

// stageLock is the advisory lock between a step of the ladder and resolutions. A
// resolution that has read the stage holds it shared until it is committed; a
// step takes it alone. Otherwise a resolution that saw a platform in read_only
// could commit behind the campaign's look at all rows: the row would wait for a
// write that nobody makes due.
const stageLock = 0x6865_6a73

// makeDueFor marks every target of the residents due, on platforms whose
// write-back has been approved, and makes targets for rows and creates that
// have none. Before a campaign is approved there are no due rows (I7).
func makeDueFor(ctx context.Context, tx pgx.Tx, residents []uuid.UUID) ([]schema.Change, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared($1)`, stageLock); err != nil {
		return nil, fmt.Errorf("hold the stages: %w", err)
	}
	list, err := platforms(ctx, tx)
	if err != nil {
		return nil, err
	}
	var changes []schema.Change
	for _, p := range list {
		if !p.Stage.Writes() || !p.Writable {
			continue
		}
		if _, err := makeDue(ctx, tx, p.ID, residents, 0); err != nil {
			return nil, err
		}
		// One message wakes the worker, which asks this database for all that is
		// due; more would only repeat it.
		var target *int64
		if err := tx.QueryRow(ctx, `SELECT min(id) FROM targets WHERE platform = $1 AND resident_id = ANY($2)
			AND due_at IS NOT NULL`, p.ID, residents).Scan(&target); err != nil {
			return nil, fmt.Errorf("platform %s: find a due target: %w", p.ID, err)
		}
		if target != nil {
			changes = append(changes, schema.Change{Platform: p.ID, Target: *target})
		}
	}
	return changes, nil
}

// makeAllDue has every row of a platform looked at: a campaign. One may have a rate
// of its own in rows a second: its rows become due one after the other then, so
// that its pace is kept here, whoever is restarted; a row whose resident changes
// meanwhile is due at once.
func makeAllDue(ctx context.Context, tx pgx.Tx, platform string, rate float64) (n int64, err error) {
	if rate > 0 {
		return makeDue(ctx, tx, platform, nil, rate)
	}
	if n, err = beginCampaign(ctx, tx, platform); err != nil {
		return 0, err
	}
	creates, err := makeCreatesDue(ctx, tx, platform, nil, 0, 0)
	return n + creates, err
}

// makeDue is set-based: one statement for rows that are there, one for creates.
// residents nil means all.
func makeDue(ctx context.Context, tx pgx.Tx, platform string, residents []uuid.UUID, rate float64) (int64, error) {
	tag, err := tx.Exec(ctx, `INSERT INTO targets AS t (platform, key, record_id, resident_id, state, due_at, since)
		SELECT r.platform, r.key, r.id, r.resident_id, 'due', `+pace(rate, "r.id", 0)+`, now() FROM records r
		WHERE r.platform = $1 AND NOT r.deleted AND r.resident_id IS NOT NULL
			AND ($2::uuid[] IS NULL OR r.resident_id = ANY($2)) ORDER BY r.id
		ON CONFLICT (platform, key) DO UPDATE SET resident_id = excluded.resident_id, record_id = excluded.record_id,
			due_at = least(t.due_at, excluded.due_at), since = coalesce(t.since, excluded.since),
			state = CASE WHEN t.state = 'green' THEN 'due' ELSE t.state END`, platform, residents)
	if err != nil {
		return 0, fmt.Errorf("platform %s: make targets due: %w", platform, err)
	}
	creates, err := makeCreatesDue(ctx, tx, platform, residents, rate, tag.RowsAffected())
	return tag.RowsAffected() + creates, err
}

// pace says in SQL when a row becomes due: the first one after so many others, of
// so many in a second.
func pace(rate float64, order string, first int64) string {
	if rate <= 0 {
		return "now()"
	}
	return fmt.Sprintf("now() + make_interval(secs => (%d + row_number() OVER (ORDER BY %s) - 1) / %g::float8)", first, order, rate)
}

// makeCreatesDue makes targets for rows that should be created, and makes those
// due that wait. first is how many rows stand before them, where there is a rate.
func makeCreatesDue(ctx context.Context, tx pgx.Tx, platform string, residents []uuid.UUID, rate float64, first int64) (int64, error) {
	var body []byte
	err := tx.QueryRow(ctx, `SELECT a.body FROM platforms p JOIN agreements a ON a.platform = p.id AND a.version = p.agreement
		WHERE p.id = $1 AND (a.body->>'creates')::bool`, platform).Scan(&body)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("platform %s: read the agreement: %w", platform, err)
	}
	var g schema.Agreement
	if err := json.Unmarshal(body, &g); err != nil {
		return 0, fmt.Errorf("platform %s: read the agreement: %w", platform, err)
	}
	args := []any{platform, residents}
	where, args := scopeSQL(g.Scope, args)
	// A row that vanished is not made again without a person: NOT EXISTS counts
	// tombstones too.
	tag, err := tx.Exec(ctx, `INSERT INTO targets (platform, anchor_id, resident_id, state, due_at, since)
		SELECT $1, (SELECT min(a.id) FROM records a WHERE a.resident_id = res.id AND NOT a.deleted AND a.anchors = '{}'),
			res.id, 'due', `+pace(rate, "res.id", first)+`, now()
		FROM residents res
		WHERE res.redirect_to IS NULL AND res.ended_at IS NULL AND ($2::uuid[] IS NULL OR res.id = ANY($2))
			AND NOT EXISTS (SELECT FROM records x WHERE x.resident_id = res.id AND x.platform = $1)
			AND NOT EXISTS (SELECT FROM targets t WHERE t.resident_id = res.id AND t.platform = $1)
			AND EXISTS (SELECT FROM records a WHERE a.resident_id = res.id AND NOT a.deleted AND a.anchors = '{}')
			AND `+where+`
		ON CONFLICT DO NOTHING`, args...)
	if err != nil {
		return 0, fmt.Errorf("platform %s: make creates due: %w", platform, err)
	}
	n := tag.RowsAffected()
	// Creates are looked at again when their resident changes: one whose call is
	// under way as soon as its outcome is known, because it carries what was there
	// before.
	tag, err = tx.Exec(ctx, `UPDATE targets t SET due_at = now() FROM records a
		WHERE t.platform = $1 AND t.key IS NULL AND a.id = t.anchor_id AND ($3 <= 0 OR t.due_at IS NULL)
			AND ($2::uuid[] IS NULL OR a.resident_id = ANY($2))`, platform, residents, rate)
	if err != nil {
		return 0, fmt.Errorf("platform %s: make creates due: %w", platform, err)
	}
	return n + tag.RowsAffected(), nil
}

// scopeSQL says an agreement's scope in SQL, as a filter in front of the exact
// evaluation (schema.Agreement.InScope): it may let more through, never less.
func scopeSQL(scope []schema.Condition, args []any) (string, []any) {
	parts := []string{"true"}
	add := func(format string, v any) {
		args = append(args, v)
		parts = append(parts, strings.ReplaceAll(format, "$n", "$"+strconv.Itoa(len(args))))
	}
	for _, c := range scope {
		value := `coalesce(res.master->'` + string(c.Attribute) + `'->>'v', '')`
		if len(c.In) > 0 {
			add(value+` = ANY($n)`, c.In)
		}
		if len(c.NotIn) > 0 {
			add(value+` <> ALL($n)`, c.NotIn)
		}
		if c.Present != nil && *c.Present || c.YoungerThan > 0 || c.OlderThan > 0 {
			parts = append(parts, value+` <> ''`)
		}
		if c.YoungerThan > 0 {
			add(value+` >= to_char(now() - make_interval(years => $n::int), 'YYYY')`, c.YoungerThan)
		}
	}
	return strings.Join(parts, " AND "), args
}

// Survivors is a master record as the pure packages see it.
type Survivors = map[schema.Attribute]survivorship.Survivor

// TargetStates are all states, in the order in which people read them.
var TargetStates = []TargetState{TargetDue, TargetOpen, TargetQueued, TargetDoubt, TargetHold, TargetRefused,
	TargetContested, TargetGreen, TargetWithdrawn}
