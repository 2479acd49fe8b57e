package desk

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode"

	"github.com/google/uuid"

	"heji/schema"
	"heji/services/store"
)

// EntryReply says what has become of an entry.
type EntryReply struct {
	Entry    Entry   `json:"entry"`
	State    string  `json:"state"`    // pending, merged, set_aside
	Resident *string `json:"resident"` // null until the entry is merged
	Location string  `json:"location"` // of the resident, once known, else of the entry
	// Settled: merged, and no platform is still on its way. What waits for a
	// person (refused, contested, hold) is settled as far as the machine goes.
	Settled bool     `json:"settled"`
	Targets []Status `json:"targets"`
	// What a person should know about the values; only in the answer to saving.
	Values   []Foreseen `json:"values,omitempty"`
	Effects  []Effect   `json:"effects,omitempty"`
	Warnings []Warning  `json:"warnings,omitempty"`
}

// Entry is what was saved.
type Entry struct {
	Request string    `json:"request"`
	Kind    string    `json:"kind"` // new, edit
	Who     string    `json:"who"`
	At      time.Time `json:"at"`
}

// The states of an entry.
const (
	entryPending  = "pending"
	entryMerged   = "merged"
	entrySetAside = "set_aside"
)

// entryBody is what POST and PATCH take.
type entryBody struct {
	Values map[string]string `json:"values"` // null is a blank value
	Who    string            `json:"who"`
}

const (
	maxKey  = 200              // longest idempotency key, in bytes
	maxWait = 60 * time.Second // longest long poll
)

// decode reads a JSON body strictly: a misspelt key is an error, not silence.
func decode(r *http.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return fail(http.StatusUnsupportedMediaType, "content_type")
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, end := dec.Token(); end != io.EOF {
			err = errors.New("more than one JSON value")
		}
	}
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		return fail(http.StatusBadRequest, "body")
	}
	if err == nil {
		signBody(r.Context(), into)
	}
	return err
}

// requestKey is the idempotency key of a request: the one it brings, or a new one.
func requestKey(given string) (string, error) {
	if given == "" {
		return rand.Text(), nil
	}
	if len(given) > maxKey {
		return "", fail(http.StatusBadRequest, "key", "max", maxKey)
	}
	for _, r := range given {
		if r > unicode.MaxASCII || !unicode.IsGraphic(r) {
			return "", fail(http.StatusBadRequest, "key", "max", maxKey)
		}
	}
	return given, nil
}

// waitFor reads ?wait=seconds.
func waitFor(r *http.Request) (time.Duration, error) {
	text := r.URL.Query().Get("wait")
	if text == "" {
		return 0, nil
	}
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || !(s >= 0) {
		return 0, fail(http.StatusBadRequest, "wait")
	}
	return min(time.Duration(s*float64(time.Second)), maxWait), nil
}

// saved is an entry in the store, and whether this request made it.
type saved struct {
	store.Entry
	fresh bool
}

// saveNew stores a new resident and asks for it to be taken in now.
func (d *Desk) saveNew(ctx context.Context, request, who string, values schema.Values) (saved, error) {
	for a, v := range values {
		if v == "" {
			delete(values, a) // a new resident has nothing to blank
		}
	}
	if err := d.elsewhere(ctx, values); err != nil {
		return saved{}, err
	}
	if err := d.linksElsewhere(ctx, request, nil, values); err != nil {
		return saved{}, err
	}
	e, fresh, err := d.o.Store.SaveNew(ctx, request, who, values)
	// A key of somebody else's entry is used, whatever it says.
	if err == nil && !fresh && (e.Who != who || e.Resident != uuid.Nil || !sameValues(e.Record.Values, values)) {
		err = fail(http.StatusConflict, "key_used")
	}
	return d.wake(saved{e, fresh}, err)
}

// saveEdit stores changes of a resident.
func (d *Desk) saveEdit(ctx context.Context, request, who string, resident uuid.UUID, changes schema.Values) (saved, error) {
	return d.saveEditAfter(ctx, request, who, resident, changes, -1)
}

// saveEditAfter stores changes by somebody who saw the resident as an entry had
// left it; -1: nobody asks.
func (d *Desk) saveEditAfter(ctx context.Context, request, who string, resident uuid.UUID, changes schema.Values, since int64) (saved, error) {
	if err := d.elsewhere(ctx, changes); err != nil {
		return saved{}, err
	}
	if err := d.editLinksElsewhere(ctx, request, resident, changes); err != nil {
		return saved{}, err
	}
	e, fresh, err := d.o.Store.SaveEditAfter(ctx, request, who, resident, changes, since)
	if err == nil && !fresh {
		same := e.Resident != uuid.Nil && e.Who == who
		for a, v := range changes {
			had, said := e.Record.Values[a]
			same = same && said && had == v
		}
		if of, living := d.o.Store.Living(ctx, e.Resident); living != nil || of != resident || !same {
			err = fail(http.StatusConflict, "key_used")
		}
	}
	return d.wake(saved{e, fresh}, err)
}

func (d *Desk) wake(s saved, err error) (saved, error) {
	if err == nil && d.o.Wake != nil {
		d.o.Wake(deskPlatform)
	}
	return s, err
}

func sameValues(a, b schema.Values) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// await asks the store what has become of an entry until it is settled (or only
// merged), the wait is over, or nobody listens any more.
func (d *Desk) await(ctx context.Context, l Lang, request string, wait time.Duration, mergedIsEnough bool) (EntryReply, error) {
	deadline := time.Now().Add(wait)
	for every := 20 * time.Millisecond; ; {
		reply, err := d.entryReply(ctx, l, request)
		if err != nil || reply.Settled || reply.State == entrySetAside || mergedIsEnough && reply.State == entryMerged {
			return reply, err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return reply, nil
		}
		timer := time.NewTimer(min(every, left))
		select {
		case <-ctx.Done():
			timer.Stop()
			return reply, ctx.Err()
		case <-timer.C:
		}
		// Quick at first, when it is about to happen; calm when it is not.
		if time.Until(deadline) < wait-2*time.Second {
			every = 100 * time.Millisecond
		}
	}
}

func (d *Desk) entryReply(ctx context.Context, l Lang, request string) (EntryReply, error) {
	e, err := d.o.Store.EntryState(ctx, request)
	if err != nil {
		return EntryReply{}, err
	}
	reply := EntryReply{State: entryPending, Location: "/api/v1/entries/" + url.PathEscape(request), Targets: []Status{},
		Entry: Entry{Request: e.Request, Kind: "new", Who: e.Who, At: e.At}}
	if e.Entry.Resident != uuid.Nil {
		reply.Entry.Kind = "edit"
	}
	switch {
	case e.Unseen && e.Merged():
		reply.State, reply.Settled = entryMerged, true // and where it went is not theirs to see
	case e.Merged():
		id := e.Resident.String()
		reply.State, reply.Resident, reply.Location = entryMerged, &id, "/api/v1/residents/"+id
		if reply.Targets, err = d.targets(ctx, l, e.Resident, nil); err != nil {
			return reply, err
		}
		reply.Settled = !waiting(reply.Targets)
	case e.Taken && !e.Unresolved:
		reply.State = entrySetAside
	}
	return reply, nil
}

// targets says where every platform stands with a resident.
func (d *Desk) targets(ctx context.Context, l Lang, resident uuid.UUID, records []store.Record) ([]Status, error) {
	list, err := d.o.Store.Targets(ctx, resident)
	if err != nil {
		return nil, err
	}
	platforms, stopped, err := d.platforms(ctx)
	if err != nil {
		return nil, err
	}
	return statusKeys(ctx, l.statuses(platforms, list, records, stopped)), nil
}

func (d *Desk) platforms(ctx context.Context) ([]store.Platform, bool, error) {
	platforms, err := d.o.Store.Platforms(ctx)
	if err != nil {
		return nil, false, err
	}
	stopped, err := d.o.Store.WritesStopped(ctx)
	return platforms, stopped, err
}

// getEntry answers GET /api/v1/entries/{request}?wait=seconds&until=merged|settled.
func (d *Desk) getEntry(r *http.Request, l Lang) (answer, error) {
	wait, err := waitFor(r)
	if err != nil {
		return answer{}, err
	}
	until := r.URL.Query().Get("until")
	if until != "" && until != "merged" && until != "settled" {
		return answer{}, fail(http.StatusBadRequest, "until")
	}
	reply, err := d.await(r.Context(), l, r.PathValue("request"), wait, until == "merged")
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: reply}, nil
}
