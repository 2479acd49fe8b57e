package stream

import (
	"context"

	"heji/schema"
	"heji/services/store"
)

// missing counts the fields of all platforms that do not show what their
// agreements demand, asked of the platforms themselves. What waits for a person
// is left out.
func (b *bench) missing(ctx context.Context) (int, error) {
	resident := map[schema.RecordRef]string{}
	members, err := b.hub.Store.Memberships(ctx)
	if err != nil {
		return 0, err
	}
	for _, m := range members {
		if !m.Deleted {
			resident[m.Ref] = m.Resident
		}
	}
	held := map[schema.RecordRef]bool{}
	if err := b.hub.Store.EachHeld(ctx, func(t store.HeldTarget) error {
		held[schema.RecordRef{Platform: t.Platform, Key: t.Key}] = true
		return nil
	}); err != nil {
		return 0, err
	}
	masters := map[string]store.Survivors{}
	if err := b.hub.Store.EachResident(ctx, func(r store.Resident) error {
		masters[r.ID.String()] = r.Master
		return nil
	}); err != nil {
		return 0, err
	}
	n := 0
	for _, p := range b.platforms {
		connected, _ := b.hub.Registry.Get(p.id)
		g := connected.Spec.Agreement
		for place := range p.n {
			i, ok := p.person(place)
			if !ok {
				continue
			}
			row := p.row(place, i)
			ref := schema.RecordRef{Platform: p.id, Key: row.Key}
			id, known := resident[ref]
			if !known {
				n++ // I1
				continue
			}
			if held[ref] {
				continue
			}
			was := p.register.columns(p.register, p.people, i)
			for a := range g.Receives {
				column := connected.Spec.Fields[a].Column
				s, ok := masters[id][a]
				if !ok || s.Disputed || g.Mode(a) == schema.FillEmpty && was[column] != "" {
					continue
				}
				if shown, _ := connected.Map.Value(a, row.Columns[column]); shown != s.Value {
					n++
				}
			}
		}
	}
	return n, nil
}
