package desk

import (
	"encoding/json"
	"errors"
	"net/http"

	"heji/services/store"
)

// Problem is the body of an error, after RFC 9457 (application/problem+json).
type Problem struct {
	Type   string `json:"type"` // "urn:heji:problem:" and a code that does not change with the language
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Status int    `json:"status"`
	// Problems lists what is wrong with single values.
	Problems []FieldProblem `json:"problems,omitempty"`
	// Decisions are those that stand in the way: who, when and why. Naming them
	// in revoke takes them back with the new decision.
	Decisions []Decided `json:"decisions,omitempty"`
	// Changed are the values that have changed since If-Match.
	Changed []Changed `json:"changed,omitempty"`
}

// FieldProblem is what is wrong with one value that was entered.
type FieldProblem struct {
	Attribute string `json:"attribute"`
	Problem   string `json:"problem"`
	Message   string `json:"message"` // what is wrong and what to do
}

// failure is an error that already knows its answer.
type failure struct {
	status int
	code   string
	fields []FieldProblem
	pairs  []any
	// decisions stand in the way
	decisions []Decided
	// changed and etag: what has changed since, and the state that it is now
	changed []Changed
	etag    string
}

func (f *failure) Error() string { return f.code }

func fail(status int, code string, pairs ...any) *failure {
	return &failure{status: status, code: code, pairs: pairs}
}

func writeProblem(w http.ResponseWriter, l Lang, f *failure) {
	f.headers(w)
	write(w, f.status, "application/problem+json", Problem{
		Type: "urn:heji:problem:" + f.code, Title: l.T("error."+f.code+".title", f.pairs...), Detail: l.T("error."+f.code+".detail", f.pairs...),
		Status: f.status, Problems: f.fields, Decisions: f.decisions, Changed: f.changed})
}

// headers of an answer that is a failure.
func (f *failure) headers(w http.ResponseWriter) {
	if f.etag != "" {
		w.Header().Set("ETag", f.etag)
	}
	if f.code == "away" {
		w.Header().Set("Retry-After", "5")
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	write(w, status, "application/json", body)
}

func write(w http.ResponseWriter, status int, kind string, body any) {
	data, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		panic("desk: an answer cannot be encoded: " + err.Error()) // our own types always can
	}
	w.Header().Set("Content-Type", kind+"; charset=utf-8")
	w.WriteHeader(status)
	// When this fails the connection is gone, and so is whoever asked.
	_, _ = w.Write(append(data, '\n'))
}

// answer is what an API handler returns instead of writing.
type answer struct {
	status   int
	location string
	etag     string
	body     any
}

// api turns a function into a handler with one way to fail.
func (d *Desk) api(f func(r *http.Request, l Lang) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		l := apiLang(r)
		w.Header().Set("Content-Language", string(l))
		err := d.trail(r)
		var a answer
		if err == nil {
			a, err = f(r, l)
		}
		if err != nil {
			known := d.failureOf(r, err)
			writeProblem(w, l, known)
			return
		}
		if a.location != "" {
			w.Header().Set("Location", a.location)
		}
		if a.etag != "" {
			w.Header().Set("ETag", a.etag)
		}
		writeJSON(w, a.status, a.body)
	}
}

// failureOf finds the answer to an error; one that nobody foresaw is logged
// here, once, and told as "internal" without its text (I9).
func (d *Desk) failureOf(r *http.Request, err error) *failure {
	var f *failure
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &large):
		return tooLarge(r)
	case errors.Is(err, store.ErrNotFound):
		return fail(http.StatusNotFound, "not_found")
	case r.Context().Err() != nil:
		return fail(http.StatusServiceUnavailable, "cancelled")
	case store.Away(err):
		d.o.Logger.Warn("a request was answered with 503: the database is away", "route", r.Pattern, "error", err)
		return fail(http.StatusServiceUnavailable, "away")
	}
	d.o.Logger.Error("a request failed", "route", r.Pattern, "error", err)
	return fail(http.StatusInternalServerError, "internal")
}
