package desk

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"heji/services/store"
)

// Stopped is what a brake has stopped at a platform, as a person looks at it.
type Stopped struct {
	Platform string         `json:"platform"`
	Name     string         `json:"name"`
	Reads    []StoppedRead  `json:"reads"`            // whole reads of which nothing was believed
	Braked   *store.Braking `json:"braked,omitempty"` // too much would be written
	Words    string         `json:"words,omitempty"`
}

// StoppedRead is a whole read in quarantine.
type StoppedRead struct {
	store.Quarantine
	StateWord string          `json:"state_word"`
	Said      []StoppedFigure `json:"said"`
}

// StoppedFigure is one count with its words and some changes, masked.
type StoppedFigure struct {
	Words   string              `json:"words"`
	Samples []store.BrakeSample `json:"samples"`
}

func (d *Desk) routeBrakes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/platforms/{id}/brakes", d.api(d.getBrakes))
	mux.HandleFunc("POST /api/v1/platforms/{id}/brakes/{read}", d.api(d.postQuarantine))
	mux.HandleFunc("POST /api/v1/platforms/{id}/brakes/writing", d.api(d.postBrake))
	mux.HandleFunc("GET /platforms/{id}/brakes", d.html(d.brakesPage))
	mux.HandleFunc("POST /platforms/{id}/brakes/{read}", d.act(d.quarantineForm))
	mux.HandleFunc("POST /platforms/{id}/brakes/writing", d.act(d.brakeForm))
}

// stopped is what the brakes hold at a platform; all: also what is decided.
func (d *Desk) stopped(ctx context.Context, l Lang, id string, all bool) (Stopped, error) {
	p, err := d.openPlatform(ctx, id)
	if err != nil {
		return Stopped{}, err
	}
	list, err := d.o.Store.Quarantines(ctx, id, all)
	if err != nil {
		return Stopped{}, err
	}
	out := Stopped{Platform: id, Name: l.Platform(p), Reads: []StoppedRead{}, Braked: p.Braked, Words: l.braked(p.Braked)}
	for _, q := range list {
		out.Reads = append(out.Reads, l.stoppedRead(q))
	}
	return out, nil
}

func (l Lang) braked(b *store.Braking) string {
	if b == nil {
		return ""
	}
	return l.T("brakes.written", "limit", b.Limit, "rows", b.Rows, "hours", b.Hours, "due", b.Due)
}

func (l Lang) stoppedRead(q store.Quarantine) StoppedRead {
	out := StoppedRead{Quarantine: q, StateWord: l.T("brakes.state." + string(q.State)), Said: []StoppedFigure{}}
	for _, f := range q.Figures {
		said := StoppedFigure{Samples: []store.BrakeSample{}, Words: l.T("brakes.figure."+f.What, "attribute", l.Attribute(f.Attribute), "count", f.Count, "of", f.Of,
			"share", strconv.FormatFloat(100*float64(f.Count)/float64(max(f.Of, 1)), 'f', 0, 64), "allowed", strconv.FormatFloat(100*f.Share, 'f', -1, 64))}
		for _, s := range q.Samples {
			if s.What == f.What && s.Attribute == f.Attribute {
				said.Samples = append(said.Samples, s)
			}
		}
		out.Said = append(out.Said, said)
	}
	return out
}

// getBrakes answers GET /api/v1/platforms/{id}/brakes.
func (d *Desk) getBrakes(r *http.Request, l Lang) (answer, error) {
	s, err := d.stopped(r.Context(), l, r.PathValue("id"), r.URL.Query().Get("all") != "")
	return answer{status: http.StatusOK, body: s}, err
}

// brakeBody is what POST /api/v1/platforms/{id}/brakes/{read} takes.
type brakeBody struct {
	State store.QuarantineState `json:"state"` // released or discarded
	Who   string                `json:"who"`
	Why   string                `json:"why"`
}

// postQuarantine answers POST /api/v1/platforms/{id}/brakes/{read}: a person says
// whether a read is true.
func (d *Desk) postQuarantine(r *http.Request, l Lang) (answer, error) {
	var b brakeBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	if err := d.decideRead(r, b); err != nil {
		return answer{}, err
	}
	return d.getBrakes(r, l)
}

func (d *Desk) decideRead(r *http.Request, b brakeBody) error {
	p, err := d.openPlatform(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(r.PathValue("read"), 10, 64)
	if err != nil {
		return store.ErrNotFound
	}
	who, why, err := reasoned(b.Who, b.Why)
	if err != nil {
		return err
	}
	if b.State != store.QuarantineReleased && b.State != store.QuarantineDiscarded {
		return fail(http.StatusUnprocessableEntity, "brake_state")
	}
	err = d.o.Store.DecideQuarantine(r.Context(), p.ID, id, b.State, who, why)
	if errors.Is(err, store.ErrDecided) {
		return fail(http.StatusConflict, "brake_decided")
	}
	if err == nil {
		d.o.Wake(p.ID)
	}
	return err
}

// reasoned is a person with a reason: nobody lets a brake go without one.
func reasoned(who, why string) (string, string, error) {
	who, ok := named(who)
	if !ok {
		return "", "", fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	why = strings.TrimSpace(why)
	if why == "" || len([]rune(why)) > 500 {
		return "", "", fail(http.StatusUnprocessableEntity, "why")
	}
	return who, why, nil
}

// postBrake answers POST /api/v1/platforms/{id}/brakes/writing: writing goes on.
func (d *Desk) postBrake(r *http.Request, l Lang) (answer, error) {
	who, why, err := person(r)
	if err != nil {
		return answer{}, err
	}
	if err := d.releaseBrake(r, who, why); err != nil {
		return answer{}, err
	}
	return d.getBrakes(r, l)
}

func (d *Desk) releaseBrake(r *http.Request, who, why string) error {
	p, err := d.openPlatform(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if who, why, err = reasoned(who, why); err != nil {
		return err
	}
	err = d.o.Store.ReleaseBrake(r.Context(), p.ID, who, why)
	if errors.Is(err, store.ErrNotBraked) {
		return fail(http.StatusConflict, "brake_decided")
	}
	return err
}

func (d *Desk) quarantineForm(r *http.Request, _ Lang) error {
	f := r.PostForm
	return d.decideRead(r, brakeBody{State: store.QuarantineState(f.Get("state")), Who: f.Get("who"), Why: f.Get("why")})
}

func (d *Desk) brakeForm(r *http.Request, _ Lang) error {
	return d.releaseBrake(r, r.PostForm.Get("who"), r.PostForm.Get("why"))
}

func (d *Desk) brakesPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "platforms")
	s, err := d.stopped(r.Context(), p.L, r.PathValue("id"), true)
	if err != nil {
		return err
	}
	p.Title, p.Back, p.Body = p.T("brakes.title", "platform", s.Name), "/platforms/"+s.Platform+"/brakes", s
	d.render(w, r, http.StatusOK, "brakes", p)
	return nil
}
