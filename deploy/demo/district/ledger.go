package district

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ledger is the database of a platform that is not PostgreSQL: rows in memory,
// every change as one line of an append-only file. The line is written before
// anybody is told, so an acknowledged write survives the kill of the process;
// a torn last line was never acknowledged and is cut off.
type ledger struct {
	mu      sync.Mutex
	path    string
	layout  *Layout
	now     func() time.Time
	file    *os.File
	rows    map[string]*stored
	order   []*stored // the same in the order of their last change, deleted ones too
	keys    []string  // the same in the order of their keys
	journal []Write
	edits   []Edit
	done    map[string]Edit            // clerks' edits by ID
	replies map[string]json.RawMessage // what was answered to an idempotency key
	exports []exported
	seq     int64 // counts changes of rows: the order of the change feed
	lastKey int   // counts keys given out

	tamper func(*Write) (reason string) // nil: nobody meddles with what comes in

	// What a platform in trouble shows (trouble.go).
	puts    []stored // every state of every row, for as long as nothing was restored
	replica *replica // nil: readers see the register itself
}

// stored is one row with what the platform keeps about it.
type stored struct {
	Key     string    `json:"key"`
	Row     Row       `json:"row"`
	Seq     int64     `json:"seq"` // of its last change: also its version
	At      time.Time `json:"at"`  // of its last change
	Person  int       `json:"person,omitempty"`
	Deleted bool      `json:"deleted,omitempty"`
}

// exported is one file that a platform put out.
type exported struct {
	Name string    `json:"name"`
	AsOf time.Time `json:"as_of"`
	Seq  int64     `json:"seq"` // state that it shows
}

// event is one line of the ledger. Everything in it happened together.
type event struct {
	Put    *stored   `json:"put,omitempty"`
	Write  *Write    `json:"write,omitempty"`
	Edit   *Edit     `json:"edit,omitempty"`
	Export *exported `json:"export,omitempty"`
	// Restore is the change up to which the register was put back.
	Restore *int64          `json:"restore,omitempty"`
	Token   string          `json:"token,omitempty"`
	Reply   json.RawMessage `json:"reply,omitempty"`
}

// openLedger opens a platform's ledger, or begins it with the given rows.
func openLedger(path string, layout *Layout, now func() time.Time, seed func() ([]stored, error)) (*ledger, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		rows, err := seed()
		if err != nil {
			return nil, err
		}
		var text []byte
		for i := range rows {
			line, err := json.Marshal(event{Put: &rows[i]})
			if err != nil {
				return nil, err
			}
			text = append(append(text, line...), '\n')
		}
		if err := writeFile(path, text); err != nil {
			return nil, err
		}
	}
	l := &ledger{path: path, layout: layout, now: now, rows: map[string]*stored{}, done: map[string]Edit{}, replies: map[string]json.RawMessage{}}
	if err := l.load(); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return l, nil
}

func (l *ledger) load() error {
	f, err := os.OpenFile(l.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(f, 1<<20)
	var good int64
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // what is left, if anything, was torn by a kill
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return errors.Join(fmt.Errorf("offset %d: %w", good, err), f.Close())
		}
		l.remember(e)
		good += int64(len(line))
	}
	if err := f.Truncate(good); err != nil {
		return errors.Join(err, f.Close())
	}
	if _, err := f.Seek(good, io.SeekStart); err != nil {
		return errors.Join(err, f.Close())
	}
	l.file = f
	return nil
}

// record makes an event durable and then true. The caller holds mu.
func (l *ledger) record(e event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(l.path), err)
	}
	l.remember(e)
	if l.replica != nil {
		l.replica.later(e, l.now())
	}
	return nil
}

func (l *ledger) remember(e event) {
	if e.Restore != nil {
		l.putBack(*e.Restore)
	}
	if e.Put != nil {
		row := *e.Put
		l.puts = append(l.puts, row)
		if old, ok := l.rows[row.Key]; ok {
			at, _ := slices.BinarySearchFunc(l.order, old.Seq, func(s *stored, seq int64) int { return cmp.Compare(s.Seq, seq) })
			l.order = slices.Delete(l.order, at, at+1)
		} else {
			at, _ := slices.BinarySearch(l.keys, row.Key)
			l.keys = slices.Insert(l.keys, at, row.Key)
		}
		l.rows[row.Key] = &row
		l.order = append(l.order, &row)
		l.seq = max(l.seq, row.Seq)
		l.lastKey = max(l.lastKey, keyNumber(strings.TrimPrefix(row.Key, l.layout.Prefix)))
	}
	if e.Write != nil {
		l.journal = append(l.journal, *e.Write)
	}
	if e.Edit != nil {
		l.edits = append(l.edits, *e.Edit)
		l.done[e.Edit.ID] = *e.Edit
	}
	if e.Export != nil {
		l.exports = append(l.exports, *e.Export)
	}
	if e.Token != "" {
		l.replies[e.Token] = e.Reply
	}
}

// keyNumber is the counter in a key.
func keyNumber(key string) int {
	n, err := strconv.Atoi(key)
	if err != nil {
		return 0
	}
	return n
}

// put returns the row as it will be with some columns set. The caller holds mu.
func (l *ledger) put(old *stored, set Row, at time.Time) *stored {
	next := *old
	next.Row, next.Seq, next.At = maps.Clone(old.Row), l.seq+1, at
	for c, v := range set {
		next.Row[c] = strings.TrimSpace(v)
	}
	l.layout.stamp(next.Row, at)
	return &next
}

// live returns a row that is there. The caller holds mu.
func (l *ledger) live(key string) (*stored, bool) {
	s, ok := l.rows[key]
	return s, ok && !s.Deleted
}

// since returns the rows, deleted ones too, that changed after a change and not
// before a time, in the order of their change. The caller holds mu.
func (l *ledger) since(seq int64, at time.Time) []*stored {
	i, _ := slices.BinarySearchFunc(l.order, seq+1, func(s *stored, seq int64) int { return cmp.Compare(s.Seq, seq) })
	j, _ := slices.BinarySearchFunc(l.order, at, func(s *stored, at time.Time) int { return s.At.Compare(at) })
	return l.order[max(i, j):]
}

// byKey returns the living rows in the order of their keys. The caller holds mu.
func (l *ledger) byKey() []*stored {
	list := make([]*stored, 0, len(l.keys))
	for _, key := range l.keys {
		if s := l.rows[key]; !s.Deleted {
			list = append(list, s)
		}
	}
	return list
}

// tick is the time of the next change: to the millisecond, as the platforms
// show it, and later than every change before, whatever the clock does.
func (l *ledger) tick() time.Time {
	now := l.now().Truncate(time.Millisecond)
	if n := len(l.order); n > 0 && !now.After(l.order[n-1].At) {
		now = l.order[n-1].At.Add(time.Millisecond)
	}
	return now
}

// holds reports whether a row shows exactly these columns already.
func holds(row, set Row) bool {
	for c, v := range set {
		if row[c] != v {
			return false
		}
	}
	return true
}

// Snapshot implements Platform.
func (l *ledger) Snapshot(context.Context) (map[string]Row, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]Row, len(l.rows))
	for _, s := range l.byKey() {
		out[s.Key] = maps.Clone(s.Row)
	}
	return out, nil
}

// Journal implements Platform.
func (l *ledger) Journal(context.Context) ([]Write, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.journal), nil
}

// Edits implements Platform.
func (l *ledger) Edits(context.Context) ([]Edit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.edits), nil
}

// Origins implements Platform.
func (l *ledger) Origins(context.Context) (map[string]int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]int{}
	for key, s := range l.rows {
		if s.Person != 0 && !s.Deleted {
			out[key] = s.Person
		}
	}
	return out, nil
}

// Clerk implements Platform.
func (l *ledger) Clerk(_ context.Context, e Edit) (Edit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if was, ok := l.done[e.ID]; ok {
		return was, nil
	}
	e.At = l.tick()
	old := &stored{Person: e.Person, Row: Row{}}
	if e.Op == EditInsert {
		e.Key = l.newKey()
		old.Key = e.Key
		for _, c := range l.layout.Columns {
			old.Row[c] = l.layout.Fill[c]
		}
		old.Row[l.layout.Key] = e.Key
	} else {
		s, ok := l.live(e.Key)
		if !ok {
			return e, fmt.Errorf("%s: clerk's edit %s: no such row", l.layout.Platform, e.ID)
		}
		old = s
	}
	next := l.put(old, e.Set, e.At)
	next.Deleted = e.Op == EditDelete
	return e, l.record(event{Put: next, Edit: &e})
}

// newKey gives out the next row id. The caller holds mu.
func (l *ledger) newKey() string { return l.layout.key(l.lastKey + 1) }

// outcome is what the register made of a write from outside.
type outcome struct {
	row    *stored
	column string // refused: the column
	reason string // refused: why
	gone   bool
	missed bool
	exists string // a create that would double this row
	replay json.RawMessage
}

// request is a write from outside.
type request struct {
	Write
	version int64                // the row must have this version; 0: any
	token   string               // idempotency key, "" for none
	body    string               // what came with the token: the same key must come with the same
	double  func(s *stored) bool // a create is refused where such a row is there
	reply   func(s *stored) json.RawMessage
	// refusal is what a platform remembers to have answered to a refused write
	// with a token; nil: nothing, the same token may try again.
	refusal func(column, reason string) json.RawMessage
}

// accept does a write from outside: checks, the row, the journal and the
// answer to the idempotency key become durable together.
func (l *ledger) accept(q request) (outcome, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q.At = l.tick()
	if q.token != "" {
		if was, ok := l.replies[q.token]; ok {
			q.Write.Replay = true
			return outcome{replay: was}, l.record(event{Write: &q.Write})
		}
	}
	old := &stored{Row: Row{}}
	if q.Create {
		for _, s := range l.rows {
			if !s.Deleted && q.double != nil && q.double(s) {
				return outcome{exists: s.Key}, nil
			}
		}
		old.Key = l.newKey()
		q.Key = old.Key
		for _, c := range l.layout.Columns {
			old.Row[c] = l.layout.Fill[c]
		}
		old.Row[l.layout.Key] = old.Key
	} else {
		s, ok := l.live(q.Key)
		switch {
		case !ok:
			return outcome{gone: true}, nil
		case q.version != 0 && s.Seq != q.version:
			return outcome{missed: true, row: s}, nil
		}
		old = s
	}
	sent := q.Set
	if l.tamper != nil {
		q.Set = maps.Clone(q.Set)
		if q.Reason = l.tamper(&q.Write); q.Reason != "" {
			return outcome{reason: q.Reason}, l.record(event{Write: &q.Write})
		}
	}
	next := l.put(old, q.Set, q.At)
	if column, reason := l.layout.check(next.Row, q.Set); reason != "" {
		q.Reason = column + ": " + reason
		e := event{Write: &q.Write}
		if q.refusal != nil {
			e.Token, e.Reply = q.token, q.refusal(column, reason)
		}
		return outcome{column: column, reason: reason}, l.record(e)
	}
	q.Applied, q.Repeated = true, !q.Create && holds(old.Row, sent)
	e := event{Put: next, Write: &q.Write}
	if q.Untouched && !q.Create {
		e.Put, next = nil, old
	}
	if q.token != "" {
		e.Token, e.Reply = q.token, q.reply(next)
	}
	return outcome{row: next}, l.record(e)
}

func (l *ledger) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
