package table

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"heji/connectors"
	"heji/connectors/internal/pace"
	"heji/connectors/internal/timefmt"
)

// Conditional reports that a write is made only where the row still shows what
// the difference was computed from: the UPDATE says so itself.
func (w *writer) Conditional() bool { return true }

// busyAgain is how long to wait for a row or database that is busy.
const busyAgain = 5 * time.Second

// Push writes each row in a transaction of its own.
func (w *writer) Push(ctx context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	outcomes := make([]connectors.Outcome, len(writes))
	l, err := w.discover(ctx)
	if errors.Is(err, connectors.ErrUnreachable) || errors.Is(err, connectors.ErrThrottled) {
		for i, write := range writes {
			outcomes[i] = busy(write, err)
		}
		return outcomes, nil
	}
	if err != nil {
		return nil, err
	}
	var group errgroup.Group
	group.SetLimit(pace.Concurrency(w.platform))
	for i, write := range writes {
		group.Go(func() error {
			outcomes[i] = w.one(ctx, l, write)
			return nil
		})
	}
	return outcomes, group.Wait()
}

func busy(write connectors.Write, err error) connectors.Outcome {
	return connectors.Outcome{Intent: write.Intent, Status: connectors.Busy, Key: write.Key, Reason: err.Error(), RetryAfter: busyAgain}
}

// one writes one row. Everything up to COMMIT that fails was certainly not done;
// a COMMIT without an answer is Doubt, and nothing else is (I5).
func (w *writer) one(ctx context.Context, l *layout, write connectors.Write) connectors.Outcome {
	for name := range write.Set {
		if _, ok := l.columns[name]; !ok {
			return connectors.Outcome{Intent: write.Intent, Status: connectors.Refused, Key: write.Key, Column: name, Reason: "the platform's table has no such column"}
		}
	}
	if err := w.limit.Wait(ctx); err != nil {
		return busy(write, fmt.Errorf("%s: stopped before the write: %w", w.platform.ID, err))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, w.platform.Life(), errSlow)
	defer cancel()
	tx, err := w.pool.Begin(ctx)
	if err != nil {
		return busy(write, w.failed(ctx, "connecting", err))
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // after a commit: nothing left to do

	outcome, err := w.within(ctx, l, tx, write)
	if err != nil {
		if column, reason, ok := w.refusal(ctx, l, write, err); ok {
			return connectors.Outcome{Intent: write.Intent, Status: connectors.Refused, Key: write.Key, Column: column, Reason: reason}
		}
		return busy(write, w.failed(ctx, "writing", err))
	}
	if outcome.Status != connectors.Applied {
		return outcome
	}
	if err := tx.Commit(ctx); err != nil {
		return w.uncommitted(ctx, l, write, err)
	}
	return outcome
}

// uncommitted classifies a COMMIT that failed.
func (w *writer) uncommitted(ctx context.Context, l *layout, write connectors.Write, err error) connectors.Outcome {
	if column, reason, ok := w.refusal(ctx, l, write, err); ok { // a deferred constraint
		return connectors.Outcome{Intent: write.Intent, Status: connectors.Refused, Key: write.Key, Column: column, Reason: reason}
	}
	var pg *pgconn.PgError
	if errors.Is(err, pgx.ErrTxCommitRollback) || errors.As(err, &pg) && strings.HasPrefix(pg.Code, "40") {
		return busy(write, w.failed(ctx, "writing", err))
	}
	return connectors.Outcome{Intent: write.Intent, Status: connectors.Doubt, Key: write.Key,
		Reason: "the connection broke while the write was being committed"}
}

// within does the write inside its transaction.
func (w *writer) within(ctx context.Context, l *layout, tx pgx.Tx, write connectors.Write) (connectors.Outcome, error) {
	// A server whose client has vanished must not keep the row and its lock.
	if _, err := tx.Exec(ctx, "SELECT set_config('idle_in_transaction_session_timeout', $1, true), set_config('lock_timeout', $1, true)",
		milliseconds(w.platform.Life())); err != nil {
		return connectors.Outcome{}, err
	}
	if write.Key == "" {
		return w.create(ctx, l, tx, write)
	}
	if err := w.lock(ctx, tx, "key", write.Key); err != nil {
		return connectors.Outcome{}, err
	}
	return w.update(ctx, l, tx, write)
}

// lock serialises everything that we do to one row, and makes a look wait for a
// write whose end nobody saw.
func (r *reader) lock(ctx context.Context, tx pgx.Tx, parts ...string) error {
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))",
		"heji\x1f"+r.settings.Table+"\x1f"+strings.Join(parts, "\x1f"))
	return err
}

// naturalLock is the lock of a row that has no key yet.
func naturalLock(natural map[string]string) []string {
	parts := []string{"natural"}
	for _, name := range sorted(natural) {
		parts = append(parts, name, natural[name])
	}
	return parts
}

// statement collects parameters.
type statement struct{ args []any }

func (s *statement) arg(v string) string {
	s.args = append(s.args, v)
	return fmt.Sprintf("$%d::text", len(s.args))
}

// assign is the SQL that gives a column a text. Blank is NULL wherever the
// column allows it.
func (s *statement) assign(c column, text string) string {
	p := s.arg(text)
	if c.nullable || !c.text {
		p = "NULLIF(" + p + ", '')"
	}
	return p + "::" + c.typ
}

// where is the SQL of "these columns show these texts".
func (s *statement) where(l *layout, texts map[string]string) string {
	var all []string
	for _, name := range sorted(texts) {
		all = append(all, fmt.Sprintf("coalesce(%s::text, '') = %s", l.columns[name].quoted, s.arg(texts[name])))
	}
	return strings.Join(all, " AND ")
}

// keyed is the SQL of "the row with this key", false where key cannot be one.
func (r *reader) keyed(s *statement, l *layout, key string) (string, bool) {
	parts, ok := connectors.SplitKey(key, len(r.platform.Key))
	if !ok {
		return "", false
	}
	var all []string
	for i, name := range r.platform.Key {
		c := l.columns[name]
		all = append(all, fmt.Sprintf("%s = %s::%s", c.quoted, s.arg(parts[i]), c.typ))
	}
	return strings.Join(all, " AND "), true
}

// alive is the SQL of "not deleted".
func (r *reader) alive(s *statement, l *layout) string {
	if r.settings.Deletes != deletesTombstone {
		return "true"
	}
	return fmt.Sprintf("coalesce(%s::text, '') <> %s", l.columns[r.settings.Tombstone.Column].quoted, s.arg(r.settings.Tombstone.Value))
}

// update is compare-and-set: what the columns showed when the difference was
// computed is part of the condition (I5).
func (w *writer) update(ctx context.Context, l *layout, tx pgx.Tx, write connectors.Write) (connectors.Outcome, error) {
	outcome := connectors.Outcome{Intent: write.Intent, Key: write.Key}
	for name := range write.If {
		if _, ok := l.columns[name]; !ok {
			outcome.Status, outcome.Column, outcome.Reason = connectors.Refused, name, "the platform's table has no such column"
			return outcome, nil
		}
	}
	s := &statement{}
	var sets []string
	for _, name := range sorted(write.Set) {
		sets = append(sets, l.columns[name].name+" = "+s.assign(l.columns[name], write.Set[name]))
	}
	sets = append(sets, w.touch(l, write.Set)...)
	where, ok := w.keyed(s, l, write.Key)
	if !ok {
		outcome.Status, outcome.Reason = connectors.Gone, "the platform's key has another number of columns"
		return outcome, nil
	}
	where += " AND " + w.alive(s, l)
	if len(write.If) > 0 {
		where += " AND " + s.where(l, write.If)
	}
	rows, err := tx.Query(ctx, fmt.Sprintf("UPDATE %s AS t SET %s WHERE %s RETURNING %s", l.rel, strings.Join(sets, ", "), where, l.list), s.args...)
	if err != nil {
		return outcome, err
	}
	done, err := w.collect(l, rows)
	if err != nil {
		return outcome, err
	}
	switch len(done) {
	case 1:
		made, err := w.made(ctx, l, tx, done[0])
		outcome.Status, outcome.RowVersion, outcome.Shown = connectors.Applied, made.RowVersion, made.Columns
		return outcome, err
	case 0:
		return w.why(ctx, l, tx, outcome)
	}
	outcome.Status, outcome.Reason = connectors.Refused, "several rows have this key, so none was written"
	return outcome, nil // not committed
}

// made is the row as the next read will show it, if nobody else writes. RETURNING
// comes before the platform's own AFTER triggers, which may count a version column
// up; PostgreSQL's own version stays the transaction's.
func (w *writer) made(ctx context.Context, l *layout, tx pgx.Tx, returned connectors.Row) (connectors.Row, error) {
	if w.platform.VersionColumn == "" {
		return returned, nil
	}
	rows, err := w.byKey(ctx, l, tx, returned.Key)
	if err != nil || len(rows) != 1 {
		return returned, err // one that cannot be seen any more has no next read
	}
	return rows[0], nil
}

// why tells a row that shows something else from one that is not there.
func (w *writer) why(ctx context.Context, l *layout, tx pgx.Tx, outcome connectors.Outcome) (connectors.Outcome, error) {
	rows, err := w.byKey(ctx, l, tx, outcome.Key)
	if err != nil {
		return outcome, err
	}
	if len(rows) == 0 {
		outcome.Status = connectors.Gone
		return outcome, nil
	}
	outcome.Status, outcome.Shown, outcome.RowVersion = connectors.Missed, rows[0].Columns, rows[0].RowVersion
	return outcome, nil
}

// create inserts a row unless its natural key or token is taken. The lock makes
// the look and the insert one step among ourselves, ON CONFLICT among others.
func (w *writer) create(ctx context.Context, l *layout, tx pgx.Tx, write connectors.Write) (connectors.Outcome, error) {
	outcome := connectors.Outcome{Intent: write.Intent}
	for _, guard := range w.guards(write) {
		if err := w.lock(ctx, tx, naturalLock(guard)...); err != nil {
			return outcome, err
		}
		taken, err := w.byNatural(ctx, l, tx, guard)
		if err != nil {
			return outcome, err
		}
		if len(taken) > 0 {
			return exists(outcome, taken), nil
		}
	}
	values := maps.Clone(w.platform.CreateWith)
	if values == nil {
		values = map[string]string{}
	}
	maps.Copy(values, write.Natural)
	maps.Copy(values, write.Set)
	if w.platform.TokenColumn != "" && write.Token != "" {
		values[w.platform.TokenColumn] = write.Token
	}
	s := &statement{}
	var columns, params []string
	for _, name := range sorted(values) {
		c, ok := l.columns[name]
		if !ok {
			outcome.Status, outcome.Column, outcome.Reason = connectors.Refused, name, "the platform's table has no such column"
			return outcome, nil
		}
		columns = append(columns, c.name)
		params = append(params, s.assign(c, values[name]))
	}
	if w.settings.Touch {
		if _, ours := values[w.platform.ChangeColumn]; !ours {
			columns = append(columns, l.columns[w.platform.ChangeColumn].name)
			params = append(params, w.clockNow(l))
		}
	}
	rows, err := tx.Query(ctx, fmt.Sprintf("INSERT INTO %s AS t (%s) VALUES (%s) ON CONFLICT DO NOTHING RETURNING %s",
		l.rel, strings.Join(columns, ", "), strings.Join(params, ", "), l.list), s.args...)
	if err != nil {
		return outcome, err
	}
	inserted, err := w.collect(l, rows)
	if err != nil {
		return outcome, err
	}
	if len(inserted) == 1 {
		made, err := w.made(ctx, l, tx, inserted[0])
		outcome.Status, outcome.Key, outcome.RowVersion, outcome.Shown = connectors.Applied, made.Key, made.RowVersion, made.Columns
		return outcome, err
	}
	// A unique rule of the platform was in the way. Somebody else may have come
	// between our look and the insert.
	for _, guard := range w.guards(write) {
		taken, err := w.byNatural(ctx, l, tx, guard)
		if err != nil || len(taken) > 0 {
			return exists(outcome, taken), err
		}
	}
	outcome.Status, outcome.Reason = connectors.Refused, "another row already has a value that must be unique"
	return outcome, nil
}

// guards are the keys that a create must find free: its natural key and its
// token.
func (w *writer) guards(write connectors.Write) []map[string]string {
	var out []map[string]string
	if len(write.Natural) > 0 {
		out = append(out, write.Natural)
	}
	if w.platform.TokenColumn != "" && write.Token != "" {
		out = append(out, map[string]string{w.platform.TokenColumn: write.Token})
	}
	return out
}

// exists names the row that is there, unless there are several: then nobody but
// a person can choose.
func exists(outcome connectors.Outcome, taken []connectors.Row) connectors.Outcome {
	outcome.Status = connectors.Exists
	switch len(taken) {
	case 0:
	case 1:
		outcome.Key, outcome.RowVersion, outcome.Shown = taken[0].Key, taken[0].RowVersion, taken[0].Columns
	default:
		outcome.Reason = fmt.Sprintf("%d rows have the natural key", len(taken))
	}
	return outcome
}

// touch sets the change column, so that the platform's own programs, and our
// next pull, see that the row has changed.
func (w *writer) touch(l *layout, set map[string]string) []string {
	if !w.settings.Touch {
		return nil
	}
	if _, ours := set[w.platform.ChangeColumn]; ours {
		return nil
	}
	return []string{l.columns[w.platform.ChangeColumn].name + " = " + w.clockNow(l)}
}

// clockNow is the SQL of now in the change column's own form.
func (w *writer) clockNow(l *layout) string {
	c := l.columns[w.platform.ChangeColumn]
	switch l.change {
	case timeClock:
		return "clock_timestamp()::" + c.typ
	case countClock:
		return fmt.Sprintf("(SELECT coalesce(max(m.%s), 0) + 1 FROM %s AS m)", c.name, l.rel)
	}
	// The format is the file's, the digits are ours: nothing to escape but the
	// quote, which no time format has.
	text, _ := timefmt.Format(w.now(), w.platform.ChangeFormat, "20060102150405", w.zone)
	return "'" + strings.ReplaceAll(text, "'", "''") + "'::" + c.typ
}
