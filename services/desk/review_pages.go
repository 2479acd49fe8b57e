package desk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"heji/schema"
	"heji/services/store"
)

// ReviewsBody is the page of the queue.
type ReviewsBody struct {
	Reviews
	Reason, Community, Platform string
	Later                       bool
	Reasons                     []Option
	Platforms                   []Option
	More                        string // address of the next page
}

func (d *Desk) reviewsPage(w http.ResponseWriter, r *http.Request) error {
	q, err := reviewQueryOf(r)
	if err != nil {
		return err
	}
	p := d.page(w, r, "reviews")
	body := ReviewsBody{Reason: q.Reason, Community: q.Community, Platform: q.Platform, Later: q.Later}
	if body.Reviews, err = d.reviews(r.Context(), p.L, q); err != nil {
		return err
	}
	for _, reason := range store.ReviewReasons {
		body.Reasons = append(body.Reasons, Option{Code: reason, Text: p.T("review." + reason), Chosen: reason == q.Reason})
	}
	platforms, _, err := d.platforms(r.Context())
	if err != nil {
		return err
	}
	for _, x := range platforms {
		if open(x) {
			body.Platforms = append(body.Platforms, Option{Code: x.ID, Text: p.L.Platform(x), Chosen: x.ID == q.Platform})
		}
	}
	if body.Next != "" {
		q.values.Set("cursor", body.Next)
		body.More = "/reviews?" + q.values.Encode()
	}
	p.Title, p.Body = p.T("reviews.title"), body
	d.render(w, r, http.StatusOK, "reviews", p)
	return nil
}

// nextReview leads to the first pair of the queue that is not the one just
// decided, which leaves it only when it is resolved.
func (d *Desk) nextReview(w http.ResponseWriter, r *http.Request) error {
	list, err := d.o.Store.Reviews(r.Context(), store.ReviewFilter{Limit: 3})
	if err != nil {
		return err
	}
	to := "/reviews"
	for _, x := range list {
		if address := pairAddress(x.X.String(), x.Y.String()); address != r.URL.Query().Get("not") {
			to = address
			break
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func pairAddress(x, y string) string { return "/reviews/" + x + "/" + y }

// PairBody is the page of one pair: both sides, the reasons, and what each
// decision would change.
type PairBody struct {
	Pair
	Address string
	Names   bool // whoever looks names records by their keys
	Same    Prospect
	NotSame Prospect
	Days    []Option
	Error   string // what the last attempt lacked
	Why     string
	History []Act
}

// Prospect is what one decision would do, or why it cannot be foreseen.
type Prospect struct {
	*Forecast
	Blocked string
	Revoke  []Decided // to be taken back with it
}

func (d *Desk) pairPage(w http.ResponseWriter, r *http.Request) error {
	return d.renderPair(w, r, http.StatusOK, "", "")
}

func (d *Desk) renderPair(w http.ResponseWriter, r *http.Request, status int, problem, why string) error {
	x, y, err := pairIDs(r)
	if err != nil {
		return err
	}
	p := d.page(w, r, "reviews")
	body := PairBody{Address: pairAddress(x.String(), y.String()), Error: problem, Why: why}
	if body.Pair, err = d.pairOf(r.Context(), p.L, x, y); err != nil {
		return err
	}
	if body.Same, err = d.prospect(r.Context(), p.L, body.judgement("same", idsOf(body.Apart())), body.Apart()); err != nil {
		return err
	}
	if body.NotSame, err = d.prospect(r.Context(), p.L, body.judgement("not_same", idsOf(body.Together())), body.Together()); err != nil {
		return err
	}
	for _, days := range []int{1, laterDefault, 30, 90} {
		body.Days = append(body.Days, Option{Code: strconv.Itoa(days), Text: p.T("pair.days", "days", days), Chosen: days == laterDefault})
	}
	list, err := d.o.Store.ActionsBetween(r.Context(), x, y)
	if err != nil {
		return err
	}
	if body.History, err = d.acts(r.Context(), p.L, list); err != nil {
		return err
	}
	body.Names = namesRecords(r.Context())
	body.Pair.maskKeys(r.Context())
	p.Title, p.Body = p.T("pair.title"), body
	d.render(w, r, status, "pair", p)
	return nil
}

// prospect is a forecast whose refusal is a sentence on the page.
func (d *Desk) prospect(ctx context.Context, l Lang, j store.Judgement, revoke []Decided) (Prospect, error) {
	f, err := d.forecast(ctx, l, j)
	var refused *failure
	if errors.As(err, &refused) {
		return Prospect{Blocked: l.T("error."+refused.code+".detail", refused.pairs...), Revoke: revoke}, nil
	}
	return Prospect{Forecast: &f, Revoke: revoke}, err
}

func idsOf(list []Decided) []int64 {
	out := make([]int64, len(list))
	for i, x := range list {
		out[i] = x.ID
	}
	return out
}

// decisionIDs writes ids for a form.
func decisionIDs(list []Decided) string {
	var parts []string
	for _, x := range list {
		parts = append(parts, strconv.FormatInt(x.ID, 10))
	}
	return strings.Join(parts, ",")
}

// pairPost decides about a pair. What is missing is said on the page itself.
func (d *Desk) pairPost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	l := pageLang(w, r)
	form := r.PostForm
	b := decisionForm(r)
	if b.A.Platform == "" || !namesRecords(r.Context()) {
		b.A, b.B, b.X, b.Y = schema.RecordRef{}, schema.RecordRef{}, r.PathValue("x"), r.PathValue("y")
	}
	revoke, err := idList(form["revoke."+b.Kind])
	if err != nil {
		return err
	}
	b.Seen, b.AliasIDs, b.Revoke = form.Get("seen"), form.Get("alias_ids") != "" && b.Kind == "same", revoke
	if days, err := strconv.Atoi(form.Get("days")); err == nil && b.Kind == "later" {
		b.Until = d.o.Today().AddDate(0, 0, days).Format(time.DateOnly)
	}
	j, err := d.judgement(r.Context(), l, b)
	var a store.Action
	if err == nil {
		a, _, err = d.decide(r.Context(), l, j, b.Who, b.Why)
	}
	var refused *failure
	if errors.As(err, &refused) && refused.status != http.StatusNotFound {
		return d.renderPair(w, r, refused.status, l.T("error."+refused.code+".detail", refused.pairs...), b.Why)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/actions/"+a.ID.String()+"?from="+url.QueryEscape(r.URL.Path), http.StatusSeeOther)
	return nil
}

// ActionBody is the page of one action: what was decided, and undoing it.
type ActionBody struct {
	Act
	Undo      Prospect
	Next      string // the next pair of the queue
	Residents []Body // to whom the records belong now
}

func (d *Desk) actionPage(w http.ResponseWriter, r *http.Request) error {
	id, err := actionID(r)
	if err != nil {
		return err
	}
	p := d.page(w, r, "reviews")
	var body ActionBody
	if body.Act, err = d.actOf(r.Context(), p.L, id); err != nil {
		return err
	}
	if body.CanUndo {
		if body.Undo, err = d.prospect(r.Context(), p.L, store.Judgement{Kind: "undo", Undoes: id}, nil); err != nil {
			return err
		}
	}
	if body.Residents, err = d.owners(r.Context(), body.Act); err != nil {
		return err
	}
	if from := r.URL.Query().Get("from"); strings.HasPrefix(from, "/reviews/") {
		body.Next = "/reviews/next?not=" + url.QueryEscape(from)
	}
	p.Title, p.Body = p.T("action."+body.Kind), body
	d.render(w, r, http.StatusOK, "action", p)
	return nil
}

// owners finds the residents that an action's records belong to now.
func (d *Desk) owners(ctx context.Context, a Act) ([]Body, error) {
	var refs []schema.RecordRef
	for _, c := range slices.Concat(a.Made, a.Revoked) {
		for _, ref := range []schema.RecordRef{c.A, c.B} {
			if ref.Platform != "" && !slices.Contains(refs, ref) {
				refs = append(refs, ref)
			}
		}
	}
	list, err := d.o.Store.OwnersOf(ctx, refs)
	if err != nil {
		return nil, err
	}
	var out []Body
	for _, r := range list {
		out = append(out, Body{Resident: r.ID.String(), Name: r.Master[schema.Name].Value})
	}
	return out, nil
}

// undoPost undoes an action from its page.
func (d *Desk) undoPost(w http.ResponseWriter, r *http.Request) error {
	if err := posted(w, r); err != nil {
		return err
	}
	id, err := actionID(r)
	if err != nil {
		return err
	}
	l := pageLang(w, r)
	if _, err := d.actOf(r.Context(), l, id); err != nil {
		return err
	}
	a, _, err := d.decide(r.Context(), l, store.Judgement{Kind: "undo", Undoes: id}, r.PostForm.Get("who"), r.PostForm.Get("why"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/actions/"+a.ID.String(), http.StatusSeeOther)
	return nil
}
