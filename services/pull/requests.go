package pull

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"heji/connectors"
	"heji/schema"
	"heji/schema/clock"
	"heji/services/registry"
	"heji/services/store"
)

// listenEvery is how soon a request of another process is heard.
const listenEvery = 2 * time.Second

// listen wakes the platforms that somebody asked for. A request is durable, so
// that it is heard whichever process it was made in.
func (s *Service) listen(ctx context.Context) error {
	t := time.NewTicker(listenEvery)
	defer t.Stop()
	woken := map[int64]time.Time{} // when what was heard had been asked for
	for {
		list, err := s.o.Store.PullRequests(ctx, "")
		if err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("what pull is asked for cannot be read; trying again", "error", err)
		}
		for _, r := range list {
			if r.AskedAt.After(woken[r.ID]) { // once each time: a platform that fails keeps its own pace
				woken[r.ID] = r.AskedAt
				s.Wake(r.Platform)
			}
		}
		decided, err := s.o.Store.Decided(ctx, "")
		if err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("what was decided about reads in quarantine cannot be read; trying again", "error", err)
		}
		for _, q := range decided {
			s.Wake(q.Platform)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// requested prepares what was asked for: single rows are looked at and
// published here, a whole read becomes the next pass. It returns the requests
// that the next pass ends.
func (r *run) requested(ctx context.Context) (whole []int64, err error) {
	if r.connector == nil {
		return nil, nil
	}
	list, err := r.service.o.Store.PullRequests(ctx, r.id)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	for _, q := range list {
		if q.Key == "" {
			r.heard = later(r.heard, q.AskedAt)
		}
	}
	looker, looks := r.connector.(connectors.Looker)
	for _, q := range list {
		if q.Key == "" || !looks {
			whole = append(whole, q.ID)
			continue
		}
		if err := r.lookAgain(ctx, looker, q); err != nil {
			return nil, err
		}
		if err := r.service.o.Store.PullRequestsDone(ctx, []int64{q.ID}); err != nil {
			return nil, err
		}
	}
	if len(whole) == 0 {
		return nil, nil
	}
	if again, ok := r.connector.(connectors.Rereader); ok {
		if err := again.Reread(ctx); err != nil {
			return nil, err
		}
	}
	if r.asker != nil {
		if err := r.service.o.Store.AskAllAgain(ctx, r.id); err != nil {
			return nil, err
		}
	}
	r.cursor = nil
	r.log.Info("everything is read again, as was asked for")
	return whole, nil
}

// barred waits as long as the platform does not accept our credentials. A whole
// read that a person asks for meanwhile opens the gate; no other wake does.
func (r *run) barred(ctx context.Context, gate *registry.Gate) error {
	if gate.Closed() == 0 {
		return nil
	}
	for before := r.heard; ; {
		list, err := r.service.o.Store.PullRequests(ctx, r.id)
		if err != nil {
			return err
		}
		for _, q := range list {
			if q.Key == "" {
				r.heard = later(r.heard, q.AskedAt)
			}
		}
		if r.heard.After(before) {
			gate.Open()
		}
		wait := gate.Closed()
		if wait == 0 {
			return nil
		}
		r.service.pause(ctx, r.id, min(wait, listenEvery))
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// lookAgain asks the platform for one row and publishes what it shows.
func (r *run) lookAgain(ctx context.Context, looker connectors.Looker, q store.PullRequest) error {
	asked := clock.Now()
	rows, err := looker.Look(ctx, connectors.Query{Key: q.Key})
	if errors.Is(err, connectors.ErrOtherRow) {
		// It says nothing about the row, and holds up nothing else (I10).
		return r.publish(ctx, []schema.Record{{Op: schema.OpDead, Key: q.Key, AsOf: asked.Add(-r.lag), Problem: schema.ProblemOtherPerson, Place: "asked for again"}})
	}
	if err != nil {
		return fmt.Errorf("ask for a row again: %w", err)
	}
	rows = slices.DeleteFunc(rows, func(row connectors.Row) bool { return row.Key != q.Key })
	m := schema.Record{Op: schema.OpDelete, Key: q.Key, AsOf: asked.Add(-r.lag)}
	if len(rows) > 0 {
		m = r.record(rows[0], m.AsOf)
	}
	return r.publish(ctx, []schema.Record{m})
}

// done closes the requests that a pass has ended. A pass that went through to
// its end and then complained about rows without a key has ended them, too:
// asking on would read everything again and again.
func (r *run) done(ctx context.Context, requests []int64, err error) error {
	if err != nil && !r.whole {
		return nil // asked for until it succeeds
	}
	return r.service.o.Store.PullRequestsDone(ctx, requests)
}
