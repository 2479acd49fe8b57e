package desk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/store"
)

// A program that changes a resident can say which state of it it has seen
// (If-Match, RFC 9110): where something has changed since, nothing is saved, and
// the answer says what. The pages ask the same with the entry that a form was
// made after.

// version is a state of a resident, as far as whoever asks sees it.
type version struct {
	entry int64 // the last that was entered, merged or still on its way
	event int64 // the last change of a value
}

func (v version) tag() string { return fmt.Sprintf(`"%d-%d"`, v.entry, v.event) }

// lastEvent is the newest change of a value that a view shows.
func lastEvent(view store.View) int64 {
	for _, e := range view.History {
		if _, ok := known(e.Attribute); ok {
			return e.ID
		}
	}
	return 0
}

// Changed is a value that has changed since it was seen.
type Changed struct {
	Attribute schema.Attribute `json:"attribute"`
	Label     string           `json:"label"`
	Text      string           `json:"text"`          // what it says now; empty: nothing any more
	Who       string           `json:"who,omitempty"` // entered it; empty: a platform or a decision did
	At        time.Time        `json:"at"`
}

// matches refuses a request that was made for another state of the resident. An
// entry that was saved under its key already is answered as before. since is the
// entry that the caller has seen; -1: it does not say.
func (d *Desk) matches(r *http.Request, l Lang, request string, view store.View) (since int64, err error) {
	header := strings.TrimSpace(strings.Join(r.Header.Values("If-Match"), ","))
	if header == "" || header == "*" {
		return -1, nil
	}
	if r.Header.Get("Idempotency-Key") != "" {
		_, err := d.o.Store.EntryState(r.Context(), request)
		if err == nil || !errors.Is(err, store.ErrNotFound) {
			return -1, err
		}
	}
	last, err := d.o.Store.LastEdit(r.Context(), view.Resident.ID)
	if err != nil {
		return 0, err
	}
	now := version{entry: last, event: lastEvent(view)}
	var seen version
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == now.tag() {
			return last, nil
		}
		var v version
		if n, err := fmt.Sscanf(tag, `"%d-%d"`, &v.entry, &v.event); err == nil && n == 2 && v.tag() == tag {
			seen = v
		}
	}
	return 0, d.changedSince(r.Context(), l, view, seen, now)
}

// changedSince is the refusal that says what has changed.
func (d *Desk) changedSince(ctx context.Context, l Lang, view store.View, seen, now version) error {
	f := fail(http.StatusPreconditionFailed, "changed")
	f.etag = now.tag()
	v, err := d.veilOf(ctx, view.Resident.ID)
	if err != nil {
		return err
	}
	at := map[schema.Attribute]Changed{}
	for _, e := range view.History { // the newest first
		if _, have := at[e.Attribute]; !have && e.ID > seen.event {
			at[e.Attribute] = Changed{At: e.At, Text: view.Resident.Master[e.Attribute].Value}
		}
	}
	entered, err := d.o.Store.EditsSince(ctx, view.Resident.ID, seen.entry)
	if err != nil {
		return err
	}
	for a, value := range entered.Values {
		at[a] = Changed{At: entered.At, Who: entered.Who, Text: value}
	}
	for _, def := range visible {
		c, ok := at[def.Name]
		if !ok || v.hides(def.Name) {
			continue
		}
		c.Attribute, c.Label, c.Text = def.Name, l.Attribute(def.Name), l.Value(def.Name, veiled(def.Name, c.Text))
		f.changed = append(f.changed, c)
	}
	return f
}

// overtakenBy is the same refusal where somebody was quicker by a moment.
func (d *Desk) overtakenBy(ctx context.Context, l Lang, resident uuid.UUID, since int64, err error) error {
	var clash *store.Overtaken
	if !errors.As(err, &clash) {
		return err
	}
	view, err := d.livingView(ctx, resident)
	if err != nil {
		return err
	}
	event := lastEvent(view)
	return d.changedSince(ctx, l, view, version{since, event}, version{clash.Entry, event})
}
