package district

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"time"

	"heji/deploy/demo/population"
)

// Options say where a district lives.
type Options struct {
	Dir string // state, journals and the folders of the file platforms
	// Database gives each platform that is a PostgreSQL database one of its own.
	Database   func(ctx context.Context, platform string) (dsn string, err error)
	Population *population.Population
	Seed       int64
	// Poll is how often file platforms look into their inbox and write a fresh
	// export when something changed; default 100 ms.
	Poll time.Duration
	// Echoes are the pauses after a change after which file platforms export once
	// more; nil: Echoes.
	Echoes []time.Duration
	// Listen opens the port of a platform that tells its address itself, as a Kafka
	// broker does: what Addr says is what it tells. nil: net.Listen.
	Listen func(network, address string) (net.Listener, error)
	// Now is the platforms' clock; default time.Now.
	Now func() time.Time
	Log *slog.Logger
	// Platforms are those to start; nil: all (population.Platforms).
	Platforms []string
	// Tamper sees every write before a platform that keeps a ledger does it. What
	// it changes is what is done; a reason refuses the write. nil: nobody meddles.
	Tamper func(platform string, w *Write) (reason string)
	// Sealed are the sealed platforms that run beside the others (population.Sealed).
	Sealed []string
}

// Row is one row as a platform shows it: column → text.
type Row map[string]string

// Write is one write that a platform received.
type Write struct {
	At       time.Time `json:"at"`
	Intent   string    `json:"intent,omitempty"` // idempotency key, batch and row id; empty where the way in has none
	Key      string    `json:"key"`              // of the row; of the new row for a create
	Create   bool      `json:"create,omitempty"`
	Delete   bool      `json:"delete,omitempty"`
	Set      Row       `json:"set,omitempty"` // the columns sent; for PostgreSQL the columns changed
	Applied  bool      `json:"applied"`
	Reason   string    `json:"reason,omitempty"`   // why refused
	Repeated bool      `json:"repeated,omitempty"` // the row already held exactly this content
	Replay   bool      `json:"replay,omitempty"`   // the same request once more, answered from memory, nothing done

	// Untouched is said by whoever tampers: the row stays as it is, the time of its
	// change too.
	Untouched bool `json:"-"`
}

// EditOp is what a clerk did.
type EditOp string

const (
	EditUpdate EditOp = "update"
	EditInsert EditOp = "insert"
	EditDelete EditOp = "delete"
)

// Edit is one action of a platform's own clerk.
type Edit struct {
	ID       string    `json:"id"` // "r2-pension-03"
	Round    int       `json:"round"`
	At       time.Time `json:"at"`
	Platform string    `json:"platform"`
	Op       EditOp    `json:"op"`
	Key      string    `json:"key"`
	Set      Row       `json:"set,omitempty"`
	Person   int       `json:"person"` // the true person
	Note     string    `json:"note"`
	// Contest marks the few deliberate edits of a field that Heji wrote: the
	// hub must leave the field alone until a person decides.
	Contest bool `json:"contest,omitempty"`
	// Truth holds what became true by this edit, where it is not a mere correction.
	Truth population.Facts `json:"truth,omitempty"`
}

// Platform is one simulated department platform.
type Platform interface {
	ID() string
	// Snapshot returns key → row, as the platform shows it now. Rows that the
	// platform shows as deleted are absent.
	Snapshot(ctx context.Context) (map[string]Row, error)
	// Journal returns every write received from outside, in order.
	Journal(ctx context.Context) ([]Write, error)
	// Edits returns what the platform's clerks did, in order.
	Edits(ctx context.Context) ([]Edit, error)
	// Origins returns key → true person of each row that the department itself
	// made. Rows that came from outside have none.
	Origins(ctx context.Context) (map[string]int, error)
	// Clerk does one edit. The same Edit.ID done twice is done once. It returns
	// the edit with its time and, for an insert, its key.
	Clerk(ctx context.Context, e Edit) (Edit, error)

	close() error
}

// District is the platforms.
type District struct {
	opts      Options
	first     *population.Population // as it was before anything changed
	platforms []Platform
	byID      map[string]Platform
	env       map[string]string
}

// Platforms returns all platforms in display order.
func (d *District) Platforms() []Platform { return d.platforms }

// Platform returns one platform, nil when there is none of that name.
func (d *District) Platform(id string) Platform { return d.byID[id] }

// Population returns the truth. Rounds change it.
func (d *District) Population() *population.Population { return d.opts.Population }

// Env returns the ${NAME} variables of connectors/platforms/*.yaml.
func (d *District) Env() map[string]string {
	m := map[string]string{}
	for k, v := range d.env {
		m[k] = v
	}
	return m
}

// Mark is what every platform showed at one moment.
type Mark struct {
	Name      string                    `json:"name"`
	At        time.Time                 `json:"at"`
	Platforms map[string]map[string]Row `json:"platforms"`
	// Own is what the departments themselves put into their rows up to then: the
	// first rows with the clerks' edits, and nothing that came from outside.
	Own    map[string]map[string]Row `json:"own"`
	Writes map[string]int            `json:"writes"` // length of each journal then
	Edits  map[string]int            `json:"edits"`  // number of clerks' edits then
}

// Mark stores what every platform shows now under a name and returns it. A
// name that was stored before, perhaps by a process that was killed, is
// returned as it was then.
func (d *District) Mark(ctx context.Context, name string) (Mark, error) {
	if m, err := d.Marked(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	m := Mark{Name: name, At: d.opts.Now(), Platforms: map[string]map[string]Row{}, Own: map[string]map[string]Row{}, Writes: map[string]int{}, Edits: map[string]int{}}
	for _, p := range d.platforms {
		rows, err := p.Snapshot(ctx)
		if err != nil {
			return m, fmt.Errorf("%s: snapshot: %w", p.ID(), err)
		}
		writes, err := p.Journal(ctx)
		if err != nil {
			return m, fmt.Errorf("%s: journal: %w", p.ID(), err)
		}
		edits, err := p.Edits(ctx)
		if err != nil {
			return m, fmt.Errorf("%s: edits: %w", p.ID(), err)
		}
		m.Platforms[p.ID()], m.Writes[p.ID()], m.Edits[p.ID()] = rows, len(writes), len(edits)
		m.Own[p.ID()] = d.own(p.ID(), edits)
	}
	return m, writeJSON(d.markPath(name), m)
}

// own replays the clerks' edits on the first rows.
func (d *District) own(platform string, edits []Edit) map[string]Row {
	rows := map[string]Row{}
	if layout := LayoutOf(platform); layout != nil {
		for _, s := range d.seed(layout) {
			rows[s.Key] = s.Row
		}
	}
	for _, e := range edits {
		e.Replay(rows)
	}
	return rows
}

// Replay does an edit on rows in memory.
func (e Edit) Replay(rows map[string]Row) {
	if e.Op == EditDelete {
		delete(rows, e.Key)
		return
	}
	row := maps.Clone(rows[e.Key])
	if row == nil {
		row = Row{}
	}
	maps.Copy(row, e.Set)
	rows[e.Key] = row
}

// Marked returns a stored mark. The error wraps fs.ErrNotExist when there is none.
func (d *District) Marked(name string) (Mark, error) {
	var m Mark
	return m, readJSON(d.markPath(name), &m)
}

// Once reads what was stored under a name into a pointer, or has it made, and
// stores it: a plan that must be the same after a kill.
func (d *District) Once(name string, into any, fill func() error) error {
	path := filepath.Join(d.opts.Dir, "plans", name+".json")
	if err := readJSON(path, into); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := fill(); err != nil {
		return err
	}
	return writeJSON(path, into)
}

func (d *District) markPath(name string) string {
	return filepath.Join(d.opts.Dir, "marks", name+".json")
}

func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFile(path, b)
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// ignoreMissing is nil for a file that is not there yet.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// writeFile puts a whole file in place: temporary name, sync, rename.
func writeFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(b); err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return os.Rename(f.Name(), path)
}
