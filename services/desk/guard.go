package desk

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// maxBody is the largest request in bytes. The longest value that anybody may
// enter is a thousand characters; a form of them all stays far below.
const maxBody = 512 << 10

// maxDrained is how much of a body that is too large is read all the same.
const maxDrained = 512 << 20

// tooLarge says how large a body may be.
func tooLarge(r *http.Request) *failure {
	limit := strconv.FormatInt(bodyLimit(r)>>20, 10) + " MB"
	if bodyLimit(r) < 1<<20 {
		limit = strconv.FormatInt(bodyLimit(r)>>10, 10) + " KB"
	}
	return fail(http.StatusRequestEntityTooLarge, "too_large", "max", limit)
}

// policy allows what the pages need and nothing else: no inline script or
// style, nothing from elsewhere, no frame around us.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard stands before every route.
func (d *Desk) guard(mux *http.ServeMux) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		r = probably(r)
		rec := &recorder{ResponseWriter: w}
		defer func() { d.finish(rec, r, began, recover()) }()

		h := rec.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Not no-referrer: browsers would send "Origin: null" with our own forms.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // pages hold personal data

		// A name that a stranger's DNS points here is not ours: it would be his
		// page's origin. Nor is a password taken that anybody could read.
		if !d.hostKnown(r.Host) || d.plainStranger(r) {
			d.refuse(rec, r, http.StatusMisdirectedRequest, "host")
			return
		}
		if crossOrigin.Check(r) != nil || foreignReferer(r) {
			d.refuse(rec, r, http.StatusForbidden, "origin")
			return
		}
		if r.ContentLength > bodyLimit(r) {
			// A browser hears the answer only once it has sent what it has begun.
			_, _ = io.CopyN(io.Discard, r.Body, maxDrained)
			d.answer(rec, r, tooLarge(r))
			return
		}
		r.Body = http.MaxBytesReader(rec, r.Body, bodyLimit(r))
		_, route := mux.Handler(r)
		admitted := d.admit(rec, r, route)
		if admitted == nil {
			return
		}
		r = admitted // finish reads the route from it
		mux.ServeHTTP(rec, r)
	})
}

// loopback reports whether a Host header names this machine for itself.
func loopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Zone() == "" && ip.Unmap().IsLoopback()
}

// foreignReferer catches what CrossOriginProtection lets through: browsers so
// old that they send neither Sec-Fetch-Site nor Origin still say where a form
// was. Programs say nothing at all.
func foreignReferer(r *http.Request) bool {
	if harmless(r.Method) ||
		r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != "" || r.Referer() == "" {
		return false
	}
	u, err := url.Parse(r.Referer())
	return err != nil || u.Host != r.Host
}

// finish measures a request and turns a panic into an answer. I9: the log has
// the route, never the address, which may hold what was searched for.
func (d *Desk) finish(w *recorder, r *http.Request, began time.Time, panicked any) {
	route := r.Pattern
	if route == "" {
		route = "none"
	}
	if panicked != nil {
		if panicked == http.ErrAbortHandler {
			panic(panicked)
		}
		d.o.Logger.Error("a request failed in a way that nobody expected: please report it", "route", route, "place", string(debug.Stack()))
		if w.status == 0 {
			d.refuse(w, r, http.StatusInternalServerError, "internal")
		}
	}
	if d.o.Metrics != nil {
		d.o.Metrics.DeskRequests.WithLabelValues(route, strconv.Itoa(max(w.status, http.StatusOK))).Observe(time.Since(began).Seconds())
	}
}

// refuse answers a request that no handler has seen, in the form that its
// address expects.
func (d *Desk) refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		writeProblem(w, apiLang(r), fail(status, code))
		return
	}
	d.errorPage(w, r, fail(status, code))
}

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
