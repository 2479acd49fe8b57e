package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heji/services/registry"
	"heji/services/store"
)

// observe feeds the gauges from the store and registers the health checks.
func (h *Hub) observe() {
	h.Health.Hub("postgres", h.Store.Ping)
	h.Health.Hub("nats", h.Bus.Check)
	h.Health.Hub("disk", h.diskCheck)
	h.Health.Notice("disk", h.diskNotice)
	h.Health.Notice("model", h.modelNotice)
	h.Health.Notice("login", h.loginNotice)
	for _, id := range h.Registry.IDs() {
		h.Health.Platform(id, func(ctx context.Context) error { return h.platformTrouble(ctx, id) })
	}
	h.Metrics.OnCollect(func(ctx context.Context) {
		if err := h.collect(ctx); err != nil {
			h.c.Logger.Warn("gauges could not be read; they keep their last values", "error", err)
		}
	})
}

// platformTrouble says what the hub knows of a platform's trouble, without
// asking the platform.
func (h *Hub) platformTrouble(ctx context.Context, id string) error {
	list, err := h.Store.Platforms(ctx)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.ID != id {
			continue
		}
		_, shut := p.Restoration()
		switch {
		case shut:
			return errors.New("shut since the database was restored: a steward opens it")
		case p.PullError != "":
			return fmt.Errorf("pull: %s", p.PullError)
		case p.WriteError != "":
			return fmt.Errorf("write: %s", p.WriteError)
		case p.Paused:
			return errors.New("paused by a person")
		case p.Quarantined:
			return errors.New("a whole read waits for a person")
		case p.Braked != nil:
			return errors.New("too many rows would be written: a person must look")
		}
	}
	return nil
}

func (h *Hub) collect(ctx context.Context) error {
	st, err := h.Store.Stats(ctx)
	if err != nil {
		return err
	}
	platforms, err := h.Store.Platforms(ctx)
	if err != nil {
		return err
	}
	m := h.Metrics
	m.Residents.Set(float64(st.Residents))
	m.UnresolvedRecords.Set(float64(st.Unresolved))
	m.ReviewsOpen.Set(float64(st.ReviewsOpen))
	if err := h.collectLinkage(ctx); err != nil {
		return err
	}
	asked, err := h.Store.QuestionsToday(ctx)
	if err != nil {
		return err
	}
	for id, day := range asked {
		m.Questions.WithLabelValues(id).Set(float64(day.Asked))
		m.QuestionsPerDay.WithLabelValues(id).Set(float64(day.PerDay))
	}
	flag := map[bool]float64{true: 1}
	m.Targets.Reset()
	m.DeadRecords.Reset()
	now := time.Now()
	for _, p := range platforms {
		ps := st.Platforms[p.ID]
		if ps == nil {
			continue
		}
		for _, state := range store.TargetStates {
			if n := ps.Targets[state]; n > 0 || p.Stage.Writes() {
				m.Targets.WithLabelValues(p.ID, string(state)).Set(float64(n))
			}
		}
		for stage, n := range ps.DeadRecords {
			m.DeadRecords.WithLabelValues(p.ID, stage).Set(float64(n))
		}
		oldest := 0.0
		if ps.OldestDue != nil {
			oldest = now.Sub(*ps.OldestDue).Seconds()
		}
		m.TargetOldest.WithLabelValues(p.ID).Set(max(oldest, 0))
		if p.ID == registry.Desk {
			continue
		}
		m.Quarantined.WithLabelValues(p.ID).Set(flag[p.Quarantined])
		m.Braked.WithLabelValues(p.ID).Set(flag[p.Braked != nil])
		m.Tripped.WithLabelValues(p.ID).Set(flag[p.TrippedAt != nil])
		_, shut := p.Restoration()
		m.Restored.WithLabelValues(p.ID).Set(flag[shut])
		// Against that platform's own cadence: a monthly extract is late after a
		// month, a database after a few seconds.
		lag := 0.0
		if p.AsOf != nil {
			lag = now.Sub(*p.AsOf).Seconds()
			if p.Kind != "files" && p.PulledAt != nil {
				lag = now.Sub(*p.PulledAt).Seconds() // an incremental read that found nothing is up to date, too
			}
			lag = max(lag-p.Cadence.Seconds(), 0)
		}
		m.SourceLag.WithLabelValues(p.ID).Set(lag)
	}
	return nil
}
