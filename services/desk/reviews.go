package desk

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"heji/services/store"
)

// reviewPage is how many pairs one answer holds unless it is asked for another
// number, and reviewMost how many it holds at most.
const (
	reviewPage = 20
	reviewMost = 100
)

// Reviews is the answer to GET /api/v1/reviews.
type Reviews struct {
	Open    int64  `json:"open"` // pairs that wait, whatever the filter
	Reviews []Pair `json:"reviews"`
	// Next is the cursor of the next page; empty: this is the last.
	Next string `json:"next,omitempty"`
}

// reviewQuery is what an address asks of the queue.
type reviewQuery struct {
	store.ReviewFilter
	values url.Values // to ask again
}

func reviewQueryOf(r *http.Request) (reviewQuery, error) {
	v := r.URL.Query()
	q := reviewQuery{values: url.Values{}, ReviewFilter: store.ReviewFilter{Reason: v.Get("reason"), Community: plainText(v.Get("community")),
		Platform: v.Get("platform"), Limit: reviewPage}}
	if q.Reason != "" && !slices.Contains(store.ReviewReasons, q.Reason) {
		return q, fail(http.StatusBadRequest, "reason")
	}
	q.Later, _ = strconv.ParseBool(v.Get("later"))
	for _, name := range []string{"reason", "community", "platform", "later"} {
		if text := v.Get(name); text != "" && len(text) <= maxKey {
			q.values.Set(name, text)
		}
	}
	if text := v.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > reviewMost {
			return q, fail(http.StatusBadRequest, "limit", "max", reviewMost)
		}
		q.Limit = n
	}
	if text := v.Get("cursor"); text != "" {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		q.After = new(store.ReviewMark)
		if err != nil || json.Unmarshal(raw, q.After) != nil {
			return q, fail(http.StatusBadRequest, "cursor")
		}
	}
	return q, nil
}

// reviewsOpen counts the pairs that wait for whoever asks.
func (d *Desk) reviewsOpen(ctx context.Context) (int64, error) {
	if store.Limited(ctx) {
		return d.o.Store.ReviewsOpen(ctx)
	}
	stats, err := d.stats(ctx)
	return stats.ReviewsOpen, err
}

// reviews reads one page of the queue.
func (d *Desk) reviews(ctx context.Context, l Lang, q reviewQuery) (Reviews, error) {
	out := Reviews{Reviews: []Pair{}}
	var err error
	if out.Open, err = d.reviewsOpen(ctx); err != nil {
		return out, err
	}
	if q.Platform != "" {
		if _, err := d.openPlatform(ctx, q.Platform); err != nil && q.Platform != deskPlatform {
			return out, err // I7: a sealed platform is answered as one that is not there
		}
	}
	platforms, _, err := d.platforms(ctx)
	if err != nil {
		return out, err
	}
	model := d.model(ctx)
	limit := q.Limit
	q.Limit++ // one more, to know whether there are others
	list, err := d.o.Store.Reviews(ctx, q.ReviewFilter)
	if err != nil {
		return out, err
	}
	if len(list) > limit {
		list = list[:limit]
		raw, err := json.Marshal(list[limit-1].Mark)
		if err != nil {
			return out, err
		}
		out.Next = base64.RawURLEncoding.EncodeToString(raw)
	}
	ids := make([][2]uuid.UUID, len(list))
	for i, r := range list {
		ids[i] = [2]uuid.UUID{r.X, r.Y}
	}
	views, err := d.o.Store.Pairs(ctx, ids)
	if err != nil {
		return out, err
	}
	for i, v := range views {
		if v.Gone != nil {
			continue // decided between the two questions
		}
		p, err := comparer{lang: l, model: model, platforms: platforms, zone: d.o.Today().Location(), masked: true}.pair(v)
		if err != nil {
			return out, err
		}
		p.Stakes = list[i].Mark.Stakes
		p.hide(veil{drawn: store.Limited(ctx)}) // what lies in a domain is on the page of the pair
		p.maskKeys(ctx)
		out.Reviews = append(out.Reviews, p)
	}
	return out, nil
}

// getReviews answers GET /api/v1/reviews?reason=&community=&platform=&later=&limit=&cursor=.
// Numbers are masked: it is a list.
func (d *Desk) getReviews(r *http.Request, l Lang) (answer, error) {
	q, err := reviewQueryOf(r)
	if err != nil {
		return answer{}, err
	}
	reviews, err := d.reviews(r.Context(), l, q)
	return answer{status: http.StatusOK, body: reviews}, err
}

// pairOf reads one pair whole. Numbers are masked until those of both are in sight.
func (d *Desk) pairOf(ctx context.Context, l Lang, x, y uuid.UUID) (Pair, error) {
	v, err := d.o.Store.Pair(ctx, x, y)
	if err != nil {
		return Pair{}, d.judgementFailure(ctx, l, err)
	}
	platforms, _, err := d.platforms(ctx)
	if err != nil {
		return Pair{}, err
	}
	shown, err := d.revealed(ctx, x, y)
	if err != nil {
		return Pair{}, err
	}
	p, err := comparer{lang: l, model: d.model(ctx), platforms: platforms, zone: d.o.Today().Location(), masked: !shown}.pair(v)
	if err != nil {
		return p, err
	}
	for _, id := range []uuid.UUID{x, y} {
		veil, err := d.veilOf(ctx, id)
		if err != nil {
			return p, err
		}
		p.hide(veil)
	}
	return p, nil
}

func pairIDs(r *http.Request) (x, y uuid.UUID, err error) {
	x, errX := uuid.Parse(r.PathValue("x"))
	y, errY := uuid.Parse(r.PathValue("y"))
	if errX != nil || errY != nil {
		return x, y, store.ErrNotFound
	}
	return x, y, nil
}

// getPair answers GET /api/v1/reviews/{x}/{y}: any two residents, in the queue
// or not.
func (d *Desk) getPair(r *http.Request, l Lang) (answer, error) {
	x, y, err := pairIDs(r)
	if err != nil {
		return answer{}, err
	}
	p, err := d.pairOf(r.Context(), l, x, y)
	p.maskKeys(r.Context())
	return answer{status: http.StatusOK, body: p}, err
}

// getPairEffect answers GET /api/v1/reviews/{x}/{y}/effect?decision=same|not_same&revoke=.
func (d *Desk) getPairEffect(r *http.Request, l Lang) (answer, error) {
	x, y, err := pairIDs(r)
	if err != nil {
		return answer{}, err
	}
	kind := r.URL.Query().Get("decision")
	if kind != "same" && kind != "not_same" {
		return answer{}, fail(http.StatusBadRequest, "effect_kind")
	}
	revoke, err := idList(r.URL.Query()["revoke"])
	if err != nil {
		return answer{}, err
	}
	p, err := d.pairOf(r.Context(), l, x, y)
	if err != nil {
		return answer{}, err
	}
	f, err := d.forecast(r.Context(), l, p.judgement(kind, revoke))
	return answer{status: http.StatusOK, body: f}, err
}

// getPairActions answers GET /api/v1/reviews/{x}/{y}/actions.
func (d *Desk) getPairActions(r *http.Request, l Lang) (answer, error) {
	x, y, err := pairIDs(r)
	if err != nil {
		return answer{}, err
	}
	list, err := d.o.Store.ActionsBetween(r.Context(), x, y)
	if err != nil {
		return answer{}, err
	}
	acts, err := d.acts(r.Context(), l, list)
	return answer{status: http.StatusOK, body: ActionsReply{acts}}, err
}

// plainText drops what PostgreSQL cannot hold as text.
func plainText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
}
