package connectors

import (
	"context"
	"errors"
	"time"
)

// Courier is implemented by kinds whose writes people carry: a filled template
// that staff upload on the platform's own page, a card that they type off.
// Push answers Queued; what became of each write comes by Acknowledged, or shows
// in the platform's next export.
type Courier interface {
	// Parcels lists what is on its way, oldest first: waiting to be carried, or
	// carried and not answered.
	Parcels(ctx context.Context) ([]Parcel, error)
	// Document returns what staff download. The same parcel is the same bytes,
	// however often it is asked for (I5). ErrNoParcel where there is none, and
	// ErrNoDocument for cards.
	Document(ctx context.Context, parcel string) (Document, error)
	// Receive reads what the platform gave back for a parcel: its receipt sheet.
	// A receipt that matches no parcel is ErrForeign: nothing is changed.
	// Receiving the same one again changes nothing.
	Receive(ctx context.Context, name string, content []byte) (Receipt, error)
	// Typed notes that a person has entered a card, or that the platform did not
	// take it and why.
	Typed(ctx context.Context, parcel string, taken bool, reason string) error
}

// Parcel is a batch of writes that a person carries.
type Parcel struct {
	ID      string    // of the batch; for cards, of the write
	At      time.Time // when it was made
	Rows    int
	Carried time.Time // when it was first downloaded or typed; zero: not yet
	Open    int       // rows without an outcome
	// Card is what a person types, in the platform's own order of fields. It is
	// personal data: for those who may see the resident.
	Card []CardField
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
}

// Errors of couriers.
var (
	ErrNoParcel   = errors.New("there is no such batch, or it is closed")
	ErrNoDocument = errors.New("a card is typed, not downloaded")
	ErrForeign    = errors.New("this receipt matches none of the batches that are open")
)
