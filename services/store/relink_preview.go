package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
	"heji/schema/idnum"
	"heji/services/lineage"
	"heji/services/linkage"
)

// PreviewRelink computes what a relink to the model in source would change: the
// Batch of everything under it, compared with the partition that is stored. It
// reads one snapshot, changes nothing and holds no lock; it needs memory for the
// features of every record (roughly a gigabyte for a million).
func (s *Store) PreviewRelink(ctx context.Context, source []byte) (RelinkPreview, error) {
	model, err := linkage.Load(strings.NewReader(string(source)))
	if err != nil {
		return RelinkPreview{}, err
	}
	p := preview{model: model, secret: s.models.secret}
	p.out.To, p.out.DigestTo = model.Version(), Digest(source)
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		for _, read := range []func(context.Context, pgx.Tx) error{p.figures, p.records, p.decided} {
			if err := read(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return RelinkPreview{}, fmt.Errorf("preview a relink: %w", err)
	}
	p.compare()
	return p.out, nil
}

// preview gathers what the comparison needs.
type preview struct {
	model  *linkage.Model
	secret []byte
	out    RelinkPreview

	items     []linkage.Item
	now       []uuid.UUID // resident of each item, Nil: none yet
	ids       []int64     // row id of each item
	numbers   []string    // valid ID number of each item, or ""
	decisions []linkage.Decision
}

// figures reads what is counted today.
func (p *preview) figures(ctx context.Context, tx pgx.Tx) error {
	err := tx.QueryRow(ctx, `SELECT coalesce((SELECT version FROM models WHERE phase IN ('resolving', 'in_force')), ''),
		(SELECT count(*) FROM records WHERE unresolved), (SELECT count(*) FROM hot_keys),
		(SELECT count(*) FROM records WHERE unresolved AND parked_until IS NOT NULL),
		(SELECT count(DISTINCT (x, y)) FROM (`+openPairs+`) o)`).
		Scan(&p.out.From, &p.out.Unresolved, &p.out.HotKeys.Now, &p.out.Parked.Now, &p.out.Reviews.Now)
	if err != nil {
		return fmt.Errorf("read figures: %w", err)
	}
	list, err := platforms(ctx, tx)
	if err != nil {
		return err
	}
	for _, pl := range list {
		p.out.Platforms = append(p.out.Platforms, PlatformEffect{Platform: pl.ID, Writes: pl.Stage.Writes() && pl.Writable,
			sealed: pl.Class == schema.ClassD})
	}
	return nil
}

// records derives every living record's features and keys under the new model.
func (p *preview) records(ctx context.Context, tx pgx.Tx) error {
	refs := map[int64]schema.RecordRef{}
	anchors := map[int][]int64{}
	rows, err := tx.Query(ctx, `SELECT id, platform, key, coalesce(resident_id, '00000000-0000-0000-0000-000000000000'), anchors, state
		FROM records WHERE NOT deleted ORDER BY id`)
	if err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	var id int64
	var ref schema.RecordRef
	var resident uuid.UUID
	var follows []int64
	var state []byte
	if _, err := pgx.ForEachRow(rows, []any{&id, &ref.Platform, &ref.Key, &resident, &follows, &state}, func() error {
		it, number := linkage.Item{Ref: ref}, ""
		if len(follows) == 0 {
			row, err := lineage.DecodeEvidence(state)
			if err != nil {
				return fmt.Errorf("record %d: read its state: %w", id, err)
			}
			it.F = p.model.Features(row.Own) // I6: own evidence only
			it.Keys = p.model.Keys(it.F, p.secret)
			if n := idnum.Parse(row.Own[schema.IDNumber]); n.Valid {
				number = n.Text
			}
		} else {
			anchors[len(p.items)] = append([]int64(nil), follows...)
		}
		refs[id] = ref
		p.items, p.now = append(p.items, it), append(p.now, resident)
		p.ids, p.numbers = append(p.ids, id), append(p.numbers, number)
		return nil
	}); err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	for i, list := range anchors {
		for _, a := range list {
			p.items[i].Anchors = append(p.items[i].Anchors, refs[a]) // gone: no record's name, and still no ordinary record
		}
	}
	return nil
}

// decided reads what people decided (I4).
func (p *preview) decided(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT a_platform, a_key, b_platform, b_key, kind = 'same' FROM decisions
		WHERE revoked_at IS NULL AND kind IN ('same', 'not_same')`)
	if err != nil {
		return fmt.Errorf("read decisions: %w", err)
	}
	var d linkage.Decision
	if _, err = pgx.ForEachRow(rows, []any{&d.A.Platform, &d.A.Key, &d.B.Platform, &d.B.Key, &d.Same}, func() error {
		p.decisions = append(p.decisions, d)
		return nil
	}); err != nil {
		return fmt.Errorf("read decisions: %w", err)
	}
	return nil
}
