package linkage

import (
	"errors"
	"maps"
)

// resolve does one claimed batch, undisturbed.
func (h *hub) resolve(claimed []int64) {
	if err := h.work(claimed, func() {}); err != nil {
		panic(err)
	}
}

// What stops a worker.
var (
	errBusy  = errors.New("another worker holds the row")
	errStale = errors.New("a record outside has changed since it was read")
)

// worker is one of several transactions: what it locks, others cannot change.
type worker struct {
	*hub
	id      int
	between func() // what others do between two of its statements
}

// work does one claimed batch as one of several workers. It gives up with errBusy
// where the store would answer that a row is locked.
func (h *hub) work(claimed []int64, between func()) error {
	h.workers++
	w := worker{hub: h, id: h.workers, between: between}
	looks := h.looks
	defer func() { h.looks = looks; w.release() }()
	for range 1000 {
		w.release()
		h.looks = 0
		c, err := Close(h.scorer, w, claimed)
		if err == nil && len(c.Flips) == 0 {
			err = w.write(c)
		} else if err == nil {
			err = w.flip(c.Flips)
		}
		switch {
		case errors.Is(err, errStale):
		case err != nil:
			return err
		case len(c.Flips) == 0:
			return nil
		}
	}
	panic("hot keys never settle")
}

func (w worker) release() {
	maps.DeleteFunc(w.locks, func(_ int64, by int) bool { return by == w.id })
}

// busy reports whether a worker other than w (0: any) holds a row.
func (h *hub) busy(id int64, w int) bool {
	return h.locks[id] != 0 && h.locks[id] != w && h.flaw != lockless
}

func (w worker) Lock(ids []int64) ([]Row, error) {
	w.between()
	for _, id := range ids {
		if w.busy(id, w.id) {
			return nil, errBusy
		}
		w.locks[id] = w.id
	}
	return w.hub.Lock(ids)
}

func (w worker) Hot(count, others []int64) (HotState, error) {
	w.between()
	return w.hub.Hot(count, others)
}

func (w worker) Look(q Look) (Found, error) {
	w.between()
	return w.hub.Look(q)
}

// flip lists keys as hot or not, and marks their holders.
func (w worker) flip(flips []Flip) error {
	for _, f := range flips {
		for _, r := range w.holders(f.Key) {
			if w.busy(r.ID, w.id) {
				return errBusy
			}
		}
	}
	for _, f := range flips {
		if f.Hot {
			w.hot[f.Key] = true
		} else {
			delete(w.hot, f.Key)
		}
		if w.flaw == hotForgotten {
			continue
		}
		for _, r := range w.holders(f.Key) {
			r.Unresolved = true
		}
	}
	return nil
}

func (w worker) write(c Closure) error {
	h := w.hub
	for _, comp := range c.Components {
		for _, o := range comp.Outside {
			if h.flaw == staleOutside {
				continue
			}
			if h.busy(o.ID, w.id) {
				return errBusy
			}
			if h.rows[o.ID].Rev != o.Rev {
				return errStale
			}
		}
	}
	member, changed := make(map[int64]bool), make(map[int64]bool)
	component := make(map[int64]int)
	for i, comp := range c.Components {
		for _, r := range comp.Members {
			member[r.ID] = true
			component[r.ID] = i
		}
		for _, id := range comp.Changed {
			changed[id] = true
		}
	}
	for pair := range h.edges {
		a, b := pair[0], pair[1]
		if changed[a] || changed[b] || member[a] && member[b] && component[a] == component[b] {
			delete(h.edges, pair)
		}
	}
	for _, comp := range c.Components {
		for _, o := range comp.Outside {
			if member[o.ID] {
				panic("an edge leads out of a component to one of its closure")
			}
		}
		for _, e := range comp.Edges {
			h.edges[[2]int64{e.A, e.B}] = e
		}
		h.writeResidents(comp)
	}
	for _, ids := range c.Oversize {
		for _, id := range ids {
			if h.rows[id].Unresolved {
				h.oversize[id] = true
			}
		}
	}
	return nil
}
