package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"heji/connectors"
	"heji/services/store"
)

// What people carry: batches that are uploaded at a platform's own page, cards
// that are typed. The connector keeps them; the desk shows them and hands on what
// staff bring back.

// maxUpload is the largest file that staff may bring, in bytes.
const maxUpload = 200 << 20

// cardsShown is how many parcels of one platform are listed at once: the oldest.
const cardsShown = 50

// Errand is one platform with what is to be carried to it.
type Errand struct {
	Platform   string         `json:"platform"`
	Name       string         `json:"name"`
	Department string         `json:"department"`
	Kind       string         `json:"kind"` // template, manual
	Page       string         `json:"page,omitempty"`
	Parcels    []ErrandParcel `json:"parcels"`
	More       int            `json:"more,omitempty"` // parcels that are not listed: later ones
	Strangers  []Stranger     `json:"strangers"`
	Imports    bool           `json:"imports"` // takes exports that are brought by hand
	// Why nothing may be carried now: stopped, paused, stage. Empty: it may.
	Shut     string `json:"shut,omitempty"`
	ShutText string `json:"shut_text,omitempty"`
}

// ErrandParcel is one batch or card.
type ErrandParcel struct {
	ID       string      `json:"id"`
	At       time.Time   `json:"at"`
	Rows     int         `json:"rows"`
	Open     int         `json:"open"`
	Carried  *time.Time  `json:"carried,omitempty"`
	Uploaded *time.Time  `json:"uploaded,omitempty"`
	Period   string      `json:"period,omitempty"`
	State    string      `json:"state"` // ready, held, out, waits
	Word     string      `json:"word"`
	Tone     string      `json:"tone"`
	Icon     string      `json:"icon"`
	Title    string      `json:"title,omitempty"` // a card: whose it is
	Card     []CardField `json:"card,omitempty"`  // only of one that was opened
}

// CardField is one line of a card.
type CardField struct {
	Label string `json:"label"`
	Text  string `json:"text"`
	Find  bool   `json:"find,omitempty"`
}

// Stranger is a receipt that matched no batch.
type Stranger struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	Why  string    `json:"why"`
}

// ReceiptReply says what a receipt did.
type ReceiptReply struct {
	Platform string `json:"platform"`
	Parcel   string `json:"parcel"`
	Applied  int    `json:"applied"`
	Refused  int    `json:"refused"`
	Unknown  int    `json:"unknown"`
	Repeated int    `json:"repeated"`
	Open     int    `json:"open"`
}

func (d *Desk) routeParcels(mux *http.ServeMux) {
	for route, f := range map[string]func(*http.Request, Lang) (answer, error){
		"GET /api/v1/parcels":                           d.getErrands,
		"GET /api/v1/parcels/{platform}/{id}":           d.getParcel,
		"POST /api/v1/parcels/{platform}/receipts":      d.postReceipt,
		"POST /api/v1/parcels/{platform}/exports":       d.postExport,
		"POST /api/v1/parcels/{platform}/{id}/typed":    d.postTyped,
		"POST /api/v1/parcels/{platform}/{id}/uploaded": d.postCarried,
		"POST /api/v1/parcels/{platform}/{id}/return":   d.postCarried,
	} {
		mux.HandleFunc(route, d.api(f))
	}
	mux.HandleFunc("GET /api/v1/parcels/{platform}/{id}/document", func(w http.ResponseWriter, r *http.Request) {
		if err := d.document(w, r); err != nil {
			writeProblem(w, apiLang(r), d.failureOf(r, err))
		}
	})
	d.routeParcelPages(mux)
}

// courier finds a platform whose writes people carry, in this process.
func (d *Desk) courier(ctx context.Context, id string) (store.Platform, connectors.Courier, error) {
	p, err := d.openPlatform(ctx, id)
	if err != nil {
		return p, nil, err
	}
	c, ok := d.courierOf(p)
	if !ok {
		return p, nil, store.ErrNotFound
	}
	return p, c, nil
}

func (d *Desk) courierOf(p store.Platform) (connectors.Courier, bool) {
	reg, here := d.o.Registry.Get(p.ID)
	if !here || !open(p) {
		return nil, false
	}
	c, ok := reg.Connector.(connectors.Courier)
	return c, ok
}

// shut says why nothing may be carried to a platform now. What is in people's
// hands already can still be answered.
func (d *Desk) shut(p store.Platform, stopped bool) string {
	switch {
	case stopped:
		return "stopped"
	case p.Paused:
		return "paused"
	case p.Held():
		return "held"
	case !p.Stage.Writes() || !p.Agreement.InForce(d.o.Today()):
		return "stage"
	}
	return ""
}

// errands lists what is to be carried to every platform.
func (d *Desk) errands(ctx context.Context, l Lang) ([]Errand, error) {
	platforms, stopped, err := d.platforms(ctx)
	if err != nil {
		return nil, err
	}
	out := []Errand{}
	for _, p := range platforms {
		c, ok := d.courierOf(p)
		if !ok {
			continue
		}
		e := Errand{Platform: p.ID, Name: l.Platform(p), Department: p.Department, Kind: p.Kind, Parcels: []ErrandParcel{}, Strangers: []Stranger{}}
		if e.Shut = d.shut(p, stopped); e.Shut != "" {
			e.ShutText = l.T("parcels.shut." + e.Shut)
		}
		if x, ok := c.(interface{ Exports() bool }); ok {
			e.Imports = x.Exports()
		}
		list, err := d.parcels(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("platform %s: list what is to be carried: %w", p.ID, err)
		}
		for _, x := range list {
			e.Page = x.Page
			if len(e.Parcels) < cardsShown {
				e.Parcels = append(e.Parcels, l.errandParcel(x, false))
			}
		}
		e.More = len(list) - len(e.Parcels)
		strangers, err := c.Strangers(ctx)
		if err != nil {
			return nil, fmt.Errorf("platform %s: list what matched nothing: %w", p.ID, err)
		}
		for _, s := range strangers {
			e.Strangers = append(e.Strangers, Stranger{s.Name, s.At, s.Why})
		}
		out = append(out, e)
	}
	return out, nil
}

// parcels lists what is open at a courier, as far as whoever asks sees everybody
// in it: who sees only some of a batch does not carry it.
func (d *Desk) parcels(ctx context.Context, c connectors.Courier) ([]connectors.Parcel, error) {
	list, err := c.Parcels(ctx)
	if err != nil || !store.Limited(ctx) {
		return list, err
	}
	var intents []string
	for _, p := range list {
		intents = append(intents, p.Intents...)
	}
	seen, err := d.o.Store.SeenIntents(ctx, intents)
	return slices.DeleteFunc(list, func(p connectors.Parcel) bool {
		return slices.ContainsFunc(p.Intents, func(id string) bool { return !seen[id] })
	}), err
}

// parcelCourier finds the courier of a route about one parcel that whoever asks
// may see.
func (d *Desk) parcelCourier(r *http.Request) (store.Platform, connectors.Courier, error) {
	p, c, err := d.courier(r.Context(), r.PathValue("platform"))
	if err != nil || !store.Limited(r.Context()) {
		return p, c, err
	}
	list, err := d.parcels(r.Context(), c)
	if err == nil && !slices.ContainsFunc(list, func(x connectors.Parcel) bool { return x.ID == r.PathValue("id") }) {
		err = carryFailure(connectors.ErrNoParcel)
	}
	return p, c, err
}

func (l Lang) errandParcel(p connectors.Parcel, withCard bool) ErrandParcel {
	e := ErrandParcel{ID: p.ID, At: p.At, Rows: p.Rows, Open: p.Open, Period: p.Period}
	if !p.Carried.IsZero() {
		e.Carried = &p.Carried
	}
	if !p.Uploaded.IsZero() {
		e.Uploaded = &p.Uploaded
	}
	switch {
	case e.Uploaded != nil:
		e.State, e.Icon, e.Tone = "waits", "?", "wait"
	case e.Carried != nil:
		e.State, e.Icon, e.Tone = "out", "⇢", "wait"
	case p.Held:
		e.State, e.Icon, e.Tone = "held", "…", "off"
	default:
		e.State, e.Icon, e.Tone = "ready", "!", "person"
	}
	e.Word = l.T("parcels.state." + e.State)
	var who []string
	for _, f := range p.Card {
		if f.Find && len(who) < 2 {
			who = append(who, f.Text)
		}
		if withCard {
			e.Card = append(e.Card, CardField{f.Label, f.Text, f.Find})
		}
	}
	if len(who) > 1 {
		who[1] = mask(who[1])
	}
	e.Title = strings.Join(who, " ")
	return e
}

// getErrands answers GET /api/v1/parcels.
func (d *Desk) getErrands(r *http.Request, l Lang) (answer, error) {
	list, err := d.errands(r.Context(), l)
	return answer{status: http.StatusOK, body: ErrandsReply{list}}, err
}

// openParcel opens one: a card that was opened stays as it is.
func (d *Desk) openParcel(r *http.Request, l Lang) (ErrandParcel, store.Platform, connectors.Parcel, error) {
	p, c, err := d.mayCarry(r)
	if err != nil {
		return ErrandParcel{}, p, connectors.Parcel{}, err
	}
	x, err := c.Parcel(r.Context(), r.PathValue("id"))
	if err != nil {
		return ErrandParcel{}, p, x, carryFailure(err)
	}
	if err := d.parcelNote(r, "", "parcel.read", p.ID, x.ID, nil); err != nil {
		return ErrandParcel{}, p, x, err
	}
	return l.errandParcel(x, true), p, x, nil
}

// getParcel answers GET /api/v1/parcels/{platform}/{id}.
func (d *Desk) getParcel(r *http.Request, l Lang) (answer, error) {
	e, _, _, err := d.openParcel(r, l)
	return answer{status: http.StatusOK, body: e}, err
}

// mayCarry finds the courier and refuses while nothing may leave.
func (d *Desk) mayCarry(r *http.Request) (store.Platform, connectors.Courier, error) {
	p, c, err := d.parcelCourier(r)
	if err != nil {
		return p, nil, err
	}
	_, stopped, err := d.platforms(r.Context())
	if err != nil {
		return p, nil, err
	}
	if d.shut(p, stopped) != "" {
		return p, nil, fail(http.StatusConflict, "carry_shut") // I7, and the switch
	}
	return p, c, nil
}

// carryFailure is the answer to an error of a courier.
func carryFailure(err error) error {
	switch {
	case errors.Is(err, connectors.ErrNoParcel):
		return fail(http.StatusNotFound, "no_parcel")
	case errors.Is(err, connectors.ErrNoDocument):
		return fail(http.StatusConflict, "no_document")
	case errors.Is(err, connectors.ErrNoReceipt):
		return fail(http.StatusConflict, "no_receipt")
	case errors.Is(err, connectors.ErrHeld):
		return fail(http.StatusConflict, "parcel_held")
	case errors.Is(err, connectors.ErrForeign):
		return fail(http.StatusUnprocessableEntity, "foreign_receipt", "why", after(err, connectors.ErrForeign))
	case errors.Is(err, connectors.ErrFile):
		return fail(http.StatusUnprocessableEntity, "bad_file", "why", after(err, connectors.ErrFile))
	case errors.Is(err, connectors.ErrLayout), errors.Is(err, connectors.ErrUnreachable):
		return fail(http.StatusConflict, "bad_template", "why", err.Error())
	}
	return err
}

// after is what an error says behind its sentinel.
func after(err, sentinel error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), sentinel.Error()), ": ")
}

// document answers with the file of a batch: the same bytes each time.
func (d *Desk) document(w http.ResponseWriter, r *http.Request) error {
	p, c, err := d.mayCarry(r)
	if err != nil {
		return err
	}
	doc, err := c.Document(r.Context(), r.PathValue("id"))
	if err != nil {
		return carryFailure(err)
	}
	if err := d.parcelNote(r, "", "parcel.download", p.ID, r.PathValue("id"), nil); err != nil {
		return err // what cannot be noted is not handed out
	}
	w.Header().Set("Content-Type", doc.Type)
	w.Header().Set("Content-Disposition", `attachment; filename="`+r.PathValue("id")+`.xlsx"; filename*=UTF-8''`+url.PathEscape(doc.Name))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(doc.Content) // when this fails, whoever asked is gone
	return nil
}

// uploaded reads a file: the body itself, or the file of a form.
func uploaded(r *http.Request) (name string, content []byte, form url.Values, err error) {
	kind, params, parseErr := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if parseErr != nil || kind != "multipart/form-data" {
		content, err = io.ReadAll(r.Body)
		return r.URL.Query().Get("name"), content, r.URL.Query(), err
	}
	if params["boundary"] == "" {
		return "", nil, nil, fail(http.StatusBadRequest, "body")
	}
	if err := r.ParseMultipartForm(8 << 20); err != nil { // the rest goes to the disk
		var large *http.MaxBytesError
		if !errors.As(err, &large) {
			err = fail(http.StatusBadRequest, "body")
		}
		return "", nil, nil, err
	}
	defer r.MultipartForm.RemoveAll() //nolint:errcheck // files of the system's own temporary folder
	f, header, err := r.FormFile("file")
	if err != nil {
		return "", nil, nil, fail(http.StatusUnprocessableEntity, "no_file")
	}
	defer f.Close() //nolint:errcheck // only read
	content, err = io.ReadAll(f)
	return header.Filename, content, r.MultipartForm.Value, err
}

// receive hands a receipt to the platform's connector.
func (d *Desk) receive(r *http.Request) (ReceiptReply, url.Values, error) {
	p, c, err := d.courier(r.Context(), r.PathValue("platform"))
	if err != nil {
		return ReceiptReply{}, nil, err
	}
	name, content, form, err := uploaded(r)
	if err != nil {
		return ReceiptReply{}, form, err
	}
	if len(content) == 0 {
		return ReceiptReply{}, form, fail(http.StatusUnprocessableEntity, "no_file")
	}
	out, err := c.Receive(r.Context(), short(name), content)
	if err != nil {
		return ReceiptReply{}, form, carryFailure(err)
	}
	if err := d.parcelNote(r, "", "parcel.receipt", p.ID, out.Parcel, map[string]int{"applied": out.Applied, "refused": out.Refused, "unknown": out.Unknown}); err != nil {
		return ReceiptReply{}, form, err // it may be brought once more: that changes nothing
	}
	return ReceiptReply{p.ID, out.Parcel, out.Applied, out.Refused, out.Unknown, out.Repeated, out.Open}, form, nil
}

// short keeps a file's name in bounds.
func short(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	if r := []rune(name); len(r) > 120 {
		name = string(r[len(r)-120:])
	}
	return name
}

// postReceipt answers POST /api/v1/parcels/{platform}/receipts?name=….
func (d *Desk) postReceipt(r *http.Request, _ Lang) (answer, error) {
	reply, _, err := d.receive(r)
	return answer{status: http.StatusOK, body: reply}, err
}

// importExport keeps an export for the next pull, which is asked for now.
func (d *Desk) importExport(r *http.Request) (string, error) {
	p, c, err := d.courier(r.Context(), r.PathValue("platform"))
	if err != nil {
		return "", err
	}
	i, ok := c.(connectors.Importer)
	if !ok {
		return p.ID, store.ErrNotFound
	}
	name, content, form, err := uploaded(r)
	if err != nil {
		return p.ID, err
	}
	if len(content) == 0 {
		return p.ID, fail(http.StatusUnprocessableEntity, "no_file")
	}
	day := d.o.Today()
	if text := form.Get("day"); text != "" {
		if day, err = time.ParseInLocation(time.DateOnly, text, day.Location()); err != nil || day.After(d.o.Today()) {
			return p.ID, fail(http.StatusUnprocessableEntity, "export_day")
		}
	}
	if err := i.Import(r.Context(), short(name), day, content); err != nil {
		return p.ID, carryFailure(err)
	}
	if err := d.parcelNote(r, "", "parcel.export", p.ID, "", map[string]int{"bytes": len(content)}); err != nil {
		return p.ID, err
	}
	if d.o.Wake != nil {
		d.o.Wake(p.ID)
	}
	return p.ID, nil
}

// postExport answers POST /api/v1/parcels/{platform}/exports?name=…&day=….
func (d *Desk) postExport(r *http.Request, _ Lang) (answer, error) {
	id, err := d.importExport(r)
	return answer{status: http.StatusAccepted, body: ExportReply{id}}, err
}

// typedBody is what POST /api/v1/parcels/{platform}/{id}/typed takes.
type typedBody struct {
	Taken  bool   `json:"taken"`
	Reason string `json:"reason"` // where it was not taken: the platform's words
	Who    string `json:"who"`
}

// typed ticks a card.
func (d *Desk) typed(r *http.Request, b typedBody) error {
	p, c, err := d.parcelCourier(r)
	if err != nil {
		return err
	}
	who, ok := named(b.Who)
	if !ok {
		return fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	b.Reason = strings.TrimSpace(b.Reason)
	if !b.Taken && b.Reason == "" || len([]rune(b.Reason)) > 300 {
		return fail(http.StatusUnprocessableEntity, "not_taken_why")
	}
	if err := c.Typed(r.Context(), r.PathValue("id"), who, b.Taken, b.Reason); err != nil {
		return carryFailure(err)
	}
	return d.parcelNote(r, who, "parcel.typed", p.ID, r.PathValue("id"), map[string]bool{"taken": b.Taken})
}

// postTyped answers POST /api/v1/parcels/{platform}/{id}/typed.
func (d *Desk) postTyped(r *http.Request, _ Lang) (answer, error) {
	var b typedBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	err := d.typed(r, b)
	return answer{status: http.StatusOK, body: ParcelDone{r.PathValue("id"), &b.Taken}}, err
}

// carried notes that a batch was handed in without a receipt, or was not.
func (d *Desk) carried(r *http.Request, given string) error {
	p, c, err := d.parcelCourier(r)
	if err != nil {
		return err
	}
	who, ok := named(given)
	if !ok {
		return fail(http.StatusUnprocessableEntity, "who", "max", maxWho)
	}
	did := "parcel.uploaded"
	if strings.HasSuffix(r.URL.Path, "/return") {
		did = "parcel.return"
		err = c.Return(r.Context(), r.PathValue("id"), who)
	} else {
		err = c.Uploaded(r.Context(), r.PathValue("id"), who)
	}
	if err != nil {
		return carryFailure(err)
	}
	return d.parcelNote(r, who, did, p.ID, r.PathValue("id"), nil)
}

// postCarried answers POST /api/v1/parcels/{platform}/{id}/uploaded and /return.
func (d *Desk) postCarried(r *http.Request, _ Lang) (answer, error) {
	var b whoBody
	if err := decode(r, &b); err != nil {
		return answer{}, err
	}
	err := d.carried(r, b.Who)
	return answer{status: http.StatusOK, body: ParcelDone{ID: r.PathValue("id")}}, err
}

// carriedWord says in plain words where a row stands whose write people carry.
func (l Lang) carriedWord(p store.Platform, state store.TargetState) (word, detail string, ok bool) {
	if state != store.TargetQueued && state != store.TargetOpen {
		return "", "", false
	}
	switch p.Kind {
	case kindTemplate:
		return l.T("target.queued.template"), l.T("target.carry"), true
	case kindManual:
		return l.T("target.queued.manual"), l.T("target.carry"), true
	}
	return "", "", false
}

// The kinds whose writes people carry, as the store names them.
const (
	kindTemplate = "template"
	kindManual   = "manual"
)
