package table

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"sort"
	"strings"
	"time"

	"heji/connectors"
	"heji/connectors/internal/charset"
	"heji/connectors/internal/timefmt"
	"heji/connectors/table/dialect"
	"heji/schema"
)

// brandStatement collects parameters.
type brandStatement struct {
	d    dialect.Dialect
	args []any
}

func (s *brandStatement) param(v any) string {
	s.args = append(s.args, v)
	return s.d.Param(len(s.args))
}

// value is the parameter of a text for a column: its bytes in the platform's own
// encoding where the column is raw.
func (r *brandReader) value(c dialect.Column, text string) any {
	if !c.Raw {
		return text
	}
	data, ok := charset.Encode(r.settings.Encoding, text)
	if !ok {
		data = []byte(text) // in a condition: shown by no row. For a write, holds has refused it.
	}
	return data
}

// shows is the condition that a column shows a text.
func (r *brandReader) shows(s *brandStatement, l *brandLayout, name, text string) string {
	c := l.columns[name]
	if text == "" {
		return r.d.Blank(c)
	}
	var any []string
	for _, form := range r.forms(name, text) {
		any = append(any, r.d.Shows(c, s.param(r.value(c, form))))
	}
	return either(any)
}

// equals is the condition that a column holds a text, as an index serves it.
func (r *brandReader) equals(s *brandStatement, l *brandLayout, name, text string) string {
	c := l.columns[name]
	var any []string
	for _, form := range r.forms(name, text) {
		any = append(any, r.name(c)+" = "+r.d.Key(c, s.param(r.value(c, form)), form))
	}
	return either(any)
}

// keyed is the condition "the row with this key".
func (r *brandReader) keyed(s *brandStatement, l *brandLayout, parts []string) string {
	all := make([]string, len(parts))
	for i, name := range r.platform.Key {
		all[i] = r.equals(s, l, name, parts[i])
	}
	return strings.Join(all, " AND ")
}

// alive is the condition "not deleted".
func (r *brandReader) alive(s *brandStatement, l *brandLayout) string {
	if r.settings.Deletes != deletesTombstone {
		return "1 = 1"
	}
	c := l.columns[r.settings.Tombstone.Column]
	return "(" + r.d.Blank(c) + " OR NOT (" + r.shows(s, l, r.settings.Tombstone.Column, r.settings.Tombstone.Value) + "))"
}

func (r *brandReader) byKey(ctx context.Context, q queryer, l *brandLayout, key string) ([]sighting, error) {
	parts, ok := connectors.SplitKey(key, len(r.platform.Key))
	if !ok {
		return nil, nil
	}
	s := &brandStatement{d: r.d}
	return r.which(ctx, q, l, r.keyed(s, l, parts), s)
}

func (r *brandReader) byNatural(ctx context.Context, q queryer, l *brandLayout, natural map[string]string) ([]sighting, error) {
	if len(natural) == 0 {
		return nil, nil
	}
	s := &brandStatement{d: r.d}
	var all []string
	for _, name := range sorted(natural) {
		if _, ok := l.columns[name]; !ok {
			return nil, nil
		}
		all = append(all, r.equals(s, l, name, natural[name]))
	}
	return r.which(ctx, q, l, strings.Join(all, " AND "), s)
}

func (r *brandReader) which(ctx context.Context, q queryer, l *brandLayout, where string, s *brandStatement) ([]sighting, error) {
	found, err := r.ask(ctx, q, l, dialect.Select{Where: where + " AND " + r.alive(s, l), Limit: maxLook}, s.args)
	if err != nil && r.fault(err).Class == dialect.BadValue {
		return nil, nil // the key is none of this type
	}
	return found, err
}

// Conditional reports that a write is made only where the row still shows what
// the difference was computed from: the UPDATE says so itself.
func (w *brandWriter) Conditional() bool { return true }

// Push writes each row in a transaction of its own.
func (w *brandWriter) Push(ctx context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	return w.push(ctx, writes, func(ctx context.Context) (target, error) {
		l, err := w.discover(ctx)
		if err == nil && !l.rel.Transactional {
			err = fmt.Errorf("%s: the table %s keeps no transactions: %w", w.platform.ID, w.settings.Table, connectors.ErrReadOnly)
		}
		return &brandTarget{w, l}, err
	})
}

// brandTarget is the table, for writing.
type brandTarget struct {
	*brandWriter
	layout *brandLayout
}

func (t *brandTarget) has(column string) bool { _, ok := t.layout.columns[column]; return ok }

func (t *brandTarget) ruled(ctx context.Context, rule string) []string {
	query, args := t.d.Ruled(t.layout.rel, rule)
	found, err := t.texts(ctx, t.db, query, args...)
	if err != nil {
		return nil // the rule's name is in the sentence
	}
	var names []string
	for _, f := range found {
		names = append(names, t.filed(f[0].String))
	}
	return names
}

// filed is a column's name as the file has it.
func (t *brandTarget) filed(name string) string {
	for file, c := range t.layout.columns {
		if c.Name == name {
			return file
		}
	}
	return name
}

func (t *brandTarget) length(column string) int { return t.layout.columns[column].Length }

// unfit judges by the type: asking the server for each column would cost a round
// trip for each.
func (t *brandTarget) unfit(_ context.Context, set map[string]string) string {
	for _, name := range sorted(set) {
		text := set[name]
		fits := true
		switch t.layout.columns[name].Kind {
		case dialect.Number, dialect.Bool:
			_, fits = new(big.Rat).SetString(text)
		case dialect.Date, dialect.Time, dialect.Zoned:
			_, fits = timefmt.Parse(text, "", time.UTC)
		}
		if text != "" && !fits {
			return name
		}
	}
	return ""
}

// session is a connection that holds a row's lock, in a transaction.
type session struct {
	r     *brandReader
	conn  *sql.Conn
	tx    *sql.Tx
	locks []string // that outlive the transaction
}

// errLocked: an earlier write of ours to the same row is still under way.
var errLocked = errors.New("an earlier write is still under way")

// session takes the locks of a row and begins a transaction. A lock that belongs
// to the session comes first, so that nothing that the transaction sees is older
// than it.
func (w *brandWriter) session(ctx context.Context, l *brandLayout, write connectors.Write, wait time.Duration) (*session, error) {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{r: w.brandReader, conn: conn}
	outside, _ := w.d.Unlock("")
	err = func() error {
		if outside != "" {
			if err := s.lock(ctx, conn, l, write, wait); err != nil {
				return err
			}
		}
		if s.tx, err = conn.BeginTx(ctx, nil); err != nil || outside != "" {
			return err
		}
		return s.lock(ctx, s.tx, l, write, wait)
	}()
	if err != nil {
		s.end(context.WithoutCancel(ctx))
		return nil, err
	}
	return s, nil
}

// lock takes every lock of a write. Where the brand has none with a name, the row
// itself is locked, and for a row that is not there yet the table.
func (s *session) lock(ctx context.Context, q queryer, l *brandLayout, write connectors.Write, wait time.Duration) error {
	d := s.r.d
	for _, parts := range s.r.lockNames(write) {
		sum := sha256.Sum256([]byte(l.from + "\x1f" + strings.Join(parts, "\x1f")))
		name := "heji:" + hex.EncodeToString(sum[:20]) // of MySQL at most 64 characters; not the key itself (I9)
		query, args := d.Lock(name, wait)
		if query == "" {
			return s.lockRows(ctx, q, l, write, wait)
		}
		got, err := s.r.texts(ctx, q, query, args...)
		if err != nil {
			return err
		}
		if len(got) != 1 || got[0][0].String != "1" {
			return errLocked
		}
		s.locks = append(s.locks, name)
	}
	return nil
}

func (s *session) lockRows(ctx context.Context, q queryer, l *brandLayout, write connectors.Write, wait time.Duration) error {
	if write.Key == "" {
		_, err := s.tx.ExecContext(ctx, s.r.d.LockTable(l.from, wait))
		return err
	}
	parts, ok := connectors.SplitKey(write.Key, len(s.r.platform.Key))
	if !ok {
		return nil
	}
	st := &brandStatement{d: s.r.d}
	where := s.r.keyed(st, l, parts)
	_, err := s.r.texts(ctx, q, s.r.d.LockRow(l.from, where, wait), st.args...)
	return err
}

// end undoes what was not committed and gives locks and connection back. A
// connection whose lock cannot be given back is closed, and the lock with it.
func (s *session) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if s.tx != nil {
		_ = s.tx.Rollback() // after a commit: nothing left to do
	}
	broken := false
	for _, name := range s.locks {
		if unlock, args := s.r.d.Unlock(name); unlock != "" {
			_, err := s.conn.ExecContext(ctx, unlock, args...)
			broken = broken || err != nil
		}
	}
	if broken {
		_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = s.conn.Close()
}

// brandAttempt is one write in its session.
type brandAttempt struct {
	*brandTarget
	*session
	write connectors.Write
}

func (t *brandTarget) begin(ctx context.Context, write connectors.Write) (attempt, error) {
	s, err := t.session(ctx, t.layout, write, t.platform.Life())
	if err != nil {
		return nil, err
	}
	return &brandAttempt{t, s, write}, nil
}

func (a *brandAttempt) commit(context.Context) error { return a.tx.Commit() }

func (a *brandAttempt) do(ctx context.Context) (connectors.Outcome, error) {
	for _, name := range sorted(a.write.Set) {
		if a.layout.columns[name].Raw && !charset.Holds(a.settings.Encoding, a.write.Set[name]) {
			return refused(a.write, name, "the value holds a character that the platform's encoding "+a.settings.Encoding+" cannot hold"), nil
		}
	}
	if a.write.Key == "" {
		return a.create(ctx)
	}
	return a.update(ctx)
}

// assign is the SQL that gives a column a text. Blank is NULL wherever the
// column allows it.
func (a *brandAttempt) assign(s *brandStatement, name, text string) string {
	c := a.layout.columns[name]
	if text == "" && (c.Nullable || c.Kind != dialect.Text && c.Kind != dialect.LongText) {
		return "NULL"
	}
	return a.d.Value(c, s.param(a.value(c, text)), text)
}

// assignments are column and value of every text, and of the change column where
// nothing of the platform sets it.
func (a *brandAttempt) assignments(ctx context.Context, s *brandStatement, texts map[string]string) (names, values []string, err error) {
	for _, name := range sorted(texts) {
		names = append(names, a.d.Quote(a.layout.columns[name].Name))
		values = append(values, a.assign(s, name, texts[name]))
	}
	if !a.touches(texts) {
		return names, values, nil
	}
	c := a.layout.columns[a.platform.ChangeColumn]
	names = append(names, a.d.Quote(c.Name))
	switch {
	case a.layout.change == timeClock:
		return names, append(values, a.d.Now(c)), nil
	case a.layout.change == countClock && a.platform.ChangeFormat == "":
		next, err := a.texts(ctx, a.tx, "SELECT COALESCE(MAX("+a.d.Quote(c.Name)+"), 0) + 1 FROM "+a.layout.from)
		if err != nil {
			return nil, nil, err
		}
		return names, append(values, a.d.Value(c, s.param(next[0][0].String), next[0][0].String)), nil
	}
	text := a.nowText()
	return names, append(values, a.d.Value(c, s.param(text), text)), nil
}

// update is compare-and-set: what the columns showed when the difference was
// computed is part of the condition (I5).
func (a *brandAttempt) update(ctx context.Context) (connectors.Outcome, error) {
	outcome := connectors.Outcome{Intent: a.write.Intent, Key: a.write.Key}
	parts, ok := connectors.SplitKey(a.write.Key, len(a.platform.Key))
	if !ok {
		outcome.Status, outcome.Reason = connectors.Gone, "the platform's key has another number of columns"
		return outcome, nil
	}
	s := &brandStatement{d: a.d}
	names, values, err := a.assignments(ctx, s, a.write.Set)
	if err != nil {
		return outcome, err
	}
	sets := make([]string, len(names))
	for i := range names {
		sets[i] = names[i] + " = " + values[i]
	}
	where := a.keyed(s, a.layout, parts) + " AND " + a.alive(s, a.layout)
	for _, name := range sorted(a.write.If) {
		where += " AND " + a.shows(s, a.layout, name, a.write.If[name])
	}
	result, err := a.tx.ExecContext(ctx, a.d.Update(a.layout.from, strings.Join(sets, ", "), where), s.args...)
	if err != nil {
		return outcome, err
	}
	changed, err := result.RowsAffected()
	if err != nil {
		return outcome, err
	}
	found, err := a.byKey(ctx, a.tx, a.layout, a.write.Key)
	if err != nil {
		return outcome, err
	}
	rows := living(found)
	switch {
	case changed > 1 || len(rows) > 1: // not committed
		return refused(a.write, "", "several rows have this key, so none was written"), nil
	case len(rows) == 1 && a.foreign(rows, a.write.Key, nil): // not committed
		return refused(a.write, "", foreignRow), nil
	case changed == 1 && len(rows) == 1:
		outcome.Status, outcome.RowVersion, outcome.Shown = connectors.Applied, rows[0].RowVersion, rows[0].Columns
	case changed == 1: // what was written takes it out of sight
		outcome.Status = connectors.Applied
	case len(rows) == 1: // it shows something else
		outcome.Status, outcome.RowVersion, outcome.Shown = connectors.Missed, rows[0].RowVersion, rows[0].Columns
	default:
		outcome.Status = connectors.Gone
	}
	return outcome, nil
}

// create inserts a row unless its natural key or token is taken. The lock makes
// the look and the insert one step among ourselves; among others, the platform's
// own unique rule does.
func (a *brandAttempt) create(ctx context.Context) (connectors.Outcome, error) {
	outcome := connectors.Outcome{Intent: a.write.Intent}
	guards := a.guards(a.write)
	taken, err := a.taken(ctx, guards)
	if err != nil || len(taken) > 0 {
		return exists(outcome, taken), err
	}
	values := a.created(a.write)
	for _, name := range sorted(values) {
		if !a.has(name) {
			return refused(a.write, name, noColumn), nil
		}
	}
	s := &brandStatement{d: a.d}
	names, params, err := a.assignments(ctx, s, values)
	if err != nil {
		return outcome, err
	}
	if _, err := a.tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", a.layout.from, strings.Join(names, ", "), strings.Join(params, ", ")), s.args...); err != nil {
		if a.fault(err).Class != dialect.Duplicate {
			return outcome, err
		}
		// Somebody else may have come between our look and the insert. What the
		// transaction sees may be older: it ends first.
		_ = a.tx.Rollback()
		again, beginErr := a.conn.BeginTx(ctx, nil)
		if beginErr != nil {
			return outcome, err
		}
		a.tx = again
		if taken, lookErr := a.taken(ctx, guards); lookErr == nil && len(taken) > 0 {
			return exists(outcome, taken), nil
		}
		return outcome, err
	}
	made, err := a.taken(ctx, guards[:min(1, len(guards))])
	switch {
	case err != nil:
		return outcome, err
	case len(made) != 1:
		return refused(a.write, "", "the platform did not keep the new row under its natural key, so it was not created"), nil // not committed
	}
	outcome.Status, outcome.Key, outcome.RowVersion, outcome.Shown = connectors.Applied, made[0].Key, made[0].RowVersion, made[0].Columns
	return outcome, nil
}

// taken are the rows that hold one of the keys.
func (a *brandAttempt) taken(ctx context.Context, guards []map[string]string) ([]connectors.Row, error) {
	for _, guard := range guards {
		found, err := a.byNatural(ctx, a.tx, a.layout, guard)
		if err != nil {
			return nil, err
		}
		var rows []connectors.Row
		for _, s := range found {
			if s.row.Op != schema.OpDelete { // one that cannot be read is there all the same
				rows = append(rows, s.row)
			}
		}
		if len(rows) > 0 {
			sort.Slice(rows, func(i, j int) bool { return rows[i].Key < rows[j].Key })
			return rows, nil
		}
	}
	return nil, nil
}
