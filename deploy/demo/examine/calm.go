package examine

import (
	"context"
	"fmt"
	"time"

	"heji/services/registry"
	"heji/services/store"
)

// Left is what waits to be resolved and to be written.
func (s Signature) Left() int64 {
	n := s.Stats.Unresolved + s.Stats.Entries
	for _, ps := range s.Stats.Platforms {
		n += ps.Due + ps.Published - ps.Low
	}
	return n
}

// Calm follows one signature after the other until they show that nothing is on
// its way. A pass that has ended says nothing by itself: it may have begun before
// the last change, and what it read may not be taken in yet.
type Calm struct {
	// Settle is longer than the platforms take to put a write into an export.
	Settle time.Duration
	Since  time.Time // nothing has moved since then
	still  Signature
	ended  *Signature // every platform has ended a pass after since and settle
	read   *Signature // and one more, which began after that
}

// Add takes the next signature; true: it is quiet.
func (c *Calm) Add(now Signature, idle bool, at time.Time) bool {
	if !idle || now.Key != c.still.Key {
		*c = Calm{Settle: c.Settle, still: now}
		if !idle {
			return false
		}
	}
	switch {
	case c.Since.IsZero():
		c.Since = at
	case c.ended == nil:
		if now.readAfter(func(string) time.Time { return c.Since.Add(c.Settle) }) {
			c.ended = &now
		}
	case c.read == nil:
		if now.readAfter(c.ended.pulledAt) {
			c.read = &now
		}
	default:
		return now.caughtUp(*c.read)
	}
	return false
}

// Signature is what changes while anything moves.
type Signature struct {
	Key       string
	Stats     store.Stats
	Platforms []store.Platform
}

// Look reads where everything stands. idle: nothing is left to do that the stores
// know of: the hub's, and beside it those of satellites. The counts of residents
// and records stay the hub's: nobody counts what is sealed.
func Look(ctx context.Context, hub *store.Store, satellites ...*store.Store) (s Signature, idle bool, err error) {
	// In this order: counts of a later fence than the one in the key are seen to
	// move at the next look, those of an earlier one would not be.
	if s.Platforms, err = hub.Platforms(ctx); err != nil {
		return s, false, err
	}
	if s.Stats, err = hub.Stats(ctx); err != nil {
		return s, false, err
	}
	for _, st := range satellites {
		if err := s.beside(ctx, st); err != nil {
			return s, false, err
		}
	}
	// The desk is read when an entry wakes it, and where JetStream is out of reach,
	// whenever that answers again: no pass that ended says that it is read up.
	idle = s.Stats.Unresolved == 0 && s.Stats.Entries == 0
	for _, p := range s.Platforms {
		ps := s.Stats.Platforms[p.ID]
		if ps == nil {
			continue
		}
		// Reading the same again is no movement: unchanged rows are not counted.
		// A new fence counts from the beginning.
		s.Key += fmt.Sprint(p.ID, p.Fence, " ", ps.Records, ps.Merged, ps.Writes, ps.Targets, ps.DeadRecords, "|")
		idle = idle && ps.Due == 0 && p.PullError == "" && p.WriteError == ""
	}
	return s, idle, nil
}

// beside adds what a satellite still has to do.
func (s *Signature) beside(ctx context.Context, satellite *store.Store) error {
	platforms, err := satellite.Platforms(ctx)
	if err != nil {
		return err
	}
	st, err := satellite.Stats(ctx)
	if err != nil {
		return err
	}
	for _, p := range platforms {
		if ps := st.Platforms[p.ID]; ps != nil && p.ID != registry.Desk {
			s.Stats.Platforms[p.ID] = ps
			s.Platforms = append(s.Platforms, p)
		}
	}
	s.Stats.Unresolved += st.Unresolved
	s.Stats.Entries += st.Entries
	return nil
}

// readAfter reports whether every platform has ended a pass after a moment.
func (s Signature) readAfter(moment func(platform string) time.Time) bool {
	for _, p := range s.Platforms {
		if p.ID == registry.Desk {
			continue
		}
		if p.PulledAt == nil || !p.PulledAt.After(moment(p.ID)) {
			return false
		}
	}
	return true
}

// pulledAt is when a platform's last pass ended.
func (s Signature) pulledAt(platform string) time.Time {
	for _, p := range s.Platforms {
		if p.ID == platform && p.PulledAt != nil {
			return *p.PulledAt
		}
	}
	return time.Time{}
}

// caughtUp reports whether everything that was published at an earlier moment
// is taken in. A platform that must be read whole each time always has
// something on its way.
func (s Signature) caughtUp(then Signature) bool {
	for id, ps := range then.Stats.Platforms {
		if now := s.Stats.Platforms[id]; now != nil && now.Low < ps.Published {
			return false
		}
	}
	return true
}

// Waiting says in words what is not quiet.
func (s Signature) Waiting() string {
	text := fmt.Sprintf("%d records unresolved", s.Stats.Unresolved)
	if s.Stats.Entries > 0 {
		text += fmt.Sprintf("; %d entries of the desk are not taken in", s.Stats.Entries)
	}
	for _, p := range s.Platforms {
		ps := s.Stats.Platforms[p.ID]
		if ps == nil {
			continue
		}
		if ps.Published != ps.Low {
			text += fmt.Sprintf("; %s: %d of %d positions taken in", p.ID, ps.Low, ps.Published)
		}
		if ps.Due > 0 {
			text += fmt.Sprintf("; %s: %d targets wait %v", p.ID, ps.Due, ps.Targets)
		}
		if p.PullError != "" {
			text += "; " + p.ID + ": " + p.PullError
		}
		if p.WriteError != "" {
			text += "; " + p.ID + ": " + p.WriteError
		}
	}
	return text
}
