package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/schema/idnum"
	"heji/services/audit"
)

// Lists of people that staff bring. A line becomes a desk record whose key is
// made from what the line says: the same line, in whichever file, is one record
// however often it is brought (I2).

// ImportState says where an import stands.
type ImportState string

// The states of an import.
const (
	ImportDraft   ImportState = "draft"   // somebody looks at it
	ImportRunning ImportState = "running" // is being entered
	ImportStopped ImportState = "stopped" // too many of its people are other communities'
	ImportDone    ImportState = "done"
	ImportUndone  ImportState = "undone"
)

// ImportKept is how long the lines of an import that were not entered are kept.
const ImportKept = 30 * 24 * time.Hour

// ErrImportState means that an import is not in the state for what was asked.
var ErrImportState = errors.New("the import is past that")

// Import is a list that somebody brought.
type Import struct {
	ID     uuid.UUID
	Who    string
	At     time.Time
	Name   string
	Roster json.RawMessage
	State  ImportState
	DoneAt *time.Time

	Waiting, Made, Same, Bad, Undone, Kept int64 // lines
}

// All is how many lines it has.
func (i Import) All() int64 { return i.Waiting + i.Made + i.Same + i.Bad + i.Undone + i.Kept }

// ImportLine is one line of it.
type ImportLine struct {
	Line     int
	Cells    []string
	State    string
	Problems []schema.ValueProblem
}

// NewImport keeps a list, and who may look for whom while it is entered. What is
// old is forgotten on the way.
func (s *Store) NewImport(ctx context.Context, who, name string, roster any, lines []ImportLine) (uuid.UUID, error) {
	id := uuid.New()
	raw, err := json.Marshal(roster)
	if err != nil {
		return id, fmt.Errorf("keep an import: %w", err)
	}
	var sight []byte
	if limit := sightOf(ctx); limit != nil {
		if sight, err = json.Marshal(limit); err != nil {
			return id, fmt.Errorf("keep an import: %w", err)
		}
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM imports WHERE state = 'draft' AND at < clock_timestamp() - interval '1 day'`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE import_rows SET cells = NULL FROM imports i
			WHERE i.id = import AND cells IS NOT NULL AND i.state <> 'running' AND i.at < clock_timestamp() - make_interval(secs => $1)`, ImportKept.Seconds()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO imports (id, who, name, roster, sight) VALUES ($1, $2, $3, $4, $5)`, id, who, name, raw, sight); err != nil {
			return err
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"import_rows"}, []string{"import", "line", "cells"}, pgx.CopyFromSlice(len(lines), func(i int) ([]any, error) {
			return []any{id, lines[i].Line, texts(lines[i].Cells)}, nil
		}))
		if err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "import.bring", What: "import/" + id.String()}, map[string]int{"lines": len(lines)})
	})
	if err != nil {
		return id, fmt.Errorf("keep an import: %w", err)
	}
	return id, nil
}

const importColumns = `SELECT i.id, i.who, i.at, i.name, i.roster, i.state, i.done_at,
	n.waiting, n.made, n.same, n.bad, n.undone, n.kept FROM imports i, LATERAL (SELECT
		count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'made') AS made,
		count(*) FILTER (WHERE state = 'same') AS same, count(*) FILTER (WHERE state = 'bad') AS bad,
		count(*) FILTER (WHERE state = 'undone') AS undone, count(*) FILTER (WHERE state = 'kept') AS kept
	FROM import_rows WHERE import = i.id) n `

// Imports lists what somebody brought, newest first; who empty: what anybody did.
func (s *Store) Imports(ctx context.Context, who string, limit int) ([]Import, error) {
	rows, err := s.pool.Query(ctx, importColumns+`WHERE ($1 = '' OR i.who = $1) ORDER BY i.at DESC LIMIT $2`, who, limit)
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Import])
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	return list, nil
}

// Import returns one that who brought; ErrNotFound for anybody else's. who empty:
// whoever brought it.
func (s *Store) Import(ctx context.Context, who string, id uuid.UUID) (Import, error) {
	rows, err := s.pool.Query(ctx, importColumns+`WHERE ($1 = '' OR i.who = $1) AND i.id = $2`, who, id)
	if err != nil {
		return Import{}, fmt.Errorf("read an import: %w", err)
	}
	i, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Import])
	if errors.Is(err, pgx.ErrNoRows) {
		return i, fmt.Errorf("import: %w", ErrNotFound)
	}
	if err != nil {
		return i, fmt.Errorf("read an import: %w", err)
	}
	return i, nil
}

// ImportLines returns lines of an import in one state, in the file's order, from
// a line on; those whose cells are forgotten are left out.
func (s *Store) ImportLines(ctx context.Context, id uuid.UUID, state string, after, limit int) ([]ImportLine, error) {
	rows, err := s.pool.Query(ctx, `SELECT line, cells, state, problems FROM import_rows
		WHERE import = $1 AND state = $2 AND line > $3 AND cells IS NOT NULL ORDER BY line LIMIT $4`, id, state, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read lines of an import: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ImportLine])
	if err != nil {
		return nil, fmt.Errorf("read lines of an import: %w", err)
	}
	return list, nil
}

// ReadImportAs changes what the columns of an import are taken for, while
// somebody looks at it.
func (s *Store) ReadImportAs(ctx context.Context, id uuid.UUID, roster any) error {
	raw, err := json.Marshal(roster)
	if err != nil {
		return fmt.Errorf("read an import otherwise: %w", err)
	}
	done, err := s.pool.Exec(ctx, `UPDATE imports SET roster = $2 WHERE id = $1 AND state = 'draft'`, id, raw)
	if err == nil && done.RowsAffected() == 0 {
		err = ErrImportState
	}
	if err != nil {
		return fmt.Errorf("read an import otherwise: %w", err)
	}
	return nil
}

// StartImport lets an import be entered, from now on by itself: one that somebody
// has looked at, or one that was stopped. Saying so twice starts it once.
func (s *Store) StartImport(ctx context.Context, who string, id uuid.UUID, roster any) error {
	raw, err := json.Marshal(roster)
	if err != nil {
		return fmt.Errorf("start an import: %w", err)
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		var state ImportState
		err := tx.QueryRow(ctx, `SELECT state FROM imports WHERE id = $1 FOR UPDATE`, id).Scan(&state)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrNotFound
		case err != nil || state == ImportRunning || state == ImportDone:
			return err
		case state == ImportUndone:
			return ErrImportState
		case state == ImportStopped: // what is entered already was read as the columns were
			raw = nil
		}
		if _, err := tx.Exec(ctx, `UPDATE imports SET state = 'running', roster = coalesce($2, roster) WHERE id = $1`, id, raw); err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "import", What: "import/" + id.String()}, nil)
	})
	if err != nil {
		return fmt.Errorf("start an import: %w", err)
	}
	return nil
}

// ReadLine says what a line of an import means: the values, or what is wrong.
type ReadLine func(cells []string) (schema.Values, []schema.ValueProblem)

// Joins reports whether a line would be joined with a record by itself.
type Joins func(line schema.Values, theirs Record) (bool, error)

// ProblemElsewhere is a line of somebody who is registered with another community: by
// the ID number, or, without one, because the line would be joined with somebody who is
// not seen.
const ProblemElsewhere schema.Problem = "elsewhere"

// EnterImport enters the next lines of the oldest import that is running, in one
// transaction: whatever stops in between, a line is entered once or not yet (I1).
// worked false: none is running that nobody else works at.
func (s *Store) EnterImport(ctx context.Context, limit int, reader func(roster json.RawMessage) (ReadLine, error), joins Joins) (worked bool, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		var id uuid.UUID
		var who string
		var roster, sight []byte
		err := tx.QueryRow(ctx, `SELECT id, who, roster, sight FROM imports WHERE state = 'running' ORDER BY at LIMIT 1 FOR UPDATE SKIP LOCKED`).
			Scan(&id, &who, &roster, &sight)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		worked = true
		ctx := audit.With(ctx, who)
		if sight != nil {
			var limit Sight
			if err := json.Unmarshal(sight, &limit); err != nil {
				return err
			}
			ctx = WithSight(ctx, limit)
		}
		rows, err := tx.Query(ctx, `SELECT line, cells, state, problems FROM import_rows WHERE import = $1 AND state = 'waiting' ORDER BY line LIMIT $2`, id, limit)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ImportLine])
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			if _, err := tx.Exec(ctx, `UPDATE imports SET state = 'done', done_at = clock_timestamp() WHERE id = $1`, id); err != nil {
				return err
			}
			return note(ctx, tx, who, audit.Note{Did: "import.done", What: "import/" + id.String()}, nil)
		}
		read, err := reader(roster)
		if err != nil {
			return err
		}
		return s.enterLines(ctx, tx, id, who, lines, read, joins)
	})
	if err != nil {
		return false, fmt.Errorf("enter an import: %w", err)
	}
	return worked, nil
}

func (s *Store) enterLines(ctx context.Context, tx pgx.Tx, id uuid.UUID, who string, lines []ImportLine, read ReadLine, joins Joins) error {
	values := make([]schema.Values, len(lines))
	var numbers []string
	for i := range lines {
		l := &lines[i]
		l.State = "made"
		values[i], l.Problems = read(l.Cells)
		if len(l.Problems) > 0 {
			l.State = "bad"
		} else if n := values[i][schema.IDNumber]; n != "" {
			numbers = append(numbers, n)
		}
	}
	others, err := elsewhere(ctx, tx, who, numbers)
	if err != nil {
		return err
	}
	over, err := s.bringsOver(ctx, tx, lines, values, joins)
	if err != nil {
		return err
	}
	stopped := false
	for i := range lines {
		if over[i] {
			err := toldElsewhere(ctx, tx)
			if errors.Is(err, ErrManyClaims) {
				lines, values, stopped = lines[:i], values[:i], true
				break
			}
			if err != nil {
				return err
			}
			lines[i].State, lines[i].Problems = "bad", []schema.ValueProblem{{Attribute: schema.Name, Problem: ProblemElsewhere}}
			continue
		}
		n := values[i][schema.IDNumber]
		told, other := others[n]
		if lines[i].State != "made" || !other {
			continue
		}
		if !told { // the list would tell more than may be asked for
			lines, values, stopped = lines[:i], values[:i], true
			break
		}
		lines[i].State, lines[i].Problems = "bad", []schema.ValueProblem{{Attribute: schema.IDNumber, Problem: ProblemElsewhere}}
	}
	if err := s.insertLines(ctx, tx, id, who, lines, values); err != nil {
		return err
	}
	if stopped {
		if _, err := tx.Exec(ctx, `UPDATE imports SET state = 'stopped' WHERE id = $1`, id); err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "import.stopped", What: "import/" + id.String()}, nil)
	}
	return nil
}

// unseenRecords bounds with how many records of people who are not seen the lines of
// one step are compared.
const unseenRecords = 2000

// bringsOver says which lines without a valid ID number would be joined with somebody
// who is not seen: such a line would bring him over, past the handover. One statement
// for all of them.
func (s *Store) bringsOver(ctx context.Context, tx pgx.Tx, lines []ImportLine, values []schema.Values, joins Joins) (map[int]bool, error) {
	out := map[int]bool{}
	if !Limited(ctx) || joins == nil {
		return out, nil
	}
	var keys []int64
	for i, v := range values {
		if lines[i].State == "made" && !idnum.Parse(v[schema.IDNumber]).Valid {
			keys, out[i] = append(keys, s.Keys(v)...), false
		}
	}
	theirs, err := unseen(ctx, tx, keys, unseenRecords)
	if err != nil {
		return nil, err
	}
	for i := range out {
		for _, rec := range theirs {
			if out[i], err = joins(values[i], rec); err != nil {
				return nil, err
			}
			if out[i] {
				break
			}
		}
	}
	return out, nil
}

// elsewhere are those of some ID numbers that are registered with other
// communities only. Each that is told (true) counts as one that was asked for: a
// list must not tell more than Claim does.
func elsewhere(ctx context.Context, tx pgx.Tx, who string, numbers []string) (map[string]bool, error) {
	out := map[string]bool{}
	if !Limited(ctx) || len(numbers) == 0 {
		return out, nil
	}
	args := []any{numbers}
	rows, err := tx.Query(ctx, `SELECT w.n FROM unnest($1::text[]) WITH ORDINALITY AS w(n, i), LATERAL (
			SELECT count(*) AS found, bool_or((`+whom(ctx, "r", &args)+`) IS TRUE) AS mine FROM residents r
			WHERE r.redirect_to IS NULL AND r.ended_at IS NULL AND r.search LIKE '%' || lower(w.n) || '%' AND r.master->'id_number'->>'v' = w.n) f
		WHERE f.found > 0 AND NOT f.mine ORDER BY w.i`, args...)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(list) == 0 {
		return out, err
	}
	var hits int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM claim_tries WHERE who = $1 AND hit AND at > clock_timestamp() - interval '1 hour'`, who).Scan(&hits); err != nil {
		return nil, err
	}
	told := 0
	for _, n := range list {
		if _, seen := out[n]; seen {
			continue
		}
		if out[n] = hits+told < ClaimHits; out[n] {
			told++
		}
	}
	if _, err := tx.Exec(ctx, `INSERT INTO claim_tries (who, hit) SELECT $1, true FROM generate_series(1, $2)`, who, told); err != nil {
		return nil, err
	}
	return out, note(ctx, tx, who, audit.Note{Did: "claim"}, map[string]int{"elsewhere": told})
}

// insertLines makes entries of the lines that are right and have none yet.
func (s *Store) insertLines(ctx context.Context, tx pgx.Tx, id uuid.UUID, who string, lines []ImportLine, values []schema.Values) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, deskLock); err != nil {
		return err
	}
	keys := make([]*string, len(lines))
	var asked []string
	for i, l := range lines {
		if l.State == "made" {
			key := s.contentKey(values[i])
			keys[i], asked = &key, append(asked, key)
		}
	}
	there, err := livingEntries(ctx, tx, asked)
	if err != nil {
		return err
	}
	var requests, made []string
	var records [][]byte
	numbers, states, problems := make([]int, len(lines)), make([]string, len(lines)), make([][]byte, len(lines))
	for i, l := range lines {
		numbers[i], states[i] = l.Line, l.State
		if l.State == "bad" {
			if problems[i], err = json.Marshal(l.Problems); err != nil {
				return err
			}
			continue
		}
		if there[*keys[i]] {
			states[i] = "same"
			continue
		}
		there[*keys[i]] = true // also further down in the same list
		raw, err := json.Marshal(schema.Record{Values: values[i], Raw: rawOf(values[i])})
		if err != nil {
			return err
		}
		requests, made, records = append(requests, fmt.Sprintf("import-%s-%d", id, l.Line)), append(made, *keys[i]), append(records, raw)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO desk_entries (request, key, who, record)
		SELECT w.request, w.key, $4, w.record FROM unnest($1::text[], $2::text[], $3::jsonb[]) WITH ORDINALITY AS w(request, key, record, i) ORDER BY w.i`,
		requests, made, records, who); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE import_rows r SET state = w.state, key = w.key, problems = w.problems, cells = CASE WHEN w.state = 'bad' THEN r.cells END
		FROM unnest($2::int[], $3::text[], $4::text[], $5::jsonb[]) AS w(line, state, key, problems) WHERE r.import = $1 AND r.line = w.line`,
		id, numbers, states, keys, problems)
	return err
}

// contentKey is the key of what a line says. It is keyed with the installation's
// secret: a bare hash of an ID number could be found by trying all.
func (s *Store) contentKey(v schema.Values) string {
	raw, err := json.Marshal(v) // by attribute, in order
	if err != nil {
		panic("store: texts always encode: " + err.Error())
	}
	mac := hmac.New(sha256.New, s.models.secret)
	mac.Write([]byte("roster\x00"))
	mac.Write(raw)
	return "roster-" + hex.EncodeToString(mac.Sum(nil)[:16])
}

// livingEntries are those of some keys whose last entry is not that it is gone.
func livingEntries(ctx context.Context, q querier, keys []string) (map[string]bool, error) {
	rows, err := q.Query(ctx, `SELECT w.key FROM (SELECT DISTINCT key FROM unnest($1::text[]) AS u(key)) w,
		LATERAL (SELECT record->>'op' AS op FROM desk_entries d WHERE d.key = w.key ORDER BY d.id DESC LIMIT 1) l WHERE l.op IS DISTINCT FROM 'delete'`, texts(keys))
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	var key string
	_, err = pgx.ForEachRow(rows, []any{&key}, func() error {
		out[key] = true
		return nil
	})
	return out, err
}

// UndoImport takes back as a whole what an import has entered. What somebody has
// changed since, and what another import says as well, stays.
func (s *Store) UndoImport(ctx context.Context, who string, id uuid.UUID) error {
	gone, err := json.Marshal(schema.Record{Op: schema.OpDelete})
	if err != nil {
		return fmt.Errorf("undo an import: %w", err)
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		var state ImportState
		err := tx.QueryRow(ctx, `SELECT state FROM imports WHERE id = $1 FOR UPDATE`, id).Scan(&state)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrNotFound
		case err != nil || state == ImportUndone:
			return err
		case state == ImportDraft:
			return ErrImportState
		}
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, deskLock); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `WITH mine AS (SELECT DISTINCT ON (r.key) r.line, r.key FROM import_rows r WHERE r.import = $1 AND r.state IN ('made', 'same') ORDER BY r.key, r.line),
				free AS (SELECT m.line, m.key FROM mine m, LATERAL (SELECT d.resident_id, d.record->>'op' AS op FROM desk_entries d WHERE d.key = m.key ORDER BY d.id DESC LIMIT 1) l
					WHERE l.resident_id IS NULL AND l.op IS DISTINCT FROM 'delete' AND NOT EXISTS (SELECT FROM import_rows o JOIN imports i ON i.id = o.import
						WHERE o.key = m.key AND o.import <> $1 AND o.state IN ('made', 'same') AND i.state <> 'undone')),
				entered AS (INSERT INTO desk_entries (request, key, who, record) SELECT format('undo-%s-%s', $1::uuid, line), key, $2, $3::jsonb FROM free ORDER BY line RETURNING key)
			UPDATE import_rows r SET state = CASE WHEN r.key IN (SELECT key FROM entered) THEN 'undone' ELSE 'kept' END
			WHERE r.import = $1 AND r.state IN ('made', 'same')`, id, who, gone); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE imports SET state = 'undone', undone_by = $2, undone_at = clock_timestamp() WHERE id = $1`, id, who); err != nil {
			return err
		}
		return note(ctx, tx, who, audit.Note{Did: "import.undo", What: "import/" + id.String()}, nil)
	})
	if err != nil {
		return fmt.Errorf("undo an import: %w", err)
	}
	return nil
}
