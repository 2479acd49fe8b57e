package connectors

import (
	"context"
	"errors"
	"time"
)

// Courier is implemented by kinds whose writes people carry: a filled template
// that staff upload on the platform's own page, a card that they type off.
// Push answers Queued; what became of each write comes by Acknowledged.
//
// A parcel takes in further rows until somebody fetches it. From then on it is
// what it is: the same bytes, however often it is asked for, and what is to be
// written afterwards goes into the next one (I5).
type Courier interface {
	Writer
	Acknowledger

	// Parcels lists what is on its way, oldest first: waiting to be carried, or
	// carried and not answered in full.
	Parcels(ctx context.Context) ([]Parcel, error)
	// Parcel returns one, with its card. A card that was opened is carried: it
	// does not change any more under the hands of whoever types it.
	Parcel(ctx context.Context, id string) (Parcel, error)
	// Document returns what staff download; it is durable before it is returned.
	// ErrNoParcel where there is none, ErrNoDocument for cards, ErrHeld while an
	// earlier batch is under way.
	Document(ctx context.Context, parcel string) (Document, error)
	// Receive reads what the platform gave back for a parcel: its receipt sheet.
	// A receipt that matches no parcel is ErrForeign: it is noted, and nothing
	// else is changed. Receiving the same one again changes nothing.
	Receive(ctx context.Context, name string, content []byte) (Receipt, error)
	// Typed notes that a person has entered a card, or that the platform did not
	// take it and why.
	Typed(ctx context.Context, parcel, who string, taken bool, reason string) error
	// Uploaded notes that a batch was handed in and that the platform gives no
	// receipt: its rows are in doubt until an export shows what became of them.
	Uploaded(ctx context.Context, parcel, who string) error
	// Return takes a parcel back that was fetched and certainly not handed in.
	// Its rows are free again.
	Return(ctx context.Context, parcel, who string) error
	// Strangers lists the receipts that matched no parcel, newest first.
	Strangers(ctx context.Context) ([]Stranger, error)

	// Outstanding returns the intents that have no outcome yet as far as the
	// courier knows. Those that the hub has closed in another way, by a read, are
	// handed to Forget.
	Outstanding(ctx context.Context) ([]string, error)
	Forget(ctx context.Context, intents []string) error
	// Recall takes writes out of parcels that nobody has fetched, because what
	// they should show has changed, and returns those that it took out.
	Recall(ctx context.Context, intents []string) ([]string, error)
}

// Importer is implemented by kinds whose exports are brought by hand.
type Importer interface {
	// Import stores an export for the next pull. day is the day of its data, for
	// files whose name does not say it.
	Import(ctx context.Context, name string, day time.Time, content []byte) error
}

// Reporter is implemented by kinds that carry counts: never a person.
type Reporter interface {
	// Report hands over the counts as they are now. It makes a card where they
	// differ from the last that was entered, at most one for each period.
	Report(ctx context.Context, period string, at time.Time, lines []Line) error
}

// Line is one count of a report.
type Line struct {
	Label string
	Text  string // the count as it is reported, or what stands for a small one
}

// Parcel is a batch of writes that a person carries.
type Parcel struct {
	ID       string
	At       time.Time // when its first row was put in
	Rows     int
	Carried  time.Time // when it was first fetched; zero: not yet
	Uploaded time.Time // when somebody said that it was handed in and gets no receipt
	Open     int       // rows without an outcome
	Held     bool      // an earlier batch must be finished first
	// Intents are the writes in it. A card of counts has none.
	Intents []string
	// Period is set for a card of counts: what it reports about.
	Period string
	// Card is what a person types, in the platform's own order of fields. It is
	// personal data: for those who may see the resident.
	Card []CardField
	// Page is the address at which it is typed or uploaded, where one is known.
	Page string
}

// CardField is one line of a card.
type CardField struct {
	Label string // as the platform's page calls it
	Text  string
	Find  bool // what to find the row by, not what to change
}

// Document is a file for people.
type Document struct {
	Name    string
	Type    string // media type
	Content []byte
}

// Receipt is what was read out of a platform's answer.
type Receipt struct {
	Parcel                    string
	Applied, Refused, Unknown int // rows; unknown ones are not of this parcel and are left out
	Repeated                  int // rows whose outcome was known already
	Open                      int // rows of the parcel that still have none
}

// Stranger is a receipt that matched no parcel. Its content is not kept.
type Stranger struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	Why  string    `json:"why"`
}

// Errors of couriers.
var (
	ErrNoParcel   = errors.New("there is no such batch, or it is closed")
	ErrNoDocument = errors.New("a card is typed, not downloaded")
	ErrNoReceipt  = errors.New("this platform gives no receipts")
	ErrForeign    = errors.New("this receipt matches none of the batches that are open")
	ErrHeld       = errors.New("an earlier batch is under way: finish it first, so that no two overlap")
	ErrFile       = errors.New("the file cannot be read")
)
