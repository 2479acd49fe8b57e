package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"heji/services/audit"
	"heji/services/journal"
	"heji/services/registry"
	"heji/services/store"
)

// lastWrites is how many of the journal's last writes are compared with the
// store. Processes that write at the same time store and note their writes in
// different orders; never so far apart.
const lastWrites = 2000

// reconcile looks, before anything starts, whether the store is older than what
// was noted outside of it: then it was restored, and learns from the journal what
// it has forgotten.
func (h *Hub) reconcile(ctx context.Context) error {
	last, err := h.journal.Last(lastWrites)
	if err != nil {
		return err
	}
	ids, fence := make([]uuid.UUID, len(last)), int64(0)
	for i, l := range last {
		ids[i], fence = l.Intent, max(fence, l.Fence)
	}
	lost, err := h.Store.LostWrites(ctx, ids)
	if err != nil {
		return err
	}
	if len(lost) == 0 {
		lacks, err := h.lacksAudit(ctx)
		if err != nil || !lacks {
			return err
		}
	}
	return h.restored(ctx, fence)
}

// beat says every few seconds that this process lives, and takes in when the
// database has forgotten that: then it was put back to an older point under the
// process. Nothing has been taken in, resolved or written since (store.ErrOlder),
// and whoever works has lost its lease when it is taken in.
func (h *Hub) beat(ctx context.Context) error {
	every := h.c.Lease / 3
	if every == 0 {
		every = 5 * time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for older := false; ; {
		err := h.Store.Beat(ctx)
		if older || errors.Is(err, store.ErrOlder) {
			if err = h.restored(ctx, 0); err == nil {
				select {
				case <-h.Store.Older(): // of the time before
				default:
				}
			}
		}
		if err != nil && ctx.Err() == nil {
			h.c.Logger.Warn("whether the database is as new as it was cannot be told now; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			older = false
		case <-h.Store.Older():
			older = true
		}
	}
}

// restored takes in that the database was put back to an older point. fence is
// the highest of the journal that is known already.
func (h *Hub) restored(ctx context.Context, fence int64) error {
	list, err := h.forgotten(ctx)
	if err != nil {
		return err
	}
	for i := range list {
		fence = max(fence, list[i].Fence)
	}
	done, err := h.Store.Reconcile(ctx, list, time.Now(), fence, []string{registry.Desk, h.c.Apart}, h.Keys)
	if err == nil && done {
		h.c.Logger.Warn("the database was restored to an older point: every platform is read whole and stays shut until a steward opens it", "writes", len(list))
	}
	return err
}

// lacksAudit reports whether the last noted head of the audit chain is not in the
// store's.
func (h *Hub) lacksAudit(ctx context.Context) (bool, error) {
	raw, err := os.ReadFile(filepath.Join(h.c.Dir, HeadsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("the noted heads of the audit trail: %w", err)
	}
	lines := bytes.Split(bytes.TrimRight(raw[:bytes.LastIndexByte(raw, '\n')+1], "\n"), []byte("\n"))
	_, text, ok := bytes.Cut(lines[len(lines)-1], []byte(" "))
	if !ok {
		return false, nil
	}
	head, err := audit.ParseHead(string(text))
	if err != nil {
		return false, fmt.Errorf("%s: the last line: %w", HeadsFile, err)
	}
	return h.Store.LacksAudit(ctx, head)
}

// forgotten reads from the journal the writes that the store does not know, or
// does not know the end of.
func (h *Hub) forgotten(ctx context.Context) ([]store.Replayed, error) {
	var list []store.Replayed
	index := map[uuid.UUID]int{}
	var pending []journal.Line // writes and outcomes, in their order
	flush := func() error {
		var ids []uuid.UUID
		for _, l := range pending {
			if l.Ended == "" {
				ids = append(ids, l.Intent)
			}
		}
		ended, err := h.Store.EndedWrites(ctx, ids)
		if err != nil {
			return err
		}
		for _, l := range pending {
			at, kept := index[l.Intent]
			switch {
			case l.Ended == "" && (kept || ended[l.Intent]):
			case l.Ended == "":
				x, err := h.replayed(l)
				if err != nil {
					return err
				}
				index[l.Intent], list = len(list), append(list, x)
			case kept:
				key, err := h.journal.Key(l)
				if err != nil {
					return err
				}
				if list[at].Ended = l.Ended; key != "" {
					list[at].Key = key
				}
			}
		}
		pending = pending[:0]
		return nil
	}
	err := h.journal.Read(func(l journal.Line) error {
		if pending = append(pending, l); len(pending) < 5000 {
			return nil
		}
		return flush()
	})
	if err != nil {
		return nil, err
	}
	return list, flush()
}

func (h *Hub) replayed(l journal.Line) (store.Replayed, error) {
	c, err := journal.Open(h.Ring, l.Intent, l.Sealed)
	if err != nil {
		return store.Replayed{}, fmt.Errorf("the database was restored, and the journal cannot be read: %w", err)
	}
	return store.Replayed{Intent: l.Intent, Platform: l.Platform, Key: c.Key, At: l.At, Fence: l.Fence, Anchor: c.Anchor,
		Written: c.Written, Sealed: l.Sealed}, nil
}
