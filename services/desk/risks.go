package desk

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/store"
)

// risksShown is how many waiting changes are listed at once: the soonest.
const risksShown = 200

// WaitingChange is a change that waits before it leaves, as staff look at it.
type WaitingChange struct {
	ID       int64     `json:"id"`
	Resident uuid.UUID `json:"resident"`
	Name     string    `json:"name"`
	What     string    `json:"what"` // the attribute, or that two residents became one
	Old      string    `json:"old,omitempty"`
	New      string    `json:"new,omitempty"`
	Source   string    `json:"source,omitempty"` // the platform that says so
	Who      string    `json:"who,omitempty"`    // who entered it, where staff did
	At       time.Time `json:"at"`
	Until    time.Time `json:"until"`
	Stopped  string    `json:"stopped,omitempty"` // by whom: it does not leave by itself
	Why      string    `json:"why,omitempty"`
	// Stops are the benefits that the resident holds, as far as anybody may see
	// them: what such a change may cost.
	Stops []string `json:"stops"`
}

func (d *Desk) routeRisks(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/risks", d.api(d.getRisks))
	mux.HandleFunc("POST /api/v1/risks/{id}/approve", d.api(d.postRisk(d.approveRisk)))
	mux.HandleFunc("POST /api/v1/risks/{id}/stop", d.api(d.postRisk(d.stopRisk)))
	mux.HandleFunc("GET /risks", d.html(d.risksPage))
	mux.HandleFunc("POST /risks/{id}/approve", d.act(d.riskForm(d.approveRisk)))
	mux.HandleFunc("POST /risks/{id}/stop", d.act(d.riskForm(d.stopRisk)))
}

// waitingChanges lists what waits; resident uuid.Nil: of everybody.
func (d *Desk) waitingChanges(ctx context.Context, l Lang, resident uuid.UUID) ([]WaitingChange, error) {
	list, err := d.o.Store.Risks(ctx, resident, risksShown)
	if err != nil {
		return nil, err
	}
	var ids []uuid.UUID
	for _, r := range list {
		ids = append(ids, r.Resident)
	}
	people, err := d.o.Store.ResidentsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	platforms, _, err := d.platforms(ctx)
	if err != nil {
		return nil, err
	}
	out := []WaitingChange{}
	for _, r := range list {
		master := people[r.Resident].Master
		w := WaitingChange{ID: r.ID, Resident: r.Resident, Name: master[schema.Name].Value, What: l.T("risk.merge"), Who: r.Who,
			At: r.At, Until: r.Until, Stopped: r.Stopped, Why: r.Why}
		if r.Attribute != "" {
			w.What, w.Old, w.New = l.Attribute(r.Attribute), l.Value(r.Attribute, r.Old), l.Value(r.Attribute, r.New)
		}
		if r.Source.Platform != "" {
			w.Source = platformName(l, platforms, r.Source.Platform)
		}
		veil, err := d.veilOf(ctx, r.Resident)
		if err != nil {
			return nil, err
		}
		if veil.hides(r.Attribute) {
			w.Old, w.New = "", ""
		}
		w.Stops = l.benefits(master, veil)
		out = append(out, w)
	}
	return out, nil
}

// benefits are those that a resident holds, as far as anybody may see them.
func (l Lang) benefits(master store.Survivors, v veil) []string {
	out := []string{}
	for _, def := range visible {
		if s, held := master[def.Name]; def.Benefit && held && !v.hides(def.Name) {
			out = append(out, l.Attribute(def.Name)+l.T("action.colon")+l.Value(def.Name, s.Value))
		}
	}
	return out
}

func (d *Desk) getRisks(r *http.Request, l Lang) (answer, error) {
	resident := uuid.Nil
	if text := r.URL.Query().Get("resident"); text != "" {
		id, err := uuid.Parse(text)
		if err != nil {
			return answer{}, store.ErrNotFound
		}
		resident = id
	}
	list, err := d.waitingChanges(r.Context(), l, resident)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: RisksReply{list}}, nil
}

type riskDecision func(ctx context.Context, id int64, who, why string) error

func (d *Desk) postRisk(decide riskDecision) func(*http.Request, Lang) (answer, error) {
	return func(r *http.Request, l Lang) (answer, error) {
		who, why, err := person(r)
		if err != nil {
			return answer{}, err
		}
		if err := d.decideRisk(r, who, why, decide); err != nil {
			return answer{}, err
		}
		return d.getRisks(r, l)
	}
}

func (d *Desk) riskForm(decide riskDecision) func(*http.Request, Lang) error {
	return func(r *http.Request, _ Lang) error {
		j, err := signed(store.Judgement{}, r.PostForm.Get("who"), r.PostForm.Get("why"))
		if err != nil {
			return err
		}
		return d.decideRisk(r, j.Who, j.Why, decide)
	}
}

func (d *Desk) decideRisk(r *http.Request, who, why string, decide riskDecision) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return store.ErrNotFound
	}
	err = decide(r.Context(), id, who, strings.TrimSpace(why))
	switch {
	case errors.Is(err, store.ErrSamePerson):
		return fail(http.StatusConflict, "risk_same_person")
	case errors.Is(err, store.ErrReleased):
		return fail(http.StatusConflict, "risk_released")
	}
	return err
}

func (d *Desk) approveRisk(ctx context.Context, id int64, who, why string) error {
	_, err := d.o.Store.ApproveRisk(ctx, id, who, why) // the sweep of writeback finds the targets
	return err
}

func (d *Desk) stopRisk(ctx context.Context, id int64, who, why string) error {
	if why == "" {
		return fail(http.StatusUnprocessableEntity, "why")
	}
	return d.o.Store.StopRisk(ctx, id, who, why)
}

func (d *Desk) risksPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "risks")
	list, err := d.waitingChanges(r.Context(), p.L, uuid.Nil)
	if err != nil {
		return err
	}
	p.Title, p.Back, p.Body = p.T("risks.title"), "/risks", list
	d.render(w, r, http.StatusOK, "risks", p)
	return nil
}
