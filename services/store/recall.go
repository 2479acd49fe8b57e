package store

import (
	"sync"

	"heji/services/lineage"
	"heji/services/linkage"
)

// Recall remembers what was derived from records: a record is looked at once as
// itself and several times as somebody's candidate, and decoding it and deriving
// its features costs more than reading it. Entries are by (id, rev): a record
// whose own values change has another rev. It is a cache and nothing more; the
// zero Recall works.
type Recall struct {
	mu         sync.Mutex
	young, old map[int64]recalled
}

type recalled struct {
	rev      int64
	row      lineage.Row
	features *linkage.Features
}

// generation bounds each of the two generations.
const generation = 20_000

func (c *Recall) get(id, rev int64) (recalled, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.young[id]; ok && r.rev == rev {
		return r, true
	}
	if r, ok := c.old[id]; ok && r.rev == rev {
		c.put(id, r)
		return r, true
	}
	return recalled{}, false
}

func (c *Recall) keep(id int64, r recalled) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(id, r)
}

func (c *Recall) put(id int64, r recalled) {
	if len(c.young) >= generation {
		c.young, c.old = nil, c.young
	}
	if c.young == nil {
		c.young = make(map[int64]recalled)
	}
	c.young[id] = r
}
