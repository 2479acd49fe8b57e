package desk

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"heji/services/store"
)

// openBody is what POST /api/v1/platforms/{id}/open takes.
type openBody struct {
	Who string `json:"who"`
	Why string `json:"why"`
	// Anyway: although the platform was not read whole since the restore.
	Anyway bool `json:"anyway"`
}

// reopen lets a platform take part again after the database was restored.
func (d *Desk) reopen(ctx context.Context, id string, b openBody) (store.Opened, error) {
	p, err := d.openPlatform(ctx, id)
	if err != nil {
		return store.Opened{}, err
	}
	who, ok := named(b.Who)
	b.Why = strings.TrimSpace(b.Why)
	switch {
	case !ok:
		return store.Opened{}, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	case b.Why == "" || len(b.Why) > 1500:
		return store.Opened{}, fail(http.StatusUnprocessableEntity, "open_why")
	}
	o, err := d.o.Store.OpenPlatform(ctx, p.ID, who, b.Why, b.Anyway, d.o.Keys)
	switch {
	case errors.Is(err, store.ErrNotRestored):
		return o, fail(http.StatusConflict, "not_restored")
	case errors.Is(err, store.ErrNotRead):
		return o, fail(http.StatusConflict, "not_read")
	}
	return o, err
}

// postOpen answers POST /api/v1/platforms/{id}/open.
func (d *Desk) postOpen(r *http.Request, _ Lang) (answer, error) {
	var b openBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	o, err := d.reopen(r.Context(), r.PathValue("id"), b)
	return answer{status: http.StatusOK, body: OpenedReply{r.PathValue("id"), o.Rows, o.Due}}, err
}

// openForm is the same from the page.
func (d *Desk) openForm(r *http.Request, _ Lang) error {
	_, err := d.reopen(r.Context(), r.PathValue("id"), openBody{Who: r.PostForm.Get("who"), Why: r.PostForm.Get("why")})
	return err
}
