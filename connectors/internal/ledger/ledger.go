package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"heji/connectors"
)

// Row is one write in a parcel.
type Row struct {
	Intent string            `json:"intent"`
	Key    string            `json:"key,omitempty"`
	Token  string            `json:"token,omitempty"`
	Cells  map[string]string `json:"cells,omitempty"` // column → text, all that is typed or uploaded
	Set    map[string]string `json:"set,omitempty"`   // what of it is to change
	// Natural finds the row that a create makes.
	Natural map[string]string `json:"natural,omitempty"`

	Status connectors.Status `json:"status,omitempty"` // the outcome; empty: none yet
	// Taken: the platform said yes to a create and did not say the new row's key.
	// The next export tells it, and only then is there an outcome.
	Taken bool `json:"taken,omitempty"`
	// Doubted: that nobody knows was handed on. The row stays open.
	Doubted bool `json:"doubted,omitempty"`
}

func (r Row) open() bool { return r.Status == "" }

// waits reports whether a receipt could still say something about the row.
func (r Row) waits() bool { return r.open() && !r.Taken }

// Parcel is what is kept of one.
type Parcel struct {
	ID       string            `json:"id"`
	Number   int64             `json:"number"`
	At       time.Time         `json:"at"`
	Carried  time.Time         `json:"carried,omitzero"`
	Uploaded time.Time         `json:"uploaded,omitzero"`
	Closed   time.Time         `json:"closed,omitzero"`
	By       string            `json:"by,omitempty"` // who said last what became of it
	Rows     []Row             `json:"rows,omitempty"`
	Period   string            `json:"period,omitempty"` // a report of counts
	Lines    []connectors.Line `json:"lines,omitempty"`
}

// Open counts the rows without an outcome.
func (p *Parcel) Open() int {
	if p.Period != "" && p.Closed.IsZero() {
		return 1
	}
	n := 0
	for _, r := range p.Rows {
		if r.open() {
			n++
		}
	}
	return n
}

// under reports whether the parcel is in people's hands: no other may go out.
func (p *Parcel) under() bool {
	return !p.Carried.IsZero() && p.Uploaded.IsZero() && slices.ContainsFunc(p.Rows, Row.waits)
}

// Ledger keeps the parcels of one platform.
type Ledger struct {
	Keep     connectors.Keep
	Platform string
	Max      int // rows in one parcel
	// Fit makes the row of a write, or says why the platform cannot take it.
	Fit func(connectors.Write) (Row, connectors.Outcome)
	// KeyOf is the key of a row that a create made, where its texts tell; else "".
	KeyOf func(cells map[string]string) string
	// Serial: no parcel goes out while another is under way.
	Serial bool
	Now    func() time.Time
}

const (
	parcelEntry   = "parcel/"
	closedEntry   = "closed/"
	documentEntry = "document/"
	answerEntry   = "answers"
	numberEntry   = "number"
	strangerEntry = "strangers"
)

// closedLimit is how many closed parcels are remembered, so that a receipt that
// comes again, or a write that is pushed again, is recognised.
const closedLimit = 200

func read[T any](b connectors.Box, name string, into *T) (bool, error) {
	data, err := b.Get(name)
	if err != nil || data == nil {
		return false, err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return false, fmt.Errorf("what is kept as %s is damaged: %w", name, err)
	}
	return true, nil
}

func put(b connectors.Box, name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put(name, data)
}

// parcels reads all of a prefix, in the order of their numbers.
func parcels(b connectors.Box, prefix string) ([]*Parcel, error) {
	names, err := b.Names(prefix)
	if err != nil {
		return nil, err
	}
	out := make([]*Parcel, 0, len(names))
	for _, name := range names {
		p := &Parcel{}
		if ok, err := read(b, name, p); err != nil {
			return nil, err
		} else if ok {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *Parcel) int { return int(a.Number - b.Number) })
	return out, nil
}

// save stores a parcel, or closes it when nothing is open: then it keeps no
// values.
func (l *Ledger) save(b connectors.Box, p *Parcel) error {
	if p.Open() > 0 {
		return put(b, parcelEntry+p.ID, p)
	}
	if err := b.Delete(parcelEntry + p.ID); err != nil {
		return err
	}
	if err := b.Delete(documentEntry + p.ID); err != nil {
		return err
	}
	if len(p.Rows) == 0 && p.Period == "" {
		return nil // everything was recalled: it never was
	}
	for i, r := range p.Rows {
		p.Rows[i] = Row{Intent: r.Intent, Status: r.Status}
	}
	if p.Closed.IsZero() {
		p.Closed = l.Now()
	}
	if err := put(b, closedEntry+p.ID, p); err != nil {
		return err
	}
	old, err := parcels(b, closedEntry)
	if err != nil {
		return err
	}
	for _, x := range old[:max(0, len(old)-closedLimit)] {
		if err := b.Delete(closedEntry + x.ID); err != nil {
			return err
		}
	}
	return nil
}

// begin makes a new parcel. Its id says whose it is, in which order it was made,
// and holds a chance part: a store that was restored must not give one out twice.
func (l *Ledger) begin(b connectors.Box) (*Parcel, error) {
	var number int64
	if _, err := read(b, numberEntry, &number); err != nil {
		return nil, err
	}
	number++
	if err := put(b, numberEntry, number); err != nil {
		return nil, err
	}
	chance := make([]byte, 2)
	_, _ = rand.Read(chance) // never fails
	return &Parcel{ID: fmt.Sprintf("hj-%s-%d-%s", l.Platform, number, hex.EncodeToString(chance)), Number: number, At: l.Now()}, nil
}

var idForm = regexp.MustCompile(`hj-([a-z][a-z0-9_]*)-\d+-[0-9a-f]{4}`)

// IDs returns the ids of parcels of this platform in a text, each once.
func (l *Ledger) IDs(text string) []string {
	var out []string
	for _, m := range idForm.FindAllStringSubmatch(text, -1) {
		if m[1] == l.Platform && !slices.Contains(out, m[0]) {
			out = append(out, m[0])
		}
	}
	return out
}

// Token is what stands in a sheet for one row of a parcel; rows count from 1.
func Token(parcel string, row int) string { return parcel + "/" + strconv.Itoa(row) }

// SplitToken is its inverse, for a text that holds a token.
func (l *Ledger) SplitToken(text string) (parcel string, row int, ok bool) {
	ids := l.IDs(text)
	if len(ids) != 1 {
		return "", 0, false
	}
	_, rest, _ := strings.Cut(text, ids[0]+"/")
	digits := rest
	if i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = rest[:i]
	}
	n, err := strconv.Atoi(digits)
	return ids[0], n, err == nil && n > 0
}

// Push puts writes into the parcel that is being filled. The same write again
// is the same row.
func (l *Ledger) Push(ctx context.Context, writes []connectors.Write) ([]connectors.Outcome, error) {
	if err := connectors.Halt(ctx); err != nil {
		return nil, err
	}
	out := make([]connectors.Outcome, len(writes))
	err := l.Keep.Change(ctx, func(b connectors.Box) error {
		open, err := parcels(b, parcelEntry)
		if err != nil {
			return err
		}
		closed, err := parcels(b, closedEntry)
		if err != nil {
			return err
		}
		known := map[string]bool{}
		for _, p := range slices.Concat(open, closed) {
			for _, r := range p.Rows {
				known[r.Intent] = true
			}
		}
		var filling *Parcel
		for _, p := range open {
			if p.Carried.IsZero() && p.Period == "" && len(p.Rows) < l.Max {
				filling = p
				break
			}
		}
		for i, w := range writes {
			out[i] = connectors.Outcome{Intent: w.Intent, Status: connectors.Queued, Key: w.Key}
			if known[w.Intent] {
				continue
			}
			row, refused := l.Fit(w)
			if refused.Status != "" {
				out[i] = refused
				continue
			}
			if filling != nil && len(filling.Rows) >= l.Max {
				if err := l.save(b, filling); err != nil {
					return err
				}
				filling = nil
			}
			if filling == nil {
				if filling, err = l.begin(b); err != nil {
					return err
				}
			}
			filling.Rows = append(filling.Rows, row)
		}
		if filling == nil {
			return nil
		}
		return l.save(b, filling)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: the batch could not be kept: %w", l.Platform, err)
	}
	return out, nil
}

// List returns the parcels that are open.
func (l *Ledger) List(ctx context.Context) (out []*Parcel, err error) {
	err = l.Keep.View(ctx, func(b connectors.Box) error {
		out, err = parcels(b, parcelEntry)
		return err
	})
	return out, err
}

// Parcels lists what is open for people; what says more of each.
func (l *Ledger) Parcels(ctx context.Context, what func(*Parcel, *connectors.Parcel)) ([]connectors.Parcel, error) {
	list, err := l.List(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]connectors.Parcel, 0, len(list))
	before := false // one is under way
	for _, p := range list {
		x := connectors.Parcel{ID: p.ID, At: p.At, Rows: max(len(p.Rows), len(p.Lines)), Carried: p.Carried, Uploaded: p.Uploaded, Open: p.Open(), Period: p.Period,
			Held: l.Serial && before && p.Carried.IsZero()}
		for _, r := range p.Rows {
			x.Intents = append(x.Intents, r.Intent)
		}
		before = before || p.under()
		if what != nil {
			what(p, &x)
		}
		out = append(out, x)
	}
	return out, nil
}

// change loads one open parcel, runs f and stores it.
func (l *Ledger) change(ctx context.Context, id string, f func(connectors.Box, *Parcel) error) error {
	return l.Keep.Change(ctx, func(b connectors.Box) error {
		p := &Parcel{}
		ok, err := read(b, parcelEntry+id, p)
		if err != nil {
			return err
		}
		if !ok {
			return connectors.ErrNoParcel
		}
		if err := f(b, p); err != nil {
			return err
		}
		return l.save(b, p)
	})
}

// Carry marks a parcel as fetched and returns it.
func (l *Ledger) Carry(ctx context.Context, id string) (out *Parcel, err error) {
	err = l.change(ctx, id, func(_ connectors.Box, p *Parcel) error {
		if p.Carried.IsZero() {
			p.Carried = l.Now()
		}
		out = p
		return nil
	})
	return out, err
}

// Document returns the bytes of a parcel. The first call makes them, and they
// are kept before anybody sees them: whatever is killed, the second call gives
// the same.
func (l *Ledger) Document(ctx context.Context, id string, build func(*Parcel) ([]byte, error)) (content []byte, err error) {
	err = l.Keep.Change(ctx, func(b connectors.Box) error {
		list, err := parcels(b, parcelEntry)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(p *Parcel) bool { return p.ID == id })
		if i < 0 || list[i].Period != "" {
			return connectors.ErrNoParcel
		}
		p := list[i]
		if content, err = b.Get(documentEntry + id); err != nil || content != nil {
			return err
		}
		if l.Serial && slices.ContainsFunc(list, (*Parcel).under) {
			return connectors.ErrHeld
		}
		if content, err = build(p); err != nil {
			return err
		}
		p.Carried = l.Now()
		if err := b.Put(documentEntry+id, content); err != nil {
			return err
		}
		return l.save(b, p)
	})
	if err != nil {
		return nil, err
	}
	return content, nil
}
