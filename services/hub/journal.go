package hub

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"heji/services/journal"
	"heji/services/lineage"
	"heji/services/store"
)

const (
	// KeysFile holds the keys of what is kept encrypted, below the data folder.
	KeysFile = "keys.json"
	// JournalFolder holds the journal of writes, outside of the database.
	JournalFolder = "journal"

	keepSetting = "journal_keep_days"
	keepDays    = 396 // thirteen months
	forgetEvery = time.Hour
)

// forget drops what was kept of writes for long enough, in the store and in the
// journal alike.
func (h *Hub) forget(ctx context.Context) error {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		if err := h.forgetOnce(ctx, time.Now()); err != nil && ctx.Err() == nil {
			h.c.Logger.Warn("what was kept of writes long ago is still there; trying again in an hour", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (h *Hub) forgetOnce(ctx context.Context, now time.Time) error {
	days := keepDays
	if err := h.Store.Setting(ctx, keepSetting, &days); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if _, err := h.Store.ForgetDrafts(ctx); err != nil {
		return err
	}
	before := now.AddDate(0, 0, -days)
	n, err := h.Store.ForgetWrites(ctx, before)
	if err != nil {
		return err
	}
	files, err := h.journal.Drop(before)
	if n > 0 || files > 0 {
		h.c.Logger.Info("what was kept of writes long ago is dropped", "writes", n, "total", files)
	}
	return err
}

// Kept reads what is kept of a write.
func (h *Hub) Kept(intent uuid.UUID, sealed string) ([]lineage.Written, error) {
	c, err := journal.Open(h.Ring, intent, sealed)
	return c.Written, err
}
