package desk

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"heji/connectors/roster"
	"heji/services/linkage"
	"heji/services/store"
)

// maxModel is the largest model file in bytes: one with the frequencies of a
// million names fits.
const maxModel = 32 << 20

// routeRelink is the API behind heji relink. A relink is asked for here and done
// by the merge, wherever it runs.
func (d *Desk) routeRelink(mux *http.ServeMux) {
	for route, f := range map[string]func(*http.Request, Lang) (answer, error){
		"GET /api/v1/relink":          d.getRelink,
		"POST /api/v1/relink":         d.postRelink,
		"POST /api/v1/relink/preview": d.postRelinkPreview,
		"POST /api/v1/relink/cancel":  d.postRelinkCancel,
		"GET /api/v1/hot-keys":        d.getHotKeys,
	} {
		mux.HandleFunc(route, d.api(f))
	}
}

// bodyLimit is the largest body of a request: a model file, and what staff bring
// from a platform, may be longer than any form.
func bodyLimit(r *http.Request) int64 {
	if strings.HasPrefix(r.URL.Path, "/api/v1/relink") {
		return maxModel
	}
	if strings.HasSuffix(r.URL.Path, "/receipts") || strings.HasSuffix(r.URL.Path, "/exports") {
		return maxUpload + 64<<10 // the file, and the form around it
	}
	if strings.HasSuffix(r.URL.Path, "/imports") {
		return roster.MaxBytes + 64<<10
	}
	return maxBody
}

// relinkBody names the model to go to: a file's text, the one before, or, with
// neither, the one that the program ships.
type relinkBody struct {
	Model    string `json:"model"`
	Previous bool   `json:"previous"`
	Who      string `json:"who"` // POST /api/v1/relink only
}

func (d *Desk) relinkSource(r *http.Request) (source []byte, who string, err error) {
	var b relinkBody
	if err := decode(r, &b); err != nil {
		return nil, "", err
	}
	switch {
	case b.Previous:
		source, err = d.o.Store.PreviousModel(r.Context())
	case b.Model != "":
		source = []byte(b.Model)
	default:
		source = linkage.DefaultSource()
	}
	if err != nil {
		return nil, "", err
	}
	if _, err := linkage.Load(strings.NewReader(string(source))); err != nil {
		return nil, "", fail(http.StatusUnprocessableEntity, "relink_model", "problem", err.Error())
	}
	return source, b.Who, nil
}

// getRelink answers GET /api/v1/relink.
func (d *Desk) getRelink(r *http.Request, _ Lang) (answer, error) {
	st, err := d.o.Store.RelinkStatus(r.Context())
	return answer{status: http.StatusOK, body: st}, err
}

// postRelink answers POST /api/v1/relink: it is asked for, and not waited for.
func (d *Desk) postRelink(r *http.Request, _ Lang) (answer, error) {
	source, given, err := d.relinkSource(r)
	if err != nil {
		return answer{}, err
	}
	who, ok := named(given)
	if !ok {
		return answer{}, fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	st, err := d.o.Store.StartRelink(r.Context(), source, who)
	switch {
	case errors.Is(err, store.ErrRelinkRuns):
		return answer{}, fail(http.StatusConflict, "relink_runs")
	case errors.Is(err, store.ErrModelInForce):
		return answer{}, fail(http.StatusConflict, "relink_in_force")
	}
	return answer{status: http.StatusAccepted, body: st}, err
}

// previews are computed one at a time: each holds the features of all records.
var previews sync.Mutex

// postRelinkPreview answers POST /api/v1/relink/preview, which may take minutes.
func (d *Desk) postRelinkPreview(r *http.Request, _ Lang) (answer, error) {
	source, _, err := d.relinkSource(r)
	if err != nil {
		return answer{}, err
	}
	if !previews.TryLock() {
		return answer{}, fail(http.StatusConflict, "relink_preview")
	}
	defer previews.Unlock()
	p, err := d.o.Store.PreviewRelink(r.Context(), source)
	return answer{status: http.StatusOK, body: p}, err
}

// postRelinkCancel answers POST /api/v1/relink/cancel.
func (d *Desk) postRelinkCancel(r *http.Request, _ Lang) (answer, error) {
	err := d.o.Store.CancelRelink(r.Context())
	switch {
	case errors.Is(err, store.ErrRelinkNone):
		return answer{}, fail(http.StatusConflict, "relink_none")
	case errors.Is(err, store.ErrRelinkForce):
		return answer{}, fail(http.StatusConflict, "relink_late")
	case err != nil:
		return answer{}, err
	}
	st, err := d.o.Store.RelinkStatus(r.Context())
	return answer{status: http.StatusOK, body: st}, err
}

// getHotKeys answers GET /api/v1/hot-keys: the ten with most holders, by what
// they are made of and who holds them, without the values (I9).
func (d *Desk) getHotKeys(r *http.Request, _ Lang) (answer, error) {
	list, err := d.o.Store.HotKeys(r.Context(), 10)
	return answer{status: http.StatusOK, body: HotKeysReply{list}}, err
}

// model is the one in force, with which pairs are explained.
func (d *Desk) model(ctx context.Context) *linkage.Model {
	m, err := d.o.Store.Model(ctx)
	if err != nil {
		d.o.Logger.Warn("the model in force cannot be read; pairs are explained with the one that this program ships", "error", err)
		return d.o.Model
	}
	return m
}
