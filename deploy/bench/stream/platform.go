package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/schema"
)

// chunk is how many rows one batch of a read brings.
const chunk = 500

// platform is one register of one district: a department's system that costs
// next to nothing. It answers at once, compares before it writes, and shows
// each change in its next incremental read.
type platform struct {
	id       string
	register *register
	people   people
	first, n int // the district's people are first … first+n-1
	stride   int // coprime with n: from one place of the order to the next
	began    time.Time

	mu      sync.Mutex
	open    bool // before, the register shows nothing
	written map[int]map[string]string
	at      map[int]time.Time // of the last write
	version map[int]int
	changes []int // rows in the order in which they were written
	Writes  int
	// Repeated counts writes of what the row already held.
	Repeated int
}

func newPlatform(id string, r *register, p people, first, n int) *platform {
	stride := max(1, int(r.spread*float64(n)))
	for gcd(stride, n) > 1 {
		stride++
	}
	return &platform{id: id, register: r, people: p, first: first, n: n, stride: stride, began: time.Now(),
		written: map[int]map[string]string{}, at: map[int]time.Time{}, version: map[int]int{}}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Open lets the register be read.
func (p *platform) Open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = true
}

// person is who stands at a place of the register's order; ok is false where
// the register does not know the person.
func (p *platform) person(place int) (i int, ok bool) {
	i = p.first + place*p.stride%p.n
	return i, p.people.roll(i, "member "+p.register.name, 100) < p.register.share
}

// Rows counts the people whom the register knows.
func (p *platform) Rows() (n int) {
	for place := range p.n {
		if _, ok := p.person(place); ok {
			n++
		}
	}
	return n
}

func (p *platform) row(place, i int) connectors.Row {
	row := connectors.Row{Op: schema.OpPut, Key: strconv.Itoa(place), Columns: p.register.columns(p.register, p.people, i),
		ChangedAt: p.began.Add(-time.Duration(1+p.people.roll(i, "changed "+p.id, 86_400*365)) * time.Second)}
	row.Columns["key"] = row.Key
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.Copy(row.Columns, p.written[place])
	row.RowVersion = strconv.Itoa(p.version[place])
	return row
}

type cursor struct {
	Place  int `json:"place"`  // the next row of the first read
	Change int `json:"change"` // the next change
}

// Check implements connectors.Connector.
func (p *platform) Check(context.Context) error { return nil }

// Close implements connectors.Connector.
func (p *platform) Close() error { return nil }

// Writable: the police register is never written.
func (p *platform) Writable() bool { return p.register.name != "police" }

// Conditional: Push compares before it writes.
func (p *platform) Conditional() bool { return true }

// Pull implements connectors.Connector.
func (p *platform) Pull(ctx context.Context, from connectors.Cursor, emit func(connectors.Batch) error) error {
	var at cursor
	if from != nil {
		if err := json.Unmarshal(from, &at); err != nil {
			return fmt.Errorf("read the cursor: %w", err)
		}
	}
	p.mu.Lock()
	open := p.open
	changed := p.changes[at.Change:]
	p.mu.Unlock()
	if !open {
		return nil
	}
	now := time.Now()
	send := func(rows []connectors.Row) error {
		c, err := json.Marshal(at)
		if err != nil {
			return err
		}
		return emit(connectors.Batch{Rows: rows, Cursor: c, AsOf: now})
	}
	for at.Place < p.n {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows := make([]connectors.Row, 0, chunk)
		for ; at.Place < p.n && len(rows) < chunk; at.Place++ {
			if i, ok := p.person(at.Place); ok {
				rows = append(rows, p.row(at.Place, i))
			}
		}
		if err := send(rows); err != nil {
			return err
		}
	}
	for len(changed) > 0 {
		n := min(chunk, len(changed))
		rows := make([]connectors.Row, n)
		for k, place := range changed[:n] {
			i, _ := p.person(place)
			rows[k] = p.row(place, i)
			rows[k].ChangedAt = now
		}
		at.Change, changed = at.Change+n, changed[n:]
		if err := send(rows); err != nil {
			return err
		}
	}
	return nil
}

// Push implements connectors.Writer.
func (p *platform) Push(_ context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	out := make([]connectors.Outcome, len(writes))
	for k, w := range writes {
		out[k] = p.push(w)
	}
	return out, nil
}

func (p *platform) push(w connectors.Write) connectors.Outcome {
	o := connectors.Outcome{Intent: w.Intent, Key: w.Key}
	place, i, ok := p.find(w.Key)
	if !ok {
		o.Status = connectors.Gone
		return o
	}
	row := p.row(place, i)
	same := true
	for column, text := range w.Set {
		if row.Columns[column] != w.If[column] {
			o.Status = connectors.Missed
			return o
		}
		same = same && row.Columns[column] == text
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if same {
		p.Repeated++
	}
	if p.written[place] == nil {
		p.written[place] = map[string]string{}
	}
	maps.Copy(p.written[place], w.Set)
	p.at[place] = time.Now()
	p.version[place]++
	p.changes = append(p.changes, place)
	p.Writes++
	o.Status, o.RowVersion = connectors.Applied, strconv.Itoa(p.version[place])
	return o
}

// took is when the last write to a row was taken, where it shows a text because of
// a write.
func (p *platform) took(key, column, text string) (time.Time, bool) {
	place, _, ok := p.find(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at[place], ok && p.written[place][column] == text
}

func (p *platform) find(key string) (place, i int, ok bool) {
	place, err := strconv.Atoi(key)
	if err != nil || place < 0 || place >= p.n {
		return 0, 0, false
	}
	i, ok = p.person(place)
	return place, i, ok
}

// Look implements connectors.Looker.
func (p *platform) Look(_ context.Context, q connectors.Query) ([]connectors.Row, error) {
	place, i, ok := p.find(q.Key)
	if !ok {
		return nil, nil
	}
	return []connectors.Row{p.row(place, i)}, nil
}

// simulated are the platforms of this process by their files: a connector kind
// is known by name only.
var simulated sync.Map

var registerKind = sync.OnceFunc(func() {
	connectors.Register(kind, func(_ context.Context, s *spec.Platform, _ connectors.Environment) (connectors.Connector, error) {
		p, ok := simulated.Load(s)
		if !ok {
			return nil, fmt.Errorf("platform %s: the kind %q is for the bench alone", s.ID, kind)
		}
		return p.(*platform), nil
	})
})
