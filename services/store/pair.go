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
)

// SideView is one of the two residents of a pair, as a person compares them.
type SideView struct {
	Resident  Resident
	Records   []Record // that are there, of platforms that anybody may see (I7)
	FirstSeen map[int64]time.Time
}

// PairView is two residents beside each other, as of one moment.
type PairView struct {
	X, Y SideView
	// A and B are the records that speak loudest, Reason why they wait; zero and
	// empty where nothing but a person's suspicion brings the two together.
	A, B   Record
	Weight int
	Reason string
	// Decisions that stand between the two.
	Decisions []Choice
	State     string // for Judgement.Seen
	// Gone: ErrNotFound or ErrPairGone, and nothing else is set.
	Gone error
}

// ErrPairGone says that two residents are one by now, or that one is gone.
var ErrPairGone = errors.New("the two are one resident by now, or one of them is gone")

// Pair reads two residents for comparison; ErrPairGone where they are no longer
// two that live.
func (s *Store) Pair(ctx context.Context, x, y uuid.UUID) (PairView, error) {
	for _, id := range []uuid.UUID{x, y} {
		if err := mustSee(ctx, s.pool, id); err != nil {
			return PairView{}, err
		}
	}
	list, err := s.Pairs(ctx, [][2]uuid.UUID{{x, y}})
	if err == nil {
		err = list[0].Gone
	}
	if err != nil {
		return PairView{}, fmt.Errorf("read a pair: %w", err)
	}
	return list[0], nil
}

// Pairs reads many, in one snapshot and a fixed number of statements; each is
// answered in its place, those that are no pair any more with Gone.
func (s *Store) Pairs(ctx context.Context, ids [][2]uuid.UUID) ([]PairView, error) {
	list := make([]PairView, len(ids))
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		sides, err := readSides(ctx, tx, ids)
		if err != nil {
			return err
		}
		var refs []schema.RecordRef
		for i, id := range ids {
			v := &list[i]
			x, okX := sides[id[0]]
			y, okY := sides[id[1]]
			switch {
			case !okX || !okY:
				v.Gone = ErrNotFound
			case id[0] == id[1] || !x.lives() || !y.lives():
				v.Gone = ErrPairGone
			default:
				v.X, v.Y = *x, *y
				refs = slices.Concat(refs, x.refs(), y.refs())
			}
		}
		if err := loudest(ctx, tx, list); err != nil {
			return err
		}
		return readBetween(ctx, tx, list, refs)
	})
	if err != nil {
		return nil, fmt.Errorf("read pairs: %w", err)
	}
	return list, nil
}

func (v *SideView) lives() bool { return v.Resident.Redirect == uuid.Nil && len(v.Records) > 0 }

func (v *SideView) refs() []schema.RecordRef {
	out := make([]schema.RecordRef, len(v.Records))
	for i, r := range v.Records {
		out[i] = r.Ref
	}
	return out
}

// readSides reads the residents and their records.
func readSides(ctx context.Context, q querier, pairs [][2]uuid.UUID) (map[uuid.UUID]*SideView, error) {
	var ids []uuid.UUID
	for _, p := range pairs {
		ids = append(ids, p[0], p[1])
	}
	residents, err := residentsByID(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID]*SideView, len(residents))
	for id, r := range residents {
		out[id] = &SideView{Resident: r, FirstSeen: map[int64]time.Time{}}
	}
	rows, err := q.Query(ctx, `SELECT `+recordColumns+` FROM records r JOIN platforms p ON p.id = r.platform
		WHERE resident_id = ANY($1) AND NOT deleted AND p.class <> 'D' ORDER BY r.id`, ids)
	if err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	records, err := pgx.CollectRows(rows, scanRecord)
	if err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	for _, r := range records {
		if side := out[r.Resident]; side != nil {
			side.Records = append(side.Records, r)
		}
	}
	if rows, err = q.Query(ctx, `SELECT resident_id, id, first_seen FROM records WHERE resident_id = ANY($1)`, ids); err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	var resident uuid.UUID
	var id int64
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&resident, &id, &at}, func() error {
		if side := out[resident]; side != nil {
			side.FirstSeen[id] = at
		}
		return nil
	})
	return out, err
}

// loudest finds the pair of records by which two residents wait, decided or put
// off ones included.
func loudest(ctx context.Context, q querier, list []PairView) error {
	at := map[[2]uuid.UUID]*PairView{}
	var x, y []uuid.UUID
	for i := range list {
		if v := &list[i]; v.Gone == nil {
			x, y = append(x, v.X.Resident.ID), append(y, v.Y.Resident.ID)
			at[[2]uuid.UUID{v.X.Resident.ID, v.Y.Resident.ID}] = v
		}
	}
	rows, err := q.Query(ctx, `WITH w AS (SELECT DISTINCT x, y FROM unnest($1::uuid[], $2::uuid[]) AS w(x, y)),
			ends AS (SELECT w.x, w.y, m.id AS a, o.id AS b FROM w JOIN records m ON m.resident_id = w.x JOIN records o ON o.resident_id = w.y
				JOIN platforms pm ON pm.id = m.platform JOIN platforms po ON po.id = o.platform
				WHERE NOT m.deleted AND NOT o.deleted AND pm.class <> 'D' AND po.class <> 'D')
		SELECT DISTINCT ON (ends.x, ends.y) ends.x, ends.y, ends.a, ends.b, e.weight, e.reason
		FROM ends JOIN edges e ON e.a = least(ends.a, ends.b) AND e.b = greatest(ends.a, ends.b)
		ORDER BY ends.x, ends.y, e.reason = 'decision', e.reason IN ('i3', 'same_id') DESC, e.weight DESC, e.a, e.b`, x, y)
	if err != nil {
		return fmt.Errorf("edges: %w", err)
	}
	var pair [2]uuid.UUID
	var a, b int64
	var weight int
	var reason string
	if _, err := pgx.ForEachRow(rows, []any{&pair[0], &pair[1], &a, &b, &weight, &reason}, func() error {
		v := at[pair]
		v.Weight, v.Reason = weight, reason
		for _, r := range v.X.Records {
			if r.ID == a {
				v.A = r
			}
		}
		for _, r := range v.Y.Records {
			if r.ID == b {
				v.B = r
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("edges: %w", err)
	}
	return nil
}

// readBetween fills in the decisions between the two sides of each pair, and its
// state.
func readBetween(ctx context.Context, q querier, list []PairView, refs []schema.RecordRef) error {
	all, err := companyOf(planner{ctx: ctx, q: q}, refs)
	if err != nil {
		return err
	}
	owner := map[schema.RecordRef]uuid.UUID{}
	for _, m := range all {
		owner[m.ref] = m.resident
	}
	platforms, keys := refColumns(refs)
	decisions, err := readChoices(ctx, q, `WITH w AS (SELECT DISTINCT platform, key FROM unnest($1::text[], $2::text[]) AS w(platform, key))
		SELECT `+choiceColumns+` FROM decisions d WHERE d.revoked_at IS NULL AND d.kind IN ('same', 'not_same', 'later')
			AND (d.a_platform, d.a_key) IN (SELECT platform, key FROM w) AND (d.b_platform, d.b_key) IN (SELECT platform, key FROM w)
		ORDER BY d.id`, platforms, keys)
	if err != nil {
		return err
	}
	between := map[[2]uuid.UUID][]Choice{}
	for _, c := range decisions {
		a, b := owner[c.A], owner[c.B]
		between[[2]uuid.UUID{a, b}] = append(between[[2]uuid.UUID{a, b}], c)
		if a != b {
			between[[2]uuid.UUID{b, a}] = append(between[[2]uuid.UUID{b, a}], c)
		}
	}
	for i := range list {
		v := &list[i]
		if v.Gone != nil {
			continue
		}
		x, y := v.X.Resident.ID, v.Y.Resident.ID
		v.Decisions = between[[2]uuid.UUID{x, y}]
		v.State = slices.DeleteFunc(slices.Clone(all), func(m member) bool { return m.resident != x && m.resident != y }).state()
	}
	return nil
}
