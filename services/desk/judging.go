package desk

import (
	"context"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/access"
	"heji/services/store"
)

// Who judges which pair. The community concerned knows its people best: whoever works
// there decides about pairs of whom both are seen. What reaches further waits for a
// data steward, who sees everybody: a pair of two communities, since neither may look
// at the other's resident; two different valid ID numbers that would become one
// person's (I3); a decision that would change a third resident, who is not seen; and
// everything that is no pair.

// reviews reports whether whoever asks decides about everything.
func reviews(ctx context.Context) bool {
	a := access.From(ctx)
	return !a.Known() || a.May(access.Review)
}

// judged are the decisions of those who do not.
var judged = []string{"same", "not_same", "later"}

// within refuses what is not for whoever asks to decide.
func (d *Desk) within(ctx context.Context, l Lang, j store.Judgement) error {
	switch {
	case reviews(ctx):
		return nil
	case j.Kind == "undo":
		a, err := d.o.Store.Action(ctx, j.Undoes)
		if err == nil && !mayUndo(ctx, a) {
			err = fail(http.StatusForbidden, "steward_undo")
		}
		if err != nil {
			return err
		}
	case !slices.Contains(judged, j.Kind):
		return fail(http.StatusForbidden, "forbidden")
	case len(j.Revoke) > 0:
		return fail(http.StatusForbidden, "steward_undo")
	case j.Aliases:
		return fail(http.StatusForbidden, "steward_numbers")
	case j.Kind == "later":
		return nil // nobody is changed
	}
	f, err := d.forecast(ctx, l, j)
	if err == nil && len(f.Aliases) > 0 {
		err = fail(http.StatusForbidden, "steward_numbers")
	}
	return err
}

// mayUndo reports whether an action is for whoever asks to undo: a pair that he
// decided himself, where he does not review.
func mayUndo(ctx context.Context, a store.Action) bool {
	return reviews(ctx) || slices.Contains(judged, a.Kind) && a.Who == access.From(ctx).Name
}

// veilForecast refuses to foresee what reaches somebody who is not seen, and leaves
// out what is not shown of the others.
func (d *Desk) veilForecast(ctx context.Context, j store.Judgement, f *Forecast) error {
	if !store.Limited(ctx) {
		return nil
	}
	var ids []uuid.UUID
	for _, b := range f.Before {
		id, err := uuid.Parse(b.Resident)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	known, err := d.o.Store.Seen(ctx, ids)
	if err != nil {
		return err
	}
	all := veil{}
	for i, id := range ids {
		if !known[id] {
			return fail(http.StatusConflict, "steward_reach")
		}
		v, err := d.veilOf(ctx, id)
		if err != nil {
			return err
		}
		if i == 0 {
			all = v
		}
		// What is hidden of one of them is hidden of all: the values meet in one resident.
		all.domains = slices.DeleteFunc(slices.Clone(all.domains), func(x string) bool { return !slices.Contains(v.domains, x) })
	}
	for i := range f.After {
		a := &f.After[i]
		a.Values = slices.DeleteFunc(a.Values, func(c Change) bool { return all.hides(c.Attribute) })
		a.Effects = slices.DeleteFunc(a.Effects, func(e Effect) bool { return all.hides(e.Attribute) })
	}
	if !namesRecords(ctx) {
		f.Revokes = maskedKeys(f.Revokes)
		for i := range f.Before {
			f.Before[i].maskKeys()
		}
		for i := range f.After {
			f.After[i].maskKeys()
			for k := range f.After[i].Values {
				c := &f.After[i].Values[k]
				c.After.Key = shownKey(c.After.Key)
				for n := range c.Before {
					c.Before[n].Key = shownKey(c.Before[n].Key)
				}
			}
			for k := range f.After[i].Effects {
				f.After[i].Effects[k].Key = shownKey(f.After[i].Effects[k].Key)
			}
		}
	}
	return nil
}

func (b *Body) maskKeys() {
	for i := range b.Records {
		b.Records[i].Key = shownKey(b.Records[i].Key)
	}
}

func maskedKeys(list []Decided) []Decided {
	list = slices.Clone(list)
	for i := range list {
		list[i].A.Key, list[i].B.Key = shownKey(list[i].A.Key), shownKey(list[i].B.Key)
	}
	return list
}

// hide leaves out what is not shown.
func (p *Pair) hide(v veil) {
	if !v.drawn {
		return
	}
	p.Rows = slices.DeleteFunc(p.Rows, func(f Facing) bool { return v.hides(f.Attribute) })
	for _, s := range []*Side{&p.A, &p.B} {
		for a := range s.Values {
			if v.hides(schema.Attribute(a)) {
				delete(s.Values, a)
			}
		}
	}
	p.Decisions = v.decided(p.Decisions)
}

// maskKeys masks keys that are numbers for those who name no records.
func (p *Pair) maskKeys(ctx context.Context) {
	if namesRecords(ctx) {
		return
	}
	for _, s := range []*Side{&p.A, &p.B} {
		s.Key = shownKey(s.Key)
		for i := range s.Records {
			s.Records[i].Key = shownKey(s.Records[i].Key)
		}
	}
	p.Decisions = maskedKeys(p.Decisions)
}
