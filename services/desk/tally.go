package desk

import (
	"context"
	"sync"
	"time"

	"heji/services/store"
)

// Counting a full store takes longer than a page may: a million residents are a
// second. A store of that size is counted beside the pages, which show what was
// counted last; a small one is counted for each of them.
const (
	tallySmall = 50_000           // residents and records together
	tallyFresh = 5 * time.Second  // until it is counted again, beside the pages
	tallyOld   = time.Minute      // until a page waits for a new count
	tallyLimit = 30 * time.Second // for one count beside the pages
)

// tally is what was counted last.
type tally struct {
	mu       sync.Mutex
	last     store.Stats
	at       time.Time
	counting bool
}

// stats counts, or returns what was counted a moment ago.
func (t *tally) stats(ctx context.Context, count func(context.Context) (store.Stats, error)) (store.Stats, error) {
	t.mu.Lock()
	last, age := t.last, time.Since(t.at)
	if last.Residents+last.Records <= tallySmall || age > tallyOld {
		t.mu.Unlock()
		return t.again(ctx, count)
	}
	beside := age > tallyFresh && !t.counting
	t.counting = t.counting || beside
	t.mu.Unlock()
	if beside {
		go func() {
			// The page that asked is gone before this is done. An error is that of the
			// next page that has to wait.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tallyLimit)
			defer cancel()
			_, _ = t.again(ctx, count)
			t.mu.Lock()
			defer t.mu.Unlock()
			t.counting = false
		}()
	}
	return last, nil
}

func (t *tally) again(ctx context.Context, count func(context.Context) (store.Stats, error)) (store.Stats, error) {
	at := time.Now()
	stats, err := count(ctx)
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if at.After(t.at) {
			t.last, t.at = stats, at
		}
	}
	return stats, err
}

// stats are the figures of the whole store.
func (d *Desk) stats(ctx context.Context) (store.Stats, error) {
	return d.tally.stats(ctx, d.o.Store.Stats)
}
