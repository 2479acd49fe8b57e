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
	"heji/services/audit"
)

// What the desk reads. Nothing in this file writes.

var likeText = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Living returns the resident that an id stands for now: itself, or the one
// that it was merged into. ErrNotFound where nobody ever had the id, or whoever
// asks does not see who has it.
func (s *Store) Living(ctx context.Context, id uuid.UUID) (uuid.UUID, error) {
	out, err := follow(ctx, s.pool, id)
	if err == nil {
		err = mustSee(ctx, s.pool, out)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return id, fmt.Errorf("find a resident: %w", err)
	}
	return out, err
}

// View is everything that is known about one resident, as of one moment.
type View struct {
	Resident  Resident
	CreatedAt time.Time
	UpdatedAt time.Time
	Records   []Record // those that are gone included, marked Deleted; in the order in which they came
	FirstSeen map[int64]time.Time
	Targets   []TargetView
	History   []PastEvent // newest first, at most HistoryLimit
	Decisions []Choice    // active ones
	Desk      schema.RecordRef
}

// HistoryLimit bounds the history that one View carries.
const HistoryLimit = 200

// TargetView is a target as a person looks at it.
type TargetView struct {
	ID       int64
	Platform string
	Key      string // empty: a create that has no key yet
	State    TargetState
	DueAt    *time.Time
	Since    *time.Time
	Attempts int
	Reason   string
	Held     map[schema.Attribute]string // fields that wait for a person, with the reason
	Refused  []schema.Attribute
}

// Waiting reports whether the target moves by itself: there is something to be
// done, or an answer to come. What waits for a person does not.
func (t TargetView) Waiting() bool {
	switch t.State {
	case TargetOpen, TargetQueued, TargetDoubt:
		return true
	case TargetHold:
		return false
	}
	return t.DueAt != nil
}

// PastEvent is one line of a resident's history, and its place in it.
type PastEvent struct {
	Event
	ID int64
}

// View reads a resident, in one snapshot. An id that was merged into another is
// answered with Resident.Redirect set and nothing else: see Living.
func (s *Store) View(ctx context.Context, id uuid.UUID) (View, error) {
	var v View
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var err error
		if v.Resident, err = one(ctx, tx, id); err != nil || v.Resident.Redirect != uuid.Nil {
			return err
		}
		if err := mustSee(ctx, tx, id); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT created_at, updated_at FROM residents WHERE id = $1`, id).Scan(&v.CreatedAt, &v.UpdatedAt); err != nil {
			return err
		}
		if err := v.readRecords(ctx, tx, id); err != nil {
			return err
		}
		if v.Targets, err = targetViews(ctx, tx, id); err != nil {
			return err
		}
		if v.History, err = history(ctx, tx, id); err != nil {
			return err
		}
		refs := make([]schema.RecordRef, len(v.Records))
		for i, r := range v.Records {
			refs[i] = r.Ref
		}
		if v.Decisions, err = choices(ctx, tx, refs, `true`); err != nil {
			return err
		}
		if v.Decisions, err = seenChoices(ctx, tx, v.Decisions); err != nil {
			return err
		}
		v.History, err = seenEvents(ctx, tx, v.History)
		return err
	})
	if err != nil {
		return View{}, fmt.Errorf("read a resident: %w", err)
	}
	return v, nil
}

func one(ctx context.Context, q querier, id uuid.UUID) (Resident, error) {
	list, err := residentsByID(ctx, q, []uuid.UUID{id})
	if err != nil {
		return Resident{}, err
	}
	r, ok := list[id]
	if !ok {
		return Resident{}, ErrNotFound
	}
	return r, nil
}

func (v *View) readRecords(ctx context.Context, q querier, id uuid.UUID) error {
	rows, err := q.Query(ctx, `SELECT `+recordColumns+` FROM records r WHERE resident_id = $1 ORDER BY id`, id)
	if err != nil {
		return err
	}
	if v.Records, err = pgx.CollectRows(rows, scanRecord); err != nil {
		return fmt.Errorf("records: %w", err)
	}
	if rows, err = q.Query(ctx, `SELECT id, first_seen FROM records WHERE resident_id = $1`, id); err != nil {
		return err
	}
	v.FirstSeen = map[int64]time.Time{}
	var rec int64
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&rec, &at}, func() error {
		v.FirstSeen[rec] = at
		return nil
	})
	if err != nil {
		return fmt.Errorf("records: %w", err)
	}
	// The desk record that the next edit adds to, as SaveEdit finds it.
	err = q.QueryRow(ctx, `SELECT key FROM (SELECT key, record->>'op' AS op FROM desk_entries d WHERE d.resident_id = $1
				OR d.key IN (SELECT key FROM records WHERE platform = 'desk' AND resident_id = $1 AND NOT deleted)
			ORDER BY d.id DESC LIMIT 1) l WHERE op IS DISTINCT FROM 'delete'`, id).Scan(&v.Desk.Key)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	v.Desk.Platform = "desk"
	return err
}

// Targets returns where the platforms stand with a resident.
func (s *Store) Targets(ctx context.Context, resident uuid.UUID) ([]TargetView, error) {
	if err := mustSee(ctx, s.pool, resident); err != nil {
		return nil, err
	}
	list, err := targetViews(ctx, s.pool, resident)
	if err != nil {
		return nil, fmt.Errorf("read targets: %w", err)
	}
	return list, nil
}

// targetViews goes by the record: merge and unmerge repoint targets with a
// delay, and a create that waits still names the resident it was made for.
func targetViews(ctx context.Context, q querier, resident uuid.UUID) ([]TargetView, error) {
	rows, err := q.Query(ctx, `WITH mine AS (SELECT id FROM records WHERE resident_id = $1),
			named AS (SELECT $1::uuid AS id UNION SELECT id FROM residents WHERE redirect_to = $1),
			t AS (SELECT * FROM targets WHERE resident_id IN (SELECT id FROM named)
				UNION SELECT * FROM targets WHERE record_id IN (SELECT id FROM mine))
		SELECT t.id, t.platform, coalesce(t.key, ''), t.state, t.due_at, t.since, t.attempts, t.reason, t.held, t.refused
		FROM t LEFT JOIN records r ON r.id = coalesce(t.record_id, t.anchor_id)
		WHERE coalesce(r.resident_id, t.resident_id) = $1 ORDER BY t.platform, t.id`, resident)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (TargetView, error) {
		var t TargetView
		var held, refused []byte
		if err := row.Scan(&t.ID, &t.Platform, &t.Key, &t.State, &t.DueAt, &t.Since, &t.Attempts, &t.Reason, &held, &refused); err != nil {
			return t, err
		}
		if held != nil {
			if err := json.Unmarshal(held, &t.Held); err != nil {
				return t, err
			}
		}
		var wires map[schema.Attribute]string
		if refused != nil {
			if err := json.Unmarshal(refused, &wires); err != nil {
				return t, err
			}
		}
		for a := range wires {
			t.Refused = append(t.Refused, a)
		}
		return t, nil
	})
}

func history(ctx context.Context, q querier, resident uuid.UUID) ([]PastEvent, error) {
	rows, err := q.Query(ctx, `SELECT id, resident_id, at, kind, attribute, old, new, platform, key,
			coalesce(other, '00000000-0000-0000-0000-000000000000')
		FROM history WHERE resident_id = $1 ORDER BY id DESC LIMIT $2`, resident, HistoryLimit)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanPast)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return list, nil
}

func scanPast(row pgx.CollectableRow) (e PastEvent, err error) {
	err = row.Scan(&e.ID, &e.Resident, &e.At, &e.Kind, &e.Attribute, &e.Old, &e.New, &e.Ref.Platform, &e.Ref.Key, &e.Other)
	return e, err
}

// EntryState is what has become of one desk entry.
type EntryState struct {
	Entry
	// Taken: the desk's merged mark has passed the entry, so it is in records,
	// or was set aside.
	Taken bool
	// Resident is whom it belongs to now; zero until it is merged.
	Resident   uuid.UUID
	Unresolved bool // its record waits to be resolved
	// Unseen: whoever asks saved it, and does not see whom it belongs to.
	Unseen bool
}

// Merged reports whether the entry is part of a master record.
func (e EntryState) Merged() bool { return e.Taken && !e.Unresolved && e.Resident != uuid.Nil }

// EntryState returns what has become of a request; ErrNotFound where none was
// saved under this key, or whoever asks neither saved it nor sees whom it is of.
func (s *Store) EntryState(ctx context.Context, request string) (EntryState, error) {
	var e EntryState
	var raw []byte
	err := s.pool.QueryRow(ctx, `SELECT d.id, d.request, d.key, coalesce(d.resident_id, '00000000-0000-0000-0000-000000000000'),
			d.who, d.at, d.record, coalesce((p.cursor #>> '{}')::bigint >= d.id, false),
			coalesce(r.resident_id, '00000000-0000-0000-0000-000000000000'), coalesce(r.unresolved, false)
		FROM desk_entries d
			LEFT JOIN platforms p ON p.id = 'desk'
			LEFT JOIN records r ON r.platform = 'desk' AND r.key = d.key
		WHERE d.request = $1`, request).Scan(&e.ID, &e.Request, &e.Key, &e.Entry.Resident, &e.Who, &e.At, &raw,
		&e.Taken, &e.Resident, &e.Unresolved)
	if errors.Is(err, pgx.ErrNoRows) {
		return e, ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal(raw, &e.Record)
	}
	if err == nil && Limited(ctx) {
		of := e.Resident
		if of == uuid.Nil {
			of = e.Entry.Resident
		}
		if err = mustSee(ctx, s.pool, of); errors.Is(err, ErrNotFound) {
			if e.Who != audit.Who(ctx, "") {
				return EntryState{}, ErrNotFound
			}
			e.Unseen, err = of != uuid.Nil, nil
		}
	}
	if err != nil {
		return e, fmt.Errorf("read a desk entry: %w", err)
	}
	return e, nil
}

// EntriesSince counts what staff saved since a time.
func (s *Store) EntriesSince(ctx context.Context, since time.Time) (n int64, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM desk_entries WHERE at >= $1 AND record->>'op' IS DISTINCT FROM 'delete'`, since).Scan(&n); err != nil {
		return 0, fmt.Errorf("count desk entries: %w", err)
	}
	return n, nil
}

// RecentEntry is one of the last things that staff saved.
type RecentEntry struct {
	Request  string
	Edit     bool
	Who      string
	At       time.Time
	Resident uuid.UUID // zero: not merged yet
	Name     string
	Waiting  int64 // targets that have not arrived
}

// RecentEntries returns the last entries, newest first: those about residents
// that are seen in ctx, and those that whoever asks saved.
func (s *Store) RecentEntries(ctx context.Context, limit int) ([]RecentEntry, error) {
	args := []any{limit, audit.Who(ctx, "")}
	rows, err := s.pool.Query(ctx, `WITH last AS (SELECT d.*, coalesce(r.resident_id, d.resident_id) AS of
				FROM desk_entries d LEFT JOIN records r ON r.platform = 'desk' AND r.key = d.key
				WHERE d.who = $2 OR EXISTS (SELECT FROM residents res WHERE res.id = coalesce(r.resident_id, d.resident_id) AND `+whom(ctx, "res", &args)+`)
					OR coalesce(r.resident_id, d.resident_id) IS NULL AND `+strconv.FormatBool(!Limited(ctx))+`
				ORDER BY d.id DESC LIMIT $1)
		SELECT d.request, d.resident_id IS NOT NULL, d.who, d.at,
			coalesce(res.id, '00000000-0000-0000-0000-000000000000'),
			coalesce(nullif(res.name, ''), d.record->'values'->>'name', ''),
			(SELECT count(*) FROM targets t WHERE t.resident_id = res.id
				AND ((t.due_at IS NOT NULL AND t.state <> 'hold') OR t.state IN ('open', 'queued', 'doubt')))
		FROM last d LEFT JOIN residents res ON res.id = d.of AND `+whom(ctx, "res", &args)+`
		ORDER BY d.id DESC`, args...)
	if err != nil {
		return nil, fmt.Errorf("read the last desk entries: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[RecentEntry])
	if err != nil {
		return nil, fmt.Errorf("read the last desk entries: %w", err)
	}
	return list, nil
}

// LadderStep is one step of a platform on the ladder.
type LadderStep struct {
	Platform string
	From, To schema.Stage
	Who, Why string
	At       time.Time
}

// LastSteps returns the latest step of each platform that ever took one.
func (s *Store) LastSteps(ctx context.Context) (map[string]LadderStep, error) {
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT ON (platform) platform, from_stage, to_stage, who, why, at
		FROM ladder ORDER BY platform, id DESC`)
	if err != nil {
		return nil, fmt.Errorf("read the ladder: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[LadderStep])
	if err != nil {
		return nil, fmt.Errorf("read the ladder: %w", err)
	}
	out := make(map[string]LadderStep, len(list))
	for _, l := range list {
		out[l.Platform] = l
	}
	return out, nil
}

// Steps returns the steps of a platform, the latest first.
func (s *Store) Steps(ctx context.Context, platform string) ([]LadderStep, error) {
	rows, err := s.pool.Query(ctx, `SELECT platform, from_stage, to_stage, who, why, at FROM ladder WHERE platform = $1 ORDER BY id DESC LIMIT 50`, platform)
	if err != nil {
		return nil, fmt.Errorf("read the ladder: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[LadderStep])
	if err != nil {
		return nil, fmt.Errorf("read the ladder: %w", err)
	}
	return list, nil
}

// WritesOf counts what was ever written to a platform, by how it ended.
func (s *Store) WritesOf(ctx context.Context, platform string) (map[string]int64, error) {
	rows, err := s.pool.Query(ctx, `SELECT state, count(*) FROM intents WHERE platform = $1 GROUP BY 1`, platform)
	if err != nil {
		return nil, fmt.Errorf("platform %s: count its writes: %w", platform, err)
	}
	out := map[string]int64{}
	var state string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&state, &n}, func() error { out[state] = n; return nil }); err != nil {
		return nil, fmt.Errorf("platform %s: count its writes: %w", platform, err)
	}
	return out, nil
}

// HasRecord reports whether a platform ever showed a record.
func (s *Store) HasRecord(ctx context.Context, ref schema.RecordRef) (ok bool, err error) {
	args := []any{ref.Platform, ref.Key}
	sql := `SELECT EXISTS (SELECT FROM records WHERE platform = $1 AND key = $2)`
	if Limited(ctx) {
		sql = `SELECT EXISTS (SELECT FROM records rec JOIN residents r ON r.id = rec.resident_id
			WHERE rec.platform = $1 AND rec.key = $2 AND ` + whom(ctx, "r", &args) + `)`
	}
	err = s.pool.QueryRow(ctx, sql, args...).Scan(&ok)
	if err != nil {
		return false, fmt.Errorf("find a record: %w", err)
	}
	return ok, nil
}

// ChangedSince returns the first change of each attribute of a resident since a
// moment: what stood there before it stood there at that moment. Attributes whose
// first change was by somebody who is not seen are hidden instead.
func (s *Store) ChangedSince(ctx context.Context, resident uuid.UUID, since time.Time) (changes []PastEvent, hidden []schema.Attribute, err error) {
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT ON (attribute) id, resident_id, at, kind, attribute, old, new, platform, key,
			coalesce(other, '00000000-0000-0000-0000-000000000000')
		FROM history WHERE resident_id = $1 AND kind = 'value' AND at >= $2 ORDER BY attribute, id`, resident, since)
	if err != nil {
		return nil, nil, fmt.Errorf("read what has changed since: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanPast)
	if err != nil {
		return nil, nil, fmt.Errorf("read what has changed since: %w", err)
	}
	changes, err = seenEvents(ctx, s.pool, list)
	if err != nil {
		return nil, nil, err
	}
	seen := map[int64]bool{}
	for _, e := range changes {
		seen[e.ID] = true
	}
	for _, e := range list {
		if !seen[e.ID] {
			hidden = append(hidden, e.Attribute)
		}
	}
	return changes, hidden, nil
}
