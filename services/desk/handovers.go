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
	"heji/schema/idnum"
	"heji/services/store"
)

// claimTime is how long an answer takes about where a number is registered,
// whatever the answer is.
const claimTime = 250 * time.Millisecond

// handoversShown is how many requests are listed.
const handoversShown = 100

// ClaimBody is what POST /api/v1/claims takes.
type ClaimBody struct {
	IDNumber string `json:"id_number"`
	Who      string `json:"who"` // while there is no account
}

// ClaimReply says where a number is registered. Of somebody elsewhere it says
// nothing else.
type ClaimReply struct {
	Registered store.Registered `json:"registered"` // nowhere, here, elsewhere
	Text       string           `json:"text"`
	Resident   string           `json:"resident,omitempty"` // here
}

// HandoverBody is what POST /api/v1/handovers takes.
type HandoverBody struct {
	IDNumber  string `json:"id_number"`
	Residence string `json:"residence"` // where the resident lives now, as it is spoken
	Hukou     bool   `json:"hukou"`     // the hukou moves as well
	Why       string `json:"why"`
	Who       string `json:"who"`
}

// AnswerBody is what accept, refuse and withdraw take.
type AnswerBody struct {
	Along []string `json:"along"` // residents of the dwelling who move as well
	Why   string   `json:"why"`
	Who   string   `json:"who"`
}

// HandoverReply is one request as staff look at it.
type HandoverReply struct {
	ID         int64               `json:"id"`
	State      store.HandoverState `json:"state"`
	StateText  string              `json:"state_text"`
	Resident   string              `json:"resident,omitempty"` // for those who see them
	Name       string              `json:"name,omitempty"`
	Hint       string              `json:"hint"`
	Body       string              `json:"body"`
	BodyName   string              `json:"body_name"`
	AskedBy    string              `json:"asked_by"`
	At         time.Time           `json:"at"`
	Residence  string              `json:"residence"`
	Hukou      bool                `json:"hukou"`
	Why        string              `json:"why"`
	AnsweredBy string              `json:"answered_by,omitempty"`
	AnswerWhy  string              `json:"answer_why,omitempty"`
	AnsweredAt *time.Time          `json:"answered_at,omitempty"`
	Mine       bool                `json:"mine"`
	Answers    bool                `json:"answers"`         // whoever reads may accept or refuse
	Mates      []Mate              `json:"mates,omitempty"` // who could move along
}

// Mate is somebody of the same dwelling.
type Mate struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (d *Desk) routeHandovers(mux *http.ServeMux) {
	mux.HandleFunc("POST /api/v1/claims", d.api(d.postClaim))
	mux.HandleFunc("GET /api/v1/handovers", d.api(d.getHandovers))
	mux.HandleFunc("POST /api/v1/handovers", d.api(d.postHandover))
	mux.HandleFunc("POST /api/v1/handovers/{id}/accept", d.api(d.postAnswer(true)))
	mux.HandleFunc("POST /api/v1/handovers/{id}/end", d.api(d.postAnswer(false)))
	mux.HandleFunc("GET /handovers", d.html(d.handoversPage))
	mux.HandleFunc("POST /claims", d.html(d.claimPost))
	mux.HandleFunc("POST /handovers", d.html(d.handoverPost))
	mux.HandleFunc("POST /handovers/{id}/accept", d.act(d.answerForm(true)))
	mux.HandleFunc("POST /handovers/{id}/end", d.act(d.answerForm(false)))
	mux.HandleFunc("GET /residents/{id}/move", d.html(d.movePage))
	mux.HandleFunc("POST /residents/{id}/move", d.html(d.movePost))
}

// steady makes an answer take as long as every other.
func steady(ctx context.Context, began time.Time) error {
	timer := time.NewTimer(claimTime - time.Since(began))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fullNumber reads a valid ID number; nothing else is looked up.
func fullNumber(text string, today time.Time) (string, error) {
	number, problem := read(mustDefinition(schema.IDNumber), text, today)
	if problem != "" || !idnum.Parse(number).Valid {
		return "", fail(http.StatusUnprocessableEntity, "claim_number")
	}
	return number, nil
}

func mustDefinition(a schema.Attribute) schema.Definition {
	d, _ := schema.Lookup(a)
	return d
}

// claimFailure is the answer to what the store refuses.
func claimFailure(err error) error {
	switch {
	case errors.Is(err, store.ErrManyClaims):
		return fail(http.StatusTooManyRequests, "many_claims")
	case errors.Is(err, store.ErrElsewhere):
		return fail(http.StatusConflict, "not_elsewhere")
	case errors.Is(err, store.ErrNotYourPlace):
		return fail(http.StatusUnprocessableEntity, "not_your_place")
	case errors.Is(err, store.ErrAnswered):
		return fail(http.StatusConflict, "answered")
	case errors.Is(err, store.ErrNotHousemate):
		return fail(http.StatusConflict, "move_gone")
	}
	return err
}

// claim asks where a number is registered.
func (d *Desk) claim(ctx context.Context, l Lang, text string) (ClaimReply, error) {
	began := time.Now()
	number, err := fullNumber(text, d.o.Today())
	if err != nil {
		return ClaimReply{}, err
	}
	where, id, err := d.o.Store.Claim(ctx, number)
	if err != nil {
		return ClaimReply{}, claimFailure(err)
	}
	reply := ClaimReply{Registered: where, Text: l.T("claim." + string(where))}
	if id != uuid.Nil {
		reply.Resident = id.String()
	}
	return reply, steady(ctx, began)
}

// elsewhere refuses to save a number that is registered with another community:
// saved, it would bring the resident over without anybody letting them go.
func (d *Desk) elsewhere(ctx context.Context, values schema.Values) error {
	number := values[schema.IDNumber]
	if !store.Limited(ctx) || !idnum.Parse(number).Valid {
		return nil
	}
	began := time.Now()
	where, _, err := d.o.Store.Claim(ctx, number)
	if err != nil {
		return claimFailure(err)
	}
	if err := steady(ctx, began); err != nil {
		return err
	}
	if where == store.RegisteredElsewhere {
		return fail(http.StatusConflict, "elsewhere")
	}
	return nil
}

func (d *Desk) postClaim(r *http.Request, l Lang) (answer, error) {
	var b ClaimBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	reply, err := d.claim(r.Context(), l, b.IDNumber)
	return answer{status: http.StatusOK, body: reply}, err
}

// reason is why somebody asks or answers.
func reason(text string, needed bool) (string, error) {
	text = strings.TrimSpace(text)
	if n := len([]rune(text)); n > 500 || needed && n < 2 || strings.ContainsRune(text, 0) {
		return "", fail(http.StatusUnprocessableEntity, "why")
	}
	return text, nil
}

// place reads an address that somebody can move to.
func (d *Desk) place(text string) (string, error) {
	address, problem := read(mustDefinition(schema.Residence), text, d.o.Today())
	if problem != "" || schema.AddressFromCanonical(address).Community == "" {
		return "", fail(http.StatusUnprocessableEntity, "move_place")
	}
	return address, nil
}

func (d *Desk) askHandover(ctx context.Context, b HandoverBody) (int64, error) {
	number, err := fullNumber(b.IDNumber, d.o.Today())
	if err != nil {
		return 0, err
	}
	address, err := d.place(b.Residence)
	if err != nil {
		return 0, err
	}
	why, err := reason(b.Why, true)
	if err != nil {
		return 0, err
	}
	id, err := d.o.Store.AskHandover(ctx, number, address, b.Hukou, why)
	return id, claimFailure(err)
}

func (d *Desk) postHandover(r *http.Request, _ Lang) (answer, error) {
	var b HandoverBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	id, err := d.askHandover(r.Context(), b)
	return answer{status: http.StatusCreated, location: "/api/v1/handovers", body: HandoverDone{id, store.HandoverOpen}}, err
}

func (d *Desk) handovers(ctx context.Context, l Lang) ([]HandoverReply, error) {
	list, err := d.o.Store.Handovers(ctx, handoversShown)
	if err != nil {
		return nil, err
	}
	out := []HandoverReply{}
	for _, h := range list {
		x := HandoverReply{ID: h.ID, State: h.State, StateText: l.T("handover." + string(h.State)), Name: h.Name, Hint: h.Hint, Body: h.Body.ID, BodyName: h.Body.Name,
			AskedBy: h.AskedBy, At: h.At, Residence: l.Value(schema.Residence, h.Residence), Hukou: h.Hukou, Why: h.Why,
			AnsweredBy: h.AnsweredBy, AnswerWhy: h.AnswerWhy, AnsweredAt: h.AnsweredAt, Mine: h.Mine, Answers: h.Answers}
		if h.Resident != uuid.Nil {
			x.Resident = h.Resident.String()
		}
		if h.Answers {
			if x.Mates, err = d.mates(ctx, h.Resident); err != nil {
				return nil, err
			}
		}
		out = append(out, x)
	}
	return out, nil
}

func (d *Desk) mates(ctx context.Context, resident uuid.UUID) ([]Mate, error) {
	list, err := d.o.Store.Housemates(ctx, resident)
	if err != nil {
		return nil, err
	}
	out := []Mate{}
	for _, r := range list {
		out = append(out, Mate{r.ID.String(), r.Master[schema.Name].Value})
	}
	return out, nil
}

func (d *Desk) getHandovers(r *http.Request, l Lang) (answer, error) {
	list, err := d.handovers(r.Context(), l)
	return answer{status: http.StatusOK, body: HandoversReply{list}}, err
}

// answerHandover accepts, or ends a request.
func (d *Desk) answerHandover(r *http.Request, accept bool, along []string, why string) (store.HandoverState, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return "", store.ErrNotFound
	}
	if why, err = reason(why, !accept); err != nil {
		return "", err
	}
	if !accept {
		state, err := d.o.Store.EndHandover(r.Context(), id, why)
		return state, claimFailure(err)
	}
	ids, err := residentIDs(along)
	if err != nil {
		return "", err
	}
	if err := d.o.Store.AcceptHandover(r.Context(), id, ids, why); err != nil {
		return "", claimFailure(err)
	}
	d.pullNow(deskPlatform)
	return store.HandoverAccepted, nil
}

// residentIDs reads ids of residents.
func residentIDs(texts []string) ([]uuid.UUID, error) {
	ids := []uuid.UUID{}
	for _, text := range texts {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, store.ErrNotFound
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (d *Desk) postAnswer(accept bool) func(*http.Request, Lang) (answer, error) {
	return func(r *http.Request, _ Lang) (answer, error) {
		var b AnswerBody
		if err := decode(r, &b); err != nil {
			return answer{}, err
		}
		state, err := d.answerHandover(r, accept, b.Along, b.Why)
		return answer{status: http.StatusOK, body: HandoverDone{State: state}}, err
	}
}

func (d *Desk) answerForm(accept bool) func(*http.Request, Lang) error {
	return func(r *http.Request, _ Lang) error {
		_, err := d.answerHandover(r, accept, r.PostForm["along"], r.PostForm.Get("why"))
		return err
	}
}

// HandoversBody is the page of requests.
type HandoversBody struct {
	Asked   []HandoverReply // that wait for an answer of whoever looks
	Others  []HandoverReply
	Number  string // as it was typed
	Claim   *ClaimReply
	Problem string
	Form    HandoverBody
	Sent    bool
}

func (d *Desk) handoversPage(w http.ResponseWriter, r *http.Request) error {
	return d.showHandovers(w, r, http.StatusOK, HandoversBody{Sent: r.URL.Query().Get("said") == "sent"})
}

func (d *Desk) showHandovers(w http.ResponseWriter, r *http.Request, status int, body HandoversBody) error {
	p := d.page(w, r, "handovers")
	list, err := d.handovers(r.Context(), p.L)
	if err != nil {
		return err
	}
	for _, h := range list {
		if h.Answers {
			body.Asked = append(body.Asked, h)
		} else {
			body.Others = append(body.Others, h)
		}
	}
	p.Title, p.Back, p.Switch, p.Body = p.T("handovers.title"), "/handovers", "/handovers?lang="+string(p.L.Other()), body
	d.render(w, r, status, "handovers", p)
	return nil
}

// told shows what is wrong on the page itself; anything else is an error.
func (d *Desk) told(w http.ResponseWriter, r *http.Request, err error, body HandoversBody) error {
	var f *failure
	if !errors.As(err, &f) {
		return err
	}
	l := pageLang(w, r)
	body.Problem = l.T("error."+f.code+".detail", f.pairs...)
	return d.showHandovers(w, r, f.status, body)
}

func (d *Desk) claimPost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	body := HandoversBody{Number: r.PostForm.Get("id_number")}
	reply, err := d.claim(r.Context(), pageLang(w, r), body.Number)
	if err != nil {
		return d.told(w, r, err, body)
	}
	body.Claim = &reply
	return d.showHandovers(w, r, http.StatusOK, body)
}

func (d *Desk) handoverPost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	f := r.PostForm
	b := HandoverBody{IDNumber: f.Get("id_number"), Residence: f.Get("residence"), Hukou: f.Get("hukou") != "", Why: f.Get("why")}
	if _, err := d.askHandover(r.Context(), b); err != nil {
		l := pageLang(w, r)
		return d.told(w, r, err, HandoversBody{Number: b.IDNumber, Form: b,
			Claim: &ClaimReply{Registered: store.RegisteredElsewhere, Text: l.T("claim.elsewhere")}})
	}
	http.Redirect(w, r, "/handovers?said=sent", http.StatusSeeOther)
	return nil
}
