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
	return s.SaveEditAfter(ctx, request, who, resident, changes, anyEdit)
}

// anyEdit is a since that lets every edit through.
const anyEdit = -1

// SaveEditAfter is SaveEdit for somebody who saw the resident as the entry since
// had left it (LastEdit): where another entry has changed one of the same values
// meanwhile, nothing is saved and the error is *Overtaken.
func (s *Store) SaveEditAfter(ctx context.Context, request, who string, resident uuid.UUID, changes schema.Values, since int64) (e Entry, fresh bool, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		e, fresh, err = saveEdit(ctx, tx, request, who, resident, changes, since)
		return err
	})
	if err != nil {
		return Entry{}, false, fmt.Errorf("save the entry: %w", err)
	}
	return e, fresh, nil
}

func saveEdit(ctx context.Context, tx pgx.Tx, request, who string, resident uuid.UUID, changes schema.Values, since int64) (Entry, bool, error) {
	e, known, err := entryLock(ctx, tx, request)
	if err != nil || known {
		return e, false, err
	}
	if resident, err = follow(ctx, tx, resident); err != nil {
		return e, false, err
	}
	e = Entry{Request: request, Who: who, Resident: resident, Record: schema.Record{Values: schema.Values{}}}
	// The latest version of the desk record: merged already, or still on its way.
	last, err := lastEdit(ctx, tx, resident)
	if err != nil {
		return e, false, err
	}
	if since != anyEdit && len(last) > 0 && last[0].ID > since {
		clash, err := overtaken(ctx, tx, last[0], since, changes)
		if err != nil {
			return e, false, err
		}
		if clash != nil {
			return e, false, clash
		}
	}
	if len(last) > 0 && last[0].Record.Op != schema.OpDelete {
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

// Overtaken refuses an edit: somebody else has changed the same values meanwhile.
type Overtaken struct {
	Entry  int64 // the one that did
	Who    string
	At     time.Time
	Values schema.Values // as they are now
}

func (*Overtaken) Error() string {
	return "somebody else has changed the same values of this resident meanwhile"
}

// LastEdit names the last entry about a resident; 0: there is none.
func (s *Store) LastEdit(ctx context.Context, resident uuid.UUID) (int64, error) {
	last, err := lastEdit(ctx, s.pool, resident)
	if err != nil {
		return 0, fmt.Errorf("find the last entry: %w", err)
	}
	if len(last) == 0 {
		return 0, nil
	}
	return last[0].ID, nil
}

// lastEdit reads the last entry about a resident, if there is one.
func lastEdit(ctx context.Context, q querier, resident uuid.UUID) ([]Entry, error) {
	rows, err := q.Query(ctx, `SELECT id, request, key, coalesce(resident_id, '00000000-0000-0000-0000-000000000000'), who, at, record
		FROM desk_entries d WHERE d.resident_id = $1
			OR d.key IN (SELECT key FROM records WHERE platform = 'desk' AND resident_id = $1 AND NOT deleted)
		ORDER BY d.id DESC LIMIT 1`, resident)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanEntry)
}

// overtaken compares what an edit changes with what entries after since have
// changed: an entry holds the whole desk record, so two of them tell.
func overtaken(ctx context.Context, q querier, last Entry, since int64, changes schema.Values) (*Overtaken, error) {
	clash, err := editsSince(ctx, q, last, since)
	if err != nil {
		return nil, err
	}
	for a, theirs := range clash.Values {
		if mine, changes := changes[a]; !changes || mine == theirs {
			delete(clash.Values, a)
		}
	}
	if len(clash.Values) == 0 {
		return nil, nil
	}
	return clash, nil
}

// EditsSince says what entries after since have changed of a resident.
func (s *Store) EditsSince(ctx context.Context, resident uuid.UUID, since int64) (Overtaken, error) {
	last, err := lastEdit(ctx, s.pool, resident)
	if err == nil && len(last) > 0 && last[0].ID > since {
		var edits *Overtaken
		if edits, err = editsSince(ctx, s.pool, last[0], since); err == nil {
			return *edits, nil
		}
	}
	if err != nil {
		return Overtaken{}, fmt.Errorf("compare the last entries: %w", err)
	}
	return Overtaken{}, nil
}

// editsSince compares the last entry with the one that somebody has seen.
func editsSince(ctx context.Context, q querier, last Entry, since int64) (*Overtaken, error) {
	edits := &Overtaken{Entry: last.ID, Who: last.Who, At: last.At, Values: schema.Values{}}
	before := schema.Values{}
	if since > 0 {
		var raw []byte
		err := q.QueryRow(ctx, `SELECT record FROM desk_entries WHERE id = $1`, since).Scan(&raw)
		if errors.Is(err, pgx.ErrNoRows) {
			return edits, nil
		}
		var seen schema.Record
		if err == nil {
			err = json.Unmarshal(raw, &seen)
		}
		if err != nil {
			return nil, err
		}
		before = seen.Values
	}
	for a, now := range last.Record.Values {
		if was, had := before[a]; !had || was != now {
			edits.Values[a] = now
		}
	}
	return edits, nil
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
	if err := dropDraftOf(ctx, tx, e.Request); err != nil {
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
