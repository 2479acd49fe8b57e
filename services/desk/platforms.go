package desk

import (
	"context"
	"net/http"
	"time"

	"heji/schema"
	"heji/services/store"
)

// PlatformState is one platform as staff look at it.
type PlatformState struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Department string       `json:"department"`
	Kind       string       `json:"kind"`
	State      string       `json:"state"` // ok, loading, paused, restored, held, trouble
	Icon       string       `json:"icon"`
	Word       string       `json:"word"`
	Tone       string       `json:"tone"`
	Stage      schema.Stage `json:"stage"`
	StageWord  string       `json:"stage_word"`
	Writable   bool         `json:"writable"`
	Paused     bool         `json:"paused"`
	// RestoredAt: the database was restored, and nobody has opened the platform since.
	RestoredAt *time.Time `json:"restored_at,omitempty"`
	// Quarantined: a whole read of it waits for a person. Braked: too much would be
	// written to it.
	Quarantined bool                        `json:"quarantined"`
	Braked      *store.Braking              `json:"braked,omitempty"`
	BrakeWords  string                      `json:"brake_words,omitempty"`
	Creates     bool                        `json:"creates"`
	Receives    int                         `json:"receives"` // attributes that the agreement lets it receive
	Authority   []string                    `json:"authority"`
	LegalBasis  string                      `json:"legal_basis,omitempty"`
	Records     int64                       `json:"records"`
	Unresolved  int64                       `json:"unresolved"`
	Pulled      int64                       `json:"pulled"`
	Merged      int64                       `json:"merged"`
	Unchanged   int64                       `json:"unchanged"`
	Dead        int64                       `json:"dead"` // rows set aside, at any stage
	Targets     map[store.TargetState]int64 `json:"targets"`
	Green       int64                       `json:"green"`
	Due         int64                       `json:"due"`
	OldestDue   *time.Time                  `json:"oldest_due,omitempty"`
	Proposals   int64                       `json:"proposals"`
	Waiting     int64                       `json:"for_a_person"` // targets that wait for a person
	Lag         string                      `json:"lag"`          // against its cadence, in words
	Late        bool                        `json:"late"`         // too long ago
	CompleteAt  *time.Time                  `json:"complete_at,omitempty"`
	AsOf        *time.Time                  `json:"as_of,omitempty"`
	PulledAt    *time.Time                  `json:"pulled_at,omitempty"`
	PullError   string                      `json:"pull_error,omitempty"`
	WroteAt     *time.Time                  `json:"wrote_at,omitempty"`
	WriteError  string                      `json:"write_error,omitempty"`
	// Tripped: calls failed again and again, so that it is left alone for now, in words.
	Tripped   string     `json:"circuit,omitempty"`
	TrippedAt *time.Time `json:"circuit_open_since,omitempty"`
	TriesAt   *time.Time `json:"circuit_tries_at,omitempty"`
	LastStep  *Step      `json:"last_step,omitempty"`
	Agreement int        `json:"agreement"`                   // the version in force
	Candidate int        `json:"agreement_waiting,omitempty"` // a newer one waits for approval
	Community string     `json:"canary_community,omitempty"`
	DayRows   int        `json:"canary_rows,omitempty"`
	// Questions is how many persons it was asked about today, of how many in a day,
	// where it can only be asked person by person.
	Questions *int64 `json:"questions_today,omitempty"`
	PerDay    int64  `json:"questions_per_day,omitempty"`
}

// Step is one step on the ladder, in the name of a person.
type Step struct {
	From schema.Stage `json:"from"`
	To   schema.Stage `json:"to"`
	Who  string       `json:"who"`
	Why  string       `json:"why"`
	At   time.Time    `json:"at"`
}

// Overview is the answer to GET /api/v1/platforms.
type Overview struct {
	WritesStopped bool            `json:"writes_stopped"`
	Residents     int64           `json:"residents"`
	Records       int64           `json:"records"`
	Unresolved    int64           `json:"unresolved"`
	ReviewsOpen   int64           `json:"reviews_open"`
	EntriesToday  int64           `json:"entries_today"`
	EntriesSaved  int64           `json:"entries_saved"` // entries at platforms that nobody had to type
	Platforms     []PlatformState `json:"platforms"`
}

// Ailing are the platforms of which the first page has something to say.
func (o Overview) Ailing() (out []PlatformState) {
	for _, p := range o.Platforms {
		if p.Tone != "ok" {
			out = append(out, p)
		}
	}
	return out
}

// Well is how many others there are.
func (o Overview) Well() int { return len(o.Platforms) - len(o.Ailing()) }

func (d *Desk) overview(ctx context.Context, l Lang) (Overview, error) {
	platforms, stopped, err := d.platforms(ctx)
	if err != nil {
		return Overview{}, err
	}
	stats, err := d.stats(ctx)
	if err != nil {
		return Overview{}, err
	}
	steps, err := d.o.Store.LastSteps(ctx)
	if err != nil {
		return Overview{}, err
	}
	waiting, err := d.o.Store.WaitingAgreements(ctx)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{WritesStopped: stopped, Residents: stats.Residents, Records: stats.Records, Unresolved: stats.Unresolved,
		ReviewsOpen: stats.ReviewsOpen, Platforms: []PlatformState{}}
	now := d.o.Today()
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	if o.EntriesToday, err = d.o.Store.EntriesSince(ctx, midnight); err != nil {
		return o, err
	}
	if o.EntriesSaved, err = d.o.Store.Counter(ctx, "entries_saved"); err != nil {
		return o, err
	}
	questions, err := d.o.Store.QuestionsToday(ctx)
	if err != nil {
		return o, err
	}
	for _, p := range platforms {
		if open(p) {
			state := l.platformState(p, stats.Platforms[p.ID], steps)
			state.Candidate = waiting[p.ID]
			if state.Lag, state.Late = l.lag(p, now); state.Late && state.State == "ok" {
				state.State, state.Icon, state.Tone, state.Word = "late", "!", "wait", l.T("platform.late")
			}
			if n, ok := questions[p.ID]; ok {
				state.Questions, state.PerDay = &n.Asked, n.PerDay
			}
			o.Platforms = append(o.Platforms, state)
		}
	}
	return o, nil
}

func (l Lang) platformState(p store.Platform, s *store.PlatformStats, steps map[string]store.LadderStep) PlatformState {
	if s == nil {
		s = &store.PlatformStats{}
	}
	out := PlatformState{ID: p.ID, Name: l.Platform(p), Department: p.Department, Kind: p.Kind, Stage: p.Stage,
		StageWord: l.T("stage." + string(p.Stage)), Writable: p.Writable, Paused: p.Paused, Quarantined: p.Quarantined, Braked: p.Braked, BrakeWords: l.braked(p.Braked), Creates: p.Agreement.Creates,
		Authority: []string{}, LegalBasis: p.Agreement.LegalBasis, Records: s.Records, Unresolved: s.Unresolved,
		Pulled: s.Pulled, Merged: s.Merged, Unchanged: s.Unchanged, Targets: s.Targets, Green: s.Targets[store.TargetGreen], Due: s.Due, OldestDue: s.OldestDue,
		Proposals: s.Proposals, CompleteAt: p.CompleteAt, AsOf: p.AsOf, PulledAt: p.PulledAt, PullError: l.Trouble(p.PullTrouble),
		WroteAt: p.WroteAt, WriteError: l.Trouble(p.WriteTrouble), Agreement: p.Version, Community: p.Canary.Community, DayRows: p.Canary.Rows}
	if out.Targets == nil {
		out.Targets = map[store.TargetState]int64{}
	}
	for _, n := range s.DeadRecords {
		out.Dead += n
	}
	for _, st := range []store.TargetState{store.TargetHold, store.TargetRefused, store.TargetContested} {
		out.Waiting += s.Targets[st]
	}
	for _, m := range p.Agreement.Receives {
		if m != schema.Never {
			out.Receives++
		}
	}
	for _, d := range visible {
		for _, a := range p.Agreement.Authority {
			if a == d.Name {
				out.Authority = append(out.Authority, l.Attribute(a))
			}
		}
	}
	if p.TrippedAt != nil && p.TriesAt != nil {
		out.TrippedAt, out.TriesAt = p.TrippedAt, p.TriesAt
		out.Tripped = l.T("platforms.tripped", "n", p.Failures)
	}
	if step, ok := steps[p.ID]; ok {
		out.LastStep = &Step{From: step.From, To: step.To, Who: step.Who, Why: step.Why, At: step.At}
	}
	_, shut := p.Restoration()
	if shut {
		out.RestoredAt = p.RestoredAt
	}
	switch {
	case shut:
		out.State, out.Icon, out.Tone = "restored", "!", "person"
	case p.Paused:
		out.State, out.Icon, out.Tone = "paused", "‖", "off"
	case p.Held():
		out.State, out.Icon, out.Tone = "held", "■", "person"
	case p.PullError != "" || p.WriteError != "":
		out.State, out.Icon, out.Tone = "trouble", "!", "person"
	case p.CompleteAt == nil:
		out.State, out.Icon, out.Tone = "loading", "…", "wait"
	default:
		out.State, out.Icon, out.Tone = "ok", "✓", "ok"
	}
	out.Word = l.T("platform." + out.State)
	return out
}

// getPlatforms answers GET /api/v1/platforms.
func (d *Desk) getPlatforms(r *http.Request, l Lang) (answer, error) {
	o, err := d.overview(r.Context(), l)
	return answer{status: http.StatusOK, body: o}, err
}

// openPlatform finds a platform that may be seen.
func (d *Desk) openPlatform(ctx context.Context, id string) (store.Platform, error) {
	list, err := d.o.Store.Platforms(ctx)
	if err != nil {
		return store.Platform{}, err
	}
	for _, p := range list {
		if p.ID == id && open(p) {
			return p, nil
		}
	}
	return store.Platform{}, store.ErrNotFound
}

// stepBody is what POST /api/v1/platforms/{id}/stage takes.
type stepBody struct {
	Stage  schema.Stage `json:"stage"`
	Who    string       `json:"who"`
	Why    string       `json:"why"`
	Digest string       `json:"digest"` // of the effect report that who saw; up to canary and live
	// Canary: one community, and so many rows a day.
	Community string  `json:"community"`
	Rows      int     `json:"rows"`
	Rate      float64 `json:"rate"` // rows a second of the campaign; 0: the platform's own limits alone
}

// StepReply says what a step did.
type StepReply struct {
	Platform string       `json:"platform"`
	Stage    schema.Stage `json:"stage"`
	Due      int64        `json:"due"` // targets that the campaign made due
}

// postStage answers POST /api/v1/platforms/{id}/stage.
func (d *Desk) postStage(r *http.Request, _ Lang) (answer, error) {
	var b stepBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	reply, err := d.step(r.Context(), r.PathValue("id"), b)
	return answer{status: http.StatusOK, body: reply}, err
}

// agreementBody is what POST /api/v1/platforms/{id}/agreement takes.
type agreementBody struct {
	Version int    `json:"version"`
	Who     string `json:"who"`
	Why     string `json:"why"`
	Digest  string `json:"digest"` // of the effect report that who saw, where something leaves already
}

// postAgreement answers POST /api/v1/platforms/{id}/agreement: a version comes
// into force.
func (d *Desk) postAgreement(r *http.Request, l Lang) (answer, error) {
	var b agreementBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	due, err := d.approve(r.Context(), l, r.PathValue("id"), b)
	return answer{status: http.StatusOK, body: AgreementReply{r.PathValue("id"), b.Version, due}}, err
}

// pause holds a platform, or lets it go on.
func (d *Desk) pause(ctx context.Context, id string, paused bool) error {
	if _, err := d.openPlatform(ctx, id); err != nil {
		return err
	}
	return d.o.Store.Pause(ctx, id, paused)
}

// postPause answers POST /api/v1/platforms/{id}/pause and /resume.
func (d *Desk) postPause(paused bool) func(r *http.Request, l Lang) (answer, error) {
	return func(r *http.Request, _ Lang) (answer, error) {
		id := r.PathValue("id")
		err := d.pause(r.Context(), id, paused)
		return answer{status: http.StatusOK, body: PausedReply{id, paused}}, err
	}
}

// stopWrites is the switch: nothing leaves until it is turned back, and intake
// goes on.
func (d *Desk) stopWrites(ctx context.Context, stopped bool) error {
	return d.o.Store.StopWrites(ctx, stopped)
}

// postWrites answers POST /api/v1/writes/stop and /resume.
func (d *Desk) postWrites(stopped bool) func(r *http.Request, l Lang) (answer, error) {
	return func(r *http.Request, _ Lang) (answer, error) {
		return answer{status: http.StatusOK, body: WritesReply{stopped}}, d.stopWrites(r.Context(), stopped)
	}
}
