package desk

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/audit"
	"heji/services/store"
)

// searchLimit is how many residents one search shows.
const searchLimit = 20

// Hit is one resident found. Numbers are masked: a list is glanced at by
// whoever stands behind the desk.
type Hit struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Sex        string `json:"sex,omitempty"`
	BirthDate  string `json:"birth_date,omitempty"`
	IDNumber   string `json:"id_number,omitempty"`
	Phone      string `json:"phone,omitempty"`
	Address    string `json:"address,omitempty"`
	LifeStatus string `json:"life_status,omitempty"`
	// Away: not simply alive and here.
	Away bool `json:"-"`
}

// Hits is the answer to a search.
type Hits struct {
	Query     string `json:"query"`
	Residents []Hit  `json:"residents"`
	More      bool   `json:"more"` // there are others: say more
	Near      bool   `json:"near"` // nobody has exactly these words; these are close
}

func (d *Desk) search(ctx context.Context, l Lang, query string, typing bool) (Hits, error) {
	hits := Hits{Query: query, Residents: []Hit{}}
	if len(strings.Fields(query)) > 8 || len(query) > 400 {
		return hits, fail(http.StatusBadRequest, "query")
	}
	found, err := d.o.Store.Search(ctx, query, searchLimit)
	if err != nil {
		return hits, err
	}
	hits.More, hits.Near = found.More, found.Near
	ids := make([]uuid.UUID, len(found.Residents))
	for i, r := range found.Residents {
		ids[i] = r.ID
		hits.Residents = append(hits.Residents, l.hit(r))
	}
	return hits, d.noteFound(ctx, ids, hits.More, typing)
}

// noteFound notes whom a search has shown. What was searched for may be a name or
// a number: only whom it found is kept; while somebody types once for all the keys
// that were pressed until somebody else was found.
func (d *Desk) noteFound(ctx context.Context, ids []uuid.UUID, more, typing bool) error {
	key := audit.Who(ctx, "") + "\x00search" + fmt.Sprint(ids)
	if typing && d.lately.has(key) {
		return nil
	}
	err := d.o.Store.Note(ctx, "", audit.Note{Did: "search"}, map[string]any{"residents": ids, "more": more})
	if err == nil {
		d.lately.add(key)
	}
	return err
}

func (l Lang) hit(r store.Resident) Hit {
	v := r.Values()
	status := v[schema.LifeStatus]
	return Hit{ID: r.ID.String(), Name: v[schema.Name], Sex: l.Value(schema.Sex, v[schema.Sex]), BirthDate: v[schema.BirthDate],
		IDNumber: mask(v[schema.IDNumber]), Phone: mask(v[schema.Phone]), Address: l.Value(schema.Residence, v[schema.Residence]),
		LifeStatus: l.Value(schema.LifeStatus, status), Away: status != "" && status != "alive"}
}

// searchResidents answers GET /api/v1/residents?q=.
func (d *Desk) searchResidents(r *http.Request, l Lang) (answer, error) {
	hits, err := d.search(r.Context(), l, r.URL.Query().Get("q"), false)
	return answer{status: http.StatusOK, body: hits}, err
}

// accept reads and checks what POST and PATCH bring.
func accept(r *http.Request, l Lang, d *Desk, master schema.Values) (values schema.Values, who string, err error) {
	var body entryBody
	if err := decode(r, &body); err != nil {
		return nil, "", err
	}
	values, problems := entered(l, body.Values, master, d.o.Today())
	who, ok := named(body.Who)
	if !ok {
		problems = append(problems, FieldProblem{Attribute: "who", Problem: "required", Message: l.T("bad.who", "max", maxWho)})
	}
	if len(problems) > 0 {
		return nil, "", &failure{status: http.StatusUnprocessableEntity, code: "values", fields: problems}
	}
	if len(values) == 0 {
		return nil, "", fail(http.StatusUnprocessableEntity, "nothing")
	}
	return values, who, nil
}

// createResident answers POST /api/v1/residents.
func (d *Desk) createResident(r *http.Request, l Lang) (answer, error) {
	request, err := requestKey(r.Header.Get("Idempotency-Key"))
	if err != nil {
		return answer{}, err
	}
	wait, err := waitFor(r)
	if err != nil {
		return answer{}, err
	}
	values, who, err := accept(r, l, d, nil)
	if err != nil {
		return answer{}, err
	}
	preview, err := d.foresee(r.Context(), l, store.View{}, values)
	if err != nil {
		return answer{}, err
	}
	if isPreview(r) {
		return answer{status: http.StatusOK, body: preview}, nil
	}
	s, err := d.saveNew(r.Context(), request, who, values)
	if err != nil {
		return answer{}, err
	}
	return d.savedAnswer(r.Context(), l, s, wait, preview)
}

// changeResident answers PATCH /api/v1/residents/{id}.
func (d *Desk) changeResident(r *http.Request, l Lang) (answer, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return answer{}, store.ErrNotFound
	}
	request, err := requestKey(r.Header.Get("Idempotency-Key"))
	if err != nil {
		return answer{}, err
	}
	wait, err := waitFor(r)
	if err != nil {
		return answer{}, err
	}
	view, err := d.livingView(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	since, err := d.matches(r, l, request, view)
	if err != nil {
		return answer{}, err
	}
	values, who, err := accept(r, l, d, view.Resident.Values())
	if err != nil {
		return answer{}, err
	}
	preview, err := d.foresee(r.Context(), l, view, values)
	if err != nil {
		return answer{}, err
	}
	if isPreview(r) {
		return answer{status: http.StatusOK, body: preview}, nil
	}
	s, err := d.saveEditAfter(r.Context(), request, who, view.Resident.ID, values, since)
	if err != nil {
		return answer{}, d.overtakenBy(r.Context(), l, view.Resident.ID, since, err)
	}
	return d.savedAnswer(r.Context(), l, s, wait, preview)
}

func isPreview(r *http.Request) bool {
	yes, _ := strconv.ParseBool(r.URL.Query().Get("preview"))
	return yes
}

// savedAnswer is 202 while the entry is on its way, 201 when the resident has
// come out of the merge already.
func (d *Desk) savedAnswer(ctx context.Context, l Lang, s saved, wait time.Duration, p Preview) (answer, error) {
	reply, err := d.await(ctx, l, s.Request, wait, true)
	if err != nil {
		return answer{}, err
	}
	reply.Values, reply.Effects, reply.Warnings = p.Values, p.Effects, p.Warnings
	a := answer{status: http.StatusAccepted, location: reply.Location, body: reply}
	if reply.State == entryMerged && s.fresh && reply.Entry.Kind == "new" {
		a.status = http.StatusCreated
	} else if reply.State == entryMerged {
		a.status = http.StatusOK
	}
	return a, nil
}

// livingView reads the resident behind an id, wherever it was merged to.
func (d *Desk) livingView(ctx context.Context, id uuid.UUID) (store.View, error) {
	for {
		living, err := d.o.Store.Living(ctx, id)
		if err != nil {
			return store.View{}, err
		}
		view, err := d.o.Store.View(ctx, living)
		if err != nil || view.Resident.Redirect == uuid.Nil {
			return view, err
		}
		id = living // merged between the two questions
	}
}

// foresee computes what saving values would do.
func (d *Desk) foresee(ctx context.Context, l Lang, view store.View, values schema.Values) (Preview, error) {
	platforms, err := d.o.Store.Platforms(ctx)
	if err != nil {
		return Preview{}, err
	}
	f := foresight{outlook: outlook{lang: l, platforms: platforms, registry: d.o.Registry, now: d.o.Today()},
		rules: d.o.Rules, view: view, changes: values}
	p, err := f.run()
	if err != nil {
		return p, err
	}
	v, err := d.veilOf(ctx, view.Resident.ID)
	if err != nil {
		return p, err
	}
	v.preview(&p)
	for i := range p.Effects {
		if !namesRecords(ctx) {
			p.Effects[i].Key = shownKey(p.Effects[i].Key)
		}
	}
	for i := range p.Effects { // whoever typed a number looks at it once more
		if e := &p.Effects[i]; numbered(e.Attribute) && values[e.Attribute] != "" && e.New == mask(values[e.Attribute]) {
			e.New = values[e.Attribute]
		}
	}
	for i := range p.Risks {
		p.Risks[i].Stops = l.benefits(view.Resident.Master, v)
	}
	if len(p.Risks) > 0 {
		wait, err := d.o.Store.RisksWait(ctx)
		if err != nil {
			return p, err
		}
		if p.RisksWait = int(wait.Minutes()); wait == 0 {
			p.Risks = []RiskAhead{}
		}
	}
	err = d.twins(ctx, l, view, values, &p)
	return p, err
}

// twins warns when a number that is entered belongs to somebody else: most
// often the same person, who is here already.
func (d *Desk) twins(ctx context.Context, l Lang, view store.View, values schema.Values, p *Preview) error {
	number := values[schema.IDNumber]
	if number == "" {
		return nil
	}
	found, err := d.o.Store.Search(ctx, number, searchLimit)
	if err != nil {
		return err
	}
	for _, r := range found.Residents {
		if r.ID != view.Resident.ID && r.Master[schema.IDNumber].Value == number {
			p.Warnings = append(p.Warnings, Warning{Warning: "known", Message: l.T("warning.known", "name", r.Master[schema.Name].Value), Resident: r.ID.String()})
		}
	}
	return nil
}

// getResident answers GET /api/v1/residents/{id}; an id that was merged is
// answered with 303 and where it lives now.
func (d *Desk) getResident(w http.ResponseWriter, r *http.Request) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err == nil {
		if living, lost := d.o.Store.Living(r.Context(), id); lost == nil && living != id {
			to := "/api/v1/residents/" + living.String()
			if r.URL.RawQuery != "" {
				to += "?" + r.URL.RawQuery
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
	}
	d.api(func(r *http.Request, l Lang) (answer, error) {
		if err != nil {
			return answer{}, store.ErrNotFound
		}
		last, err := d.o.Store.LastEdit(r.Context(), id) // before the values: what changes between is not missed
		if err != nil {
			return answer{}, err
		}
		p, err := d.person(r.Context(), l, id)
		if err == nil {
			p.AsOf, err = d.asOf(r, l, p)
		}
		a := answer{status: http.StatusOK, body: p}
		if r.URL.Query().Get("as_of") == "" {
			a.etag = version{entry: last, event: p.event}.tag()
		}
		return a, err
	})(w, r)
}

// TargetsReply is the answer to GET /api/v1/residents/{id}/targets.
type TargetsReply struct {
	Settled bool     `json:"settled"`
	Targets []Status `json:"targets"`
}

// getTargets is the light question that a page asks again and again.
func (d *Desk) getTargets(r *http.Request, l Lang) (answer, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return answer{}, store.ErrNotFound
	}
	view, err := d.livingView(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	list, err := d.targets(r.Context(), l, view.Resident.ID, view.Records)
	return answer{status: http.StatusOK, body: TargetsReply{Settled: !waiting(list), Targets: list}}, err
}
