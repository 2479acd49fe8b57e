package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/schema/idnum"
	"heji/services/lineage"
	"heji/services/store"
)

// linksElsewhere refuses an entry that the engine would join with a record of
// somebody whom whoever enters does not see: without a number, but with the name,
// the birth date and the phone of somebody of another community, it would alter
// that resident and bring them over, past the handover. before is what was known
// of whom is entered; an entry that changes nothing about the link is let through.
//
// It stands before the entry and not in the resolution, whose result must not
// depend on who came first: what registers say joins as ever.
func (d *Desk) linksElsewhere(ctx context.Context, request string, before, values schema.Values) error {
	if !store.Limited(ctx) || idnum.Parse(values[schema.IDNumber]).Valid {
		return nil // a number is asked for by elsewhere
	}
	began := time.Now()
	_, err := d.o.Store.EntryState(ctx, request)
	if err == nil {
		return nil // sent twice: it was judged when it was saved
	}
	keys := d.o.Keys
	if keys == nil {
		keys = d.o.Store.Keys
	}
	list, err := d.o.Store.Unseen(ctx, keys(values))
	if err != nil || len(list) == 0 {
		return err
	}
	model := d.model(ctx)
	mine, was := model.Features(values), model.Features(before)
	for _, rec := range list {
		var row lineage.Row
		if err := json.Unmarshal(rec.State, &row); err != nil {
			return fmt.Errorf("read the state of a record: %w", err)
		}
		theirs := model.Features(row.Own)
		if model.Compare(mine, theirs).Weight < model.Limits().Link || before != nil && model.Compare(was, theirs).Weight >= model.Limits().Link {
			continue
		}
		if err := d.o.Store.ToldElsewhere(ctx); err != nil {
			return claimFailure(err)
		}
		if err := steady(ctx, began); err != nil {
			return err
		}
		return fail(http.StatusConflict, "elsewhere")
	}
	return nil
}

// joins is the engine's word on whether a line of an import would be joined with a
// record by itself.
func (d *Desk) joins(ctx context.Context) store.Joins {
	model := d.model(ctx)
	return func(line schema.Values, theirs store.Record) (bool, error) {
		row, err := rowOf(theirs)
		if err != nil {
			return false, err
		}
		return model.Compare(model.Features(line), model.Features(row.Own)).Weight >= model.Limits().Link, nil
	}
}

// editLinksElsewhere is the same for changes of a resident who is seen.
func (d *Desk) editLinksElsewhere(ctx context.Context, request string, resident uuid.UUID, changes schema.Values) error {
	if !store.Limited(ctx) {
		return nil
	}
	people, err := d.o.Store.ResidentsByID(ctx, []uuid.UUID{resident})
	if err != nil {
		return err
	}
	r, there := people[resident]
	if !there {
		return nil // the store says so
	}
	before := r.Values()
	after := maps.Clone(before)
	maps.Copy(after, changes)
	if _, said := changes[schema.IDNumber]; !said {
		delete(after, schema.IDNumber) // what is not new is no reason to pass
		before = maps.Clone(before)
		delete(before, schema.IDNumber)
	}
	return d.linksElsewhere(ctx, request, before, after)
}
