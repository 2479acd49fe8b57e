package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrOlder says that the database is older than this process has seen it: it was
// put back to an older point while the process ran. Nothing is taken in, resolved
// or written until Reconcile has taken that in.
var ErrOlder = errors.New("the database was put back to an older point while this process ran")

// pulse is what this process has seen that an older database does not have.
type pulse struct {
	mu    sync.Mutex
	seen  int64                // beats
	last  map[string]uuid.UUID // by platform: the last write that was stored here
	older chan struct{}

	refused   string // what PostgreSQL said when it last could not write
	refusedAt time.Time
}

// troubled is how long a refused write counts: as long as there is no room, one
// is tried every few seconds.
const troubled = 15 * time.Second

// note remembers that PostgreSQL had no room for a write, or takes none.
func (p *pulse) note(err error) {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || !strings.HasPrefix(pg.Code, "53") && pg.Code != "25006" && pg.Code != "58030" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused, p.refusedAt = pg.Message, time.Now()
}

// trouble says that PostgreSQL could not write just now.
func (p *pulse) trouble() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused == "" || time.Since(p.refusedAt) > troubled {
		return nil
	}
	return fmt.Errorf("PostgreSQL takes no writes (%s): nothing is saved until it does; work then goes on by itself", p.refused)
}

func newPulse() *pulse { return &pulse{last: map[string]uuid.UUID{}, older: make(chan struct{}, 1)} }

func (p *pulse) beats() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// compare fails where fewer beats are found than were seen before they were asked
// for.
func (p *pulse) compare(found, before int64) error {
	if found < before {
		return p.alarm()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = max(p.seen, found)
	return nil
}

func (p *pulse) alarm() error {
	select {
	case p.older <- struct{}{}:
	default: // somebody is told already
	}
	return ErrOlder
}

// Older wakes whoever takes in that the database is older.
func (s *Store) Older() <-chan struct{} { return s.pulse.older }

// Beat says that a process lives, durably. The error is ErrOlder where the database
// has forgotten beats that this process has seen.
func (s *Store) Beat(ctx context.Context) error {
	before := s.pulse.beats()
	var beat int64
	err := s.pool.QueryRow(ctx, `UPDATE heartbeat SET beat = beat + 1 RETURNING beat`).Scan(&beat)
	s.pulse.note(err)
	if err != nil {
		return fmt.Errorf("say that this process lives: %w", err)
	}
	if err := s.pulse.compare(beat-1, before); err != nil {
		return err
	}
	return s.pulse.compare(beat, before)
}

// stored remembers the last write of a platform that is durable.
func (p *pulse) stored(platform string, id uuid.UUID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[platform] = id
}

// knows fails where the last write of a platform is not in the database any more:
// what was lost may be too short for a beat, as where a replica that lagged has
// taken over.
func (p *pulse) knows(ctx context.Context, tx pgx.Tx, platform string) error {
	p.mu.Lock()
	id, ok := p.last[platform]
	p.mu.Unlock()
	if !ok {
		return nil
	}
	var there bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM intents WHERE id = $1)`, id).Scan(&there); err != nil {
		return fmt.Errorf("look for the last write: %w", err)
	}
	if !there {
		return p.alarm()
	}
	return nil
}

// forget is called when it is taken in that the database is older.
func (p *pulse) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.last)
}
