package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/access"
	"heji/services/store"
)

// Drafts: what somebody has begun to enter outlives a closed browser, an expired
// session and a line that breaks. It is kept encrypted, for its account alone,
// until it is saved, thrown away, or too old. Nothing of it reaches a platform.

// draftAbout is what a sealed draft belongs to.
func draftAbout(account int64, request string) string {
	return fmt.Sprintf("draft/%d/%s", account, request)
}

// draftWords are boxes of a form that say nothing about a resident.
var draftWords = []string{formField, "who", "step", "pick", "request", "since", "mother"}

// boxes are what a draft holds of a form; nil where nobody has entered anything.
func boxes(form url.Values) url.Values {
	out, said := url.Values{}, false
	for name, values := range form {
		if slices.Contains([]string{formField, "who", "step", "pick"}, name) {
			continue
		}
		out[name] = values
		said = said || !slices.Contains(draftWords, name) && !strings.HasPrefix(name, "was.") && values[0] != form.Get("was."+name)
	}
	if !said {
		return nil
	}
	return out
}

// keepDraft keeps the form that a request brought, for an account. It does
// nothing where there is nothing to keep, or no key to keep it with.
func (d *Desk) keepDraft(ctx context.Context, account int64, resident uuid.UUID, form url.Values) error {
	request, held := form.Get("request"), boxes(form)
	if d.o.Ring == nil || held == nil || request == "" {
		return nil
	}
	request, err := requestKey(request)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(held)
	if err != nil {
		return err
	}
	sealed, err := d.o.Ring.Seal(plain, draftAbout(account, request))
	if err != nil {
		return err
	}
	return d.o.Store.KeepDraft(ctx, store.Draft{Account: account, Request: request, Resident: resident, Sealed: sealed})
}

// keepOwn is keepDraft for whoever asks.
func (d *Desk) keepOwn(r *http.Request, resident uuid.UUID) error {
	return d.keepDraft(r.Context(), access.From(r.Context()).Account, resident, r.PostForm)
}

func (d *Desk) openDraft(x store.Draft) (url.Values, error) {
	if d.o.Ring == nil {
		return nil, errors.New("the desk has no keys to read a draft with")
	}
	plain, err := d.o.Ring.Open(x.Sealed, draftAbout(x.Account, x.Request))
	if err != nil {
		return nil, err
	}
	var form url.Values
	return form, json.Unmarshal(plain, &form)
}

// draftOfPage is the draft that a page goes on with; nil: with none.
func (d *Desk) draftOfPage(r *http.Request, resident uuid.UUID) (url.Values, error) {
	request := r.URL.Query().Get("draft")
	if request == "" {
		return nil, nil
	}
	x, err := d.o.Store.Draft(r.Context(), access.From(r.Context()).Account, request)
	if err != nil {
		return nil, err
	}
	if x.Resident != resident {
		return nil, store.ErrNotFound
	}
	return d.openDraft(x)
}

// draftPage is where a draft goes on.
func draftPage(request string, resident uuid.UUID) string {
	at := "/residents/new"
	if resident != uuid.Nil {
		at = "/residents/" + resident.String() + "/edit"
	}
	return at + "?draft=" + url.QueryEscape(request)
}

// DraftLine is a draft on the first page.
type DraftLine struct {
	Name, Address, Request string
	Edit                   bool
	At                     time.Time
}

// draftLines are the drafts of whoever asks.
func (d *Desk) draftLines(ctx context.Context, l Lang) ([]DraftLine, error) {
	if actor := access.From(ctx); d.o.Ring == nil || actor.Known() && !actor.May(permissions["POST /drafts"]) {
		return nil, nil
	}
	list, err := d.o.Store.Drafts(ctx, access.From(ctx).Account)
	if err != nil {
		return nil, err
	}
	var out []DraftLine
	for _, x := range list {
		line := DraftLine{Name: x.Name, Address: draftPage(x.Request, x.Resident), Request: x.Request, Edit: x.Resident != uuid.Nil, At: x.At}
		if !line.Edit {
			form, err := d.openDraft(x)
			if err != nil { // of keys that are no more; the others are there
				d.o.Logger.Warn("a draft cannot be read", "error", err)
				continue
			}
			if len(confirmedValues(form)) > 0 {
				form = unpacked(l, form)
			}
			line.Name = strings.TrimSpace(form.Get(string(schema.Name)))
		}
		out = append(out, line)
	}
	return out, nil
}

// draftPost answers POST /drafts: from the button, and from the script while
// somebody types.
func (d *Desk) draftPost(w http.ResponseWriter, r *http.Request) error {
	if d.o.Ring == nil {
		return fail(http.StatusNotFound, "no_route")
	}
	if err := posted(w, r); err != nil {
		return err
	}
	resident, err := draftFor(r)
	if err != nil {
		return err
	}
	if resident != uuid.Nil { // nobody's, and somebody else's, is one answer
		if _, err := d.livingView(r.Context(), resident); err != nil {
			return err
		}
	}
	if err := d.keepOwn(r, resident); err != nil {
		return err
	}
	if r.Header.Get("Accept") == "application/json" {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(w, r, "/?kept=1", http.StatusSeeOther)
	return nil
}

// draftFor is of whom a form is that is sent to /drafts.
func draftFor(r *http.Request) (uuid.UUID, error) {
	text := r.URL.Query().Get("resident")
	if text == "" {
		return uuid.Nil, nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil, store.ErrNotFound
	}
	return id, nil
}

// draftDrop answers POST /drafts/{request}/drop.
func (d *Desk) draftDrop(w http.ResponseWriter, r *http.Request) error {
	if err := d.o.Store.DropDraft(r.Context(), access.From(r.Context()).Account, r.PathValue("request")); err != nil {
		return err
	}
	http.Redirect(w, r, backAddress(r.URL.Query().Get("back")), http.StatusSeeOther)
	return nil
}

// keepExpired keeps the form of a session that ended while somebody typed, for
// the account that the session was of. It returns where it goes on, "" where
// nothing was kept.
func (d *Desk) keepExpired(r *http.Request, owner int64, secret string) (string, error) {
	if !access.Same(formToken(r), access.FormToken(secret)) {
		return "", nil // no page of that session
	}
	resident := uuid.Nil
	var err error
	switch _, id, _ := strings.Cut(r.URL.Path, "/residents/"); {
	case r.URL.Path == "/residents/new":
	case r.URL.Path == "/drafts":
		resident, err = draftFor(r)
	case strings.HasSuffix(id, "/edit"):
		resident, err = uuid.Parse(strings.TrimSuffix(id, "/edit"))
	default:
		return "", nil
	}
	if err != nil || boxes(r.PostForm) == nil || d.o.Ring == nil {
		return "", nil
	}
	if err := d.keepDraft(r.Context(), owner, resident, r.PostForm); err != nil {
		return "", err
	}
	return draftPage(r.PostForm.Get("request"), resident), nil
}

func (d *Desk) routeDrafts(mux *http.ServeMux) {
	mux.HandleFunc("POST /drafts", d.html(d.draftPost))
	mux.HandleFunc("POST /drafts/{request}/drop", d.html(d.draftDrop))
}
