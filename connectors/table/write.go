package table

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"heji/connectors"
)

// Conditional reports that a write is made only where the row still shows what
// the difference was computed from: the UPDATE says so itself.
func (w *writer) Conditional() bool { return true }

// Push writes each row in a transaction of its own.
func (w *writer) Push(ctx context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	return w.push(ctx, writes, func(ctx context.Context) (target, error) {
		l, err := w.discover(ctx)
		return pgTarget{pgSite{w, l}}, err
	})
}

// pgTarget is the table, for writing.
type pgTarget struct{ pgSite }

func (t pgTarget) has(column string) bool { _, ok := t.layout.columns[column]; return ok }

func (t pgTarget) begin(ctx context.Context, write connectors.Write) (attempt, error) {
	tx, err := t.pool.Begin(ctx)
	return &pgAttempt{t, tx, write}, err
}

type pgAttempt struct {
	pgTarget
	tx    pgx.Tx
	write connectors.Write
}

func (a *pgAttempt) do(ctx context.Context) (connectors.Outcome, error) {
	return a.within(ctx, a.layout, a.tx, a.write)
}
func (a *pgAttempt) commit(ctx context.Context) error { return a.tx.Commit(ctx) }
func (a *pgAttempt) end(ctx context.Context)          { _ = a.tx.Rollback(ctx) } // after a commit: nothing left to do

// within does the write inside its transaction.
func (w *writer) within(ctx context.Context, l *layout, tx pgx.Tx, write connectors.Write) (connectors.Outcome, error) {
	// A server whose client has vanished must not keep the row and its lock.
	if _, err := tx.Exec(ctx, "SELECT set_config('idle_in_transaction_session_timeout', $1, true), set_config('lock_timeout', $1, true)",
		milliseconds(w.platform.Life())); err != nil {
		return connectors.Outcome{}, err
	}
	for _, name := range w.lockNames(write) {
		if err := w.lock(ctx, tx, name...); err != nil {
			return connectors.Outcome{}, err
		}
	}
	if write.Key == "" {
		return w.create(ctx, l, tx, write)
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

// shows is the SQL of "these columns show these texts".
func (r *reader) shows(s *statement, l *layout, texts map[string]string) string {
	var all []string
	for _, name := range sorted(texts) {
		var any []string
		for _, text := range r.forms(name, texts[name]) {
			any = append(any, fmt.Sprintf("coalesce(%s::text, '') = %s", l.columns[name].quoted, s.arg(text)))
		}
		all = append(all, either(any))
	}
	return strings.Join(all, " AND ")
}

// either is the SQL of "one of these holds".
func either(conditions []string) string {
	if len(conditions) == 1 {
		return conditions[0]
	}
	return "(" + strings.Join(conditions, " OR ") + ")"
}

// keyed is the SQL of "the row with this key".
func (r *reader) keyed(s *statement, l *layout, parts []string) string {
	var all []string
	for i, name := range r.platform.Key {
		c := l.columns[name]
		var any []string
		for _, text := range r.forms(name, parts[i]) {
			any = append(any, fmt.Sprintf("%s = %s::%s", c.quoted, s.arg(text), c.typ))
		}
		all = append(all, either(any))
	}
	return strings.Join(all, " AND ")
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
	s := &statement{}
	var sets []string
	for _, name := range sorted(write.Set) {
		sets = append(sets, l.columns[name].name+" = "+s.assign(l.columns[name], write.Set[name]))
	}
	if w.touches(write.Set) {
		sets = append(sets, l.columns[w.platform.ChangeColumn].name+" = "+w.clockNow(l))
	}
	parts, ok := connectors.SplitKey(write.Key, len(w.platform.Key))
	if !ok {
		outcome.Status, outcome.Reason = connectors.Gone, "the platform's key has another number of columns"
		return outcome, nil
	}
	where := w.keyed(s, l, parts) + " AND " + w.alive(s, l)
	if len(write.If) > 0 {
		where += " AND " + w.shows(s, l, write.If)
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
		if w.foreign(done, write.Key, nil) { // not committed
			return refused(write, "", foreignRow), nil
		}
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
		taken, err := w.byNatural(ctx, l, tx, guard)
		if err != nil {
			return outcome, err
		}
		if len(taken) > 0 {
			return exists(outcome, taken), nil
		}
	}
	values := w.created(write)
	s := &statement{}
	var columns, params []string
	for _, name := range sorted(values) {
		c, ok := l.columns[name]
		if !ok {
			outcome.Status, outcome.Column, outcome.Reason = connectors.Refused, name, noColumn
			return outcome, nil
		}
		columns = append(columns, c.name)
		params = append(params, s.assign(c, values[name]))
	}
	if w.touches(values) {
		columns = append(columns, l.columns[w.platform.ChangeColumn].name)
		params = append(params, w.clockNow(l))
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

// clockNow is the SQL of now in the change column's own form.
func (w *writer) clockNow(l *layout) string {
	c := l.columns[w.platform.ChangeColumn]
	switch {
	case l.change == timeClock:
		return "clock_timestamp()::" + c.typ
	case l.change == countClock && w.platform.ChangeFormat == "":
		return fmt.Sprintf("(SELECT coalesce(max(m.%s), 0) + 1 FROM %s AS m)", c.name, l.rel)
	}
	// The format is the file's, the digits are ours: nothing to escape but the
	// quote, which no time format has.
	return "'" + strings.ReplaceAll(w.nowText(), "'", "''") + "'::" + c.typ
}
