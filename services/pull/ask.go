package pull

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"heji/connectors"
	"heji/connectors/mapping"
	"heji/schema"
	"heji/schema/clock"
	"heji/services/registry"
	"heji/services/store"
)

// asking is what a run knows of a platform that is asked person by person.
type asking struct {
	store.Asking
	mapping   *mapping.Map
	agreement schema.Agreement
	tidied    time.Time // when questions that nobody asks any more were last looked for
}

const (
	askChunk  = 50 // persons chosen at once
	askAgain  = 30 * 24 * time.Hour
	tidyEvery = time.Hour
	// turnedAway is how long a platform is left alone that says that it was asked
	// enough, and not until when.
	turnedAway = 15 * time.Minute
)

func (r *run) prepareAsking(ctx context.Context, p *registry.Platform, a connectors.Asker) error {
	r.asker = a
	q := store.Asking{Platform: r.id, Again: askAgain, PerDay: p.Spec.Limits.QuestionsPerDay, Zone: "Asia/Shanghai"}
	if z, ok := a.(interface{ Zone() string }); ok {
		q.Zone = z.Zone()
	}
	if d := p.Spec.Limits.AskAgain.D(); d > 0 {
		q.Again = d
	}
	for _, n := range p.Spec.Natural {
		q.Natural = append(q.Natural, string(n))
	}
	for _, n := range p.Map.Attributes() {
		if !slices.Contains(p.Spec.Natural, n) {
			q.Gives = append(q.Gives, string(n))
		}
	}
	r.asking = asking{Asking: q, mapping: p.Map, agreement: p.Spec.Agreement}
	lost, err := r.service.o.Store.LostAnswers(ctx, r.lease)
	if err != nil {
		return err
	}
	for _, a := range lost {
		if err := r.answered(ctx, a); err != nil {
			return err
		}
	}
	if len(lost) > 0 {
		r.log.Info("answers were lost on their way; they are published again", "answers", len(lost))
	}
	return nil
}

// answered publishes an answer and notes it.
func (r *run) answered(ctx context.Context, a store.Answer) error {
	position := int64(0)
	if len(a.Records) > 0 {
		r.emitted = true
		if err := r.publish(ctx, a.Records); err != nil {
			return err
		}
		position = r.position
	}
	return r.service.o.Store.Answered(ctx, r.lease, position, a)
}

// askPass asks about persons, the most useful questions first, for as long as
// the day has questions left and there is somebody to ask about.
func (r *run) askPass(ctx context.Context) error {
	st := r.service.o.Store
	r.emitted, r.whole = false, false
	if time.Since(r.asking.tidied) > tidyEvery {
		if err := r.tidy(ctx); err != nil {
			return err
		}
		r.asking.tidied = time.Now()
	}
	for ctx.Err() == nil {
		left, err := st.QuestionsLeft(ctx, r.asking.Asking)
		if err != nil {
			return err
		}
		if left == 0 {
			break
		}
		today := time.Now()
		people, err := st.WhomToAsk(ctx, r.asking.Asking, min(left, askChunk), func(v schema.Values) bool {
			return r.asking.agreement.InScope(v, today) && r.asking.mapping.Natural(v) != nil
		})
		if err != nil {
			return err
		}
		if len(people) == 0 {
			break
		}
		for _, p := range people {
			err := r.ask(ctx, p)
			if errors.Is(err, store.ErrQuota) {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.whole = true
	return r.markAsked(ctx)
}

// ask asks about one person and publishes what comes of it.
func (r *run) ask(ctx context.Context, p store.Person) error {
	st := r.service.o.Store
	if err := st.Reserve(ctx, r.asking.Asking, r.lease, p.ID); err != nil {
		return err
	}
	asked := time.Now()
	rows, err := r.asker.Ask(ctx, r.asking.mapping.Natural(p.Values))
	if err != nil {
		var never connectors.Unasked
		if errors.As(err, &never) {
			return errors.Join(err, st.GiveBack(context.WithoutCancel(ctx), r.asking.Asking))
		}
		if errors.Is(err, connectors.ErrThrottled) && connectors.RetryAfter(err) == 0 {
			err = &connectors.Later{After: turnedAway, Err: err}
		}
		return err
	}
	asOf := asked.Add(-r.lag)
	var list []schema.Record
	var keys []string
	for _, row := range rows {
		list = append(list, r.record(row, asOf))
		if row.Op != schema.OpDead && row.Key != "" {
			keys = append(keys, row.Key)
		}
	}
	for _, key := range p.Keys {
		if !slices.Contains(keys, key) { // "not found" is an answer too
			list = append(list, schema.Record{Op: schema.OpDelete, Key: key, AsOf: asOf})
		}
	}
	return r.answered(ctx, store.Answer{Person: p.ID, Keys: keys, Records: list})
}

// tidy takes back what was answered to questions that nobody asks any more.
func (r *run) tidy(ctx context.Context) error {
	st := r.service.o.Store
	for {
		list, err := st.NobodyAsks(ctx, r.asking.Asking)
		if err != nil || len(list) == 0 {
			return err
		}
		var gone []schema.Record
		asOf := clock.Now().Add(-r.lag)
		for _, u := range list {
			for _, key := range u.Keys {
				gone = append(gone, schema.Record{Op: schema.OpDelete, Key: key, AsOf: asOf})
			}
		}
		if len(gone) > 0 {
			if err := r.publish(ctx, gone); err != nil {
				return err
			}
		}
		if err := st.Forget(ctx, r.id, list); err != nil {
			return err
		}
	}
}

// markAsked says that all that can be asked now was asked. The resume point only
// tells when: what was asked stands in the store.
func (r *run) markAsked(ctx context.Context) error {
	if !r.emitted && r.cursor != nil {
		return nil
	}
	cursor, err := json.Marshal(time.Now().UTC())
	if err != nil {
		return fmt.Errorf("write the resume point: %w", err)
	}
	if err := r.publish(ctx, []schema.Record{{Op: schema.OpMark, AsOf: clock.Now().Add(-r.lag), Cursor: cursor, Complete: true}}); err != nil {
		return err
	}
	r.cursor = cursor
	return nil
}
