package demo

import (
	"context"
	"fmt"
	"time"

	"heji/services/registry"
	"heji/services/store"
)

// quiet waits until nothing is left to do anywhere: everything taken in is
// resolved, no target is due or under way, and that stays so while every
// platform is read once more, from the beginning to the end of a pass, and what
// that read brought is taken in.
func (d *demo) quiet(ctx context.Context, what string) error {
	patience := time.NewTimer(d.o.Patience)
	defer patience.Stop()
	least := int64(-1) // targets that wait, at the best moment so far
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var c calm
	for {
		now, idle, err := d.signature(ctx)
		if err != nil {
			return err
		}
		d.progress.show(what, now)
		if left := now.left(); least < 0 || left < least {
			least = left // it gets on, on however slow a machine
			patience.Reset(d.o.Patience)
		}
		if c.add(now, idle, time.Now()) {
			d.progress.done(what, now)
			d.quietSince = c.since
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-d.failed:
			return err
		case <-patience.C:
			return fmt.Errorf("%s: not quiet after %s: %s", what, d.o.Patience, now.waiting())
		case <-tick.C:
		}
	}
}

// left is what waits to be resolved and to be written.
func (s signature) left() int64 {
	n := s.stats.Unresolved
	for _, ps := range s.stats.Platforms {
		n += ps.Due + ps.Published - ps.Low
	}
	return n
}

// calm follows one signature after the other until they show that nothing is on
// its way. A pass that has ended says nothing by itself: it may have begun before
// the last change, and what it read may not be taken in yet.
type calm struct {
	since time.Time // nothing has moved since then
	still signature
	ended *signature // every platform has ended a pass after since and settle
	read  *signature // and one more, which began after that
}

// add takes the next signature; true: it is quiet.
func (c *calm) add(now signature, idle bool, at time.Time) bool {
	if !idle || now.key != c.still.key {
		*c = calm{still: now}
		if !idle {
			return false
		}
	}
	switch {
	case c.since.IsZero():
		c.since = at
	case c.ended == nil:
		if now.readAfter(func(string) time.Time { return c.since.Add(settle) }) {
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

// signature is what changes while anything moves.
type signature struct {
	key       string
	stats     store.Stats
	platforms []store.Platform
}

func (d *demo) signature(ctx context.Context) (signature, bool, error) {
	// In this order: counts of a later fence than the one in the key are seen to
	// move at the next look, those of an earlier one would not be.
	list, err := d.hub.Store.Platforms(ctx)
	if err != nil {
		return signature{}, false, err
	}
	st, err := d.hub.Store.Stats(ctx)
	if err != nil {
		return signature{}, false, err
	}
	s := signature{stats: st, platforms: list}
	if list, err = d.satellite.Store.Platforms(ctx); err != nil {
		return signature{}, false, err
	}
	if st, err = d.satellite.Store.Stats(ctx); err != nil {
		return signature{}, false, err
	}
	s.beside(st, list)
	idle := s.stats.Unresolved == 0
	for _, p := range s.platforms {
		ps := s.stats.Platforms[p.ID]
		if ps == nil {
			continue
		}
		// Reading the same again is no movement: unchanged rows are not counted.
		// A new fence counts from the beginning.
		s.key += fmt.Sprint(p.ID, p.Fence, " ", ps.Records, ps.Merged, ps.Writes, ps.Targets, ps.DeadRecords, "|")
		idle = idle && ps.Due == 0 && p.PullError == "" && p.WriteError == ""
	}
	return s, idle, nil
}

// readAfter reports whether every platform has ended a pass after a moment.
func (s signature) readAfter(moment func(platform string) time.Time) bool {
	for _, p := range s.platforms {
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
func (s signature) pulledAt(platform string) time.Time {
	for _, p := range s.platforms {
		if p.ID == platform && p.PulledAt != nil {
			return *p.PulledAt
		}
	}
	return time.Time{}
}

// caughtUp reports whether everything that was published at an earlier moment
// is taken in. A platform that must be read whole each time always has
// something on its way.
func (s signature) caughtUp(then signature) bool {
	for id, ps := range then.stats.Platforms {
		if now := s.stats.Platforms[id]; now != nil && now.Low < ps.Published {
			return false
		}
	}
	return true
}

// settle is longer than the platforms take to put a write into an export.
const settle = 700 * time.Millisecond

// waiting says in words what is not quiet.
func (s signature) waiting() string {
	text := fmt.Sprintf("%d records unresolved", s.stats.Unresolved)
	for _, p := range s.platforms {
		ps := s.stats.Platforms[p.ID]
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
