package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"heji/schema"
	"heji/services/audit"
)

// Record is one row of one platform as the hub keeps it.
type Record struct {
	ID         int64
	Ref        schema.RecordRef
	Version    schema.Version
	Rev        int64
	Deleted    bool
	Unresolved bool
	Shadow     bool      // Heji created this row
	Resident   uuid.UUID // zero: none yet
	Former     uuid.UUID // its resident before the last change of membership
	Anchors    []int64   // ids of the records that it follows
	State      []byte    // lineage.Row as JSON
	Flags      []byte    // []schema.ValueProblem as JSON, or nil
	Keys       []int64   // blocking keys
	OldKeys    []int64   // those it had since it was last resolved
	Features   []byte    // what is compared (derive.go), or nil
	Generation int       // of the model under which it was last resolved
	Lane       int16     // of the resolver that takes it first (Lane); written, never read back
}

const recordColumns = `r.id, r.platform, r.key, r.fence, r.position, r.rev, r.deleted, r.unresolved, r.shadow,
	coalesce(r.resident_id, '00000000-0000-0000-0000-000000000000'),
	coalesce(r.former_id, '00000000-0000-0000-0000-000000000000'), r.anchors, r.state, r.flags, r.keys, r.old_keys, r.features, r.model`

func scanRecord(row pgx.CollectableRow) (Record, error) {
	var r Record
	err := row.Scan(&r.ID, &r.Ref.Platform, &r.Ref.Key, &r.Version.Fence, &r.Version.Position, &r.Rev, &r.Deleted,
		&r.Unresolved, &r.Shadow, &r.Resident, &r.Former, &r.Anchors, &r.State, &r.Flags, &r.Keys, &r.OldKeys, &r.Features, &r.Generation)
	return r, err
}

// Intake is what one transaction takes in: messages of one platform and fence.
type Intake struct {
	Platform string
	Fence    int64
	Messages []schema.Record
}

// Mark is a resume point that waits for the low-water mark to pass it.
type Mark struct {
	Position int64
	Cursor   json.RawMessage
	Complete bool
	AsOf     time.Time
	// WholeFrom is where the read of everything began that ends here, or nil.
	WholeFrom *int64
}

// Dead is a row or message that could not be used.
type Dead struct {
	Platform string
	Stage    string
	Position int64
	Key      string
	Place    string
	Problem  schema.Problem
}

// Decision is what the caller makes of an intake: each position of the intake
// is in exactly one of the counts, or in Later.
type Decision struct {
	Rows      []Record // to be written; those that were there keep their ID
	Dead      []Dead
	Marks     []Mark
	Merged    []int64 // positions
	Unchanged []int64
	Later     []int64 // positions to be delivered again: the row waits for an open create
	// Recheck are rows whose target should be looked at again, because a read
	// settled, contested or unsettled what we wrote there.
	Recheck map[string]Recheck
	// Hold: so many rows changed in one way at once that a person must look
	// before anything more is written to this platform.
	Hold bool
	// Read are the rows that could be used, with their positions: what was set
	// aside of them before is mended.
	Read map[string]int64
}

// Recheck says how a target is to be looked at again.
type Recheck struct {
	Look bool // the platform must be asked first
	// Confirmed: all that was read about our writes is that they arrived. A target
	// that is green, and was not looked at since it was written, stays as it is.
	Confirmed bool
}

// IntakeState is what is known before a decision.
type IntakeState struct {
	Stale    bool // the fence is no longer the platform's: nothing is taken in
	Platform Platform
	Taken    func(position int64) bool
	Records  map[string]Record // by key
	// Creates are the wire values, by attribute, of creates whose outcome is open.
	Creates []OpenCreate
	// Anchors resolves the records that desk edits hang on.
	Anchors map[schema.RecordRef]int64
}

// OpenCreate is a create that may already have made a row.
type OpenCreate struct {
	Intent uuid.UUID
	Fields map[schema.Attribute]IntentField
}

// IntakeCounts says what one intake did.
type IntakeCounts struct {
	Merged, Unchanged, Dead, Repeated int
	Stale                             bool
	Later                             []int64
}

// TakeIn stores messages and moves the marks, in one transaction. Taking in is
// where a message's content becomes durable in Postgres (I1): from here on
// JetStream is no longer needed for it, so the merged mark moves here, and what
// remains to be resolved is found by its flag.
//
// The run's row is locked first, so that two workers never count one position
// twice; the records after it in id order.
func (s *Store) TakeIn(ctx context.Context, in Intake, decide func(IntakeState) (Decision, error)) (IntakeCounts, error) {
	var counts IntakeCounts
	err := s.tx(ctx, func(tx pgx.Tx) error {
		counts = IntakeCounts{}
		state, ranges, err := s.intakeState(ctx, tx, in)
		if err != nil {
			return err
		}
		if state.Stale {
			counts.Stale = true
			return nil
		}
		d, err := decide(state)
		if err != nil {
			return err
		}
		if err := writeRecords(ctx, tx, d.Rows); err != nil {
			return err
		}
		if err := writeDead(ctx, tx, in.Fence, d.Dead); err != nil {
			return err
		}
		if err := mendRead(ctx, tx, in.Platform, in.Fence, d.Read); err != nil {
			return err
		}
		if err := recheckTargets(ctx, tx, in.Platform, d.Recheck); err != nil {
			return err
		}
		if d.Hold {
			if _, err := tx.Exec(ctx, `UPDATE platforms SET paused = true WHERE id = $1`, in.Platform); err != nil {
				return fmt.Errorf("hold the platform: %w", err)
			}
			if err := note(ctx, tx, audit.Hub, audit.Note{Did: "platform.pause", What: "platform/" + in.Platform, Platform: in.Platform,
				Why: "many rows changed in one way at once"}, nil); err != nil {
				return err
			}
		}
		counts.Later = d.Later
		counts.Merged, counts.Unchanged = len(d.Merged), len(d.Unchanged)
		taken := slices.Concat(d.Merged, d.Unchanged)
		for _, x := range d.Dead {
			counts.Dead++
			taken = append(taken, x.Position)
		}
		for _, m := range d.Marks {
			taken = append(taken, m.Position)
			if _, err := tx.Exec(ctx, `INSERT INTO pull_marks (platform, fence, position, cursor, complete, as_of, whole_from)
				VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
				in.Platform, in.Fence, m.Position, m.Cursor, m.Complete, m.AsOf, m.WholeFrom); err != nil {
				return fmt.Errorf("store mark: %w", err)
			}
		}
		counts.Repeated = len(in.Messages) - len(taken) - len(d.Later)
		if len(taken) == 0 {
			return nil
		}
		return moveMark(ctx, tx, in, ranges, taken, counts, len(d.Marks))
	})
	if err != nil {
		return counts, fmt.Errorf("platform %s: take in: %w", in.Platform, err)
	}
	return counts, nil
}

func (s *Store) intakeState(ctx context.Context, tx pgx.Tx, in Intake) (IntakeState, []span, error) {
	st := IntakeState{Records: map[string]Record{}}
	if _, err := s.hold(ctx, tx); err != nil {
		return st, nil, err
	}
	var text string
	err := tx.QueryRow(ctx, `SELECT taken::text FROM pull_runs
		WHERE platform = $1 AND fence = $2 FOR NO KEY UPDATE`, in.Platform, in.Fence).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		st.Stale = true // a run that this database has never issued, or of a store before its restore
		return st, nil, nil
	}
	if err != nil {
		return st, nil, fmt.Errorf("lock the run: %w", err)
	}
	ranges, err := parseSpans(text)
	if err != nil {
		return st, nil, err
	}
	st.Taken = func(p int64) bool { return covers(ranges, p) }

	rows, err := tx.Query(ctx, `SELECT `+platformColumns+` FROM platforms p
		LEFT JOIN agreements a ON a.platform = p.id AND a.version = p.agreement WHERE p.id = $1`, in.Platform)
	if err != nil {
		return st, nil, err
	}
	if st.Platform, err = pgx.CollectExactlyOneRow(rows, scanPlatform); err != nil {
		return st, nil, fmt.Errorf("read the platform: %w", err)
	}
	if st.Platform.Fence != in.Fence {
		st.Stale = true // I2: a stale fence is refused; the new run pulls again
		return st, ranges, nil
	}
	keys := make([]string, 0, len(in.Messages))
	var refs []schema.RecordRef
	for _, m := range in.Messages {
		if m.Op == schema.OpPut || m.Op == schema.OpDelete {
			keys = append(keys, m.Key)
		}
		refs = append(refs, m.Anchors...)
	}
	// I6: the open creates before the records. A create whose outcome is stored
	// between the two is then parked and comes again; the other way round its row
	// would be neither known nor parked, and be taken for a record of its own.
	if st.Creates, err = openCreates(ctx, tx, in.Platform); err != nil {
		return st, nil, err
	}
	rows, err = tx.Query(ctx, `SELECT `+recordColumns+` FROM records r
		WHERE platform = $1 AND key = ANY($2) ORDER BY id FOR NO KEY UPDATE`, in.Platform, keys)
	if err != nil {
		return st, nil, err
	}
	list, err := pgx.CollectRows(rows, scanRecord)
	if err != nil {
		return st, nil, fmt.Errorf("lock records: %w", err)
	}
	for _, r := range list {
		st.Records[r.Ref.Key] = r
	}
	st.Anchors, err = recordIDs(ctx, tx, refs)
	return st, ranges, err
}

func openCreates(ctx context.Context, tx pgx.Tx, platform string) ([]OpenCreate, error) {
	rows, err := tx.Query(ctx, `SELECT id, fields FROM intents
		WHERE platform = $1 AND key IS NULL AND state IN ('open', 'queued', 'doubt')`, platform)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (OpenCreate, error) {
		var c OpenCreate
		var raw []byte
		if err := row.Scan(&c.Intent, &raw); err != nil {
			return c, err
		}
		return c, json.Unmarshal(raw, &c.Fields)
	})
	if err != nil {
		return nil, fmt.Errorf("read open creates: %w", err)
	}
	return list, nil
}

// recordIDs finds records by what their platforms call them.
func recordIDs(ctx context.Context, q querier, refs []schema.RecordRef) (map[schema.RecordRef]int64, error) {
	out := map[schema.RecordRef]int64{}
	if len(refs) == 0 {
		return out, nil
	}
	platforms, keys := make([]string, len(refs)), make([]string, len(refs))
	for i, r := range refs {
		platforms[i], keys[i] = r.Platform, r.Key
	}
	rows, err := q.Query(ctx, `SELECT r.id, r.platform, r.key FROM records r
		JOIN unnest($1::text[], $2::text[]) AS w(platform, key) ON r.platform = w.platform AND r.key = w.key`, platforms, keys)
	if err != nil {
		return nil, err
	}
	var id int64
	var ref schema.RecordRef
	_, err = pgx.ForEachRow(rows, []any{&id, &ref.Platform, &ref.Key}, func() error {
		out[ref] = id
		return nil
	})
	return out, err
}

// errBorn says that a record came into being while its first reading was judged:
// the row that a create has made, whose answer arrived meanwhile (bindCreate).
// I6: judged anew it is known as ours; as it was judged, our own values would
// become its evidence.
var errBorn error = &pgconn.PgError{Code: "55P03", Message: "a record was stored by somebody else since it was looked for"}

// writeRecords inserts and updates in one statement. A row that is there keeps
// its resident until it is resolved, and remembers the keys that it had since.
func writeRecords(ctx context.Context, tx pgx.Tx, rows []Record) error {
	if len(rows) == 0 {
		return nil
	}
	n := len(rows)
	platform, key, state, flags := make([]string, n), make([]string, n), make([]string, n), make([]*string, n)
	fence, position, lane := make([]int64, n), make([]int64, n), make([]int16, n)
	rev := make([]int64, n) // 1: nothing was there
	deleted, unresolved, shadow := make([]bool, n), make([]bool, n), make([]bool, n)
	anchors, keys, oldKeys, features := make([]string, n), make([]string, n), make([]string, n), make([][]byte, n)
	for i, r := range rows {
		platform[i], key[i], state[i] = r.Ref.Platform, r.Ref.Key, string(r.State)
		if r.Flags != nil {
			f := string(r.Flags)
			flags[i] = &f
		}
		fence[i], position[i] = r.Version.Fence, r.Version.Position
		deleted[i], unresolved[i], shadow[i] = r.Deleted, r.Unresolved, r.Shadow
		anchors[i], keys[i], oldKeys[i] = arrayText(r.Anchors), arrayText(r.Keys), arrayText(r.OldKeys)
		features[i], lane[i] = r.Features, r.Lane
		if rev[i] = 1; r.ID != 0 {
			rev[i] = 2
		}
	}
	tag, err := tx.Exec(ctx, `INSERT INTO records AS r (platform, key, fence, position, deleted, unresolved, shadow,
			state, flags, anchors, keys, old_keys, features, lane, rev)
		SELECT platform, key, fence, position, deleted, unresolved, shadow,
			state, flags::jsonb, anchors::bigint[], keys::bigint[], old_keys::bigint[], features, lane, rev
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bool[], $6::bool[], $7::bool[],
			$8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bytea[], $14::smallint[], $15::bigint[])
			AS n(platform, key, fence, position, deleted, unresolved, shadow, state, flags, anchors, keys, old_keys, features, lane, rev)
		ORDER BY platform, key
		ON CONFLICT (platform, key) DO UPDATE SET
			fence = excluded.fence, position = excluded.position, rev = r.rev + 1, deleted = excluded.deleted,
			unresolved = r.unresolved OR excluded.unresolved,
			parked_until = CASE WHEN excluded.unresolved THEN NULL ELSE r.parked_until END,
			shadow = excluded.shadow, state = excluded.state, flags = excluded.flags,
			anchors = excluded.anchors, keys = excluded.keys, old_keys = excluded.old_keys, features = excluded.features, lane = excluded.lane
		WHERE excluded.rev > 1`,
		platform, key, fence, position, deleted, unresolved, shadow, state, flags, anchors, keys, oldKeys, features, lane, rev)
	if err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	if tag.RowsAffected() != int64(n) {
		return errBorn
	}
	return nil
}

// arrayText writes a bigint[] literal: arrays of arrays cannot be ragged.
func arrayText(list []int64) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, v := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(v, 10))
	}
	b.WriteByte('}')
	return b.String()
}

// moveMark adds the positions to the run and moves the merged mark to the last
// resume point that lies before the first gap.
func moveMark(ctx context.Context, tx pgx.Tx, in Intake, ranges []span, taken []int64, c IntakeCounts, marks int) error {
	ranges = addSpans(ranges, taken)
	// last_taken is when something new came last: a first read that is broken off
	// and begun again and again is not waited for (loadingSQL).
	if _, err := tx.Exec(ctx, `UPDATE pull_runs SET taken = $3::text::int8multirange, first_taken = coalesce(first_taken, now()),
		last_taken = CASE WHEN $4 > 0 THEN now() ELSE last_taken END, merged = merged + $4,
		unchanged = unchanged + $5, dead = dead + $6, marks = marks + $7 WHERE platform = $1 AND fence = $2`,
		in.Platform, in.Fence, spansText(ranges), c.Merged, c.Unchanged, c.Dead, marks); err != nil {
		return fmt.Errorf("move the mark: %w", err)
	}
	low := int64(0)
	if len(ranges) > 0 && ranges[0].from <= 1 {
		low = ranges[0].to - 1
	}
	_, err := tx.Exec(ctx, `WITH passed AS (
			DELETE FROM pull_marks WHERE platform = $1 AND fence = $2 AND position <= $3
			RETURNING position, cursor, complete, as_of, whole_from), mended AS (
			UPDATE dead_records d SET state = 'mended', done_at = now() FROM (SELECT max(whole_from) AS whole FROM passed) p
			WHERE d.platform = $1 AND d.stage <> 'writeback' AND d.state <> 'mended' AND p.whole IS NOT NULL AND (d.fence, d.position) <= ($2, p.whole))
		UPDATE platforms SET
			cursor = coalesce((SELECT cursor FROM passed WHERE cursor IS NOT NULL ORDER BY position DESC LIMIT 1), cursor),
			complete_at = CASE WHEN (SELECT bool_or(complete) FROM passed) THEN coalesce(complete_at, now()) ELSE complete_at END,
			as_of = greatest(as_of, (SELECT max(as_of) FROM passed))
		WHERE id = $1 AND EXISTS (SELECT FROM passed)`, in.Platform, in.Fence, low)
	if err != nil {
		return fmt.Errorf("move the merged mark: %w", err)
	}
	return nil
}

// recheckTargets makes targets due again after a read said something about what
// we wrote there. Their records are locked already.
func recheckTargets(ctx context.Context, tx pgx.Tx, platform string, keys map[string]Recheck) error {
	if len(keys) == 0 {
		return nil
	}
	var names []string
	var look, confirmed []bool
	for k, r := range keys {
		names, look, confirmed = append(names, k), append(look, r.Look), append(confirmed, r.Confirmed)
	}
	_, err := tx.Exec(ctx, `UPDATE targets t SET due_at = now(), look = t.look OR n.look,
			state = CASE WHEN t.state = 'green' THEN 'due' ELSE t.state END, since = coalesce(t.since, now())
		FROM unnest($2::text[], $3::bool[], $4::bool[]) AS n(key, look, confirmed), platforms p
		WHERE t.platform = $1 AND t.key = n.key AND p.id = $1 AND p.stage IN ('canary', 'live')
			AND NOT (n.confirmed AND t.state = 'green' AND NOT t.again)`, platform, names, look, confirmed)
	if err != nil {
		return fmt.Errorf("recheck targets: %w", err)
	}
	return nil
}
