package writeback

import (
	"context"
	"sync"
	"time"

	"heji/connectors"
	"heji/schema/clock"
)

// The switch must work on what is under way, too: a push of a hundred rows to a
// slow platform takes minutes. What may leave is therefore asked for beside the
// pushes, for all platforms at once, and a push is told between two rows.

// haltEvery is how soon a stop is heard: everything outgoing halts within a
// second of it, and the row that is on its way has the rest of that.
const haltEvery = 200 * time.Millisecond

// halt is what one platform's pushes are told.
type halt struct {
	mu   sync.Mutex
	ctx  context.Context
	stop context.CancelFunc
}

func newHalt() *halt {
	h := &halt{}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// now ends when nothing may leave any more.
func (h *halt) now() context.Context {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ctx
}

// set says whether anything may leave, and reports whether it may again.
func (h *halt) set(halted bool) (released bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch was := h.ctx.Err() != nil; {
	case halted:
		h.stop()
	case was:
		h.ctx, h.stop = context.WithCancel(context.Background())
		return true
	}
	return false
}

// watch tells the workers what may leave. Who cannot ask does not know, and
// begins nothing.
func (s *Service) watch(ctx context.Context) error {
	t := time.NewTicker(haltEvery)
	defer t.Stop()
	defer func() {
		for _, w := range s.workers {
			w.halt.set(true)
		}
	}()
	for known := true; ; {
		halted, err := s.halted(ctx)
		if err != nil && known && ctx.Err() == nil {
			s.o.Logger.Warn("whether writing was stopped cannot be asked: nothing is begun until it can", "error", err)
		}
		known = err == nil
		for _, w := range s.workers {
			// Its own hours, too: they may end in the middle of a push.
			if w.halt.set(err != nil || halted[w.id] || w.pace.shut(clock.Now())) {
				w.signal()
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (s *Service) halted(ctx context.Context) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return s.o.Store.Halted(ctx)
}

// halting makes the context of calls that the switch stops.
func (w *worker) halting(ctx context.Context) context.Context {
	return connectors.WithHalt(ctx, w.halt.now())
}
