package district

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// What happens to real platforms and to no simulated one by itself: a backup is
// restored, readers are sent to a replica that is late.

// Troubled is a platform that can be put into such trouble: every one that keeps
// a ledger.
type Troubled interface {
	Platform
	// Restore puts the register back to what it was so many changes ago, like an
	// administrator with last night's backup. The journal and the clerks' edits
	// stay: they are the test's, not the platform's.
	Restore(changes int) error
	// Lag sends readers to a replica that shows every change so much later; 0
	// sends them back to the register. Exports are never late.
	Lag(by time.Duration)
}

// Restore implements Troubled.
func (l *ledger) Restore(changes int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	to := max(l.seq-int64(changes), 1)
	return l.record(event{Restore: &to})
}

// putBack makes the register what it was after a change. Row numbers given out
// since are not given out again: they come from a sequence of their own. The
// caller holds mu.
func (l *ledger) putBack(to int64) {
	puts, lastKey := l.puts, l.lastKey
	l.puts, l.rows, l.order, l.keys, l.seq = nil, map[string]*stored{}, nil, nil, 0
	for _, s := range puts {
		if s.Seq <= to {
			l.remember(event{Put: &s})
		}
	}
	l.lastKey = lastKey
}

// replica is the register as readers see it, late.
type replica struct {
	by    time.Duration
	is    *ledger
	queue []delayed
}

type delayed struct {
	at time.Time
	e  event
}

func (r *replica) later(e event, at time.Time) {
	if e.Put != nil || e.Restore != nil {
		r.queue = append(r.queue, delayed{at, event{Put: e.Put, Restore: e.Restore}})
	}
}

// Lag implements Troubled.
func (l *ledger) Lag(by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replica = nil
	if by == 0 {
		return
	}
	is := &ledger{layout: l.layout, now: l.now, rows: map[string]*stored{}}
	for _, s := range l.puts {
		is.remember(event{Put: &s})
	}
	l.replica = &replica{by: by, is: is}
}

// view is what readers see. The caller holds mu.
func (l *ledger) view() *ledger {
	r := l.replica
	if r == nil {
		return l
	}
	for len(r.queue) > 0 && !l.now().Before(r.queue[0].at.Add(r.by)) {
		r.is.remember(r.queue[0].e)
		r.queue = r.queue[1:]
	}
	return r.is
}

// Extracts is a platform that puts out whole files.
type Extracts interface {
	Platform
	// HalfExtract puts out an export that shows every other row, as a job does that
	// broke off and did not notice; and after it, a real one.
	HalfExtract() error
	// Extract has one more export put out soon, although nothing has changed.
	Extract()
	// Extracted reports whether the exports show everything and none is to follow
	// before something changes.
	Extracted() bool
}

// HalfExtract implements Extracts.
func (o *office) HalfExtract() error {
	if err := o.put(func(i int) bool { return i%2 == 0 }); err != nil {
		return err
	}
	o.Extract() // the next look puts out a real one
	return nil
}

// Restore puts a database back to what it was when Backup was called.
func (t *database) Restore(int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := t.tx(ctx, "load", func(tx pgx.Tx) error {
		for _, statement := range []string{`DELETE FROM {table}`, `INSERT INTO {table} SELECT * FROM demo.backup`} {
			if _, err := tx.Exec(ctx, t.sql(statement)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: restore: %w", t.ID(), err)
	}
	return nil
}

// Backup keeps what a database shows now.
func (t *database) Backup(ctx context.Context) error {
	_, err := t.pool.Exec(ctx, t.sql(`DROP TABLE IF EXISTS demo.backup; CREATE TABLE demo.backup AS TABLE {table}`))
	return err
}

// Own is what the departments themselves put into their rows: the first rows with
// their clerks' edits, and nothing that came from outside.
func (d *District) Own(platform string, edits []Edit) map[string]Row { return d.own(platform, edits) }
