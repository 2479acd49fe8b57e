package telemetry

import (
	"context"
	"encoding/json"
	"net/http"
	"sort"
	"sync"
	"time"
)

// Check reports what is wrong, or nil. Its error is for people and names no
// person (I9).
type Check func(ctx context.Context) error

// Health answers whether the hub works.
type Health struct {
	mu        sync.Mutex
	hub       map[string]Check
	platforms map[string]Check
	notices   map[string]Check
}

// NewHealth returns a Health without checks, which is ready.
func NewHealth() *Health {
	return &Health{hub: map[string]Check{}, platforms: map[string]Check{}, notices: map[string]Check{}}
}

// Hub registers a check without which the hub is not ready: postgres, nats. A
// second check of a name replaces the first.
func (h *Health) Hub(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hub[name] = check
}

// Platform registers a platform's check, which is told and decides nothing
// (I10). It should answer from what is known, not by calling the platform.
func (h *Health) Platform(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.platforms[name] = check
}

// Notice registers what a person should know and decides nothing. It is told
// while its check returns something.
func (h *Health) Notice(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notices[name] = check
}

// Report is the body of /readyz.
type Report struct {
	Ready     bool     `json:"ready"`
	Checks    []Result `json:"checks"`
	Platforms []Result `json:"platforms"`
	Notices   []Result `json:"notices,omitempty"`
}

// Result is what one check said.
type Result struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
}

// checkPatience bounds each check; one that does not answer counts as failed.
const checkPatience = 3 * time.Second

// Report runs all checks, at the same time.
func (h *Health) Report(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	h.mu.Lock()
	hub, platforms, notices := start(ctx, h.hub), start(ctx, h.platforms), start(ctx, h.notices)
	h.mu.Unlock()

	report := Report{Ready: true, Checks: hub(), Platforms: platforms()}
	for _, r := range notices() {
		if !r.OK {
			report.Notices = append(report.Notices, r)
		}
	}
	for _, r := range report.Checks {
		report.Ready = report.Ready && r.OK
	}
	return report
}

// start runs checks and returns a function that waits for their results, in
// order of name.
func start(ctx context.Context, checks map[string]Check) func() []Result {
	type answer struct {
		name string
		err  error
	}
	// A check that ignores its context must not hold the answer up: the channel
	// takes what comes too late.
	answers := make(chan answer, len(checks))
	results := make(map[string]Result, len(checks))
	for name, check := range checks {
		results[name] = Result{Name: name, Problem: "no answer within " + checkPatience.String()}
		go func() { answers <- answer{name, check(ctx)} }()
	}
	return func() []Result {
	collect:
		for range checks {
			select {
			case a := <-answers:
				r := Result{Name: a.name, OK: a.err == nil}
				if a.err != nil {
					r.Problem = ErrorText(a.err)
				}
				results[a.name] = r
			case <-ctx.Done():
				break collect
			}
		}
		list := make([]Result, 0, len(results))
		for _, r := range results {
			list = append(list, r)
		}
		sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
		return list
	}
}

// Live serves /livez: the process answers. It checks nothing, because a restart
// cures no database.
func (h *Health) Live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]bool{"live": true})
	})
}

// Ready serves /readyz: 200 when the hub's own checks pass, else 503; the body
// says which, and how each platform is.
func (h *Health) Ready() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		report := h.Report(r.Context())
		status := http.StatusOK
		if !report.Ready {
			status = http.StatusServiceUnavailable
		}
		reply(w, status, report)
	})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The connection is gone when this fails, and so is whoever asked.
	_ = json.NewEncoder(w).Encode(body)
}

// Register puts /metrics, /livez and /readyz on mux.
func Register(mux *http.ServeMux, m *Metrics, h *Health) {
	mux.Handle("GET /metrics", m.Handler())
	mux.Handle("GET /livez", h.Live())
	mux.Handle("GET /readyz", h.Ready())
}
