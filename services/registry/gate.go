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
type Gate struct {
	First, Longest time.Duration
	Now            func() time.Time // nil: time.Now

	mu       sync.Mutex
	refusals int
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
		g.refusals, g.until = 0, time.Time{}
	case errors.Is(err, connectors.ErrCredentials):
		g.until = g.now().Add(min(g.First<<min(g.refusals, 16), g.Longest))
		g.refusals++
	}
}

// Closed is for how long nobody may knock; 0: it is open.
func (g *Gate) Closed() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(g.until.Sub(g.now()), 0)
}

// Open lets the next call through and forgets the refusals: a person has asked
// for it.
func (g *Gate) Open() { g.Note(nil) }
