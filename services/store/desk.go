package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/audit"
)

// Entry is one thing that staff saved.
type Entry struct {
	ID       int64
	Request  string // idempotency key: sending twice makes one entry
	Key      string // the desk record
	Resident uuid.UUID
	Who      string
	At       time.Time
	Record   schema.Record
}

// EntriesAfter returns entries in the order in which they were saved.
//
// The identity column could show a later entry before an earlier one commits;
// saving therefore takes a lock for its short transaction (SaveEntry), so that
// ids become visible in order and none is passed over (I1).
func (s *Store) EntriesAfter(ctx context.Context, after int64, limit int) ([]Entry, error) {
	rows, err := s.pool.Query(ctx, `SELECT id, request, key, coalesce(resident_id, '00000000-0000-0000-0000-000000000000'), who, at, record
		FROM desk_entries WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read desk entries: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return nil, fmt.Errorf("read desk entries: %w", err)
	}
	return list, nil
}

func scanEntry(row pgx.CollectableRow) (Entry, error) {
	var e Entry
	var raw []byte
	if err := row.Scan(&e.ID, &e.Request, &e.Key, &e.Resident, &e.Who, &e.At, &raw); err != nil {
		return e, err
	}
	return e, json.Unmarshal(raw, &e.Record)
}

// deskLock is the advisory lock that puts entries in one order.
const deskLock = 0x6865_6a69

// SaveNew saves a new resident. The same request again returns the entry that
// the first one made, and fresh false.
func (s *Store) SaveNew(ctx context.Context, request, who string, values schema.Values) (e Entry, fresh bool, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		var known bool
		if e, known, err = entryLock(ctx, tx, request); err != nil || known {
			return err
		}
		fresh = true
		e = Entry{Request: request, Key: "new-" + uuid.NewString(), Who: who,
			Record: schema.Record{Values: values, Raw: rawOf(values)}}
		return insertEntry(ctx, tx, &e)
	})
	if err != nil {
		return Entry{}, false, fmt.Errorf("save the entry: %w", err)
	}
	return e, fresh, nil
}

// SaveEdit saves changed values of a resident. The edit becomes part of the
// resident's desk record, or a new one that follows the resident's records.
func (s *Store) SaveEdit(ctx context.Context, request, who string, resident uuid.UUID, changes schema.Values) (e Entry, fresh bool, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		e, fresh, err = saveEdit(ctx, tx, request, who, resident, changes)
		return err
	})
	if err != nil {
		return Entry{}, false, fmt.Errorf("save the entry: %w", err)
	}
	return e, fresh, nil
}

func saveEdit(ctx context.Context, tx pgx.Tx, request, who string, resident uuid.UUID, changes schema.Values) (Entry, bool, error) {
	e, known, err := entryLock(ctx, tx, request)
	if err != nil || known {
		return e, false, err
	}
	if resident, err = follow(ctx, tx, resident); err != nil {
		return e, false, err
	}
	e = Entry{Request: request, Who: who, Resident: resident, Record: schema.Record{Values: schema.Values{}}}
	// The latest version of the desk record: merged already, or still on its way.
	rows, err := tx.Query(ctx, `SELECT id, request, key, coalesce(resident_id, '00000000-0000-0000-0000-000000000000'), who, at, record
		FROM desk_entries d WHERE d.resident_id = $1
			OR d.key IN (SELECT key FROM records WHERE platform = 'desk' AND resident_id = $1 AND NOT deleted)
		ORDER BY d.id DESC LIMIT 1`, resident)
	if err != nil {
		return e, false, err
	}
	last, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return e, false, err
	}
	if len(last) > 0 {
		e.Key, e.Record = last[0].Key, last[0].Record
	} else {
		e.Key = "edit-" + uuid.NewString()
		if e.Record.Anchors, err = anchorsOf(ctx, tx, resident); err != nil {
			return e, false, err
		}
	}
	for a, v := range changes {
		e.Record.Values[a] = v
	}
	e.Record.Raw = rawOf(e.Record.Values)
	return e, true, insertEntry(ctx, tx, &e)
}

// anchorsOf lists the records that an edit hangs on, the oldest first.
func anchorsOf(ctx context.Context, tx pgx.Tx, resident uuid.UUID) ([]schema.RecordRef, error) {
	rows, err := tx.Query(ctx, `SELECT platform, key FROM records
		WHERE resident_id = $1 AND NOT deleted AND anchors = '{}' ORDER BY id`, resident)
	if err != nil {
		return nil, err
	}
	refs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[schema.RecordRef])
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, fmt.Errorf("resident: %w", ErrNotFound)
	}
	return refs, nil
}

func entryLock(ctx context.Context, tx pgx.Tx, request string) (Entry, bool, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, deskLock); err != nil {
		return Entry{}, false, err
	}
	rows, err := tx.Query(ctx, `SELECT id, request, key, coalesce(resident_id, '00000000-0000-0000-0000-000000000000'), who, at, record
		FROM desk_entries WHERE request = $1`, request)
	if err != nil {
		return Entry{}, false, err
	}
	list, err := pgx.CollectRows(rows, scanEntry)
	if err != nil || len(list) == 0 {
		return Entry{}, false, err
	}
	return list[0], true, nil
}

func insertEntry(ctx context.Context, tx pgx.Tx, e *Entry) error {
	raw, err := json.Marshal(e.Record)
	if err != nil {
		return err
	}
	var resident *uuid.UUID
	if e.Resident != uuid.Nil {
		resident = &e.Resident
	}
	if err := tx.QueryRow(ctx, `INSERT INTO desk_entries (request, key, resident_id, who, record)
		VALUES ($1, $2, $3, $4, $5) RETURNING id, at`, e.Request, e.Key, resident, e.Who, raw).Scan(&e.ID, &e.At); err != nil {
		return err
	}
	return note(ctx, tx, e.Who, audit.Note{Did: "entry", What: "entry/" + strconv.FormatInt(e.ID, 10)}, map[string]any{"resident": resident})
}

func rawOf(v schema.Values) map[schema.Attribute]string {
	raw := make(map[schema.Attribute]string, len(v))
	for a, s := range v {
		raw[a] = s
	}
	return raw
}

// follow returns the living resident behind an id that may have been merged.
func follow(ctx context.Context, q querier, id uuid.UUID) (uuid.UUID, error) {
	var out uuid.UUID
	err := q.QueryRow(ctx, `WITH RECURSIVE f(id, redirect_to, depth) AS (
			SELECT id, redirect_to, 0 FROM residents WHERE id = $1
			UNION ALL SELECT r.id, r.redirect_to, f.depth + 1 FROM residents r JOIN f ON r.id = f.redirect_to WHERE f.depth < 100)
		SELECT id FROM f WHERE redirect_to IS NULL`, id).Scan(&out)
	if errors.Is(err, pgx.ErrNoRows) {
		return id, fmt.Errorf("resident: %w", ErrNotFound)
	}
	return out, err
}

// EntryDone returns when the resident was last entered or changed at the desk,
// and whether every target of the resident has arrived since. An entry with a
// risky change, which waits by rule, is never told of as arrived: how long it
// took says nothing about the hub.
func (s *Store) EntryDone(ctx context.Context, resident uuid.UUID) (since time.Time, all bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(max(d.at), now()),
			NOT EXISTS (SELECT FROM targets WHERE resident_id = $1 AND ((due_at IS NOT NULL AND state <> 'hold') OR state IN ('open', 'queued', 'doubt')))
			AND NOT EXISTS (SELECT FROM risks k WHERE k.resident_id = $1 AND k.at >= max(d.at))
		FROM records r JOIN desk_entries d ON d.key = r.key WHERE r.platform = 'desk' AND r.resident_id = $1`, resident).Scan(&since, &all)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("has the entry arrived: %w", err)
	}
	return since, all, nil
}
