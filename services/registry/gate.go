package registry

import (
	"errors"
	"sync"
	"time"

	"heji/connectors"
)

// Gate keeps a platform that does not accept our credentials from being asked
// again every minute: many departments lock an account after a few wrong
// passwords. Each refusal shuts it for twice as long as the one before, from
// First to Longest; an answer of any other kind says nothing about the account
// and leaves it as it is. One gate belongs to one loop.
//
// With Trip it is a circuit breaker as well: so many failures in a row, of whatever
// kind, shut it for a pause that grows with them. Then one call may probe (Tripped);
// if it ends well everything goes on, else the next pause begins.
type Gate struct {
	First, Longest time.Duration
	Now            func() time.Time // nil: time.Now
	Trip           int              // 0: only refused credentials shut it
	Pause          func(failures int) time.Duration

	mu       sync.Mutex
	refusals int
	failures int // in a row
	until    time.Time
}

// NewGate is shut for first after the first refusal, for sixty times as long at
// the most: for a minute, and for an hour.
func NewGate(first time.Duration) *Gate { return &Gate{First: first, Longest: 60 * first} }

func (g *Gate) now() time.Time {
	if g.Now != nil {
		return g.Now()
	}
	return time.Now()
}

// Note takes in how a call ended; nil: the platform let us in.
func (g *Gate) Note(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err == nil:
		g.refusals, g.failures, g.until = 0, 0, time.Time{}
		return
	case errors.Is(err, connectors.ErrCredentials):
		g.until = g.now().Add(min(g.First<<min(g.refusals, 16), g.Longest))
		g.refusals++
	}
	g.failures++
	if !g.tripped() {
		return
	}
	if next := g.now().Add(g.Pause(g.failures)); next.After(g.until) {
		g.until = next
	}
}

// Failures is how many calls in a row have failed.
func (g *Gate) Failures() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failures
}

// Tripped reports whether the failures have shut it: what is let through next is a
// probe.
func (g *Gate) Tripped() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tripped()
}

func (g *Gate) tripped() bool { return g.Trip > 0 && g.failures >= g.Trip }

// Closed is for how long nobody may knock; 0: it is open.
func (g *Gate) Closed() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(g.until.Sub(g.now()), 0)
}

// Open lets the next call through and forgets what has failed: a person has asked
// for it.
func (g *Gate) Open() { g.Note(nil) }
