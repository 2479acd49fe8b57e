package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
)

// Merge is one time that records of another resident joined this one.
type Merge struct {
	ID     int64 // of its first line in the history
	At     time.Time
	Other  uuid.UUID          // whom the records came from
	Joined []schema.RecordRef // that are still here and stand for themselves
	// Splits: some of them are here, and something else is.
	Splits bool
}

// Merges lists how a resident came together, the latest first, and the State of
// the resident as it is now. Records that joined as newcomers, without ever
// having had a resident, came in no merge: they are split off one by one.
func (s *Store) Merges(ctx context.Context, resident uuid.UUID) (list []Merge, state string, err error) {
	all, err := companyOfResident(planner{ctx: ctx, q: s.pool}, resident)
	if err != nil {
		return nil, "", err
	}
	list, err = merges(ctx, s.pool, resident, all)
	return list, all.state(), err
}

func companyOfResident(p planner, resident uuid.UUID) (company, error) {
	rows, err := p.q.Query(p.ctx, `SELECT platform, key FROM records WHERE resident_id = $1 AND NOT deleted ORDER BY id LIMIT 1`, resident)
	if err != nil {
		return nil, fmt.Errorf("read the resident's records: %w", err)
	}
	refs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[schema.RecordRef])
	if err != nil {
		return nil, fmt.Errorf("read the resident's records: %w", err)
	}
	if len(refs) == 0 {
		return nil, ErrNotFound
	}
	return companyOf(p, refs)
}

func merges(ctx context.Context, q querier, resident uuid.UUID, all company) ([]Merge, error) {
	// What joined somebody who was merged into this resident later is part of how
	// this one came together.
	rows, err := q.Query(ctx, `WITH RECURSIVE mine(id) AS (SELECT $1::uuid
			UNION SELECT r.id FROM residents r JOIN mine ON r.redirect_to = mine.id)
		SELECT min(h.id), h.at, h.other, array_agg(h.platform ORDER BY h.id), array_agg(h.key ORDER BY h.id)
		FROM history h JOIN mine ON mine.id = h.resident_id
		WHERE h.kind = 'joined' AND h.other IS NOT NULL
		GROUP BY h.resident_id, h.at, h.other ORDER BY 1 DESC LIMIT $2`, resident, ActionLimit)
	if err != nil {
		return nil, fmt.Errorf("read past merges: %w", err)
	}
	alone := func(m member) bool { return !m.deleted && len(m.anchors) == 0 && m.resident == resident }
	rest := 0
	for _, m := range all {
		if alone(m) {
			rest++
		}
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Merge, error) {
		var m Merge
		var platforms, keys []string
		if err := row.Scan(&m.ID, &m.At, &m.Other, &platforms, &keys); err != nil {
			return m, err
		}
		for i := range platforms {
			ref := schema.RecordRef{Platform: platforms[i], Key: keys[i]}
			if here := all.find(ref); here != nil && alone(*here) && !slices.Contains(m.Joined, ref) {
				m.Joined = append(m.Joined, ref)
			}
		}
		m.Splits = len(m.Joined) > 0 && len(m.Joined) < rest
		return m, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read past merges: %w", err)
	}
	return list, nil
}

// split plans a split along groups that a person drew, or along a past merge.
func (p planner) split(j Judgement) (deed, error) {
	d := deed{kind: j.Kind, who: j.Who, why: j.Why}
	all, err := companyOfResident(p, j.Resident)
	if err != nil {
		return d, err
	}
	if j.Seen != "" && j.Seen != all.state() {
		return d, ErrMoved
	}
	groups := j.Groups
	if j.Kind == "unmerge" {
		if groups, err = p.joined(j, all); err != nil {
			return d, err
		}
	}
	sides, err := sidesOf(all, j.Resident, groups)
	if err != nil {
		return d, err
	}
	var clash []Choice
	for i, x := range sides {
		for _, y := range sides[i+1:] {
			for _, a := range x {
				for _, b := range y {
					d.makes = append(d.makes, choiceOf("not_same", a.ref, b.ref))
				}
			}
			list, err := decidedBetween(p.ctx, p.q, "same", refsOf(x), refsOf(y))
			if err != nil {
				return d, err
			}
			clash = append(clash, list...)
		}
	}
	for _, i := range j.Hold {
		for _, m := range sides[i][1:] {
			d.makes = append(d.makes, choiceOf("same", sides[i][0].ref, m.ref))
		}
	}
	if d.revokes, err = revoking(clash, j.Revoke); err != nil {
		return d, err
	}
	return p.new(d)
}

// joined draws the groups of an unmerge: what joined then, and the rest.
func (p planner) joined(j Judgement, all company) ([][]schema.RecordRef, error) {
	list, err := merges(p.ctx, p.q, j.Resident, all)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(m Merge) bool { return m.ID == j.Merge })
	switch {
	case i < 0:
		return nil, ErrNotFound
	case !list[i].Splits:
		return nil, ErrNothingJoined
	}
	return [][]schema.RecordRef{list[i].Joined, restOf(all, j.Resident, list[i].Joined)}, nil
}

// restOf returns the living records that stand for themselves and are not out.
func restOf(all company, resident uuid.UUID, out []schema.RecordRef) []schema.RecordRef {
	var rest []schema.RecordRef
	for _, m := range all {
		if !m.deleted && len(m.anchors) == 0 && m.resident == resident && !slices.Contains(out, m.ref) {
			rest = append(rest, m.ref)
		}
	}
	return rest
}

// sidesOf checks the groups of a split and returns their records that stand for
// themselves. A record that follows another may be named where that one is, and
// nowhere else.
func sidesOf(all company, resident uuid.UUID, groups [][]schema.RecordRef) ([][]member, error) {
	if len(groups) < 2 {
		return nil, &SplitProblem{Problem: "few"}
	}
	in := map[schema.RecordRef]int{}
	sides := make([][]member, len(groups))
	for i, g := range groups {
		for _, ref := range g {
			m := all.find(ref)
			switch _, twice := in[ref]; {
			case m == nil || m.deleted || m.resident != resident:
				return nil, &SplitProblem{Problem: "unknown", Refs: []schema.RecordRef{ref}}
			case twice:
				return nil, &SplitProblem{Problem: "twice", Refs: []schema.RecordRef{ref}}
			}
			in[ref] = i
			if len(m.anchors) == 0 {
				sides[i] = append(sides[i], *m)
			}
		}
	}
	if missing := slices.DeleteFunc(restOf(all, resident, nil), func(ref schema.RecordRef) bool { _, ok := in[ref]; return ok }); len(missing) > 0 {
		return nil, &SplitProblem{Problem: "missing", Refs: missing}
	}
	for ref, i := range in {
		m := all.find(ref)
		if len(m.anchors) == 0 {
			continue
		}
		if leads := all.leader(*m); leads != nil && leads.ref != ref && in[leads.ref] != i {
			return nil, &SplitProblem{Problem: "anchored", Refs: []schema.RecordRef{ref, leads.ref}}
		}
	}
	for _, side := range sides {
		if len(side) == 0 {
			return nil, &SplitProblem{Problem: "empty"}
		}
	}
	return sides, nil
}
