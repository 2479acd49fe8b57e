package pull

import (
	"context"
	"hash/maphash"
	"sort"
	"time"

	"heji/connectors"
	"heji/schema/clock"
	"heji/services/lineage"
	"heji/services/registry"
	"heji/services/store"
)

// again knows which rows must be read once more: a read of them was set aside
// because a write was on its way (RULES B, first line), and a platform that
// passes each change once will not tell it a second time by itself. Where single
// rows can be asked for, writeback asks; elsewhere the next pass begins at the
// resume point before what was set aside. What else comes again is unchanged.
type again struct {
	policy lineage.Policy
	queued bool // a write in doubt may still lie in the platform's queue: no read ends that
	points []point
	seed   maphash.Seed
	asked  map[int64]question // by record
	pause  time.Duration      // until a row that did not change is asked for once more
}

// question is a row that was read again.
type question struct {
	state uint64    // in which it was
	next  time.Time // when it is asked for once more if it is still in that state
	pause time.Duration
}

// longestQuestion is the longest pause between two questions about one state.
const longestQuestion = 24 * time.Hour

// point says that what this fence publishes after a position is read again from
// a resume point on.
type point struct {
	position int64
	cursor   connectors.Cursor
}

// maxPoints is how many resume points are remembered; of more, every second one
// is forgotten: an earlier one serves as well.
const maxPoints = 1024

// newAgain returns nil for platforms that need none of it: those that can be
// asked, and those that show everything each time.
func newAgain(p *registry.Platform, start connectors.Cursor, pause time.Duration) *again {
	if p.Policy.Looks || folder(p) {
		return nil
	}
	if a, ok := p.Connector.(connectors.Asker); ok && a.Asks() {
		return nil
	}
	a := &again{policy: p.Policy, points: []point{{0, start}}, seed: maphash.MakeSeed(), asked: map[int64]question{}, pause: pause}
	_, a.queued = p.Connector.(connectors.Acknowledger)
	return a
}

// note remembers from where on everything that follows a position is read again.
func (a *again) note(position int64, c connectors.Cursor) {
	if a == nil {
		return
	}
	if last := &a.points[len(a.points)-1]; last.position == position {
		last.cursor = c // nothing was published between the two
		return
	}
	if len(a.points) == maxPoints {
		kept := a.points[:0]
		for i, p := range a.points {
			if i%2 == 0 {
				kept = append(kept, p)
			}
		}
		a.points = kept
	}
	a.points = append(a.points, point{position, c})
}

// before is the last resume point before a record was published. What an earlier
// fence published is found by a whole read only.
func (a *again) before(fence, recordFence, position int64) (connectors.Cursor, int64) {
	if recordFence != fence {
		return nil, -1
	}
	i := sort.Search(len(a.points), func(i int) bool { return a.points[i].position >= position })
	if i == 0 {
		return nil, -1
	}
	return a.points[i-1].cursor, a.points[i-1].position
}

// ready reports whether a read that begins now can say something new about a row.
func (a *again) ready(row lineage.Row, now time.Time) bool {
	if !row.Lineage.Look || row.InDoubt() && a.queued {
		return false
	}
	p := a.policy
	p.Primary = false
	at := row.LookAt(p)
	// One lag more: of two reads within one lag, either may be the older one.
	return !at.IsZero() && now.After(at.Add(p.Lag+time.Millisecond))
}

// begin is where the next pass begins, and what it then asks for again. A row that
// stays as it was is not told of any more, or the reading is still on its way
// through the merge, or it came out older than what it should answer, because a
// clock was put back: it is asked for more and more seldom.
func (r *run) begin(ctx context.Context) (connectors.Cursor, map[int64]question, error) {
	a, from := r.again, r.cursor
	if a == nil || from == nil {
		return from, nil, nil
	}
	now, earliest := clock.Now(), r.position+1
	asks, looking := map[int64]question{}, map[int64]question{}
	err := r.service.o.Store.EachAside(ctx, r.id, func(s store.Aside) error {
		state := maphash.Bytes(a.seed, s.State)
		pause := a.pause
		if q, ok := a.asked[s.ID]; ok && q.state == state {
			looking[s.ID] = q
			if time.Now().Before(q.next) {
				return nil
			}
			pause = min(2*q.pause, longestQuestion)
		}
		row, err := lineage.Decode(s.State)
		if err != nil || !a.ready(row, now) {
			return err
		}
		asks[s.ID] = question{state, time.Now().Add(pause), pause}
		if c, position := a.before(r.lease.Fence, s.Version.Fence, s.Version.Position); position < earliest {
			from, earliest = c, position
		}
		return nil
	})
	a.asked = looking // the others are settled
	return from, asks, err
}
