package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	p "heji/deploy/demo/population"
)

// A database has no liar before it. Its calls are seen from inside: triggers that
// wait for a lock, one after the statement, one in the COMMIT itself.
const watchSQL = `
CREATE FUNCTION demo.wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF demo.actor() = 'outside' THEN
        PERFORM pg_advisory_xact_lock_shared(TG_ARGV[0]::int);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER zz_in_call AFTER UPDATE ON cbry FOR EACH ROW EXECUTE FUNCTION demo.wait('71');
CREATE CONSTRAINT TRIGGER zz_done AFTER UPDATE ON cbry DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION demo.wait('72');
`

// shutSQL answers a write as a standby does.
const shutSQL = `
CREATE OR REPLACE FUNCTION demo.shut() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF demo.actor() = 'outside' THEN
        RAISE EXCEPTION 'cannot execute UPDATE in a read-only transaction' USING ERRCODE = 'read_only_sql_transaction';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER aa_shut BEFORE UPDATE ON cbry FOR EACH ROW EXECUTE FUNCTION demo.shut();
`

// watchPension makes the platform ready for a restored backup, and where a fault
// waits for one of its calls, holds the lock that such a call waits for.
func (r *round) watchPension() error {
	if x, ok := r.district.Platform(p.Pension).(interface{ Backup(context.Context) error }); ok {
		if err := x.Backup(r.ctx); err != nil {
			return err
		}
	}
	i := slices.IndexFunc(r.faults, func(f *armed) bool { return f.platform == p.Pension && (f.place == inCall || f.place == done) })
	if i < 0 {
		return nil
	}
	if err := r.onPlatform(p.Pension)(watchSQL); err != nil {
		return fmt.Errorf("watch the calls of %s: %w", p.Pension, err)
	}
	lock := 71
	if r.faults[i].place == done {
		lock = 72
	}
	conn, err := pgx.Connect(r.ctx, r.lab.theirs.DSN(fmt.Sprintf("r%d_%s", r.n, p.Pension)))
	if err != nil {
		return err
	}
	if _, err := conn.Exec(r.ctx, `SELECT pg_advisory_lock($1)`, lock); err != nil {
		return errors.Join(err, conn.Close(r.ctx))
	}
	watching, stop := context.WithCancel(r.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer conn.Close(context.WithoutCancel(watching)) //nolint:errcheck // gives the lock back, too
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-watching.Done():
				return
			case <-tick.C:
			}
			var waits bool
			if err := conn.QueryRow(watching, `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted)`, lock).Scan(&waits); err != nil {
				return
			}
			if !waits {
				continue
			}
			r.at(hit{r.faults[i].place, p.Pension})
			if r.hasStruck(r.faults[i]) || !r.armedNow(r.faults[i]) {
				return
			}
			// Not this call yet: let it pass, and wait for the next.
			if _, err := conn.Exec(watching, `SELECT pg_advisory_unlock($1)`, lock); err != nil {
				return
			}
			if _, err := conn.Exec(watching, `SELECT pg_advisory_lock($1)`, lock); err != nil {
				return
			}
		}
	}()
	r.onEnd(func() error { stop(); <-ended; return nil })
	return nil
}

func (r *round) hasStruck(f *armed) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f.struck
}

func (r *round) armedNow(f *armed) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f.phase >= 0
}
