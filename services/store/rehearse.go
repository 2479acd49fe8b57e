package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/services/lineage"
	"heji/services/linkage"
)

// Rehearsed is what the partition would be if a judgement were stored now.
type Rehearsed struct {
	Makes, Revokes []Choice
	// Aliases are the different valid ID numbers that would become one resident's.
	Aliases []string
	// Pending: records of the closure wait to be resolved anyway, so that some of
	// what is foreseen comes about without the judgement, too.
	Pending bool
	// Oversize: the component is too large to be partitioned; nothing would move.
	Oversize bool

	Records map[int64]Record // of the closure
	Rows    map[int64]lineage.Row
	Groups  [][]int64                  // residents as they would be: the living records of each
	Of      []uuid.UUID                // the id of each group
	Fresh   map[uuid.UUID]bool         // ids made up for residents that would be new
	Before  map[uuid.UUID]Resident     // as they are, by id
	Moved   map[uuid.UUID]uuid.UUID    // ids that would lead to another one
	Members map[uuid.UUID][]int64      // living records of each resident as they are
	Targets map[uuid.UUID][]TargetView // as they are
	Keeps   []Choice                   // as they would stand
}

// ErrBusy says that what a rehearsal needs to know is being changed just now.
var ErrBusy = errors.New("the records are being merged just now: ask again in a moment")

// Rehearse works out what a judgement would do, and does nothing. It runs
// linkage.Close, the very code that the stream resolves with, over one read-only
// snapshot in which the judgement's decisions are put beside those that are
// stored. A resolution inside a transaction that is rolled back would say the
// same, at the price of row locks that make the stream's workers start again, and
// of dead rows for every look.
func (s *Store) Rehearse(ctx context.Context, j Judgement) (Rehearsed, error) {
	var out Rehearsed
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		d, err := planner{ctx: ctx, q: tx}.plan(j)
		if err != nil {
			return err
		}
		out = Rehearsed{Makes: d.makes, Revokes: d.revokes, Aliases: d.aliases}
		now, err := s.peek(ctx, tx)
		if err != nil {
			return err
		}
		return out.run(ctx, tx, now, d)
	})
	if err != nil {
		return Rehearsed{}, fmt.Errorf("rehearse: %w", err)
	}
	return out, nil
}

func (o *Rehearsed) run(ctx context.Context, tx pgx.Tx, now *reign, d deed) error {
	model := now.force.Model
	stage := &stage{Neighbours: (&Resolution{tx: tx, reign: now}).Neighbours(ctx, model, false), deed: d,
		ids: map[schema.RecordRef]int64{}, seeds: map[int64]bool{}}
	seeds, err := stage.open(d.touched())
	if err != nil {
		return err
	}
	closure, err := linkage.Close(model, stage, seeds)
	if err != nil {
		return err
	}
	if len(closure.Flips) > 0 {
		return ErrBusy // a newcomer has carried a key across the cap
	}
	o.Records, o.Pending, o.Oversize = stage.Records, stage.pending, len(closure.Oversize) > 0
	o.Rows = make(map[int64]lineage.Row, len(o.Records))
	for id, rec := range o.Records {
		if o.Rows[id], err = lineage.Decode(rec.State); err != nil {
			return fmt.Errorf("record %d: read its state: %w", id, err)
		}
	}
	return o.assign(ctx, tx, closure, d)
}

// assign gives the groups their ids, as merge does.
func (o *Rehearsed) assign(ctx context.Context, tx pgx.Tx, closure linkage.Closure, d deed) error {
	var ids []uuid.UUID
	var refs []schema.RecordRef
	for _, r := range o.Records {
		ids, refs = append(ids, r.Resident, r.Former), append(refs, r.Ref)
	}
	var err error
	if o.Before, err = residentsByID(ctx, tx, ids); err != nil {
		return err
	}
	o.Fresh, o.Moved, o.Members = map[uuid.UUID]bool{}, map[uuid.UUID]uuid.UUID{}, map[uuid.UUID][]int64{}
	byRef := func(a, b int64) int { return linkage.CompareRefs(o.Records[a].Ref, o.Records[b].Ref) }
	lives := map[uuid.UUID]bool{}
	for _, c := range closure.Components {
		old, former := map[int64]uuid.UUID{}, map[int64]uuid.UUID{}
		for _, m := range c.Members {
			rec := o.Records[m.ID]
			if rec.Resident != uuid.Nil && !rec.Deleted {
				o.Members[rec.Resident] = append(o.Members[rec.Resident], m.ID)
				if o.Before[rec.Resident].Redirect != uuid.Nil { // merged away while the record was gone
					if !lives[rec.Resident] {
						former[m.ID] = rec.Resident
					}
					continue
				}
				old[m.ID] = rec.Resident
			}
			if r, ok := o.Before[rec.Former]; ok && r.Redirect != uuid.Nil && !lives[rec.Former] {
				former[m.ID] = rec.Former
			}
		}
		given := linkage.AssignIDs(c.Groups, old, former, byRef, func() uuid.UUID {
			id := uuid.New()
			o.Fresh[id] = true
			return id
		})
		o.Groups, o.Of = append(o.Groups, c.Groups...), append(o.Of, given.Of...)
		for _, id := range given.Of {
			lives[id] = true
		}
		for from, to := range given.Redirect {
			o.Moved[from] = to
		}
	}
	o.Targets = map[uuid.UUID][]TargetView{}
	for id := range o.Members {
		if o.Targets[id], err = targetViews(ctx, tx, id); err != nil {
			return err
		}
	}
	return o.keeps(ctx, tx, refs, d)
}

func (o *Rehearsed) keeps(ctx context.Context, tx pgx.Tx, refs []schema.RecordRef, d deed) error {
	list, err := choices(ctx, tx, refs, `d.kind = 'keep'`)
	if err != nil {
		return err
	}
	for _, c := range list {
		if !slices.ContainsFunc(d.revokes, func(r Choice) bool { return r.ID == c.ID }) {
			o.Keeps = append(o.Keeps, c)
		}
	}
	for i, c := range d.makes {
		if c.Kind == "keep" { // later than all that stand
			c.ID, c.At = math.MaxInt64-int64(len(d.makes)-i), time.Now()
			o.Keeps = append(o.Keeps, c)
		}
	}
	return nil
}

// stage is the neighbourhood in which a judgement's decisions stand already. It
// locks nothing: the snapshot does not move.
type stage struct {
	*Neighbours
	deed    deed
	ids     map[schema.RecordRef]int64
	seeds   map[int64]bool
	pending bool
	gone    map[linkage.Decision]bool // revoked, and by no other decision said again
}

var _ linkage.Neighbourhood = (*stage)(nil)

// open finds the records that would be reopened.
func (s *stage) open(refs []schema.RecordRef) ([]int64, error) {
	platforms, keys := refColumns(refs)
	rows, err := s.r.tx.Query(s.ctx, `SELECT r.id, r.platform, r.key FROM records r JOIN unnest($1::text[], $2::text[]) AS w(platform, key) USING (platform, key)`, platforms, keys)
	if err != nil {
		return nil, fmt.Errorf("find records: %w", err)
	}
	var ids []int64
	var id int64
	var ref schema.RecordRef
	if _, err := pgx.ForEachRow(rows, []any{&id, &ref.Platform, &ref.Key}, func() error {
		ids, s.ids[ref], s.seeds[id] = append(ids, id), id, true
		return nil
	}); err != nil {
		return nil, fmt.Errorf("find records: %w", err)
	}
	s.gone = map[linkage.Decision]bool{}
	for _, c := range s.deed.revokes {
		if c.Kind != "same" && c.Kind != "not_same" {
			continue
		}
		stand, err := decidedBetween(s.ctx, s.r.tx, c.Kind, []schema.RecordRef{c.A}, []schema.RecordRef{c.B})
		if err != nil {
			return nil, err
		}
		stand = slices.DeleteFunc(stand, func(o Choice) bool {
			return slices.ContainsFunc(s.deed.revokes, func(r Choice) bool { return r.ID == o.ID })
		})
		if len(stand) == 0 {
			s.gone[linkage.Decision{A: c.A, B: c.B, Same: c.Kind == "same"}] = true
			s.gone[linkage.Decision{A: c.B, B: c.A, Same: c.Kind == "same"}] = true
		}
	}
	return ids, nil
}

// Lock implements linkage.Neighbourhood without locks.
func (s *stage) Lock(ids []int64) ([]linkage.Row, error) {
	list, err := s.r.records(s.ctx, `SELECT `+recordColumns+` FROM records r WHERE id = ANY($1) ORDER BY id`, ids)
	if err != nil {
		return nil, err
	}
	out, err := s.locked(list)
	if err != nil {
		return nil, err
	}
	for i, rec := range list {
		s.pending = s.pending || rec.Unresolved
		out[i].Unresolved = out[i].Unresolved || s.seeds[rec.ID]
	}
	return out, nil
}

// Look implements linkage.Neighbourhood: what is stored, and the judgement.
func (s *stage) Look(q linkage.Look) (linkage.Found, error) {
	found, err := s.Neighbours.Look(q)
	if err != nil {
		return found, err
	}
	found.Decisions = slices.DeleteFunc(found.Decisions, func(d linkage.Decision) bool { return s.gone[d] })
	asked := map[schema.RecordRef]bool{}
	for _, ref := range q.Refs {
		asked[ref] = true
	}
	for _, c := range s.deed.makes {
		if c.Kind != "same" && c.Kind != "not_same" || !asked[c.A] && !asked[c.B] {
			continue
		}
		found.Decisions = append(found.Decisions, linkage.Decision{A: c.A, B: c.B, Same: c.Kind == "same"})
		a, b := s.ids[c.A], s.ids[c.B]
		if c.Kind == "same" && a != 0 && b != 0 {
			found.Pairs = append(found.Pairs, [2]int64{a, b})
		}
	}
	return found, nil
}
