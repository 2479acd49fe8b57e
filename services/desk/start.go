package desk

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/access"
	"heji/services/store"
)

// What the first page shows beside the box: what waits for whoever looks, what
// came from platforms today, and what entries saved.

// How much of it is listed.
const (
	todoRows    = 50 // the first few are in sight
	todoFirst   = 5
	todoChanges = 8
	savedMonths = 12
)

// Start is the answer to GET /api/v1/start.
type Start struct {
	Todo    []Todo       `json:"todo"`    // what waits for a person; nothing that whoever looks may not do
	Rows    []TodoRow    `json:"rows"`    // the latest rows at platforms that wait for a person
	Arrived []ArrivedRow `json:"arrived"` // what platforms changed today
	Saved   Saved        `json:"saved"`

	pairs int64 // that wait for whoever looks
}

// Todo is one kind of thing that waits.
type Todo struct {
	Kind    string `json:"kind"`
	Count   int64  `json:"count"`
	Text    string `json:"text"`
	Address string `json:"page"` // where it is done
}

// TodoRow is a row at a platform that waits for a person.
type TodoRow struct {
	Resident     uuid.UUID         `json:"resident"`
	Name         string            `json:"name"`
	Platform     string            `json:"platform"`
	PlatformName string            `json:"platform_name"`
	State        store.TargetState `json:"state"`
	Word         string            `json:"word"`
}

// ArrivedRow is a value that a platform changed. The value itself is on the page
// of the resident.
type ArrivedRow struct {
	Resident     uuid.UUID        `json:"resident"`
	Name         string           `json:"name"`
	Attribute    schema.Attribute `json:"attribute"`
	Label        string           `json:"label"`
	Platform     string           `json:"platform"`
	PlatformName string           `json:"platform_name"`
	At           time.Time        `json:"at"`
}

// Saved is what entries of the community saved, never of one person: each row at
// a platform that an entry filled is one that nobody had to type.
type Saved struct {
	Entries int64        `json:"entries_today"`
	Today   int64        `json:"today"`
	Month   int64        `json:"month"`
	Months  []SavedMonth `json:"months"` // the latest last
}

// SavedMonth is one bar of the chart.
type SavedMonth struct {
	Month string `json:"month"` // 2026-11
	N     int64  `json:"saved"`
	Short string `json:"-"`
	// The bar, in the units of the picture.
	X, Y, Height, Middle, Above int  `json:"-"`
	Named                       bool `json:"-"`
}

// arrivedAttributes are those of which the first page says that they changed:
// what is sensitive is said on the page of the resident alone.
var arrivedAttributes = func() (out []schema.Attribute) {
	for _, d := range visible {
		if d.Class != schema.ClassC {
			out = append(out, d.Name)
		}
	}
	return out
}()

// firstThings reads it for whoever asks.
func (d *Desk) firstThings(ctx context.Context, l Lang) (Start, error) {
	out := Start{Todo: []Todo{}, Rows: []TodoRow{}, Arrived: []ArrivedRow{}}
	platforms, _, err := d.platforms(ctx)
	if err != nil {
		return out, err
	}
	w, err := d.o.Store.Waits(ctx, todoRows)
	if err != nil {
		return out, err
	}
	out.Todo, out.pairs = d.todo(ctx, l, platforms, w), w.Reviews
	for _, x := range w.Rows {
		out.Rows = append(out.Rows, TodoRow{x.Resident, x.Name, x.Platform, platformName(l, platforms, x.Platform), x.State, l.T("start.state." + string(x.State))})
	}
	now := d.o.Today()
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	changes, err := d.o.Store.Arrived(ctx, midnight, arrivedAttributes, todoChanges)
	if err != nil {
		return out, err
	}
	for _, x := range changes {
		out.Arrived = append(out.Arrived, ArrivedRow{x.Resident, x.Name, x.Attribute, l.Attribute(x.Attribute), x.Platform, platformName(l, platforms, x.Platform), x.At})
	}
	saved, err := d.o.Store.Saved(ctx, now, savedMonths)
	if err != nil {
		return out, err
	}
	out.Saved = l.saved(saved)
	return out, nil
}

// todo lists what waits and may be done by whoever asks.
func (d *Desk) todo(ctx context.Context, l Lang, platforms []store.Platform, w store.Waiting) []Todo {
	actor, out := access.From(ctx), []Todo{}
	add := func(route, kind string, n int64, address string, pairs ...any) {
		if n > 0 && (!actor.Known() || actor.May(permissions[route])) {
			out = append(out, Todo{kind, n, l.T("start.todo."+kind, pairs...), address})
		}
	}
	add("GET /reviews", "reviews", w.Reviews, "/reviews")
	add("GET /risks", "risks", w.Risks, "/risks")
	add("POST /handovers/{id}/accept", "handovers", w.Handovers, "/handovers")
	add("GET /parcels", "carry", w.Carry, "/parcels")
	for _, p := range w.Proposals {
		add("GET /platforms/{id}/proposals", "proposals", int64(p.Rows), "/platforms/"+p.Platform+"/proposals", "platform", platformName(l, platforms, p.Platform))
	}
	// What a platform refused, whoever enters can put right; what it says otherwise is
	// decided by whoever may.
	const rows = "/#rows"
	add("POST /residents/{id}/fields", "contested", w.Contested, rows)
	add("GET /residents/{id}", "refused", w.Refused, rows)
	add("POST /residents/{id}/fields", "held", w.Held, rows)
	add("GET /imports", "imports", w.Imports, "/imports")
	return out
}

// FirstRows are in sight.
func (s Start) FirstRows() []TodoRow { return s.Rows[:min(todoFirst, len(s.Rows))] }

// MoreRows are opened with a click.
func (s Start) MoreRows() []TodoRow { return s.Rows[len(s.FirstRows()):] }

// saved draws the chart: twelve bars of 22 units within 360 by 140. The largest
// number and this month's are written; the others are in the table.
func (l Lang) saved(s store.Savings) Saved {
	out := Saved{Entries: s.Entries, Today: s.Today, Months: []SavedMonth{}}
	most, top := int64(1), -1
	for i, m := range s.Months {
		if m.N > most || m.N == most && top < 0 {
			most, top = m.N, i
		}
	}
	for i, m := range s.Months {
		x := SavedMonth{Month: m.Month.Format("2006-01"), N: m.N, Short: m.Month.Format("1"), X: 4 + i*30, Height: int(m.N * 90 / most),
			Named: m.N > 0 && (i == len(s.Months)-1 || i == top && i < len(s.Months)-2)}
		if m.N > 0 {
			x.Height = max(x.Height, 1)
		}
		x.Y, x.Middle = 114-x.Height, x.X+11
		x.Above = x.Y - 5
		out.Months, out.Month = append(out.Months, x), m.N
	}
	return out
}

// getStart answers GET /api/v1/start.
func (d *Desk) getStart(r *http.Request, l Lang) (answer, error) {
	s, err := d.firstThings(r.Context(), l)
	return answer{status: http.StatusOK, body: s}, err
}

func (d *Desk) routeStart(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/start", d.api(d.getStart))
}
