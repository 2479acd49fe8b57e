package desk

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/audit"
	"heji/services/store"
)

// retryEvery is how often one row may be asked for: a platform that said no gets
// time to breathe, however often somebody clicks.
const retryEvery = time.Minute

// recently remembers when things were last done.
type recently struct {
	mu sync.Mutex
	at map[int64]time.Time
}

// take reports whether the last time is long enough ago, and notes this one.
func (r *recently) take(id int64, every time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.at[id]) < every {
		return false
	}
	if r.at == nil || len(r.at) > 10_000 {
		r.at = map[int64]time.Time{}
	}
	r.at[id] = now
	return true
}

// forget lets a thing be done at once that came to nothing.
func (r *recently) forget(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.at, id)
}

// retry has a row tried again that waits, or that a platform refused.
func (d *Desk) retry(ctx context.Context, resident uuid.UUID, target string) (store.View, error) {
	id, err := strconv.ParseInt(target, 10, 64)
	if err != nil {
		return store.View{}, store.ErrNotFound
	}
	view, err := d.livingView(ctx, resident)
	if err != nil {
		return view, err
	}
	platform := ""
	for _, t := range view.Targets {
		if t.ID == id {
			platform = t.Platform
		}
	}
	if platform == "" {
		return view, store.ErrNotFound
	}
	if _, err := d.openPlatform(ctx, platform); err != nil { // I7
		return view, err
	}
	v, err := d.veilOf(ctx, view.Resident.ID)
	if err != nil {
		return view, err
	}
	if !d.retried.take(id, retryEvery) {
		return view, fail(http.StatusTooManyRequests, "retry_soon", "seconds", int(retryEvery.Seconds()))
	}
	err = d.o.Store.Retry(ctx, id, view.Resident.ID, audit.Who(ctx, ""), func(a schema.Attribute) bool { return !v.hides(a) }, d.o.Keys)
	if err != nil {
		d.retried.forget(id)
	}
	if errors.Is(err, store.ErrNoRetry) {
		err = fail(http.StatusConflict, "no_retry")
	}
	return view, err
}

// postRetry answers POST /api/v1/residents/{id}/targets/{target}/retry.
func (d *Desk) postRetry(r *http.Request, l Lang) (answer, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return answer{}, store.ErrNotFound
	}
	view, err := d.retry(r.Context(), id, r.PathValue("target"))
	if err != nil {
		return answer{}, err
	}
	list, err := d.targets(r.Context(), l, view.Resident.ID, view.Records)
	return answer{status: http.StatusOK, body: TargetsReply{Settled: !waiting(list), Targets: list}}, err
}

// retryForm answers POST /residents/{id}/retry, the button of a platform.
func (d *Desk) retryForm(r *http.Request, _ Lang) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return store.ErrNotFound
	}
	_, err = d.retry(r.Context(), id, r.PostForm.Get("target"))
	return err
}

func (d *Desk) routeRetry(mux *http.ServeMux) {
	mux.HandleFunc("POST /residents/{id}/retry", d.act(d.retryForm))
	mux.HandleFunc("POST /api/v1/residents/{id}/targets/{target}/retry", d.api(d.postRetry))
}

// targetRows are the platforms of a resident on a page.
type targetRows struct {
	Page     page
	Resident string
	Targets  []Status
}

func targetsOf(p page, resident string, list []Status) targetRows {
	return targetRows{p, resident, list}
}
