package hub

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"heji/services/audit"
)

// HeadsFile is where a hub notes heads of its audit chain, below its data folder:
// outside of the database, so that a chain that is cut off or written anew there
// does not fit them.
const HeadsFile = "audit-heads.log"

const (
	auditBatch  = 1000
	auditEvery  = time.Second
	headsEvery  = time.Minute
	closesEvery = time.Hour
)

// audit moves notes into the chain while the hub runs. Every process does it for
// all of them; the store lets one at a time.
func (h *Hub) audit(ctx context.Context) error {
	log := h.c.Logger.With("service", "audit")
	tick := time.NewTicker(auditEvery)
	defer tick.Stop()
	var closed, written time.Time
	var last audit.Head
	failing := false
	for {
		err := h.auditOnce(ctx, &closed, &written, &last, false)
		if err != nil && ctx.Err() == nil && !failing {
			log.Error("the audit trail cannot be brought forward; what happens is noted all the same, and waits", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := h.auditOnce(stop, &closed, &written, &last, true); err != nil {
				log.Warn("the audit trail was not brought to its end; the next start does it", "error", err)
			}
			return nil
		case <-tick.C:
		}
	}
}

func (h *Hub) auditOnce(ctx context.Context, closed, written *time.Time, last *audit.Head, ending bool) error {
	for {
		n, head, err := h.Store.AppendAudit(ctx, h.c.Crypto, auditBatch)
		if err != nil {
			return err
		}
		if n < auditBatch {
			if head.Seq != last.Seq && (ending || time.Since(*written) >= headsEvery) {
				if err := h.noteHead(head); err != nil {
					return err
				}
				*last, *written = head, time.Now()
			}
			break
		}
	}
	if ending || time.Since(*closed) < closesEvery {
		return nil
	}
	*closed = time.Now()
	_, err := h.Store.CloseAudit(ctx, h.c.Crypto)
	return err
}

func (h *Hub) noteHead(head audit.Head) error {
	if err := os.MkdirAll(h.c.Dir, 0o755); err != nil {
		return fmt.Errorf("note the head of the audit chain: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(h.c.Dir, HeadsFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note the head of the audit chain: %w", err)
	}
	if _, err := fmt.Fprintf(f, "%s %s\n", time.Now().UTC().Format(time.RFC3339), head); err != nil {
		f.Close() //nolint:errcheck // the first error is the one to tell
		return fmt.Errorf("note the head of the audit chain: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("note the head of the audit chain: %w", err)
	}
	return nil
}
