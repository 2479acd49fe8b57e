package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/audit"
	"heji/services/linkage"
)

// Action is what one person did in one go: the decisions that it made and those
// that it took back. It is the unit of undoing.
type Action struct {
	ID       uuid.UUID
	Kind     string // same, not_same, later, keep, field, split, unmerge, revoke, undo
	Who, Why string
	At       time.Time
	Undoes   uuid.UUID // undo: what it undid
	UndoneBy uuid.UUID // zero: it was not undone
	Made     []Choice  // with who revoked them since, if anybody did
	Revoked  []Choice
	// Again are decisions that stand and say again, by undoing, what this action
	// had made: they are its own as far as undoing goes.
	Again []Choice
}

// Stands reports whether any decision that the action made still stands.
func (a Action) Stands() bool {
	return len(a.Again) > 0 || slices.ContainsFunc(a.Made, func(c Choice) bool { return c.RevokedBy == "" })
}

// CanUndo reports whether undoing would do anything. A verdict on a field of a
// platform's row has changed what that row is taken to say: it is answered by
// another verdict.
func (a Action) CanUndo() bool {
	return a.Kind != "field" && a.UndoneBy == uuid.Nil && (a.Stands() || len(a.Revoked) > 0)
}

// ErrUndone says that nothing is left of an action to be undone.
var ErrUndone = errors.New("the action was undone already")

// ErrNoUndo says that an action of this kind cannot be undone.
var ErrNoUndo = errors.New("an action of this kind cannot be undone")

// deed is an action about to be stored.
type deed struct {
	kind     string
	who, why string
	undoes   uuid.UUID
	makes    []Choice
	revokes  []Choice
	// aliases are the different valid ID numbers that would become one
	// resident's; empty: none.
	aliases []string
}

// touched are the records whose partition or master the deed can change.
func (d deed) touched() []schema.RecordRef {
	var refs []schema.RecordRef
	for _, c := range slices.Concat(d.makes, d.revokes) {
		switch c.Kind {
		case "same", "not_same":
			refs = append(refs, c.A, c.B)
		case "keep":
			refs = append(refs, c.A)
		}
	}
	slices.SortFunc(refs, linkage.CompareRefs)
	return slices.Compact(refs)
}

// act stores a deed and reopens what it touches. The locks of its records, where
// the caller needed any, are held already.
func act(ctx context.Context, tx pgx.Tx, d deed) (Action, error) {
	a := Action{Kind: d.kind, Who: d.who, Why: d.why, Undoes: d.undoes, Revoked: d.revokes}
	var undoes *uuid.UUID
	if d.undoes != uuid.Nil {
		undoes = &d.undoes
	}
	if err := tx.QueryRow(ctx, `INSERT INTO actions (kind, who, why, undoes) VALUES ($1, $2, $3, $4) RETURNING id, at`,
		d.kind, d.who, d.why, undoes).Scan(&a.ID, &a.At); err != nil {
		return a, fmt.Errorf("store the action: %w", err)
	}
	if len(d.revokes) > 0 {
		ids := decisionIDs(d.revokes)
		tag, err := tx.Exec(ctx, `UPDATE decisions SET revoked_by = $2, revoked_at = $3, revoked_action = $4
			WHERE id = ANY($1) AND revoked_at IS NULL`, ids, d.who, a.At, a.ID)
		if err != nil {
			return a, fmt.Errorf("revoke decisions: %w", err)
		}
		if tag.RowsAffected() != int64(len(ids)) {
			return a, ErrMoved // somebody else has just revoked one of them
		}
	}
	var err error
	if a.Made, err = insertChoices(ctx, tx, a, d.makes); err != nil {
		return a, err
	}
	made, revoked := decisionIDs(a.Made), decisionIDs(d.revokes)
	if err := note(ctx, tx, d.who, audit.Note{Did: "decision." + d.kind, What: "action/" + a.ID.String(), Why: d.why},
		map[string][]int64{"made": made, "revoked": revoked}); err != nil {
		return a, err
	}
	return a, reopen(ctx, tx, d.touched())
}

func decisionIDs(list []Choice) []int64 {
	ids := make([]int64, len(list))
	for i, c := range list {
		ids[i] = c.ID
	}
	return ids
}

func insertChoices(ctx context.Context, tx pgx.Tx, a Action, list []Choice) ([]Choice, error) {
	if len(list) == 0 {
		return nil, nil
	}
	n := len(list)
	kind, ap, ak, bp, bk := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	attribute, value, until, again := make([]string, n), make([]string, n), make([]*time.Time, n), make([]int64, n)
	for i, c := range list {
		kind[i], ap[i], ak[i], bp[i], bk[i] = c.Kind, c.A.Platform, c.A.Key, c.B.Platform, c.B.Key
		attribute[i], value[i], until[i], again[i] = string(c.Attribute), c.Value, timeOrNull(c.Until), c.Again
	}
	made, err := readChoices(ctx, tx, `INSERT INTO decisions AS d (kind, a_platform, a_key, b_platform, b_key, attribute, value, later_until, again, who, why, at, action)
		SELECT kind, ap, ak, bp, bk, attribute, value, until, nullif(again, 0), $10::text, $11::text, $12::timestamptz, $13::uuid
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::bigint[])
			AS n(kind, ap, ak, bp, bk, attribute, value, until, again)
		RETURNING `+choiceColumns, kind, ap, ak, bp, bk, attribute, value, until, again, a.Who, a.Why, a.At, a.ID)
	if err != nil {
		return nil, fmt.Errorf("store decisions: %w", err)
	}
	return made, nil
}

const actionColumns = `t.id, t.kind, t.who, t.why, t.at, coalesce(t.undoes, '00000000-0000-0000-0000-000000000000'),
	coalesce((SELECT u.id FROM actions u WHERE u.undoes = t.id), '00000000-0000-0000-0000-000000000000')`

func readActions(ctx context.Context, q querier, sql string, args ...any) ([]Action, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read actions: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Action, error) {
		var a Action
		err := row.Scan(&a.ID, &a.Kind, &a.Who, &a.Why, &a.At, &a.Undoes, &a.UndoneBy)
		return a, err
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	at := make(map[uuid.UUID]*Action, len(list))
	ids := make([]uuid.UUID, len(list))
	for i := range list {
		ids[i], at[list[i].ID] = list[i].ID, &list[i]
	}
	rows, err = q.Query(ctx, `WITH RECURSIVE line(root, id) AS (SELECT action, id FROM decisions WHERE action = ANY($1)
			UNION SELECT line.root, d.id FROM decisions d JOIN line ON d.again = line.id)
		SELECT 'made', d.action, `+choiceColumns+` FROM decisions d WHERE d.action = ANY($1)
		UNION ALL SELECT 'revoked', d.revoked_action, `+choiceColumns+` FROM decisions d WHERE d.revoked_action = ANY($1)
		UNION ALL SELECT 'again', line.root, `+choiceColumns+` FROM line JOIN decisions d USING (id)
			WHERE d.action <> line.root AND d.revoked_at IS NULL
		ORDER BY 3`, ids)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	var how string
	var of uuid.UUID
	var c Choice
	if _, err := pgx.ForEachRow(rows, append([]any{&how, &of}, c.columns()...), func() error {
		a := at[of]
		switch how {
		case "made":
			a.Made = append(a.Made, c)
		case "revoked":
			a.Revoked = append(a.Revoked, c)
		default:
			a.Again = append(a.Again, c)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	return list, nil
}

// Action returns one action with all its decisions.
func (s *Store) Action(ctx context.Context, id uuid.UUID) (Action, error) {
	a, err := oneAction(ctx, s.pool, id)
	if err != nil || !Limited(ctx) {
		return a, err
	}
	for _, list := range [][]Choice{a.Made, a.Revoked, a.Again} {
		if kept, err := seenChoices(ctx, s.pool, list); err != nil || len(kept) < len(list) {
			return Action{}, errors.Join(err, ErrNotFound) // as if nobody had done it
		}
	}
	return a, nil
}

func oneAction(ctx context.Context, q querier, id uuid.UUID) (Action, error) {
	list, err := readActions(ctx, q, `SELECT `+actionColumns+` FROM actions t WHERE t.id = $1`, id)
	if err != nil {
		return Action{}, err
	}
	if len(list) == 0 {
		return Action{}, ErrNotFound
	}
	return list[0], nil
}

// ActionLimit bounds how many actions one answer holds.
const ActionLimit = 100

// ActionsOf returns what people ever decided about a resident's records, the
// newest first.
func (s *Store) ActionsOf(ctx context.Context, resident uuid.UUID) ([]Action, error) {
	list, err := readActions(ctx, s.pool, `WITH mine AS (SELECT platform, key FROM records WHERE resident_id = $1),
			d AS (SELECT d.action, d.revoked_action FROM decisions d JOIN mine m ON (d.a_platform, d.a_key) = (m.platform, m.key)
				UNION SELECT d.action, d.revoked_action FROM decisions d JOIN mine m ON (d.b_platform, d.b_key) = (m.platform, m.key))
		SELECT `+actionColumns+` FROM actions t WHERE t.id IN (SELECT action FROM d UNION SELECT revoked_action FROM d)
		ORDER BY t.at DESC, t.id LIMIT $2`, resident, ActionLimit)
	if err != nil {
		return nil, err
	}
	return seenActions(ctx, s.pool, list)
}

// seenActions leaves out decisions about somebody who is not seen, and actions that
// consist of nothing else.
func seenActions(ctx context.Context, q querier, list []Action) (out []Action, err error) {
	if !Limited(ctx) {
		return list, nil
	}
	out = list[:0:0]
	for _, a := range list {
		for _, l := range []*[]Choice{&a.Made, &a.Revoked, &a.Again} {
			if *l, err = seenChoices(ctx, q, *l); err != nil {
				return nil, err
			}
		}
		if len(a.Made)+len(a.Revoked) > 0 {
			out = append(out, a)
		}
	}
	return out, nil
}

// ActionsBetween returns what people ever decided about the two residents'
// records against each other, the newest first.
func (s *Store) ActionsBetween(ctx context.Context, x, y uuid.UUID) ([]Action, error) {
	for _, id := range []uuid.UUID{x, y} {
		if err := mustSee(ctx, s.pool, id); err != nil {
			return nil, err
		}
	}
	list, err := readActions(ctx, s.pool, `WITH d AS (SELECT d.action, d.revoked_action FROM decisions d
			JOIN records a ON (d.a_platform, d.a_key) = (a.platform, a.key)
			JOIN records b ON (d.b_platform, d.b_key) = (b.platform, b.key)
			WHERE (a.resident_id, b.resident_id) IN (($1, $2), ($2, $1)))
		SELECT `+actionColumns+` FROM actions t WHERE t.id IN (SELECT action FROM d UNION SELECT revoked_action FROM d)
		ORDER BY t.at DESC, t.id LIMIT $3`, x, y, ActionLimit)
	if err != nil {
		return nil, err
	}
	return seenActions(ctx, s.pool, list)
}

// OwnersOf returns the residents that records belong to now, by name.
func (s *Store) OwnersOf(ctx context.Context, refs []schema.RecordRef) ([]Resident, error) {
	platforms, keys := refColumns(refs)
	args := []any{platforms, keys}
	rows, err := s.pool.Query(ctx, `SELECT `+residentColumns+` FROM residents WHERE redirect_to IS NULL AND id IN (
		SELECT resident_id FROM records JOIN unnest($1::text[], $2::text[]) AS w(platform, key) USING (platform, key))
			AND `+whom(ctx, "residents", &args)+`
		ORDER BY name, id`, args...)
	if err != nil {
		return nil, fmt.Errorf("read whose records they are: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanResident)
	if err != nil {
		return nil, fmt.Errorf("read whose records they are: %w", err)
	}
	return list, nil
}
