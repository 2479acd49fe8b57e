package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/nats-io/nats.go"

	"heji/connectors/spec"
	"heji/schema"
)

// Cursor is a connector's own resume point; nil means from the beginning.
type Cursor = json.RawMessage

// Row is one row as the platform has it.
type Row struct {
	Key     string            // the platform's own row id
	Op      schema.Op         // OpPut, OpDelete, or OpDead for a row that cannot be read
	Columns map[string]string // column → text, decoded to UTF-8, otherwise untouched
	// ChangedAt is the row's own change time, zero where the platform has none.
	ChangedAt  time.Time
	RowVersion string // ETag, xmin, version column: opaque
	Token      string // our create token, where the platform stores it

	Problem schema.Problem // dead rows
	Place   string         // file and line, page and index: never values
}

// Batch is a piece of one read.
type Batch struct {
	Rows []Row
	// Cursor resumes after this batch. Nil: not a resume point.
	Cursor Cursor
	// AsOf is the time the rows are evidence for, before the platform's lag is
	// taken off: the start of the read, or an extract's cut-off.
	AsOf time.Time
	// Full marks a batch of a full read. Complete marks the last batch of a full
	// read that was verified to be whole: rows not seen in it are gone.
	Full     bool
	Complete bool
	// Source names what was read (a file's base name), for messages to people.
	Source string
}

// Connector reaches one platform.
type Connector interface {
	// Check reaches the platform with its credentials and verifies that what
	// the YAML names is there. Its error is a sentence for an IT clerk.
	Check(ctx context.Context) error
	// Pull makes one pass over what is new since the cursor, calls emit for each
	// batch in order, and returns nil when there is no more for now. An error
	// from emit ends the pass and is returned.
	Pull(ctx context.Context, from Cursor, emit func(Batch) error) error
	Close() error
}

// Confirmer is implemented by kinds that must do something once what they
// pulled is safe in Postgres (move a file, commit an offset).
type Confirmer interface {
	Confirm(ctx context.Context, merged Cursor) error
}

// Rereader is implemented by kinds that put away what they have read (files that
// are moved): it is made readable again, for a whole read that a person asks
// for.
type Rereader interface {
	Reread(ctx context.Context) error
}

// Writer is implemented by kinds that can write.
type Writer interface {
	// Push writes rows and returns one Outcome for each Write, in order. The
	// error is for the whole call and means that no write was attempted.
	Push(ctx context.Context, writes []Write) ([]Outcome, error)
}

// Looker is implemented by kinds that can be asked for single rows.
type Looker interface {
	// Look returns the rows as the platform shows them now, by key or by
	// natural key. A row that is not there is absent from the answer. Another
	// person's row is ErrOtherRow: it says nothing about the one asked for.
	Look(ctx context.Context, q Query) ([]Row, error)
}

// Asker is implemented by kinds whose platform can only be asked person by
// person. Their Pull has nothing to give.
type Asker interface {
	// Asks reports whether the platform's file says that it is one.
	Asks() bool
	// Ask asks about one person by natural key: column → text. No rows mean that
	// the platform knows nobody by it, which is an answer too. A row of somebody
	// else comes as OpDead with its problem, and is nobody's. Unasked tells from
	// an error whether the question can have reached the platform.
	Ask(ctx context.Context, natural map[string]string) ([]Row, error)
}

// Unasked is an error of a request that certainly never reached the platform.
type Unasked struct{ Err error }

func (u Unasked) Error() string { return u.Err.Error() }
func (u Unasked) Unwrap() error { return u.Err }

// Acknowledger is implemented by queued kinds (files): outcomes that arrive
// later than Push.
type Acknowledger interface {
	// Acknowledged returns the outcomes that have arrived since the last
	// Release. Calling it again returns them again.
	Acknowledged(ctx context.Context) ([]Outcome, error)
	// Release forgets outcomes that are safe in Postgres.
	Release(ctx context.Context, outcomes []Outcome) error
}

// Repeater is implemented by acknowledged kinds for which the same write, handed
// over again, may be a second one at the platform: a message, not a file under
// the same name. What is in doubt there is handed over again only where the
// agreement says resend: upsert.
type Repeater interface {
	Repeats() bool
}

// Query asks for rows. Exactly one of Key and Natural is set.
type Query struct {
	Key     string
	Natural map[string]string // column → text, all must be equal
}

// Write is what one row should come to show.
type Write struct {
	// Intent is the id of the durable intent: the idempotency key, the row id
	// in a batch file. The same Intent is the same write.
	Intent string
	// Batch groups the writes of one file; the same for all writes of a Push.
	Batch string
	Key   string            // empty: create
	Token string            // create token
	Set   map[string]string // column → text
	// If holds what the columns showed when the difference was computed: a kind
	// that can must refuse the write (Missed) where they show something else.
	If         map[string]string
	RowVersion string // for If-Match, where the platform offers it
	// Shown is what the row shows in its other columns, as far as is known: for
	// couriers, whose sheets and cards hold whole rows. Nothing of it is to change.
	Shown   map[string]string
	Natural map[string]string // natural key of a create: column → text
}

// Status is the outcome of a write. Only Applied, Queued and Refused are
// statements by the platform; Doubt is never resolved by guessing.
type Status string

const (
	Applied Status = "applied"
	Queued  Status = "queued"  // handed over; the outcome comes by Acknowledged or the next export
	Missed  Status = "missed"  // the condition did not hold: not a write
	Refused Status = "refused" // the platform said no, and why
	Gone    Status = "gone"    // the row is not there
	Exists  Status = "exists"  // a create found its natural key or token taken
	Doubt   Status = "doubt"   // a timeout or a broken connection: nobody knows
	Busy    Status = "busy"    // certainly not done; try again after RetryAfter
)

// Outcome is what became of one Write.
type Outcome struct {
	Intent     string
	Status     Status
	Key        string // of the row, where a create made or found one
	RowVersion string // the version that this write made
	Shown      map[string]string
	Reason     string // the platform's words, for a person; no values of ours
	Column     string // the column that was refused, where known
	RetryAfter time.Duration
	// Trouble is what is wrong with the platform as a whole, where that is why
	// nothing came of the write: it has a code, Reason is its sentence.
	Trouble *Trouble
}

// Sentinel errors. A kind wraps them with what it was doing and where.
var (
	ErrUnreachable = errors.New("the platform cannot be reached")
	ErrCredentials = errors.New("the platform does not accept the credentials")
	ErrLayout      = errors.New("the platform's layout is not what the YAML says")
	ErrReadOnly    = errors.New("the platform has no way to write")
	ErrThrottled   = errors.New("the platform asks to slow down")
	ErrOtherRow    = errors.New("the platform gives another row than the one asked for")
	ErrQuarantined = errors.New("this read waits for a person")
)

// Environment is what a kind may use beside its YAML.
type Environment struct {
	Dir string // a folder of this platform's own, for kinds that keep files
	// Attended: a person at a terminal looks once and says that what is there is
	// complete. A kind that waits to see whether a file still grows does not.
	Attended bool
	// Keep holds what a kind must not lose; nil: a file in Dir.
	Keep Keep
	// NATS connects to the hub's own messages, for connectors that are programs
	// of their own; nil: there is no hub.
	NATS func() (*nats.Conn, error)
}

// Keeping is the environment's Keep, or the one of its folder.
func (e Environment) Keeping() Keep {
	if e.Keep == nil {
		return FolderKeep(e.Dir)
	}
	return e.Keep
}

// Factory makes a connector of one kind.
type Factory func(ctx context.Context, p *spec.Platform, env Environment) (Connector, error)

var kinds = map[string]Factory{}

// Register adds a kind. It panics when the name is taken: a programming error.
func Register(kind string, f Factory) {
	if _, ok := kinds[kind]; ok {
		panic("connectors: kind registered twice: " + kind)
	}
	kinds[kind] = f
}

// Kinds returns the registered kinds in order.
func Kinds() []string {
	var names []string
	for k := range kinds {
		names = append(names, k)
	}
	sort.Strings(names)
	return names
}

// Open makes the connector of a platform.
func Open(ctx context.Context, p *spec.Platform, env Environment) (Connector, error) {
	f, ok := kinds[p.Kind]
	if !ok {
		return nil, fmt.Errorf("%s: kind: %q is none of %v", p.Source, p.Kind, Kinds())
	}
	return f(ctx, p, env)
}
