package desk

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"heji/connectors/spec"
	"heji/schema"
	"heji/services/access"
	"heji/services/store"
)

// One platform whole, for IT: how it stands against what was agreed, what was
// read and written, what was set aside, and the agreement in words.

// PlatformReply is the answer to GET /api/v1/platforms/{id}.
type PlatformReply struct {
	PlatformState
	Figures []Figure     `json:"figures"`
	Agreed  Agreed       `json:"terms"` // the version in force
	Steps   []Step       `json:"steps"` // on the ladder, the latest first
	Dead    []DeadRecord `json:"dead_records"`
	// Hours are those at which it is written to, in words; empty: at all hours.
	// OpensAt: it is not written to now, but from then on. Settle: how long changes
	// are gathered, in words.
	Hours   string     `json:"hours,omitempty"`
	OpensAt *time.Time `json:"opens_at,omitempty"`
	Settle  string     `json:"settle,omitempty"`
	// DeadHidden: whoever looks may not see rows that were set aside.
	DeadHidden bool `json:"dead_records_hidden"`
}

// Figure is one count with its words.
type Figure struct {
	What  string `json:"what"`
	Label string `json:"label"`
	N     int64  `json:"count"`
	Hot   bool   `json:"for_a_person"`
}

// Agreed is an agreement in words: who gives what, who receives what and how.
type Agreed struct {
	Version    int        `json:"version"`
	LegalBasis string     `json:"legal_basis"`
	Purpose    string     `json:"purpose"`
	From       string     `json:"from"`
	Until      string     `json:"until"`
	Over       bool       `json:"over"`      // until has passed
	Gives      []string   `json:"gives"`     // what its file maps
	Authority  []string   `json:"authority"` // for which it has the last word
	Receives   []Received `json:"receives"`
	Creates    bool       `json:"creates"`
	Scoped     bool       `json:"scoped"` // not every resident is sent to it
}

// Received is what a platform receives in one way.
type Received struct {
	Mode       schema.Mode `json:"mode"`
	Word       string      `json:"word"`
	Attributes []string    `json:"attributes"`
}

// lag says in words how a platform stands against its cadence, as heji_source_lag_seconds
// measures it.
func (l Lang) lag(p store.Platform, now time.Time) (words string, late bool) {
	at := p.AsOf
	if at != nil && p.Kind != "files" && p.PulledAt != nil {
		at = p.PulledAt // a read that found nothing new is up to date as well
	}
	if at == nil {
		return l.T("lag.never", "cadence", l.cadence(p.Cadence)), false
	}
	age := max(now.Sub(*at), 0)
	if over := age - p.Cadence; over > p.Cadence/2 && over > time.Minute {
		return l.T("lag.late", "age", l.span(age), "cadence", l.cadence(p.Cadence), "late", l.span(over)), true
	}
	return l.T("lag.ok", "age", l.span(age), "cadence", l.cadence(p.Cadence)), false
}

// span writes a time as people say it: the largest unit alone.
func (l Lang) span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return l.T("lag.seconds", "n", int(d.Seconds()))
	case d < time.Hour:
		return l.T("lag.minutes", "n", int(d.Minutes()))
	case d < 48*time.Hour:
		return l.T("lag.hours", "n", int(d.Hours()))
	}
	return l.T("lag.days", "n", int(d.Hours()/24))
}

func (l Lang) cadence(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return l.T("lag.always")
	case d == day:
		return l.T("lag.daily")
	case d == 7*day:
		return l.T("lag.weekly")
	case d >= 28*day && d <= 31*day:
		return l.T("lag.monthly")
	}
	return l.T("lag.every", "span", l.span(d))
}

// platformWhole reads one platform; ErrNotFound where nobody may see it (I7).
func (d *Desk) platformWhole(ctx context.Context, l Lang, id string) (PlatformReply, error) {
	p, err := d.openPlatform(ctx, id)
	if err != nil {
		return PlatformReply{}, err
	}
	o, err := d.overview(ctx, l)
	if err != nil {
		return PlatformReply{}, err
	}
	i := slices.IndexFunc(o.Platforms, func(s PlatformState) bool { return s.ID == id })
	if i < 0 {
		return PlatformReply{}, store.ErrNotFound
	}
	out := PlatformReply{PlatformState: o.Platforms[i], Steps: []Step{}, Dead: []DeadRecord{}}
	writes, err := d.o.Store.WritesOf(ctx, id)
	if err != nil {
		return out, err
	}
	out.Figures = l.figures(out.PlatformState, writes)
	out.Agreed = d.agreed(l, p)
	if reg, here := d.o.Registry.Get(id); here && out.Writable {
		now := d.o.Today()
		out.Hours = l.hours(reg.Spec.Window)
		if next := reg.Spec.Window.Next(now); next.After(now) {
			out.OpensAt = &next
		}
		if s := reg.Spec.Settle.D(); s > 0 {
			out.Settle = l.T("platform.settle", "span", l.span(s))
		}
	}
	steps, err := d.o.Store.Steps(ctx, id)
	if err != nil {
		return out, err
	}
	for _, s := range steps {
		out.Steps = append(out.Steps, Step{From: s.From, To: s.To, Who: s.Who, Why: s.Why, At: s.At})
	}
	if a := access.From(ctx); a.Known() && !a.May(permissions["GET /api/v1/dead"]) {
		out.DeadHidden = true
		return out, nil
	}
	dead, err := d.dead(ctx, l, id, false)
	out.Dead = dead.Dead
	return out, err
}

// hours says in words when a platform may be written to; empty: always.
func (l Lang) hours(w spec.Window) string {
	if w.Always() {
		return ""
	}
	var days []string
	for _, d := range w.Days {
		first, last, ranged := strings.Cut(d, "-")
		word := l.T("platform.day." + first)
		if ranged {
			word = l.T("platform.hours.to", "from", word, "to", l.T("platform.day."+last))
		}
		days = append(days, word)
	}
	if days == nil {
		days = []string{l.T("platform.hours.every")}
	}
	hours := w.Hours
	if len(hours) == 0 {
		hours = []string{l.T("platform.hours.whole")}
	}
	out := l.T("platform.hours", "days", strings.Join(days, l.T("list.separator")), "hours", strings.Join(hours, l.T("list.separator")))
	if w.Zone != "" {
		out += l.T("platform.hours.zone", "zone", w.Zone)
	}
	return out
}

// figures are the counts of a platform in the order of a row's way.
func (l Lang) figures(s PlatformState, writes map[string]int64) []Figure {
	var out []Figure
	add := func(what string, n int64, hot bool) {
		out = append(out, Figure{what, l.T("figure." + what), n, hot && n > 0})
	}
	add("records", s.Records, false)
	add("pulled", s.Pulled, false)
	add("merged", s.Merged, false)
	add("unchanged", s.Unchanged, false)
	add("unresolved", s.Unresolved, false)
	add("dead", s.Dead, true)
	if s.Writable {
		add("written", writes["applied"], false)
		add("green", s.Green, false)
		add("due", s.Due, false)
		add("queued", s.Targets[store.TargetQueued], false)
		add("doubt", s.Targets[store.TargetDoubt], true)
		add("refused", s.Targets[store.TargetRefused], true)
		add("contested", s.Targets[store.TargetContested], true)
		add("hold", s.Targets[store.TargetHold], true)
		add("proposals", s.Proposals, true)
	}
	return out
}

// agreed words the agreement in force.
func (d *Desk) agreed(l Lang, p store.Platform) Agreed {
	g := p.Agreement
	out := Agreed{Version: p.Version, LegalBasis: g.LegalBasis, Purpose: g.Purpose, From: g.From, Until: g.Until,
		Over:    g.Until != "" && g.Until < d.o.Today().Format(time.DateOnly),
		Creates: g.Creates, Scoped: len(g.Scope) > 0, Gives: []string{}, Authority: []string{}, Receives: []Received{}}
	reg, here := d.o.Registry.Get(p.ID)
	ways := map[schema.Mode][]string{}
	for _, def := range visible { // in the order of the form; I7
		if here {
			if _, gives := reg.Spec.Fields[def.Name]; gives {
				out.Gives = append(out.Gives, l.Attribute(def.Name))
			}
		}
		if slices.Contains(g.Authority, def.Name) {
			out.Authority = append(out.Authority, l.Attribute(def.Name))
		}
		if m := g.Mode(def.Name); m != schema.Never {
			ways[m] = append(ways[m], l.Attribute(def.Name))
		}
	}
	for _, m := range []schema.Mode{schema.Overwrite, schema.FillEmpty, schema.Propose} {
		if list := ways[m]; len(list) > 0 {
			out.Receives = append(out.Receives, Received{m, l.T("mode." + string(cmp.Or(m, schema.FillEmpty))), list})
		}
	}
	return out
}

// getPlatform answers GET /api/v1/platforms/{id}.
func (d *Desk) getPlatform(r *http.Request, l Lang) (answer, error) {
	reply, err := d.platformWhole(r.Context(), l, r.PathValue("id"))
	return answer{status: http.StatusOK, body: reply}, err
}

func (d *Desk) platformPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "platforms")
	body, err := d.platformWhole(r.Context(), p.L, r.PathValue("id"))
	if err != nil {
		return err
	}
	p.Title, p.Body = body.Name, body
	d.render(w, r, http.StatusOK, "platform", p)
	return nil
}

func (d *Desk) routePlatform(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/platforms/{id}", d.api(d.getPlatform))
	mux.HandleFunc("GET /platforms/{id}", d.html(d.platformPage))
	form := func(do func(r *http.Request, who, why string) error) http.HandlerFunc {
		return d.act(func(r *http.Request, _ Lang) error {
			j, err := signed(store.Judgement{}, r.PostForm.Get("who"), r.PostForm.Get("why"))
			if err != nil {
				return err
			}
			return do(r, j.Who, j.Why)
		})
	}
	mux.HandleFunc("POST /platforms/{id}/resync", form(func(r *http.Request, who, why string) error {
		_, err := d.resync(r, who, why)
		return err
	}))
	for route, drop := range map[string]bool{"POST /dead/{id}/retry": false, "POST /dead/{id}/drop": true} {
		mux.HandleFunc(route, form(func(r *http.Request, who, why string) error {
			_, err := d.decideDead(r, drop, who, why)
			return err
		}))
	}
}
