package desk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"heji/schema"
	"heji/services/demand"
	"heji/services/store"
)

func (d *Desk) routeLadder(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/platforms/{id}/effect", d.api(d.getPlatformEffect))
	mux.HandleFunc("GET /platforms/{id}/effect", d.html(d.platformEffectPage))
	mux.HandleFunc("POST /platforms/{id}/agreement", d.act(func(r *http.Request, l Lang) error {
		version, err := strconv.Atoi(r.PostForm.Get("version"))
		if err != nil {
			return store.ErrNotFound
		}
		_, err = d.approve(r.Context(), l, r.PathValue("id"), agreementBody{Version: version, Who: r.PostForm.Get("who"),
			Why: r.PostForm.Get("why"), Digest: r.PostForm.Get("digest")})
		return err
	}))
}

// EffectReport is demand.Report in words.
type EffectReport struct {
	demand.Report
	PlatformName string         `json:"platform_name"`
	InForce      int            `json:"agreement_in_force"`
	Said         []EffectLine   `json:"said"`
	Shown        []EffectSample `json:"-"`
	Stage        schema.Stage   `json:"stage"` // where the platform stands now
}

// EffectLine is one line of the report in words.
type EffectLine struct {
	Label   string `json:"label"`
	Icon    string `json:"icon"`
	Word    string `json:"word"`
	WhyText string `json:"why_text,omitempty"`
	Count   int64  `json:"count"`
	Still   bool   `json:"-"` // nothing moves
}

// EffectSample is one masked field in words.
type EffectSample struct{ Label, Icon, Word, Shown, New string }

// effectOf computes what write-back to a platform would do, and keeps it, so that
// a step can name it.
func (d *Desk) effectOf(ctx context.Context, p store.Platform, version int, community string) (demand.Report, error) {
	reg, here := d.o.Registry.Get(p.ID)
	if !here || reg.Map == nil {
		return demand.Report{}, fail(http.StatusConflict, "no_file")
	}
	if !p.Writable {
		return demand.Report{}, fail(http.StatusConflict, "not_writable", "platform", p.Name)
	}
	report, err := demand.Effect(ctx, d.o.Store, reg, version, community, d.o.Today())
	if errors.Is(err, store.ErrVersion) {
		return report, store.ErrNotFound
	}
	if err != nil {
		return report, err
	}
	return report, d.o.Store.KeepEffect(ctx, p.ID, report.Digest, report)
}

// askedEffect reads what an address asks for: ?agreement= a version that is not
// in force yet, ?stage=canary&community= a canary.
func (d *Desk) askedEffect(r *http.Request, l Lang) (EffectReport, error) {
	p, err := d.openPlatform(r.Context(), r.PathValue("id"))
	if err != nil {
		return EffectReport{}, err
	}
	q, version := r.URL.Query(), 0
	if text := q.Get("agreement"); text != "" {
		if version, err = strconv.Atoi(text); err != nil || version <= 0 {
			return EffectReport{}, store.ErrNotFound
		}
	}
	community := strings.TrimSpace(q.Get("community"))
	if stage := schema.Stage(q.Get("stage")); stage == schema.Canary && community == "" {
		return EffectReport{}, fail(http.StatusUnprocessableEntity, "canary_community")
	} else if stage != schema.Canary {
		community = ""
	}
	report, err := d.effectOf(r.Context(), p, version, community)
	if err != nil {
		return EffectReport{}, err
	}
	out := EffectReport{Report: report, PlatformName: l.Platform(p), InForce: p.Version, Stage: p.Stage, Said: []EffectLine{}}
	for _, x := range report.Lines {
		line := EffectLine{Label: l.Attribute(x.Attribute), Icon: outcomeIcon[x.Outcome], Word: l.T("outcome." + x.Outcome), Count: x.Count,
			Still: x.Outcome == demand.Withheld || x.Outcome == demand.Same}
		if x.Why != "" {
			line.WhyText = l.T("why." + x.Why)
		}
		out.Said = append(out.Said, line)
	}
	for _, x := range report.Samples {
		s := EffectSample{Label: l.Attribute(x.Attribute), Icon: outcomeIcon[x.Outcome], Word: l.T("outcome." + x.Outcome), Shown: x.Shown, New: x.New}
		if def, _ := schema.Lookup(x.Attribute); def.Kind == schema.KindCode {
			s.Shown, s.New = l.Value(x.Attribute, x.Shown), l.Value(x.Attribute, x.New)
		}
		out.Shown = append(out.Shown, s)
	}
	return out, nil
}

// Moving and Resting split the report for the page.
func (e EffectReport) Moving() []EffectLine  { return e.lines(false) }
func (e EffectReport) Resting() []EffectLine { return e.lines(true) }

func (e EffectReport) lines(still bool) (out []EffectLine) {
	for _, x := range e.Said {
		if x.Still == still {
			out = append(out, x)
		}
	}
	return out
}

// Candidate reports whether the report is about a version that is not in force.
func (e EffectReport) Candidate() bool { return e.Agreement != e.InForce }

// getPlatformEffect answers GET /api/v1/platforms/{id}/effect: what would be
// written now. Nothing becomes due.
func (d *Desk) getPlatformEffect(r *http.Request, l Lang) (answer, error) {
	e, err := d.askedEffect(r, l)
	return answer{status: http.StatusOK, body: e}, err
}

func (d *Desk) platformEffectPage(w http.ResponseWriter, r *http.Request) error {
	p := d.page(w, r, "platforms")
	e, err := d.askedEffect(r, p.L)
	if err != nil {
		return err
	}
	p.Title, p.Back, p.Body = p.T("ladder.title", "platform", e.PlatformName), "/platforms/"+url.PathEscape(e.Platform)+"/effect", e
	d.render(w, r, http.StatusOK, "effect", p)
	return nil
}

// seen reports by an error where the report that an approver saw is none that we
// made, or no longer says what would happen.
func (d *Desk) seen(ctx context.Context, p store.Platform, version int, community, digest string) error {
	var approved demand.Report
	if digest == "" {
		return fail(http.StatusConflict, "effect_unseen", "platform", p.ID)
	}
	err := d.o.Store.KeptEffect(ctx, p.ID, digest, &approved)
	if errors.Is(err, store.ErrNotFound) {
		return fail(http.StatusConflict, "effect_unseen", "platform", p.ID)
	}
	if err != nil {
		return err
	}
	now, err := d.effectOf(ctx, p, version, community)
	if err != nil {
		return err
	}
	if now.Moved(approved) {
		return fail(http.StatusConflict, "effect_moved", "platform", p.ID)
	}
	return nil
}

// rung is how far up the ladder a stage is.
var rung = map[schema.Stage]int{schema.ReadOnly: 0, schema.Shadow: 1, schema.Canary: 2, schema.Live: 3}

// step moves a platform on the ladder, in the name of a person. A step up from
// which something would leave carries the digest of the report that its approver
// saw.
func (d *Desk) step(ctx context.Context, id string, b stepBody) (StepReply, error) {
	p, err := d.openPlatform(ctx, id)
	if err != nil {
		return StepReply{}, err
	}
	who, ok := named(b.Who)
	if !ok {
		return StepReply{}, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	if _, known := rung[b.Stage]; !known {
		return StepReply{}, fail(http.StatusUnprocessableEntity, "stage")
	}
	if b.Stage.Writes() && !p.Writable {
		return StepReply{}, fail(http.StatusConflict, "not_writable", "platform", p.Name)
	}
	if len([]rune(b.Why)) > 500 {
		return StepReply{}, fail(http.StatusUnprocessableEntity, "why")
	}
	community := strings.TrimSpace(b.Community)
	if b.Stage != schema.Canary {
		community, b.Rows = "", 0
	} else if community == "" || b.Rows <= 0 {
		return StepReply{}, fail(http.StatusUnprocessableEntity, "canary_community")
	}
	if b.Rate < 0 {
		return StepReply{}, fail(http.StatusUnprocessableEntity, "rate")
	}
	if b.Stage.Writes() && (rung[b.Stage] > rung[p.Stage] || b.Stage == schema.Canary && p.Stage == schema.Canary) {
		if err := d.seen(ctx, p, p.Version, community, b.Digest); err != nil {
			return StepReply{}, err
		}
	}
	due, err := d.o.Store.TakeStep(ctx, id, store.Step{To: b.Stage, Who: who, Why: b.Why, Digest: b.Digest, Rate: b.Rate,
		Canary: store.Canary{Community: community, Rows: b.Rows}})
	return StepReply{Platform: id, Stage: b.Stage, Due: due}, err
}

// stepForm reads the form of a step.
func stepForm(r *http.Request) (stepBody, error) {
	f := r.PostForm
	b := stepBody{Stage: schema.Stage(f.Get("stage")), Who: f.Get("who"), Why: f.Get("why"), Digest: f.Get("digest"), Community: f.Get("community")}
	var err error
	if text := f.Get("rows"); text != "" {
		if b.Rows, err = strconv.Atoi(text); err != nil {
			return b, fail(http.StatusUnprocessableEntity, "canary_community")
		}
	}
	if text := f.Get("rate"); text != "" {
		if b.Rate, err = strconv.ParseFloat(text, 64); err != nil {
			return b, fail(http.StatusUnprocessableEntity, "rate")
		}
	}
	return b, nil
}

// approve brings a version of an agreement into force, in the name of a person.
// Where something leaves already, its approver has seen what it changes.
func (d *Desk) approve(ctx context.Context, l Lang, id string, b agreementBody) (int64, error) {
	p, err := d.openPlatform(ctx, id)
	if err != nil {
		return 0, err
	}
	who, ok := named(b.Who)
	if !ok {
		return 0, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	if p.Stage.Writes() {
		if err := d.seen(ctx, p, b.Version, p.Canary.Community, b.Digest); err != nil {
			return 0, err
		}
	}
	due, err := d.o.Store.Approve(ctx, p.ID, b.Version, who, b.Why)
	if errors.Is(err, store.ErrVersion) {
		return 0, store.ErrNotFound
	}
	var rival store.RivalError
	if errors.As(err, &rival) {
		list, _, err := d.platforms(ctx)
		if err != nil {
			return 0, err
		}
		return 0, fail(http.StatusConflict, "rival_authority", "platform", platformName(l, list, rival.Other), "attributes", l.Attributes(rival.Attributes))
	}
	return due, err
}
